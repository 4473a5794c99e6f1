"""The registry: from the name of a task type to the one plugin that provides it."""

import importlib
import os
import pickle
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import tasksmithy
from tasksmithy import NativeInterface, SerializationContext, TaskTemplate, TaskType, hookimpl
from tasksmithy._registry_in_use import registry_in_use
from tasksmithy.errors import (
    MissingDependencyError,
    PluginConflictError,
    PluginContractError,
    PluginDisabledError,
    PluginError,
    PluginLoadError,
    PluginRegistrationError,
    PluginVersionError,
    UnknownTaskTypeError,
)
from tasksmithy.plugins._discovery import EXECUTORS, POLICIES, RENDERERS, TASK_TYPES, PluginRecord
from tasksmithy.plugins._registry import Registry
from tasksmithy.plugins._requirement import unmet
from tasksmithy.plugins._settings import Settings

HEADER = """
from tasksmithy import NativeInterface, SerializationContext, Sql, TaskTemplate, TaskType, hookimpl
"""
GOOD = """
class Good(TaskType):
    @hookimpl
    def config(self):
        return {"from": __name__}
"""

Write = Callable[..., None]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module of a plugin onto the path: `module(name, source)`."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(name: str, source: str = GOOD) -> None:
        file = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEADER + dedent(source))

    yield write
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def record(
    value: str, name: str = "demo", group: str = TASK_TYPES, dist: str = "demo-dist", v: str = "1.2"
) -> PluginRecord:
    return PluginRecord(group, name, value, dist, v)


def registry(*records: PluginRecord, **settings: Any) -> Registry:
    return Registry(records, settings=Settings(**settings))


def task(task_type: str = "demo") -> TaskTemplate[..., Any]:
    return TaskTemplate(name="t", task_type=task_type, interface=NativeInterface())


def config(source: Registry, task_type: str = "demo") -> Mapping[str, str]:
    return source.hooks(task_type).config(task(task_type), SerializationContext())


def is_imported(*names: str) -> list[bool]:
    return [name in sys.modules for name in names]


# Loading


def test_an_installed_task_type_answers_for_its_tasks(module: Write) -> None:
    module("demo_good")
    with registry(record("demo_good:Good")).entered():
        assert task().config(SerializationContext()) == {"from": "demo_good"}


def test_only_the_plugin_that_is_used_is_imported(module: Write) -> None:
    for name in "demo_a", "demo_b", "demo_policy", "demo_renderer":
        module(name)
    source = registry(
        record("demo_a:Good", "a"),
        record("demo_b:Good", "b"),
        record("demo_policy:Good", "p", POLICIES),
        record("demo_renderer:Good", "r", RENDERERS),
    )
    source.plugins()
    assert is_imported("demo_a", "demo_b", "demo_policy", "demo_renderer") == [False] * 4
    source.hooks("a")
    assert is_imported("demo_a", "demo_b", "demo_policy", "demo_renderer") == [True] + [False] * 3


def test_the_registry_is_not_asked_what_is_installed_before_it_is_used() -> None:
    def records() -> Iterator[PluginRecord]:
        raise AssertionError("asked")
        yield

    source = Registry(records(), settings=Settings())
    with pytest.raises(AssertionError, match="asked"):
        source.hooks("demo")


def test_what_is_installed_is_looked_up_once() -> None:
    source = Registry(iter([record("demo:A")]), settings=Settings())
    assert source.records == source.records == (record("demo:A"),)


def test_an_entry_point_names_a_subclass_or_an_instance(module: Write) -> None:
    module("demo_both", GOOD + "instance = Good()\n")
    assert config(registry(record("demo_both:Good"))) == {"from": "demo_both"}
    assert config(registry(record("demo_both:instance"))) == {"from": "demo_both"}


@pytest.mark.parametrize(
    "value", ["demo_value:Holder.good", "demo_value : Holder.good [extra]", "demo_value:Good [x,y]"]
)
def test_an_object_reference_may_have_dots_and_extras(module: Write, value: str) -> None:
    module("demo_value", GOOD + "class Holder:\n    good = Good\n")
    assert config(registry(record(value))) == {"from": "demo_value"}


def test_a_task_type_is_made_once(module: Write) -> None:
    source = """
    made = []
    class Counted(TaskType):
        def __init__(self):
            made.append(self)
    """
    module("demo_counted", source)
    of = registry(record("demo_counted:Counted"))
    assert of.task_type("demo") is of.task_type("demo")
    of.hooks("demo")
    assert sys.modules["demo_counted"].made == [of.task_type("demo")]


def test_a_task_type_says_which_distribution_provides_it(module: Write) -> None:
    module("demo_good")
    provenance = registry(record("demo_good:Good")).hooks("demo").provenance
    assert (provenance.distribution, provenance.version) == ("demo-dist", "1.2")
    assert str(provenance) == "demo-dist 1.2"


def test_the_template_of_a_type_without_one_is_the_template_itself(module: Write) -> None:
    module("demo_good")
    assert registry(record("demo_good:Good")).template("demo") is TaskTemplate


def test_a_plugin_of_any_group_is_loaded_by_its_name(module: Write) -> None:
    module("demo_renderer", "def render(spec):\n    return spec.name\n")
    source = registry(record("demo_renderer:render", "flyte", RENDERERS))
    assert source.load(RENDERERS, "flyte") is sys.modules["demo_renderer"].render
    with pytest.raises(PluginLoadError) as caught:
        source.load(RENDERERS, "flite")
    assert str(caught.value) == (
        "no installed plugin provides 'flite' in 'tasksmithy.renderers.v1'; "
        "did you mean 'flyte'? (installed: flyte)"
    )


# Registering in code


class Own(TaskType):
    task_type = "own"


class OwnTask(TaskTemplate, task_type="bare"):
    pass


class OwnConfig:
    pass


def test_a_task_type_can_be_registered_as_class_instance_or_bare_template() -> None:
    source = Registry([], settings=Settings(), task_types=[Own, OwnTask])
    source.register(type("Other", (TaskType,), {"task_type": "other"})())
    assert source.names(TASK_TYPES) == ["bare", "other", "own"]
    assert source.template("bare") is OwnTask


