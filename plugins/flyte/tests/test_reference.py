"""The messages, beside those that flyte makes of the same definitions."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from plugins.flyte.tests.comparison import ABSENT, differences
from plugins.flyte.tests.corpus import tasks, write_for_flyte

from tasksmithy import SerializationContext, TaskSpec, serialize
from tasksmithy_flyte import message_of, triggers_of

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "flyte.md"
EXPECTED = HERE / "expected.json"
DEPLOYMENT = SerializationContext(version="v1", project="flights", domain="development", org="acme")


def _of_the_worker(ours: Any, theirs: Any) -> bool:
    return ours[0] == "tasksmithy-worker" and theirs[0] == "a0"


def _lost(ours: Any, theirs: Any) -> bool:
    return ours is not ABSENT and theirs is ABSENT


def _a_type(ours: Any, theirs: Any) -> bool:
    """A type that flyte pickles, or whose schema says more, or has no prose, here."""
    if "FlytePickle" in str(theirs):
        return ours["structure"]["tag"] == "tasksmithy"
    without = json.loads(re.sub(r'"description": "[^"]*", ', "", json.dumps(theirs)))
    if without == theirs:  # flyte has optional keys of a TypedDict as required
        del without["metadata"]["required"]
    return ours == without


def _a_default(ours: Any, theirs: Any) -> bool:
    return ours["scalar"]["binary"]["tag"] == "msgpack" and "tag" not in theirs["scalar"]["binary"]


DIFFERENCES: dict[str, Callable[[Any, Any], bool]] = {
    "documentation.short_description": _lost,
    "documentation.long_description": _lost,
    "environment.description": _lost,
    "default_inputs[].parameter.default": _a_default,
    "default_inputs[].parameter.var.type": _a_type,
    "task_template.config.tasksmithy-spec": _lost,
    "task_template.config.mode": _lost,
    "task_template.container.args": _of_the_worker,
    "task_template.container.resources.requests[].value": lambda ours, theirs: (
        (ours, theirs) == ("500m", "0.5")
    ),
    "task_template.custom.version": lambda ours, theirs: len(ours) == len(theirs),
    "task_template.interface.inputs.variables[].value.type": _a_type,
    "task_template.interface.outputs.variables[].value.type": _a_type,
    "task_template.k8s_pod.data_config.enabled": _lost,
    "task_template.k8s_pod.data_config.input_path": _lost,
    "task_template.k8s_pod.data_config.output_path": _lost,
    "task_template.k8s_pod.pod_spec.containers[].args": _of_the_worker,
    "task_template.metadata.debuggable": lambda ours, theirs: ours is ABSENT and theirs is True,
    "task_template.metadata.discovery_version": lambda ours, theirs: bool(ours),
    "task_template.metadata.log_links": _lost,
    "task_template.metadata.runtime.type": lambda ours, theirs: theirs == "FLYTE_SDK",
    "task_template.metadata.runtime.version": lambda ours, theirs: theirs == "2.12.1",
    "task_template.security_context.secrets": lambda ours, theirs: ours[:1] == theirs,
    "triggers[].spec.description": lambda ours, theirs: ours is ABSENT,
}
"""Where a message may differ, and how."""


def message(spec: TaskSpec) -> dict[str, Any]:
    """The messages of a spec, as the reference prints them."""
    return {
        **_plain(message_of(spec, DEPLOYMENT)),
        "triggers": [_plain(trigger) for trigger in triggers_of(spec)],
    }


def _plain(message: Any) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)


def _check(expected: dict[str, Any]) -> set[str]:
    """Compare all definitions with what is expected; the paths that differ."""
    found = set()
    defined = tasks()
    assert defined.keys() == expected.keys()
    for name, task in defined.items():
        for path, ours, theirs in differences(message(serialize(task, DEPLOYMENT)), expected[name]):
            assert path in DIFFERENCES, f"{name}: {path}: {ours} here, {theirs} of flyte"
            assert DIFFERENCES[path](ours, theirs), f"{name}: {path}: {ours} here, {theirs} there"
            found.add(path)
    return found


def test_every_message_is_that_of_flyte_but_for_the_documented_differences():
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))

    found = _check(expected)

    assert len(expected) >= 60
    assert found == DIFFERENCES.keys(), "each difference that is listed has a definition"


def test_the_page_lists_the_differences():
    _, _, table = PAGE.read_text(encoding="utf-8").partition("## Differences from Flyte")
    listed = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)

    assert sorted(listed) == sorted(DIFFERENCES)


@pytest.mark.slow
def test_what_is_expected_is_what_flyte_makes(flyte, tmp_path):
    # `python -m plugins.flyte.tests.write_expected FLYTE_PYTHON` writes it anew.
    write_for_flyte(tmp_path)

    made = json.loads(flyte("reference.py", tmp_path))

    assert made == json.loads(EXPECTED.read_text(encoding="utf-8"))
