"""Checks: the hooks are those of the hook spec, and what they give has the promised form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tasksmithy._texts import near_misses
from tasksmithy.errors import HookError
from tasksmithy.task._hook import PROJECT
from tasksmithy.task._hookspecs import HOOKS
from tasksmithy.task._spec import SerializationContext, Sql
from tasksmithy.task._template import HOOK_METHODS, TaskTemplate
from tasksmithy.testing._outcome import correct_hook, difference, fail
from tasksmithy.testing._subject import Subject
from tasksmithy.values._json import to_json

DIALECTS: Final = frozenset(
    """
    ansi athena bigquery clickhouse databricks doris dremio drill druid duckdb dune exasol fabric
    hive materialize mysql oracle other postgres presto prql redshift risingwave singlestore
    snowflake solr spark spark2 sqlite starrocks tableau teradata trino tsql
    """.split()  # noqa: SIM905 - a list of forty strings is hard to read
)
"""The names of SQL dialects: those of sqlglot, and Flyte's `ansi` and `other`."""

_INPUT: Final = re.compile(r"\{\{\s*\.inputs\.([^\s}]+)\s*\}\}", re.IGNORECASE)


class HookChecks(Subject):
    """The hooks are those of the hook spec, and what they give has the promised form."""

    def test_every_hook_matches_the_hook_spec(self) -> None:
        """A hook that pluggy would not find, or could not call, is passed over in silence.

        Each has the name of a hook, to the letter, carries `@hookimpl`, and names the arguments
        that it takes: none that the hook does not have, and none keyword-only. None chooses its
        place before or after others, and none wraps what runs later.
        """
        if (problem := self._hook_problem()) is not None:
            fail(
                problem,
                "write it as the hook spec does, with @hookimpl (from tasksmithy import hookimpl); "
                "help(tasksmithy.TaskTemplateSpec) shows an example of each hook",
            )

    def test_at_least_one_hook_is_answered(self) -> None:
        """A type that answers none, and builds on none that does, is as the core's defaults."""
        found, template = self._type(), self._registry.template(self.task_type)
        builds_on = {
            base.task_type
            for base in template.__mro__[1:]
            if issubclass(base, TaskTemplate) and base is not TaskTemplate
        }
        implemented = [
            name for name in HOOKS if hasattr(getattr(found, name, None), f"{PROJECT}_impl")
        ]
        if not implemented and not template.overridden_hooks and not builds_on - {self.task_type}:
            methods = [name for name in vars(type(found)) if not name.startswith("_")]
            close = "".join(near_misses(name, HOOKS) for name in methods)
            fail(
                f"{self._who} answers no hook{close} (hooks: {', '.join(sorted(HOOKS))})",
                "give the TaskType a method with the name of a hook and @hookimpl, or let the "
                f"template override one of {', '.join(HOOK_METHODS)}",
            )

    def test_config_gives_text(self) -> None:
        """`config` is a mapping of str to str, as the cluster keeps it."""
        self._answer("config")

    def test_custom_config_gives_json(self) -> None:
        """`custom_config` comes back from JSON as what it was: no tuple, no enum, no date."""
        answer = self._answer("custom_config")
        returned = json.loads(to_json(answer))
        if returned != answer:
            fail(
                f"hook 'custom_config' of {self._who} does not come back from JSON as it was:\n"
                + difference(_lines(answer), _lines(returned)),
                "give what JSON has: dict, list, str, int, float, bool and None",
            )

    def test_container_args_gives_words(self) -> None:
        """`container_args` is a list of str, a word each."""
        answer = self._answer("container_args")
        if "container" in self.capabilities and not answer:
            fail(
                f"hook 'container_args' of {self._who} gives no words, and the task type has the "
                "capability 'container'",
                "implement it: return [program, argument, ...]; or take the capability off",
            )

    def test_sql_gives_a_statement_in_a_known_dialect(self) -> None:
        """`sql` is a statement with the name of its dialect, by which an engine is found."""
        answer = self._answer("sql")
        if answer is None:
            if "sql" in self.capabilities:
                fail(
                    f"hook 'sql' of {self._who} gives None, and the task type has the capability "
                    "'sql'",
                    "implement it: return Sql(statement, dialect=...); or take the capability off",
                )
            return
        sql = Sql(answer) if isinstance(answer, str) else answer
        if not sql.statement.strip():
            fail(
                f"hook 'sql' of {self._who} gives an empty statement", "give the statement, or None"
            )
        if sql.dialect not in DIALECTS:
            fail(
                f"hook 'sql' of {self._who} gives the dialect {sql.dialect!r}, which is unknown"
                f"{near_misses(sql.dialect, DIALECTS)}",
                f"give one of {', '.join(sorted(DIALECTS))}",
            )

    def test_data_loading_config_gives_a_data_loading_config(self) -> None:
        """`data_loading_config` is a `DataLoadingConfig`, or None where nothing is side-loaded."""
        self._answer("data_loading_config")

    def test_cache_version_gives_text(self) -> None:
        """`cache_version` is a str that is not empty, or results could not be told apart."""
        self._answer("cache_version")

    def test_the_cache_version_tells_tasks_apart(self) -> None:
        """Of a task with other fields, for which the hooks answer otherwise, it is another one.

        It is seen of types whose own fields are text, numbers and flags that take other values.
        """
        task = self._task()
        first, answered = self._decisive(task)
        unseen = []
        for name in sorted(task.field_names - TaskTemplate.field_names):
            value = getattr(task, name)
            if not isinstance(value, (str, int)):
                return  # it may decide, and what else it may be is not known
            own: dict[str, Any] = {name: _another(value)}
            try:
                changed = task.override(**own)
                version, others = self._decisive(changed)
            except (Exception, pytest.skip.Exception):  # noqa: BLE001 - it refuses the value
                return
            if version != first:
                return
            if others != answered:
                unseen.append(name)
        if unseen:
            fail(
                f"hook 'cache_version' of {self._who} gives {first!r} whatever the task has in "
                f"{', '.join(unseen)}, so that a task has the kept result of another one",
                "let it be made of the fields that decide the result, or leave it to the core",
            )

    def _decisive(self, task: TaskTemplate[..., Any]) -> tuple[str, Any]:
        """The cache version of a task, and what the other hooks say of how it is run."""
        hooks, sctx = self._hooks(), SerializationContext()
        try:
            return hooks.cache_version(task), (
                hooks.config(task, sctx),
                hooks.custom_config(task, sctx),
                hooks.container_args(task, sctx),
                hooks.sql(task, sctx),
            )
        except HookError as error:
            self._skip_for(f"the check of what hook {error.hook!r} gives")

    def test_serialize_gives_a_spec(self) -> None:
        """The whole spec can be written as JSON."""
        self._answer("serialize")

    def test_placeholders_name_inputs(self) -> None:
        """`{{.inputs.x}}` is filled in by the cluster, which knows the inputs and no others."""
        task = self._task()
        spec = self._spec(task)
        inputs = task.interface.inputs
        for where, text in _texts(spec.to_dict(), ""):
            for name in _INPUT.findall(text):
                if name not in inputs:
                    fail(
                        f"{self._who}: {where} of task {task.name!r} has {{{{.inputs.{name}}}}}, "
                        f"and there is no input {name!r}{near_misses(name, inputs)} "
                        f"({task.interface.describe()})",
                        "name an input of the task, or refuse the text when the task is defined",
                    )

    def _answer(self, hook: str) -> Any:
        """What a hook gives; a fault of the hook fails the check that asks."""
        task, hooks = self._task(), self._hooks()
        deployment = () if hook == "cache_version" else (SerializationContext(),)
        try:
            return getattr(hooks, hook)(task, *deployment)
        except HookError as error:
            if error.hook != hook:
                self._skip_for(f"the check of what hook {error.hook!r} gives")
            fail(str(error), correct_hook(hook))


def _another(value: Any) -> Any:
    """Another value of its kind."""
    return not value if isinstance(value, bool) else value + type(value)(1)


def _lines(value: object) -> str:
    """A value as text with a line for each entry of a mapping, to see what differs."""
    if isinstance(value, Mapping):
        return "\n".join(f"{key!r}: {item!r}" for key, item in sorted(value.items()))
    return repr(value)


def _texts(value: object, where: str) -> Iterator[tuple[str, str]]:
    """All text in a JSON value, each with its place."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{where}[{index}]")
