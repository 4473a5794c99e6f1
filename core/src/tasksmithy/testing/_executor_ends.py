"""Checks: how an attempt ends that does not end by itself, and what is tried again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import pytest

from tasksmithy.errors import NotExecutableError, TaskTimeoutError, WorkerDiedError
from tasksmithy.runtime._attempts import MOST_LOSSES
from tasksmithy.testing import _executor_tasks as tasks
from tasksmithy.testing._executor_subject import PATIENCE, ExecutorSubject, Task, until
from tasksmithy.testing._outcome import fail

_TIMEOUTS: Final = (1.0, 4.0, 16.0)
"""Seconds, each tried where an attempt had not begun in the one before."""

_LONGER: Final = 5.0
"""Seconds that a function lasts which nothing ends, after what is to end it."""

_QUIET: Final = 15 * tasks.BEAT
"""Seconds without a sign of life, after which an attempt is over."""

_OTHERS: Final = 3

_END_IT: Final = (
    "when perform() is cancelled, cancel the attempt where it is made, wait until it has ended, "
    "and only then return"
)


class EndChecks(ExecutorSubject):
    """How an attempt ends that does not end by itself, and what is tried again."""

    @pytest.mark.parametrize("whose", ["own", "child"])
    def test_a_timeout_ends_an_attempt(self, whose: str) -> None:
        """After its timeout an attempt has tidied up and is over, and so are its children."""
        task = tasks.beat if whose == "own" else tasks.beat_by_a_child
        error = self._timed_out(task)
        if not isinstance(error, TaskTimeoutError):
            fail(
                f"{self._who}: a task had reached its timeout, and {type(error).__name__}: {error} "
                "was raised",
                _END_IT,
            )
        self._is_over("its timeout")

    @pytest.mark.parametrize("whose", ["own", "child"])
    def test_cancelling_a_run_ends_its_attempts(self, whose: str) -> None:
        """When a run is cancelled, as by Ctrl-C, what it had made is over."""
        self._cancel(tasks.beat if whose == "own" else tasks.beat_by_a_child)
        self._is_over("being cancelled")

    @pytest.mark.parametrize("how", ["timeout", "cancel"])
    def test_a_sync_function_ends_when_it_has_to(self, how: str) -> None:
        """A function that never looks whether it is to end is ended."""
        self._need("preemption")
        if how == "timeout":
            self._timed_out(tasks.beat_blocking, _LONGER)
        else:
            self._cancel(tasks.beat_blocking, _LONGER)
        if self._lines("over") or self._beats_on():
            fail(
                f"{self._who} declares the capability 'preemption', and a sync function went on "
                f"after the run had ended it ({how})",
                "make the attempt in a process and end that, or do not declare 'preemption'",
            )

    def test_retries_are_made_by_the_run(self) -> None:
        """The run makes as many attempts as the task allows, and numbers them."""
        file = self._file("attempts")
        result = self._result(tasks.fail_until.override(retries=2), file, 3)
        if (made := tasks.lines_of(file)) != ["1", "2", "3"] or result != 3:
            fail(
                f"{self._who}: a task with two retries failed twice; the attempts that were made "
                f"are those of the numbers {', '.join(made)}, and the result was {result!r}",
                "make one attempt in perform(), and raise what it raises: the run tries again",
            )

    def test_a_lost_process_is_tried_again(self) -> None:
        """A process that is killed loses one attempt: not the task, and no other one."""
        self._need("processes")
        file = self._file("lost")
        result = self._result(tasks.lose_beside, file, _OTHERS)
        if result != [2, *range(1, _OTHERS + 1)]:
            fail(
                f"{self._who}: a process was killed once beside {_OTHERS} tasks, and the results "
                f"were {result!r}",
                "raise WorkerDiedError(task, returncode) from perform() for the attempt whose "
                "process is gone, and for no other",
            )

    def test_losses_are_bounded(self) -> None:
        """A task that loses each process is given up by the run, which counts."""
        self._need("processes")
        file = self._file("lost")
        error = self._raised(tasks.lose, file, 100)
        made = len(tasks.lines_of(file))
        if not isinstance(error, WorkerDiedError) or made != MOST_LOSSES + 1:
            fail(
                f"{self._who}: a task lost its process in each attempt; {made} were made, where "
                f"the run makes {MOST_LOSSES + 1}, and {type(error).__name__}: {error} was raised",
                "raise WorkerDiedError(task, returncode) from perform(), with the signal's number, "
                "negated, or None for the exit code, and leave it to the run to try again",
            )

    def _timed_out(self, task: Task, longer: float | None = None) -> Exception:
        """What is raised of a task with a timeout that has begun before that.

        Args:
            task: the task.
            longer: how much longer it would take, in seconds; None where it has no end.
        """
        for seconds in _TIMEOUTS:
            lasts = () if longer is None else (seconds + longer,)
            error = self._raised(task.override(timeout=seconds), str(self._folder), *lasts)
            if self._lines("beats"):
                break
        return error

    def _cancel(self, task: Task, *lasts: float) -> None:
        """Run a task, and cancel the run once the task gives signs of life."""

        async def cancelled() -> str:
            run: asyncio.Task[Any] = asyncio.ensure_future(
                self._runner().arun(task, str(self._folder), *lasts)
            )
            await until(lambda: run.done() or self._lines("beats"))
            if run.done():
                run.result()
                return "was over before it was cancelled"
            run.cancel()
            await asyncio.wait({run}, timeout=PATIENCE)
            if not run.done():
                return f"was not over {PATIENCE:.0f} s after it was cancelled"
            return "" if run.cancelled() else f"ended with {run.exception()!r}"

        try:
            found = asyncio.run(cancelled())
        except NotExecutableError as error:
            pytest.skip(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is
            self._failed(task, error)
        if found:
            fail(f"{self._who}: the run of task {task.name!r} {found}", _END_IT)

    def _is_over(self, after: str) -> None:
        goes_on = self._beats_on()
        if goes_on or not self._lines("tidied"):
            problem = "went on" if goes_on else "had no time to tidy up in its `finally`"
            fail(f"{self._who}: after {after}, an attempt {problem}", _END_IT)

    def _lines(self, name: str) -> int:
        return len(tasks.lines_of(self._file(name)))

    def _beats_on(self) -> bool:
        if not Path(self._file("beats")).exists():
            return False
        before = self._lines("beats")
        time.sleep(_QUIET)
        return self._lines("beats") > before
