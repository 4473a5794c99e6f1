"""Which registry answers here: the one entered in this context, otherwise the process's own.

This module stands below the registry and does not know it. The package says, when it is imported,
how the process's registry is made; it is made when it is first needed.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing alone would be most of what `import tasksmithy` costs
    from collections.abc import Callable, Iterator
    from typing import Any


class RegistryInUse:
    """The registry of the process, which another replaces inside a context.

    Attributes:
        make: makes the process's registry.
    """

    make: Callable[[], Any]

    def __init__(self) -> None:
        self._process: Any = None
        self._begun = False
        self._entered: ContextVar[Any] = ContextVar("tasksmithy_registry", default=None)

    def get(self) -> Any:
        """The registry that is active here."""
        entered = self._entered.get()
        if entered is not None:
            return entered
        if self._process is None:
            self._process = self.make()
        return self._process

    @property
    def of_process(self) -> Any:
        """The process's own registry; None where it has not been needed."""
        return self._process

    def set(self, registry: Any) -> None:
        """Make `registry` the process's own."""
        self._process = registry
        self._begun = True

    def begin(self) -> None:
        """Note that a run uses the registry."""
        self._begun = True

    @property
    def is_set(self) -> bool:
        """Whether a registry has been made or entered already."""
        return self._entered.get() is not None or self._process is not None

    @property
    def is_initialized(self) -> bool:
        """Whether a registry has been set or entered, or has been used by a run."""
        return self._begun or self._entered.get() is not None

    @contextmanager
    def entered(self, registry: Any) -> Iterator[Any]:
        """Make `registry` the active one for the body, in this context alone."""
        token = self._entered.set(registry)
        try:
            yield registry
        finally:
            self._entered.reset(token)


registry_in_use: RegistryInUse = RegistryInUse()
