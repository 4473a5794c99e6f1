"""Checks: what is around an attempt stays the run's, wherever the attempt is made."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from tasksmithy.plugins._registry import Registry
from tasksmithy.plugins._settings import Settings
from tasksmithy.runtime.stores._run_store import RunStore
from tasksmithy.task._context import RunContext, current
from tasksmithy.task._events import (
    AttemptStarted,
    ExecutionCached,
    ExecutionQueued,
    ExecutionResumed,
    ExecutionSucceeded,
    RunStarted,
)
from tasksmithy.task._hook import hookimpl
from tasksmithy.testing import _executor_tasks as tasks
from tasksmithy.testing._executor_subject import ExecutorSubject, Recorder, until
from tasksmithy.testing._leftovers import watched
from tasksmithy.testing._outcome import fail

_TOKEN: Final = "conformance-of-executors-open-sesame"  # noqa: S105 - made up
_CHILDREN: Final = 3


class _HandsOut:
    """A policy that knows the secret, which is nowhere else."""

    @hookimpl
    def resolve_secret(self) -> str:
        """The value."""
        return _TOKEN


class _Counts:
    """A policy that counts the attempts that it is around, in the process of the run."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    @hookimpl
    @asynccontextmanager
    async def around_execute(self, ctx: RunContext) -> AsyncIterator[None]:
        """Count."""
        self.seen[ctx.task] += 1
        yield


