"""The display of a run on a terminal: what an emulator of one shows in the end, and meanwhile."""

from __future__ import annotations

import os
import pty
import random
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyte
import pytest

LINES = 24

# A line is one write: those of several writers may come in between two.
TASKS = """
import asyncio
import subprocess
import sys
import time
from pathlib import Path

from tasksmithy import TaskEnvironment, current

env = TaskEnvironment(name="show")
here = Path(__file__).parent


def lines(who, number=8, pause=0.15):
    for n in range(number):
        print(f"{who} line {n}\\n", end="", flush=True)
        time.sleep(pause)


@env.task
async def of_the_loop() -> None:
    for n in range(8):
        print(f"loop line {n}\\n", end="", flush=True)
        await asyncio.sleep(0.15)


@env.task
def of_a_thread() -> None:
    lines("thread")


@env.task(timeout=30)
def of_a_process() -> None:
    lines("process")


@env.task
def of_a_program() -> None:
    lines = "for i in 0 1 2 3 4 5 6 7; do echo program line $i; sleep 0.15; done"
    subprocess.run(lines, shell=True, check=True)


@env.task
async def of_all() -> None:
    await asyncio.gather(of_the_loop(), of_a_thread.aio(), of_a_process.aio(), of_a_program.aio())


@env.task
async def many() -> None:
    for n in range(60):
        print(f"line {n}")
        await asyncio.sleep(0.03)


@env.task
async def grows() -> None:
    async def some(number):
        await asyncio.sleep(number / 5)
        print(f"after {number}")
        await several[number]()

    print("before")
    await asyncio.gather(*map(some, range(6)))


@env.task
async def at_once() -> None:
    return None


@env.task
async def naps() -> None:
    await asyncio.sleep(0.7)


several = [TaskEnvironment(name=f"nap{n}").task(naps.func) for n in range(6)]


@env.task
def dots() -> None:
    for _ in range(20):
        print(".", end="", flush=True)
        time.sleep(0.05)
    print()


@env.task(timeout=30)
def a_bar() -> None:
    for step in range(20):
        sys.stderr.write(f"\\rstep {step}|")
        sys.stderr.flush()
        time.sleep(0.05)
    print()


@env.task
def asks() -> str:
    time.sleep(0.6)
    return input("your name? ")


@env.task
async def without_end() -> None:
    try:
        n = 0
        while True:
            print(f"line {n}\\n", end="", flush=True)
            n += 1
            (here / "printed").write_text(str(n))
            await asyncio.sleep(0.01)
    finally:
        print("tidied\\n", end="", flush=True)


@env.task
async def holds_on() -> None:
    while True:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            print("held on", flush=True)
"""


class Terminal:
    """`tasksmithy run` on a terminal that has 24 lines of 80 characters."""

    def __init__(self, folder: Path, *words: str) -> None:
        (folder / "show.py").write_text(TASKS)
        self.raw = b""
        self._screen = pyte.HistoryScreen(80, LINES, history=10_000, ratio=0.001)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (LINES, 80))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tasksmithy", "run", "show.py", *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env=os.environ | {"XDG_STATE_HOME": str(folder / "state"), "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(slave)

    def see(self, text: str) -> list[str]:
        """What is there once `text` is."""
        while not any(text in line for line in self.lines()):
            assert self._read(), "\n".join(self.lines())
        return self.lines()

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def resize(self, lines: int) -> None:
        self._screen.resize(lines, 80)
        termios.tcsetwinsize(self._master, (lines, 80))

    def end(self) -> list[str]:
        """All lines that have been on the screen, once the process has ended."""
        while self._read():
            pass
        os.close(self._master)
        self.process.wait(60)
        return self.lines()

    def lines(self) -> list[str]:
        above = ["".join(row[n].data for n in range(80)) for row in self._screen.history.top]
        return [line.rstrip() for line in [*above, *self._screen.display]]

    @property
    def margins(self) -> object:
        """The part of the screen that scrolls; None where that is all of it."""
        margins = self._screen.margins
        return None if margins is None or margins.bottom == self._screen.lines - 1 else margins

    def _read(self) -> bool:
        piece = b""
        with suppress(OSError):  # the other side is closed
            piece = os.read(self._master, 65536)
        self.raw += piece
        self._stream.feed(piece)
        return bool(piece)


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[list[Terminal]]:
    terminals: list[Terminal] = []
    yield terminals
    for terminal in terminals:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.process.wait()


def numbered(lines: list[str], who: str) -> list[int]:
    return [int(line.removeprefix(f"{who} ")) for line in lines if line.startswith(f"{who} ")]


