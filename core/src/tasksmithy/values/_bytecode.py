"""Code objects: what tells one from another, and the names that it looks up outside of itself."""

from __future__ import annotations

import opcode
import sys
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from types import CodeType
from typing import NamedTuple

_NAMES_SHIFT = {"LOAD_GLOBAL": 1, "LOAD_ATTR": 1 if sys.version_info >= (3, 12) else 0}
"""The operations whose argument has flags below the index of the name, and how many bits of it."""

_GLOBALS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
_ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD"}
_BETWEEN = {"CACHE", "EXTENDED_ARG", "PUSH_NULL", "NOP"}
_NAMES = {number: name for name, number in opcode.opmap.items()}


class Import(NamedTuple):
    """An import inside of a function.

    Attributes:
        level: how many packages up it begins; 0 where it is absolute.
        module: the name as it is written.
        names: what is taken from it; empty where that is the module.
        used: the names of attributes that are used where it is imported.
    """

    level: int
    module: str
    names: tuple[str, ...]
    used: tuple[str, ...]


class Described(NamedTuple):
    """What a code object, with those inside of it, is and needs.

    Attributes:
        digest: the same for the same code, wherever in a file it is.
        lookups: the global names, each with the attributes that are taken of it at once.
        imports: what it imports.
        names: all names of globals and attributes in it.
    """

    digest: str
    lookups: tuple[tuple[str, ...], ...]
    imports: tuple[Import, ...]
    names: frozenset[str]


@lru_cache(maxsize=8192)
def described(code: CodeType) -> Described:
    """What a code object is and needs; it is not run.

    Not seen are file, lines and positions, so comments and blank lines neither.
    """
    lookups: set[tuple[str, ...]] = set()
    imports: set[Import] = set()
    names: set[str] = set()
    for each in _with_inner(code):
        _look(each, lookups, imports)
        names.update(each.co_names)
    digest = blake2b(_form(code).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return Described(digest, tuple(sorted(lookups)), tuple(sorted(imports)), frozenset(names))


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)


def _form(value: object) -> str:
    """A constant as text, which tells types apart and has no order of a set."""
    if isinstance(value, CodeType):
        facts = (
            *(value.co_name, value.co_flags, value.co_code, value.co_exceptiontable),
            *(value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount),
            *(value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars),
        )
        return f"code{facts!r}{_form(value.co_consts)}"
    if isinstance(value, tuple):
        return f"({','.join(map(_form, value))})"
    if isinstance(value, frozenset):
        return f"{{{','.join(sorted(map(_form, value)))}}}"
    return repr(value)


def _look(code: CodeType, lookups: set[tuple[str, ...]], imports: set[Import]) -> None:
    """Note what one code object looks up and imports."""
    names, constants = code.co_names, code.co_consts
    operations = [
        (name, argument) for name, argument in _operations(code.co_code) if name not in _BETWEEN
    ]
    chain: tuple[str, ...] = ()
    for index, (name, argument) in enumerate(operations):
        if chain and name in _ATTRIBUTES:
            chain = (*chain, names[argument])
            continue
        if chain:
            lookups.add(chain)
            chain = ()
        if name in _GLOBALS:
            chain = (names[argument],)
        elif name == "IMPORT_NAME":
            level, taken = (constants[operations[index - back][1]] for back in (2, 1))
            used = {used for each in _with_inner(code) for used in each.co_names}
            imports.add(Import(level, names[argument], taken or (), tuple(sorted(used))))
    if chain:
        lookups.add(chain)


def _operations(code: bytes) -> Iterator[tuple[str, int]]:
    extended = 0
    for number, low in zip(code[::2], code[1::2], strict=True):
        name = _NAMES[number]
        argument = extended | low
        extended = argument << 8 if name == "EXTENDED_ARG" else 0
        yield name, argument >> _NAMES_SHIFT.get(name, 0)
