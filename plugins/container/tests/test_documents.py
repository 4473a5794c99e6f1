"""What is shown to readers runs: the programs of the README, and the examples."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tasksmithy_container import ContainerTask

ROOT = Path(__file__).parents[3]
README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


@pytest.mark.usefixtures("engine", "shown_image")
@pytest.mark.parametrize("block", BLOCKS)
def test_the_programs_of_the_readme_run(block: str, tmp_path: Path) -> None:
    program = [sys.executable, "-W", "error", "-c", block]
    assert subprocess.run(program, cwd=tmp_path).returncode == 0


@pytest.mark.usefixtures("engine", "shown_image")
def test_the_example_of_the_task_type_has_the_result_that_is_shown() -> None:
    [example] = doctest.DocTestFinder(recurse=False).find(ContainerTask, globs={})
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)


def example(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("tasksmithy")
    return subprocess.run(
        [str(program), "run", "examples/container.py", "main", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_has_its_container_counted(image: str, engine: str) -> None:
    done = example("--image", image, "--text", "one two three")
    assert done.returncode == 0, done.stderr
    assert "3 words" in done.stdout


def test_the_example_goes_on_without_an_engine(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), "TASKSMITHY_CONTAINER_ENGINE": "", "DOCKER_HOST": ""}
    done = example("--text", "one two three", **environment)
    assert done.returncode == 0, done.stderr
    assert "without its container step" in done.stderr
    assert "nobody counted" in done.stdout


@pytest.mark.slow
def test_the_benchmark_runs(engine: str) -> None:
    program = [sys.executable, "benchmarks/bench_container.py", "--repetitions", "1"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ContainerTask") == 2
