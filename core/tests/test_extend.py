"""tasksmithy.extend, tasksmithy.extras and the public names: what an author of plugins finds.

The tables are the parameters of Flyte 2's extension API, page by page: what its reference has must
be here under the same name.
"""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import V1PodSpec

from tasksmithy import (
    NativeInterface,
    PluginRegistrationError,
    Registry,
    Resources,
    Settings,
    TaskType,
    UnknownTaskTypeError,
    extend,
    extras,
)
from tasksmithy._flyte_names import INSTEAD
from tasksmithy.extend import TaskPluginRegistry, TaskTemplate
from tasksmithy.task._spellings import FIRST_SPELLINGS
from tasksmithy_function import AsyncFunctionTaskTemplate

# Constructors


def words(text: str) -> list[str]:
    return text.split()


FIRST_RELEASES = words(  # 2.0.0b6
    "name interface friendly_name task_type task_type_version image resources cache interruptable "
    "retries reusable docs env secrets timeout pod_template report parent_env max_inline_io_bytes "
    "_call_as_synchronous"
)
LATER = words(  # 2.0.0b35 and 2.0.0b40
    "name interface short_name task_type task_type_version image resources cache interruptible "
    "retries reusable docs env_vars secrets timeout pod_template report queue debuggable "
    "parent_env parent_env_name max_inline_io_bytes triggers _call_as_synchronous"
)
ATTRIBUTES = words(  # the reference of the released version
    "name interface short_name task_type task_type_version image resources cache interruptible "
    "retries reusable docs env_vars secrets timeout pod_template report queue debuggable "
    "entrypoint parent_env parent_env_name ref max_inline_io_bytes triggers links"
)
OF_FUNCTIONS = ["func", "plugin_config"]


def parameters(func: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(func).parameters)


@pytest.mark.parametrize("name", dict.fromkeys([*LATER, *ATTRIBUTES]))
@pytest.mark.parametrize("template", ["TaskTemplate", "AsyncFunctionTaskTemplate"])
def test_a_constructor_has_the_parameter(template: str, name: str) -> None:
    parameter = parameters(getattr(extend, template))[name]
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("name", OF_FUNCTIONS)
def test_the_constructor_of_function_tasks_has_the_parameter(name: str) -> None:
    assert name in parameters(extend.AsyncFunctionTaskTemplate)


def function_task(**fields: Any) -> Any:
    def double(n: int) -> int:
        return 2 * n

    interface = NativeInterface.from_callable(double)
    template: Any = extend.AsyncFunctionTaskTemplate
    return template(**{"name": "t", "interface": interface, "func": double, **fields})


FIRST_VALUES: dict[str, Any] = {"friendly_name": "T", "interruptable": True, "env": {"A": "1"}}


@pytest.mark.parametrize("name", [*FIRST_RELEASES, *OF_FUNCTIONS])
def test_a_constructor_has_the_parameter_of_the_first_releases(name: str) -> None:
    if name not in FIRST_SPELLINGS:
        assert name in parameters(extend.AsyncFunctionTaskTemplate)
        return
    with pytest.warns(DeprecationWarning, match=name):
        task = function_task(**{name: FIRST_VALUES[name]})
    assert getattr(task, FIRST_SPELLINGS[name]) == FIRST_VALUES[name]


# The order and the values are those of the reference, but for what a task may leave out.
DOCUMENTED_DEFAULTS = {
    "short_name": "",
    "task_type": "python",
    "task_type_version": 0,
    "image": "auto",
    "resources": None,
    "cache": "disable",
    "interruptible": False,
    "retries": 0,
    "reusable": None,
    "docs": None,
    "env_vars": None,
    "secrets": None,
    "timeout": None,
    "pod_template": None,
    "report": False,
    "queue": None,
    "debuggable": False,
    "entrypoint": False,
    "parent_env": None,
    "parent_env_name": None,
    "ref": False,
    "triggers": (),
    "links": (),
}


@pytest.mark.parametrize("name", DOCUMENTED_DEFAULTS)
def test_a_parameter_has_the_default_of_the_reference(name: str) -> None:
    assert parameters(TaskTemplate)[name].default == DOCUMENTED_DEFAULTS[name]


# Methods