def test_a_registered_task_type_is_known_by_its_module() -> None:
    provenance = Registry([], settings=Settings(), task_types=[Own]).hooks("own").provenance
    assert str(provenance) == __name__


def test_a_type_that_is_named_by_its_template_alone_can_be_registered() -> None:
    class Named(TaskType):
        template = OwnTask

    source = Registry([], settings=Settings(), task_types=[Named])
    assert source.template("bare") is OwnTask


def test_registering_never_replaces_another_registration() -> None:
    source = Registry([], settings=Settings(), task_types=[Own])
    with pytest.raises(PluginRegistrationError) as caught:
        source.register(Own)
    assert str(caught.value) == (
        f"task type 'own' (registered by {__name__}) would replace task type 'own' "
        f"(registered by {__name__}); choose another task_type, or remove the other"
    )


def test_registering_never_replaces_an_installed_plugin() -> None:
    source = registry(record("never_imported:T", "own"))
    with pytest.raises(PluginRegistrationError, match=r"task type 'own' \(demo-dist 1\.2\)"):
        source.register(Own)


def test_an_object_that_names_no_task_type_cannot_be_registered() -> None:
    with pytest.raises(PluginRegistrationError, match="says no task_type"):
        Registry([], settings=Settings(), task_types=[TaskType])


def test_a_config_class_chooses_one_task_type() -> None:
    source = Registry([], settings=Settings())
    source.register(OwnTask, OwnConfig)
    other = type("Other", (TaskTemplate,), {}, task_type="other")
    with pytest.raises(PluginRegistrationError) as caught:
        source.register(other, OwnConfig)
    assert "config class OwnConfig chooses task type 'bare'" in str(caught.value)
    assert "other" not in source.names(TASK_TYPES)


def test_a_config_class_is_a_class() -> None:
    source = Registry([], settings=Settings())
    with pytest.raises(PluginRegistrationError, match="is no config class"):
        source.register(OwnTask, "OwnConfig")  # type: ignore[arg-type]


def test_a_type_that_a_config_class_chooses_has_a_template() -> None:
    source = Registry([], settings=Settings())
    with pytest.raises(PluginRegistrationError, match="OwnConfig chooses it, but it has no temp"):
        source.register(Own, OwnConfig)


def test_registries_do_not_touch_each_other() -> None:
    first = Registry([], settings=Settings(), task_types=[Own])
    second = Registry([], settings=Settings())
    first.hooks("own")
    with pytest.raises(UnknownTaskTypeError):
        second.hooks("own")


def test_the_entered_registry_answers_and_only_inside() -> None:
    outer = Registry([], settings=Settings(), task_types=[Own])
    inner = Registry([], settings=Settings(), task_types=[Own])
    with outer.entered():
        with inner.entered() as entered:
            assert entered is inner
            assert registry_in_use.get() is inner
        assert registry_in_use.get() is outer


def test_a_thread_of_its_own_does_not_see_the_entered_registry() -> None:
    entered = Registry([], settings=Settings())
    with entered.entered(), ThreadPoolExecutor() as threads:
        assert threads.submit(registry_in_use.get).result() is not entered


# What is not there


def test_an_unknown_task_type_is_told_with_its_near_misses() -> None:
    with pytest.raises(UnknownTaskTypeError) as caught:
        registry(record("x:T", "spark"), record("x:T", "shell")).hooks("sparck", task="etl.main")
    assert str(caught.value) == (
        "task 'etl.main' has task type 'sparck', which no installed plugin provides; did you mean "
        "'spark'? (installed task types: shell, spark). Install the package that provides it: one "
        "with the entry point 'sparck' in the group 'tasksmithy.task_types.v1'"
    )
    assert caught.value.known == ["shell", "spark"]


@pytest.mark.parametrize(
    ("task_type", "extra"), [("python", "function"), ("raw-container", "container"), ("sql", "sql")]
)
def test_a_task_type_with_an_extra_is_told_with_the_command_that_installs_it(
    task_type: str, extra: str
) -> None:
    with pytest.raises(UnknownTaskTypeError) as caught:
        registry().hooks(task_type)
    assert str(caught.value) == (
        f"there is a call for task type {task_type!r}, which no installed plugin provides "
        f"(installed task types: none). Install it: pip install 'tasksmithy[{extra}]'"
    )


def test_a_task_that_asks_is_named() -> None:
    with registry().entered(), pytest.raises(UnknownTaskTypeError, match="task 't' has task type"):
        task().config(SerializationContext())


def test_a_task_type_that_is_registered_after_it_was_missed_is_found() -> None:
    source = Registry([], settings=Settings())
    with pytest.raises(UnknownTaskTypeError):
        source.hooks("own")
    source.register(Own)
    assert source.hooks("own").task_type == "own"


