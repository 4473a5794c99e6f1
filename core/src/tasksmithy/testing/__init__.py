"""tasksmithy.testing: what the author of a task type or an executor tests it with. Needs pytest.

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

from tasksmithy._lazy_names import lazy_names

TYPE_CHECKING = False
if TYPE_CHECKING:  # what type checkers see; `_HOMES` is the same for the interpreter
    from tasksmithy.testing._conformance import TaskTypeConformance as TaskTypeConformance
    from tasksmithy.testing._executor_conformance import (
        ExecutorConformance as ExecutorConformance,
    )
    from tasksmithy.testing._outcome import ConformanceWarning as ConformanceWarning
    from tasksmithy.testing._snapshot import assert_spec_snapshot as assert_spec_snapshot

_HOMES = {
    "ConformanceWarning": "testing._outcome",
    "ExecutorConformance": "testing._executor_conformance",
    "TaskTypeConformance": "testing._conformance",
    "assert_spec_snapshot": "testing._snapshot",
}

__all__ = [*_HOMES]

# pytest imports the fixtures, and with them this package, wherever it is installed.
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
