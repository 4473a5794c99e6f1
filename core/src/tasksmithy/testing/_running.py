"""Checks: the task runs on this machine, as often as it is asked, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
import os
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from tasksmithy._texts import shorten
from tasksmithy.errors import (
    HookError,
    NotExecutableError,
    OutputError,
    TaskTimeoutError,
    ValueEncodingError,
)
from tasksmithy.runtime._run import arun
from tasksmithy.task._template import TaskTemplate
from tasksmithy.testing._commands import commands_into
from tasksmithy.testing._leftovers import changed, shared, watched
from tasksmithy.testing._outcome import correct_hook, fail
from tasksmithy.testing._subject import FailsOnce, MadeUpSecrets, Subject
from tasksmithy.values._identity import digest

Task = TaskTemplate[..., Any]

_TIMEOUT: Final = 1.0
"""Seconds that a slow task is given."""

_PATIENCE: Final = 30.0
"""Seconds in which it has to end when it is cancelled."""

_AT_ONCE: Final = 4

_GAP: Final = 1.0
"""Seconds that the event loop may stand still."""

_ANY: Final = (Exception, asyncio.CancelledError, GeneratorExit, SystemExit)
"""What a plugin may raise, and not the person at the keyboard."""


class RunningChecks(Subject):
    """The task runs on this machine, as often as it is asked, and leaves nothing behind."""

    def test_the_task_runs_and_its_result_fits_the_interface(self) -> None:
        """With `inputs` the task has a result, of the type that its interface promises."""
        task = self._runnable()
        missing = [name for name in task.interface.required_inputs() if name not in self._inputs]
        if missing:
            fail(
                f"task {task.name!r} needs the inputs {', '.join(missing)} "
                f"({task.interface.describe()}), and {type(self).__name__} has no value for them",
                f"add to {type(self).__name__}: inputs = {{{missing[0]!r}: ...}}",
            )
        try:
            _run(task, self._inputs)
        except NotExecutableError as error:
            pytest.skip(str(error))
        except OutputError as error:
            fail(
                f"{self._who}: {error}",
                "return what the interface says from the execute hook, or correct the interface",
            )
        except HookError as error:
            fail(str(error), correct_hook(error.hook))
        except Exception as error:  # noqa: BLE001 - whatever the task raises
            fail(
                f"{self._who}: task {task.name!r} raised {type(error).__name__}: {error}\n\n"
                + "".join(traceback.format_exception(error)[-8:]),
                f"let make_task() and inputs of {type(self).__name__} give a task that runs here",
            )

    def test_running_leaves_the_inputs_unchanged(self) -> None:
        """Inputs belong to the caller, who may use them again."""
        inputs = deepcopy(dict(self._inputs))
        before = _digests(inputs)
        self._result(inputs)
        changed = [name for name, was in before.items() if _digests(inputs).get(name) != was]
        if changed:
            fail(
                f"{self._who}: running the task changed its input {', '.join(changed)}",
                "copy an input before you change it",
            )

    def test_running_leaves_nothing_behind(self) -> None:
        """A run ends with all that it began: processes, temporary files, connections."""
        task = self._runnable()
        unfinished: list[str] = []

        async def run() -> None:
            await _arun(task, self._inputs)
            await asyncio.sleep(0)  # what is about to end has its turn
            others = asyncio.all_tasks() - {asyncio.current_task()}
            unfinished.extend(f"the asyncio task {each.get_coro()!r}" for each in others)

        # What is made once and kept for all runs is not left behind; what is changed in the
        # process by the first run is.
        before = shared()
        self._result(self._inputs)
        found = changed(before)
        with watched() as left:
            asyncio.run(run())
            found += left()
        self._is_clean([*unfinished, *dict.fromkeys(found)], "a run")

    def test_the_result_does_not_depend_on_the_working_directory(self, tmp_path: Path) -> None:
        """A task has its result wherever it is run."""
        result = self._result(self._inputs)
        os.chdir(tmp_path)
        try:
            again = _run(self._runnable(), self._inputs)
        except Exception as error:  # noqa: BLE001 - whatever the task raises
            fail(
                f"{self._who}: in another working directory, the task raised "
                f"{type(error).__name__}: {error}",
                "find files beside the code, Path(__file__).with_name(...), or take them as inputs",
            )
        self._is_same(result, again, "a run in another working directory")

    def test_the_event_loop_goes_on_while_the_task_runs(self) -> None:
        """A task that blocks the loop has all others stand still, and no timeout can end it."""
        self._result(self._inputs)
        # A busy machine is slow at times: only what is so each time is the task's.
        for _ in range(3):
            gap = asyncio.run(_longest_gap(self._runnable(), self._inputs))
            if gap <= _GAP:
                return
        fail(
            f"{self._who}: while the task ran, the event loop stood still for {gap:.1f} s",
            "await what takes long; blocking work goes into a thread: await "
            "tasksmithy.in_thread(...)",
        )

    def test_tasks_do_not_share_what_they_are(self) -> None:
        """What one task is made of is not what another one is run with."""
        self._result(self._inputs)
        if not self._has("make_other_task"):
            pytest.skip(f"{type(self).__name__} has no make_other_task()")
        other = self._overridden(self.make_other_task(), cache="disable")
        after = _run(other, self._inputs_of(other))
        with self._registry_with().entered():
            alone = _run(other, self._inputs_of(other))
        self._is_same(alone, after, "a run after another task's")

    def test_a_second_attempt_gives_the_result(self) -> None:
        """A retry begins anew: what the first attempt has made does not stand in its way."""
        result = self._result(self._inputs)
        task = self._overridden(self._runnable(), retries=1)
        with self._registry_with(fails_once=FailsOnce()).entered():
            try:
                again = _run(task, self._inputs)
            except Exception as error:  # noqa: BLE001 - whatever the task raises
                fail(
                    f"{self._who}: the first attempt of task {task.name!r} was made to fail after "
                    f"its work, and the second one raised {type(error).__name__}: {error}",
                    "make anew in the execute hook what an attempt needs, and keep nothing of it "
                    "in the task, the TaskType or a fixed place",
                )
        self._is_same(result, again, "a second attempt")

    def test_runs_at_once_do_not_disturb_each_other(self) -> None:
        """Several runs of the task at once have the result that one has."""
        result = self._result(self._inputs)
        task = self._runnable()

        async def several() -> list[Any]:
            runs = (_arun(task, self._inputs) for _ in range(_AT_ONCE))
            return await asyncio.gather(*runs, return_exceptions=True)

        for other in asyncio.run(several()):
            if isinstance(other, BaseException):
                fail(
                    f"{self._who}: of {_AT_ONCE} runs of task {task.name!r} at once, one raised "
                    f"{type(other).__name__}: {other}",
                    "keep what a run needs in the execute hook: no attribute of the task or the "
                    "TaskType, no file of a fixed name (tempfile makes others)",
                )
            self._is_same(result, other, "a run beside others")

    def test_a_timeout_ends_the_task(self) -> None:
        """After its `timeout` a task is over, and nothing of it goes on."""
        self._need("cancellable")
        task = self._overridden(self._made("make_slow_task"), timeout=_TIMEOUT)
        with watched() as left:
            started = time.monotonic()
            try:
                _run(task, self._inputs_of(task))
            except TaskTimeoutError:
                found = left()
            except Exception as error:  # noqa: BLE001 - whatever the task raises
                self._did_not_end(task, "its timeout", f"raised {type(error).__name__}: {error}")
            else:
                took = time.monotonic() - started
                self._did_not_end(task, "its timeout", f"had a result after {took:.0f} s")
        self._is_clean(found, "a task that its timeout ended")

    def test_cancelling_ends_the_task(self) -> None:
        """When a run is cancelled, as by Ctrl-C, the task is over, and nothing of it goes on."""
        self._need("cancellable")
        task = self._made("make_slow_task")

        async def problem() -> str | None:
            run = asyncio.ensure_future(_arun(task, self._inputs_of(task)))
            await asyncio.sleep(_TIMEOUT)
            if run.done():
                return "was over, or kept the event loop from going on, before it was cancelled"
            run.cancel()
            await asyncio.wait({run}, timeout=_PATIENCE)
            if not run.done():
                return f"ran on for {_PATIENCE:.0f} s"
            return None if run.cancelled() else f"went on and ended with {_outcome(run)}"

        with watched() as left:
            found = asyncio.run(problem())
            if found is not None:
                self._did_not_end(task, "being cancelled", found)
            self._is_clean(left(), "a task that was cancelled")

    def test_a_failure_names_the_task(self) -> None:
        """Of a hundred tasks one has failed: the error says which, and is an `Exception`."""
        task = self._made("make_failing_task")
        text = ""
        try:
            _run(task, self._inputs_of(task))
        except _ANY as error:
            text = "\n".join([str(error), *getattr(error, "__notes__", ())])
            if isinstance(error, Exception) and task.name in text:
                return
            found = f"raised {type(error).__name__}, which does not name it: {text}"
        else:
            found = "did not fail"
        fail(
            f"{self._who}: task {task.name!r} of make_failing_task() {found}",
            "let it raise an Exception from the execute hook; the run adds the name of the task",
        )

    def test_a_failure_leaves_nothing_behind(self) -> None:
        """A task that fails cleans up as one that succeeds."""
        task = self._made("make_failing_task")
        with watched() as left:
            with suppress(*_ANY):  # of which another check tells
                _run(task, self._inputs_of(task))
            self._is_clean(left(), "a task that failed")

    def test_secrets_are_not_shown(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The value of a secret is in no spec, repr, output, log and error."""
        self._need("secrets")
        task = self._runnable()
        secrets = task.secrets
        if not secrets:
            fail(
                f"{type(self).__name__} has the capability 'secrets', and task {task.name!r} of "
                "make_task() has none",
                'let make_task() give a task with secrets="some-key"',
            )
        made_up, commands = MadeUpSecrets(), list[str]()
        values = {secret.key: made_up.resolve_secret(secret) for secret in secrets}
        for secret in secrets:
            if secret.env_name is not None:
                monkeypatch.setenv(secret.env_name, values[secret.key])
        caplog.set_level(logging.DEBUG)
        shown = {"the spec": self._spec(task).to_json(), "repr() of the task": repr(task)}
        try:
            with commands_into(commands):
                _run(task, self._inputs)
        except Exception as error:  # noqa: BLE001 - a made up secret may open nothing
            shown["the error"] = "".join(traceback.format_exception(error))
        shown["the words of a command, which everybody on the machine sees"] = "\n".join(commands)
        shown["the output"] = "".join(capfd.readouterr())
        shown["the log"] = caplog.text
        for where, text in shown.items():
            for key, value in values.items():
                if value in text:
                    fail(
                        f"{self._who}: the value of the secret {key!r} of task {task.name!r} is in "
                        f"{where}",
                        "hand it over where it is needed, in the execute hook: ctx.secrets has it; "
                        "leave it out of what is printed, raised and serialized",
                    )

    def _inputs_of(self, task: Task) -> dict[str, Any]:
        """Those of the inputs that another task takes."""
        return {k: v for k, v in self._inputs.items() if k in task.interface.inputs}

    def _made(self, method: str) -> Task:
        """Another task of the author's."""
        self._result(self._inputs)
        if not self._has(method):
            pytest.skip(f"{type(self).__name__} has no {method}()")
        return self._overridden(getattr(self, method)(), cache="disable")

    def _runnable(self) -> Task:
        """The task, whose result is no other run's."""
        return self._overridden(self._task(), cache="disable")

    def _result(self, inputs: Mapping[str, Any]) -> Any:
        """The result of the task, which has to have one."""
        task = self._runnable()
        try:
            return _run(task, inputs)
        except NotExecutableError as error:
            pytest.skip(str(error))
        except Exception:  # noqa: BLE001 - one check tells it
            self._skip_for("test_the_task_runs_and_its_result_fits_the_interface")

    def _is_same(self, result: Any, other: Any, what: str) -> None:
        try:
            differs = digest(result) != digest(other)
        except ValueEncodingError:  # it cannot be told
            return
        if differs:
            fail(
                f"{self._who}: {what} of task {self._task().name!r} gave {shorten(other)}, and a "
                f"run alone {shorten(result)}",
                "keep nothing of a run in the task, the TaskType or a fixed place; and let "
                "make_task() give a task whose result is the same each time",
            )

    def _is_clean(self, found: list[str], what: str) -> None:
        if found:
            fail(
                f"{self._who}: {what} left behind:\n" + "\n".join(f"  {each}" for each in found),
                "end and remove it in a `finally` of the execute hook, which also a timeout and a "
                "cancellation reach; a process is ended with all that it has started",
            )

    def _did_not_end(self, task: Task, what: str, found: str) -> NoReturn:
        fail(
            f"{self._who}: task {task.name!r} of make_slow_task() was to be ended after "
            f"{_TIMEOUT:g} s by {what}, and {found}",
            "await what takes long, and let CancelledError pass: never `except BaseException` "
            "around an await. Blocking work goes into a thread or a process that is ended in a "
            "`finally`. The task itself has to take about a minute",
        )


async def _longest_gap(task: Task, inputs: Mapping[str, Any]) -> float:
    """The longest time that the event loop stands still while a task runs, seconds."""
    longest, last = 0.0, time.monotonic()

    async def beat() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.01)
            now = time.monotonic()
            longest, last = max(longest, now - last), now

    heart = asyncio.ensure_future(beat())
    try:
        await _arun(task, inputs)
        await asyncio.sleep(0.02)
    finally:
        heart.cancel()
    return longest


def _run(task: Task, inputs: Mapping[str, Any]) -> Any:
    return asyncio.run(_arun(task, inputs))


async def _arun(task: Task, inputs: Mapping[str, Any]) -> Any:
    return await arun(task, **inputs)


def _outcome(run: asyncio.Future[Any]) -> str:
    error = run.exception()
    return f"the result {shorten(run.result())}" if error is None else f"{error!r}"


def _digests(inputs: Mapping[str, Any]) -> dict[str, str]:
    """What each input holds, as something to compare."""
    held = {}
    for name, value in inputs.items():
        with suppress(ValueEncodingError):
            held[name] = digest(value)
    return held
