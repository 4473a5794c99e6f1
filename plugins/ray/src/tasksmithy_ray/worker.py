"""The program in a worker of Ray: it makes one attempt at a time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import lru_cache
from typing import Any, Final, NoReturn

import ray
from ray.exceptions import RayError, TaskCancelledError

from tasksmithy.extend import FarAttempt, Frame, Shipment, descendants
from tasksmithy_ray._remote import Letter
from tasksmithy_ray.letters import RUN, Plain, frame_of, plain
from tasksmithy_ray.objects import Objects, large
from tasksmithy_ray.prints import Prints

GRACE: Final = 3.0
"""Seconds that a cancelled attempt has to tidy up, as in a process of this machine."""

_LOOK: Final = 0.1
"""Seconds after which the main thread sees at the latest that Ray cancels the task."""

_LASTS: Final = 1.0
"""Seconds after which an attempt tells where it is made: those that end before need no letter."""

_UNSENT: Final = 1000
"""Letters that may wait to be posted before their sender does."""


def made(
    mailbox: str,
    box: str,
    shipment: tuple[str, bytes, bytes, bytes, tuple[Any, ...]],
    has_secrets: bool,
    place: str,
) -> tuple[int, Plain]:
    """Make an attempt.

    It is made in a thread of its own. This one, the worker's main thread, waits for what the run
    answers: while it does, by `ray.get`, Ray gives the CPU of the task to another.

    Returns:
        How many letters it has sent to the run, and the frame with the result or the error.
    """
    if not callable(signal.getsignal(signal.SIGINT)):
        # A shell has what it starts in the background ignore it, with all that Ray starts there;
        # Ray then cancels in vain.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    channel = BoxChannel(mailbox, box)
    parcel = Shipment(*shipment)
    if has_secrets:
        parcel = parcel._replace(secrets=channel.first().payload)
    far = FarAttempt(channel, Objects().put, large)
    channel.waits = lambda: far.waits
    channel.lasts = lambda: far.placed(place)
    frames: list[Frame] = []

    def make() -> None:
        try:
            out, err = Prints(parcel.task, "stdout"), Prints(parcel.task, "stderr")
            with redirect_stdout(out), redirect_stderr(err):
                frames.append(far.make(parcel))
                out.close_line()
                err.close_line()
        finally:
            channel.end()

    thread = threading.Thread(target=make, name=f"tasksmithy {parcel.task}", daemon=True)
    try:
        thread.start()
        far.listen()
    except (KeyboardInterrupt, TaskCancelledError):  # so Ray cancels a task, also one that waits
        far.cancel()
        # The function of a task may run in a thread of its own, which nothing else ends.
        threading.Thread(target=_end_process, args=(thread,), daemon=True).start()
        while True:
            with suppress(KeyboardInterrupt):  # it may say so again
                threading.Event().wait()
    thread.join()
    return channel.confirmed(), plain(frames[0])


def _end_process(thread: threading.Thread) -> NoReturn:
    """Let an attempt tidy up, and end this worker, with all that the task has started."""
    with suppress(RuntimeError):  # it had not begun
        thread.join(GRACE)
    for process in descendants(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    os._exit(1)


class BoxChannel:
    """The far end of a channel through the mailbox.

    Letters are posted by a thread of its own, which an attempt without any does not have: one post
    at a time, with all that have come up during the one before.

    Args:
        mailbox: the name of the mailbox, an actor.
        box: the box of this attempt.
    """

    def __init__(self, mailbox: str, box: str) -> None:
        self._name = mailbox
        self._box = box
        self._count = 0
        self._unsent: list[Letter] = []
        self._posting = threading.Condition()
        self._poster: threading.Thread | None = None
        self._failure: RayError | None = None
        self._taking: Any = None
        self._waking: Any = None
        self._taken: deque[Plain] = deque()
        self._changed = threading.Event()
        self._ended = False
        self._begun = time.monotonic()
        self.waits: Callable[[], bool] = lambda: False
        self.lasts: Callable[[], None] | None = None

    @property
    def _mailbox(self) -> Any:
        return _actor(self._name)

    def send(self, frame: Frame) -> None:
        """Send a frame.

        Raises:
            OSError: the mailbox is lost.
        """
        with self._posting:
            self._posting.wait_for(lambda: len(self._unsent) < _UNSENT or self._failure)
            if self._failure is not None:
                raise ConnectionError(f"the run cannot be reached: {self._failure}")
            self._unsent.append((RUN, self._box, plain(frame)))
            self._count += 1
            if self._poster is None:
                self._poster = threading.Thread(target=self._post, daemon=True)
                self._poster.start()
            self._posting.notify_all()
        self._changed.set()

    def first(self) -> Frame:
        """The first frame, which the run has sent before the attempt began."""
        while not self._taken:
            self._take()
        return self._next()

    def receive(self) -> Frame | None:
        """The next frame; None when the attempt has ended."""
        while not self._ended:
            if self._taken:
                return self._next()
            if self.lasts is not None and time.monotonic() - self._begun > _LASTS:
                self.lasts()  # of others the run hears with their result where they were made
                self.lasts = None
            if self.waits():
                self._take()
            else:
                self._changed.wait(_LOOK)
                self._changed.clear()
        return None

    def end(self) -> None:
        """The attempt has ended."""
        with self._posting:
            self._ended = True
            self._posting.notify_all()
        self._changed.set()
        if self._taking is not None:
            self._waking = self._mailbox.wake.remote(self._box)

    def confirmed(self) -> int:
        """How many letters were sent, once the mailbox has them."""
        if self._poster is not None:
            self._poster.join()
        if self._failure is not None:
            raise self._failure
        if self._waking is not None:
            ray.get(self._waking)  # what came after the run has closed the box would open it again
        return self._count

    def _next(self) -> Frame:
        frame = frame_of(self._taken.popleft())
        return frame._replace(parts=tuple(ray.get(list(frame.parts)))) if frame.parts else frame

    def _post(self) -> None:
        while True:
            with self._posting:
                self._posting.wait_for(lambda: self._unsent or self._ended)
                letters, self._unsent = self._unsent, []
                self._posting.notify_all()
            if not letters:
                return
            try:
                ray.get(self._mailbox.post.remote(letters))
            except RayError as error:
                with self._posting:
                    self._failure = error
                    self._posting.notify_all()
                return

    def _take(self) -> None:
        # Kept where an interruption leaves it: what it brings is taken the next time.
        if self._taking is None:
            self._taking = self._mailbox.take.remote(self._box)
        if self._ended:
            return
        self._taken.extend(told for _, _, told in ray.get(self._taking))
        self._taking = None


@lru_cache(maxsize=1)  # to find it takes Ray longer than most attempts, few of which need it
def _actor(name: str) -> Any:
    return ray.get_actor(name)
