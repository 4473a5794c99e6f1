"""Templates: the words of a command, in which `{{.inputs.x}}` stands for the input x."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence

from tasksmithy.errors import FieldError, InputError
from tasksmithy.extend import near_misses

# As Flyte finds it: in any case, behind a point or a dollar sign.
_REFERENCE = re.compile(r"\{\{\s*[.$]inputs\.([^\s{}]*)\s*\}\}", re.IGNORECASE)

# What Flyte fills in, and has no counterpart here; and what was meant to be a reference.
_ELSEWHERE = re.compile(
    r"\{\{\s*[.$](?:input|inputPrefix|outputPrefix|rawOutputDataPrefix|checkpointOutputPrefix|"
    r"prevCheckpointPrefix|perRetryUniqueKey|taskTemplatePath|namespace)\s*\}\}",
    re.IGNORECASE,
)
_NO_TEXT = re.compile("[\0\ud800-\udfff]")  # which no command line can hold, or no UTF-8
_NEAR = re.compile(r"\{\{\s*[.$]?inputs?\b[^{}]*\}\}", re.IGNORECASE)


def words(field: str, value: object) -> tuple[str, ...]:
    """The words of a command or of arguments, a list of strings.

    Raises:
        FieldError: it is something else.
    """
    if not isinstance(value, list | tuple):
        raise FieldError(field, value, "a list of strings")
    for index, word in enumerate(value):
        if not isinstance(word, str) or _NO_TEXT.search(word):
            allowed = "a string without NUL that UTF-8 can hold"
            raise FieldError(f"{field}[{index}]", word, allowed)
    return tuple(value)


def split(field: str, text: str) -> tuple[str, ...]:
    """The words of a text, as a POSIX shell would split it; nothing is expanded or run.

    Raises:
        FieldError: a quotation is not closed.
    """
    # White space inside a reference must not split it.
    text = _REFERENCE.sub(r"{{.inputs.\1}}", text)
    try:
        found = shlex.split(text)
    except ValueError as error:
        problem = f"words as a shell would split them ({error})"
        raise FieldError(field, text, problem) from None
    return words(field, found)


def check_references(field: str, given: Sequence[str], inputs: Collection[str]) -> None:
    """Check that every reference names an input.

    Raises:
        FieldError: one does not, or looks like one; it has the near misses.
    """
    for word in given:
        for near in _NEAR.findall(_ELSEWHERE.sub("", _REFERENCE.sub("", word))):
            raise FieldError(field, near, "references to inputs, as {{.inputs.NAME}}")
        for name in _REFERENCE.findall(word):
            if name not in inputs:
                known = f"inputs: {', '.join(inputs)}" if inputs else "the task has no inputs"
                allowed = f"references to inputs ({known}){near_misses(name, inputs)}"
                raise FieldError(field, f"{{{{.inputs.{name}}}}}", allowed)


def filled(task: str, given: Sequence[str], texts: Mapping[str, str]) -> list[str]:
    """The words with the inputs' texts in the place of references; each stays one word.

    What comes in by an input is not looked at again, whatever marks it has.

    Raises:
        InputError: a text that is referred to has a NUL, or bytes that are not UTF-8, or there is
            a reference that only a cluster fills in.
    """

    def text(reference: re.Match[str]) -> str:
        name = reference[1]
        if "\0" in texts[name]:
            problem = f"input {name!r} has a NUL, which no command line can hold: use its file"
            raise InputError(task, problem)
        try:
            texts[name].encode()
        except UnicodeEncodeError:  # as bytes are told apart in a text
            problem = f"input {name!r} is not UTF-8, which engines want of a command: use its file"
            raise InputError(task, problem) from None
        return texts[name]

    for word in given:
        if elsewhere := _ELSEWHERE.search(word):
            problem = f"{elsewhere[0]} is a cluster's to fill in: write the task's own directories"
            raise InputError(task, problem)
    return [_REFERENCE.sub(text, word) for word in given]
