"""Observer: the base class of what listens to the events of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasksmithy.task._events import Event


class Observer:
    """Is told what happens in runs; this one ignores it.

    A run tells each observer its events one after another, in a thread that belongs to that
    observer and that run, while the run goes on. What `observe` raises is a warning, and fails
    nothing. An observer that is more than 10,000 events behind is not told those that come on top,
    and a run waits at its end no longer than 5 seconds for its observers.

    Attributes:
        wants_output_digests: whether the run is to tell what identifies the outputs of executions.
            It costs a pass over each result.
    """

    wants_output_digests: bool = False

    def observe(self, event: Event) -> None:
        """Take notice of an event; `RunEnded` is the last one of a run."""