@pytest.mark.parametrize(
    "error",
    [
        UnknownTaskTypeError("spark", task="t", known=["sql"], hint="Install it."),
        MissingDependencyError("pod templates", "kubernetes", "pip install kubernetes"),
    ],
)
def test_an_error_reads_the_same_in_another_process(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


# What is broken


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import module_that_is_not_there", "No module named 'module_that_is_not_there'"),
        ("this is no Python", "SyntaxError: "),
        ("x = 1", "module 'demo_broken' has no attribute 'Good'"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_an_error_when_it_is_used(
    module: Write, source: str, cause: str
) -> None:
    module("demo_broken", source)
    with pytest.raises(PluginLoadError) as caught:
        registry(record("demo_broken:Good")).hooks("demo")
    message = str(caught.value)
    assert message.startswith(
        "task type 'demo' (demo-dist 1.2) cannot be loaded from 'demo_broken:Good': "
    )
    assert cause in message
    assert message.endswith(
        "Repair or uninstall 'demo-dist', or switch it off with TASKSMITHY_DISABLE_PLUGINS=demo"
    )
    assert caught.value.__cause__ is not None


def test_an_interrupt_while_a_plugin_is_imported_stays_one(module: Write) -> None:
    module("demo_interrupted", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        registry(record("demo_interrupted:Good")).hooks("demo")


@pytest.mark.parametrize("value", ["", ":", "demo_good:", "demo_good", ".relative:T", "a b:c"])
def test_a_reference_that_names_no_task_type_is_an_error_with_provenance(
    module: Write, value: str
) -> None:
    module("demo_good")
    with pytest.raises(PluginError, match=r"task type 'demo' \(demo-dist 1\.2\)"):
        registry(record(value)).hooks("demo")


def test_a_distribution_without_a_version_is_named_without_one(module: Write) -> None:
    with pytest.raises(PluginLoadError, match=r"^task type 'demo' \(demo-dist\) cannot"):
        registry(record("demo_missing:T", v="")).hooks("demo")


def test_a_broken_plugin_affects_no_other(module: Write) -> None:
    module("demo_good")
    module("demo_broken", "raise RuntimeError")
    source = registry(record("demo_broken:T", "broken"), record("demo_good:Good"))
    with pytest.raises(PluginLoadError):
        source.hooks("broken")
    assert config(source) == {"from": "demo_good"}


def test_a_plugin_that_is_repaired_can_be_used_without_a_new_registry(module: Write) -> None:
    source = registry(record("demo_repaired:Good"))
    with pytest.raises(PluginLoadError):
        source.hooks("demo")
    module("demo_repaired")
    assert config(source) == {"from": "demo_repaired"}


CONTRACT = {
    "a wrong object": (
        "Good = 3",
        (
            "is 3 of type int; the entry point names a TaskType (a subclass or an instance) or a "
            "TaskTemplate subclass"
        ),
    ),
    "a class that is none": (
        "class Good: pass",
        "is <class 'demo_wrong.Good'>; the entry point names a TaskType",
    ),
    "a constructor that raises": (
        "class Good(TaskType):\n    def __init__(self):\n        raise KeyError('home')",
        "Good() raised KeyError('home'); it is made without arguments",
    ),
    "another name": (
        "class Good(TaskType):\n    task_type = 'other'",
        (
            "says that its task type is 'other'; the name of the entry point is the task type, so "
            "both are 'demo' or both are 'other'"
        ),
    ),
    "a template of another name": (
        (
            "class Task(TaskTemplate, task_type='other'): pass\n"
            "class Good(TaskType):\n    template = Task"
        ),
        (
            "says that its task type is 'other'; the name of the entry point is the task type, so "
            "both are 'demo' or both are 'other': class Task(..., task_type='demo')"
        ),
    ),
    "a bare template without a name": (
        "class Good(TaskTemplate): pass",
        "so both are 'demo' or both are 'python': class Good(..., task_type='demo')",
    ),
    "a template that is none": (
        "class Good(TaskType):\n    template = dict",
        "template=<class 'dict'> is no TaskTemplate subclass",
    ),
    "a config model without a template": (
        "class Good(TaskType):\n    config_model = dict",
        "config_model=<class 'dict'>; give a class, and with it the template",
    ),
    "a config model that is no class": (
        (
            "class Task(TaskTemplate, task_type='demo'): pass\n"
            "class Good(TaskType):\n    template = Task\n    config_model = 'Config'"
        ),
        "config_model='Config'; give a class",
    ),
    "a misspelt hook": (
        "class Good(TaskType):\n    @hookimpl\n    def custom_confg(self): return {}",
        "implements the unknown hook 'custom_confg'; did you mean 'custom_config'",
    ),
    "a method without @hookimpl": (
        "class Good(TaskType):\n    def sql(self): return 'select 1'",
        "has a method 'sql', the name of a hook, without @hookimpl: it would never be called",
    ),
    "an override without @hookimpl": (
        (
            "class Base(TaskType):\n    @hookimpl\n    def sql(self): return 'select 1'\n"
            "class Good(Base):\n    def sql(self): return 'select 2'"
        ),
        "has a method 'sql', the name of a hook, without @hookimpl",
    ),
    "a keyword-only argument": (
        "class Good(TaskType):\n    @hookimpl\n    def config(self, *, sctx): return {}",
        "hook 'config' takes 'sctx', a keyword-only argument, which is never passed",
    ),
    "a keyword-only argument beneath a decorator": (
        (
            "from contextlib import asynccontextmanager\n"
            "class Good(TaskType):\n    @hookimpl\n    @asynccontextmanager\n"
            "    async def around_execute(self, *, task): yield"
        ),
        "hook 'around_execute' takes 'task', a keyword-only argument, which is never passed",
    ),
    "variable arguments": (
        "class Good(TaskType):\n    @hookimpl\n    def config(self, *args): return {}",
        "hook 'config' takes 'args', variable arguments, which is never passed",
    ),
    "variable keyword arguments": (
        "class Good(TaskType):\n    @hookimpl\n    def config(self, task, **rest): return {}",
        "hook 'config' takes 'rest', variable keyword arguments, which is never passed",
    ),
    "a wrong argument name": (
        "class Good(TaskType):\n    @hookimpl\n    def config(self, tsk): return {}",
        (
            "hook 'config' takes 'tsk', which is never passed; did you mean 'task'? "
            "(arguments: task, sctx)"
        ),
    ),
    "a wrapper that does not yield": (
        "class Good(TaskType):\n    @hookimpl(wrapper=True)\n    def config(self): return {}",
        "breaks the hook spec: ",
    ),
    "tryfirst": (
        "class Good(TaskType):\n    @hookimpl(tryfirst=True)\n    def config(self): return {}",
        "'config' has @hookimpl(tryfirst=True), which is not for plugins: the order is fixed",
    ),
    "tryfirst on a wrapper": (
        (
            "class Good(TaskType):\n    @hookimpl(wrapper=True, tryfirst=True)\n"
            "    def config(self): return (yield)"
        ),
        "'config' has @hookimpl(tryfirst=True), which is not for plugins: the order is fixed",
    ),
    "trylast": (
        "class Good(TaskType):\n    @hookimpl(trylast=True)\n    def config(self): return {}",
        "'config' has @hookimpl(trylast=True), which is not for plugins: the order is fixed",
    ),
    "an old wrapper": (
        "class Good(TaskType):\n    @hookimpl(hookwrapper=True)\n    def config(self): yield",
        "@hookimpl(hookwrapper=True), which is not for plugins: write @hookimpl(wrapper=True)",
    ),
    "an optional hook": (
        "class Good(TaskType):\n    @hookimpl(optionalhook=True)\n    def estimate(self): ...",
        "'estimate' has @hookimpl(optionalhook=True), which is not for plugins: a hook that this",
    ),
    "a hook under another name": (
        "class Good(TaskType):\n    @hookimpl(specname='config')\n    def mine(self): return {}",
        (
            "'mine' has @hookimpl(specname='config'), which is not for plugins: give the method "
            "the name of the hook"
        ),
    ),
    "a wrapper around execute": (
        (
            "class Good(TaskType):\n    @hookimpl(wrapper=True)\n"
            "    def execute(self): return (yield)"
        ),
        "wraps hook 'execute': it would see a coroutine that has not begun; implement around_exec",
    ),
    "a wrapper around a hook that takes all answers": (
        (
            "class Good(TaskType):\n    @hookimpl(wrapper=True)\n"
            "    def around_execute(self): return (yield)"
        ),
        "wraps hook 'around_execute': all answers are taken, so give one of your own",
    ),
    "no hash": (
        "class Good(TaskType):\n    def __eq__(self, other): return True",
        "cannot be hashed",
    ),
}


@pytest.mark.parametrize("case", CONTRACT)
def test_a_plugin_that_breaks_the_contract_is_an_error_that_says_how(
    module: Write, case: str
) -> None:
    source, problem = CONTRACT[case]
    module("demo_wrong", source)
    with pytest.raises(PluginContractError) as caught:
        registry(record("demo_wrong:Good")).hooks("demo")
    assert str(caught.value).startswith("task type 'demo' (demo-dist 1.2)")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "case",
    [
        "tryfirst",
        "tryfirst on a wrapper",
        "trylast",
        "an old wrapper",
        "an optional hook",
        "a hook under another name",
        "a wrapper around execute",
        "a wrapper around a hook that takes all answers",
    ],
)
def test_a_policy_is_held_to_the_same_rules(module: Write, case: str) -> None:
    source, problem = CONTRACT[case]
    module("demo_wrong", source.replace("(TaskType)", ""))
    module("demo_good")
    source_of = Registry(
        [record("demo_good:Good"), record("demo_wrong:Good", "ours", POLICIES)],
        settings=Settings(policies=("ours",)),
    )
    with pytest.raises(PluginContractError) as caught:
        source_of.hooks("demo")
    assert str(caught.value).startswith("policy 'ours' (demo-dist 1.2)")
    assert problem in str(caught.value)


def test_a_hook_may_be_a_static_or_a_class_method(module: Write) -> None:
    module(
        "demo_static",
        """
        class Good(TaskType):
            @staticmethod
            @hookimpl
            def config(task):
                return {"name": task.name}

            @classmethod
            @hookimpl
            def container_args(cls, task):
                return [cls.__name__, task.name]
        """,
    )
    source = registry(record("demo_static:Good"))
    assert config(source) == {"name": "t"}
    assert source.hooks("demo").container_args(task(), SerializationContext()) == ["Good", "t"]


@pytest.mark.parametrize(
    "source",
    [
        "class Good(TaskType):\n    @hookimpl\n    def confg(self): return {}",
        "class Good(TaskType):\n    @hookimpl\n    def config(self, tsk): return {}",
    ],
)
def test_a_type_registered_in_code_is_checked_when_it_is_registered(
    module: Write, source: str
) -> None:
    module("demo_code", source.replace("(TaskType):", "(TaskType):\n    task_type = 'demo'"))
    import demo_code  # type: ignore[import-not-found]

    with pytest.raises(PluginContractError, match=r"task type 'demo' \(registered by demo_code\)"):
        Registry([], settings=Settings(), task_types=[demo_code.Good])


# Installed while the process runs, and made for another tasksmithy


def install(
    folder: Path, name: str, value: str, *, group: str = TASK_TYPES, needs: str = ""
) -> None:
    """What pip leaves of the metadata of a distribution `NAME-dist 1.0` with one entry point."""
    info = folder / f"{name}_dist-1.0.dist-info"
    info.mkdir(exist_ok=True)
    requires = f"Requires-Dist: {needs}\n" if needs else ""
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 1.0\n{requires}"
    )
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")


def test_a_plugin_that_is_installed_while_the_process_runs_is_found(
    module: Write, tmp_path: Path
) -> None:
    source = Registry(settings=Settings())
    with pytest.raises(UnknownTaskTypeError):
        source.hooks("late")
    module("demo_late")
    install(tmp_path, "late", "demo_late:Good")
    assert config(source, "late") == {"from": "demo_late"}
    assert "late" in source.names(TASK_TYPES)


def test_a_policy_that_is_installed_while_the_process_runs_is_found(
    module: Write, tmp_path: Path
) -> None:
    module("demo_good")
    kind = type("Kind", (TaskType,), {"task_type": "demo"})
    source = Registry(settings=Settings(policies=("late",)), task_types=[kind])
    with pytest.raises(PluginLoadError, match="no installed plugin provides 'late'"):
        source.hooks("demo")
    install(tmp_path, "late", "demo_good:Good", group=POLICIES)
    assert config(source) == {"from": "demo_good"}


def test_what_is_given_is_not_looked_for_elsewhere(module: Write, tmp_path: Path) -> None:
    module("demo_late")
    install(tmp_path, "late", "demo_late:Good")
    with pytest.raises(UnknownTaskTypeError):
        registry().hooks("late")


def test_a_search_that_finds_nothing_forgets_nothing(
    module: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module("demo_late")
    install(tmp_path, "late", "demo_late:Good")
    source = Registry(settings=Settings())
    assert "late" in source.names(TASK_TYPES)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(tmp_path)])
    with pytest.raises(UnknownTaskTypeError):
        source.hooks("unknown")
    assert "late" in source.names(TASK_TYPES)


