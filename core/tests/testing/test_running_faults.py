"""Plugins whose tasks do not run as they should, or leave something behind."""

from __future__ import annotations

from core.tests.testing.conftest import Failures, Plugin, check

SLOW = """
capabilities = frozenset({"cancellable"})
def make_slow_task(self): return self.task(text="slow")
"""
SECRET = """
capabilities = frozenset({"secrets"})
def make_task(self): return self.task(secrets="token")
"""
FAILING = "def make_failing_task(self): return self.task(text='failing')"

JOBS = """
from tasksmithy import JobStatus
MADE = []
"""
SUBMITS = """

@hookimpl
async def submit(self, inputs, idempotency_key):
    MADE.append(inputs["n"])
    return len(MADE)

@hookimpl
async def poll(self): return JobStatus(phase="succeeded", result=42)
"""
CANCELS = """
@hookimpl
async def cancel(self, handle): pass
"""

PLUGINS = {
    "its_result_has_another_type": Plugin(
        "test_the_task_runs_and_its_result_fits_the_interface",
        ("task 'answer': output 'o0' is int, and the result was '42' of type str",),
        hooks="""
        @hookimpl
        async def execute(self, inputs): return str(2 * inputs["n"])
        """,
        everyday=True,
    ),
    "it_does_not_run": Plugin(
        "test_the_task_runs_and_its_result_fits_the_interface",
        ("task 'answer' raised ZeroDivisionError: division by zero", "it_does_not_run/__init__.py"),
        hooks="""
        @hookimpl
        async def execute(self, inputs): return inputs["n"] / 0
        """,
    ),
    "its_execute_is_no_coroutine": Plugin(
        "test_the_task_runs_and_its_result_fits_the_interface",
        (
            "hook 'execute' of task type 'its_execute_is_no_coroutine'",
            "returned 42 of type int; give an awaitable, as `async def` makes it",
            "correct hook 'execute'",
        ),
        hooks="""
        @hookimpl
        def execute(self, inputs): return 2 * inputs["n"]
        """,
    ),
    "its_test_lacks_an_input": Plugin(
        "test_the_task_runs_and_its_result_fits_the_interface",
        ("task 'answer' needs the inputs n (inputs: n: int)", "inputs = {'n': ...}"),
        test="inputs = None",
    ),
    "it_submits_a_key_twice": Plugin(
        "test_a_key_submits_one_job",
        ("submit gave the handle ", ", and for the same idempotency_key ", "; a key is one job"),
        module=JOBS,
        hooks="del execute" + SUBMITS + CANCELS,
        everyday=True,
    ),
    "its_keys_are_one_job": Plugin(
        "test_a_key_submits_one_job",
        ("submit gave the handle 7 for two keys",),
        module=JOBS,
        hooks="del execute" + SUBMITS.replace("len(MADE)", "7") + CANCELS,
    ),
    "its_jobs_are_cancelled_once": Plugin(
        "test_a_job_may_be_cancelled_twice",
        ("a hook raised", "KeyError", "correct hook 'cancel'"),
        module="from tasksmithy import JobStatus\nMADE = {}",
        hooks="""
        del execute

        @hookimpl
        async def submit(self, idempotency_key):
            MADE[idempotency_key] = 42
            return idempotency_key

        @hookimpl
        async def poll(self, handle): return JobStatus(phase="succeeded", result=MADE[handle])

        @hookimpl
        async def cancel(self, handle): del MADE[handle]
        """,
    ),
    "it_changes_an_input": Plugin(
        "test_running_leaves_the_inputs_unchanged",
        ("running the task changed its input numbers",),
        hooks="""
        @hookimpl
        async def execute(self, inputs): return inputs["numbers"].pop()
        """,
        test="""
        inputs = {"numbers": [1, 2, 3]}

        def make_task(self):
            interface = NativeInterface.from_types({"numbers": list[int]}, {"o0": int})
            return BrokenTask(name="answer", interface=interface)
        """,
    ),
    "it_leaves_a_process": Plugin(
        "test_running_leaves_nothing_behind",
        ("a run left behind:\n  the process ", "(sleep 40)", "in a `finally` of the execute hook"),
        module="import asyncio",
        hooks="""
        @hookimpl
        async def execute(self):
            shell = await asyncio.create_subprocess_shell(
                "sleep 40 >/dev/null 2>&1 & true", start_new_session=True)
            await shell.wait()
            return 42
        """,
        everyday=True,
    ),
    "it_leaves_a_file": Plugin(
        "test_running_leaves_nothing_behind",
        ("a run left behind:\n  the file ", ".broken"),
        module="import os, tempfile",
        hooks="""
        @hookimpl
        async def execute(self):
            os.close(tempfile.mkstemp(suffix=".broken")[0])
            return 42
        """,
    ),
    "it_leaves_a_connection": Plugin(
        "test_running_leaves_nothing_behind",
        ("a run left behind:\n  open: ", "(socket:["),
        module="import socket; held = []",
        hooks="""
        @hookimpl
        async def execute(self):
            held.append(socket.socket())
            return 42
        """,
    ),
    "its_second_attempt_fails": Plugin(
        "test_a_second_attempt_gives_the_result",
        ("made to fail after its work, and the second one raised RuntimeError: still at it",),
        module="at_work = set()",
        hooks="""
        @hookimpl
        async def execute(self, ctx):
            if ctx.run_id in at_work: raise RuntimeError("still at it")
            at_work.add(ctx.run_id)
            return 42
        """,
    ),
    "its_second_attempt_goes_on": Plugin(
        "test_a_second_attempt_gives_the_result",
        ("a second attempt of task 'answer' gave 2, and a run alone 1",),
        module="import collections; count = collections.Counter()",
        hooks="""
        @hookimpl
        async def execute(self, ctx):
            count[ctx.run_id] += 1
            return count[ctx.run_id]
        """,
    ),
    "its_runs_are_in_each_other_s_way": Plugin(
        "test_runs_at_once_do_not_disturb_each_other",
        ("of 4 runs of task 'answer' at once, one raised FileExistsError", "tempfile makes others"),
        module="import asyncio, pathlib; LOCK = pathlib.Path(__file__).with_name('lock')",
        hooks="""
        @hookimpl
        async def execute(self):
            LOCK.touch(exist_ok=False)
            try: await asyncio.sleep(0.01)
            finally: LOCK.unlink()
            return 42
        """,
        everyday=True,
    ),
    "its_runs_share_a_result": Plugin(
        "test_runs_at_once_do_not_disturb_each_other",
        ("a run beside others of task 'answer' gave 4, and a run alone 1",),
        module="import asyncio; runs = []",
        hooks="""
        @hookimpl
        async def execute(self, ctx):
            runs.append(ctx)
            await asyncio.sleep(0.01)
            count = len(runs)
            await asyncio.sleep(0.01)
            runs.clear()
            return count
        """,
    ),
    "it_goes_on_after_its_timeout": Plugin(
        "test_a_timeout_ends_the_task",
        ("ended after 1 s by its timeout, and had a result after", "let CancelledError pass"),
        module="import asyncio",
        hooks="""
        @hookimpl
        async def execute(self, task, ctx):
            if task.text == "slow" and task.timeout.max_runtime:
                try: await asyncio.sleep(60)
                except BaseException: pass
            elif task.text == "slow": await asyncio.sleep(60)
            return 42
        """,
        test=SLOW,
    ),
    "it_goes_on_when_it_is_cancelled": Plugin(
        "test_cancelling_ends_the_task",
        ("by being cancelled, and went on and ended with the result 42",),
        module="import asyncio",
        hooks="""
        @hookimpl
        async def execute(self, task):
            if task.text == "slow" and not task.timeout.max_runtime:
                try: await asyncio.sleep(60)
                except BaseException: pass
            elif task.text == "slow": await asyncio.sleep(60)
            return 42
        """,
        test=SLOW,
    ),
    "its_processes_outlive_it": Plugin(
        "test_cancelling_ends_the_task",
        ("a task that was cancelled left behind:\n  the process ", "(sleep 40)"),
        module="import asyncio",
        hooks="""
        @hookimpl
        async def execute(self, task):
            if task.text == "slow" and task.timeout.max_runtime: await asyncio.sleep(60)
            elif task.text == "slow":
                shell = await asyncio.create_subprocess_shell("sleep 40 & wait")
                try: await shell.wait()
                finally:
                    shell.kill()
                    await shell.wait()
            return 42
        """,
        test=SLOW,
    ),
    "its_failure_is_no_exception": Plugin(
        "test_a_failure_names_the_task",
        ("raised GeneratorExit, which does not name it: broken", "let it raise an Exception"),
        hooks="""
        @hookimpl
        async def execute(self, task):
            if task.text == "failing": raise GeneratorExit("broken")
            return 42
        """,
        test=FAILING,
    ),
    "its_failure_is_none": Plugin(
        "test_a_failure_names_the_task",
        ("task 'answer' of make_failing_task() did not fail",),
        test=FAILING,
    ),
    "its_failure_leaves_a_file": Plugin(
        "test_a_failure_leaves_nothing_behind",
        ("a task that failed left behind:\n  the file ", "half-done"),
        module="import pathlib, tempfile",
        hooks="""
        @hookimpl
        async def execute(self, task):
            if task.text == "failing":
                pathlib.Path(tempfile.gettempdir(), "half-done").touch()
                raise ValueError("broken")
            return 42
        """,
        test=FAILING,
    ),
    "its_spec_has_the_secret_of_the_environment": Plugin(
        "test_secrets_are_not_shown",
        ("the value of the secret 'token' of task 'answer' is in the spec", "ctx.secrets has it"),
        module="import os",
        hooks="""
        @hookimpl
        def custom_config(self):
            token = os.environ.get("TOKEN", "")
            return {"token": token} if token.startswith("conformance") else {}
        """,
        test=SECRET,
    ),
    "it_writes_its_secret": Plugin(
        "test_secrets_are_not_shown",
        ("the value of the secret 'token' of task 'answer' is in the output",),
        module="import os",
        hooks="""
        @hookimpl
        async def execute(self, ctx):
            [token] = ctx.secrets.values()
            os.write(1, token.encode())
            return 42
        """,
        test=SECRET,
    ),
    "its_test_has_no_secret": Plugin(
        "test_secrets_are_not_shown",
        ("has the capability 'secrets', and task 'answer' of make_task() has none",),
        test="capabilities = frozenset({'secrets'})",
    ),
    "it_leaves_a_thread": Plugin(
        "test_running_leaves_nothing_behind",
        ("it starts threads",),
        module="import threading, time",
        hooks="""
        @hookimpl
        async def execute(self):
            threading.Thread(target=time.sleep, args=[20], daemon=True).start()
            return 42
        """,
    ),
    "it_leaves_a_thread_that_is_waited_for": Plugin(
        "test_running_leaves_nothing_behind",
        ("it starts threads",),
        module="import threading, time",
        hooks="""
        @hookimpl
        async def execute(self):
            threading.Thread(target=time.sleep, args=[12]).start()
            return 42
        """,
    ),
    "it_leaves_a_process_with_another_environment": Plugin(
        "test_running_leaves_nothing_behind",
        ("it starts processes",),
        module="import subprocess; held = []",
        hooks="""
        @hookimpl
        async def execute(self):
            held.append(subprocess.Popen(["sleep", "25"], env={}))
            return 42
        """,
    ),
    "it_leaves_an_empty_folder": Plugin(
        "test_running_leaves_nothing_behind",
        ("the file ",),
        module="import tempfile",
        hooks="""
        @hookimpl
        async def execute(self):
            tempfile.mkdtemp()
            return 42
        """,
    ),
    "it_leaves_a_task_in_the_loop": Plugin(
        "test_running_leaves_nothing_behind",
        ("the asyncio task <coroutine object sleep",),
        module="import asyncio",
        hooks="""
        @hookimpl
        async def execute(self):
            self.held = asyncio.ensure_future(asyncio.sleep(30))
            return 42
        """,
    ),
    "it_changes_the_working_directory": Plugin(
        "test_running_leaves_nothing_behind",
        ("it changes the working directory",),
        module="import os",
        hooks="""
        @hookimpl
        async def execute(self):
            os.chdir("/")
            return 42
        """,
    ),
    "it_changes_the_umask": Plugin(
        "test_running_leaves_nothing_behind",
        ("it changes the umask",),
        module="import os",
        hooks="""
        @hookimpl
        async def execute(self):
            os.umask(0o77)
            return 42
        """,
    ),
    "it_changes_the_environment": Plugin(
        "test_running_leaves_nothing_behind",
        ("it changes environment variables ('MINE')",),
        module="import os",
        hooks="""
        @hookimpl
        async def execute(self):
            os.environ["MINE"] = "1"
            return 42
        """,
    ),
    "it_changes_the_path": Plugin(
        "test_running_leaves_nothing_behind",
        ("it changes sys.path",),
        module="import sys",
        hooks="""
        @hookimpl
        async def execute(self):
            sys.path.append("/mine")
            return 42
        """,
    ),
    "it_adds_a_handler": Plugin(
        "test_running_leaves_nothing_behind",
        ("handlers and levels of all logging",),
        module="import logging",
        hooks="""
        @hookimpl
        async def execute(self):
            logging.getLogger().addHandler(logging.NullHandler())
            return 42
        """,
    ),
    "it_has_another_result_elsewhere": Plugin(
        "test_the_result_does_not_depend_on_the_working_directory",
        ("a run in another working directory of task 'answer' gave",),
        module="import os",
        hooks="""
        @hookimpl
        async def execute(self): return len(os.getcwd())
        """,
    ),
    "it_blocks_the_loop": Plugin(
        "test_the_event_loop_goes_on_while_the_task_runs",
        ("the event loop stood still for",),
        module="import time",
        hooks="""
        @hookimpl
        async def execute(self):
            time.sleep(1.2)
            return 42
        """,
    ),
    "its_tasks_share_a_field": Plugin(
        "test_tasks_do_not_share_what_they_are",
        ("a run after another task's of task 'answer' gave 5",),
        hooks="""
        @hookimpl
        async def execute(self, task):
            self.text = getattr(self, "text", task.text)
            return len(self.text)
        """,
        test="def make_other_task(self): return self.task(text='longer than that')",
    ),
    "its_thread_outlives_its_timeout": Plugin(
        "test_a_timeout_ends_the_task",
        ("it starts threads",),
        module="import asyncio, threading, time",
        hooks="""
        @hookimpl
        async def execute(self, task):
            if task.text == "slow" and task.timeout.max_runtime:
                threading.Thread(target=time.sleep, args=[30], daemon=True).start()
            if task.text == "slow": await asyncio.sleep(60)
            return 42
        """,
        test=SLOW,
    ),
    "it_hands_its_secret_to_a_command": Plugin(
        "test_secrets_are_not_shown",
        ("is in the words of a command",),
        module="import subprocess",
        hooks="""
        @hookimpl
        async def execute(self, ctx):
            subprocess.run(["true", *ctx.secrets.values()])
            return 42
        """,
        test=SECRET,
    ),
    "it_leaves_its_secret_in_the_environment": Plugin(
        "test_running_leaves_nothing_behind",
        ("it changes environment variables ('LEFT')",),
        module="import os",
        hooks="""
        @hookimpl
        async def execute(self, ctx):
            os.environ["LEFT"] = "".join(ctx.secrets.values())
            return 42
        """,
        test=SECRET,
    ),
}


def test_the_fault_fails_its_check_alone_and_the_message_helps(
    failures: Failures, plugin: str
) -> None:
    check(PLUGINS[plugin], failures[plugin])
