"""Distributions that are written, for tests, as an installer would leave them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent


def write_distribution(
    folder: Path,
    name: str,
    files: Mapping[str, str],
    entry_points: Mapping[str, Mapping[str, str]],
    *,
    version: str = "1.0",
) -> None:
    """Write a distribution into a folder that is on `sys.path`.

    Args:
        folder: the folder.
        name: name of the distribution.
        files: path in the folder to content, which may be indented.
        entry_points: group to name to object reference.
        version: version of the distribution.
    """
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    groups = "\n".join(
        "\n".join([f"[{group}]", *(f"{key} = {value}" for key, value in names.items())])
        for group, names in entry_points.items()
    )
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    written = {
        **files,
        f"{info}/METADATA": metadata,
        f"{info}/entry_points.txt": f"{groups}\n",
    }
    written[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*written, f"{info}/RECORD"])
    for path, content in written.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(content), encoding="utf-8")
