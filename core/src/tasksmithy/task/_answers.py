"""What a hook may answer: each check gives the answer as its reader gets it, or says what is wrong.

What is a mapping or a list comes out as a copy, so that no reader changes what a plugin keeps.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from tasksmithy._texts import shorten
from tasksmithy.values._json import not_json

if TYPE_CHECKING:  # a run asks no hook that answers with these
    from tasksmithy.task._spec import DataLoadingConfig, Sql, TaskSpec


class WrongAnswerError(Exception):
    """What is wrong with an answer, to follow the word "returned"."""


def text_mapping(answer: object) -> dict[str, str]:
    """A mapping of str to str."""
    if isinstance(answer, Mapping):
        copy = dict(answer)
        if all(isinstance(text, str) for pair in copy.items() for text in pair):
            return copy
    raise _unexpected(answer, "a mapping of str to str")


def json_mapping(answer: object) -> dict[str, Any]:
    """A mapping of JSON values."""
    if not isinstance(answer, Mapping):
        raise _unexpected(answer, "a mapping of JSON values")
    copy = dict(answer)
    try:
        problem = not_json(copy)
    except RecursionError:
        problem = "it is nested too deeply, or in itself"
    if problem:
        raise WrongAnswerError(f"a mapping that JSON cannot hold ({problem}); give JSON values")
    return copy


def strings(answer: object) -> list[str]:
    """A list of str."""
    if isinstance(answer, (list, tuple)) and all(isinstance(item, str) for item in answer):
        return list(answer)
    raise _unexpected(answer, "a list of str")


def sql(answer: object) -> Sql | str | None:
    """A statement, or None."""
    from tasksmithy.task._spec import Sql

    if answer is None or isinstance(answer, (Sql, str)):
        return answer
    raise _unexpected(answer, "Sql, str or None")


def data_loading(answer: object) -> DataLoadingConfig | None:
    """A `DataLoadingConfig`, or None."""
    from tasksmithy.task._spec import DataLoadingConfig

    if answer is None or isinstance(answer, DataLoadingConfig):
        return answer
    raise _unexpected(answer, "DataLoadingConfig or None")


def text(answer: object) -> str:
    """A str that is not empty."""
    if isinstance(answer, str) and answer:
        return answer
    raise _unexpected(answer, "a str that is not empty")


def awaitable(answer: object) -> Awaitable[Any]:
    """An awaitable."""
    if inspect.isawaitable(answer):
        return answer
    raise _unexpected(answer, "an awaitable, as `async def` makes it")


def async_context_manager(answer: object) -> AbstractAsyncContextManager[Any, bool]:
    """An async context manager."""
    if isinstance(answer, AbstractAsyncContextManager):
        return answer
    raise _unexpected(answer, "an async context manager")


def secret(answer: object) -> str | None:
    """The value of a secret, or None."""
    if answer is None or isinstance(answer, str):
        return answer
    # The wrong answer may hold a secret, so only its type is shown.
    raise WrongAnswerError(f"a value of type {type(answer).__name__}; give str or None")


def task_spec(answer: object) -> TaskSpec:
    """A `TaskSpec` that JSON can hold."""
    from tasksmithy.task._spec import TaskSpec

    if not isinstance(answer, TaskSpec):
        raise _unexpected(answer, "a TaskSpec")
    if problem := not_json(answer.to_dict()):
        raise WrongAnswerError(f"a TaskSpec that JSON cannot hold ({problem}); give JSON values")
    return answer


def _unexpected(answer: object, allowed: str) -> WrongAnswerError:
    return WrongAnswerError(f"{shorten(answer)} of type {type(answer).__name__}; give {allowed}")
