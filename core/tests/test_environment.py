"""TaskEnvironment: what tasks share, and how a function becomes one of its tasks."""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import (
    Cache,
    Documentation,
    EnvironmentDefinitionError,
    Image,
    Link,
    NativeInterface,
    PodTemplate,
    Registry,
    Resources,
    RetryStrategy,
    ReusePolicy,
    Secret,
    Settings,
    TaskDefinitionError,
    TaskEnvironment,
    TaskTemplate,
    TaskType,
    Timeout,
    UnknownTaskTypeError,
    hookimpl,
    run,
)
from tasksmithy.extend import TaskPluginRegistry
from tasksmithy_function import AsyncFunctionTaskTemplate

INTERFACE = NativeInterface.from_types({"n": int}, {"o0": int})


def double(n: int, by: int = 2) -> int:
    """Twice as much.

    Or more.
    """
    return by * n


def query(name: str = "etl.query", **fields: Any) -> TaskTemplate[..., Any]:
    return TaskTemplate(name=name, task_type="query", interface=INTERFACE, **fields)


# Fields

SHARED: dict[str, tuple[Any, Any]] = {
    "image": ("busybox:1", Image(base="busybox:1")),
    "resources": (Resources(cpu=1), Resources(cpu=1)),
    "env_vars": ({"A": "1"}, {"A": "1"}),
    "secrets": ("key", (Secret("key"),)),
    "cache": ("auto", Cache("auto")),
    "reusable": (ReusePolicy(2), ReusePolicy(2)),
    "pod_template": ("small", "small"),
    "queue": ("gpu", "gpu"),
    "interruptible": (True, True),
}
"""Each field that an environment gives to its tasks: a value, and what a task keeps of it."""

FIELDS = {*SHARED, "name", "description", "depends_on", "plugin_config", "_tasks"}


def test_the_tables_have_every_field() -> None:
    assert TaskEnvironment.field_names == FIELDS
    assert SHARED.keys() == TaskEnvironment.field_names & TaskTemplate.field_names - {"name"}


