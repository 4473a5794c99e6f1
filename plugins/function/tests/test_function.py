"""Task type `python`: a function as a task, its container args and what identifies its code."""

from __future__ import annotations

import asyncio
import functools
import pickle
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import (
    NativeInterface,
    Registry,
    RetryStrategy,
    SerializationContext,
    Settings,
    TaskDefinitionError,
    TaskEnvironment,
    TaskTemplate,
    TaskType,
    current,
    hookimpl,
    run,
    serialize,
)
from tasksmithy.extend import TaskPluginRegistry
from tasksmithy.task._hooks import hooks_for
from tasksmithy.task._spec import CodeBundle
from tasksmithy_function import AsyncFunctionTaskTemplate

env = TaskEnvironment(name="sums")


@env.task
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@env.task
async def double(n: int) -> int:
    return 2 * n


def plain(n: int) -> int:
    return n


def task_of(func: Callable[..., Any], interface: NativeInterface | None = None) -> Any:
    return AsyncFunctionTaskTemplate(
        name="t.func", interface=interface or NativeInterface.from_callable(func), func=func
    )


# The template


def test_a_decorated_function_is_a_task_of_the_type_python() -> None:
    assert isinstance(add, AsyncFunctionTaskTemplate)
    assert (add.name, add.task_type, add.func(2)) == ("sums.add", "python", 3)


@pytest.mark.parametrize("func", [5, None, "add"])
def test_func_is_a_function(func: Any) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        AsyncFunctionTaskTemplate(name="t.func", interface=NativeInterface(), func=func)
    assert (caught.value.owner, caught.value.field) == ("t.func", "func")


def test_a_sync_function_is_called_without_await_an_async_one_with_it() -> None:
    assert task_of(plain)._call_as_synchronous
    assert not task_of(double.func)._call_as_synchronous  # type: ignore[attr-defined]


def test_a_partial_of_an_async_function_is_called_with_await() -> None:
    async def func(n: int) -> int:
        return n

    task = task_of(functools.partial(func, 3), NativeInterface())
    assert not task._call_as_synchronous
    assert run(task) == 3


def test_the_source_file_is_that_of_the_function() -> None:
    assert Path(add.source_file or "") == Path(__file__)


def test_the_source_file_of_a_wrapped_function_is_that_of_the_function_inside() -> None:
    wrapped = functools.wraps(plain)(functools.partial(plain))
    assert Path(task_of(wrapped, add.interface).source_file) == Path(__file__)


def test_a_builtin_has_no_source_file() -> None:
    assert task_of(len, add.interface).source_file is None


# Calls


def test_outside_a_run_a_task_is_simply_its_function() -> None:
    assert add(2) == 3
    assert add(2, b=5) == 7
    assert add.forward(a=2) == 3
    assert asyncio.run(double(4)) == 8


def test_outside_a_run_a_sync_function_is_called_in_the_thread_of_the_caller() -> None:
    @env.task
    def where() -> str:
        return threading.current_thread().name

    assert where() == threading.current_thread().name


def test_outside_a_run_aio_awaits_both_kinds_of_function() -> None:
    async def main() -> list[int]:
        return [await add.aio(2), await double.aio(4)]

    assert asyncio.run(main()) == [3, 8]


def test_inside_a_run_a_sync_function_leaves_the_loop_free() -> None:
    arrived = threading.Event()

    @env.task
    def wait() -> bool:
        return arrived.wait(timeout=60)

    @env.task
    async def arrive() -> None:
        arrived.set()

    @env.task
    async def main() -> bool:
        waited, _ = await asyncio.gather(wait.aio(), arrive())
        return waited

    assert run(main)


def test_inside_a_run_a_sync_task_calls_a_sync_task_without_await() -> None:
    @env.task
    def main() -> int:
        assert current()
        return add(add(1))

    assert run(main) == 3


def test_the_context_of_the_run_is_there_in_both_kinds_of_function() -> None:
    @env.task
    def sync_name() -> str:
        return current().task

    @env.task
    async def async_name() -> str:
        return current().task

    assert (run(sync_name), run(async_name)) == ("sums.sync_name", "sums.async_name")


# Data


