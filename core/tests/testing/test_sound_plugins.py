"""Plugins that keep the contract pass every check, whatever else they have."""

from __future__ import annotations

from core.tests.testing.conftest import GROUP, Failures, Plugin, check

DOUBLING = """
from tasksmithy import TaskTemplate, TaskType, hookimpl

class DoublingTask(TaskTemplate, task_type="doubling"): pass

class DoublingTaskType(TaskType):
    template = DoublingTask

    @hookimpl
    async def execute(self, inputs): return 2 * inputs["n"]
"""
DOUBLING_POINTS = {GROUP: {"doubling": "doubling:DoublingTaskType"}}

PLUGINS = {
    "it_is_as_small_as_can_be": Plugin(
        "",
        (),
        hooks="del custom_config, execute\n@hookimpl\ndef config(self): return {}",
        everyday=True,
    ),
    "it_has_a_config_with_a_secret": Plugin(
        "",
        (),
        module="""
        from dataclasses import dataclass, field
        from pydantic import BaseModel, ConfigDict, SecretStr

        @dataclass(frozen=True)
        class Pool:
            size: int = 2

        class Config(BaseModel):
            model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

            url: str
            password: SecretStr
            pool: Pool = Pool()
            tags: list[str] = ["a", "b"]
        """,
        task="plugin_config: Config",
        hooks="""
        config_model = Config

        @hookimpl
        def custom_config(self, task): return {"url": task.plugin_config.url}

        @hookimpl
        def cache_version(self, task): return task.plugin_config.url
        """,
        test="""
        def make_task(self):
            from it_has_a_config_with_a_secret import Config
            return self.task(plugin_config=Config(url="db://host", password="open sesame"))
        """,
        everyday=True,
    ),
    "it_has_a_config_that_is_a_dataclass": Plugin(
        "",
        (),
        module="""
        from dataclasses import dataclass

        @dataclass(frozen=True)
        class Config:
            workers: int = 2
            image: str | None = None
        """,
        task="plugin_config: Config = Config()",
        hooks="config_model = Config",
    ),
    "it_cleans_up": Plugin(
        "",
        (),
        module="import asyncio, os, tempfile",
        hooks="""
        heeds = frozenset({"secrets"})

        @hookimpl
        async def execute(self, task, inputs, ctx):
            with tempfile.TemporaryDirectory() as folder:
                seconds = 60 if task.text == "slow" else 0
                process = await asyncio.create_subprocess_exec(
                    "sleep", str(seconds), cwd=folder, env={**os.environ, "T": str(ctx.secrets)}
                )
                try: code = await process.wait()
                finally:
                    if process.returncode is None:
                        process.kill()
                        await process.wait()
            if task.text == "failing": raise ValueError("no")
            return 42 + code
        """,
        test="""
        capabilities = frozenset({"cancellable", "secrets"})

        def make_task(self): return self.task(secrets=["token", "other"], cache="auto", timeout=50)
        def make_slow_task(self): return self.task(text="slow")
        def make_failing_task(self): return self.task(text="failing", retries=1)
        """,
    ),
    "its_work_is_a_job_elsewhere": Plugin(
        "",
        (),
        module="from tasksmithy import JobStatus\nJOBS = {}",
        hooks="""
        del execute

        @hookimpl
        async def submit(self, inputs, idempotency_key):
            JOBS.setdefault(idempotency_key, 2 * inputs["n"])
            return idempotency_key

        @hookimpl
        async def poll(self, task, handle):
            if task.text == "slow": return JobStatus(phase="running")
            if task.text == "failing": return JobStatus(phase="failed", message="no")
            return JobStatus(phase="succeeded", result=JOBS[handle])

        @hookimpl
        async def cancel(self, handle): JOBS.pop(handle, None)
        """,
        test="""
        capabilities = frozenset({"cancellable"})

        def make_slow_task(self): return self.task(text="slow")
        def make_failing_task(self): return self.task(text="failing", retries=1)
        """,
        everyday=True,
    ),
    "its_helpers_are_called_like_hooks": Plugin(
        "",
        (),
        task="def configure(self): return self.text\ndef _config(self): return self.text",
        hooks="def executed(self): return []\ndef _execute(self): return []",
    ),
    "it_answers_by_the_type_that_its_template_builds_on": Plugin(
        "",
        (),
        module="from doubling import DoublingTask as TaskTemplate",
        hooks="del custom_config, execute",
        beside={"doubling": ({"doubling/__init__.py": DOUBLING}, DOUBLING_POINTS)},
    ),
    "it_reads_an_environment_that_makes_no_difference": Plugin(
        "",
        (),
        module="import os, datetime\nSEEN = os.environ.get('ACME'), datetime.date.today()",
    ),
}


def test_every_check_passes(failures: Failures, plugin: str) -> None:
    check(PLUGINS[plugin], failures[plugin])
