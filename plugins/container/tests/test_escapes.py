"""Containers that try to reach this machine by what they leave: refused or harmless, none hangs."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import Dir, File, OutputError, run, with_runcontext
from tasksmithy.extend import state_folder
from tasksmithy_container import ContainerTask

pytestmark = pytest.mark.slow

SECRET = "this is of the host"
LONG = "n" * 250
MANY = 100_000

# The output, and what a container leaves for it. HOST is a file of this machine, which is also the
# input x; LARGER is more bytes than its disk has.
REFUSED: list[tuple[Any, str]] = [
    *(
        (kind, f"ln -s {target} o")
        for kind in (File, Dir, str, int, bytes, list[str])
        for target in ("HOST", "../../../../../../../../../../../../HOST", "/", "/proc/self/root")
    ),
    *((kind, f"{make} o") for kind in (File, Dir, str) for make in ("mkfifo", "nc -lU")),
    *(
        (Dir, f"mkdir -p o/a/b; cd o/a/b; {make}")
        for make in (
            *("ln -s HOST s", "ln -s / s", "ln -s ../../.. s", "ln -s ../../../x s", "ln -s s s"),
            *("ln -s a b; ln -s b a", "ln -s nothing s", "ln -s /var/outputs/o/f s; touch ../f"),
            *("ln -s /proc/self/environ s", "ln -s . up; ln -s up/../../../../HOST s"),
            *("mkfifo p", "ln -s HOST \"$(printf 'a\\nb')\"", "touch \"$(printf '\\377')\""),
            f"ln -s HOST {LONG}",
            f"for i in $(seq 20); do mkdir {LONG}; cd {LONG}; done",
            "for i in $(seq 150); do mkdir d; cd d; done; ln -s HOST s",
            "touch f; ln f g; ln -s HOST s",
        )
    ),
    *(
        (kind, f"{make} bs=1 count=1 seek=LARGER 2>/dev/null")
        for kind, make in (
            (str, "dd if=/dev/zero of=o"),
            (File, "dd if=/dev/zero of=o"),
            (Dir, "mkdir o; dd if=/dev/zero of=o/f"),
        )
    ),
    # Inputs are on another mount, and no container makes devices.
    *((kind, "ln /var/inputs/x o 2>/dev/null") for kind in (File, str)),
    *((kind, f"mknod o {what} 2>/dev/null") for kind in (File, str) for what in ("b 8 0", "p")),
    (int, "echo HOST > o"),
    (list[int], "echo '[\"HOST\"]' > o"),
]

# What may be a result, of which nobody reads anything of this machine.
HARMLESS: list[tuple[Any, str]] = [
    # Races: what is there when the container ends is checked, and nothing changes it any more.
    *(
        (kind, f"(while :; do {two_things}; done) & sleep 1")
        for kind, two_things in (
            *((kind, "ln -sfn HOST o; rm o; echo 1 > o; rm o") for kind in (File, str, int)),
            (Dir, "mkdir -p o; ln -s HOST o/s; rm o/s; mkdir o/s; rmdir o/s"),
            (Dir, "mkdir -p o/a; ln -s / o/b; mv o/b o/c; rm o/c; mv o/a o/b; mv o/b o/a"),
            (Dir, "mkdir o; rm -r o; ln -s / o; rm o"),
            (File, "mkfifo o; rm o; touch o; rm o"),
        )
    ),
    (Dir, "mkdir o; mknod o/sda b 8 0 2>/dev/null; mknod o/zero c 1 5 2>/dev/null"),
    (Dir, "mkdir o; ln /var/inputs/x o/s 2>/dev/null"),
    (Dir, "mkdir o; cd o; for i in $(seq 14); do mkdir n; cd n; touch \"$(printf 'a\\nb')\"; done"),
    (Dir, f"mkdir -p o/..n/...; touch o/-rf 'o/; id' 'o/$(id)' o/{LONG}"),
    (Dir, f"mkdir o; cd o; seq {MANY} | xargs touch"),
    (File, "dd if=/dev/zero of=o bs=1 count=1 seek=100000000 2>/dev/null"),
]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "of-the-host"
    file.write_text(SECRET)
    yield file
    assert file.read_text() == SECRET


@pytest.fixture
def left_by(
    image: str, host: Path, tmp_path: Path
) -> Callable[[Any, str], Coroutine[Any, Any, Any]]:
    """Gives what comes of a container that leaves something; it is kept, so all of it is read."""
    state = os.statvfs(state_folder())
    larger = state.f_blocks * state.f_frsize + 1
    runs = with_runcontext(cache_dir=tmp_path / "cache")

    async def left_by(kind: Any, script: str) -> Any:
        made = script.replace("HOST", str(host)).replace("LARGER", str(larger))
        # What listens at a socket does not end by itself.
        made = f"({made}) & sleep 1" if "nc -lU" in made else made
        task = ContainerTask(
            name="t",
            image=image,
            command=["sh", "-c", f"cd /var/outputs; {made}; true"],
            inputs={"x": File},
            outputs={"o": kind},
            local_logs=False,
            timeout=600,
            cache="auto",
        )
        return await runs.arun(task, x=File(str(host)))

    return left_by


async def problems(found: Iterable[Coroutine[Any, Any, str | None]]) -> list[str]:
    """What is told of several containers, of which a few run at once."""
    at_once = asyncio.Semaphore(6)

    async def one(each: Coroutine[Any, Any, str | None]) -> str | None:
        async with at_once:
            return await each

    return [problem for problem in await asyncio.gather(*map(one, found)) if problem]


def is_as_ever(image: str) -> bool:
    """Whether the next task has its result."""
    script = ["sh", "-c", "echo 5 > /var/outputs/o"]
    task = ContainerTask(name="t", image=image, command=script, outputs={"o": int})
    return bool(run(task) == 5)


def test_nothing_of_this_machine_is_read_and_the_next_task_is_as_ever(
    image: str, engine: str, left_by: Any
) -> None:
    assert len(REFUSED) >= 40

    async def refused(kind: Any, script: str) -> str | None:
        try:
            found = await left_by(kind, script)
        except OutputError as error:
            return f"{script}: told {error}" if SECRET in str(error) else None
        return f"{script}: {found!r}"

    assert asyncio.run(problems(refused(*each) for each in REFUSED)) == []
    assert is_as_ever(image)


def reachable(found: Any) -> str:
    """All that a user who trusts a result may read by it, and what kind of thing it is."""
    if not isinstance(found, File | Dir):
        return str(found)
    root = Path(found)
    things = [root, *root.rglob("*")]
    odd = [
        str(each) for each in things if each.is_symlink() or not (each.is_file() or each.is_dir())
    ]
    small = (each for each in things if each.is_file() and each.stat().st_size < 1_000)
    return "".join([*odd, *(each.read_text() for each in small)])


def test_races_names_and_crowds_reach_nothing_either(image: str, engine: str, left_by: Any) -> None:
    async def harmless(kind: Any, script: str) -> str | None:
        try:
            found = await left_by(kind, script)
        except OutputError as error:
            found = str(error)
        read = reachable(found)
        if "xargs" in script and len(found.names()) != MANY:
            return f"{script}: {len(found.names())} files"
        return f"{script}: {read}" if SECRET in read or str(state_folder()) in read else None

    assert asyncio.run(problems(harmless(*each) for each in HARMLESS)) == []
    assert is_as_ever(image)
