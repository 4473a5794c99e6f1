"""Checks: an organisation's policies see the task type's hooks and may change what they give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from typing import Any, Final

from tasksmithy.errors import HookError
from tasksmithy.task._hook import hookimpl
from tasksmithy.task._hooks import hooks_for
from tasksmithy.task._serialize import serialize
from tasksmithy.task._spec import SerializationContext, TaskSpec
from tasksmithy.task._template import TaskTemplate
from tasksmithy.testing._outcome import difference, fail
from tasksmithy.testing._subject import Subject

Task = TaskTemplate[..., Any]

MARK: Final = "tasksmithy-conformance"


class PolicyChecks(Subject):
    """An organisation's policies see the task type's hooks and may change what they give."""

    def test_a_policy_sees_each_hook_once(self) -> None:
        """Each question is one call, which every policy wraps, whoever answers it."""
        task = self._task()
        self._spec(task)
        witness = Witness()
        with self._registry_with(witness=witness).entered():
            for hook, ask in _QUESTIONS.items():
                witness.seen.clear()
                try:
                    ask(task)
                except HookError as error:
                    self._skip_for(f"the check of what hook {error.hook!r} gives")
                if (times := witness.seen[hook]) != 1:
                    fail(
                        f"{self._who}: when task {task.name!r} was asked for {hook!r}, a policy "
                        f"saw that hook {times} times; it is seen once",
                        "answer by a method with @hookimpl in the TaskType, or by one that is "
                        "written in the class body of the template, and do not ask the task for "
                        "the same hook inside",
                    )

    def test_a_policy_may_change_what_a_hook_gives(self) -> None:
        """What a policy makes of an answer is what is in the spec."""
        task = self._task()
        self._spec(task)
        with self._registry_with(witness=Witness()).entered():
            spec = serialize(task)
        found = {
            "config": MARK in spec.config,
            "custom_config": MARK in spec.custom_config,
            "container_args": MARK in spec.container_args,
        }
        if unheeded := [hook for hook, is_changed in found.items() if not is_changed]:
            fail(
                f"{self._who}: what a policy adds to {', '.join(unheeded)} is not in the spec of "
                f"task {task.name!r}",
                "let hook 'serialize' build on the answers of the other hooks, "
                "hooks_for(task).config(task, sctx) and so on; best leave it to the core",
            )

    def test_a_policy_of_one_registry_leaves_another_unaffected(self) -> None:
        """A policy may change an answer in its place; the next one is as if nothing had been."""
        task = self._task()
        before = self._steady_spec(task)
        with self._registry_with(scribbler=Scribbler()).entered():
            serialize(task)
        after = serialize(task).to_json()
        if before != after:
            fail(
                f"{self._who}: a policy of another registry has changed the spec of task "
                f"{task.name!r} for this one:\n{difference(before, after)}",
                "let each hook give a new dict or list each time, also inside another: dict(...), "
                "{**...}, list(...)",
            )


class Witness:
    """A policy that counts the hooks that it sees and leaves its mark in each answer."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    @hookimpl(wrapper=True)
    def config(self) -> Generator[None, dict[str, str], dict[str, str]]:
        """Add an entry."""
        self.seen["config"] += 1
        return {**(yield), MARK: MARK}

    @hookimpl(wrapper=True)
    def custom_config(self) -> Generator[None, dict[str, Any], dict[str, Any]]:
        """Add an entry."""
        self.seen["custom_config"] += 1
        return {**(yield), MARK: MARK}

    @hookimpl(wrapper=True)
    def container_args(self) -> Generator[None, list[str], list[str]]:
        """Add a word."""
        self.seen["container_args"] += 1
        return [*(yield), MARK]

    @hookimpl(wrapper=True)
    def sql(self) -> Generator[None, Any, Any]:
        """Count."""
        self.seen["sql"] += 1
        return (yield)

    @hookimpl(wrapper=True)
    def data_loading_config(self) -> Generator[None, Any, Any]:
        """Count."""
        self.seen["data_loading_config"] += 1
        return (yield)

    @hookimpl(wrapper=True)
    def cache_version(self) -> Generator[None, str, str]:
        """Count."""
        self.seen["cache_version"] += 1
        return (yield)

    @hookimpl(wrapper=True)
    def serialize(self) -> Generator[None, TaskSpec, TaskSpec]:
        """Count."""
        self.seen["serialize"] += 1
        return (yield)


class Scribbler:
    """A policy that changes what it is given in its place."""

    @hookimpl(wrapper=True)
    def config(self) -> Generator[None, dict[str, str], dict[str, str]]:
        """Add an entry."""
        answer = yield
        answer[MARK] = MARK
        return answer

    @hookimpl(wrapper=True)
    def custom_config(self) -> Generator[None, dict[str, Any], dict[str, Any]]:
        """Add an entry, also to what is further inside."""
        answer = yield
        for mapping in (answer, *answer.values()):
            if isinstance(mapping, dict):
                mapping[MARK] = MARK
        return answer

    @hookimpl(wrapper=True)
    def container_args(self) -> Generator[None, list[str], list[str]]:
        """Add a word."""
        answer = yield
        answer.append(MARK)
        return answer


_CONTEXT: Final = SerializationContext()

_QUESTIONS: Final[dict[str, Callable[[Task], object]]] = {
    "config": lambda task: task.config(_CONTEXT),
    "custom_config": lambda task: task.custom_config(_CONTEXT),
    "container_args": lambda task: task.container_args(_CONTEXT),
    "sql": lambda task: task.sql(_CONTEXT),
    "data_loading_config": lambda task: task.data_loading_config(_CONTEXT),
    "cache_version": lambda task: hooks_for(task).cache_version(task),
    "serialize": serialize,
}
"""How a task is asked for each hook."""
