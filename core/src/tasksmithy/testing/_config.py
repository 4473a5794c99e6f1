"""Checks: the configuration that chooses the type for a function, and the secrets in fields."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from tasksmithy._texts import shorten
from tasksmithy.task._environment import TaskEnvironment
from tasksmithy.task._template import TaskTemplate
from tasksmithy.testing._installation import package_of
from tasksmithy.testing._outcome import fail
from tasksmithy.testing._subject import Subject

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_TELLING: Final = 6
"""A secret of fewer characters may be in a text by chance."""


class ConfigChecks(Subject):
    """The configuration that chooses the type for a function, and the secrets in fields.

    What applies is seen from the task type: whether it has a `config_model`, whether a field
    holds a secret.
    """

    def test_the_schema_of_the_config_can_be_exported(self) -> None:
        """The schema is what a form, an editor and a table in a README know of a config."""
        model = self._model()
        advice = (
            "let it be a dataclass or a pydantic model with fields that JSON can hold: str, int, "
            "float, bool, lists, mappings, models"
        )
        try:
            schema = self._adapter().json_schema()
        except Exception as error:  # noqa: BLE001 - pydantic has many
            fail(
                f"{self._who}: the config class {model.__qualname__} has no JSON schema: "
                f"{type(error).__name__}: {error}",
                advice,
            )
        if schema.get("type") != "object":
            fail(
                f"{self._who}: the schema of the config class {model.__qualname__} has no fields: "
                f"{schema}",
                advice,
            )

    def test_an_unknown_key_of_the_config_is_refused(self) -> None:
        """A typo in a configuration is an error that names it, and no default by surprise."""
        model, values = self._model(), self._values()
        typo = f"{max(values, default='field', key=len)}_"
        try:
            model(**{**values, typo: 1})
        except Exception as error:  # noqa: BLE001 - of any kind, if it says what is wrong
            if typo in str(error):
                return
            fail(
                f"{self._who}: {model.__qualname__}({typo}=1) raised "
                f"{type(error).__name__}: {error}, which does not name {typo!r}",
                "name the unknown key in the error, and those that there are",
            )
        fail(
            f"{self._who}: {model.__qualname__}({typo}=1) took the unknown key",
            "refuse what is unknown: a dataclass does, and so does a pydantic model with "
            'model_config = ConfigDict(extra="forbid")',
        )

    def test_the_defaults_of_the_config_are_valid(self) -> None:
        """What stands where nothing is given is what could be given."""
        model, values = self._model(), self._values()
        try:
            adapter = self._adapter()
        except Exception:  # noqa: BLE001 - one check tells it
            self._skip_for("test_the_schema_of_the_config_can_be_exported")
        try:
            adapter.validate_python(values)
        except ValueError as error:
            fail(
                f"{self._who}: the defaults of the config class {model.__qualname__} are not "
                f"allowed by its own types: {error}",
                "correct the default or the type, as in: image: str | None = None",
            )

    def test_the_config_chooses_the_task_type(self) -> None:
        """`TaskEnvironment(plugin_config=...)` finds the type by the class of the config."""
        model = self._model()
        if self._missing() and not isinstance(self._sample(), model):
            fail(
                f"{self._who}: the config class {model.__qualname__} needs "
                f"{', '.join(self._missing())}, and {type(self).__name__}.make_task() gives a task "
                "without a plugin_config of it",
                "let make_task() give the task of a function in an environment with "
                f"plugin_config={model.__name__}(...)",
            )
        template = self._registry.template(self.task_type)
        found = self._registry.template_for(model)
        if found is not template:
            fail(
                f"{self._who}: a plugin_config of class {model.__module__}.{model.__qualname__} "
                f"chooses {found.__name__ if found else 'no task type'}, not {template.__name__}",
                f"define {model.__name__} in the package of the entry point, "
                f"{package_of(self._record())!r}: it is looked for there",
            )

    def test_functions_become_tasks_of_the_type(self) -> None:
        """`@env.task` makes a task of the type of an async function and of a plain one."""
        self._need("function")
        given: dict[str, Any] = {}
        if self._type().config_model is not None:
            given["plugin_config"] = self._config()
        for function in (_plain, _asynchronous):
            try:
                task: object = TaskEnvironment(name="conformance", **given).task(function)
            except Exception as error:  # noqa: BLE001 - whatever the plugin raises
                fail(
                    f"{self._who}: @env.task of the function {function.__name__!r} raised "
                    f"{type(error).__name__}: {error}",
                    "let the template extend AsyncFunctionTaskTemplate, and give each field of its "
                    "own a default",
                )
            if not self._is_of_this_type(task):
                fail(
                    f"{self._who}: @env.task made {shorten(task)} of a function",
                    "give the TaskType a config_model and a template that extends "
                    "AsyncFunctionTaskTemplate; or take the capability 'function' off",
                )

    def test_secrets_in_fields_are_not_shown(self) -> None:
        """A `SecretStr` in a field or in the config is in no spec, no repr and no error."""
        task = self._task()
        secrets = {value: where for where, value in _secrets(task) if len(value) >= _TELLING}
        if not secrets:
            pytest.skip("no field of the task holds a SecretStr")
        shown = {
            "the spec": self._spec(task).to_json(),
            "repr() of the task": repr(task),
            "repr() of its fields": repr(_own_fields(task)),
            "the error for a wrong plugin_config": self._error_for_a_wrong_config(),
        }
        for where, text in shown.items():
            for value, field in secrets.items():
                if value in text:
                    fail(
                        f"{self._who}: the secret in {field} of task {task.name!r} is in {where}",
                        "name secrets and leave their values out: secrets=Secret(key) hands them "
                        "to the execute hook; a pydantic model has hide_input_in_errors=True",
                    )

    def _model(self) -> type[Any]:
        """The class of the type's configuration."""
        model = self._type().config_model
        if model is None:
            pytest.skip("the task type has no config_model")
        return model

    def _adapter(self) -> TypeAdapter[Any]:
        from pydantic import TypeAdapter  # for types with a config alone

        return TypeAdapter(self._model())

    def _sample(self) -> Any:
        """The configuration that the author's task has."""
        return getattr(self._task(), "plugin_config", None)

    def _missing(self) -> list[str]:
        """The fields that have no default."""
        return [field.name for field in _fields(self._model()) if field.is_required]

    def _config(self) -> Any:
        """A configuration of defaults, with those of the author's where there is none."""
        model, sample = self._model(), self._sample()
        if self._missing() and not isinstance(sample, model):
            self._skip_for("test_the_config_chooses_the_task_type")
        required = (field for field in _fields(model) if field.is_required)
        return model(**{field.key: getattr(sample, field.name) for field in required})

    def _values(self) -> dict[str, Any]:
        """The values of that configuration, as its class takes them."""
        config = self._config()
        return {field.key: getattr(config, field.name) for field in _fields(self._model())}

    def _error_for_a_wrong_config(self) -> str:
        """What is said where one key too many is given beside secrets in plain text."""
        model = self._type().config_model
        if model is None or not isinstance(self._sample(), model):
            return ""
        values = {
            field.key: _revealed(getattr(self._sample(), field.name)) for field in _fields(model)
        }
        told = []
        for changed in ({**values, "unknown_": 1}, *_one_wrong(values)):
            try:
                model(**changed)
            except Exception as error:  # noqa: BLE001 - its text is what counts
                told.append(str(error))
        return "\n".join(told)


