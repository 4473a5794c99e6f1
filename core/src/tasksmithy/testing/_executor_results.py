"""Checks: what an attempt returns, raises and calls is what the run sees."""

from __future__ import annotations

import datetime as dt
import threading
from decimal import Decimal
from typing import Any, Final

import pytest

from tasksmithy.errors import NotShippableError, PluginError, SettingsError
from tasksmithy.plugins._executor import made_executor
from tasksmithy.task._events import ExecutionQueued
from tasksmithy.task._template import TaskTemplate
from tasksmithy.testing import _executor_tasks as tasks
from tasksmithy.testing._executor_subject import ExecutorSubject, Recorder, Task
from tasksmithy.testing._outcome import fail

_VALUES: Final = (
    (42, "text", b"bytes", None, True),
    {"nested": [1.5, {"set": {1, 2}}], 7: ("a", "tuple")},
    (Decimal("1.10"), dt.datetime(2026, 1, 2, tzinfo=dt.UTC), dt.timedelta(seconds=1)),
    {1, 2, 3},
    float("inf"),
)

_MANY: Final = 20
_SEVERAL: Final = 2
_DEPTH: Final = 5
"""How many children, chains of them, and how deep: more than a small executor has places."""


class ResultChecks(ExecutorSubject):
    """What an attempt returns, raises and calls is what the run sees."""

    def test_it_can_be_made(self) -> None:
        """The executor is there, takes `options`, has what an executor has, and runs a task."""
        try:
            executor = made_executor(self._chosen, dict(self.options)).executor
        except (PluginError, SettingsError) as error:
            fail(
                str(error),
                f"correct the executor, or `executor` and `options` of {type(self).__name__}",
            )
        if unknown := executor.heeds - TaskTemplate.field_names:
            fail(
                f"{self._who}: heeds has {', '.join(sorted(unknown))}, which no task has",
                f"name fields of a task: {', '.join(sorted(TaskTemplate.field_names))}",
            )
        if (reason := executor.refuses(tasks.echo)) is not None:
            fail(
                f"{self._who} refuses a task without any field: {reason}",
                "refuse a task only for what it declares",
            )
        if (result := self._result(tasks.echo, 1)) != 1:
            fail(
                f"{self._who}: a task that returns its input 1 has the result {result!r}",
                "return from perform() what make_attempt(attempt, host) returns",
            )

    @pytest.mark.parametrize("kind", ["async", "sync"])
    def test_results_come_back_as_they_are(self, kind: str) -> None:
        """A value that goes in and comes back is equal, of the same types, also inside."""
        task = tasks.echo if kind == "async" else tasks.echo_blocking
        for value in _VALUES:
            result = self._result(task, value)
            if _typed(result) != _typed(value):
                fail(
                    f"{self._who}: {value!r} went through a task that returns its input, and came "
                    f"back as {result!r}",
                    "ship values by cloudpickle, and return them as they are",
                )

    def test_errors_come_back_as_their_types(self) -> None:
        """What an attempt raises has its type, its attributes, its notes and its cause."""
        error = self._raised(tasks.refuse, 7)
        found = {
            "type": type(error) is tasks.RefusedError,
            "attributes": getattr(error, "code", None) == 7,
            "text": str(error) == "refused with 7",
            "notes": "a note of the task" in getattr(error, "__notes__", ()),
            "cause": type(error.__cause__) is KeyError,
        }
        if lost := [what for what, kept in found.items() if not kept]:
            fail(
                f"{self._who}: task {tasks.refuse.name!r} raised RefusedError with a note and a "
                f"cause, and {type(error).__name__}: {error} came back, without its "
                f"{', '.join(lost)}",
                "ship the exception with __notes__, __dict__ and its causes, which pickle leaves "
                "out, and raise it by perform() as it is",
            )

    def test_an_error_of_the_program_is_of_its_class(self) -> None:
        """A class that no import leads to, as in a notebook, is the same class on both sides."""

        class OwnError(Exception):
            pass

        @tasks.env.task
        async def raise_own() -> None:
            raise OwnError("of the program")

        error = self._raised(raise_own)
        if not isinstance(error, OwnError):
            fail(
                f"{self._who}: a task raised an error of a class that the program defines in a "
                f"function, and {type(error).__module__}.{type(error).__qualname__}: {error} came "
                "back",
                "ship what no import leads to by value, as cloudpickle does",
            )

    @pytest.mark.parametrize("what", ["input", "result"])
    def test_what_cannot_be_shipped_is_told(self, what: str) -> None:
        """The error names the task, the parameter or the result, and the type of the value."""
        self._need("processes")
        task: Task = tasks.echo if what == "input" else tasks.make_lock
        error = self._raised(task, *([threading.Lock()] if what == "input" else []))
        name = "'value'" if what == "input" else "result"
        missing = [each for each in (task.name, name, "lock") if each not in str(error)]
        if missing or not isinstance(error, NotShippableError):
            fail(
                f"{self._who}: the {what} of task {task.name!r} is a lock, which cannot go to "
                f"another process, and {type(error).__name__}: {error} was raised"
                + (f", which does not say {', '.join(missing)}" if missing else ""),
                'raise NotShippableError(task, what, problem): what is "input \'NAME\'" or "its '
                'result", problem what pickling says',
            )

    def test_children_are_run_by_the_run(self) -> None:
        """What an attempt calls is in the same run, below it, and has its result."""
        recorder = Recorder()
        result = self._result(tasks.fan, _MANY, observers=[recorder])
        queued: list[ExecutionQueued] = recorder.of(ExecutionQueued)
        parents = {each.execution.parent for each in queued if each.execution.parent}
        keys = {each.execution.key for each in queued if not each.execution.parent}
        children = [each for each in queued if each.execution.parent]
        if result != sum(range(1, _MANY + 1)) or len(children) != _MANY or parents != keys:
            fail(
                f"{self._who}: task {tasks.fan.name!r} called {_MANY} tasks; its result was "
                f"{result}, and the run has seen {len(children)} of them below it",
                "give make_attempt(attempt, host) the host, or one of yours whose call() asks "
                "host.call(...) and gives back its result",
            )

    def test_a_sync_task_calls_another(self) -> None:
        """A function that blocks while its child runs has its result, too."""
        if (result := self._result(tasks.call_blocking, 1)) != 2:
            fail(
                f"{self._who}: a sync task that calls a sync task has the result {result!r}, not 2",
                "let host.call(...) be called from any thread",
            )

    def test_tasks_that_wait_hold_no_place(self) -> None:
        """However many tasks wait for their children, these have their turn."""
        result = self._result(tasks.chains, _SEVERAL, _DEPTH)
        if result != _SEVERAL * _DEPTH:
            fail(
                f"{self._who}: {_SEVERAL} chains of {_DEPTH} tasks that wait for each other have "
                f"the result {result!r}, not {_SEVERAL * _DEPTH}",
                "return from host.call(...) what the run returns",
            )


def _typed(value: Any) -> Any:
    """A value with the types of all that is in it."""
    if isinstance(value, (list, tuple)):
        return (type(value), [_typed(each) for each in value])
    if isinstance(value, (set, frozenset)):
        return (type(value), value)
    if isinstance(value, dict):
        return (type(value), [(_typed(name), _typed(each)) for name, each in value.items()])
    return (type(value), value)
