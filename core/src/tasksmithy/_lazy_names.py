"""Public names that are imported when they are first used: a program pays for what it uses."""

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing alone would be most of what `import tasksmithy` costs
    from collections.abc import Callable, Mapping
    from typing import Any


def lazy_names(
    package: "str", homes: "Mapping[str, str]"
) -> "tuple[Callable[[str], Any], Callable[[], list[str]]]":
    """The `__getattr__` and the `__dir__` of a module whose names have their homes elsewhere.

    Args:
        package: the module.
        homes: public name to the module of the core that defines it.
    """

    def __getattr__(name: "str") -> "Any":  # noqa: N807
        home = homes.get(name)
        if home is None:
            from tasksmithy._flyte_names import missing

            raise missing(package, name)
        import sys
        from importlib import import_module

        value = getattr(import_module(f"tasksmithy.{home}"), name)
        setattr(sys.modules[package], name, value)  # so that the next look-up is an ordinary one
        return value

    return __getattr__, lambda: sorted(homes)
