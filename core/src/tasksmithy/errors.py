"""The exceptions of tasksmithy: one class for each situation, all below `TasksmithyError`.

A message says what happened, where (task, field, hook, distribution and version), what is allowed
and what to do. The same facts are attributes, so that a program need not parse the text.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def shorten(value: object, limit: int = 80) -> str:
    """`repr(value)` in at most `limit` characters, for use in a message; never raises."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a broken __repr__ must not hide the message it is part of
        text = f"<{type(value).__name__}: its repr raised {type(error).__name__}>"
    return cut(text, limit)


def cut(text: str, limit: int) -> str:
    """`text` in at most `limit` characters; an ellipsis stands for the rest."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def near_misses(name: str, known: Iterable[str]) -> str:
    """`"; did you mean 'x'?"` where something in `known` is close to `name`, otherwise `""`."""
    import difflib  # only on the way to an error

    close = difflib.get_close_matches(name, sorted(known), n=3)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


class TasksmithyError(Exception):
    """Base of every error that tasksmithy raises."""

    def __reduce__(self) -> tuple[object, ...]:
        # By default pickle calls the class with `args`, which holds only for some constructors.
        return _restored, (type(self), self.args, self.__dict__)


def _restored(
    cls: type[TasksmithyError], args: tuple[object, ...], state: dict[str, object]
) -> TasksmithyError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class FieldError(TasksmithyError, ValueError):
    """A value that a field does not allow, as the value type itself sees it.

    The task or environment that carries the value turns it into a `TaskDefinitionError`,
    which can name the task.

    Attributes:
        field: name of the field, with dots inside a nested value (`"backoff.base"`).
        value: what was given.
        allowed: what is allowed, as the end of the sentence "... is not allowed: give ...".
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(field, value, allowed)
        self.field = field
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.field}={shorten(self.value)} is not allowed: give {self.allowed}"

    def within(self, outer: str) -> FieldError:
        """The same error as seen from the value that holds this one in its field `outer`."""
        return FieldError(f"{outer}.{self.field}", self.value, self.allowed)


# Definitions


class NotGiven:
    """Stands, as a class, for the value of a field that must be given and was not."""


class DefinitionError(TasksmithyError, ValueError):
    """A task or an environment that cannot be defined as written.

    Attributes:
        owner: name of the task or environment.
        field: the field at fault, with dots inside a nested value (`"resources.memory"`).
        value: what was given; the class `NotGiven` where it is missing.
        allowed: what is allowed there.
    """

    kind = "definition"

    def __init__(self, owner: str, field: str, value: object, allowed: str) -> None:
        super().__init__(owner, field, value, allowed)
        self.owner = owner
        self.field = field
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        if self.value is NotGiven:
            problem = f"{self.field} is missing"
        else:
            problem = f"{self.field}={shorten(self.value)} is not allowed"
        return f"{self.kind} {self.owner!r}: {problem}: give {self.allowed}"


class TaskDefinitionError(DefinitionError):
    """A task whose field has a value that is not allowed, or an unknown or missing field."""

    kind = "task"


class EnvironmentDefinitionError(DefinitionError):
    """A task environment whose field has a value that is not allowed."""

    kind = "environment"


# Plugins


class PluginError(TasksmithyError):
    """Base of what goes wrong with an installed plugin; the message names its distribution."""


class UnknownTaskTypeError(PluginError, LookupError):
    """A task whose task type no installed plugin provides.

    Attributes:
        task_type: the task type that was looked for.
        known: the task types that are installed.
    """

    def __init__(
        self, task_type: str, *, task: str | None, known: Iterable[str], hint: str
    ) -> None:
        self.task_type = task_type
        self.task = task
        self.known = sorted(known)
        self.hint = hint
        super().__init__(task_type)

    def __reduce__(self) -> tuple[Any, ...]:
        made = functools.partial(type(self), task=self.task, known=self.known, hint=self.hint)
        return made, (self.task_type,)

    def __str__(self) -> str:
        who = f"task {self.task!r} has" if self.task else "there is a call for"
        installed = ", ".join(self.known) or "none"
        return (
            f"{who} task type {self.task_type!r}, which no installed plugin provides"
            f"{near_misses(self.task_type, self.known)} (installed task types: {installed}). "
            f"{self.hint}"
        )


