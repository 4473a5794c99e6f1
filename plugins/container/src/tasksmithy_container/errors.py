"""What can go wrong with a container: one exception for each situation."""

from __future__ import annotations

import re
import textwrap

from tasksmithy.errors import NonRecoverableError, TasksmithyError

_NO_PROGRAM = re.compile('executable file.* not found|exec: ".*": .*no such file', re.IGNORECASE)
_NOT_RUN = re.compile('exec: ".*": (permission denied|is a directory)', re.IGNORECASE)
_LONGEST_COMMAND = 500  # characters of it in a message


class ContainerError(TasksmithyError):
    """A container that did not end with exit code 0, or that could not be started.

    Attributes:
        task: name of the task.
        image: the image.
        command: the command as it was run, with the inputs in it, quoted as for a shell.
        code: the exit code; the engine's own, where the container was not started.
        started: whether the command was started at all, which the engine has recorded.
        stderr: the last lines of what the container, or the engine for it, wrote to stderr.
        out_of_memory: whether it was killed because it wanted more memory than it may have.
        notes: what else may explain it, each a sentence.
    """

    def __init__(
        self,
        task: str,
        image: str,
        command: str,
        code: int,
        started: bool,
        stderr: str,
        out_of_memory: bool = False,
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(task, image, command, code, started, stderr, out_of_memory, notes)
        self.task = task
        self.image = image
        self.command = command
        self.code = code
        self.started = started
        self.stderr = stderr
        self.out_of_memory = out_of_memory
        self.notes = notes

    def __str__(self) -> str:
        command = self.command
        if len(command) > _LONGEST_COMMAND:
            command = f"{command[: _LONGEST_COMMAND - 1]}…"
        said = textwrap.indent(self.stderr, "  ") or "  (nothing)"
        notes = "".join(f"{note}\n" for note in self.notes)
        return (
            f"task {self.task!r}: {self._ended()}\n{notes}image: {self.image}\n"
            f"command: {command}\nlast lines of stderr:\n{said}"
        )

    def _ended(self) -> str:
        code = f"exit code {self.code}"
        if self.out_of_memory:
            return (
                f"the container was out of memory and was ended with {code}: give it more by "
                "resources=Resources(memory=...)"
            )
        if self.started:
            return f"the container ended with {code}"
        # The command has not been started, so these are the engine's own words.
        reason = ""
        if _NO_PROGRAM.search(self.stderr):
            reason = ", because the command is no program that the image has"
        elif _NOT_RUN.search(self.stderr):
            reason = ", because the command is nothing that may be run"
        return f"the container could not be started ({code}){reason}"


class EngineError(TasksmithyError):
    """The container engine refused something: an image, a mount, a limit."""


class NoEngineError(EngineError, NonRecoverableError):
    """No container engine can be used here; the message says what was looked for."""
