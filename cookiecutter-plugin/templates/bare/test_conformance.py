"""The task type keeps the contract of tasksmithy. Each check says what it asks, and why."""

from typing import Any

from tasksmithy import TaskTemplate
from tasksmithy.testing import TaskTypeConformance

import example


class Test{{ cookiecutter.__class }}(TaskTypeConformance):
    task_type = "{{ cookiecutter.task_type }}"
    inputs = {"text": "to be or not to be"}
    capabilities = frozenset(["cancellable"])

    def make_task(self) -> TaskTemplate[..., Any]:
        return example.count_words

    def make_slow_task(self) -> TaskTemplate[..., Any]:
        return example.count_words.override(command=["sh", "-c", "sleep 60; echo 0"])