def ended(lines: list[str]) -> list[str]:
    """The lines but those that are empty, without the id of the run and its time."""
    return [line.partition(": ")[0][:3] if line.startswith("run r") else line
            for line in lines if line]  # fmt: skip


@pytest.mark.parametrize("who", ["loop", "thread", "process", "program"])
def test_every_line_is_there_in_the_end_whoever_prints_it(tmp_path: Path, who: str) -> None:
    task = f"of_the_{who}" if who == "loop" else f"of_a_{who}"
    terminal = Terminal(tmp_path, task)
    lines = terminal.end()
    assert b"1 running" in terminal.raw
    assert ended(lines) == [*(f"{who} line {n}" for n in range(8)), "run", "null"]
    assert terminal.margins is None


def test_every_line_is_there_where_several_print_at_once(tmp_path: Path) -> None:
    lines = Terminal(tmp_path, "of_all").end()
    for who in ("loop", "thread", "process", "program"):
        assert numbered(lines, f"{who} line") == list(range(8))


def test_more_lines_than_the_screen_has_scroll_above_the_display(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "many")
    meanwhile = terminal.see("line 50")
    assert any("1 running" in line for line in meanwhile[-2:])
    lines = terminal.end()
    assert ended(lines) == [*(f"line {n}" for n in range(60)), "run", "null"]


def test_the_display_grows_and_shrinks_beside_what_is_printed(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "grows")
    lines = terminal.end()
    assert ended(lines) == ["before", *(f"after {n}" for n in range(6)), "run", "null"]


@pytest.mark.parametrize("lines", [12, 40])
def test_a_terminal_may_get_another_size(tmp_path: Path, lines: int) -> None:
    terminal = Terminal(tmp_path, "many")
    terminal.see("line 15")
    terminal.resize(lines)
    left = terminal.end()
    # The emulator drops lines at the top as it gets smaller, and keeps none of them.
    assert numbered(left, "line")[-40:] == list(range(20, 60))
    assert terminal.margins is None


@pytest.mark.parametrize(("task", "left"), [("dots", "." * 20), ("a_bar", "step 19|")])
def test_what_has_no_line_end_yet_is_not_torn(tmp_path: Path, task: str, left: str) -> None:
    assert ended(Terminal(tmp_path, task).end()) == [left, "run", "null"]


def test_a_task_that_asks_is_answered_where_it_asks(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "asks")
    terminal.see("your name?")
    terminal.see("1 running")
    terminal.type("Ann\n")
    assert ended(terminal.end()) == ["your name? Ann", "run", "Ann"]


def interrupted(folder: Path, after: float) -> list[str]:
    terminal = Terminal(folder, "without_end")
    terminal.see("line 0")
    time.sleep(after)
    terminal.process.send_signal(signal.SIGINT)
    lines = terminal.end()
    assert terminal.margins is None
    printed = int((folder / "printed").read_text())
    assert numbered(lines, "line")[:printed] == list(range(printed))
    assert "tidied" in lines
    return lines


def test_a_run_that_is_interrupted_leaves_every_line(tmp_path: Path) -> None:
    lines = interrupted(tmp_path, 0.8)
    assert any(line.startswith("stopping: ") for line in lines)
    assert not any("running" in line for line in lines)


@pytest.mark.slow
def test_a_run_leaves_every_line_whenever_it_is_interrupted(tmp_path: Path) -> None:
    for _ in range(60):
        assert not any("running" in line for line in interrupted(tmp_path, random.random() * 1.2))


def test_a_run_that_is_ended_at_once_gives_the_terminal_back(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "holds_on")
    terminal.see("1 running")
    terminal.process.send_signal(signal.SIGINT)
    terminal.see("held on")
    terminal.process.send_signal(signal.SIGINT)
    lines = terminal.end()
    assert terminal.process.returncode == 130
    assert terminal.margins is None
    assert not any("running" in line for line in lines)


def test_a_run_is_drawn_at_most_ten_times_a_second(tmp_path: Path) -> None:
    began = time.monotonic()
    terminal = Terminal(tmp_path, "many")
    terminal.end()
    assert 1 < terminal.raw.count(b"1 running") <= 10 * (time.monotonic() - began)


@pytest.mark.parametrize("words", [["at_once"], ["naps", "--quiet"]])
def test_a_short_run_and_a_quiet_one_draw_nothing(tmp_path: Path, words: list[str]) -> None:
    terminal = Terminal(tmp_path, *words)
    assert "null" in terminal.end()
    assert b"\x1b" not in terminal.raw
