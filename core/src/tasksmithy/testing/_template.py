"""Checks: a task of the type is still a task: overridden, copied and compared as any other."""

from __future__ import annotations

import pickle
import re
from typing import Any, Final

from tasksmithy.errors import TaskDefinitionError
from tasksmithy.fields._link import Link
from tasksmithy.fields._resources import Resources
from tasksmithy.fields._reuse import ReusePolicy
from tasksmithy.task._interface import NativeInterface
from tasksmithy.task._template import TaskTemplate
from tasksmithy.testing._outcome import difference, fail
from tasksmithy.testing._subject import Subject, bare_task

_OVERRIDES: Final[dict[str, tuple[Any, ...]]] = {
    "short_name": ("other",),
    "resources": (Resources(cpu=1), None),
    "cache": ("auto", "disable"),
    "retries": (2, 0),
    "timeout": (30, 0, None),
    "reusable": (ReusePolicy(), None),
    "env_vars": ({"A": "1"}, {}, None),
    "secrets": ("key", (), None),
    "max_inline_io_bytes": (1, 0),
    "pod_template": ("template", None),
    "queue": ("queue", None),
    "interruptible": (True, False),
    "entrypoint": (True, False),
    "links": ((Link(name="l", uri="https://example.com"),), ()),
}
"""What each field of every task is overridden with: a value, then those that are false."""


_OTHER: Final = object()
"""Equal to nothing but itself."""


class TemplateChecks(Subject):
    """A task of the type is still a task: overridden, copied and compared as any other."""

    def test_every_field_can_be_overridden(self) -> None:
        """`task.override(retries=0)` sets 0: what is given is set, also None, 0 and {}.

        A type may refuse a value with a `TaskDefinitionError`; it may not lose it.
        """
        task = self._task()
        for name, values in _OVERRIDES.items():
            changed = task
            for value in values:
                try:
                    changed = changed.override(**{name: value})
                except Exception as error:  # noqa: BLE001 - whatever the template raises
                    if _is_refusal(error, name):
                        continue
                    fail(
                        f"{self._who}: task.override({name}={value!r}) raised "
                        f"{type(error).__name__}: {error}",
                        "let __post_init__ take also what it has stored in a field before: a task "
                        "with changes goes through it again",
                    )
                expected = getattr(bare_task(**{name: value}), name)
                self._is_overridden(task, changed, name, value, expected)

    def test_the_fields_of_the_type_can_be_overridden(self) -> None:
        """A field that the type adds is overridden by its name, unless the type refuses that."""
        task = self._task()
        self._overridden(task, short_name="other")
        for name in sorted(task.field_names - TaskTemplate.field_names - task.fixed_fields):
            value = getattr(task, name)
            try:
                changed = task.override(**{name: value})
            except Exception as error:  # noqa: BLE001 - whatever the template raises
                if _is_refusal(error, name):
                    continue
                fail(
                    f"{self._who}: task.override({name}=...) with the value that the task has "
                    f"raised {type(error).__name__}: {error}",
                    "leave override to TaskTemplate, or end it with super().override(...)",
                )
            self._is_overridden(task, changed, name, value, value)

    def test_an_unknown_field_is_refused_with_near_misses(self) -> None:
        """A typo in the definition of a task is an error that shows the right spelling."""
        kind: Any = type(self._task())
        for name in ("nmae", "retires"):
            try:
                kind(**{"name": "t", "interface": NativeInterface(), name: 1})
            except TaskDefinitionError as error:
                if error.field == name and "did you mean" in str(error):
                    continue
                found = f"raised: {error}"
            except Exception as error:  # noqa: BLE001 - whatever the template raises
                found = f"raised {type(error).__name__}: {error}"
            else:
                found = "took it"
            fail(
                f"{self._who}: {kind.__name__} was given the unknown field {name!r} and {found}",
                "declare fields in the class body, with task_field where they are checked; the "
                "constructor that TaskTemplate makes refuses the others",
            )

    def test_a_task_can_be_pickled(self) -> None:
        """A task goes to other processes and machines."""
        task = self._task()
        try:
            pickle.loads(pickle.dumps(task))  # noqa: S301 - of our own making
        except Exception as error:  # noqa: BLE001 - whatever pickling raises
            fail(
                f"{self._who}: task {task.name!r} cannot be pickled: "
                f"{type(error).__name__}: {error}",
                "keep open files, locks, clients and lambdas out of the fields; make them in the "
                "execute hook",
            )

    def test_a_task_is_equal_after_pickling(self) -> None:
        """What arrives is the same task: equal, with the same hash, and the same spec."""
        task = self._task()
        try:
            copy = pickle.loads(pickle.dumps(task))  # noqa: S301 - of our own making
        except Exception:  # noqa: BLE001 - one check tells it
            self._skip_for("test_a_task_can_be_pickled")
        blind = [n for n in sorted(task.field_names) if getattr(task, n) == _OTHER]
        if blind:
            fail(
                f"{self._who}: what is in the field {', '.join(blind)} of task {task.name!r} is "
                "equal to everything",
                "let its __eq__ compare what it holds, as that of a dataclass does",
            )
        if copy != task:
            fields = [n for n in sorted(task.field_names) if getattr(copy, n) != getattr(task, n)]
            fail(
                f"{self._who}: task {task.name!r} is not equal to itself after pickling; it "
                f"differs in {', '.join(fields) or 'its class'}",
                "give the values of these fields an __eq__ that compares what they hold, as a "
                "dataclass has",
            )
        spec, returned = self._steady_spec(task), self._spec(copy).to_json()
        if spec != returned:
            fail(
                f"{self._who}: task {task.name!r} has another spec after pickling:\n"
                + difference(spec, returned),
                "keep in fields, and in no other attribute, what the spec is made of",
            )

    def test_a_task_can_be_hashed(self) -> None:
        """Tasks are keys: equal tasks have equal hashes."""
        task, same = self._task(), self._task()
        try:
            hashes = {hash(task), hash(same)}
        except Exception as error:  # noqa: BLE001 - whatever __hash__ raises
            fail(
                f"{self._who}: task {task.name!r} cannot be hashed: "
                f"{type(error).__name__}: {error}",
                f"leave __hash__ and __eq__ of {type(task).__name__} as TaskTemplate has them",
            )
        if task == same and len(hashes) != 1:
            fail(
                f"{self._who}: two equal tasks named {task.name!r} have different hashes",
                f"leave __hash__ of {type(task).__name__} as TaskTemplate has it",
            )

    def _is_overridden(
        self, task: TaskTemplate[..., Any], changed: object, name: str, value: Any, expected: Any
    ) -> None:
        call = f"task.override({name}={value!r})"
        if type(changed) is not type(task):
            fail(
                f"{self._who}: {call} gave a {type(changed).__name__}, no {type(task).__name__}",
                "leave override to TaskTemplate, or end it with super().override(...)",
            )
        found = getattr(changed, name)
        if found != expected:
            fail(
                f"{self._who}: {call} gave a task whose {name} is {found!r}",
                f"leave {name} as it is given, in __post_init__ and override; None, 0, False and "
                "{} are values: test for them with `is None` and `in`, never by truth",
            )


def _is_refusal(error: Exception, field: str) -> bool:
    """Whether it says that a field, or something in its value, may not be given."""
    return isinstance(error, TaskDefinitionError) and bool(re.match(rf"{field}\b", error.field))