SHARED_METHODS = {
    "aio": ["*args", "**kwargs"],
    "config": ["sctx"],
    "custom_config": ["sctx"],
    "data_loading_config": ["sctx"],
    "execute": ["*args", "**kwargs"],
    "forward": ["*args", "**kwargs"],
    "post": ["return_vals"],
    "pre": ["*args", "**kwargs"],
    "sql": ["sctx"],
}
METHODS = [
    *[("TaskTemplate", name, names) for name, names in SHARED_METHODS.items()],
    ("TaskTemplate", "container_args", ["sctx"]),
    *[("AsyncFunctionTaskTemplate", name, names) for name, names in SHARED_METHODS.items()],
    ("AsyncFunctionTaskTemplate", "container_args", ["serialize_context"]),
]


@pytest.mark.parametrize(("template", "method", "expected"), METHODS)
def test_a_method_has_the_parameters(template: str, method: str, expected: list[str]) -> None:
    found = parameters(getattr(getattr(extend, template), method))
    named = [str(parameter).partition(":")[0] for parameter in found.values()]
    assert named == ["self", *expected]


OVERRIDE = words(
    "short_name resources cache retries timeout reusable env_vars secrets max_inline_io_bytes "
    "pod_template queue interruptible entrypoint links"
)
FIRST_OVERRIDE = words("resources cache retries timeout reusable env secrets max_inline_io_bytes")


@pytest.mark.parametrize("name", OVERRIDE)
@pytest.mark.parametrize("template", ["TaskTemplate", "AsyncFunctionTaskTemplate"])
def test_override_has_the_parameter(template: str, name: str) -> None:
    assert name in parameters(getattr(extend, template).override)


def test_override_takes_further_keywords() -> None:
    kinds = {each.kind for each in parameters(TaskTemplate.override).values()}
    assert inspect.Parameter.VAR_KEYWORD in kinds


@pytest.mark.parametrize("name", FIRST_OVERRIDE)
def test_override_has_the_parameter_of_the_first_releases(name: str) -> None:
    if name not in FIRST_SPELLINGS:
        assert name in parameters(extend.AsyncFunctionTaskTemplate.override)
        return
    with pytest.warns(DeprecationWarning, match=name):
        changed = function_task().override(**{name: FIRST_VALUES[name]})
    assert getattr(changed, FIRST_SPELLINGS[name]) == FIRST_VALUES[name]


@pytest.mark.parametrize("name", ["native_interface", "source_file"])
@pytest.mark.parametrize("template", ["TaskTemplate", "AsyncFunctionTaskTemplate"])
def test_a_property_is_there(template: str, name: str) -> None:
    assert isinstance(inspect.getattr_static(getattr(extend, template), name), property)


def test_a_function_task_knows_its_source_file() -> None:
    assert Path(function_task().source_file) == Path(__file__)


# The rest of the module


def test_the_module_has_the_names_of_the_reference() -> None:
    assert set(extend.__all__) >= {
        "AsyncFunctionTaskTemplate",
        "TaskTemplate",
        "TaskPluginRegistry",
        "PRIMARY_CONTAINER_DEFAULT_NAME",
        "is_initialized",
        "pod_spec_from_resources",
    }


OF_FLYTE = {  # `__all__` of Flyte 2.12.1
    "": words(
        "AMD_GPU APPLE_SILICON GPU HABANA_GAUDI TPU AppHandle AsyncFunctionTaskTemplate Backoff "
        "BaseCheckpoint Cache CachePolicy CacheRequest Checkpoint ConditionWebhook Cron Device "
        "DeviceClass Documentation Environment FixedRate Image ImageBuild Link Neuron OnArtifact "
        "PodTemplate Resources RetryStrategy ReusePolicy Secret SecretRequest TaskEnvironment "
        "TaskTemplate Timeout TimeoutType Trigger TriggerTime TriggeredArtifact TriggeredPartition "
        "__version__ build build_images ctx current_domain current_project custom_context deploy "
        "get_custom_context group init init_from_api_key init_from_config init_in_cluster "
        "init_passthrough is_control_plane_available latest_checkpoint load_interactive_ctx "
        "load_plugin_config logger map new_condition rerun run run_python_script serve "
        "system_logger trace version with_runcontext with_servecontext"
    ),
    "connectors": words(
        "AsyncConnector AsyncConnectorExecutorMixin ConnectorRegistry ConnectorService Resource "
        "ResourceMeta"
    ),
    "extend": words(
        "PRIMARY_CONTAINER_DEFAULT_NAME Architecture AsyncFunctionTaskTemplate ImageBuildEngine "
        "ImageBuilder ImageChecker RuntimeTaskTemplate TaskPluginRegistry TaskTemplate "
        "download_code_bundle get_proto_extended_resources get_proto_resources is_initialized "
        "lazy_module pod_spec_from_resources"
    ),
    "extras": words(
        "BatchStats ContainerTask CostEstimator DynamicBatcher Prompt Sleep SleepTask TokenBatcher "
        "TokenEstimator model_streamer serialize serialize_env shell webhooks"
    ),
    "io": words("PARQUET DataFrame Dir EmptyDir File HashFunction"),
    "models": words(
        "ActionID ActionPhase CLUSTERED_WORKER_ENV CallCounter CheckpointPaths CodeBundle "
        "Docstring GroupData MAX_INLINE_IO_BYTES NULL_TASK_CONTEXT NativeInterface PathRewrite "
        "RawDataPath SerializationContext TaskContext"
    ),
    "report": words("Report Timeline current_report flush get_tab log replace"),
}


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in OF_FLYTE for name in OF_FLYTE[module]]
)
def test_a_name_of_flyte_is_here_or_an_error_that_says_what_to_use(module: str, name: str) -> None:
    full = f"tasksmithy.{module}".rstrip(".")
    there = importlib.import_module(full)
    if name in there.__all__:
        assert name not in INSTEAD[module]
        return
    with pytest.raises(ImportError, match=rf"there is no {full}.{name}, as Flyte has .*; use \w"):
        exec(f"from {full} import {name}", {})
    with pytest.raises(ImportError, match="; use"):
        getattr(there, name)


