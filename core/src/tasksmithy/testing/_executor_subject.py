"""ExecutorSubject: the executor that is checked, and how the checks run tasks by it."""

from __future__ import annotations

import asyncio
import inspect
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn

import pytest

from tasksmithy.errors import NotExecutableError, PluginError, SettingsError
from tasksmithy.plugins._attempt import Executor
from tasksmithy.plugins._contract import CAPABILITIES
from tasksmithy.plugins._executor import made_executor
from tasksmithy.plugins._observer import Observer
from tasksmithy.plugins._registry import Registry
from tasksmithy.plugins._settings import Settings
from tasksmithy.runtime._run import Runner, with_runcontext
from tasksmithy.task._events import Event
from tasksmithy.task._template import TaskTemplate
from tasksmithy.testing._outcome import fail

Task = TaskTemplate[..., Any]

PATIENCE: Final = 120.0
"""Seconds in which a run has to end that does nothing for long."""


class Recorder(Observer):
    """An observer that keeps the events of a run."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def observe(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)

    def of(self, kind: type[Event], task: Task | None = None) -> list[Any]:
        """The events of a kind, or those of them that are of a task."""
        found: list[Any] = [event for event in self.events if isinstance(event, kind)]
        return found if task is None else [e for e in found if e.execution.task == task.name]


class ExecutorSubject:
    """What the author of an executor says about it.

    Attributes:
        executor: the name of the installed executor, or a class of executors.
        options: its options, as `executor_options` of a run has them.
    """

    executor: ClassVar[str | Callable[..., Executor]] = ""
    options: ClassVar[Mapping[str, Any]] = {}

    _folder: Path
    _registry: Registry

    @pytest.fixture(autouse=True)
    def _ground(self, tmp_path: Path) -> Iterator[None]:
        self._folder = tmp_path
        with Registry(settings=Settings()).entered() as self._registry:
            yield

    @property
    def _chosen(self) -> str | Callable[..., Executor]:
        # A function in a class body would be a method.
        chosen: str | Callable[..., Executor] = inspect.getattr_static(type(self), "executor")
        return chosen

    @property
    def _maker(self) -> Any:
        chosen = self._chosen
        return self._registry.executor(chosen)[0] if isinstance(chosen, str) else chosen

    @property
    def _who(self) -> str:
        chosen = self._chosen
        if isinstance(chosen, str):
            with suppress(PluginError):
                return self._registry.executor(chosen)[1]
            return f"executor {chosen!r}"
        return f"executor {getattr(chosen, '__qualname__', chosen)}"

    def _made(self) -> Executor:
        """An executor, made as a run does; one that cannot be made has a check of its own."""
        try:
            return made_executor(self._chosen, dict(self.options)).executor
        except (PluginError, SettingsError):
            pytest.skip("see test_it_can_be_made")

    def _need(self, capability: str) -> None:
        """Skip the check where the executor does not say that it has a capability."""
        if capability not in getattr(self._maker, "capabilities", ()):
            pytest.skip(
                f"{self._who} does not declare the capability {capability!r}: it "
                f"{CAPABILITIES[capability]}"
            )

    def _need_heeded(self, field: str) -> None:
        """Skip the check where the executor does not honour a field of a task."""
        if field not in self._made().heeds:
            pytest.skip(f"{self._who} does not heed {field!r}")

    def _file(self, name: str) -> str:
        return str(self._folder / name)

    def _runner(self, **options: Any) -> Runner:
        return with_runcontext(
            executor=self._chosen,
            executor_options=dict(self.options),
            runs_dir=self._folder / "runs",
            cache_dir=self._folder / "cache",
            **options,
        )

    async def _arun(self, task: Task, /, *args: Any, **options: Any) -> Any:
        """The result of a task, which has to be there in time."""
        run = asyncio.ensure_future(self._runner(**options).arun(task, *args))
        done, _ = await asyncio.wait({run}, timeout=PATIENCE)
        if not done:
            run.cancel()
            await asyncio.wait({run}, timeout=PATIENCE)
            fail(
                f"{self._who}: task {task.name!r} had neither a result nor an error after "
                f"{PATIENCE:.0f} s",
                "let perform() return when the attempt has ended, and hold no place for an attempt "
                "that waits for its children, in host.call(...)",
            )
        return run.result()

    def _raised(self, task: Task, /, *args: Any, **options: Any) -> Exception:
        """What a task raises."""
        result, raised = None, None
        try:
            result = asyncio.run(self._arun(task, *args, **options))
        except NotExecutableError as error:
            pytest.skip(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is
            raised = error
        if raised is None:
            fail(
                f"{self._who}: task {task.name!r} raises an error, and by this executor it has the "
                f"result {result!r}",
                "let what make_attempt(...) raises through perform()",
            )
        return raised

    def _result(self, task: Task, /, *args: Any, **options: Any) -> Any:
        """The result of a task that has one."""
        return self._ran(self._arun(task, *args, **options), task)

    def _ran(self, running: Coroutine[Any, Any, Any], task: Task) -> Any:
        try:
            result = asyncio.run(running)
        except NotExecutableError as error:
            pytest.skip(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is
            self._failed(task, error)
        return result

    def _failed(self, task: Task, error: Exception) -> NoReturn:
        fail(
            f"{self._who}: task {task.name!r} has a result, and by this executor it raised "
            f"{type(error).__name__}: {error}\n\n"
            + "".join(traceback.format_exception(error)[-8:]),
            "make the attempt by make_attempt(attempt, host), and return what it returns",
        )


async def until(condition: Callable[[], object]) -> bool:
    """Wait until something is so; whether it was so in time."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.01)
    return True
