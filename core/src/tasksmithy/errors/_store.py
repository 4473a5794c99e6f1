"""Records, caches, and values that they cannot keep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tasksmithy._texts import near_misses
from tasksmithy.errors._base import TasksmithyError

if TYPE_CHECKING:
    from pathlib import Path


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
        self.known: list[str] = sorted(known)
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
    """A recorded run that cannot be resumed: it is of another task, or of other inputs.

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
        what: which value it is: `"the value"`, `"the result of task 't.load'"`.
    """

    def __init__(self, where: str, problem: str, what: str = "the value") -> None:
        super().__init__(where, problem, what)
        self.where = where
        self.problem = problem
        self.what = what

    def __str__(self) -> str:
        return f"{self.what}{f', at {self.where},' if self.where else ''} {self.problem}"

    def about(self, what: str, remedy: str) -> ValueEncodingError:
        """The same error of a value that has a name, with what else can be done about it.

        A file that cannot be read is a mistake, to which there is no other remedy.
        """
        is_of_a_file = isinstance(self.__cause__, OSError)
        problem = self.problem if is_of_a_file else f"{self.problem}; {remedy}"
        return ValueEncodingError(self.where, problem, what)


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
