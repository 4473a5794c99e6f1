"""RunJob: the job of one call in a run, kept in the run's record where there is one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tasksmithy.task._job import Job, Place

if TYPE_CHECKING:
    from tasksmithy.runtime._journal import Journal


class RunJob(Job):
    """The job of one call, from one attempt to the next and from a run to the one that resumes it.

    Its key is made of the run, the call, the code and how many jobs of the call have ended. So a
    submission that was made and not written down is made again with the same key.

    Args:
        journal: the journal of the run; None where it is not recorded.
        key: the key of the call in the run.
        is_identified: whether the call has the same key when the run is resumed.
    """

    def __init__(self, journal: Journal | None, key: str, *, is_identified: bool) -> None:
        super().__init__()
        self._place: Place | None = None
        self._has_begun = False
        self._journal = journal
        self._is_identified = is_identified
        if journal is None:
            return
        found = journal.job(key)
        self._record = found._replace(code=journal.code(key), handle=None, has_ended=False)
        is_same = is_identified and (not found.code or found.code == self._record.code)
        if found.handle is not None and not found.has_ended:
            if is_same:
                self.handle = found.handle
            else:
                self.unwanted = found.handle
        if found.has_ended or self.unwanted is not None:
            self._count()
        self._identify()

    def begin(self, place: Place | None) -> None:
        """An attempt begins: with a job of its own, if the one before had one.

        Args:
            place: what the attempt holds of what is limited.
        """
        self._place = place
        if self._has_begun:
            self.unwanted = None
            if self.handle is not None:
                self.handle = None
                self._count()
                self._identify()
        self._has_begun = True

    async def submitted(self, handle: Any) -> None:
        """The job is there; return once the handle outlives this process."""
        self.handle = handle
        if self._journal is not None:
            self._record = self._record._replace(handle=handle)
            await self._journal.keep_job(self._record)

    async def ended(self) -> None:
        """The job has ended without a result: a run that is resumed submits another one."""
        if self._journal is not None:
            await self._journal.keep_job(self._record._replace(handle=self.handle, has_ended=True))

    def leave_place(self) -> None:
        """Let others have what the attempt holds of what is limited."""
        if self._place is not None:
            self._place.leave()

    async def take_place(self) -> None:
        """Wait until there is room for the attempt again."""
        if self._place is not None:
            await self._place.take()

    def _count(self) -> None:
        if self._journal is not None:
            self._record = self._record._replace(number=self._record.number + 1)

    def _identify(self) -> None:
        """Give the job its key."""
        if self._journal is None or not self._is_identified:
            self.key = Job().key
            return
        run, key, number, code, *_ = self._record
        self.key = hashlib.sha256(f"{run}\0{key}\0{code}\0{number}".encode()).hexdigest()
