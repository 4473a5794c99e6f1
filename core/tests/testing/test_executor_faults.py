"""Executors that break one clause of the contract, and the kit's word on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

from core.tests.testing.conftest import Failures

SOURCE = """
import asyncio, logging, os, threading
from collections.abc import Mapping
from dataclasses import replace

import pytest
from tasksmithy import Attempt, NotShippableError, WorkerDiedError, make_attempt
from tasksmithy.runtime.executors.process._executor import ProcessExecutor
from tasksmithy.task._around import inside_policies
from tasksmithy.task._hooks import hooks_for
from tasksmithy.testing import ExecutorConformance
from tasksmithy.testing import _executor_subject as subject
from tasksmithy.testing._executor_tasks import RefusedError


class Sound:
    heeds = frozenset()

    def refuses(self, task):
        return None

    def slots(self, task):
        return {{}}

    async def perform(self, attempt, host):
        return await make_attempt(attempt, host)

    async def close(self):
        pass


class Asks:
    '''A host that asks another one.'''

    def __init__(self, host):
        self._host = host
        self.log, self.report = host.log, host.report

    async def call(self, task, args, kwargs, group):
        return await self._host.call(task, args, kwargs, group)


class InThread(Sound):
    '''Makes each attempt in a thread, and leaves it there where `leaves` says so.'''

    async def perform(self, attempt, host):
        loop = asyncio.new_event_loop()
        making = loop.create_task(make_attempt(attempt, host))
        ended = asyncio.get_running_loop().create_future()

        def tell(done):
            if not ended.done():
                ended.set_result(done)

        def make():
            try:
                loop.run_until_complete(asyncio.wait([making]))
            finally:
                loop.close()
                with_suppressed(outer.call_soon_threadsafe, tell, making)

        outer = asyncio.get_running_loop()
        threading.Thread(target=make, daemon=True).start()
        try:
            return (await asyncio.shield(ended)).result()
        except asyncio.CancelledError:
            if not self.leaves(attempt):
                loop.call_soon_threadsafe(making.cancel)
                await ended
            raise


def with_suppressed(call, *args):
    try:
        call(*args)
    except RuntimeError:  # the run is over
        pass


{source}


class Test_{name}(ExecutorConformance):
    executor = Broken

    @pytest.fixture(autouse=True)
    def _usual(self, tmp_path):
        os.environ["FOLDER"] = str(tmp_path)
        subject.PATIENCE = getattr(Broken, "patience", 120.0)
        before = dict(os.environ)
        yield
        os.environ.clear()
        os.environ.update(before)
        logging.disable(logging.NOTSET)