def test_a_module_that_python_has_not_seen_yet_is_looked_for_once_more(
    module: Write, tmp_path: Path
) -> None:
    before = tmp_path.stat()
    with pytest.raises(ModuleNotFoundError):  # Python keeps what it saw in the folder
        importlib.import_module("demo_late")
    module("demo_late")
    os.utime(tmp_path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert config(registry(record("demo_late:Good"))) == {"from": "demo_late"}


MADE_FOR = {
    "a hook of the future": "class Good(TaskType):\n    @hookimpl\n    def estimate(self): ...",
    "an argument of the future": (
        "class Good(TaskType):\n    @hookimpl\n    def config(self, cluster): ..."
    ),
    "a name of the future": "from tasksmithy import NotYetThere",
}


@pytest.mark.parametrize("case", MADE_FOR)
def test_a_plugin_that_fails_and_is_made_for_another_tasksmithy_is_told_so(
    module: Write, tmp_path: Path, case: str
) -> None:
    module("demo_new", MADE_FOR[case])
    install(tmp_path, "new", "demo_new:Good", needs="tasksmithy (>=99.2,<100)")
    with pytest.raises(PluginVersionError) as caught:
        Registry(settings=Settings()).hooks("new")
    assert str(caught.value).startswith(
        "task type 'new' (new-dist 1.0) is made for tasksmithy (>=99.2,<100), and this is "
        f"tasksmithy {tasksmithy.__version__}: "
    )
    assert isinstance(caught.value.__cause__, PluginError)


@pytest.mark.parametrize(
    "needs", ["tasksmithy>=0.1,<1", "other>=99", "tasksmithy>=99; extra == 'x'"]
)
def test_a_plugin_that_fails_and_is_made_for_this_tasksmithy_is_told_what_is_wrong(
    module: Write, tmp_path: Path, needs: str
) -> None:
    module("demo_new", MADE_FOR["a hook of the future"])
    install(tmp_path, "new", "demo_new:Good", needs=needs)
    with pytest.raises(PluginContractError, match="unknown hook 'estimate'"):
        Registry(settings=Settings()).hooks("new")


@pytest.mark.parametrize(
    ("needs", "version", "holds"),
    [
        ("tasksmithy", "0.1.0", True),
        ("tasksmithy>=0.1", "0.1.0", True),
        ("tasksmithy >= 0.1.0.0", "0.1", True),
        ("tasksmithy<0.1", "0.1.0", False),
        ("tasksmithy>0.1,!=0.2", "0.2.0", False),
        ("Task-Smithy>=9", "0.1.0", True),
        ("TaskSmithy==0.2", "0.10", False),
        ("tasksmithy>=0.9", "0.10", True),
        ("tasksmithy @ https://example.com/tasksmithy.whl", "0.1.0", True),
    ],
)
def test_a_requirement_is_held_against_the_version(
    module: Write, tmp_path: Path, needs: str, version: str, holds: bool
) -> None:
    module("demo_new")
    install(tmp_path, "new", "demo_new:Good", needs=needs)
    assert unmet("new-dist", version) == ("" if holds else needs)


# Two of one name


CLASH = (record("demo_a:Good", dist="dist-a", v="1.0"), record("demo_b:Good", dist="dist-b", v="2"))


@pytest.mark.parametrize("records", [CLASH, CLASH[::-1]])
def test_two_distributions_of_one_name_are_an_error_when_the_name_is_used(
    module: Write, records: tuple[PluginRecord, ...]
) -> None:
    module("demo_good")
    source = registry(*records, record("demo_good:Good", "other"))
    with pytest.raises(PluginConflictError) as caught:
        source.hooks("demo")
    assert str(caught.value) == (
        "'demo' is provided by dist-a 1.0 and dist-b 2; uninstall one, or decide in "
        'pyproject.toml: [tool.tasksmithy] prefer = {demo = "dist-a"}'
    )
    assert config(source, "other") == {"from": "demo_good"}


@pytest.mark.parametrize(
    ("preferred", "chosen"), [("dist-a", "demo_a"), ("dist-b", "demo_b"), ("Dist_B", "demo_b")]
)
def test_the_preferred_distribution_is_used_and_the_other_is_not_imported(
    module: Write, preferred: str, chosen: str
) -> None:
    module("demo_a")
    module("demo_b")
    source = registry(*CLASH, prefer={"demo": preferred})
    assert config(source) == {"from": chosen}
    assert is_imported("demo_a", "demo_b") == [chosen == "demo_a", chosen == "demo_b"]


def test_a_preference_for_what_is_not_installed_is_told() -> None:
    with pytest.raises(PluginConflictError, match=r"it prefers 'dist-c', which does not provide"):
        registry(*CLASH, prefer={"demo": "dist-c"}).hooks("demo")


@pytest.mark.parametrize("name", ["acme.sql", "acme sql", 'a"b', "a\\b", "größe", "a:b"])
def test_the_advice_of_a_collision_is_toml_whatever_the_name(name: str) -> None:
    records = [each._replace(name=name) for each in CLASH]
    with pytest.raises(PluginConflictError) as caught:
        registry(*records).hooks(name)
    _, _, advice = str(caught.value).partition("[tool.tasksmithy] ")
    assert tomllib.loads(advice) == {"prefer": {name: "dist-a"}}


@pytest.mark.parametrize("prefer", [{}, {"demo": "dist-a"}])
def test_one_distribution_that_lists_a_name_twice_is_told_as_its_authors_fault(
    prefer: dict[str, str],
) -> None:
    twice = [record("demo_a:Good", dist="dist-a"), record("demo_a:Other", dist="dist-a")]
    with pytest.raises(PluginConflictError) as caught:
        registry(*twice, prefer=prefer).hooks("demo")
    assert str(caught.value) == (
        "dist-a 1.2 lists 'demo' more than once ('demo_a:Good' and 'demo_a:Other'); this is for "
        "its author to mend: uninstall it, or install another version"
    )


def test_one_distribution_that_is_installed_twice_is_told_with_what_to_do() -> None:
    left = record("demo_a:Good", dist="dist-a")._replace(version="1.0")
    twice = [left, left._replace(version="2.0")]
    with pytest.raises(PluginConflictError) as caught:
        registry(*twice).hooks("demo")
    said = str(caught.value)
    assert "dist-a, which is installed as 1.0 and as 2.0 in one folder" in said
    assert "pip install --force-reinstall dist-a" in said


def test_one_line_that_is_listed_twice_is_one_plugin(module: Write) -> None:
    module("demo_good")
    assert config(registry(*[record("demo_good:Good")] * 2)) == {"from": "demo_good"}


@pytest.mark.parametrize(
    ("name", "off"), [("demo", "demo"), ("acme.sql", "acme.sql"), ("a b", "d"), ("a,b", "d")]
)
def test_the_advice_to_switch_a_plugin_off_switches_it_off(name: str, off: str) -> None:
    broken = record("demo_none:Good", name, dist="d")
    with pytest.raises(PluginLoadError) as caught:
        registry(broken).hooks(name)
    _, _, advice = str(caught.value).partition("TASKSMITHY_DISABLE_PLUGINS=")
    assert advice == off
    settings = Settings.load({"TASKSMITHY_DISABLE_PLUGINS": advice}, "/")
    with pytest.raises(PluginDisabledError):
        Registry([broken], settings=settings).hooks(name)


def test_a_preference_where_nothing_collides_changes_nothing(module: Write) -> None:
    module("demo_a")
    assert config(registry(CLASH[0], prefer={"demo": "dist-b"})) == {"from": "demo_a"}


def test_switching_one_off_ends_a_collision(module: Write) -> None:
    module("demo_b")
    source = registry(*CLASH, disabled=frozenset({"dist-a"}))
    assert config(source) == {"from": "demo_b"}


def test_one_name_in_two_groups_is_no_collision(module: Write) -> None:
    module("demo_good")
    source = registry(record("demo_good:Good"), record("x:R", group=RENDERERS))
    assert config(source) == {"from": "demo_good"}


# Switched off, other majors


@pytest.mark.parametrize("text", ["demo", "demo-dist", "__all__"])
def test_a_plugin_that_is_switched_off_is_not_imported(module: Write, text: str) -> None:
    module("demo_good")
    source = registry(record("demo_good:Good"), disabled=frozenset({text}))
    with pytest.raises(PluginDisabledError) as caught:
        source.hooks("demo")
    assert str(caught.value) == (
        "task type 'demo' (demo-dist 1.2) is switched off by TASKSMITHY_DISABLE_PLUGINS"
    )
    assert source.names(TASK_TYPES) == []
    assert is_imported("demo_good") == [False]


def test_the_variable_switches_plugins_of_the_process_off(
    module: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKSMITHY_DISABLE_PLUGINS", "1")
    with pytest.raises(PluginDisabledError):
        Registry([record("demo_good:Good")]).hooks("demo")


def test_a_plugin_of_another_major_version_is_told_and_not_imported(module: Write) -> None:
    module("demo_good")
    with pytest.raises(PluginVersionError) as caught:
        registry(record("demo_good:Good", group="tasksmithy.task_types.v2")).hooks("demo")
    assert str(caught.value) == (
        "task type 'demo' (demo-dist 1.2) is in the entry point group 'tasksmithy.task_types.v2', "
        "for another major version of the plugin API; this tasksmithy reads 'v1': install a "
        "version of 'demo-dist' that is made for it"
    )
    assert is_imported("demo_good") == [False]


def test_a_plugin_for_two_major_versions_is_used_in_the_one_that_is_read(module: Write) -> None:
    module("demo_good")
    later = record("demo_later:Good", group="tasksmithy.task_types.v2")
    assert config(registry(later, record("demo_good:Good"))) == {"from": "demo_good"}


# Strict


def strict(*records: PluginRecord, **settings: Any) -> Registry:
    return registry(*records, strict=True, **settings)


def test_strict_loads_every_plugin_at_start(module: Write) -> None:
    module("demo_good")
    strict(record("demo_good:Good"))
    assert is_imported("demo_good") == [True]


@pytest.mark.parametrize("group", [TASK_TYPES, RENDERERS, EXECUTORS])
def test_a_plugin_that_cannot_load_fails_a_strict_start(module: Write, group: str) -> None:
    with pytest.raises(PluginLoadError, match=r"'demo' \(demo-dist 1\.2\) cannot be loaded"):
        strict(record("demo_missing:T", group=group))


def test_a_collision_fails_a_strict_start_unless_it_is_decided(module: Write) -> None:
    module("demo_a")
    with pytest.raises(PluginConflictError):
        strict(*CLASH)
    strict(*CLASH, prefer={"demo": "dist-a"})


def test_a_plugin_of_another_major_version_alone_fails_a_strict_start(module: Write) -> None:
    module("demo_good")
    later = record("demo_later:T", group="tasksmithy.task_types.v2")
    with pytest.raises(PluginVersionError):
        strict(later)
    strict(later, record("demo_good:Good"))


def test_an_unknown_group_fails_a_strict_start_and_its_plugin_is_not_imported(
    module: Write,
) -> None:
    module("demo_good")
    with pytest.raises(PluginVersionError, match=r"group 'tasksmithy\.task_typs\.v1'"):
        strict(record("demo_good:Good", group="tasksmithy.task_typs.v1"))
    assert is_imported("demo_good") == [False]


def test_what_is_switched_off_or_not_enabled_does_not_fail_a_strict_start() -> None:
    broken = record("demo_missing:T")
    strict(broken, disabled=frozenset({"demo"}))
    strict(record("demo_missing:T", group=POLICIES))
    assert is_imported("demo_missing") == [False]


def test_an_enabled_policy_that_cannot_load_fails_a_strict_start() -> None:
    with pytest.raises(PluginLoadError, match="policy 'demo'"):
        strict(record("demo_missing:T", group=POLICIES), policies=("demo",))
    with pytest.raises(PluginLoadError, match="no installed plugin provides 'ours'"):
        strict(policies=("ours",))


# Policies


POLICY = """
class Policy:
    made = []
    def __init__(self):
        self.made.append(self)
    @hookimpl(wrapper=True)
    def config(self):
        return {**(yield), "policy": __name__}
"""


def test_an_installed_policy_does_nothing_until_it_is_enabled(module: Write) -> None:
    module("demo_good")
    module("demo_policy", POLICY)
    records = record("demo_good:Good"), record("demo_policy:Policy", "ours", POLICIES)
    assert config(registry(*records)) == {"from": "demo_good"}
    assert is_imported("demo_policy") == [False]
    enabled = registry(*records, policies=("ours",))
    assert config(enabled) == {"from": "demo_good", "policy": "demo_policy"}


def test_a_policy_is_made_once_for_all_task_types(module: Write) -> None:
    module("demo_good")
    module("demo_policy", POLICY)
    source = registry(
        record("demo_good:Good"),
        record("demo_good:Good", "other"),
        record("demo_policy:Policy", "ours", POLICIES),
        policies=("ours",),
    )
    assert config(source) == config(source, "other")
    assert len(sys.modules["demo_policy"].Policy.made) == 1


@pytest.mark.parametrize("reference", ["demo_policy:Policy", "demo_policy:policy", "demo_hooks"])
def test_a_policy_is_a_class_an_object_or_a_module(module: Write, reference: str) -> None:
    module("demo_good")
    module("demo_policy", POLICY + "policy = Policy()\n")
    module("demo_hooks", POLICY + "config = hookimpl(wrapper=True)(lambda: (yield))\n")
    source = registry(
        record("demo_good:Good"),
        record(reference, "ours", POLICIES),
        policies=("ours",),
    )
    assert config(source)["from"] == "demo_good"


def test_a_module_as_a_policy_may_import_what_is_called_like_a_hook(module: Write) -> None:
    module("demo_good")
    module(
        "demo_hooks",
        """
        from tasksmithy import serialize

        @hookimpl(wrapper=True)
        def config():
            return {**(yield), "policy": serialize.__name__}
        """,
    )
    source = registry(
        record("demo_good:Good"), record("demo_hooks", "ours", POLICIES), policies=("ours",)
    )
    assert config(source) == {"from": "demo_good", "policy": "serialize"}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("raise RuntimeError('no')", "cannot be loaded"),
        ("Policy = 'text'", "is 'text' of type str, which implements no hook"),
        ("def Policy(): return 1", "which implements no hook"),
        ("class Policy: pass", "which implements no hook"),
        ("class Policy:\n    def __init__(self, x): pass", "it is made without arguments"),
        ("class Policy:\n    @hookimpl\n    def confg(self): pass", "the unknown hook 'confg'"),
        (
            "class Policy:\n    @hookimpl\n    def config(self, x): pass",
            "takes 'x', which is never",
        ),
    ],
)
def test_an_enabled_policy_that_is_broken_is_never_passed_over(
    module: Write, source: str, problem: str
) -> None:
    module("demo_good")
    module("demo_policy", source)
    records = record("demo_good:Good"), record("demo_policy:Policy", "ours", POLICIES, "org", "7")
    with pytest.raises(PluginError) as caught:
        registry(*records, policies=("ours",)).hooks("demo")
    assert "policy 'ours' (org 7)" in str(caught.value)
    assert problem in str(caught.value)
    assert config(registry(*records)) == {"from": "demo_good"}