@pytest.mark.parametrize(
    ("field", "value", "at_fault"),
    [
        ("name", "", "name"),
        ("name", 5, "name"),
        ("name", "Invalid Name!", "name"),
        ("name", "a/b.c", "name"),
        ("name", "-a", "name"),
        ("name", "etl\n", "name"),
        ("image", "not an image", "image"),
        ("resources", Resources(memory="lots"), "resources.memory"),
        ("env_vars", {"a": 1}, "env_vars['a']"),
        ("secrets", [5], "secrets[0]"),
        ("cache", "sometimes", "cache"),
        ("reusable", "off", "reusable"),
        ("pod_template", PodTemplate(labels={"a": 1}), "pod_template.labels['a']"),  # type: ignore[dict-item]
        ("queue", "", "queue"),
        ("interruptible", "yes", "interruptible"),
        ("description", 5, "description"),
        ("depends_on", "etl", "depends_on"),
        ("depends_on", ["etl"], "depends_on"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(field: str, value: Any, at_fault: str) -> None:
    with pytest.raises(EnvironmentDefinitionError) as caught:
        TaskEnvironment(**{"name": "etl", field: value})
    assert caught.value.field == at_fault


def test_a_new_environment_has_no_tasks_and_no_dependencies() -> None:
    env = TaskEnvironment(name="etl")
    assert (dict(env.tasks), list(env.depends_on)) == ({}, [])


def test_the_tasks_of_an_environment_are_handed_out_as_a_copy() -> None:
    env = TaskEnvironment.from_task("etl", query())
    env.tasks.clear()  # type: ignore[attr-defined]
    assert list(env.tasks) == ["etl.query"]


# The decorator


def test_the_decorator_makes_a_function_a_task_of_the_environment() -> None:
    env = TaskEnvironment(name="etl")
    task = env.task(double)
    assert isinstance(task, AsyncFunctionTaskTemplate)
    assert (task.name, task.task_type, task.func) == ("etl.double", "python", double)
    assert env.tasks == {"etl.double": task}
    assert run(task, n=3) == 6


def test_the_decorator_takes_fields_of_the_task() -> None:
    task = TaskEnvironment(name="etl").task(retries=2, timeout=5, report=True)(double)
    assert (task.retries, task.timeout, task.report) == (RetryStrategy(2), Timeout(5), True)


def test_the_decorator_with_empty_parentheses_is_the_one_without() -> None:
    env = TaskEnvironment(name="etl")
    assert env.task()(double) == env.task(double)


def test_a_task_has_the_interface_of_its_function() -> None:
    task = TaskEnvironment(name="etl").task(double)
    assert task.interface == NativeInterface.from_callable(double)


def test_the_docs_of_a_task_are_the_docstring() -> None:
    task = TaskEnvironment(name="etl").task(double)
    assert task.docs == Documentation("Twice as much.\n\nOr more.")


def test_docs_that_are_given_replace_the_docstring() -> None:
    task = TaskEnvironment(name="etl").task(docs="Two times.")(double)
    assert task.docs == Documentation("Two times.")


def test_a_function_without_docstring_has_no_docs() -> None:
    def bare() -> None: ...

    assert TaskEnvironment(name="etl").task(bare).docs is None


@pytest.mark.parametrize("field", SHARED)
def test_a_task_has_from_its_environment_what_it_does_not_say_itself(field: str) -> None:
    given, kept = SHARED[field]
    task = TaskEnvironment(**{"name": "etl", field: given}).task(double)
    assert getattr(task, field) == kept


@pytest.mark.parametrize("field", SHARED)
def test_a_task_may_say_otherwise_for_itself(field: str) -> None:
    given, kept = SHARED[field]
    task = TaskEnvironment(name="etl").task(**{field: given})(double)
    assert getattr(task, field) == kept


def test_environment_variables_of_a_task_replace_those_of_its_environment() -> None:
    env = TaskEnvironment(name="etl", env_vars={"A": "1", "B": "2"})
    assert env.task(env_vars={"A": "3"})(double).env_vars == {"A": "3"}


def test_a_task_may_switch_off_what_its_environment_has() -> None:
    env = TaskEnvironment(name="etl", queue="gpu", cache="auto", interruptible=True)
    task = env.task(queue=None, cache="disable", interruptible=False)(double)
    assert (task.queue, task.cache, task.interruptible) == (None, Cache("disable"), False)


@pytest.mark.parametrize("name", ["etl", "my-etl", "my_etl_2", "2"])
def test_the_name_is_in_snake_case_or_kebab_case(name: str) -> None:
    assert TaskEnvironment(name=name).name == name


HELD = {
    "resources": Resources(cpu=1),
    "env_vars": {"A": "1"},
    "secrets": "key",
    "pod_template": "small",
}


def test_containers_that_run_several_tasks_at_once_take_async_functions_alone() -> None:
    reusable = TaskEnvironment("pool", reusable=ReusePolicy(concurrency=2))

    @reusable.task
    async def waits() -> None: ...

    def blocks() -> None: ...

    with pytest.raises(TaskDefinitionError, match=r"task 'pool.blocks': reusable.concurrency=2"):
        reusable.task(blocks)
    alone = TaskEnvironment("alone").task(blocks)
    with pytest.raises(TaskDefinitionError, match=r"give 1 for a sync function"):
        alone.override(reusable=ReusePolicy(concurrency=2))
    assert waits.override(reusable=ReusePolicy(concurrency=3)).reusable is not None


@pytest.mark.parametrize("field", HELD)
def test_a_task_of_a_reusable_environment_has_what_its_containers_have(field: str) -> None:
    shared = {name: value for name, value in HELD.items() if name == field}
    env = TaskEnvironment(**{"name": "etl", "reusable": ReusePolicy(), **shared})
    assert getattr(env.task(double), field) == getattr(env, field)
    with pytest.raises(TaskDefinitionError, match=rf"'etl\.double': {field}=.* to the environment"):
        env.task(**shared)(double)
    with pytest.raises(TaskDefinitionError, match=f"no {field} for a reusable task"):
        env.task(double).override(**shared)


@pytest.mark.parametrize("reusable", [None, ReusePolicy(1)])
def test_a_task_with_containers_of_its_own_says_what_they_have(reusable: Any) -> None:
    env = TaskEnvironment(name="etl", reusable=ReusePolicy())
    task = env.task(**HELD, reusable=reusable)(double)
    assert task.pod_template == "small"


def test_the_description_is_the_environments_own() -> None:
    def bare() -> None: ...

    assert TaskEnvironment(name="etl", description="Text").task(bare).docs is None


@pytest.mark.parametrize(
    "field",
    ["name", "interface", "func", "plugin_config", "task_type", "parent_env", "parent_env_name"],
)
def test_the_decorator_refuses_what_the_function_or_the_environment_decides(field: str) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        TaskEnvironment(name="etl").task(**{field: "x"})(double)
    assert (caught.value.owner, caught.value.field) == ("etl.double", field)
    assert f"give no {field} here" in str(caught.value)


def test_an_unknown_field_is_refused_with_its_near_miss() -> None:
    with pytest.raises(TaskDefinitionError, match=r"'etl\.double': retires=2 .*'retries'"):
        TaskEnvironment(name="etl").task(retires=2)(double)  # type: ignore[call-overload]


def test_a_value_that_a_task_does_not_allow_names_the_task() -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        TaskEnvironment(name="etl").task(retries=-1)(double)
    assert (caught.value.owner, caught.value.field) == ("etl.double", "retries")


@pytest.mark.parametrize("func", [5, "text", int, functools.partial(double)])
def test_what_is_no_function_cannot_be_a_task(func: Any) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        TaskEnvironment(name="etl").task(func)
    assert caught.value.field == "func"


def test_what_is_called_as_a_function_and_has_no_name_cannot_name_a_task() -> None:
    with pytest.raises(TaskDefinitionError, match="give a function with a name, by def"):
        TaskEnvironment(name="etl").task(functools.partial(double, n=1))


def test_an_object_that_has_a_name_is_no_function_either() -> None:
    named: Any = functools.partial(double, n=1)
    named.__name__ = "double_of_one"
    with pytest.raises(TaskDefinitionError, match="give a function with a name, by def"):
        TaskEnvironment(name="etl").task(named)


# Functions of one name

ONE = "async def load() -> int:\n    return 1\n"
TWO = "\n\n@staticmethod\nasync def load() -> int:\n    return 2\n"


def defined(env: TaskEnvironment, text: str, file: Path) -> TaskTemplate[..., Any]:
    """The task that `load` becomes, as it is in a file of this text."""
    file.write_text(text)
    names: dict[str, Any] = {}
    exec(compile(text, str(file), "exec"), names)
    found: TaskTemplate[..., Any] = env.task(names["load"])
    return found


def test_two_functions_of_one_name_in_two_files_are_refused_with_both_places(
    tmp_path: Path,
) -> None:
    env = TaskEnvironment(name="etl")
    defined(env, ONE, tmp_path / "a.py")
    with pytest.raises(TaskDefinitionError) as caught:
        defined(env, TWO, tmp_path / "b.py")
    assert f"{tmp_path}/a.py, line 1" in str(caught.value)
    assert f"{tmp_path}/b.py, line 3" in str(caught.value)
    assert run(env.tasks["etl.load"]) == 1


def test_two_functions_of_one_name_in_one_file_are_refused(tmp_path: Path) -> None:
    file, env = tmp_path / "a.py", TaskEnvironment(name="etl")
    file.write_text(ONE + TWO)
    names: dict[str, Any] = {}
    exec(compile(ONE, str(file), "exec"), names)
    env.task(names["load"])
    exec(compile("\n" * ONE.count("\n") + TWO, str(file), "exec"), names)
    with pytest.raises(TaskDefinitionError, match=r"a\.py, line 1.*a\.py, line 5"):
        env.task(names["load"])


@pytest.mark.parametrize("text", [ONE, TWO, f"\n\n\n{ONE}"])
def test_a_function_of_a_file_that_is_edited_and_loaded_again_takes_its_place(
    tmp_path: Path, text: str
) -> None:
    file, env = tmp_path / "a.py", TaskEnvironment(name="etl")
    defined(env, ONE, file)
    task = defined(env, text, file)
    assert env.tasks == {"etl.load": task}


def test_a_function_that_is_typed_anew_takes_its_place() -> None:
    env, names = TaskEnvironment(name="etl"), {}
    for cell, text in (("<cell 1>", ONE), ("<cell 2>", ONE.replace("1", "2"))):
        exec(compile(text, cell, "exec"), names)
        task = env.task(names["load"])
    assert env.tasks == {"etl.load": task}
    assert run(task) == 2


def test_a_function_whose_parameters_have_no_names_cannot_be_a_task() -> None:
    def total(*numbers: int) -> int: ...

    with pytest.raises(TaskDefinitionError, match=r"'etl\.total'.*given by name"):
        TaskEnvironment(name="etl").task(total)


def test_a_refused_function_leaves_no_task_behind() -> None:
    env = TaskEnvironment(name="etl")
    with pytest.raises(TaskDefinitionError):
        env.task(retries=-1)(double)
    assert not env.tasks


@pytest.mark.parametrize(
    ("first", "current", "value"),
    [
        ("friendly_name", "short_name", "Double"),
        ("interruptable", "interruptible", True),
        ("env", "env_vars", {"A": "1"}),
    ],
)
def test_the_decorator_accepts_a_first_spelling_with_a_warning_at_its_line(
    first: str, current: str, value: Any
) -> None:
    decorate = TaskEnvironment(name="etl").task(**{first: value})
    with pytest.warns(DeprecationWarning, match=f"write '{current}'") as caught:
        task = decorate(double)
    assert getattr(task, current) == value
    assert [Path(warning.filename) for warning in caught] == [Path(__file__)]


def test_a_first_spelling_of_the_environment_is_given_to_its_tasks() -> None:
    with pytest.warns(DeprecationWarning, match="write 'env_vars'"):
        env = TaskEnvironment(name="etl", env={"A": "1"})  # type: ignore[call-arg]
    assert env.task(double).env_vars == {"A": "1"}


# A task and its environment


def test_a_task_knows_its_environment() -> None:
    env = TaskEnvironment(name="etl")
    task = env.task(double)
    assert task.parent_env is not None
    assert task.parent_env() is env
    assert task.parent_env_name == "etl"


def test_a_task_does_not_keep_its_environment_alive() -> None:
    env = TaskEnvironment(name="etl")
    task = env.task(double)
    reference = task.parent_env
    assert reference is not None
    del env
    gc.collect()
    assert reference() is None
    assert run(task, n=3) == 6


# The task type of a function


@dataclass
class Cluster:
    """The configuration of a task type, as a plugin has one."""

    workers: int = 1


class BigCluster(Cluster):
    """A configuration that builds on it."""


class ClusterTask(AsyncFunctionTaskTemplate[..., Any], task_type="cluster"):
    """What a function with such a configuration becomes."""

    plugin_config: Any = None


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry(settings=Settings()).entered() as registry:
        yield registry


def test_the_plugin_config_chooses_the_class_of_the_tasks(registry: Registry) -> None:
    TaskPluginRegistry.register(Cluster, ClusterTask)
    task = TaskEnvironment(name="big", plugin_config=Cluster(4)).task(double)
    assert type(task) is ClusterTask
    assert (task.task_type, task.plugin_config) == ("cluster", Cluster(4))
    assert run(task, n=3) == 6


def test_the_plugin_config_of_a_task_type_chooses_its_template(registry: Registry) -> None:
    class ClusterType(TaskType):
        template = ClusterTask
        config_model = Cluster

        @hookimpl
        async def execute(self, task: Any, inputs: Any) -> Any:
            return task.plugin_config.workers * inputs["n"] * inputs["by"]

    registry.register(ClusterType)
    task = TaskEnvironment(name="big", plugin_config=Cluster(4)).task(double)
    assert run(task, n=3) == 4 * 3 * 2


def test_a_config_of_a_subclass_chooses_the_class_of_its_base(registry: Registry) -> None:
    TaskPluginRegistry.register(Cluster, ClusterTask)
    task = TaskEnvironment(name="big", plugin_config=BigCluster()).task(double)
    assert type(task) is ClusterTask


def test_a_task_of_another_type_has_the_fields_of_its_environment_too(registry: Registry) -> None:
    TaskPluginRegistry.register(Cluster, ClusterTask)
    env = TaskEnvironment(name="big", plugin_config=Cluster(), queue="gpu")
    task = env.task(retries=1)(double)
    assert (task.queue, task.retries) == ("gpu", RetryStrategy(1))
    assert env.tasks == {"big.double": task}


class SparkTask(AsyncFunctionTaskTemplate[..., Any], task_type="spark"):
    """A task type whose class declares other defaults."""

    retries: Any = 2
    report: bool = True
    image: Any = "spark:3"
    queue: str | None = "spark"
    cache: Any = "auto"
    interruptible: bool = True


SPARK = {
    "retries": RetryStrategy(2),
    "report": True,
    "image": Image(base="spark:3"),
    "queue": "spark",
    "cache": Cache("auto"),
    "interruptible": True,
}


def fields_of(task: TaskTemplate[..., Any]) -> dict[str, Any]:
    return {name: getattr(task, name) for name in SPARK}


def test_what_an_environment_is_not_given_is_as_the_class_of_its_tasks_declares_it(
    registry: Registry,
) -> None:
    TaskPluginRegistry.register(Cluster, SparkTask)
    assert fields_of(TaskEnvironment(name="e", plugin_config=Cluster()).task(double)) == SPARK


@pytest.mark.parametrize("field", SPARK)
def test_the_default_of_an_environment_that_is_given_is_one_like_any_other(
    registry: Registry, field: str
) -> None:
    TaskPluginRegistry.register(Cluster, SparkTask)
    plain = TaskEnvironment(name="e").task(double)
    given = {field: getattr(plain, field)}
    if field in SHARED:
        env = TaskEnvironment(**{"name": "e", "plugin_config": Cluster(), **given})
        task, clone = env.task(double), env.clone_with("e").task(double)
        assert fields_of(clone) == fields_of(task)
    else:
        task = TaskEnvironment(name="e", plugin_config=Cluster()).task(**given)(double)
    assert fields_of(task) == {**SPARK, **given}


def test_override_to_another_type_takes_the_defaults_of_its_class(registry: Registry) -> None:
    TaskPluginRegistry.register(Cluster, SparkTask)
    env = TaskEnvironment(name="e", queue="gpu")
    task = env.task(retries=0)(double).override(report=False)
    changed = task.override(plugin_config=Cluster())
    assert type(changed) is SparkTask
    assert fields_of(changed) == {
        **SPARK,
        "queue": "gpu",
        "retries": RetryStrategy(0),
        "report": False,
    }
    assert (changed.parent_env_name, changed.task_type) == ("e", "spark")


@pytest.mark.parametrize("config", [Cluster(), {"workers": 1}, 5, Cluster])
def test_a_config_that_no_task_type_has_is_refused(registry: Registry, config: Any) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        TaskEnvironment(name="big", plugin_config=config).task(double)
    assert (caught.value.owner, caught.value.field) == ("big.double", "plugin_config")
    assert "config_model" in str(caught.value)


def test_without_the_function_plugin_the_error_says_what_to_install() -> None:
    with (
        Registry(records=[], settings=Settings()).entered(),
        pytest.raises(UnknownTaskTypeError) as caught,
    ):
        TaskEnvironment(name="etl").task(double)
    assert caught.value.task_type == "python"
    assert "pip install 'tasksmithy[function]'" in str(caught.value)


def test_an_environment_itself_needs_no_plugin() -> None:
    with Registry(records=[], settings=Settings()).entered():
        assert TaskEnvironment.from_task("etl", query()).tasks


# Other environments


def test_a_clone_differs_in_its_name_and_the_given_fields() -> None:
    env = TaskEnvironment(name="etl", queue="gpu", image="busybox:1", description="Text")
    clone = env.clone_with("copy", queue=None, interruptible=True)
    assert (clone.name, clone.queue, clone.interruptible) == ("copy", None, True)
    assert (clone.image, clone.description) == (env.image, "Text")
    assert (env.name, env.queue, env.interruptible) == ("etl", "gpu", False)


def test_a_clone_has_no_tasks_and_dependencies_of_its_own() -> None:
    base, other = TaskEnvironment(name="base"), TaskEnvironment(name="other")
    env = TaskEnvironment(name="etl", depends_on=[base])
    env.task(double)
    clone = env.clone_with("copy")
    clone.add_dependency(other)
    assert not clone.tasks
    assert list(clone.depends_on) == [base, other]
    assert list(env.depends_on) == [base]


def test_a_clone_is_checked() -> None:
    env = TaskEnvironment(name="etl")
    with pytest.raises(EnvironmentDefinitionError, match="'copy': cache='sometimes'"):
        env.clone_with("copy", cache="sometimes")
    with pytest.raises(EnvironmentDefinitionError, match="did you mean 'queue'"):
        env.clone_with("copy", queu="gpu")
    with pytest.raises(EnvironmentDefinitionError, match="name=''"):
        env.clone_with("")


def test_a_clone_accepts_a_first_spelling_with_a_warning_at_the_line_of_the_call() -> None:
    env = TaskEnvironment(name="etl", env_vars={"A": "1"})
    with pytest.warns(DeprecationWarning, match="write 'env_vars'") as caught:
        clone = env.clone_with("copy", env={"B": "2"})
    assert clone.env_vars == {"B": "2"}
    assert [Path(warning.filename) for warning in caught] == [Path(__file__)]


def test_dependencies_keep_the_order_in_which_they_are_added() -> None:
    a, b, c = (TaskEnvironment(name=name) for name in "abc")
    env = TaskEnvironment(name="etl", depends_on=[c])
    env.add_dependency(a, b)
    assert [each.name for each in env.depends_on] == ["c", "a", "b"]


def test_a_repeated_dependency_is_ignored() -> None:
    a, b = TaskEnvironment(name="a"), TaskEnvironment(name="b")
    env = TaskEnvironment(name="etl", depends_on=[a, a])
    env.add_dependency(b, a)
    env.add_dependency(b)
    assert [each.name for each in env.depends_on] == ["a", "b"]


def test_two_environments_may_depend_on_each_other() -> None:
    a = TaskEnvironment(name="a")
    b = TaskEnvironment(name="b", depends_on=[a])
    a.add_dependency(b)
    assert list(a.depends_on) == [b]


@pytest.mark.parametrize("wrong", ["itself", "etl", None])
def test_what_cannot_be_a_dependency_is_refused(wrong: Any) -> None:
    env, other = TaskEnvironment(name="etl"), TaskEnvironment(name="other")
    with pytest.raises(EnvironmentDefinitionError) as caught:
        env.add_dependency(other, env if wrong == "itself" else wrong)
    assert caught.value.field == "depends_on"
    assert list(env.depends_on) == []


# Tasks that are no functions


def test_an_environment_is_made_of_tasks_that_are_no_functions() -> None:
    base = TaskEnvironment(name="base")
    one, two = query("one", image="busybox:1"), query("two", image="busybox:1")
    env = TaskEnvironment.from_task("etl", one, two, depends_on=[base])
    assert env.tasks == {"one": one, "two": two}
    assert (env.name, env.image, list(env.depends_on)) == ("etl", Image(base="busybox:1"), [base])
    assert one.parent_env is not None
    assert one.parent_env() is env
    assert two.parent_env_name == "etl"


@pytest.mark.parametrize(
    "tasks",
    [
        [],
        [query("one"), query("two", image="busybox:1")],
        [query("one"), query("one", links=Link("a", "https://a.org"))],
        [query("one"), double],
        ["one"],
    ],
)
def test_an_environment_is_made_of_tasks_with_one_image_and_names_of_their_own(
    tasks: list[Any],
) -> None:
    with pytest.raises(EnvironmentDefinitionError) as caught:
        TaskEnvironment.from_task("etl", *tasks)
    assert (caught.value.owner, caught.value.field) == ("etl", "tasks")


# Given by position


def test_the_name_may_be_the_first_argument() -> None:
    assert TaskEnvironment("etl", queue="slow") == TaskEnvironment(name="etl", queue="slow")


@pytest.mark.parametrize(
    ("args", "given", "problem"),
    [
        (("etl", "slow"), {}, "give name, and every other field by its name"),
        (("etl",), {"name": "etl"}, "it is the first argument, too"),
        (("etl",), {"nmae": "etl"}, "environment 'etl': nmae='etl' is not allowed"),
        ((5,), {}, "name=5 is not allowed"),
    ],
)
def test_nothing_else_is_given_by_position(args: Any, given: Any, problem: str) -> None:
    with pytest.raises(EnvironmentDefinitionError, match=problem):
        TaskEnvironment(*args, **given)


def test_an_environment_may_have_no_image() -> None:
    env = TaskEnvironment("queries", image=None)
    assert env.task(named).image is None
    assert env.clone_with("copy").image is None


def named() -> None: ...