class PluginLoadError(PluginError):
    """A plugin whose module cannot be imported, or lacks the object its entry point names.

    The exception raised by the import is the `__cause__`.
    """


class PluginContractError(PluginError):
    """A plugin that loads but does not keep the contract: a misspelt hook, a wrong signature."""


class PluginConflictError(PluginError):
    """Two distributions that provide one name; a setting decides between them."""


class PluginDisabledError(PluginError):
    """A plugin that is installed and switched off by `TASKSMITHY_DISABLE_PLUGINS`."""


class PluginVersionError(PluginError):
    """A plugin that is built for another major version of the plugin API."""


class PluginRegistrationError(PluginError, ValueError):
    """A registration in code that is not allowed, such as one that would replace another."""


class HookError(PluginError):
    """A hook implementation that raised; the plugin's exception is the `__cause__`.

    Attributes:
        hook: name of the hook.
        task: name of the task; empty where no task asked.
        provider: the plugin that raised, with distribution and version.
    """

    def __init__(self, hook: str, task: str, provider: str, problem: str) -> None:
        super().__init__(hook, task, provider, problem)
        self.hook = hook
        self.task = task
        self.provider = provider
        self.problem = problem

    def __str__(self) -> str:
        asking = f", for task {self.task!r}" if self.task else ""
        return f"hook {self.hook!r} of {self.provider}{asking}: {self.problem}"


class HookResultError(HookError):
    """A hook implementation that returned what the hook spec does not allow."""


class PolicyVetoError(TasksmithyError):
    """For policies to raise: this task must not be serialized or run as it is."""


class SettingsError(TasksmithyError, ValueError):
    """A setting in `[tool.tasksmithy]` or in the environment that is not allowed."""


class MissingDependencyError(TasksmithyError, ImportError):
    """An optional package that is needed here and is not installed."""

    def __init__(self, needed_by: str, package: str, install: str) -> None:
        super().__init__(needed_by, package, install)
        self.needed_by = needed_by
        self.package = package
        self.install = install

    def __str__(self) -> str:
        return f"{self.needed_by} needs {self.package!r}, which is not installed: {self.install}"


# Runs


class InterfaceError(TasksmithyError, TypeError):
    """Values that do not fit a task's interface.

    Attributes:
        task: name of the task.
        problem: what does not fit, and what would.
    """

    def __init__(self, task: str, problem: str) -> None:
        super().__init__(task, problem)
        self.task = task
        self.problem = problem

    def __str__(self) -> str:
        return f"task {self.task!r}: {self.problem}"


class InputError(InterfaceError):
    """Inputs that do not fit a task's interface: missing, unknown or of the wrong type."""


class OutputError(InterfaceError):
    """A result that does not fit the outputs that a task declares."""


class SecretNotFoundError(TasksmithyError, LookupError):
    """A secret of a task that nothing on this machine knows.

    Attributes:
        task: name of the task.
        key: the secret's name.
        group: the group that it is in, or None.
        looked_at: every place that was looked at, in order, with what is wrong there.
    """

    def __init__(self, task: str, key: str, group: str | None, looked_at: Iterable[str]) -> None:
        self.task = task
        self.key = key
        self.group = group
        self.looked_at = tuple(looked_at)
        super().__init__(task, key, group, self.looked_at)

    def __str__(self) -> str:
        group = "" if self.group is None else f" of group {self.group!r}"
        places = "".join(f"\n  - {place}" for place in self.looked_at)
        return (
            f"task {self.task!r} needs the secret {self.key!r}{group}, which has no value here. "
            f"Looked at, in this order:{places}\n"
            "Put the value into one of these, or name other files and another directory: "
            "secrets_files and secrets_dir in [tool.tasksmithy], or TASKSMITHY_SECRETS_DIR."
        )


