"""assert_spec_snapshot: the spec of a task, held against a file."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasksmithy import NativeInterface, SerializationContext, TaskTemplate, TaskType, hookimpl
from tasksmithy.plugins._registry import Registry
from tasksmithy.plugins._settings import Settings
from tasksmithy.testing import assert_spec_snapshot


class GreetingTask(TaskTemplate, task_type="greeting"):
    text: str = "hello"


class Greeting(TaskType):
    template = GreetingTask

    @hookimpl
    def custom_config(self, task: GreetingTask, sctx: SerializationContext) -> dict[str, str]:
        return {"text": task.text, "version": sctx.version}


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    with Registry([], settings=Settings(), task_types=[Greeting]).entered():
        yield


def greeting(**fields: str) -> GreetingTask:
    return GreetingTask(name="greet", interface=NativeInterface(), **fields)


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The snapshot of a greeting."""
    file = tmp_path / "snapshots" / "greet.json"
    with monkeypatch.context() as patch:
        patch.setenv("TASKSMITHY_UPDATE_SNAPSHOTS", "1")
        assert_spec_snapshot(greeting(), file)
    return file


def test_the_same_spec_passes_and_leaves_the_file_as_it_is(snapshot: Path) -> None:
    before = snapshot.read_bytes()
    assert_spec_snapshot(greeting(), str(snapshot))
    assert snapshot.read_bytes() == before


def test_another_spec_fails_with_the_lines_that_differ_and_what_to_do(snapshot: Path) -> None:
    with pytest.raises(pytest.fail.Exception) as caught:
        assert_spec_snapshot(greeting(text="good day"), snapshot)
    assert str(caught.value) == (
        f"the spec of task 'greet' is not the one in {snapshot} (- there, + now):\n"
        '-    "text": "hello",\n+    "text": "good day",\n'
        '-  "own_fields": {},\n+  "own_fields": {\n+    "text": "good day"\n+  },\n\n'
        "To do: correct the task type; or, if the change is meant, write it, see in the diff that "
        "it is what you meant, and commit it: TASKSMITHY_UPDATE_SNAPSHOTS=1 pytest"
    )


def test_a_snapshot_that_is_not_there_fails_and_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "greet.json"
    with pytest.raises(pytest.fail.Exception, match="has no snapshot: there is no file") as caught:
        assert_spec_snapshot(greeting(), file)
    assert "TASKSMITHY_UPDATE_SNAPSHOTS=1 pytest" in str(caught.value)
    assert not file.exists()


def test_an_update_writes_the_spec_as_it_is_now(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKSMITHY_UPDATE_SNAPSHOTS", "1")
    assert_spec_snapshot(greeting(text="good day"), snapshot)
    assert json.loads(snapshot.read_text())["custom_config"]["text"] == "good day"


def test_the_spec_is_that_of_the_given_deployment(snapshot: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match='"version": "v2"'):
        assert_spec_snapshot(greeting(), snapshot, sctx=SerializationContext(version="v2"))


def test_a_new_version_of_the_plugin_is_no_other_spec(snapshot: Path) -> None:
    assert "provenance" not in json.loads(snapshot.read_text())
