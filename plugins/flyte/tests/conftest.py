"""flyte itself, in an environment of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REFERENCE = "flyte==2.12.1"


@pytest.fixture(scope="session")
def flyte(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run a program of this folder with a Python that has flyte; what it prints."""
    root = tmp_path_factory.mktemp("flyte")
    python = root / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", root], check=True)
    packages = [REFERENCE, "kubernetes", "pandas"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)

    def run(program: str, *arguments: str | Path) -> str:
        done = subprocess.run(
            [python, HERE / program, *arguments],
            env={**os.environ, "DO_NOT_TRACK": "1", "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