class NotATaskError(TasksmithyError, TypeError):
    """Something that is no task, where one is needed."""

    def __init__(self, given: object) -> None:
        super().__init__(shorten(given))

    def __str__(self) -> str:
        return f"{self.args[0]} is no task; a function becomes one by @env.task"


class NotExecutableError(TasksmithyError):
    """A task that cannot run on this machine, because its task type has no local execution."""


class NonRecoverableError(TasksmithyError):
    """For tasks to raise: no retry can help, so the remaining retries are not used."""


class SourceError(TasksmithyError):
    """A file of tasks that cannot be read or imported, or lacks the task asked for."""


class TaskTimeoutError(TasksmithyError, TimeoutError):
    """A task that reached a bound on its time.

    Attributes:
        task: name of the task.
        limit: the bound: `"max_runtime"`, `"max_queued_time"` or `"deadline"`.
        seconds: the bound, in seconds.
    """

    def __init__(self, task: str, limit: str, seconds: float) -> None:
        super().__init__(task, limit, seconds)
        self.task = task
        self.limit = limit
        self.seconds = seconds

    def __str__(self) -> str:
        return f"task {self.task!r} was ended after {self.seconds:g} s: its {self.limit}"


class TaskExitError(TasksmithyError):
    """A task that ended by `sys.exit`, which would otherwise end the whole run."""


class TaskCancelledError(TasksmithyError):
    """A run that was cancelled from within: a task raised `asyncio.CancelledError` of its own.

    Attributes:
        task: name of the task that the run was for.
    """

    def __init__(self, task: str) -> None:
        super().__init__(task)
        self.task = task

    def __str__(self) -> str:
        return (
            f"task {self.task!r} was cancelled from within: it raised asyncio.CancelledError, or "
            "let one of a task that it waits for through, and nobody has stopped the run"
        )


class NotShippableError(NonRecoverableError):
    """A value that cannot go from one process to another, where a task has one of its own.

    Attributes:
        task: name of the task.
        what: what was to go: the task, an input by name, the result, what was raised.
        problem: what pickling says against it.
    """

    def __init__(self, task: str, what: str, problem: str) -> None:
        super().__init__(task, what, problem)
        self.task = task
        self.what = what
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"task {self.task!r}: {self.what} cannot go from one process to another: "
            f"{self.problem}. Define functions and classes at the top of a module that can be "
            "imported; give data, or a path, in the place of an open file, a lock or a "
            "connection. A task without timeout, env_vars and secrets needs no process of its own."
        )


class WorkerStartError(TasksmithyError):
    """A process for an attempt that this machine could not start; the reason is the `__cause__`.

    Attributes:
        task: name of the task.
    """

    def __init__(self, task: str, reason: str) -> None:
        super().__init__(task, reason)
        self.task = task
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"task {self.task!r} needs a process of its own, and this machine could not start one: "
            f"{self.reason}. Let fewer tasks run at once (max_concurrency), or raise the limit"
        )


class WorkerDiedError(TasksmithyError):
    """The process of an attempt that ended before the attempt did.

    Attributes:
        task: name of the task.
        returncode: the exit code; for a process that a signal ended, the signal's number, negated.
    """

    def __init__(self, task: str, returncode: int) -> None:
        super().__init__(task, returncode)
        self.task = task
        self.returncode = returncode

    def __str__(self) -> str:
        import signal  # only on the way to an error

        if self.returncode >= 0:
            how = f"ended with exit code {self.returncode}"
            advice = (
                "The task, or a library that it uses, called os._exit, or Python could not start: "
                "see its output on stderr."
            )
        else:
            number = -self.returncode
            known = {known.value for known in signal.Signals}
            how = f"was ended by {signal.Signals(number).name if number in known else number}"
            advice = {
                "SIGKILL": "Something killed it. Linux does when memory is short (`dmesg` tells): "
                "then the task needs less data at once, or more memory.",
                "SIGTERM": "Something outside the run told it to end.",
            }.get(how.rpartition(" ")[2], "Native code that the task uses has crashed.")
        return f"task {self.task!r}: its process {how} before it had a result. {advice}"


