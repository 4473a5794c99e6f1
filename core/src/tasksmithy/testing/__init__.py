"""tasksmithy.testing: what the author of a task type tests it with. Needs pytest.

    from tasksmithy.testing import TaskTypeConformance
    from tasksmithy_hello import HelloTask

    class TestHello(TaskTypeConformance):
        task_type = "hello"
        inputs = {"name": "world"}

        def make_task(self):
            return HelloTask(name="hello")

`pip install 'tasksmithy[testing]'` brings pytest, and with it come the fixtures `registry`,
`run_task` and `fake_distribution`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:  # what type checkers see; `_HOMES` is the same for the interpreter
    from tasksmithy.testing._conformance import TaskTypeConformance as TaskTypeConformance
    from tasksmithy.testing._outcome import ConformanceWarning as ConformanceWarning
    from tasksmithy.testing._snapshot import assert_spec_snapshot as assert_spec_snapshot

_HOMES = {
    "TaskTypeConformance": "_conformance",
    "ConformanceWarning": "_outcome",
    "assert_spec_snapshot": "_snapshot",
}

__all__ = ["ConformanceWarning", "TaskTypeConformance", "assert_spec_snapshot"]


def __getattr__(name: str) -> object:
    # Lazily: pytest imports the fixtures, and with them this package, wherever it is installed.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"tasksmithy.testing.{home}"), name)
