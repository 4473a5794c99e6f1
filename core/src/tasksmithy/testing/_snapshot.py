"""assert_spec_snapshot: the spec of a task, held against a file that is kept with the tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tasksmithy.task._serialize import serialize
from tasksmithy.task._spec import SerializationContext
from tasksmithy.task._template import TaskTemplate
from tasksmithy.testing._outcome import difference, fail
from tasksmithy.values._json import to_json

UPDATE = "TASKSMITHY_UPDATE_SNAPSHOTS"

CODE_VERSIONS = ("code_version", "cache_version", "version")
"""What a spec has of the code of the task."""


def assert_spec_snapshot(
    task: TaskTemplate[..., Any],
    path: str | os.PathLike[str],
    *,
    sctx: SerializationContext | None = None,
) -> None:
    """Assert that the spec of a task is the one in a file, which belongs under version control.

    With `TASKSMITHY_UPDATE_SNAPSHOTS=1` the file is written instead. The distribution that answers
    for the task type is left out, since its version changes with each release, and so are the
    versions of the code.

    Args:
        task: the task.
        path: the JSON file, as in `Path(__file__).with_name("hello.json")`.
        sctx: the deployment; the defaults of `SerializationContext`, if not given.

    Raises:
        pytest.fail.Exception: the spec is another one, or there is no such file.
        PluginError: the task cannot be serialized.
    """
    spec = serialize(task, sctx).to_dict()
    for name in ("provenance", *CODE_VERSIONS):
        del spec[name]
    text, file = to_json(spec) + "\n", Path(path)
    if os.environ.get(UPDATE):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return
    advice = (
        f"write it, see in the diff that it is what you meant, and commit it: {UPDATE}=1 pytest"
    )
    if not file.is_file():
        fail(f"task {task.name!r} has no snapshot: there is no file {file}", advice)
    kept = file.read_text(encoding="utf-8")
    if kept != text:
        fail(
            f"the spec of task {task.name!r} is not the one in {file} (- there, + now):\n"
            + difference(kept, text),
            f"correct the task type; or, if the change is meant, {advice}",
        )
