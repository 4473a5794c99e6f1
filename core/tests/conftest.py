"""What the tests of the core share: the command line, as a person calls it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
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


class WarmStart:
    """A process whose forks run `tasksmithy`: see `warm_start.py`."""

    def __init__(self, folder: Path) -> None:
        self._variables = _read_at_start(os.environ)
        self._files = folder / "out", folder / "err"
        self.process = subprocess.Popen(
            # No child of the tests: a run that fails ends what its process has started.
            ["setsid", "--fork", sys.executable, Path(__file__).with_name("warm_start.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        )

    def fits(self, environ: Mapping[str, str]) -> bool:
        """Whether a new interpreter would be like this one."""
        return _read_at_start(environ) == self._variables

    def run(self, words: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Done:
        """Run a command to its end."""
        out, err = self._files
        out.write_bytes(b"")
        err.write_bytes(b"")
        command = {"words": words, "folder": str(folder), "environ": {**environ}}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        json.dump({**command, "out": str(out), "err": str(err)}, self.process.stdin)
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert select.select([self.process.stdout], [], [], 300)[0], "it does not end"
        return Done(int(self.process.stdout.readline()), out.read_text(), err.read_text())


def _read_at_start(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that an interpreter reads when it starts, except for the path."""
    kinds = ("PYTHON", "LC_", "LANG")
    return {k: v for k, v in environ.items() if k.startswith(kinds) and k != "PYTHONPATH"}


class CommandLine:
    """`tasksmithy` in a folder, which also holds the records of its runs, in `state`."""

    def __init__(self, folder: Path, warm_start: WarmStart) -> None:
        self.folder = folder
        self._warm_start = warm_start

    def __call__(self, *words: object, **environ: str) -> Done:
        """Run a command to its end."""
        variables = self._environ(environ)
        if self._warm_start.fits(variables):
            return self._warm_start.run([*map(str, words)], self.folder, variables)
        process = self.start(*words, **environ)
        out, err = process.communicate(timeout=300)
        return Done(process.returncode, out, err)

    def start(self, *words: object, **environ: str) -> subprocess.Popen[str]:
        """Start a command, which leads a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "tasksmithy", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self._environ(environ),
            start_new_session=True,
        )

    def _environ(self, more: Mapping[str, str]) -> dict[str, str]:
        return os.environ | {"XDG_STATE_HOME": str(self.folder / "state"), **more}


@pytest.fixture(scope="session")
def warm_start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmStart]:
    """What runs commands without the time that a start takes."""
    started = WarmStart(tmp_path_factory.mktemp("warm-start"))
    with started.process:
        yield started


@pytest.fixture
def tasksmithy(tmp_path: Path, warm_start: WarmStart) -> CommandLine:
    """The command line, in the folder of the test."""
    return CommandLine(tmp_path, warm_start)