class SurroundingsChecks(ExecutorSubject):
    """What is around an attempt stays the run's, wherever the attempt is made."""

    def test_secrets_arrive_and_are_not_shown(self) -> None:
        """The value is there for the task, and in no log, no record and no text of an error."""
        recorder = Recorder()
        with self._policies(secrets=_HandsOut()), _logged() as logged:
            known = self._result(tasks.use_secret, observers=[recorder], record=True)
            self._raised(tasks.raise_secret, observers=[recorder], record=True)
        if known != tasks.digest_of(_TOKEN):
            fail(
                f"{self._who}: a task with a secret did not get its value",
                "ship attempt.context with the attempt; its repr has no secrets, its pickle has",
            )
        texts = [text.replace(_TOKEN, "...") for _, text in logged if _TOKEN in text]
        shown = [f"the log record {text!r}" for text in texts]
        shown += ["an event of the run" for each in recorder.events if _TOKEN in repr(each)]
        shown += [
            f"the file {file.name}"
            for file in self._folder.rglob("*")
            if file.is_file() and _TOKEN.encode() in file.read_bytes()
        ]
        if shown:
            fail(
                f"{self._who}: the value of a secret is shown in {', '.join(dict.fromkeys(shown))}",
                "hand log records to host.log(record), which masks them, and write none of them, "
                "and no part of an attempt, elsewhere",
            )

    def test_secrets_leave_nothing(self) -> None:
        """No file and no environment variable has the value when the attempt is over."""
        with self._policies(secrets=_HandsOut()), watched():
            found = [f"the variable {name}, for the next task" for name in self._after_secret()]
            found += [f"the variable {k} of the run" for k, v in os.environ.items() if v == _TOKEN]
            for file in Path(os.environ["TMPDIR"]).rglob("*"):
                with suppress(OSError):
                    if _TOKEN.encode() in file.read_bytes():
                        found.append(f"the file {file}")
        if found:
            fail(
                f"{self._who}: after an attempt, its secret is left in {', '.join(found)}",
                "give a secret to its attempt alone, and take it away with it",
            )

    def _after_secret(self) -> list[str]:
        found: list[str] = self._result(tasks.find_after_use)
        return found

    def test_logs_come_to_the_run_with_their_task(self) -> None:
        """What an attempt logs is handled in the process of the run, in the task's context."""
        with _logged() as logged:
            self._result(tasks.say, "hello")
        for text in ("task: hello", "module: hello"):
            if (times := logged.count((tasks.say.name, text))) != 1:
                others = [task or "no task" for task, other in logged if other == text]
                fail(
                    f"{self._who}: a task logged {text!r}, and the handlers of the run got it "
                    f"{times} times as its own ({', '.join(others) or 'not at all'})",
                    "where the attempt is made in another process, hand its log records to "
                    "host.log(record); each once",
                )

    def test_reports_come_to_the_run(self) -> None:
        """What an attempt adds to the report of its task is in the record of the run."""
        recorder = Recorder()
        self._result(tasks.draw, observers=[recorder], record=True)
        [started] = recorder.of(RunStarted)
        with closing(RunStore(self._folder / "runs")) as store:
            [record] = store.show(started.run_id).tasks
        if "a picture" not in (record.report or {}).get("Drawn", ""):
            fail(
                f"{self._who}: a task added a tab to its report, and the record of the run has "
                f"{', '.join(record.report or ()) or 'no report'}",
                "hand report(tab, fragment) of a host of yours to host.report(tab, fragment)",
            )

    def test_an_attempt_knows_its_run(self) -> None:
        """The context has the run, the task, the key and the group that the caller has opened."""
        recorder = Recorder()
        known = self._result(tasks.context_in_group, observers=[recorder])
        [queued] = recorder.of(ExecutionQueued, tasks.context)
        execution = queued.execution
        expected = {
            "run_id": queued.run_id,
            "task": execution.task,
            "key": execution.key,
            "group": "loading",
        }
        wrong = [
            f"{name}={known.get(name)!r}, not {value!r}"
            for name, value in expected.items()
            if known.get(name) != value
        ]
        if wrong or execution.group != "loading":
            fail(
                f"{self._who}: in an attempt, current() has {', '.join(wrong)}; the run has it in "
                f"the group {execution.group!r}",
                "make the attempt by make_attempt(attempt, host), and hand the group of a call to "
                "host.call(task, args, kwargs, group)",
            )

    def test_environment_variables_are_the_attempts_own(self) -> None:
        """A task has the variables that it declares, and the next one and the run do not."""
        self._need_heeded("env_vars")
        found = self._result(tasks.variables)
        if found != ["yes", None] or "CONFORMANCE_OWN" in os.environ:
            fail(
                f"{self._who}: a task with env_vars CONFORMANCE_OWN=yes saw {found[0]!r}, the next "
                f"one {found[1]!r}, and the run {os.environ.get('CONFORMANCE_OWN')!r}",
                "set attempt.context.env_vars for the attempt alone, or leave 'env_vars' out of "
                "heeds and refuse tasks that have some",
            )

    def test_policies_and_observers_see_an_attempt_once(self) -> None:
        """A policy is around each attempt once, in the run; an observer is told of each once."""
        policy, recorder = _Counts(), Recorder()
        with self._policies(counts=policy):
            self._result(tasks.fan, _CHILDREN, observers=[recorder])
        started = Counter(each.execution.task for each in recorder.of(AttemptStarted))
        ended = Counter(each.execution.task for each in recorder.of(ExecutionSucceeded))
        expected = Counter({tasks.fan.name: 1, tasks.add_one.name: _CHILDREN})
        for who, seen in (("a policy", policy.seen), ("an observer", started), ("-", ended)):
            if seen != expected:
                fail(
                    f"{self._who}: one task called {_CHILDREN} others, and {who} saw "
                    f"{dict(seen) or 'nothing'}",
                    "make the attempt by make_attempt(attempt, host): the run enters the policies "
                    "and tells the observers",
                )

    def test_a_cached_result_is_not_made_again(self) -> None:
        """A task with a cache that has its result in it is not run."""
        file, recorder = self._file("count"), Recorder()
        first = self._result(tasks.count, file)
        again = self._result(tasks.count, file, observers=[recorder])
        if (first, again) != (1, 1) or not recorder.of(ExecutionCached):
            fail(
                f"{self._who}: a task with a cache was run twice, and the second time it was made "
                f"again: its result was {first!r}, then {again!r}",
                "leave attempt.task and attempt.inputs as they are: the key follows from them",
            )

    def test_a_run_is_resumed(self) -> None:
        """What has a result in the record of a run that failed is not made a second time."""
        file, condition, recorder = self._file("count"), self._file("condition"), Recorder()
        self._raised(tasks.count_then, file, condition, observers=[recorder], record=True)
        [started] = recorder.of(RunStarted)
        tasks.append(condition, "now")
        again = Recorder()
        result = self._result(
            tasks.count_then, file, condition, observers=[again], resume=started.run_id
        )
        if result != 1 or not again.of(ExecutionResumed, tasks.count):
            fail(
                f"{self._who}: of two children one failed; when the run was resumed, the other was "
                f"made again (result {result!r})",
                "have the children of an attempt run by host.call(...), which knows what is kept",
            )

    def test_runs_at_once_do_not_disturb_each_other(self) -> None:
        """Each run has an executor of its own: the end of one is not the end of another."""
        condition = self._file("condition")

        async def both() -> tuple[Any, Any]:
            longer = asyncio.ensure_future(self._arun(tasks.call_later, condition))
            await until(lambda: longer.done() or Path(f"{condition}-awaited").exists())
            shorter = await self._arun(tasks.fan, _CHILDREN)
            tasks.append(condition, "now")
            return shorter, await longer

        found = self._ran(both(), tasks.call_later)
        if found != (sum(range(1, _CHILDREN + 1)), 2):
            fail(
                f"{self._who}: two runs at once have the results {found!r}",
                "keep what belongs to a run in its executor, and close that alone in close()",
            )

    def test_a_run_leaves_nothing_behind(self) -> None:
        """When a run is over, so are its processes, threads, files and connections."""
        self._result(tasks.fan, _CHILDREN)  # what is made once for the process is not left behind
        found: list[str] = []

        async def run() -> None:
            await self._arun(tasks.fan, _CHILDREN)
            with suppress(ConnectionError):
                await self._arun(tasks.fail_until, self._file("attempts"), 2)
            await asyncio.sleep(0)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            found.extend(f"the asyncio task {each.get_coro()!r}" for each in others)

        with watched() as left:
            self._ran(run(), tasks.fan)
            found += left()
        if found:
            fail(
                f"{self._who}: a run has left behind: {'; '.join(found)}",
                "end in close() all that the executor has started and opened",
            )

    @contextmanager
    def _policies(self, **policies: object) -> Iterator[None]:
        with Registry(settings=Settings(), policies=policies).entered():
            yield


@contextmanager
def _logged() -> Iterator[list[tuple[str, str]]]:
    """What the handlers of this process get: the task in whose context, and the text."""
    logged: list[tuple[str, str]] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append((current().task, record.getMessage()))

    handler = Handler()
    logging.getLogger().addHandler(handler)
    try:
        yield logged
    finally:
        logging.getLogger().removeHandler(handler)