def test_a_decorated_function_can_be_pickled() -> None:
    again = pickle.loads(pickle.dumps(add))
    assert again == add
    assert again.func is add.func  # type: ignore[attr-defined]
    assert run(again, a=2) == 3


def test_an_overridden_task_is_the_same_after_a_round_trip() -> None:
    task = add.override(retries=2)
    assert pickle.loads(pickle.dumps(task)) == task


def test_override_refuses_another_function() -> None:
    with pytest.raises(TaskDefinitionError, match="give no func: it is fixed"):
        add.override(func=len)


def test_override_keeps_the_function() -> None:
    task: Any = add.override(retries=2, queue="gpu")
    assert type(task) is AsyncFunctionTaskTemplate
    assert task.func is add.func  # type: ignore[attr-defined]
    assert (task.retries, task.queue, add.queue) == (RetryStrategy(2), "gpu", None)
    assert run(task, a=2) == 3


# The container

SCTX = SerializationContext(version="v1", input_path="in.json", output_path="out")


def test_the_container_args_call_the_entry_point_with_the_task() -> None:
    assert add.container_args(SCTX) == [
        "python",
        "-m",
        "tasksmithy_function.entrypoint",
        "--inputs",
        "in.json",
        "--outputs-path",
        "out",
        "--version",
        "v1",
        "--module",
        __name__,
        "--task",
        "sums.add",
    ]


def test_the_container_args_hold_the_placeholders_of_the_cluster() -> None:
    args = add.container_args(SerializationContext())
    assert args[args.index("--inputs") + 1] == "{{.input}}"
    assert args[args.index("--outputs-path") + 1] == "{{.outputPrefix}}"


def test_the_container_args_are_those_of_the_spec() -> None:
    assert serialize(add, SCTX).container_args == add.container_args(SCTX)


def test_the_context_is_called_serialize_context() -> None:
    task: Any = add
    assert task.container_args(serialize_context=SCTX) == add.container_args(SCTX)


def test_the_interpreter_is_the_one_inside_the_image() -> None:
    args = add.container_args(SerializationContext(interpreter_path="/opt/bin/python3"))
    assert args[:2] == ["/opt/bin/python3", "-m"]


def test_a_code_bundle_is_named_with_the_folder_it_goes_to() -> None:
    bundle = CodeBundle(tgz="s3://bucket/code.tgz", destination="/app")
    args = add.container_args(SerializationContext(code_bundle=bundle))
    assert args[args.index("--tgz") :][:4] == ["--tgz", "s3://bucket/code.tgz", "--dest", "/app"]


def test_without_a_code_bundle_there_is_nothing_to_unpack() -> None:
    assert not {"--tgz", "--dest"} & set(add.container_args(SCTX))


def module_in(task: Any, root: Path | None) -> str:
    args: list[str] = task.container_args(SerializationContext(root_dir=root))
    return args[args.index("--module") + 1]


HERE = Path(__file__).resolve()


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_the_module_is_relative_to_the_root(levels: int) -> None:
    root = HERE.parents[levels]
    expected = ".".join(HERE.relative_to(root).with_suffix("").parts)
    assert module_in(add, root) == expected


def test_the_root_may_be_a_relative_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE.parent)
    assert module_in(add, Path()) == "test_function"


def test_a_function_outside_the_root_has_the_module_it_was_imported_as(tmp_path: Path) -> None:
    assert module_in(add, tmp_path) == __name__


def test_a_function_in_the_init_file_of_a_package_is_in_that_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "src" / "flights_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("def main() -> None: ...\n")
    monkeypatch.syspath_prepend(tmp_path / "src")
    module = __import__("flights_package")
    assert module_in(task_of(module.main), tmp_path / "src") == "flights_package"
    assert module_in(task_of(module.main), None) == "flights_package"


def test_a_function_of_the_file_that_python_was_started_with_has_the_name_of_that_file(
    tmp_path: Path,
) -> None:
    file = tmp_path / "flights.py"
    file.write_text(
        "from tasksmithy import SerializationContext, TaskEnvironment\n"
        "env = TaskEnvironment(name='flights')\n"
        "@env.task\n"
        "def main() -> None: ...\n"
        "print(main.container_args(SerializationContext())[-3])\n"
    )
    done = subprocess.run([sys.executable, file], check=True, capture_output=True, text=True)
    assert done.stdout == "flights\n"