def test_only_names_of_flyte_are_said_to_be_missing() -> None:
    of_flyte = {module: set(names) for module, names in OF_FLYTE.items()}
    assert {module: set(INSTEAD[module]) - of_flyte[module] for module in INSTEAD} == {
        module: set() for module in OF_FLYTE
    }


@pytest.mark.parametrize("module", OF_FLYTE)
def test_another_name_is_an_attribute_error(module: str) -> None:
    full = f"tasksmithy.{module}".rstrip(".")
    with pytest.raises(AttributeError, match=f"module '{full}' has no attribute 'Nope'"):
        _ = importlib.import_module(full).Nope


def test_the_template_of_functions_is_that_of_the_function_plugin() -> None:
    assert extend.AsyncFunctionTaskTemplate is AsyncFunctionTaskTemplate


def test_the_primary_container_is_called_primary() -> None:
    assert extend.PRIMARY_CONTAINER_DEFAULT_NAME == "primary"


def test_a_pod_spec_is_made_from_resources() -> None:
    names = ["primary_container_name", "requests", "limits", "k8s_gpu_resource_key"]
    assert list(parameters(extend.pod_spec_from_resources)) == names
    spec = extend.pod_spec_from_resources("main", requests=Resources(cpu=1))
    assert isinstance(spec, V1PodSpec)
    assert [each.name for each in spec.containers] == ["main"]


