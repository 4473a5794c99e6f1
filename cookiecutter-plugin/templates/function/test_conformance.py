"""The task type keeps the contract of tasksmithy. Each check says what it asks, and why."""

from typing import Any

from tasksmithy import TaskTemplate
from tasksmithy.testing import TaskTypeConformance

import example


class Test{{ cookiecutter.__class }}(TaskTypeConformance):
    task_type = "{{ cookiecutter.task_type }}"
    inputs = {"text": "to be or not to be"}
    capabilities = frozenset(["function"])

    def make_task(self) -> TaskTemplate[..., Any]:
        return example.count_words