def test_an_enabled_policy_that_is_not_installed_is_told_with_its_near_miss(module: Write) -> None:
    module("demo_good")
    records = record("demo_good:Good"), record("x:P", "labels", POLICIES)
    with pytest.raises(PluginLoadError, match=r"provides 'label' in .* did you mean 'labels'"):
        registry(*records, policies=("label",)).hooks("demo")


def test_an_enabled_policy_that_is_switched_off_is_never_passed_over(module: Write) -> None:
    module("demo_good")
    records = record("demo_good:Good"), record("x:P", "ours", POLICIES)
    with pytest.raises(PluginDisabledError, match="policy 'ours'"):
        registry(*records, policies=("ours",), disabled=frozenset({"ours"})).hooks("demo")


class Given:
    @hookimpl(wrapper=True)
    def config(self) -> Any:
        return {**(yield), "policy": "given"}


def test_a_policy_can_be_given_as_class_or_object() -> None:
    for policy in Given, Given():
        with Registry(
            [], settings=Settings(), task_types=[Own], policies={"given": policy}
        ).entered():
            assert task("own").config(SerializationContext()) == {"policy": "given"}


def test_a_policy_that_is_given_is_checked_at_once() -> None:
    with pytest.raises(PluginContractError, match=r"policy 'ours' \(registered by builtins\)"):
        Registry([], settings=Settings(), policies={"ours": object()})


