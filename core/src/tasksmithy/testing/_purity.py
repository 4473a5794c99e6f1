"""Checks: what the hooks give depends on the task and the deployment, and on nothing else."""

from __future__ import annotations

from typing import Any, Final

from tasksmithy.errors import ValueEncodingError
from tasksmithy.task._serialize import serialize
from tasksmithy.task._spec import SerializationContext
from tasksmithy.task._template import TaskTemplate
from tasksmithy.testing import _fresh as fresh
from tasksmithy.testing._fresh import Change
from tasksmithy.testing._installation import package_of
from tasksmithy.testing._outcome import difference, fail
from tasksmithy.testing._subject import Subject
from tasksmithy.values._identity import digest

# A process cannot do without these, whoever reads them.
_KEPT: Final = frozenset({"PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"})

_DAYS: Final = 400

_OFTEN: Final = 64


class PurityChecks(Subject):
    """What the hooks give depends on the task and the deployment, and on nothing else.

    A spec is registered under a version: the same task has to give the same bytes, on a laptop
    and in CI, or versions differ where nothing has changed and caches are missed.
    """

    def test_the_spec_is_the_same_twice(self) -> None:
        """Neither a counter nor a random number nor the address of an object is in it."""
        task = self._task()
        first = self._spec(task).to_json()
        again = self._spec(task).to_json()
        anew = self._spec(self._task()).to_json()
        advice = "take out what is random or counts; name things after the task and its fields"
        if first != again:
            fail(
                f"{self._who}: the spec of task {task.name!r} is another one when it is asked for "
                f"again:\n{difference(first, again)}",
                advice,
            )
        if first != anew:
            fail(
                f"{self._who}: the spec is another one when the task is made again:\n"
                f"{difference(first, anew)}",
                advice,
            )

    def test_serializing_changes_neither_the_task_nor_the_deployment(self) -> None:
        """A task is serialized many times, for many deployments: the first leaves no trace."""
        task = self._task()
        sctx = SerializationContext(image_cache={"auto": "image:1"})
        self._spec(task)  # what is computed once and kept is no change
        before = _fields(task)
        serialize(task, sctx)
        after = _fields(task)
        changed = sorted(name for name in before if before[name] != after.get(name))
        if changed:
            fail(
                f"{self._who}: serializing changed {', '.join(changed)} of task {task.name!r}",
                "copy what a field holds before you change it: {**task.options, ...}",
            )
        if sctx != SerializationContext(image_cache={"auto": "image:1"}):
            fail(
                f"{self._who}: serializing task {task.name!r} changed the SerializationContext",
                "copy what it holds before you change it",
            )

    def test_the_spec_does_not_depend_on_the_hash_seed(self) -> None:
        """The order of a set is another one in each process."""
        self._same_with(
            Change(hash_seed=2),
            "a process with another PYTHONHASHSEED",
            "sort what comes from a set: sorted(...); hash() of text differs, too",
        )

    def test_the_spec_does_not_depend_on_the_clock(self) -> None:
        """Neither the day nor the moment is in it."""
        self._same_with(
            Change(days=_DAYS),
            "another day",
            "take the time out, or make it a field of the task",
        )

    def test_the_spec_does_not_depend_on_the_working_directory(self) -> None:
        """It is the same wherever it is made."""
        self._same_with(
            Change(elsewhere=True),
            "another working directory",
            "find files beside the code: Path(__file__).with_name(...)",
        )

    def test_the_spec_does_not_depend_on_the_environment(self) -> None:
        """It is the same whoever makes it; what may differ is a field or in the deployment."""
        self._steady_spec(self._task())
        read = self._variables_read()
        # In another time zone the day may be another one.
        if self._differs(self._everything()) and self._differs(Change(days=_DAYS)):
            self._skip_for("test_the_spec_does_not_depend_on_the_clock")
        self._same_with(
            Change(variables=read, foreign=True),
            "an environment in which "
            f"{' and '.join([*read, 'the machine, the user and the time zone'])} are others",
            "read no environment variable for the spec; make it a field of the task, or take it "
            "from the SerializationContext",
        )

    def test_the_spec_is_the_same_in_a_fresh_process(self) -> None:
        """Nothing of this process is in it: its arguments, what it has imported or done before."""
        task = self._task()
        for _ in range(_OFTEN):  # a counter may be slow to tell
            self._spec(task)
        here = self._steady_spec(task)
        try:
            there = self._given(Change()).spec
        except fresh.ProbeError:
            self._skip_for("test_a_fresh_process_makes_the_task")
        if self._differs(self._everything()):
            self._skip_for("the checks of what the spec depends on")
        if here != there:
            fail(
                f"{self._who}: the spec is another one in a fresh process:\n"
                f"{difference(here, there)}",
                "let it be made of the task and the SerializationContext alone: neither sys.argv "
                "nor what this process has done before is in it",
            )

    def test_a_fresh_process_makes_the_task(self) -> None:
        """`make_task` needs nothing that only this process has."""
        self._spec(self._task())
        try:
            self._given(Change())
        except fresh.ProbeError as error:
            fail(
                f"{type(self).__name__}.make_task() and serializing its task fail in a fresh "
                f"process: {error}",
                "make the task of what the test module imports and defines at its top",
            )

    def _same_with(self, change: Change, where: str, advice: str) -> None:
        """Fail if the spec differs, or cannot be made, where one thing is changed.

        Nearly always nothing differs. So all changes are made at once, and one by one only if
        that makes a difference.
        """
        self._steady_spec(self._task())
        try:
            usual = self._given(Change()).spec
        except fresh.ProbeError:
            self._skip_for("test_a_fresh_process_makes_the_task")
        for tried in (self._everything(), change):
            try:
                found = self._given(tried).spec
            except fresh.ProbeError as error:
                found, problem = "", f"cannot be made in {where}: {error}"
            else:
                problem = f"is another one in {where}:\n{difference(usual, found)}"
            if found == usual:
                return
        fail(f"{self._who}: the spec {problem}", advice)

    def _differs(self, change: Change) -> bool:
        """Whether the spec is another one, or none, where something is changed."""
        try:
            return self._given(change).spec != self._given(Change()).spec
        except fresh.ProbeError:
            return True

    def _everything(self) -> Change:
        """All that may be unusual about a process, at once."""
        read = self._variables_read()
        return Change(2, _DAYS, elsewhere=True, variables=read, foreign=True)

    def _given(self, change: Change) -> fresh.Given:
        return fresh.given(type(self), package_of(self._record()), change)

    def _variables_read(self) -> tuple[str, ...]:
        """The environment variables that the plugin's code reads."""
        try:
            read = self._given(Change()).read
        except fresh.ProbeError:
            self._skip_for("test_a_fresh_process_makes_the_task")
        return tuple(
            name for name in read if name not in _KEPT and not name.startswith(("PYTHON", "LC_"))
        )


def _fields(task: TaskTemplate[..., Any]) -> dict[str, str]:
    """What each field of a task holds, as something to compare."""
    held = {}
    for name in task.field_names:
        try:
            held[name] = digest(getattr(task, name))
        except ValueEncodingError:  # a weak reference, a lock: it cannot be told whether it changed
            continue
    return held
