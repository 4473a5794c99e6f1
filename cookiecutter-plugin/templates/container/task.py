"""{{ cookiecutter.__class }}Task: what a task of type `{{ cookiecutter.task_type }}` is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from tasksmithy import FieldError, Image
from tasksmithy_container import ContainerTask


class {{ cookiecutter.__class }}Task(ContainerTask, task_type="{{ cookiecutter.task_type }}"):
    """A task that is a shell script in a container.

    Args:
        script: the script. It finds each input as a file in /var/inputs, under its name, and
            leaves each output in /var/outputs.

    Raises:
        TaskDefinitionError: a field's value is not allowed.
    """

    # A task is data: a frozen dataclass, without the decorator. Beside the fields of a
    # `ContainerTask` it has `script`, which becomes the `command`, and a default for `image`.
    script: str
    image: str | Image = "docker.io/library/busybox:1"
    command: str | Sequence[str] = field(init=False, default=())

    fixed_fields = ContainerTask.fixed_fields | {"command"}  # the script makes it

    def __post_init__(self) -> None:
        # Checked when the task is defined; the error then names the task and the field.
        if not isinstance(self.script, str) or not self.script.strip():
            raise FieldError("script", self.script, "a shell script")
        self._settle(command=("sh", "-euc", self.script))
        super().__post_init__()
