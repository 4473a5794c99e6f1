"""The hook spec: what a task type may answer, and how a plugin or a policy says so.

A plugin's methods carry `@hookimpl`. A method may take any of a hook's arguments and leave out the
others, by the names given here and never keyword-only. Each task type has a plugin manager of its
own, so a hook is asked of the one task type that the task has, and of the enabled policies.

A hook is declared here and nowhere else: `first_answer` takes the first answer that is not None (of
the policies, then the task's own class where it overrides the method, then the task type, then the
one whose template its own template builds on), `every_answer` takes them all. Each is given the
check of the answers. What a method here returns is what the core answers where nobody else does;
where that takes other hooks, it is in `plugins/_defaults.py`.
"""
# ruff: noqa: ARG002 - the arguments are those that implementations may take

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final, Protocol

import pluggy

from tasksmithy.errors import NotExecutableError
from tasksmithy.task import _answers as answers
from tasksmithy.task._hook import PROJECT, Hook, every_answer, first_answer

if TYPE_CHECKING:
    from tasksmithy.fields._secret import Secret
    from tasksmithy.task._context import RunContext
    from tasksmithy.task._job import JobStatus
    from tasksmithy.task._spec import DataLoadingConfig, SerializationContext, Sql, TaskSpec


class Task(Protocol):
    """The task that asks. Plugins are given the `TaskTemplate`; the core needs this much of it."""

    @property
    def name(self) -> str:
        """Name of the task."""
        ...

    @property
    def task_type(self) -> str:
        """Its task type."""
        ...


_UNWRAPPED: Final = "it would see a coroutine that has not begun; implement around_execute"


def _no_job(task: Task, hook: str) -> NotExecutableError:
    return NotExecutableError(
        f"task {task.name!r} has no job: task type {task.task_type!r} implements no `{hook}` hook"
    )