"""


@dataclass(frozen=True)
class Executor:
    """An executor, and what the kit has to say about it.

    Attributes:
        check: the check that fails, which no other does; empty where none does.
        source: the class `Broken`.
        says: what its message has.
        everyday: whether it is tried each time; else with the slow tests.
    """

    check: str
    source: str
    says: str = ""
    everyday: bool = False

    def install(self, site: Path, name: str) -> None:
        """Nothing: its class is in the test."""

    def write_test(self, tests: Path, name: str) -> None:
        """Write the test of the executor."""
        text = SOURCE.format(source=dedent(self.source), name=name)
        tests.joinpath(f"test_{name}.py").write_text(text, encoding="utf-8")


def broken(base: str, body: str, **fields: str) -> str:
    """The source of an executor of a base; `body` is what it makes of an attempt."""
    lines = [f"    {name} = {value}" for name, value in fields.items()]
    lines += ["    async def perform(self, attempt, host):", indent(dedent(body).strip(), " " * 8)]
    return "\n".join([f"class Broken({base}):", *lines]) + "\n"


def by_host(body: str) -> str:
    """The source of an executor whose host does something else with the call of a child."""
    method = indent(dedent(body).strip(), " " * 8)
    return (
        "class Other(Asks):\n    async def call(self, task, args, kwargs, group):\n"
        f"{method}\n        return await super().call(task, args, kwargs, group)\n"
    ) + broken("Sound", "return await make_attempt(attempt, Other(host))")


PLUGINS = {
    "sound": Executor("", "class Broken(Sound): pass", everyday=True),
    "sound_in_threads": Executor(
        "", "class Broken(InThread):\n    def leaves(self, attempt): return False"
    ),
    "it_refuses_all_tasks": Executor(
        "test_it_can_be_made",
        "class Broken(Sound):\n    def refuses(self, task): return 'not today'",
        "refuses a task without any field: not today",
        everyday=True,
    ),
    "its_tuples_are_lists": Executor(
        "test_results_come_back_as_they_are",
        broken(
            "Sound",
            """
            result = await make_attempt(attempt, host)
            return list(result) if isinstance(result, tuple) else result
            """,
        ),
        "came back as [42, 'text', b'bytes', None, True]",
    ),
    "its_errors_lose_notes_and_causes": Executor(
        "test_errors_come_back_as_their_types",
        broken(
            "Sound",
            """
            try:
                return await make_attempt(attempt, host)
            except RefusedError as error:
                raise RefusedError(error.code) from None
            """,
        ),
        "without its notes, cause",
    ),
    "it_knows_no_classes_of_programs": Executor(
        "test_an_error_of_the_program_is_of_its_class",
        broken(
            "Sound",
            """
            try:
                return await make_attempt(attempt, host)
            except Exception as error:
                if "<locals>" in type(error).__qualname__:
                    raise RuntimeError(str(error)) from None
                raise
            """,
        ),
        "builtins.RuntimeError: of the program came back",
    ),
    "it_says_nothing_of_what_cannot_be_shipped": Executor(
        "test_what_cannot_be_shipped_is_told",
        broken(
            "ProcessExecutor",
            """
            try:
                return await super().perform(attempt, host)
            except NotShippableError:
                raise TypeError("cannot pickle") from None
            """,
        ),
        "TypeError: cannot pickle was raised, which does not say conformance.",
    ),
    "it_makes_children_itself": Executor(
        "test_children_are_run_by_the_run",
        by_host("""
            if args and task.name == "conformance.add_one" and args[0] >= 10:
                return await make_attempt(Attempt.of(task, *args), self)
        """),
        "the run has seen 10 of them below it",
    ),
    "it_does_not_answer_sync_tasks": Executor(
        "test_a_sync_task_calls_another",
        by_host("""
            if task.name == "conformance.add_one_blocking":
                return 0
        """),
        "has the result 0, not 2",
    ),
    "its_waiting_tasks_hold_their_places": Executor(
        "test_tasks_that_wait_hold_no_place",
        """
        class Broken(Sound):
            patience = 10.0

            def __init__(self):
                self._places = asyncio.Semaphore(4)

            async def perform(self, attempt, host):
                async with self._places:
                    return await make_attempt(attempt, host)
        """,
        "had neither a result nor an error after 10 s",
    ),
    "it_leaves_what_is_out_of_time": Executor(
        "test_a_timeout_ends_an_attempt",
        """
        class Broken(InThread):
            def leaves(self, attempt):
                return attempt.task.timeout.runtime_seconds is not None
        """,
        "after its timeout, an attempt went on",
    ),
    "it_leaves_what_is_cancelled": Executor(
        "test_cancelling_a_run_ends_its_attempts",
        """
        class Broken(InThread):
            def leaves(self, attempt):
                return "test_cancelling_a_run" in os.environ["PYTEST_CURRENT_TEST"]
        """,
        "after being cancelled, an attempt went on",
    ),
    "it_cannot_end_functions": Executor(
        "test_a_sync_function_ends_when_it_has_to",
        "class Broken(Sound):\n    capabilities = frozenset({'preemption'})",
        "declares the capability 'preemption', and a sync function went on",
    ),
    "it_tries_again_itself": Executor(
        "test_retries_are_made_by_the_run",
        broken(
            "Sound",
            """
            try:
                return await make_attempt(attempt, host)
            except ConnectionError:
                return await make_attempt(attempt, host)
            """,
        ),
        "are those of the numbers 1, 1, 2, 2, 3",
    ),
    "it_says_nothing_of_a_lost_process": Executor(
        "test_a_lost_process_is_tried_again",
        broken(
            "ProcessExecutor",
            """
            try:
                return await super().perform(attempt, host)
            except WorkerDiedError:
                if attempt.inputs["times"] == 1:
                    raise RuntimeError("something is gone") from None
                raise
            """,
        ),
        "RuntimeError: something is gone",
    ),
    "it_makes_lost_attempts_again": Executor(
        "test_losses_are_bounded",
        broken(
            "ProcessExecutor",
            """
            try:
                return await super().perform(attempt, host)
            except WorkerDiedError:
                if attempt.inputs["times"] == 1:
                    raise
                return await super().perform(attempt, host)
            """,
        ),
        "8 were made, where the run makes 4",
    ),
    "it_keeps_a_diary_of_secrets": Executor(
        "test_secrets_arrive_and_are_not_shown",
        broken(
            "Sound",
            """
            with open(os.environ["FOLDER"] + "/diary", "a") as diary:
                print(*attempt.context.secrets.values(), file=diary)
            return await make_attempt(attempt, host)
            """,
        ),
        "the value of a secret is shown in the file diary",
    ),
    "it_leaves_secrets_in_the_environment": Executor(
        "test_secrets_leave_nothing",
        broken(
            "Sound",
            """
            os.environ.update({s.key.upper(): v for s, v in attempt.context.secrets.items()})
            return await make_attempt(attempt, host)
            """,
        ),
        "the variable CONFORMANCE-TOKEN, for the next task",
    ),
    "it_is_silent": Executor(
        "test_logs_come_to_the_run_with_their_task",
        broken(
            "Sound",
            """
            logging.disable(logging.CRITICAL)
            try:
                return await make_attempt(attempt, host)
            finally:
                logging.disable(logging.NOTSET)
            """,
        ),
        "got it 0 times as its own (not at all)",
        everyday=True,
    ),
    "it_drops_reports": Executor(
        "test_reports_come_to_the_run",
        broken(
            "Sound",
            """
            other = Asks(host)
            other.report = lambda tab, fragment: None
            return await make_attempt(attempt, other)
            """,
        ),
        "the record of the run has no report",
    ),
    "it_forgets_groups": Executor(
        "test_an_attempt_knows_its_run",
        broken(
            "Sound",
            """
            context = replace(attempt.context, group="")
            return await make_attempt(replace(attempt, context=context), host)
            """,
        ),
        "current() has group='', not 'loading'",
    ),
    "it_leaves_variables": Executor(
        "test_environment_variables_are_the_attempts_own",
        broken(
            "Sound",
            """
            os.environ.update(attempt.context.env_vars)
            return await make_attempt(attempt, host)
            """,
            heeds="frozenset({'env_vars'})",
        ),
        "saw 'yes', the next one 'yes', and the run 'yes'",
    ),
    "it_asks_policies_itself": Executor(
        "test_policies_and_observers_see_an_attempt_once",
        broken(
            "Sound",
            """
            make = lambda: make_attempt(attempt, host)
            if "around_execute" not in hooks_for(attempt.task).of_policies.answered:
                return await make()
            return await inside_policies(attempt.task, attempt.inputs, attempt.context, make)
            """,
        ),
        "a policy saw {'conformance.fan': 2, 'conformance.add_one': 6}",
    ),
    "its_results_cannot_be_kept": Executor(
        "test_a_cached_result_is_not_made_again",
        broken(
            "Sound",
            """
            result = await make_attempt(attempt, host)
            if attempt.task.cache.behavior == "disable":
                return result
            class Own(int):
                lock = threading.Lock()
            return Own(result)
            """,
        ),
        "which only cloudpickle can store",
    ),
    "it_has_children_of_no_record": Executor(
        "test_a_run_is_resumed",
        by_host("""
            if task.name == "conformance.count":
                return await make_attempt(Attempt.of(task, *args), self)
        """),
        "when the run was resumed, the other was made again (result 2)",
    ),
    "all_runs_share_it": Executor(
        "test_runs_at_once_do_not_disturb_each_other",
        """
        class Broken(Sound):
            is_closed = False

            def __init__(self):
                Broken.is_closed = False

            async def perform(self, attempt, host):
                if Broken.is_closed:
                    raise RuntimeError("it is closed")
                return await make_attempt(attempt, host)

            async def close(self):
                Broken.is_closed = True
        """,
        "RuntimeError: it is closed",
    ),
    "it_leaves_a_thread": Executor(
        "test_a_run_leaves_nothing_behind",
        """
        class Broken(Sound):
            def __init__(self):
                threading.Thread(target=threading.Event().wait, daemon=True).start()
        """,
        "starts threads",
    ),
}


def test_the_kit_fails_the_one_check(plugin: str, failures: Failures) -> None:
    executor, found = PLUGINS[plugin], failures[plugin]
    names = {name.partition("[")[0] for name in found}
    assert names == ({executor.check} if executor.check else set()), "\n\n".join(found.values())
    for message in found.values():
        assert executor.says in message
        assert "\nTo do: " in message
