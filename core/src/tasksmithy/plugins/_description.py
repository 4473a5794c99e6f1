"""What an installed plugin says of itself: provenance, hooks, fields, configuration, an example.

Nothing here is written for the purpose: it is the plugin's entry point, its docstrings (in Google's
style, with examples as doctest finds them) and the schema of its configuration.
"""

from __future__ import annotations

import doctest
import inspect
import json
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any, NamedTuple

from tasksmithy._texts import shorten
from tasksmithy.errors import PluginError
from tasksmithy.fields._documentation import Documentation
from tasksmithy.plugins._config_schema import config_schema, json_type
from tasksmithy.plugins._discovery import EXECUTORS, POLICIES, TASK_TYPES
from tasksmithy.plugins._listing import PluginStatus
from tasksmithy.plugins._registry import Registry
from tasksmithy.plugins._selection import KINDS, label
from tasksmithy.plugins._task_type import TemplateTaskType
from tasksmithy.task._declaration import declared_fields
from tasksmithy.task._field import given_type
from tasksmithy.task._hook import PROJECT
from tasksmithy.task._hookspecs import HOOKS, TaskTemplateSpec
from tasksmithy.task._template import TaskTemplate
from tasksmithy.values._annotations import type_name

_USABLE = ("ok", "misbehaves", "not enabled")


class Parameter(NamedTuple):
    """A field of a template or of a configuration.

    Attributes:
        name: its name.
        type: its type, as its author wrote it or as JSON Schema has it.
        default: its default as text, or None where a value has to be given.
        description: what it is; empty where nothing says so.
    """

    name: str
    type: str
    default: str | None
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginDescription:
    """An installed plugin in full.

    Attributes:
        status: its entry point, and whether it can be used.
        text: what it is, in Markdown.
        template: where the class of its tasks is imported from; empty where it has none.
        fields: what this class adds to `TaskTemplate`.
        hooks: the hooks that it implements, and what each does.
        config: the configuration that chooses it for a function, or the options of an executor,
            field by field.
        config_schema: the same as JSON Schema, or None where it has no configuration.
        capabilities: what an executor says that it can.
        example: Python code that uses it, results in comments; empty where none is given.
    """

    status: PluginStatus
    text: str = ""
    template: str = ""
    fields: Sequence[Parameter] = ()
    hooks: Mapping[str, str]
    config: Sequence[Parameter] = ()
    config_schema: Mapping[str, Any] | None = None
    capabilities: Sequence[str] = ()
    example: str = ""

    @property
    def kind(self) -> str:
        """What it is, as a person says: `task type`, `policy`, ..."""
        kind = self.status.record.kind
        return KINDS.get(kind, kind)

    @property
    def is_usable(self) -> bool:
        """Whether the plugin could be loaded, so that there is more than its entry point."""
        return self.status.status in _USABLE

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        plugin = self.status
        return {
            **plugin.record._asdict(),
            "status": plugin.status,
            "detail": plugin.detail,
            "text": self.text,
            "template": self.template,
            "fields": [field._asdict() for field in self.fields],
            "hooks": dict(self.hooks),
            "config_schema": self.config_schema,
            "capabilities": list(self.capabilities),
            "example": self.example,
        }


def described(registry: Registry, plugin: PluginStatus) -> PluginDescription:
    """A plugin in full; it is loaded, unless its status says that it cannot be used."""
    group, name = plugin.record.group, plugin.record.name
    if plugin.status not in _USABLE:
        return PluginDescription(status=plugin, hooks={})
    try:
        if group == TASK_TYPES:
            return _task_type(registry, plugin)
        if group == EXECUTORS:
            return _executor(registry, plugin)
        found = registry.load(group, name)
    except PluginError as error:  # a policy that is not enabled has not been loaded before
        broken = plugin._replace(status="broken", detail=str(error))
        return PluginDescription(status=broken, hooks={})
    return PluginDescription(
        status=plugin,
        text=_prose(found),
        hooks=_hooks(found) if group == POLICIES else {},
        example=_example(found),
    )


def _task_type(registry: Registry, plugin: PluginStatus) -> PluginDescription:
    task_type = registry.task_type(plugin.record.name)
    template = task_type.template
    # The task type of a bare template is a class of the core's, which has nothing to say of it.
    tellers: list[object] = [] if isinstance(task_type, TemplateTaskType) else [task_type]
    tellers[:0] = [] if template is None else [template]
    schema: Mapping[str, Any] | None = None
    config: Sequence[Parameter] = ()
    if task_type.config_model is not None:
        who = f"{label(plugin.record)}: config_model"
        config, schema = _configured(task_type.config_model, who)
    return PluginDescription(
        status=plugin,
        text=next(filter(None, map(_prose, tellers)), ""),
        template=f"{template.__module__}.{template.__qualname__}" if template else "",
        fields=_required_first(_fields(template)) if template else (),
        hooks=_hooks(task_type, template or TaskTemplate),
        config=config,
        config_schema=schema,
        example=next(filter(None, map(_example, tellers)), ""),
    )