class TaskTemplateSpec:
    """The hooks of every task type.

    Each example is complete: it defines a task type, puts it into a registry and asks it. In a
    plugin's wheel an entry point takes the place of the registry.
    """

    @first_answer(answers.text_mapping)
    def config(self, task: Task, sctx: SerializationContext) -> dict[str, str] | None:
        """Key-value pairs that configure the execution environment. Default: none.

        Examples:
            >>> from tasksmithy import NativeInterface, Registry, SerializationContext, TaskTemplate
            >>> from tasksmithy import TaskType, hookimpl
            >>> class Zoned(TaskType):
            ...     task_type = "zoned"
            ...     @hookimpl
            ...     def config(self, sctx):
            ...         return {"zone": sctx.domain or "anywhere"}
            >>> task = TaskTemplate(name="t", task_type="zoned", interface=NativeInterface())
            >>> with Registry(task_types=[Zoned()]).entered():
            ...     task.config(SerializationContext(domain="eu"))
            {'zone': 'eu'}
        """
        return {}

    @first_answer(answers.json_mapping)
    def custom_config(self, task: Task, sctx: SerializationContext) -> dict[str, Any] | None:
        """The task type's own configuration, as JSON values. Default: none.

        Examples:
            >>> from dataclasses import dataclass
            >>> from tasksmithy import NativeInterface, Registry, SerializationContext, TaskTemplate
            >>> from tasksmithy import TaskType, hookimpl
            >>> class SparkTask(TaskTemplate, task_type="spark"):
            ...     executors: int = 2
            >>> class Spark(TaskType):
            ...     template = SparkTask
            ...     @hookimpl
            ...     def custom_config(self, task):
            ...         return {"sparkConf": {"spark.executor.instances": str(task.executors)}}
            >>> task = SparkTask(name="t", interface=NativeInterface(), executors=4)
            >>> with Registry(task_types=[Spark()]).entered():
            ...     task.custom_config(SerializationContext())
            {'sparkConf': {'spark.executor.instances': '4'}}
        """
        return {}

    @first_answer(answers.strings)
    def container_args(self, task: Task, sctx: SerializationContext) -> list[str] | None:
        """The arguments of the task's container. Default: none.

        Examples:
            >>> from tasksmithy import NativeInterface, Registry, SerializationContext, TaskTemplate
            >>> from tasksmithy import TaskType, hookimpl
            >>> class Shell(TaskType):
            ...     task_type = "shell"
            ...     @hookimpl
            ...     def container_args(self, task, sctx):
            ...         return ["run-script", task.name, "--inputs", sctx.input_path]
            >>> task = TaskTemplate(name="tidy", task_type="shell", interface=NativeInterface())
            >>> with Registry(task_types=[Shell()]).entered():
            ...     task.container_args(SerializationContext())
            ['run-script', 'tidy', '--inputs', '{{.input}}']
        """
        return []

    @first_answer(answers.sql)
    def sql(self, task: Task, sctx: SerializationContext) -> Sql | str | None:
        """The statement for a SQL engine. Default: None, the task has none.

        Examples:
            >>> from tasksmithy import NativeInterface, Registry, SerializationContext, Sql
            >>> from tasksmithy import TaskTemplate, TaskType, hookimpl
            >>> class Athena(TaskType):
            ...     task_type = "athena"
            ...     @hookimpl
            ...     def sql(self, task):
            ...         return Sql("select 1", dialect="hive")
            >>> task = TaskTemplate(name="t", task_type="athena", interface=NativeInterface())
            >>> with Registry(task_types=[Athena()]).entered():
            ...     task.sql(SerializationContext())
            Sql(statement='select 1', dialect='hive')
        """

    @first_answer(answers.data_loading)
    def data_loading_config(
        self, task: Task, sctx: SerializationContext
    ) -> DataLoadingConfig | None:
        """How inputs and outputs are side-loaded into a container that knows no SDK.

        Default: None, they are not.

        Examples:
            >>> from tasksmithy import DataLoadingConfig, NativeInterface, Registry
            >>> from tasksmithy import SerializationContext, TaskTemplate, TaskType, hookimpl
            >>> class Fortran(TaskType):
            ...     task_type = "fortran"
            ...     @hookimpl
            ...     def data_loading_config(self, task):
            ...         return DataLoadingConfig(input_path="/in", output_path="/out")
            >>> task = TaskTemplate(name="t", task_type="fortran", interface=NativeInterface())
            >>> with Registry(task_types=[Fortran()]).entered():
            ...     task.data_loading_config(SerializationContext()).input_path
            '/in'
        """

    @first_answer(answers.text)
    def cache_version(self, task: Task) -> str | None:
        """What identifies the code, the query or the command, so that a change misses the cache.

        Default: a digest of the fields that the task's class adds and of the answers to
        `custom_config`, `container_args` and `sql`, with the version of the plugin.

        Examples:
            >>> from tasksmithy import NativeInterface, Registry, TaskTemplate, TaskType, hookimpl
            >>> class Model(TaskType):
            ...     task_type = "model"
            ...     @hookimpl
            ...     def cache_version(self, task):
            ...         return "weights-2026-03"
            >>> task = TaskTemplate(name="t", task_type="model", interface=NativeInterface())
            >>> Registry(task_types=[Model()]).hooks("model").cache_version(task)
            'weights-2026-03'
        """

    @first_answer(answers.awaitable, unwrapped=_UNWRAPPED)
    def execute(
        self, task: Task, inputs: Mapping[str, Any], ctx: RunContext
    ) -> Awaitable[Any] | None:
        """What the task does on this machine: an awaitable of the result, as `async def` gives.

        Blocking work goes into a thread: `await in_thread(function, ...)`. A policy never wraps
        this hook, as it would see only the coroutine: `around_execute` is for policies.
        Default: `NotExecutableError`.

        Examples:
            >>> from tasksmithy import NativeInterface, Registry, TaskTemplate, TaskType
            >>> from tasksmithy import hookimpl, run
            >>> class Greeting(TaskType):
            ...     task_type = "greeting"
            ...     @hookimpl
            ...     async def execute(self, task, inputs):
            ...         return f"hello {inputs['who']}"
            >>> interface = NativeInterface.from_types({"who": str}, {"o0": str})
            >>> task = TaskTemplate(name="greet", task_type="greeting", interface=interface)
            >>> with Registry(task_types=[Greeting()]).entered():
            ...     run(task, who="world")
            'hello world'
        """

    @first_answer(answers.awaitable, unwrapped=_UNWRAPPED)
    def submit(
        self, task: Task, inputs: Mapping[str, Any], idempotency_key: str, ctx: RunContext
    ) -> Awaitable[Any] | None:
        """Have a job do the work elsewhere: an awaitable of its handle, which is JSON.

        A task type answers this, `poll` and `cancel` in the place of `execute`. The run keeps the
        handle before it polls, and goes on with the same job when it is resumed. Where it was
        killed before it had the handle, it submits once more with the same `idempotency_key`, for
        which a backend gives the handle of the job that is there. Default: `NotExecutableError`.

        Examples:
            >>> from tasksmithy import JobStatus, NativeInterface, Registry, TaskTemplate, TaskType
            >>> from tasksmithy import hookimpl, run
            >>> jobs = {}  # the backend
            >>> class Batch(TaskType):
            ...     task_type = "batch"
            ...     @hookimpl
            ...     async def submit(self, inputs, idempotency_key):
            ...         jobs.setdefault(idempotency_key, 2 * inputs["n"])
            ...         return {"job": idempotency_key}
            ...     @hookimpl
            ...     async def poll(self, handle):
            ...         return JobStatus(phase="succeeded", result=jobs[handle["job"]])
            ...     @hookimpl
            ...     async def cancel(self, handle):
            ...         jobs.pop(handle["job"], None)
            >>> interface = NativeInterface.from_types({"n": int}, {"o0": int})
            >>> task = TaskTemplate(name="double", task_type="batch", interface=interface)
            >>> with Registry(task_types=[Batch()]).entered():
            ...     run(task, n=4), len(jobs)
            (8, 1)
        """
        raise _no_job(task, "submit")

    @first_answer(answers.awaitable, unwrapped=_UNWRAPPED)
    def poll(self, task: Task, handle: Any, ctx: RunContext) -> Awaitable[JobStatus] | None:
        """How a job is: an awaitable of a `JobStatus`. What it raises is no failure of the job.

        Examples:
            >>> import asyncio
            >>> from tasksmithy import JobStatus, NativeInterface, Registry, RunContext
            >>> from tasksmithy import TaskTemplate, hookimpl
            >>> class Queued:
            ...     @hookimpl
            ...     async def poll(self, handle):
            ...         return JobStatus(phase="queued", message=f"{handle} waits for a machine")
            >>> task = TaskTemplate(name="t", task_type="python", interface=NativeInterface())
            >>> hooks = Registry(policies={"queued": Queued()}).hooks("python")
            >>> asyncio.run(hooks.poll(task, "j1", RunContext())).message
            'j1 waits for a machine'
        """
        raise _no_job(task, "poll")

    @first_answer(answers.awaitable, unwrapped=_UNWRAPPED)
    def cancel(self, task: Task, handle: Any, ctx: RunContext) -> Awaitable[None] | None:
        """End a job that nobody wants any more: an awaitable. One that has ended is left as it is.

        Examples:
            >>> import asyncio
            >>> from tasksmithy import NativeInterface, Registry, RunContext, TaskTemplate, hookimpl
            >>> class Ends:
            ...     @hookimpl
            ...     async def cancel(self, handle):
            ...         print("ending", handle)
            >>> task = TaskTemplate(name="t", task_type="python", interface=NativeInterface())
            >>> hooks = Registry(policies={"ends": Ends()}).hooks("python")
            >>> asyncio.run(hooks.cancel(task, "j1", RunContext()))
            ending j1
        """
        raise _no_job(task, "cancel")

    @every_answer(answers.async_context_manager)
    def around_execute(
        self, task: Task, inputs: Mapping[str, Any], ctx: RunContext
    ) -> AbstractAsyncContextManager[Any] | None:
        """An async context manager that is entered around the work. Default: none.

        All answers are entered, those of the policies in their order. The policies' are entered by
        the run around a whole attempt, `pre` to `post`, wherever it is made; that of the task type
        is entered around `execute`, where the attempt is made.

        Examples:
            >>> from contextlib import asynccontextmanager
            >>> from tasksmithy import NativeInterface, Registry, TaskTemplate, TaskType
            >>> from tasksmithy import hookimpl, run
            >>> class Traced(TaskType):
            ...     task_type = "traced"
            ...     @hookimpl
            ...     @asynccontextmanager
            ...     async def around_execute(self, task, inputs, ctx):
            ...         print("before", task.name)
            ...         yield
            ...         print("after", task.name)
            ...     @hookimpl
            ...     async def execute(self, inputs):
            ...         return 42
            >>> task = TaskTemplate(name="t", task_type="traced", interface=NativeInterface())
            >>> with Registry(task_types=[Traced()]).entered():
            ...     run(task)
            before t
            after t
            42
        """

    @every_answer(answers.awaitable)
    def admit(
        self, task: Task, inputs: Mapping[str, Any], ctx: RunContext
    ) -> Awaitable[None] | None:
        """Whether a task may run with these inputs now: an awaitable that waits, or raises.

        It is asked once for each execution, before the cache and before the record of the run that
        is resumed, so a `PolicyVetoError` also holds for a result that is kept. All answers are
        awaited, one after the other: those of the policies in their order, then that of the task
        type. Default: everything is admitted.

        Examples:
            >>> from tasksmithy import NativeInterface, PolicyVetoError, Registry, TaskTemplate
            >>> from tasksmithy import TaskType, hookimpl, run
            >>> class Echo(TaskType):
            ...     task_type = "echo"
            ...     @hookimpl
            ...     async def execute(self, inputs):
            ...         return inputs["text"]
            >>> class Short:
            ...     @hookimpl
            ...     async def admit(self, task, inputs):
            ...         if len(inputs["text"]) > 5:
            ...             raise PolicyVetoError(f"{task.name} takes 5 letters")
            >>> interface = NativeInterface.from_types({"text": str}, {"o0": str})
            >>> task = TaskTemplate(name="echo", task_type="echo", interface=interface)
            >>> with Registry(task_types=[Echo()], policies={"short": Short()}).entered():
            ...     run(task, text="hello")
            'hello'
        """

    @first_answer(answers.task_spec)
    def serialize(self, task: Task, sctx: SerializationContext) -> TaskSpec | None:
        """The whole task as a cluster needs it; where a policy sees all and may change or veto it.

        Default: a `TaskSpec` of the other hooks' answers and the task's own fields.

        Examples:
            >>> from tasksmithy import NativeInterface, PolicyVetoError, Registry
            >>> from tasksmithy import SerializationContext, TaskTemplate, TaskType
            >>> from tasksmithy import hookimpl, serialize
            >>> class Shell(TaskType):
            ...     task_type = "shell"
            >>> class OwnImages:
            ...     @hookimpl(wrapper=True)
            ...     def serialize(self, task, sctx):
            ...         spec = yield
            ...         if not (spec.image or "").startswith("registry.example.com/"):
            ...             raise PolicyVetoError(f"{spec.image} is none of our images")
            ...         return spec
            >>> task = TaskTemplate(
            ...     name="t", task_type="shell", interface=NativeInterface(), image="busybox:1"
            ... )
            >>> with Registry(task_types=[Shell()], policies={"own-images": OwnImages()}).entered():
            ...     serialize(task)
            Traceback (most recent call last):
            tasksmithy.errors.PolicyVetoError: busybox:1 is none of our images
        """

    @first_answer(answers.secret)
    def resolve_secret(self, secret: Secret) -> str | None:
        """The value of a secret, or None for what this plugin does not know.

        Examples:
            >>> from tasksmithy import Registry, Secret, TaskType, hookimpl
            >>> class Vault(TaskType):
            ...     task_type = "vaulted"
            ...     @hookimpl
            ...     def resolve_secret(self, secret):
            ...         return {"token": "s3cr3t"}.get(secret.key)
            >>> Registry(task_types=[Vault()]).hooks("vaulted").resolve_secret(Secret(key="token"))
            's3cr3t'
        """


HOOKS: Final[Mapping[str, Hook[..., Any]]] = {
    name: hook for name, hook in vars(TaskTemplateSpec).items() if isinstance(hook, Hook)
}
"""All hooks by name."""


def plugin_manager() -> pluggy.PluginManager:
    """A plugin manager that knows the hooks and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    # pluggy looks for plain functions.
    functions = {name: hook.method for name, hook in HOOKS.items()}
    manager.add_hookspecs(type("TaskTemplateSpec", (), functions))
    return manager
