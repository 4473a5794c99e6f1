"""The fields that every task has, each declared once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from tasksmithy import checks
from tasksmithy.errors import FieldError
from tasksmithy.fields._cache import Cache, CacheRequest
from tasksmithy.fields._retry import RetryStrategy
from tasksmithy.fields._timeout import Timeout, TimeoutType
from tasksmithy.task._declaration import Definition
from tasksmithy.task._field import Check, Converted, task_field

if TYPE_CHECKING:  # most tasks have none of these, and would wait for their import
    from tasksmithy.fields._documentation import Documentation
    from tasksmithy.fields._image import Image
    from tasksmithy.fields._link import Link
    from tasksmithy.fields._pod import PodTemplate
    from tasksmithy.fields._resources import Resources
    from tasksmithy.fields._reuse import ReusePolicy
    from tasksmithy.fields._secret import Secret, SecretRequest
    from tasksmithy.fields._trigger import Trigger

MAX_INLINE_IO_BYTES: Final = 10 * 1024 * 1024
"""Default of `max_inline_io_bytes`: 10 MiB."""


def _converting(convert: Callable[[Any, str], Any]) -> Check:
    return lambda name, value: convert(value, name)


def _at_least(minimum: int) -> Check:
    return lambda name, value: checks.integer(name, value, minimum)


def _optional(check: Check) -> Check:
    return lambda name, value: None if value is None else check(name, value)


def _instance(kind: type[Any], name: str, value: Any) -> object:
    if not isinstance(value, kind):
        raise FieldError(name, value, f"a {kind.__name__} or None")
    return checks.checked(name, value)


def _image(name: str, value: Any) -> Image | Literal["auto"] | None:
    if value is None or value == "auto":
        return value  # type: ignore[no-any-return]
    from tasksmithy.fields._image import Image

    return Image.of(value, name)


def _pod_template(name: str, value: object) -> object:
    if value is None or isinstance(value, str):
        return value if value is None else checks.non_empty(name, value)
    from tasksmithy.fields._pod import PodTemplate

    return _instance(PodTemplate, name, value)


def _resources(name: str, value: object) -> object:
    if value is None:
        return None
    from tasksmithy.fields._resources import Resources

    return _instance(Resources, name, value)


def _reusable(name: str, value: object) -> object:
    if value is None:
        return None
    from tasksmithy.fields._reuse import ReusePolicy

    return _instance(ReusePolicy, name, value)


def _secrets(name: str, value: Any) -> tuple[Secret, ...]:
    if value is None:
        return ()
    from tasksmithy.fields._secret import secrets_of

    return secrets_of(value, name)


def _docs(name: str, value: Any) -> Documentation | None:
    if value is None:
        return None
    from tasksmithy.fields._documentation import Documentation

    return Documentation.of(value, name)


def _triggers(name: str, value: object) -> object:
    if value == ():
        return ()
    from tasksmithy.fields._trigger import Trigger

    return _each(Trigger, name, value)


def _links(name: str, value: object) -> object:
    if value == ():
        return ()
    from tasksmithy.fields._link import Link

    return _each(Link, name, value)


def _each(kind: type[Any], name: str, value: Any) -> tuple[Any, ...]:
    items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    for index, item in enumerate(items):
        if not isinstance(item, kind):
            raise FieldError(f"{name}[{index}]", item, f"a {kind.__name__}")
        checks.checked(f"{name}[{index}]", item)
    return items


class SharedFields(Definition):
    """The fields that an environment gives to its tasks, where a task does not say otherwise."""

    image: Converted[str | Image | None, Image | Literal["auto"] | None] = task_field(
        default="auto",
        check=_image,
        overridable=False,
        ignored_locally=True,
        doc='image reference, an `Image`, `"auto"` for the default image, or None where the task '
        "has no container.",
    )
    resources: Resources | None = task_field(
        default=None, check=_resources, doc="compute resources."
    )
    env_vars: Mapping[str, str] | None = task_field(
        default=None, check=_optional(checks.env_vars), doc="environment variables."
    )
    secrets: Converted[SecretRequest | None, tuple[Secret, ...]] = task_field(
        default=None,
        check=_secrets,
        doc="secrets that are handed out to the task.",
    )
    cache: Converted[CacheRequest, Cache] = task_field(
        default="disable",
        check=_converting(Cache.of),
        doc='cache policy: `"auto"`, `"override"`, `"disable"` or a `Cache`.',
    )
    reusable: ReusePolicy | None = task_field(
        default=None,
        check=_reusable,
        ignored_locally=True,
        doc="how containers are kept for several executions, or None for one each.",
    )
    pod_template: str | PodTemplate | None = task_field(
        default=None,
        check=_pod_template,
        ignored_locally=True,
        doc="a pod template, or the name of one that the cluster has.",
    )
    queue: str | None = task_field(
        default=None,
        check=_optional(checks.non_empty),
        ignored_locally=True,
        doc="the queue to run in, or None for the default one.",
    )
    interruptible: bool = task_field(
        default=False,
        check=checks.boolean,
        ignored_locally=True,
        doc="whether the task may run on machines that can be taken away.",
    )


HELD_BY_REUSE: Final = ("resources", "env_vars", "secrets", "pod_template")
"""The fields that the containers of a reusable environment have, for all its tasks."""


class TaskFields(SharedFields):
    """The fields that a task may say for itself, all of them optional."""

    short_name: str = task_field(
        default="",
        check=checks.text,
        derived=lambda task: task.short_name or task.name,
        doc="name for display; the name, where it is empty.",
    )
    task_type_version: int = task_field(
        default=0, check=_at_least(0), doc="version of the task type's wire format."
    )
    retries: Converted[int | RetryStrategy, RetryStrategy] = task_field(
        default=0,
        check=_converting(RetryStrategy.of),
        doc="how many retries follow a failed attempt, or a `RetryStrategy`.",
    )
    docs: Converted[str | Documentation | None, Documentation | None] = task_field(
        default=None,
        check=_docs,
        overridable=False,
        doc="documentation; text is its description.",
    )
    timeout: Converted[TimeoutType | None, Timeout] = task_field(
        default=None,
        check=_converting(Timeout.of),
        doc="bounds on the task's time; a number is `max_runtime` in seconds.",
    )
    report: bool = task_field(
        default=False,
        check=checks.boolean,
        doc="whether the tabs that the task adds with `tasksmithy.report` are kept.",
    )
    debuggable: bool = task_field(
        default=False,
        check=checks.boolean,
        ignored_locally=True,
        doc="whether the task can be debugged where it runs.",
    )
    entrypoint: bool = task_field(
        default=False,
        check=checks.boolean,
        doc="whether the task is where an execution of its module starts.",
    )
    max_inline_io_bytes: int = task_field(
        default=MAX_INLINE_IO_BYTES,
        check=_at_least(0),
        doc="largest size of inputs or outputs passed inline, in bytes.",
    )
    triggers: Converted[Trigger | Sequence[Trigger], tuple[Trigger, ...]] = task_field(
        default=(), check=_triggers, ignored_locally=True, doc="what starts the task by time."
    )
    links: Converted[Link | Sequence[Link], tuple[Link, ...]] = task_field(
        default=(), check=_links, doc="links shown beside the task."
    )