def _executor(registry: Registry, plugin: PluginStatus) -> PluginDescription:
    maker, who = registry.executor(plugin.record.name)
    schema: Mapping[str, Any] | None = None
    config: Sequence[Parameter] = ()
    if (model := getattr(maker, "options_model", None)) is not None:
        config, schema = _configured(model, f"{who}: options_model")
    return PluginDescription(
        status=plugin,
        text=_prose(maker),
        hooks={},
        config=config,
        config_schema=schema,
        capabilities=sorted(getattr(maker, "capabilities", ())),
        example=_example(maker),
    )


def _hooks(plugin: object, template: type[TaskTemplate[..., Any]] = TaskTemplate) -> dict[str, str]:
    """The hooks that an object, or the class of its tasks, implements, and what each does."""
    hooks = {}
    for name in (name for name in vars(TaskTemplateSpec) if name in HOOKS):
        method = getattr(plugin, name, None)
        if not hasattr(method, f"{PROJECT}_impl"):
            method = getattr(template, name) if name in template.overridden_hooks else None
        if method is not None:
            said = map(_first_paragraph, (method, getattr(TaskTemplateSpec, name)))
            hooks[name] = next(filter(None, said), "")  # none under python -OO
    return hooks


def _fields(template: type[TaskTemplate[..., Any]]) -> Iterator[Parameter]:
    """What a template's class adds."""
    said: dict[str, str] = {}
    for base in reversed(template.__mro__):
        said.update(_entries(base))
    for field in declared_fields(template):
        if not field.init or field.name in TaskTemplate.field_names:
            continue
        # As it is written in the source: what it names may be there for type checkers alone.
        given = given_type(field)
        kind = given if isinstance(given, str) else type_name(given)
        default = None
        if field.default is not MISSING:
            default = shorten(field.default)
        elif field.default_factory is not MISSING:
            default = shorten(field.default_factory())
        yield Parameter(field.name, kind, default, said.get(field.name, ""))


def _required_first(parameters: Iterator[Parameter]) -> Sequence[Parameter]:
    return sorted(parameters, key=lambda parameter: parameter.default is not None)


# Configurations


def _configured(model: type[Any], who: str) -> tuple[Sequence[Parameter], Mapping[str, Any]]:
    """A configuration field by field, and its JSON Schema."""
    schema = config_schema(model, who)
    return _required_first(_properties(schema, _entries(model))), schema


def _properties(schema: Mapping[str, Any], said: Mapping[str, str]) -> Iterator[Parameter]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        default = None if name in required else json.dumps(field.get("default"))
        description = field.get("description") or said.get(name, "")
        yield Parameter(name, json_type(field), default, description)


# Docstrings


_HEADING = re.compile(r"[A-Z][a-z]+:")


def _docstring(thing: object) -> str:
    """The docstring of an object or of its class; not the signature that dataclass puts there."""
    text = inspect.cleandoc(thing.__doc__ or "")
    name = getattr(thing, "__name__", type(thing).__name__)
    return "" if text.startswith(f"{name}(") else text


def _sections(thing: object) -> dict[str, str]:
    """The sections of a docstring by their headings, "" for the text before them; no examples."""
    sections: defaultdict[str, list[str]] = defaultdict(list)
    heading = ""
    for paragraph in re.split(r"\n\s*\n", _docstring(thing)):
        first, _, rest = paragraph.partition("\n")
        if _HEADING.fullmatch(first):
            heading = first.removesuffix(":")
            sections[heading].append(rest)
        elif not paragraph.startswith(">>>"):
            sections[heading].append(paragraph)
    return {heading: "\n\n".join(paragraphs) for heading, paragraphs in sections.items()}


def _prose(thing: object) -> str:
    return _sections(thing).get("", "")


def _entries(thing: object) -> dict[str, str]:
    """What the sections `Args` and `Attributes` say, by name."""
    sections = _sections(thing)
    entries = {}
    for heading in ("Args", "Attributes"):
        for entry in re.split(r"^(?=\S)", textwrap.dedent(sections.get(heading, "")), flags=re.M):
            names, _, text = entry.partition(":")
            entries.update(dict.fromkeys(names.split(", "), " ".join(text.split())))
    return entries


def _first_paragraph(function: object) -> str:
    return Documentation(inspect.cleandoc(function.__doc__ or "")).short_description


def _example(thing: object) -> str:
    """The doctest examples of a docstring as a program, what they show in comments."""
    lines: list[str] = []
    for example in doctest.DocTestParser().get_examples(_docstring(thing)):
        lines += example.source.rstrip("\n").split("\n")
        lines += [f"# {shown}" for shown in example.want.splitlines()]
    return "\n".join(lines)
