"""Plugins that are not found, do not load, or are not what their entry point says."""

from __future__ import annotations

from core.tests.testing.conftest import GROUP, Failures, Plugin, check

SAME = {"x/__init__.py": "from tasksmithy import TaskType\nclass T(TaskType): pass"}

PLUGINS = {
    "its_entry_point_has_another_name": Plugin(
        "test_the_entry_point_is_installed",
        (
            "no installed distribution has an entry point 'its_entry_point_has_another_name'",
            "did you mean 'its_entry_point_has_anothername'",
            f'[project.entry-points."{GROUP}"]',
            "pip install -e .",
        ),
        entry_points={
            GROUP: {
                "its_entry_point_has_anothername": "its_entry_point_has_another_name:BrokenTaskType"
            }
        },
    ),
    "its_entry_point_is_in_another_group": Plugin(
        "test_the_entry_point_is_installed",
        (
            "dist-of-its-entry-point-is-in-another-group 1.2",
            "in the group 'tasksmithy.task_types.v2'",
            f"task types are in '{GROUP}'",
        ),
        entry_points={
            "tasksmithy.task_types.v2": {
                "its_entry_point_is_in_another_group": "its_entry_point_is_in_another_group:T"
            }
        },
    ),
    "two_distributions_provide_it": Plugin(
        "test_the_entry_point_is_installed",
        (
            "dist-of-two-distributions-provide-it 1.2 and the-other-one 1.0",
            "uninstall the other one, or rename the task type",
        ),
        beside={"the-other-one": ({}, {GROUP: {"two_distributions_provide_it": "x:T"}})},
    ),
    "another_distribution_has_its_code": Plugin(
        "test_the_entry_point_is_of_the_distribution_that_has_the_code",
        (
            "which is no file of dist-of-another-distribution-has-its-code 1.2",
            "have one distribution",
        ),
        files={
            "another_distribution_has_its_code/__init__.py": None,
            "another_distribution_has_its_code/py.typed": None,
        },
        beside={
            "the-code": (
                {
                    "another_distribution_has_its_code/__init__.py": (
                        "from tasksmithy import TaskTemplate, TaskType, hookimpl\n"
                        "class BrokenTask(TaskTemplate, "
                        "task_type='another_distribution_has_its_code'): pass\n"
                        "class BrokenTaskType(TaskType):\n"
                        "    template = BrokenTask\n"
                        "    @hookimpl\n"
                        "    async def execute(self): return 42\n"
                    ),
                    "another_distribution_has_its_code/py.typed": "",
                },
                {},
            )
        },
    ),
    "its_module_raises": Plugin(
        "test_the_plugin_loads_in_a_fresh_process",
        (
            "task type 'its_module_raises' (dist-of-its-module-raises 1.2) cannot be loaded",
            "RuntimeError: no licence",
            "its_module_raises/__init__.py",
            "python -c 'import its_module_raises'",
        ),
        module="raise RuntimeError('no licence')",
        everyday=True,
    ),
    "its_module_needs_the_folder_of_the_tests": Plugin(
        "test_the_plugin_loads_in_a_fresh_process",
        ("ModuleNotFoundError: No module named 'test_its_module_needs_the_folder_of_the_tests'",),
        module="import test_its_module_needs_the_folder_of_the_tests",
    ),
    "its_module_ends_the_process": Plugin(
        "test_the_plugin_loads_in_a_fresh_process",
        ("cannot be loaded", "SystemExit: 3"),
        module="raise SystemExit(3)",
    ),
    "its_object_is_missing": Plugin(
        "test_the_plugin_loads_in_a_fresh_process",
        ("has no attribute 'BrokenTaskTyp'",),
        entry_points={GROUP: {"its_object_is_missing": "its_object_is_missing:BrokenTaskTyp"}},
    ),
    "its_object_is_no_task_type": Plugin(
        "test_the_entry_point_names_the_task_type",
        (
            "is <module 'json'",
            "the entry point names a TaskType (a subclass or an instance) or a TaskTemplate",
        ),
        module="import json",
        entry_points={GROUP: {"its_object_is_no_task_type": "its_object_is_no_task_type:json"}},
    ),
    "it_says_another_task_type": Plugin(
        "test_the_entry_point_names_the_task_type",
        ("says that its task type is 'other'", "both are 'it_says_another_task_type'"),
        hooks="task_type = 'other'",
    ),
    "its_template_is_of_another_task_type": Plugin(
        "test_the_entry_point_names_the_task_type",
        ("says that its task type is 'other'",),
        hooks="template = type('Other', (TaskTemplate,), {}, task_type='other')",
    ),
    "it_cannot_be_made": Plugin(
        "test_the_entry_point_names_the_task_type",
        (
            "BrokenTaskType() raised TypeError",
            "it is made without arguments",
            "TaskType subclass that is made without arguments",
        ),
        hooks="def __init__(self, client): pass",
    ),
    "it_imports_an_sdk": Plugin(
        "test_importing_the_plugin_is_cheap",
        (
            "importing it_imports_an_sdk imports snowflake",
            "import it inside the function that needs it",
        ),
        module="import snowflake",
        beside={"sdk": ({"snowflake/__init__.py": ""}, {})},
        everyday=True,
    ),
    "it_imports_too_much": Plugin(
        "test_importing_the_plugin_is_cheap",
        ("modules, and max_import_modules is 20; most are of many (31)",),
        module="for n in range(30): __import__(f'many.m{n}')",
        test="max_import_modules = 20",
        beside={"many": ({f"many/m{n}.py": "" for n in range(30)}, {})},
    ),
    "it_takes_its_time": Plugin(
        "test_importing_the_plugin_is_cheap",
        ("s of the processor, and max_import_seconds is 0.1",),
        module="sum(range(20_000_000))",
        test="max_import_seconds = 0.1",
    ),
    "it_has_no_types": Plugin(
        "test_the_package_has_its_types",
        ("it_has_no_types has no file py.typed", "add an empty file py.typed"),
        files={"it_has_no_types/py.typed": None},
    ),
    "its_test_makes_another_task": Plugin(
        "test_make_task_gives_a_task_of_this_type",
        (
            "Test_its_test_makes_another_task.make_task() gave TaskTemplate(name='t'",
            "it gives a BrokenTask of task type 'its_test_makes_another_task'",
        ),
        test="""
        def make_task(self):
            from tasksmithy import TaskTemplate
            return TaskTemplate(name="t", interface=NativeInterface())
        """,
    ),
    "its_test_cannot_make_a_task": Plugin(
        "test_make_task_gives_a_task_of_this_type",
        ("make_task() raised TaskDefinitionError: task 'answer': txet='x' is not allowed",),
        test="def make_task(self): return self.task(txet='x')",
    ),
    "its_template_leaves_the_checks_out": Plugin(
        "test_make_task_gives_a_task_of_this_type",
        ("BrokenTask.__post_init__ does not call super().__post_init__(), which checks the other",),
        task="def __post_init__(self): pass",
    ),
    "its_test_says_no_task_type": Plugin(
        "test_the_conformance_class_is_complete",
        ("does not say which task type it is about", 'task_type = "..."'),
        test="task_type = ''",
    ),
    "its_test_makes_no_task": Plugin(
        "test_the_conformance_class_is_complete",
        ("makes no task, and what a task type does is seen in", "def make_task(self): return ..."),
        test="del make_task",
    ),
    "its_test_has_an_unknown_capability": Plugin(
        "test_the_conformance_class_is_complete",
        ("capabilities has 'canceled'; did you mean 'cancellable'?", "'container': it runs as a"),
        test="capabilities = frozenset({'canceled'})",
        everyday=True,
    ),
    "its_test_lacks_the_slow_task": Plugin(
        "test_the_conformance_class_is_complete",
        ("def make_slow_task(self): return ...",),
        test="capabilities = frozenset({'cancellable'})",
    ),
    "it_prints_when_it_is_imported": Plugin(
        "test_importing_the_plugin_leaves_the_process_alone",
        ("prints to standard output ('NOISE')",),
        module="print('NOISE')",
    ),
    "it_changes_signals_when_it_is_imported": Plugin(
        "test_importing_the_plugin_leaves_the_process_alone",
        ("changes what is done at signals ('SIGUSR1')",),
        module="import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
    ),
}


def test_the_fault_fails_its_check_alone_and_the_message_helps(
    failures: Failures, plugin: str
) -> None:
    check(PLUGINS[plugin], failures[plugin])