# What identifies the code


def version(func: Callable[..., Any]) -> str:
    task = task_of(func)
    return hooks_for(task).cache_version(task)


def from_source(source: str, tmp_path: Path, name: str = "func") -> Callable[..., Any]:
    """A function of a file, as `inspect` reads it."""
    import importlib.util

    folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    file = folder / "source.py"
    file.write_text(source)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    func: Callable[..., Any] = getattr(module, name)
    return func


def test_the_same_source_has_the_same_version(tmp_path: Path) -> None:
    source = "def func(n: int) -> int:\n    return n\n"
    one, other = from_source(source, tmp_path), from_source("\n\n" + source, tmp_path)
    assert version(one) == version(other)


def test_another_source_has_another_version(tmp_path: Path) -> None:
    one = from_source("def func(n: int) -> int:\n    return n\n", tmp_path)
    other = from_source("def func(n: int) -> int:\n    return n + 1\n", tmp_path)
    assert version(one) != version(other)


def test_an_async_function_has_another_version_than_a_sync_one(tmp_path: Path) -> None:
    one = from_source("def func() -> int:\n    return 1\n", tmp_path)
    other = from_source("async def func() -> int:\n    return 1\n", tmp_path)
    assert version(one) != version(other)


def adding(by: Any) -> Callable[[int], int]:
    def func(n: int) -> int:
        return n + by  # type: ignore[no-any-return]

    return func


def test_another_value_closed_over_has_another_version() -> None:
    assert version(adding(1)) == version(adding(1))
    assert version(adding(1)) != version(adding(2))


def test_a_value_inside_a_collection_that_is_closed_over_counts() -> None:
    assert version(adding({"a": [1, {2}]})) == version(adding({"a": [1, {2}]}))
    assert version(adding({"a": [1, {2}]})) != version(adding({"a": [1, {3}]}))


def test_collections_of_two_types_are_not_the_same() -> None:
    versions = [version(adding(by)) for by in ([1], (1,), {1}, frozenset({1}), {1: 1}, "[1]")]
    assert len(set(versions)) == len(versions)


def test_another_default_has_another_version() -> None:
    def with_default(by: int) -> Callable[..., int]:
        def func(n: int, by: int = by) -> int:
            return n + by

        return func

    def with_keyword_default(by: int) -> Callable[..., int]:
        def func(n: int, *, by: int = by) -> int:
            return n + by

        return func

    for factory in (with_default, with_keyword_default):
        assert version(factory(1)) == version(factory(1))
        assert version(factory(1)) != version(factory(2))


def test_a_variable_that_has_no_value_yet_has_a_version() -> None:
    def func() -> int:
        return later

    before = version(func)
    later = 1
    assert version(func) != before


def test_the_fields_of_the_task_are_no_part_of_the_version() -> None:
    assert hooks_for(add).cache_version(add) == hooks_for(add).cache_version(
        add.override(retries=3, env_vars={"A": "1"})
    )


def made(body: str) -> Callable[..., Any]:
    """A function that `inspect` finds no source of."""
    namespace: dict[str, Any] = {}
    exec(f"def func(n): return {body}", namespace)
    func: Callable[..., Any] = namespace["func"]
    return func


def test_a_function_without_source_has_a_version_by_its_code() -> None:
    assert version(made("[]")) == version(made("[]"))
    assert version(made("[]")) != version(made("{}"))


def test_a_function_without_source_has_another_version_with_other_constants_or_names() -> None:
    assert version(made("n + 1")) != version(made("n + 2"))
    assert version(made("n.real")) != version(made("n.imag"))
    assert version(made("[i + 1 for i in n]")) == version(made("[i + 1 for i in n]"))
    assert version(made("[i + 1 for i in n]")) != version(made("[i + 2 for i in n]"))


