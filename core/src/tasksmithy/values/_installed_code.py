"""Which modules belong to an installed distribution, and to which version of it."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from importlib import util
from pathlib import Path

_FOLDERS = tuple(
    str(folder) + os.sep for folder in (Path(os.__file__).parent, Path(__file__).parents[1])
)
"""The standard library, and tasksmithy itself where it is installed to be edited."""


def is_installed(module: str, file: str | None = None) -> bool:
    """Whether a module is the standard library's or a distribution's, and none of the user's own.

    Args:
        module: its name.
        file: the file that its code is from, where that is known.
    """
    if file is None or file.startswith("<"):
        return _is_installed_module(module)
    return _is_installed_file(file)


@lru_cache(maxsize=4096)
def _is_installed_file(file: str) -> bool:
    parts = Path(file).parts
    return (
        file.startswith((*_FOLDERS, "<frozen"))
        or "site-packages" in parts
        or "dist-packages" in parts
    )


def _is_installed_module(name: str) -> bool:
    top = name.partition(".")[0]
    if top in ("__main__", "__mp_main__"):
        return False  # whatever program has started a shell or a notebook
    known = sys.modules.get(name) or sys.modules.get(top)
    if known is None:
        try:
            spec = util.find_spec(top)
        except (ImportError, ValueError):
            return False
        file = None if spec is None else spec.origin
        return file in ("built-in", "frozen") or (file is not None and _is_installed_file(file))
    file = getattr(known, "__file__", None)
    if file is None:
        return top in sys.builtin_module_names or top in sys.stdlib_module_names
    return _is_installed_file(file)


@lru_cache(maxsize=1024)
def version_of(module: str) -> str:
    """The distribution of an installed module, as text, with its version where it has one."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return top  # of Python, whose version counts anyhow
    version = getattr(sys.modules.get(top), "__version__", None)
    if isinstance(version, str):
        return f"{top} {version}"
    from importlib import metadata

    names = metadata.packages_distributions().get(top, ())
    return " ".join([top, *(f"{name} {metadata.version(name)}" for name in sorted(set(names)))])
