"""{{ cookiecutter.__class }}Task: what a task of type `{{ cookiecutter.task_type }}` is."""

from __future__ import annotations

from collections.abc import Sequence

from tasksmithy import Converted, Image, checks, task_field
from tasksmithy_container import ContainerTask


class {{ cookiecutter.__class }}Task(ContainerTask, task_type="{{ cookiecutter.task_type }}"):
    """A task that is a shell script in a container.

    Raises:
        TaskDefinitionError: a field's value is not allowed.
    """

    # A task is data: a frozen dataclass, without the decorator. Beside the fields of a
    # `ContainerTask` it has `script`, which becomes the `command`, and a default for `image`.
    script: str = task_field(
        check=checks.non_empty,  # called when the task is defined; the error names task and field
        doc="the script. It finds each input as a file in /var/inputs, under its name, and leaves "
        "each output in /var/outputs.",
    )
    image: Converted[str | Image, Image] = task_field(default="docker.io/library/busybox:1")
    command: Converted[str | Sequence[str], tuple[str, ...]] = task_field(
        init=False, derived=lambda task: ("sh", "-euc", task.script)
    )