def test_a_policy_that_is_given_never_replaces_an_enabled_one(module: Write) -> None:
    module("demo_policy", POLICY)
    source = Registry(
        [record("demo_policy:Policy", "ours", POLICIES)],
        settings=Settings(policies=("ours",)),
        task_types=[Own],
        policies={"ours": Given()},
    )
    with pytest.raises(PluginRegistrationError, match=r"would replace policy 'ours' \(demo-dist"):
        source.hooks("own")


def test_one_object_is_one_policy() -> None:
    given = Given()
    source = Registry([], settings=Settings(), task_types=[Own], policies={"a": given, "b": given})
    with pytest.raises(PluginContractError, match=r"^policy 'b' .* is the same object as policy"):
        source.hooks("own")


# From a config class to a template


CONFIGURED = """
class Config:
    pass

class Nearer(Config):
    pass

class Task(TaskTemplate, task_type="{0}"):
    plugin_config: object = None

class Type(TaskType):
    template = Task
    config_model = Config
"""


def test_a_config_class_chooses_the_type_of_its_package_and_imports_no_other(
    module: Write,
) -> None:
    module("demo_conf.plugin", CONFIGURED.format("demo"))
    module("demo_other.plugin")
    source = registry(
        record("demo_other.plugin:Good", "other"), record("demo_conf.plugin:Type", "demo")
    )
    import demo_conf.plugin as plugin  # type: ignore[import-not-found]

    assert source.template_for(plugin.Config) is plugin.Task
    assert source.template_for(plugin.Nearer) is plugin.Task
    assert source.template_for(int) is None
    assert is_imported("demo_other", "demo_other.plugin") == [False, False]


