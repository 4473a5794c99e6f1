"""The example runs, and the configuration reaches the function and the cluster."""

from typing import Any

import pytest
from pydantic import ValidationError
from tasksmithy import TaskEnvironment, run, serialize

import example
from {{ cookiecutter.__module }} import {{ cookiecutter.__class }}Config as Config


def test_the_example_counts_words_with_the_threads_of_its_configuration() -> None:
    result = run(example.count_words, text="to be\nor not to be")
    assert result == "6 words, counted by 2 threads"


def test_a_task_may_have_a_configuration_of_its_own() -> None:
    task = example.count_words.override(plugin_config=Config(workers=3))
    assert run(task, text="to be") == "2 words, counted by 3 threads"


def test_a_cluster_gets_the_configuration() -> None:
    env = TaskEnvironment(name="test", plugin_config=Config(workers=8))
    spec = serialize(env.task(example.words_in))
    assert spec.task_type == "{{ cookiecutter.task_type }}"
    assert spec.custom_config["workers"] == 8


@pytest.mark.parametrize("fields", [{"workers": 0}, {"wrokers": 2}])
def test_a_configuration_that_is_not_allowed_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config(**fields)
