"""What the attempts that one process makes, one after the other, share there."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from tasksmithy import Attempt, NativeInterface, Registry, TaskTemplate
from tasksmithy.extend import FarAttempt, Shipment
from tasksmithy.plugins._discovery import PluginRecord
from tasksmithy.plugins._settings import Settings

RECORD = PluginRecord("tasksmithy.task_types.v1", "counted", "counted:Counted", "counted", "1")

def shipped(settings=Settings(), records=(RECORD,), **in_code):
    from counted import Count
    registry = Registry(records, settings=settings, **in_code)
    with registry.entered():
        attempt = Attempt.of(Count(name="c", interface=NativeInterface.from_types({}, {"o": int})))
        return Shipment.of(attempt)

class Other(TaskTemplate, task_type="other"):
    pass

class Channel:
    def send(self, frame): ...
    def receive(self): ...

def made(*shipments):
    from counted import Counted
    Counted.made = 0
    for shipment in shipments:
        answer = FarAttempt(Channel()).make(shipment)
        assert answer.message.name == "RESULT", answer
    return Counted.made
"""
COUNTED = """
from tasksmithy import TaskTemplate, TaskType, hookimpl

class Count(TaskTemplate, task_type="counted"):
    pass

class Counted(TaskType):
    template = Count
    made = 0

    def __init__(self):
        type(self).made += 1

    @hookimpl
    async def execute(self):
        return {"o": 1}
"""


@pytest.mark.parametrize(
    ("shipments", "loaded"),
    [
        pytest.param("shipped(), shipped()", 1, id="the same settings and plugins"),
        pytest.param(
            "shipped(), shipped(Settings(secrets_dir='/elsewhere')), shipped()",
            3,
            id="other settings",
        ),
        pytest.param(
            "shipped(), shipped(records=(RECORD._replace(version='2'),))", 2, id="another version"
        ),
        pytest.param("*(shipped(task_types=[Other]) for _ in 'ab')", 2, id="registered in code"),
    ],
)
def test_a_plugin_is_loaded_anew_where_an_attempt_has_another_registry(
    tmp_path: Path, shipments: str, loaded: int
) -> None:
    (tmp_path / "counted.py").write_text(COUNTED)
    program = tmp_path / "program.py"
    guard = f'if __name__ == "__main__":\n    everything = [{shipments}]\n'
    program.write_text(f"{PROGRAM}\n{guard}    print(made(*everything))\n")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ast.literal_eval(done.stdout) == loaded