def test_is_initialized_takes_nothing() -> None:
    assert parameters(extend.is_initialized) == {}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("pass", False),
        ("tasksmithy.init()", True),
        ("tasksmithy.extend.AsyncFunctionTaskTemplate", False),
        ("tasksmithy.TaskEnvironment(name='e').task(abs_of)", False),
        ("tasksmithy.run(tasksmithy.TaskEnvironment(name='e').task(abs_of), 1)", True),
        ("with tasksmithy.Registry().entered(): print(tasksmithy.is_initialized())", "True\nFalse"),
    ],
)
def test_a_process_is_initialized_by_init_by_a_run_and_where_a_registry_is_entered(
    statement: str, expected: object
) -> None:
    program = f"""
import tasksmithy, tasksmithy.extend
def abs_of(n: int) -> int: return abs(n)
{statement}
print(tasksmithy.extend.is_initialized())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == f"{expected}\n"


# extras


def test_a_container_task_says_what_to_install_where_its_plugin_is_not() -> None:
    with (
        Registry(records=[], settings=Settings()).entered(),
        pytest.raises(UnknownTaskTypeError) as caught,
    ):
        _ = extras.ContainerTask
    assert caught.value.task_type == "raw-container"
    assert "pip install 'tasksmithy[container]'" in str(caught.value)


def test_a_container_task_is_the_template_of_its_plugin() -> None:
    class Box(TaskTemplate, task_type="raw-container"):
        command: str

    with Registry(records=[], settings=Settings(), task_types=[Box]).entered():
        assert extras.ContainerTask is Box


# TaskPluginRegistry


@dataclass
class Cluster:
    """A configuration."""

    workers: int = 1


class BigCluster(Cluster):
    """A configuration that builds on it."""


class HugeCluster(BigCluster):
    """And another that builds on that."""


class ClusterTask(AsyncFunctionTaskTemplate[..., Any], task_type="cluster"):
    """The template of such functions."""


class BigTask(AsyncFunctionTaskTemplate[..., Any], task_type="big-cluster"):
    """Another template."""


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry(settings=Settings()).entered() as registry:
        yield registry


def test_what_is_registered_is_found(registry: Registry) -> None:
    TaskPluginRegistry.register(Cluster, ClusterTask)
    assert TaskPluginRegistry.find(Cluster) is ClusterTask


def test_what_is_registered_is_listed(registry: Registry) -> None:
    assert TaskPluginRegistry.list_plugins() == []
    TaskPluginRegistry.register(Cluster, ClusterTask)
    TaskPluginRegistry.register(BigCluster, BigTask)
    assert TaskPluginRegistry.list_plugins() == [Cluster, BigCluster]


def test_the_parameters_have_names(registry: Registry) -> None:
    TaskPluginRegistry.register(config_type=Cluster, plugin=ClusterTask)
    assert TaskPluginRegistry.find(config_type=Cluster) is ClusterTask


def test_a_config_class_that_is_not_registered_finds_nothing(registry: Registry) -> None:
    assert TaskPluginRegistry.find(Cluster) is None
    assert TaskPluginRegistry.find(int) is None


def test_a_subclass_of_a_config_class_finds_what_its_base_does(registry: Registry) -> None:
    TaskPluginRegistry.register(Cluster, ClusterTask)
    assert TaskPluginRegistry.find(HugeCluster) is ClusterTask


def test_the_nearest_base_decides(registry: Registry) -> None:
    TaskPluginRegistry.register(Cluster, ClusterTask)
    TaskPluginRegistry.register(BigCluster, BigTask)
    assert TaskPluginRegistry.find(HugeCluster) is BigTask


def test_a_base_of_a_registered_config_class_finds_nothing(registry: Registry) -> None:
    TaskPluginRegistry.register(BigCluster, BigTask)
    assert TaskPluginRegistry.find(Cluster) is None


def test_a_config_class_is_never_taken_over_in_silence(registry: Registry) -> None:
    TaskPluginRegistry.register(Cluster, ClusterTask)
    with pytest.raises(PluginRegistrationError, match="Cluster"):
        TaskPluginRegistry.register(Cluster, BigTask)
    assert TaskPluginRegistry.find(Cluster) is ClusterTask
    assert registry.names("tasksmithy.task_types.v1").count("big-cluster") == 0


def test_a_task_type_is_never_taken_over_in_silence(registry: Registry) -> None:
    class Impostor(AsyncFunctionTaskTemplate[..., Any], task_type="cluster"):
        pass

    TaskPluginRegistry.register(Cluster, ClusterTask)
    with pytest.raises(PluginRegistrationError, match=r"'cluster'.*would replace"):
        TaskPluginRegistry.register(BigCluster, Impostor)
    assert TaskPluginRegistry.find(BigCluster) is ClusterTask


def test_an_installed_task_type_is_never_taken_over_in_silence(registry: Registry) -> None:
    class Impostor(AsyncFunctionTaskTemplate[..., Any], task_type="python"):
        pass

    with pytest.raises(PluginRegistrationError, match="tasksmithy-function"):
        TaskPluginRegistry.register(Cluster, Impostor)
    assert TaskPluginRegistry.find(Cluster) is None


@pytest.mark.parametrize("plugin", [Cluster, ClusterTask.__name__, None, 5, TaskType])
def test_a_plugin_is_a_subclass_of_the_template(registry: Registry, plugin: Any) -> None:
    with pytest.raises(PluginRegistrationError, match="is no TaskTemplate subclass"):
        TaskPluginRegistry.register(Cluster, plugin)


@pytest.mark.parametrize("config", [Cluster(), "Cluster", 5])
def test_a_config_type_is_a_class(registry: Registry, config: Any) -> None:
    with pytest.raises(PluginRegistrationError, match="is no config class"):
        TaskPluginRegistry.register(config, ClusterTask)
    with pytest.raises(PluginRegistrationError, match="is no config class"):
        TaskPluginRegistry.find(config)
    assert TaskPluginRegistry.list_plugins() == []


def test_a_registration_holds_for_one_registry(registry: Registry) -> None:
    TaskPluginRegistry.register(Cluster, ClusterTask)
    with Registry(settings=Settings()).entered():
        assert TaskPluginRegistry.find(Cluster) is None
    assert TaskPluginRegistry.find(Cluster) is ClusterTask