def test_the_version_is_the_same_in_processes_with_different_hash_seeds(tmp_path: Path) -> None:
    file = tmp_path / "flights.py"
    file.write_text(
        "from tasksmithy import TaskEnvironment, serialize\n"
        "env = TaskEnvironment(name='flights')\n"
        "def factory(names):\n"
        "    @env.task(cache='auto')\n"
        "    def main(a=frozenset('abc'), *, b={'x', 'y'}):\n"
        "        return names\n"
        "    return main\n"
        "print(serialize(factory({'p', 'q', 'r'})).to_json())\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, file],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1
    assert '"cache_version": "' in outputs.pop()


# Task types that build on this one


@dataclass(frozen=True)
class Cluster:
    """The configuration of such a task type."""

    workers: int = 1


@dataclass(frozen=True)
class BigCluster(Cluster):
    """A configuration that builds on it."""

    disks: int = 1


class ClusterTask(AsyncFunctionTaskTemplate[..., Any], task_type="cluster"):
    """The task that a function with that configuration becomes."""

    head: str = "small"


class ClusterTaskType(TaskType):
    """Runs the function as `python` does, and says how large the cluster is."""

    template = ClusterTask
    config_model = Cluster

    @hookimpl
    def custom_config(self, task: Any) -> dict[str, Any]:
        return {"workers": task.plugin_config.workers, "head": task.head}


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry(settings=Settings(), task_types=[ClusterTaskType]).entered() as registry:
        yield registry


def test_a_config_makes_a_function_a_task_of_its_type(registry: Registry) -> None:
    task = TaskEnvironment(name="big", plugin_config=Cluster(4)).task(add.func)  # type: ignore[attr-defined]
    assert type(task) is ClusterTask
    assert task.custom_config(SCTX) == {"workers": 4, "head": "small"}


def test_such_a_task_runs_as_a_function_does(registry: Registry) -> None:
    big = TaskEnvironment(name="big", plugin_config=Cluster(4))

    @big.task
    async def main(n: int) -> int:
        return await double(n)

    assert run(main, n=4) == 8
    assert run(big.task(plain), n=4) == 4


def test_such_a_task_has_the_container_args_of_a_function(registry: Registry) -> None:
    task = TaskEnvironment(name="sums", plugin_config=Cluster(4)).task(add.func)  # type: ignore[attr-defined]
    assert task.container_args(SCTX) == add.container_args(SCTX)


def test_another_config_and_another_field_of_the_class_have_another_version(
    registry: Registry,
) -> None:
    task: Any = TaskEnvironment(name="big", plugin_config=Cluster(4)).task(plain)
    same, more = (task.override(plugin_config=Cluster(workers)) for workers in (4, 5))
    version = hooks_for(task).cache_version
    assert version(task) == version(same)
    assert len({version(task), version(more), version(task.override(head="large"))}) == 3


def test_such_a_task_is_serialized_with_its_own_type(registry: Registry) -> None:
    task = TaskEnvironment(name="big", plugin_config=Cluster(4)).task(plain)
    spec = serialize(task, SCTX)
    assert (spec.task_type, dict(spec.custom_config)) == (
        "cluster",
        {"workers": 4, "head": "small"},
    )


def test_the_type_python_is_untouched_by_those_that_build_on_it(registry: Registry) -> None:
    assert add.custom_config(SCTX) == {}
    assert serialize(add, SCTX).task_type == "python"


def test_a_bare_template_runs_as_the_function_that_it_builds_on() -> None:
    class Bare(AsyncFunctionTaskTemplate[..., Any], task_type="bare"):
        def custom_config(self, sctx: SerializationContext) -> dict[str, Any]:
            return {**super().custom_config(sctx), "workers": self.plugin_config.workers}

    with Registry(settings=Settings()).entered():
        TaskPluginRegistry.register(Cluster, Bare)
        task = TaskEnvironment(name="big", plugin_config=Cluster(4)).task(plain)
        assert type(task) is Bare
        assert run(task, n=4) == 4
        assert task.custom_config(SCTX) == {"workers": 4}
        assert "tasksmithy_function.entrypoint" in task.container_args(SCTX)


# override(plugin_config=...)


def test_another_config_rebuilds_the_task_as_the_class_of_its_type(registry: Registry) -> None:
    task = add.override(plugin_config=Cluster(4))
    assert type(task) is ClusterTask
    assert (task.task_type, task.name) == ("cluster", "sums.add")
    assert task.custom_config(SCTX) == {"workers": 4, "head": "small"}
    assert run(task, a=2) == 3


def test_a_rebuilt_task_keeps_its_fields_and_its_environment(registry: Registry) -> None:
    task = add.override(retries=2).override(plugin_config=Cluster(4), queue="gpu")
    assert (task.retries, task.queue, task.docs) == (RetryStrategy(2), "gpu", add.docs)
    assert task.parent_env is not None
    assert task.parent_env() is env


def test_a_rebuilt_task_takes_fields_of_its_new_class(registry: Registry) -> None:
    task: Any = add.override(plugin_config=Cluster(4))
    assert task.override(head="large").custom_config(SCTX) == {"workers": 4, "head": "large"}


def test_another_config_of_the_same_type_keeps_what_that_type_adds(registry: Registry) -> None:
    task: Any = add.override(plugin_config=Cluster(1)).override(head="large")
    changed = task.override(plugin_config=BigCluster(8))
    assert changed.custom_config(SCTX) == {"workers": 8, "head": "large"}


def test_no_config_makes_it_a_plain_function_again(registry: Registry) -> None:
    task = add.override(plugin_config=Cluster(4)).override(plugin_config=None)
    assert type(task) is AsyncFunctionTaskTemplate
    assert task == add


def test_the_original_keeps_its_class(registry: Registry) -> None:
    add.override(plugin_config=Cluster(4))
    assert type(add) is AsyncFunctionTaskTemplate


@pytest.mark.parametrize("config", [5, {"workers": 4}, Cluster])
def test_a_config_that_no_task_type_has_is_refused(registry: Registry, config: Any) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        add.override(plugin_config=config)
    assert (caught.value.owner, caught.value.field) == ("sums.add", "plugin_config")


def test_a_task_of_a_class_that_names_no_type_is_told_to_name_one() -> None:
    class Nameless(TaskTemplate):
        pass

    task = Nameless(name="n", interface=NativeInterface())
    cached = task.override(cache="auto")
    for ask in (lambda: run(task), lambda: serialize(task), lambda: run(cached)):
        with pytest.raises(TaskDefinitionError, match=r"give a type of its own: class Nameless\("):
            ask()


def test_a_plain_function_around_an_async_one_runs_inside_around_execute() -> None:
    seen: list[str] = []

    class Watching:
        @hookimpl
        @asynccontextmanager
        async def around_execute(self) -> AsyncIterator[None]:
            yield
            seen.append("left")

    async def inner(n: int) -> int:
        seen.append("inner")
        return n

    @functools.wraps(inner)
    def around(n: int) -> Any:
        return inner(n)

    with Registry(settings=Settings(), policies={"watching": Watching()}).entered():
        task = TaskEnvironment(name="wrapped").task(around)
        assert run(task, n=2) == 2
    assert seen == ["inner", "left"]


def test_a_rebuilt_task_is_checked(registry: Registry) -> None:
    with pytest.raises(TaskDefinitionError, match=r"'sums\.add': retries=-1"):
        add.override(plugin_config=Cluster(4), retries=-1)


def test_a_task_of_another_class_has_no_config() -> None:
    task = TaskTemplate(name="t", interface=NativeInterface())
    with pytest.raises(TaskDefinitionError, match="plugin_config"):
        task.override(plugin_config=Cluster())


def test_the_cache_version_of_a_decorated_function_changes_with_its_decorator() -> None:
    def times(factor: int) -> Callable[..., Any]:
        def decorate(func: Callable[[int], int]) -> Callable[[int], int]:
            @functools.wraps(func)
            def wrapper(n: int) -> int:
                return func(n) * factor

            return wrapper

        def one(n: int) -> int:
            return n

        return decorate(one)

    assert version(times(2)) == version(times(2)) != version(times(3))


def test_the_cache_version_of_a_method_changes_with_its_object() -> None:
    @dataclass
    class Scale:
        factor: int

        def scaled(self, n: int) -> int:
            return n * self.factor

    def scale(factor: int) -> Callable[..., Any]:
        return Scale(factor).scaled

    assert version(scale(2)) == version(scale(2)) != version(scale(3))