class _Field(NamedTuple):
    name: str
    key: str
    is_required: bool


def _fields(model: type[Any]) -> list[_Field]:
    """The fields of a dataclass or of a pydantic model, or the parameters of another class."""
    if dataclasses.is_dataclass(model):
        missing = dataclasses.MISSING
        return [
            _Field(own.name, own.name, own.default is missing and own.default_factory is missing)
            for own in dataclasses.fields(model)
            if own.init
        ]
    if hasattr(model, "model_fields"):
        return [
            _Field(name, own.alias or name, own.is_required())
            for name, own in model.model_fields.items()
        ]
    return [
        _Field(own.name, own.name, own.default is own.empty)
        for own in inspect.signature(model).parameters.values()
        if own.kind in (own.POSITIONAL_OR_KEYWORD, own.KEYWORD_ONLY)
    ]


def _own_fields(task: TaskTemplate[..., Any]) -> dict[str, Any]:
    names = sorted(task.field_names - TaskTemplate.field_names)
    return {name: getattr(task, name) for name in names}


def _secrets(task: TaskTemplate[..., Any]) -> Iterator[tuple[str, str]]:
    """Where a task holds secrets, and their values."""
    for name, value in _own_fields(task).items():
        yield from _secrets_in(value, name)


def _secrets_in(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if hasattr(value, "get_secret_value"):
        yield where, str(_revealed(value))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secrets_in(item, f"{where}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _secrets_in(item, f"{where}[{index}]")
    elif dataclasses.is_dataclass(type(value)) or hasattr(type(value), "model_fields"):
        for field in _fields(type(value)):
            yield from _secrets_in(getattr(value, field.name), f"{where}.{field.name}")


def _revealed(value: Any) -> Any:
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


def _one_wrong(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The values with each of them in turn replaced by what no field takes."""
    for name in values:
        yield {**values, name: object()}


def _plain(number: int) -> int:
    return 2 * number


async def _asynchronous(number: int) -> int:
    return 2 * number
