"""The example runs, as a program of its own."""

import sys

import pytest
from tasksmithy import NativeInterface, TaskDefinitionError, TaskTimeoutError, run

import example
from {{ cookiecutter.__module }} import {{ cookiecutter.__class }}Task as Task


def test_the_example_counts_words() -> None:
    assert run(example.count_words, text="to be or not to be") == 6


def test_a_program_that_fails_is_an_error_with_its_exit_code() -> None:
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    with pytest.raises(RuntimeError, match="exit code 3"):
        run(Task(name="fails", command=command, interface=NativeInterface()))


def test_a_program_that_takes_too_long_is_ended() -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    task = Task(name="sleeps", command=command, interface=NativeInterface(), timeout=1)
    with pytest.raises(TaskTimeoutError):
        run(task)


@pytest.mark.parametrize("command", ["", "ls -l", []])
def test_a_command_that_is_no_list_is_refused(command: str | list[str]) -> None:
    with pytest.raises(TaskDefinitionError, match="command"):
        Task(name="wrong", command=command, interface=NativeInterface())
