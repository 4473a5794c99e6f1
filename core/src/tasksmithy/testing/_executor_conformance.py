"""ExecutorConformance: every check of the contract between an executor and the core."""

from __future__ import annotations

from tasksmithy.testing._executor_ends import EndChecks
from tasksmithy.testing._executor_results import ResultChecks
from tasksmithy.testing._executor_surroundings import SurroundingsChecks


class ExecutorConformance(SurroundingsChecks, EndChecks, ResultChecks):
    """The contract between an executor and the core, a test for each of its clauses.

    Subclass it in a test module, under a name that begins with `Test`:

        class TestThreads(ExecutorConformance):
            executor = "threads"
            options = {"workers": 4}

    What the executor says that it can, in its `capabilities` and `heeds`, brings checks of its own;
    they are skipped with the reason where it does not say so. A failure says what was found, what
    is allowed, and what to do. The checks run functions, so `tasksmithy-function` has to be
    installed, and they see by files what an attempt does: where attempts are made on other
    machines, pytest's `--basetemp` has to be a folder that these have, too.

    Attributes:
        executor: the name of the installed executor, or a class of executors.
        options: its options, as `executor_options` of a run has them.
    """