def test_the_config_class_of_another_package_chooses_by_its_base(module: Write) -> None:
    module("demo_conf.plugin", CONFIGURED.format("demo"))
    import demo_conf.plugin as plugin

    ours = type("Ours", (plugin.Config,), {"__module__": "our_pipelines"})
    assert registry(record("demo_conf.plugin:Type")).template_for(ours) is plugin.Task


def test_a_registration_in_code_comes_first_and_covers_subclasses() -> None:
    source = Registry([], settings=Settings())
    source.register(OwnTask, OwnConfig)
    assert source.template_for(type("Sub", (OwnConfig,), {})) is OwnTask
    assert source.config_models == [OwnConfig]


def test_a_broken_type_of_the_package_does_not_hide_the_one_that_is_chosen(
    module: Write,
) -> None:
    module("demo_conf.plugin", CONFIGURED.format("demo"))
    import demo_conf.plugin as plugin

    broken = record("demo_conf.missing:Type", "broken")
    source = registry(broken, record("demo_conf.plugin:Type"))
    assert source.template_for(plugin.Config) is plugin.Task
    with pytest.raises(PluginLoadError, match="task type 'broken'"):
        registry(broken).template_for(plugin.Config)


def test_a_type_of_the_package_that_another_distribution_replaces_is_not_imported(
    module: Write,
) -> None:
    module("demo_conf.plugin", CONFIGURED.format("demo"))
    module("demo_b")
    import demo_conf.plugin as plugin

    records = record("demo_conf.plugin:Type", dist="dist-a"), record("demo_b:Good", dist="dist-b")
    assert registry(*records, prefer={"demo": "dist-b"}).template_for(plugin.Config) is None
    assert is_imported("demo_b") == [False]


