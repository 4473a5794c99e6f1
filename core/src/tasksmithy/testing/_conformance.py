"""TaskTypeConformance: every check of the contract between a task type and the core."""

from __future__ import annotations

from tasksmithy.testing._config import ConfigChecks
from tasksmithy.testing._discovery import DiscoveryChecks
from tasksmithy.testing._hooks import HookChecks
from tasksmithy.testing._jobs import JobChecks
from tasksmithy.testing._policies import PolicyChecks
from tasksmithy.testing._purity import PurityChecks
from tasksmithy.testing._running import RunningChecks
from tasksmithy.testing._template import TemplateChecks
from tasksmithy.testing._wheel import WheelChecks


class TaskTypeConformance(
    WheelChecks,
    PolicyChecks,
    JobChecks,
    RunningChecks,
    ConfigChecks,
    TemplateChecks,
    PurityChecks,
    HookChecks,
    DiscoveryChecks,
):
    """The contract between a task type and the core, a test for each of its clauses.

    Subclass it in a test module, under a name that begins with `Test`:

        class TestHello(TaskTypeConformance):
            task_type = "hello"
            inputs = {"name": "world"}

            def make_task(self):
                return HelloTask(name="hello")

    What can be seen from the plugin is seen from there: whether it has a configuration, which
    hooks it answers, whether it runs on this machine. A check that does not apply is skipped and
    says why. A failure says what was found, what is allowed, and what to do.

    Attributes:
        task_type: the task type, which is the name of its entry point.
        inputs: the inputs with which the task of `make_task()` runs; None where it needs none.
        capabilities: what the task type is or can, which brings checks of its own: `"container"`,
            `"sql"`, `"function"`, `"secrets"`, `"cancellable"`.
        max_import_modules: how many modules importing the plugin may import, beside the core's.
        max_import_seconds: how long that may take, in seconds of the processor's time.
    """
