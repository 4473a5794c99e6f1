"""Checks: the plugin is found, loads by itself, and is what its entry point says."""

from __future__ import annotations

import functools
import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from tasksmithy._texts import near_misses, shorten
from tasksmithy.errors import PluginContractError
from tasksmithy.plugins._contract import as_task_type
from tasksmithy.plugins._discovery import TASK_TYPES, PluginRecord
from tasksmithy.plugins._examination import examined
from tasksmithy.plugins._listing import PluginStatus
from tasksmithy.task._template import TaskTemplate
from tasksmithy.testing import _fresh as fresh
from tasksmithy.testing._installation import files_of, package_of, source_of
from tasksmithy.testing._outcome import fail
from tasksmithy.testing._subject import CAPABILITIES, Subject

HEAVY = frozenset(
    {
        *("airflow", "azure", "boto3", "botocore", "dask", "databricks", "datafusion", "duckdb"),
        *("flyte", "flytekit", "google", "grpc", "ibis", "jax", "kubernetes", "matplotlib"),
        *("numpy", "openai", "pandas", "polars", "psycopg", "psycopg2", "pyarrow", "pyspark"),
        *("ray", "scipy", "sklearn", "snowflake", "sqlalchemy", "tensorflow", "torch"),
        *("transformers", "xgboost"),
    }
)
"""Packages that are imported when a task needs them, not when its type is looked at."""


@functools.cache
def _examined(record: PluginRecord) -> PluginStatus:
    return examined([record])[0]


