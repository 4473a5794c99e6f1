"""FunctionTaskType: what the core asks of tasks that are Python functions."""

from __future__ import annotations

import functools
import hashlib
import inspect
import linecache
import tokenize
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CellType, CodeType
from typing import Any

from tasksmithy import SerializationContext, TaskTemplate, TaskType, hookimpl, in_thread
from tasksmithy.errors import TaskDefinitionError, ValueEncodingError
from tasksmithy.extend import digest, importable_module
from tasksmithy_function.task import AsyncFunctionTaskTemplate

Task = AsyncFunctionTaskTemplate[..., Any]


class FunctionTaskType(TaskType):
    """Task type `python`."""

    template = AsyncFunctionTaskTemplate

    @hookimpl
    async def execute(self, task: Task, inputs: Mapping[str, Any]) -> Any:
        """Call the function: an async one in the event loop, a sync one in a thread."""
        if not isinstance(task, AsyncFunctionTaskTemplate):
            raise _no_function(task)
        if inspect.iscoroutinefunction(task.func):
            return await task.func(**inputs)
        result = await in_thread(task.func, **inputs)
        # A plain function around an async one gives the coroutine of that.
        return await result if inspect.isawaitable(result) else result

    @hookimpl
    def container_args(self, task: Task, sctx: SerializationContext) -> list[str]:
        """The call of `tasksmithy_function.entrypoint` that runs the function in a container."""
        args = [
            *(sctx.interpreter_path, "-m", "tasksmithy_function.entrypoint"),
            *("--inputs", sctx.input_path),
            *("--outputs-path", sctx.output_path),
            *("--version", sctx.version),
        ]
        if sctx.code_bundle is not None:
            args += ["--tgz", sctx.code_bundle.tgz, "--dest", sctx.code_bundle.destination]
        return [*args, "--module", _module(task, sctx.root_dir), "--task", task.name]

    @hookimpl
    def cache_version(self, task: Task) -> str:
        """A digest of the function's source, its defaults, what it closes over, and its config."""
        parts: list[str] = []
        layer: Any = task.func
        while layer is not None:
            # What a decorator has wrapped is a layer of its own, and no value it closes over.
            inner = getattr(layer, "__wrapped__", None)
            closed_over = map(_content, getattr(layer, "__closure__", None) or ())
            values = [value for value in closed_over if value is not inner]
            values += [getattr(layer, name, None) for name in _BESIDE_THE_SOURCE]
            parts += [_source(getattr(layer, "__func__", layer)), *map(_digest, values)]
            layer = inner
        own = {name: getattr(task, name) for name in sorted(task.field_names - _OF_EVERY_FUNCTION)}
        parts += [f"{name} {_digest(value)}" for name, value in own.items() if value is not None]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _no_function(task: TaskTemplate[..., Any]) -> TaskDefinitionError:
    name = type(task).__name__
    allowed = f"a type of its own: class {name}(..., task_type=...); {name} has no function to call"
    return TaskDefinitionError(task.name, "task_type", task.task_type, allowed)


# A configuration, and what else a task type that builds on this one adds, may decide on the result.
_OF_EVERY_FUNCTION = TaskTemplate.field_names | {"func"}
_BESIDE_THE_SOURCE = ("__defaults__", "__kwdefaults__", "__self__")


@functools.lru_cache(maxsize=4096)
def _source(func: Callable[..., Any]) -> str:
    """The text of a function; its bytecode where there is none, as of one typed in a shell."""
    code = getattr(func, "__code__", None)
    if code is None:
        try:
            return inspect.cleandoc(inspect.getsource(func))
        except (OSError, TypeError):
            return repr(func)
    # `inspect.getsource` looks up the path of every module that is loaded, before it does this.
    lines = linecache.getlines(code.co_filename, getattr(func, "__globals__", None))
    try:
        block = inspect.getblock(lines[code.co_firstlineno - 1 :])
    except (tokenize.TokenError, SyntaxError):
        block = []
    return inspect.cleandoc("".join(block)) if block else _code(code)


def _code(code: CodeType) -> str:
    constants = [
        _code(each) if isinstance(each, CodeType) else _digest(each) for each in code.co_consts
    ]
    return repr((code.co_code, code.co_names, constants))


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # of a variable that has no value yet
        return None


def _digest(value: Any) -> str:
    try:
        return digest(value)
    except ValueEncodingError:
        # Its repr may hold an address: then it never hits the cache, which is the safe mistake.
        return repr(value)


def _module(task: Task, root: Path | None) -> str:
    """The function's module as a container imports it: relative to `root`, where there is one."""
    name = importable_module(task.func.__module__)
    if task.source_file is None:
        return name
    file = Path(task.source_file).resolve()
    if root is not None and file.is_relative_to(root.resolve()):
        parts = file.relative_to(root.resolve()).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" and parts[1:] else parts)
    return name
