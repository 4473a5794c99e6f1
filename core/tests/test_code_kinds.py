"""Kinds of objects that a task may name: what is in them counts, and they may not be readable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tasksmithy import with_runcontext
from tasksmithy.extend import code_identity

HEAD = """
from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="kinds", cache="auto")
"""
TASK = """
@env.task
def f(n: int) -> object:
    return {body}
"""

KINDS = {
    "default of a context variable": (
        "import contextvars\nV = contextvars.ContextVar('v', default=1)",
        "V.get()",
    ),
    "weak reference": (
        "import weakref\nclass A:\n    number = 1\na = A()\nV = weakref.ref(a)",
        "V().number",
    ),
    "weak dictionary": (
        "import weakref\nclass A:\n    number = 1\na = A()\nV = weakref.WeakValueDictionary(a=a)",
        "V['a'].number",
    ),
    "weak set": (
        "import weakref\nclass A:\n    number = 1\na = A()\nV = weakref.WeakSet([a])",
        "[each.number for each in V]",
    ),
    "object of a class in C": ("import struct\nV = struct.Struct(f'{1}i')", "V.size"),
    "method of an object in C": (
        "import struct\nV = struct.Struct(f'{1}i').pack",
        "V.__self__.size",
    ),
    "new type": (
        "import typing\nclass A:\n    number = 1\nV = typing.NewType('V', A)",
        "V.__supertype__.number",
    ),
    "type variable": (
        "import typing\nclass A:\n    number = 1\nV = typing.TypeVar('V', bound=A)",
        "V.__bound__.number",
    ),
    "alias": (
        """
import typing_extensions as t
from pydantic import Field
V = t.TypeAliasType('V', t.Annotated[int, Field(ge=1)])
""",
        "str(V.__value__)",
    ),
    "function put into a module of a distribution": (
        "import json\njson.added = lambda: 1",
        "json.added()",
    ),
    "function put among the builtins": ("import builtins\nbuiltins.added = lambda: 1", "added()"),
    "class that an abstract one is told of": (
        "import abc\nclass A(abc.ABC):\n    pass\nA.register([str, int, float][1])",
        "[issubclass(each, A) for each in (str, int, float)]",
    ),
    "class that a function of the standard library makes": (
        "import types\nV = types.new_class('V', (), {}, lambda space: space.update(number=1))",
        "V.number",
    ),
    "task by its name": (
        "@env.task(cache='disable')\ndef g() -> int:\n    return 1",
        "env.tasks['kinds.g']()",
    ),
}


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    import builtins
    import json

    for module in (builtins, json):
        monkeypatch.setattr(module, "added", None, raising=False)

    def loaded(source: str) -> ModuleType:
        module = ModuleType("kinds")
        monkeypatch.setitem(sys.modules, "kinds", module)
        exec(compile(source, str(tmp_path / "kinds.py"), "exec"), vars(module))
        return module

    return loaded


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_in_an_object_that_a_task_names_counts(
    kind: str, load: Any, tmp_path: Path
) -> None:
    source, body = KINDS[kind]
    text = HEAD + source + "\n" + TASK.format(body=body)
    changed = text.replace("1", "2")
    runner = with_runcontext(cache_dir=tmp_path / "cache")
    before = runner.run(load(text).f, n=7)
    after, fresh = runner.run(load(changed).f, n=7), load(changed).f.forward(n=7)
    assert after == fresh != before


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_of_the_same_content_has_the_same_identity(kind: str, load: Any) -> None:
    source, body = KINDS[kind]
    text = HEAD + source + "\n" + TASK.format(body=body)
    assert code_identity(load(text).f) == code_identity(load("#\n" + text).f)


WITHOUT_ORDER = {
    "set of enum members": "import enum\nE = enum.Enum('E', 'A B C D')\nV = set(E)",
    "set of records": (
        "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass A:\n    name: str\n"
        "V = frozenset({A('a'), A('b'), A('c'), A('d')})"
    ),
    "set of objects": (
        "class A:\n    def __init__(self, n): self.n = n\nV = {A(n) for n in range(9)}"
    ),
    "weak set": (
        "import weakref\nclass A:\n    def __init__(self, n): self.n = n\n"
        "held = [A(n) for n in range(9)]\nV = weakref.WeakSet(held)"
    ),
    "set in a class of pydantic": (
        "from pydantic import BaseModel\nclass V(BaseModel):\n    names: set[str] = {*'abcdefg'}"
    ),
    "set in a class of one's own": "class V:\n    a, b = {*'abcdefg'}, {('a', 1), ('b', 2)}",
}


def test_sets_have_one_identity_in_all_processes(tmp_path: Path) -> None:
    for number, source in enumerate(WITHOUT_ORDER.values()):
        text = HEAD + source + "\n" + TASK.format(body="V")
        (tmp_path / f"kind{number}.py").write_text(text)
    (tmp_path / "identities.py").write_text(
        "import importlib\nfrom tasksmithy.extend import code_identity\n"
        f"for number in range({len(WITHOUT_ORDER)}):\n"
        "    unused = [object() for _ in range(number * 7)]\n"
        "    print(code_identity(importlib.import_module(f'kind{number}').f))\n"
    )

    def identities(seed: str) -> dict[str, str]:
        done = subprocess.run(
            [sys.executable, "identities.py"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        )
        return dict(zip(WITHOUT_ORDER, done.stdout.split(), strict=True))

    first = identities("1")
    assert [identities(seed) for seed in ("2", "77", "4711")] == [first] * 3


UNREADABLE = {
    "attributes": "class A:\n    def __getattribute__(self, name): raise OSError('no')\nV = A()",
    "items of a dict": "class A(dict):\n    def items(self): raise ValueError('no')\nV = A()",
    "length of a list": "class A(list):\n    def __len__(self): raise ValueError('no')\nV = A()",
    "name of a class": (
        "class M(type):\n    def __getattribute__(self, name): raise RuntimeError('no')\n"
        "class V(metaclass=M): pass"
    ),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_object_that_raises_when_it_is_read_matches_nothing(kind: str, load: Any) -> None:
    text = HEAD + UNREADABLE[kind] + "\n" + TASK.format(body="V is None")
    assert code_identity(load(text).f) != code_identity(load(text).f)
    assert with_runcontext().run(load(text).f, n=1) is False
