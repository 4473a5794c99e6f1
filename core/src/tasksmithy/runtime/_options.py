"""RunOptions: what a run may be told beside its task and inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tasksmithy import checks
from tasksmithy._texts import shorten
from tasksmithy.errors import FieldError

if TYPE_CHECKING:
    from tasksmithy.plugins._attempt import Executor
    from tasksmithy.plugins._observer import Observer
    from tasksmithy.task._events import Event


class Listener(Protocol):
    """Gets each event at once, in the thread where it happens. It does not raise."""

    def observe(self, event: Event) -> None:
        """Take notice of an event."""
        ...


class RunOptions(NamedTuple):
    """How a run is to be done.

    Attributes:
        max_concurrency: how many tasks run at once; a task that waits for its children does not
            count. None: no limit.
        respect_resources: whether the cpu and memory that tasks declare limit what runs at once
            to what this machine has.
        cache_dir: folder of the cache; None: in the user's cache folder.
        runs_dir: folder of the records of runs; None: in the user's state folder.
        record: whether the run is recorded, so that it can be shown and resumed.
        resume: id of a recorded run that this one resumes.
        file: the file that the task comes from, for the record.
        inputs: the inputs as they were typed, for the record.
        executor: who makes the attempts: the name of an installed executor, or a class of them;
            None: this machine.
        executor_options: options of the executor, which go before those of the settings; text may
            stand for a value of another type, as on the command line.
        observers: get the events of the run, beside those that the settings enable: objects,
            or classes, of which each run makes one.
        progress: shows how the run goes; it gets each event at once.
    """

    max_concurrency: int | None = None
    respect_resources: bool = False
    cache_dir: str | Path | None = None
    runs_dir: str | Path | None = None
    record: bool = False
    resume: str | None = None
    file: str | None = None
    inputs: str | None = None
    executor: str | Callable[..., Executor] | None = None
    executor_options: Mapping[str, Any] = MappingProxyType({})
    observers: Sequence[Observer | type[Observer]] = ()
    progress: Listener | None = None

    @property
    def is_recorded(self) -> bool:
        """Whether the run is recorded; a resumed run is."""
        return self.record or self.resume is not None

    def check(self) -> None:
        """Check the fields.

        Raises:
            FieldError: a field has a value that is not allowed.
        """
        if self.max_concurrency is not None:
            checks.integer("max_concurrency", self.max_concurrency, 1)
        for name in ("respect_resources", "record"):
            checks.boolean(name, getattr(self, name))
        if not isinstance(self.observers, (list, tuple)):
            raise FieldError("observers", shorten(self.observers), "a list of observers")
        for name in ("cache_dir", "runs_dir"):
            folder = getattr(self, name)
            if folder is not None and not (isinstance(folder, (str, Path)) and str(folder)):
                allowed = "a pathlib.Path or its text, or None for the usual folder"
                raise FieldError(name, folder, allowed)
        if self.executor is not None and not callable(self.executor):
            checks.text("executor", self.executor)
        options = self.executor_options
        if not isinstance(options, Mapping) or not all(isinstance(name, str) for name in options):
            raise FieldError("executor_options", shorten(options), "a dict of option to value")
        if options and self.executor is None:
            allowed = "none without an executor: name the one they are for (--executor NAME)"
            raise FieldError("executor_options", shorten(options), allowed)
        for name in ("resume", "file", "inputs"):
            text = getattr(self, name)
            if text is not None:
                checks.text(name, text)