class StoreError(TasksmithyError):
    """What this machine keeps between runs, such as the cache, cannot be read or written.

    Attributes:
        holds: what is kept.
        file: where it is kept.
        problem: what the database or the operating system says.
    """

    def __init__(self, holds: str, file: Path, problem: str) -> None:
        super().__init__(holds, file, problem)
        self.holds = holds
        self.file = file
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.holds} in {self.file} cannot be used: {self.problem}"


class UnknownRunError(TasksmithyError, LookupError):
    """An id of a run, or its beginning, that no recorded run has, or more than one.

    Attributes:
        id: what was given.
        file: where the runs are recorded.
        known: ids of the runs that were meant, perhaps: all that begin so, or all there are.
    """

    def __init__(self, id: str, file: Path, known: Iterable[str]) -> None:  # noqa: A002 - the field's name
        self.id = id
        self.file = file
        self.known = sorted(known)
        super().__init__(id, file, self.known)

    def __str__(self) -> str:
        several = [known for known in self.known if self.id and known.startswith(self.id)]
        if several:
            some = ", ".join(several[:5]) + (", ..." if len(several) > 5 else "")
            return f"{len(several)} runs begin with {self.id!r} ({some}): give more of the id"
        return (
            f"no run {self.id!r} is recorded in {self.file}{near_misses(self.id, self.known)}; "
            "`tasksmithy runs list` shows which there are"
        )


class ResumeError(TasksmithyError):
    """A recorded run that cannot be gone on with: it is one of another task, or of other inputs.

    Attributes:
        run_id: id of the run.
        problem: what is other than in the record, and what to do.
    """

    def __init__(self, run_id: str, problem: str) -> None:
        super().__init__(run_id, problem)
        self.run_id = run_id
        self.problem = problem

    def __str__(self) -> str:
        return f"run {self.run_id} cannot be resumed: {self.problem}"


class RunInProgressError(TasksmithyError):
    """A run that cannot be resumed, because a process is still at it."""

    def __init__(self, id: str) -> None:  # noqa: A002 - the field's name
        super().__init__(id)
        self.id = id

    def __str__(self) -> str:
        return f"run {self.id!r} is still running; `tasksmithy runs show {self.id}` says where"


class ValueEncodingError(TasksmithyError):
    """A value that has no form in bytes, or bytes that no value can be read from.

    Attributes:
        where: where inside the value, as code has it (`"['rows'][3].lock"`); empty for all of it.
        problem: what is wrong there and what to do, as the end of the sentence "the value ...".
    """

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where = where
        self.problem = problem

    def __str__(self) -> str:
        return f"the value{f', at {self.where},' if self.where else ''} {self.problem}"

    def inside(self, step: str) -> ValueEncodingError:
        """The same error as seen from the value that holds this one at `step`."""
        return ValueEncodingError(step + self.where, self.problem)


class InlineSizeError(TasksmithyError, ValueError):
    """Inputs or outputs that are larger than what may be passed without a file.

    Attributes:
        task: name of the task.
        side: `"input"` or `"output"`.
        name: the largest of them.
        size: its size, in bytes.
        total: the size of all of them together, in bytes.
        limit: the task's `max_inline_io_bytes`.
    """

    def __init__(self, task: str, side: str, name: str, size: int, total: int, limit: int) -> None:
        super().__init__(task, side, name, size, total, limit)
        self.task = task
        self.side = side
        self.name = name
        self.size = size
        self.total = total
        self.limit = limit

    def __str__(self) -> str:
        all_of_them = "" if self.total == self.size else f" of {self.total:,} in all"
        return (
            f"task {self.task!r}: {self.side} {self.name!r} is {self.size:,} bytes{all_of_them}, "
            f"and max_inline_io_bytes allows {self.limit:,} for the {self.side}s together; make it "
            "a File, a Dir, a table or a data frame, which are not counted, or raise the limit"
        )
