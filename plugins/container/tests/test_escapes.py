"""Containers that try to reach this machine by what they leave: all refused, and nothing hangs."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import Dir, File, OutputError, run
from tasksmithy_container import ContainerTask

SECRET = "this is of the host"
LONG = "n" * 250

# The output, and what a container leaves for it; HOST is a file of this machine.
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
    (str, "dd if=/dev/zero of=o bs=1 count=1 seek=1099511627775 2>/dev/null"),
    (int, "echo HOST > o"),
    (list[int], "echo '[\"HOST\"]' > o"),
]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "of-the-host"
    file.write_text(SECRET)
    yield file
    assert file.read_text() == SECRET


@pytest.mark.slow
def test_nothing_of_this_machine_is_read_and_the_next_task_is_as_ever(
    image: str, engine: str, host: Path
) -> None:
    assert len(REFUSED) >= 40
    at_once = asyncio.Semaphore(6)

    async def refused(kind: Any, script: str) -> str | None:
        made = script.replace("HOST", str(host))
        # What listens at a socket does not end by itself.
        made = f"({made}) & sleep 1" if "nc -lU" in made else made
        task = ContainerTask(
            name="t",
            image=image,
            command=["sh", "-c", f"cd /var/outputs; {made}; true"],
            outputs={"o": kind},
            local_logs=False,
            timeout=120,
        )
        async with at_once:
            try:
                found = await task.aio()
            except OutputError as error:
                return None if SECRET not in str(error) else f"{script}: told {error}"
            return f"{script}: {found!r}"

    async def all_of_them() -> list[str | None]:
        return await asyncio.gather(*(refused(kind, script) for kind, script in REFUSED))

    assert [problem for problem in asyncio.run(all_of_them()) if problem] == []
    following = ContainerTask(
        name="t", image=image, command=["sh", "-c", "echo 5 > /var/outputs/o"], outputs={"o": int}
    )
    assert run(following) == 5
