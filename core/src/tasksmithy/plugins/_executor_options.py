"""From what a run and the settings say for an executor to the object of its `options_model`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tasksmithy._texts import near_misses, shorten
from tasksmithy.errors import PluginContractError, SettingsError
from tasksmithy.plugins._config_schema import config_schema, json_type


class Source(NamedTuple):
    """Options from one place.

    Attributes:
        options: option to value; text may stand for a value of another type.
        place: where they stand, for messages.
    """

    options: Mapping[str, Any]
    place: str


def no_options(sources: Sequence[Source], who: str) -> None:
    """Check that an executor without options is given none.

    Raises:
        SettingsError: it is given one.
    """
    for options, place in sources:
        for name in options:
            raise SettingsError(f"{who} takes no options, and has {name!r} in {place}")


def checked_options(model: type[Any], sources: Sequence[Source], who: str) -> Any:
    """An object of an executor's `options_model`.

    Args:
        model: a dataclass or a pydantic model.
        sources: what is said; an option in an earlier one goes before the same in a later one.
        who: the executor, for messages.

    Raises:
        SettingsError: an option is unknown, lacks, or has a value that is not allowed.
        PluginContractError: the model cannot be used.
    """
    from pydantic import TypeAdapter, ValidationError  # only for an executor with options

    schema = config_schema(model, f"{who}: options_model")
    known: Mapping[str, Any] = schema.get("properties", {})
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for options, place in sources:
        for name, value in options.items():
            if name not in known:
                raise SettingsError(
                    f"{who} has no option {name!r}, which is in {place}{near_misses(name, known)} "
                    f"(options: {', '.join(known) or 'none'})"
                )
            values.setdefault(name, value)
            places.setdefault(name, place)
    adapter = TypeAdapter(model)
    try:
        try:
            return adapter.validate_python(values)
        except ValidationError as error:
            # What is no such value as text may be one as JSON: a list, a table, null.
            return adapter.validate_python({**values, **_read(values, _wrong(error))})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = [str(part) for part in first["loc"]]
        name = where[0] if where else ""
        if name not in values:
            problem = f"needs the option {name!r}" if name in known else first["msg"]
            allowed = f" ({json_type(known[name])})" if name in known else ""
            raise SettingsError(
                f"{who} {problem}{allowed}; give it in the settings of the executor, or to the "
                f"run: --executor-option {name or 'NAME'}=VALUE"
            ) from None
        inside = f", in {'.'.join(where[1:])}" if where[1:] else ""
        raise SettingsError(
            f"{who}: option {name}={shorten(values[name])} in {places[name]} is not allowed: "
            f"{first['msg']}{inside} (it is {json_type(known[name])})"
        ) from None
    except Exception as error:  # of the model's own code
        raise PluginContractError(
            f"{who}: options_model={model.__qualname__} raised {error!r} when the options were "
            "checked"
        ) from error


def _wrong(error: Any) -> set[str]:
    """The options that pydantic finds wrong."""
    return {str(each["loc"][0]) for each in error.errors(include_url=False) if each["loc"]}


def _read(values: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """The values of some options read as JSON, where they are text that is JSON."""
    read = {}
    for name in names & values.keys():
        if isinstance(values[name], str):
            try:
                read[name] = json.loads(values[name])
            except ValueError:
                continue
    return read
