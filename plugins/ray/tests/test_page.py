"""The page about clusters is true: it is followed, with processes in the place of machines."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs" / "ray.md"

SMALL = (
    "--block --num-cpus=1 --object-store-memory=80000000 --include-dashboard=false "
    "--disable-usage-stats --node-ip-address=127.0.0.1"
)
"""What a node of the tests has besides: little of this machine."""


@pytest.fixture
def port() -> int:
    """The port of the head."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found: int = free.getsockname()[1]
        return found


@pytest.fixture
def commands(port: int) -> list[str]:
    """The commands of the section about machines, with the address of this one."""
    text = PAGE.read_text(encoding="utf-8")
    [section] = re.findall(
        r"^## On machines of your own\n(.*?)^## ", text, re.DOTALL | re.MULTILINE
    )
    there = section.replace("10.0.0.1:6379", f"127.0.0.1:{port}").replace("6379", str(port))
    code = "".join(re.findall(r"```text\n(.*?)```", there, re.DOTALL)).replace("\\\n", " ")
    return re.findall(r"^\$ (.*)$", code, re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the program of the page, beside the package that a command sends."""
    [program] = re.findall(r"```python\n(# squares\.py\n.*?)```", PAGE.read_text(), re.DOTALL)
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "squares.py").write_text(program)
    (tmp_path / "shared" / "prices").mkdir(parents=True)
    (tmp_path / "shared" / "prices" / "__init__.py").touch()
    return folder


@pytest.fixture
def environ(commands: list[str], tmp_path: Path) -> dict[str, str]:
    """The variables of each machine, with the token that the page has made."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "HOME": str(tmp_path)}
    [generate] = [each for each in commands if each.startswith("ray get-auth-token")]
    made = subprocess.run(
        generate, shell=True, env=environ, capture_output=True, text=True, check=True, timeout=120
    )
    (tmp_path / ".ray" / "auth_token").unlink()
    [export] = [each for each in commands if each.startswith("export ")]
    variables = dict(each.split("=") for each in export.split()[1:])
    return {**environ, **variables, "RAY_AUTH_TOKEN": made.stdout.split()[-1]}


@pytest.fixture
def machines(
    commands: list[str], environ: dict[str, str], port: int, sessions: str
) -> Iterator[None]:
    """A head and another machine, as the page has them started."""
    starts = [each for each in commands if each.startswith("ray start ")]
    assert len(starts) == 2
    with ExitStack() as stack:
        for each in starts:
            own = f"{SMALL} --temp-dir={sessions}" if "--head" in each else SMALL
            node = subprocess.Popen(
                f"exec {each} {own}", shell=True, env=environ,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            stack.callback(_end, node)
            _until_it_answers(port, node)
        yield


def _end(node: subprocess.Popen[bytes]) -> None:
    node.send_signal(signal.SIGTERM)
    try:
        node.wait(60)
    except subprocess.TimeoutExpired:
        node.kill()
        node.wait()


def _until_it_answers(port: int, node: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 180
    while True:
        assert node.poll() is None
        assert time.monotonic() < end
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return


def test_a_program_runs_on_machines_as_the_page_says(
    machines: None, commands: list[str], environ: dict[str, str], folder: Path
) -> None:
    runs = [shlex.split(each) for each in commands if each.startswith("tasksmithy run ")]
    assert len(runs) == 2
    for _, *words in runs:
        done = subprocess.run(
            [sys.executable, "-m", "tasksmithy", *words],
            cwd=folder, env=environ, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert json.loads(done.stdout or "null") == 14, done.stderr