# Listing


def statuses(source: Registry, *, load: bool = False) -> dict[str, str]:
    return {status.record.name: status.status for status in source.plugins(load=load)}


def test_a_listing_says_what_each_plugin_is(module: Write) -> None:
    module("demo_good")
    module("demo_broken", "raise RuntimeError('no licence')")
    module("demo_misspelt", "class T(TaskType):\n    @hookimpl\n    def confg(self): pass")
    module("demo_policy", POLICY)
    source = registry(
        record("demo_good:Good", "good"),
        record("demo_broken:T", "broken"),
        record("demo_misspelt:T", "misspelt"),
        record("demo_good:Good", "off"),
        record("demo_later:T", "later", "tasksmithy.task_types.v2"),
        record("a:T", "clash", dist="dist-a"),
        record("demo_policy:Policy", "enabled", POLICIES),
        record("demo_policy:Policy", "idle", POLICIES),
        record("demo_broken:r", "renderer", RENDERERS),
        record("b:T", "clash", dist="dist-b"),
        disabled=frozenset({"off"}),
        policies=("enabled",),
    )
    plain = {
        "good": "installed",
        "broken": "installed",
        "misspelt": "installed",
        "off": "disabled",
        "later": "other API",
        "clash": "conflict",
        "enabled": "installed",
        "idle": "not enabled",
        "renderer": "installed",
    }
    assert statuses(source) == plain
    assert is_imported("demo_good", "demo_broken", "demo_misspelt", "demo_policy") == [False] * 4
    assert statuses(source, load=True) == {
        **plain,
        "good": "ok",
        "broken": "broken",
        "misspelt": "broken",
        "enabled": "ok",
        "renderer": "broken",
    }


def test_a_listing_is_sorted_by_group_and_name_and_shows_both_of_a_collision() -> None:
    rows = registry(*reversed(CLASH), record("x:T", "a")).plugins()
    assert [(row.record.name, row.record.distribution) for row in rows] == [
        ("a", "demo-dist"),
        ("demo", "dist-a"),
        ("demo", "dist-b"),
    ]


def test_a_listing_says_why(module: Write) -> None:
    module("demo_broken", "raise RuntimeError('no licence')")
    [broken] = registry(record("demo_broken:T")).plugins(load=True)
    assert "task type 'demo' (demo-dist 1.2) cannot be loaded" in broken.detail
    assert "RuntimeError: no licence" in broken.detail
    [decided, loser] = registry(*CLASH, prefer={"demo": "dist-a"}).plugins()
    assert (decided.status, decided.detail) == ("installed", "")
    assert (loser.status, loser.detail) == ("not preferred", "[tool.tasksmithy] prefers 'dist-a'")


def test_a_broken_policy_is_shown_as_broken_and_nothing_else_is(module: Write) -> None:
    module("demo_good")
    module("demo_policy", POLICY)
    module("demo_wrong", "class P:\n    @hookimpl\n    def config(self, x): pass")
    source = registry(
        record("demo_good:Good", "good"),
        record("demo_policy:Policy", "ours", POLICIES),
        record("demo_wrong:P", "wrong", POLICIES),
        policies=("wrong", "ours"),
    )
    assert statuses(source, load=True) == {"good": "ok", "ours": "ok", "wrong": "broken"}


# Threads


def test_the_first_use_from_many_threads_makes_one_of_each(module: Write) -> None:
    source = """
    import time
    made = []
    class Slow(TaskType):
        def __init__(self):
            made.append(self)
            time.sleep(0.05)
    """
    module("demo_slow", source)
    module("demo_policy", POLICY)
    of = registry(
        record("demo_slow:Slow"),
        record("demo_policy:Policy", "ours", POLICIES),
        policies=("ours",),
    )
    barrier = threading.Barrier(8)

    def use() -> object:
        barrier.wait()
        return of.hooks("demo")

    with ThreadPoolExecutor(8) as threads:
        hooks = {future.result() for future in [threads.submit(use) for _ in range(8)]}
    assert len(hooks) == 1
    assert len(sys.modules["demo_slow"].made) == 1
    assert len(sys.modules["demo_policy"].Policy.made) == 1


def test_a_plugin_whose_import_waits_for_a_thread_that_uses_the_registry_is_no_deadlock(
    module: Write,
) -> None:
    module("demo_good")
    module(
        "demo_waiting",
        GOOD
        + """
import threading
from tasksmithy._registry_in_use import registry_in_use

registry = registry_in_use.get()
thread = threading.Thread(target=registry.hooks, args=("other",), daemon=True)
thread.start()
thread.join(30)
was_blocked = thread.is_alive()
""",
    )
    source = registry(record("demo_waiting:Good"), record("demo_good:Good", "other"))
    with source.entered():
        source.hooks("demo")
    assert not sys.modules["demo_waiting"].was_blocked


def test_a_registry_reads_what_is_installed_by_default() -> None:
    code = "from tasksmithy import Registry; print(len(Registry().records))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    from tasksmithy.plugins._discovery import discover

    assert int(done.stdout) == len(discover())
