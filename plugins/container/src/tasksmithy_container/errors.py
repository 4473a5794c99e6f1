"""What can go wrong with a container: one exception for each situation."""

from __future__ import annotations

import textwrap

from tasksmithy.errors import NonRecoverableError, TasksmithyError

_LONGEST_COMMAND = 500  # characters of it in a message


class ContainerError(TasksmithyError):
    """A container that did not end with exit code 0, or that could not be started.

    Attributes:
        task: name of the task.
        image: the image.
        command: the command as it was run, with the inputs in it, quoted as for a shell.
        code: the exit code; the engine's own, where the container was not started.
        started: whether the command was started at all.
        stderr: the last lines of what the container, or the engine for it, wrote to stderr.
    """

    def __init__(
        self, task: str, image: str, command: str, code: int, started: bool, stderr: str
    ) -> None:
        super().__init__(task, image, command, code, started, stderr)
        self.task = task
        self.image = image
        self.command = command
        self.code = code
        self.started = started
        self.stderr = stderr

    def __str__(self) -> str:
        ended = f"the container ended with exit code {self.code}"
        if not self.started:
            ended = (
                f"the container could not be started (exit code {self.code}), "
                "mostly because the command is no program that the image has"
            )
        command = self.command
        if len(command) > _LONGEST_COMMAND:
            command = f"{command[: _LONGEST_COMMAND - 1]}…"
        said = textwrap.indent(self.stderr, "  ") or "  (nothing)"
        return (
            f"task {self.task!r}: {ended}\nimage: {self.image}\ncommand: {command}\n"
            f"last lines of stderr:\n{said}"
        )


class EngineError(TasksmithyError):
    """The container engine refused something: an image, a mount, a limit."""


class NoEngineError(EngineError, NonRecoverableError):
    """No container engine can be used here; the message says what was looked for."""
