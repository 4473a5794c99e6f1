"""What a container task costs beside the bare engine: `python benchmarks/bench_container.py`.

One container that does nothing, and eight of them at once, each as a `ContainerTask` and as the
engine's own `run --rm`. The contenders are timed in turn, several times over, so that a busy
machine slows all of them alike; the table has the median of each and its ratio to the bare command.
The image is made from this machine's busybox, so nothing is pulled.
"""

import argparse
import asyncio
import io
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tasksmithy import arun, run
from tasksmithy_container import ContainerTask, NoEngineError
from tasksmithy_container.engine import Engine, find_engine

IMAGE = "localhost/tasksmithy-bench-busybox:1"
AT_ONCE = 8


class Row(NamedTuple):
    """One figure: how long one contender takes for a number of containers at once."""

    containers: int
    contender: str
    milliseconds: float
    ratio: float
    """To the bare engine in the same run."""


@contextmanager
def image(engine: Engine, busybox: str) -> Iterator[None]:
    """An image that has one program, `/bin/busybox`."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
    command = [engine.program, "import", "-", IMAGE]
    subprocess.run(command, input=archive.getvalue(), capture_output=True, check=True)
    try:
        yield
    finally:
        subprocess.run([engine.program, "rmi", IMAGE], capture_output=True, check=True)


def bare(engine: Engine, count: int) -> None:
    command = [engine.program, "run", "--rm", IMAGE, "/bin/busybox", "true"]
    running = [subprocess.Popen(command) for _ in range(count)]
    if any(process.wait() for process in running):
        raise RuntimeError(f"{engine.program} failed")


def container_task(count: int) -> None:
    task = ContainerTask(name="nothing", image=IMAGE, command=["/bin/busybox", "true"])
    if count == 1:
        run(task)
        return

    async def several() -> None:
        await asyncio.gather(*(arun(task) for _ in range(count)))

    asyncio.run(several())


def measure(engine: Engine, count: int, repetitions: int) -> list[Row]:
    """Time the contenders in turn, `repetitions` times, with `count` containers at once."""
    floor = f"{engine.kind} run --rm"
    contenders: dict[str, Callable[[], None]] = {
        floor: lambda: bare(engine, count),
        "ContainerTask": lambda: container_task(count),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for repetition in range(repetitions + 1):
        for name, contender in contenders.items():
            start = time.perf_counter()
            contender()
            if repetition:  # the first round warms the file cache
                times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return [
        Row(count, name, 1000 * median, median / medians[floor]) for name, median in medians.items()
    ]


def table(rows: Sequence[Row]) -> str:
    lines = [f"{'at once':>7}  {'contender':<24} {'median ms':>10} {'ratio':>8}"]
    lines += [
        f"{row.containers:>7}  {row.contender:<24} {row.milliseconds:>10.1f} {row.ratio:>8.2f}"
        for row in rows
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=15)
    options = parser.parse_args(arguments)
    busybox = shutil.which("busybox")
    try:
        engine = asyncio.run(find_engine())
    except NoEngineError as error:
        sys.exit(f"containers are not measured: {error}")
    if busybox is None:
        sys.exit("containers are not measured: there is no busybox to make an image of")
    with image(engine, busybox):
        rows = [
            row for count in (1, AT_ONCE) for row in measure(engine, count, options.repetitions)
        ]
    print(f"Python {sys.version.split()[0]}, {engine.program}")
    print(table(rows))


if __name__ == "__main__":
    main()
