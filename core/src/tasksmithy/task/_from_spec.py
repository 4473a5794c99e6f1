"""from_spec(): the task of a spec, through its installed task type."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from datetime import datetime
from types import FunctionType
from typing import Any, Final

from tasksmithy._registry_in_use import registry_in_use
from tasksmithy._texts import shorten
from tasksmithy.errors import (
    DefinitionError,
    FieldError,
    InputError,
    SpecError,
    UnknownTaskTypeError,
)
from tasksmithy.fields._accelerators import Device
from tasksmithy.fields._cache import Cache
from tasksmithy.fields._documentation import Documentation
from tasksmithy.fields._image import Image
from tasksmithy.fields._link import Link
from tasksmithy.fields._pod import PodTemplate
from tasksmithy.fields._resources import Resources
from tasksmithy.fields._retry import Backoff, RetryStrategy
from tasksmithy.fields._reuse import ReusePolicy
from tasksmithy.fields._secret import Secret
from tasksmithy.fields._timeout import Timeout
from tasksmithy.fields._trigger import Cron, FixedRate, Trigger, TriggerTime
from tasksmithy.task._environment import TaskEnvironment
from tasksmithy.task._interface import NO_DEFAULT, NativeInterface
from tasksmithy.task._interface_spec import interface_spec
from tasksmithy.task._spec import TaskSpec
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._conversion import from_json
from tasksmithy.values._field_form import field_value
from tasksmithy.values._structure_type import found, type_of

Task = TaskTemplate[..., Any]


def from_spec(spec: TaskSpec) -> Task:
    """The task that a spec was made of, through the installed task type.

    Classes and functions are imported by the names that the spec has, so a spec runs code as a
    Python file does: take it from nobody else. What a class sets in a constructor of its own and
    declares as no field is in no spec.

    Examples:
        >>> from tasksmithy import NativeInterface, TaskTemplate, serialize
        >>> from tasksmithy.extend import from_spec
        >>> from tasksmithy_sql import SQLTask
        >>> spec = serialize(SQLTask(name="one", query="select 1", output=int))
        >>> from_spec(spec).query
        'select 1'
        >>> serialize(from_spec(spec)) == spec
        True

    Args:
        spec: the spec.

    Raises:
        SpecError: the task type, in the version that the spec names, is not installed here, a class
            or a function is not found, a value cannot be made again, or the interface of the
            function is another one today.
        PluginError: the plugin of the task type cannot be used.
    """
    registry = registry_in_use.get()
    try:
        hooks = registry.hooks(spec.task_type, task=spec.name)
    except UnknownTaskTypeError:
        raise SpecError(spec.name, _missing(spec)) from None
    if hooks.provenance != spec.provenance:
        problem = f"{_missing(spec)}; task type {spec.task_type!r} is of {hooks.provenance} here"
        raise SpecError(spec.name, problem)
    try:
        template = registry.template(spec.task_type) if spec.template is None else _class(spec)
        fields = _fields(spec, template, hooks.version)
        task: Task = template.__new__(template)
        # As the class itself does that has a constructor of its own, with other arguments.
        TaskTemplate.__init__(task, **fields)
    except (LookupError, FieldError) as error:
        raise SpecError(spec.name, str(error)) from None
    except (DefinitionError, InputError) as error:
        raise SpecError(spec.name, f"no task can be made of it: {error}") from None
    _put_into_environment(task, spec)
    made = interface_spec(task.name, task.interface)
    for side in ("inputs", "outputs", "result"):
        if made.get(side) != spec.interface.get(side):
            problem = f"its {side} are others here, {made.get(side)!r}, than in the spec"
            raise SpecError(
                spec.name, f"{problem}, {spec.interface.get(side)!r}: use the same code"
            )
    return task


def _missing(spec: TaskSpec) -> str:
    version = f"=={spec.provenance.version}" if spec.provenance.version else ""
    return (
        f"its task type {spec.task_type!r} is of {spec.provenance}, which is not installed here: "
        f"install {spec.provenance.distribution}{version}"
    )


def _class(spec: TaskSpec) -> type[Task]:
    template = found(spec.template or "")
    if not isinstance(template, type) or not issubclass(template, TaskTemplate):
        raise LookupError(f"{spec.template} is no class of tasks")  # noqa: TRY004 - as its fields
    return template


def _fields(spec: TaskSpec, template: type[Task], version: int) -> dict[str, Any]:
    own = {name: _own(name, form) for name, form in spec.own_fields.items()}
    is_function = isinstance(own.get("func"), FunctionType)
    interface = (
        NativeInterface.from_callable(own["func"]) if is_function else _interface(spec.interface)
    )
    fields: dict[str, Any] = {
        "name": spec.name,
        "interface": interface,
        "task_type": spec.task_type,
        "image": None if spec.image is None else "auto",
        **own,
    }
    if spec.task_type_version != version:
        fields["task_type_version"] = spec.task_type_version
    if spec.environment is not None:
        fields["parent_env_name"] = spec.environment["name"]
    for name, form in spec.definition.items():
        known = name if name in template.field_names else f"_{name}"
        fields[known] = _read(name, (form, interface) if name == "triggers" else form)
    return fields


def _own(name: str, form: Any) -> Any:
    try:
        return field_value(form)
    except (LookupError, InputError) as error:
        raise LookupError(f"own_fields.{name}: {_told(error)}") from None


def _read(name: str, form: Any) -> Any:
    try:
        return _READ[name](form) if name in _READ else form
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise LookupError(f"definition.{name} is {shorten(form)}: {_told(error)}") from None


def _told(error: Exception) -> str:
    return f"there is no {error}" if isinstance(error, KeyError) else str(error)


def _interface(described: Mapping[str, Any]) -> NativeInterface:
    inputs, keyword_only = {}, set()
    for each in described["inputs"]:
        name, kind, default = each["name"], _type(each), NO_DEFAULT
        if "default" in each:
            default = from_json("", name, kind, each["default"])
        inputs[name] = (kind, default)
        if each.get("keyword_only"):
            keyword_only.add(name)
    outputs = {each["name"]: _type(each) for each in described["outputs"]}
    result = found(described["result"]) if "result" in described else None
    return NativeInterface(inputs, outputs, frozenset(keyword_only), result)


def _type(described: Mapping[str, Any]) -> Any:
    try:
        return type_of(described["type"])
    except LookupError as error:
        problem = f"interface: {described.get('name')}: {_told(error)}"
        raise LookupError(problem) from None


def _put_into_environment(task: Task, spec: TaskSpec) -> None:
    """Give the task the environment that its spec describes."""
    described = spec.environment
    if described is None or not (described["description"] or described["depends_on"]):
        return
    environment = TaskEnvironment(
        name=described["name"],
        description=described["description"],
        depends_on=[TaskEnvironment(name=name) for name in described["depends_on"]],
    )
    task._settle(parent_env=weakref.ref(environment))  # noqa: SLF001 - as an environment does
    # A task has its environment weakly, and nobody else has this one.
    weakref.finalize(task, _release, environment).atexit = False


def _release(environment: TaskEnvironment) -> None:
    """Let go of the environment of a task that is gone."""


# What a definition has of each field, and the value of that


def _resources(form: Mapping[str, Any]) -> Resources:
    def amount(name: str) -> Any:
        pair = form.get(name) or {}
        return (pair["request"], pair["limit"]) if "limit" in pair else pair.get("request")

    gpu = Device(**form["gpu"]) if "gpu" in form else None
    return Resources(
        amount("cpu"), amount("memory"), gpu=gpu, disk=form.get("disk"), shm=form.get("shm")
    )


def _cache(form: Mapping[str, Any]) -> Cache:
    given: dict[str, Any] = {**form, "ignored_inputs": tuple(form.get("ignored_inputs", ()))}
    return Cache(**given)


def _retries(form: Mapping[str, Any]) -> RetryStrategy:
    backoff = Backoff(**form["backoff"]) if "backoff" in form else None
    return RetryStrategy(form["count"], backoff)


def _timeout(form: Mapping[str, Any]) -> Timeout:
    deadline = form.get("deadline")
    moment = datetime.fromisoformat(deadline) if isinstance(deadline, str) else deadline
    given: dict[str, Any] = {**form, "deadline": moment}
    return Timeout(**given)


def _reusable(form: Mapping[str, Any]) -> ReusePolicy:
    given: dict[str, Any] = {**form, "replicas": tuple(form["replicas"])}
    return ReusePolicy(**given)


def _pod_template(form: Any) -> Any:
    return form if isinstance(form, str) else PodTemplate(**form)


def _trigger(form: Mapping[str, Any], interface: NativeInterface) -> Trigger:
    fields = dict(form)
    inputs = fields.pop("inputs", {})
    at_the_time = dict.fromkeys(fields.pop("trigger_time_inputs", ()), TriggerTime)
    given = {
        name: from_json("", name, interface.inputs[name][0], value)
        for name, value in inputs.items()
    }
    when = fields.pop("automation")
    if "cron" in when:
        automation: Cron | FixedRate = Cron(when["cron"], when["timezone"])
    else:
        start = when.get("start_time")
        automation = FixedRate(when["interval_minutes"], start and datetime.fromisoformat(start))
    return Trigger(automation=automation, inputs={**given, **at_the_time} or None, **fields)


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "image": Image.from_dict,
    "resources": _resources,
    "triggers": lambda given: [_trigger(each, given[1]) for each in given[0]],
    "cache": _cache,
    "retries": _retries,
    "timeout": _timeout,
    "reusable": _reusable,
    "secrets": lambda form: [Secret(**each) for each in form],
    "pod_template": _pod_template,
    "links": lambda form: [Link(**each) for each in form],
    "docs": lambda form: Documentation(**form),
}