class DiscoveryChecks(Subject):
    """The plugin is found, loads by itself, and is what its entry point says.

    Attributes:
        max_import_modules: how many modules importing the plugin may import, beside the core's.
        max_import_seconds: how long that may take, in seconds of the processor's time.
    """

    max_import_modules: ClassVar[int] = 250
    max_import_seconds: ClassVar[float] = 1.0

    def test_the_conformance_class_is_complete(self) -> None:
        """The class says what the checks need to know, and nothing that they do not."""
        name = type(self).__name__
        if not self.task_type:
            fail(
                f"{name} does not say which task type it is about",
                f'add to {name}: task_type = "..."  # the name of the entry point',
            )
        for capability in sorted(set(self.capabilities) - CAPABILITIES.keys()):
            fail(
                f"{name}: capabilities has {capability!r}{near_misses(capability, CAPABILITIES)}",
                "give some of these, or none:\n"
                + "\n".join(f"  {known!r}: it {says}" for known, says in CAPABILITIES.items()),
            )
        if not self._has("make_task"):
            fail(
                f"{name} makes no task, and what a task type does is seen in its tasks",
                f"add to {name}: def make_task(self): return ...  # a task of your type",
            )
        if "cancellable" in self.capabilities and not self._has("make_slow_task"):
            fail(
                f"{name} has the capability 'cancellable', which needs a task that can be ended",
                f"add to {name}: def make_slow_task(self): return ...  # it takes about a minute",
            )

    def test_the_entry_point_is_installed(self) -> None:
        """A task type is found by an entry point of its name, which one distribution has."""
        records = self._records
        if len(records) > 1:
            providers = " and ".join(f"{r.distribution} {r.version}" for r in records)
            fail(
                f"{len(records)} distributions provide the task type {self.task_type!r}: "
                f"{providers}; the name of a task type belongs to one",
                "uninstall the other one, or rename the task type",
            )
        if records or not self.task_type:
            return
        group = f'[project.entry-points."{TASK_TYPES}"]'
        elsewhere = [r for r in self._registry.records if r.name == self.task_type]
        if elsewhere:
            found = elsewhere[0]
            fail(
                f"{found.distribution} {found.version} has the entry point {self.task_type!r} in "
                f"the group {found.group!r}; task types are in {TASK_TYPES!r}",
                f"move it in pyproject.toml to {group}, and install the project again",
            )
        names = self._registry.names(TASK_TYPES)
        fail(
            f"no installed distribution has an entry point {self.task_type!r} in the group "
            f"{TASK_TYPES!r}{near_misses(self.task_type, names)} (installed: "
            f"{', '.join(names) or 'none'})",
            f'add to pyproject.toml:\n{group}\n{self.task_type} = "your_package.plugin:YourType"\n'
            "and install the project again: pip install -e .",
        )

    def test_the_entry_point_is_of_the_distribution_that_has_the_code(self) -> None:
        """What is installed together is removed together, and has one version."""
        record = self._record()
        package = package_of(record)
        spec = importlib.util.find_spec(package)
        files = files_of(record.distribution)
        if spec is None or spec.origin is None or not files:
            return
        home = Path(spec.origin).resolve()
        source = source_of(record.distribution)
        if home not in files and not (source is not None and home.is_relative_to(source)):
            fail(
                f"{self._who} names {record.value!r}, and {package} is {home}, which is no file of "
                f"{record.distribution} {record.version}",
                "have one distribution ship the package and its entry point; where a folder on "
                "sys.path hides the installed package, take that folder off",
            )

    def test_the_plugin_loads_in_a_fresh_process(self) -> None:
        """Nothing but the installation is needed: no import order, no folder, no test."""
        record = self._record()
        try:
            fresh.first_loading(record)
        except fresh.ProbeError as error:
            fail(
                str(error),
                "run it by itself, in another folder, and repair what it lacks there: "
                f"python -c 'import {record.value.partition(':')[0]}'",
            )

    def test_the_entry_point_names_the_task_type(self) -> None:
        """The object is a task type or a template, and goes by the name of its entry point."""
        try:
            as_task_type(self._named(), self.task_type, self._who)
        except PluginContractError as error:
            if self._hook_problem() is None:
                fail(
                    str(error),
                    f"let {self._record().value} be a TaskType subclass that is made without "
                    "arguments, and whose template, if it has one, is declared with "
                    f'task_type="{self.task_type}"',
                )

    def test_make_task_gives_a_task_of_this_type(self) -> None:
        """All further checks are made with this task."""
        self._type()
        if not self._has("make_task"):
            self._skip_for("test_the_conformance_class_is_complete")
        method = f"{type(self).__name__}.make_task()"
        try:
            task: Any = self.make_task()
        except Exception as error:  # noqa: BLE001 - whatever the author's code raises
            fail(
                f"{method} raised {type(error).__name__}: {error}",
                "let it return a task; it is called without arguments, also in other processes",
            )
        if not self._is_of_this_type(task):
            template = self._registry.template(self.task_type)
            of = f" of task type {task.task_type!r}" if isinstance(task, TaskTemplate) else ""
            fail(
                f"{method} gave {shorten(task)}{of}; it gives a {template.__name__} of task type "
                f"{self.task_type!r}, which is the template of {self._who}",
                f"return a {template.__name__}, or correct task_type of {type(self).__name__}",
            )

    def test_importing_the_plugin_leaves_the_process_alone(self) -> None:
        """Importing it prints nothing, starts nothing, and changes nothing that others share."""
        status = _examined(self._record())
        if status.status == "broken":
            self._skip_for("test_the_plugin_loads_in_a_fresh_process")
        if status.status == "misbehaves":
            fail(
                status.detail.partition(". To do:")[0],
                "do it in the execute hook, and undo it there; importing only defines",
            )

    def test_importing_the_plugin_is_cheap(self) -> None:
        """To look at a task type is no reason to wait: an SDK is imported by what needs it."""
        record = self._record()
        try:
            loading = fresh.first_loading(record)
            for _ in range(2):  # a busy machine is slow at times
                if loading.seconds > self.max_import_seconds:
                    loading = min(loading, fresh.loading(record), key=lambda one: one.seconds)
        except fresh.ProbeError:
            self._skip_for("test_the_plugin_loads_in_a_fresh_process")
        packages = Counter(name.partition(".")[0] for name in loading.modules)
        most = ", ".join(f"{name} ({count})" for name, count in packages.most_common(5))
        module = record.value.partition(":")[0]
        advice = (
            "import it inside the function that needs it; `python -X importtime -c 'import "
            f"{module}'` shows who imports what"
        )
        if heavy := sorted(HEAVY & packages.keys()):
            fail(f"{self._who}: importing {module} imports {', '.join(heavy)}", advice)
        if len(loading.modules) > self.max_import_modules:
            fail(
                f"{self._who}: importing {module} imports {len(loading.modules)} modules, and "
                f"max_import_modules is {self.max_import_modules}; most are of {most}",
                advice,
            )
        if loading.seconds > self.max_import_seconds:
            fail(
                f"{self._who}: importing {module} takes {loading.seconds:.1f} s of the processor, "
                f"and max_import_seconds is {self.max_import_seconds:g}; most modules are of "
                f"{most}",
                advice,
            )

    def test_the_package_has_its_types(self) -> None:
        """`py.typed` tells type checkers that the annotations are meant for them (PEP 561)."""
        package = package_of(self._record())
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            self._skip_for("test_the_plugin_loads_in_a_fresh_process")
        if not spec.submodule_search_locations:
            fail(
                f"{self._who}: {spec.origin} is a single module, which cannot say that it is typed",
                f"make it a package: {package}/__init__.py, and beside it an empty file py.typed",
            )
        if not Path(spec.origin).with_name("py.typed").is_file():
            fail(
                f"{self._who}: {Path(spec.origin).parent} has no file py.typed, so type checkers "
                "take everything in it for Any",
                "add an empty file py.typed beside its __init__.py",
            )
