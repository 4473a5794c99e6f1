"""The example runs, in a container."""

import pytest
from tasksmithy import TaskDefinitionError, run
from tasksmithy_container import ContainerError

import example


def test_the_example_counts_words() -> None:
    assert run(example.count_words, text="to be or not to be") == 6


def test_a_script_that_fails_is_an_error_with_its_exit_code() -> None:
    with pytest.raises(ContainerError, match="exit code 3"):
        run(example.count_words.override(script="exit 3"), text="to be")


def test_a_task_without_a_script_is_refused() -> None:
    with pytest.raises(TaskDefinitionError, match="script"):
        example.count_words.override(script=" ")
