"""How long finding the installed plugins takes: `python benchmarks/bench_discovery.py`.

For each number of fake installed plugins, all contenders are timed in turn, several times over, so
that a busy machine slows all of them alike; the table has the median of each and its ratio to the
plain reading of the same files. Every time is a cold one as far as the contender's own caches go;
the operating system's file cache is warm for all.

pluggy and stevedore cannot list without loading: their figures contain the import of the plugins.
"""

import argparse
import importlib
import importlib.metadata
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pluggy
import stevedore
import stevedore._cache

from tasksmithy.plugins._discovery import TASK_TYPES, discover

SIZES = (3, 100, 1000)
FLOOR = "plain reading of the files"


class Row(NamedTuple):
    """One figure: how long one contender takes for a number of plugins."""

    plugins: int
    contender: str
    milliseconds: float
    ratio: float
    """To the plain reading of the same files in the same run."""


def write_plugins(site: Path, count: int) -> None:
    """What `pip install` leaves of `count` plugins, each a module and its metadata."""
    for number in range(count):
        name = f"tasksmithy_bench_{number}"
        (site / f"{name}.py").write_text("class TaskType: ...\n\n\ntask_type = TaskType()\n")
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "RECORD").write_text("")
        (info / "entry_points.txt").write_text(
            f"[{TASK_TYPES}]\nbench-{number} = {name}:task_type\n"
        )


@contextmanager
def installed(count: int) -> Iterator[Path]:
    """`sys.path` begins with a directory in which `count` plugins are installed.

    The value is a directory for the caches of contenders.
    """
    with tempfile.TemporaryDirectory() as scratch:
        site, caches = Path(scratch, "site"), Path(scratch, "caches")
        site.mkdir()
        caches.mkdir()
        write_plugins(site, count)
        sys.path.insert(0, str(site))
        try:
            yield caches
        finally:
            sys.path.remove(str(site))
            forget_plugins(caches)


def forget_plugins(caches: Path) -> None:
    """Unload the fake plugins and empty every cache that a contender keeps."""
    for name in [name for name in sys.modules if name.startswith("tasksmithy_bench_")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    importlib.metadata.MetadataPathFinder().invalidate_caches()
    stevedore.ExtensionManager.ENTRY_POINT_CACHE.clear()
    stevedore._cache._c._internal.clear()
    stevedore._cache._c._dir = tempfile.mkdtemp(dir=caches)
    stevedore._cache._c._disable_caching = False  # as it would be for a Python below /tmp


def plain_reading() -> int:
    """The floor: what has to be read is read, and nothing is made of it."""
    found = 0
    for entry in sys.path:
        try:
            children = os.scandir(entry or ".")
        except OSError:
            continue
        for child in children:
            if child.name.endswith((".dist-info", ".egg-info")):
                try:
                    with open(f"{child.path}/entry_points.txt", "rb") as file:  # noqa: PTH123
                        found += TASK_TYPES.encode() in file.read()
                except OSError:
                    continue
    return found


def tasksmithy_discover() -> int:
    return sum(record.group == TASK_TYPES for record in discover())


def standard_library() -> int:
    return len(importlib.metadata.entry_points(group=TASK_TYPES))


def pluggy_load() -> int:
    return pluggy.PluginManager("bench").load_setuptools_entrypoints(TASK_TYPES)


def stevedore_load() -> int:
    manager: stevedore.ExtensionManager[object] = stevedore.ExtensionManager(
        TASK_TYPES, invoke_on_load=False
    )
    return len(manager.names())


CONTENDERS: dict[str, Callable[[], int]] = {
    FLOOR: plain_reading,
    "tasksmithy.plugins._discovery.discover": tasksmithy_discover,
    "importlib.metadata.entry_points": standard_library,
    "pluggy load_setuptools_entrypoints (loads)": pluggy_load,
    "stevedore, its disk cache empty (loads)": stevedore_load,
}


def measure(count: int, repetitions: int) -> list[Row]:
    """Time all contenders in turn, `repetitions` times, with `count` plugins installed."""
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with installed(count) as caches:
        for repetition in range(repetitions + 1):
            for name, contender in CONTENDERS.items():
                forget_plugins(caches)
                start = time.perf_counter()
                found = contender()
                elapsed = time.perf_counter() - start
                if found < count:
                    raise RuntimeError(f"{name} found {found} of {count} plugins")
                if repetition:  # the first round warms the file cache and writes the .pyc files
                    times[name].append(elapsed)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return [
        Row(count, name, 1000 * median, median / medians[FLOOR]) for name, median in medians.items()
    ]


def run(sizes: Sequence[int] = SIZES, repetitions: int = 15) -> list[Row]:
    """All rows of the table."""
    return [row for count in sizes for row in measure(count, repetitions)]


def table(rows: Sequence[Row]) -> str:
    lines = [f"{'plugins':>7}  {'contender':<44} {'median ms':>10} {'ratio':>8}"]
    lines += [
        f"{row.plugins:>7}  {row.contender:<44} {row.milliseconds:>10.2f} {row.ratio:>8.2f}"
        for row in rows
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of plugins")
    parser.add_argument("--repetitions", type=int, default=15)
    options = parser.parse_args(arguments)
    others = sum(1 for _ in importlib.metadata.distributions())
    print(f"Python {sys.version.split()[0]}, {others} other distributions on sys.path")
    print(table(run(options.sizes, options.repetitions)))


if __name__ == "__main__":
    main()
