"""Fifty ways in which a secret can travel: nothing of it is in what is written or shown.

Each way (`secret_ways`) has a secret of its own, so that what is found tells the way. What a task
prints or returns is its own: the run keeps no result that holds a secret, and masks no output.
"""

from __future__ import annotations

import base64
import hashlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
from pathlib import Path
from urllib.parse import quote

import pytest
from core.tests import secret_ways

pytestmark = pytest.mark.slow

NAMES = [*secret_ways.WAYS, "waits"]


def secret_of(way: str) -> str:
    """Different in each of its pieces from all others, with what needs an escape in between."""
    pieces = re.findall(".{8}", hashlib.sha256(way.encode()).hexdigest())
    return "{}/{}\"{}'{}+{} {}\\{}&{}".format(*pieces)


def pieces_of(value: str) -> set[bytes]:
    """What no text may hold: any piece between two special characters, as it is and encoded."""
    pieces = {piece.encode() for piece in re.findall("[0-9a-f]{8}", value)}
    data = value.encode()
    encoded = [base64.b64encode(bytes(n) + data).decode()[4:-4] for n in range(3)]
    encoded += [data.hex(), quote(data)]
    for text in encoded:
        pieces |= {text[n : n + 12].encode() for n in range(0, len(text) - 12, 6)}
    pieces |= {piece.decode().encode("utf-16-le") for piece in set(pieces) if len(piece) == 8}
    return pieces


FORBIDDEN = {way: pieces_of(secret_of(way)) for way in NAMES}


class House:
    """Folders of a user alone, whose programs are run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "house"
        self.secrets = folder / "secrets"
        for place in (self.folder, self.secrets, self.folder / "tmp"):
            place.mkdir()
        for way in NAMES:
            (self.secrets / way).write_text(secret_of(way))
        shutil.copy(secret_ways.__file__, self.folder / "ways.py")
        self.environ = os.environ | {
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "TMPDIR": str(self.folder / "tmp"),
            "TASKSMITHY_SECRETS_DIR": str(self.secrets),
            "TERM": "xterm",
            "COLUMNS": "60",
        }

    def start(self, *words: str, **options: object) -> subprocess.Popen[bytes]:
        """Start Python."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            [sys.executable, *words], cwd=self.folder, env=self.environ, **streams
        )

    def shown(self, *words: str) -> bytes:
        """What Python writes to its streams."""
        out, _ = self.start(*words).communicate(timeout=120)
        return bytes(out)

    def on_terminal(self, *words: str) -> bytes:
        """What Python writes to a terminal."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 60))
        process = self.start(*words, stdout=theirs, stderr=theirs, stdin=theirs)
        os.close(theirs)
        shown = b""
        while True:
            select.select([ours], [], [])
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
        process.wait()
        os.close(ours)
        return shown

    def leaks(self, shown: bytes = b"") -> list[tuple[str, str]]:
        """The ways that are found, and where: in what was shown, or in a file."""
        places = {"shown": shown}
        for file in self.folder.rglob("*"):
            if file.is_file():
                places[str(file.relative_to(self.folder))] = file.read_bytes()
        return [
            (way, place)
            for way, pieces in FORBIDDEN.items()
            for place, content in places.items()
            if any(piece in content for piece in pieces)
        ]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


MAIN = ("-m", "tasksmithy", "run", "ways.py", "main")


def test_the_search_finds_what_is_there(house: House) -> None:
    (house.folder / "leak").write_text(f"a {secret_of('log_message')[:8]}")
    (house.folder / "encoded").write_bytes(base64.b64encode(b"?" + secret_of("warning").encode()))
    assert house.leaks(secret_of("finalizer").encode()) == [
        ("log_message", "leak"),
        ("warning", "encoded"),
        ("finalizer", "shown"),
    ]


@pytest.mark.parametrize("options", [(), ("--json",), ("--verbose",), ("--quiet",)])
def test_nothing_is_found_after_a_run(house: House, options: tuple[str, ...]) -> None:
    shown = house.shown("-m", "tasksmithy", "run", *options, "ways.py", "main")
    assert str(len(secret_ways.WAYS) + 2).encode() in shown.splitlines(), shown.decode()
    assert shown.count(b"***") > (10 if options == ("--quiet",) else 30)
    assert b"it should have worked" not in shown
    shown += house.shown("-m", "tasksmithy", "runs", "list", "--json")
    run_id = re.search(rb'"id": ?"(\w+)"', shown).group(1).decode()  # type: ignore[union-attr]
    for words in (("show", run_id), ("show", run_id, "--json"), ("report", run_id)):
        shown += house.shown("-m", "tasksmithy", "runs", *words)
    assert (house.folder / f"{run_id}.html").stat().st_size > 10_000
    assert house.leaks(shown) == []


def test_nothing_is_found_on_a_terminal(house: House) -> None:
    shown = house.on_terminal(*MAIN)
    assert b"\x1b[" in shown  # the live display
    assert house.leaks(shown) == []


@pytest.mark.parametrize(
    "way",
    [
        "error_of_pydantic",
        "error_group",
        "error_own_class",
        "error_exit",
        "process_raises",
        "process_dies",
    ],
)
def test_nothing_is_found_of_an_error_that_nobody_handles(house: House, way: str) -> None:
    shown = house.shown("ways.py", way)
    assert house.leaks(shown) == []
    shown = house.shown("-m", "tasksmithy", "run", "ways.py", way)
    assert house.leaks(shown) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_found_after_a_signal_and_the_next_start(
    house: House, number: signal.Signals
) -> None:
    process = house.start("-m", "tasksmithy", "run", "ways.py", "sleeps")
    assert process.stdout is not None
    shown = b""
    while b"waiting" not in shown:
        shown += process.stdout.readline()
    assert [place for _, place in house.leaks(shown)] != []  # the file of the secret is mounted
    process.send_signal(number)
    shown += process.communicate(timeout=60)[0]
    at_once = house.leaks(shown)
    assert {way for way, _ in at_once} <= {"waits"}
    assert at_once == [] or number == signal.SIGKILL
    shown += house.shown("-m", "tasksmithy", "run", "ways.py", "number", "--n", "1")
    assert house.leaks(shown) == []
