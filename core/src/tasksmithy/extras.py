"""Task types beyond the function, under the names of Flyte 2's `flyte.extras`."""

from __future__ import annotations

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.plugins._registry import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tasksmithy_container import ContainerTask as ContainerTask

__all__ = ["ContainerTask"]


def __getattr__(name: str) -> object:
    if name == "ContainerTask":
        registry: Registry = registry_in_use.get()
        return registry.template("raw-container")
    from tasksmithy._flyte_names import missing

    raise missing(__name__, name)
