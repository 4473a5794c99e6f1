"""What the tests of the core share: the command line, as a person calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Done:
    """What a command has left behind."""

    code: int
    out: str
    err: str

    def printed(self) -> str:
        """What a command printed that did what was asked, and had nothing else to say."""
        assert (self.code, self.err) == (0, "")
        return self.out

    def refusal(self) -> str:
        """What a command said that could not do what was asked: one message, no traceback."""
        assert (self.code, self.out) == (2, "")
        assert "Traceback" not in self.err
        assert self.err.startswith("error: ")
        return self.err


class CommandLine:
    """`tasksmithy` in a folder, which also holds the records of its runs, in `state`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: object, **environ: str) -> Done:
        """Run a command to its end."""
        process = self.start(*words, **environ)
        out, err = process.communicate(timeout=60)
        return Done(process.returncode, out, err)

    def start(self, *words: object, **environ: str) -> subprocess.Popen[str]:
        """Start a command, which leads a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "tasksmithy", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=os.environ | {"XDG_STATE_HOME": str(self.folder / "state")} | environ,
            start_new_session=True,
        )


@pytest.fixture
def tasksmithy(tmp_path: Path) -> CommandLine:
    """The command line, in the folder of the test."""
    return CommandLine(tmp_path)
