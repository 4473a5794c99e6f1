"""A program whose result shows, for each of many kinds of code, the number that stands there."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tasksmithy.extend import load_module

FILES = {
    "shop/__init__.py": "",
    "shop/flow.py": """
import enum
import functools
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

import shop.deep.far
from shop import helpers, tools as renamed
from shop.helpers import Base, imported
from shop.tasks import far_task
from shop.kinds import Kind
from shop.text import by_text
from tasksmithy import TaskEnvironment, current

ran = Path(__file__).parent / "ran"
env = TaskEnvironment(
    name="flow", env_vars={"N": "<env_vars>"}, cache="auto", description="<-environment>"
)
plain = TaskEnvironment(name="plain")

CONSTANT = <constant>
UNUSED = <-unused constant>
TABLE = {"a": [1, {"b": <nested constant>}]}
SET = frozenset({"x", <set constant>})
LARGE = [*range(40), <constant in large data>]
CALLS = {"cubed": lambda n: n + <lambda in a dict>}
MANY = [*([len] * 20), lambda: <lambda in a large list>]
square = lambda n: n + <lambda>
half = functools.partial(helpers.divide, by=<partial argument>)
third = functools.partial(lambda n: n + <partial function>, 0)


def times(number):
    def decorate(func):
        @functools.wraps(func)
        async def wrapper(*args, **kwargs):
            return [number, <decorator body>, *await func(*args, **kwargs)]
        return wrapper
    return decorate


def bare(func):
    def inner(*args):
        return func(*args) + <bare decorator>
    return inner


@bare
def decorated():
    return <decorated function>


def closing(number):
    def inner():
        return number
    return inner


closed = closing(<closed over>)


def helper(n):
    return n + <helper> + inner_helper(n)


def inner_helper(n, more=<default of a helper>):
    return n + <helper of a helper> + more


@functools.lru_cache
def remembered(n):
    return n + <lru_cache>


@functools.singledispatch
def dispatched(n):
    return <singledispatch>


@dispatched.register
def _(n: str):
    return <registered implementation>


def comprehended():
    return [n + <comprehension> for n in (1,)]


def unused():
    return <-unused function>


class Meta(type):
    def number(cls):
        return <metaclass>


class Parent(Base):
    def above(self):
        return <base class>

    def instead(self):
        return <-nothing>


class Calc(Parent, metaclass=Meta):
    ATTRIBUTE = <class attribute>

    def __init__(self):
        self.number = <constructor>

    def go(self):
        return self._private() + self.number

    def _private(self):
        return <method of a method>

    @staticmethod
    def static():
        return <staticmethod>

    @classmethod
    def of_class(cls):
        return <classmethod>

    @property
    def shown(self):
        return <property>

    @functools.cached_property
    def once(self):
        return <cached_property>

    def __add__(self, other):
        return <operator>

    class Inner:
        def go(self):
            return <nested class>


class Slots:
    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number

    def __call__(self):
        return self.number


slotted = Slots(<object of a class>)
bound = Slots(<bound method>).__call__


@dataclass
class Record:
    number: int = <dataclass default>
    made: int = field(default_factory=lambda: <default_factory>)


class Model(BaseModel):
    number: int = <pydantic default>

    def shown(self):
        return <pydantic method>


class Colour(enum.Enum):
    RED = <enum value>

    def shown(self):
        return <enum method>


class Pair(namedtuple("Pair", "left right")):
    def both(self):
        return <namedtuple method>


@plain.task
async def called(n: int = <default of a called task>) -> int:
    return n + <called task>


class Given:
    def __init__(self):
        self.n = 1

    def go(self):
        return <method of an input>


@dataclass
class GivenRecord:
    n: int = 1

    def go(self):
        return self.deep()

    def deep(self):
        return <method of a record that is an input>


def callback():
    return [<callback>, callback_helper()]


def callback_helper():
    return <helper of a callback>


@env.task
@times(<decorator argument>)
async def main(
    call: Callable[[], list[int]], given: Given, record: object, calls: dict[str, object],
    n: int = 1,
) -> list[object]:
    \"\"\"<docstring>\"\"\"
    from shop import late
    import shop.later
    ran.write_text(ran.read_text() + "x")
    number = 0
    def inner(n=<default of an inner function>):
        return n + <inner function>
    calc = Calc()
    return [
        <body>, CONSTANT, TABLE["a"][1]["b"], sorted(map(str, SET)), LARGE[40], CALLS["cubed"](n),
        MANY[-1](), square(n), half(n), third(), decorated(), closed(), helper(n), remembered(n),
        dispatched(1), dispatched("a"), comprehended(), by_text(), Calc.number(), calc.above(),
        calc.ATTRIBUTE, calc.go(), calc.static(), calc.of_class(), calc.shown, calc.once, calc + 1,
        Calc.Inner().go(), calc.far_above(), slotted(), bound(), Record(), Model().number,
        Model().shown(), Colour.RED.value, Colour.RED.shown(), Pair(1, 2).both(), await called(),
        await far_task(n), call(), given.go(), record.go(), [each() for each in calls["all"]],
        Kind.found(), inner(), imported(n), helpers.rate(n), helpers.RATE, renamed.table["a"](),
        shop.deep.far.reach(), late.arrived(), shop.later.still(), current().env_vars["N"],
        main.__doc__ and (main.func.__wrapped__.__doc__),
    ]


async def run_here(run):
    calls = {"all": [closing(1), callback]}
    return await run(main, call=callback, given=Given(), record=GivenRecord(), calls=calls)
""",
    "shop/helpers.py": """
RATE = <constant of another module>


class Base:
    def far_above(self):
        return <base class in another module>


def rate(n):
    return n + <helper in another module> + deeper(n)


def deeper(n):
    return <helper of a helper in another module>


def imported(n):
    return <helper that is imported>


def divide(n, by):
    return n * 1000 + by + <function of a partial>


def unused():
    return <-unused helper>
""",
    "shop/tools.py": "table = {'a': lambda: <renamed module>}\n",
    "shop/text.py": """
def by_text():
    return globals()["re" + "ached"]()


def reached():
    return <reached by globals()>
""",
    "shop/kinds.py": """
class Kind:
    @classmethod
    def found(cls):
        return [each().number() for each in cls.__subclasses__()]


class Only(Kind):
    def number(self):
        return <subclass that its base finds>
""",
    "shop/late.py": "def arrived():\n    return <imported in the body>\n",
    "shop/later.py": "def still():\n    return <module imported in the body>\n",
    "shop/deep/__init__.py": "",
    "shop/deep/far.py": (
        "from ..helpers import RATE\nfrom . import near\n"
        "def reach():\n    return [near.here(), <module of a package>]\n"
    ),
    "shop/deep/near.py": "def here():\n    return <relative import>\n",
    "shop/tasks.py": """
from tasksmithy import TaskEnvironment

env = TaskEnvironment(name="far")


@env.task
async def far_task(n: int) -> list[int]:
    return [n + <called task in another module>, await further(n)]


@env.task(retries=<-retries of a called task>)
async def further(n: int) -> int:
    return n + <task that a called task calls>


@env.task
async def unused(n: int) -> int:
    return <-unused task>
""",
    "shop/test_flow.py": "def test_it():\n    assert <-test file>\n",
}

IDLE = ("comment", "blank lines", "comment above", "function above", "import above")
"""Changes beside those marked with a dash that decide nothing: of the text of a file."""


def _marks() -> Iterator[str]:
    for text in FILES.values():
        for part in text.split("<")[1:]:
            mark, closed, _ = part.partition(">")
            if closed and "\n" not in mark and mark[:1] not in (" ", "="):
                yield mark


MARKS = list(dict.fromkeys(_marks()))
DECIDING = [mark for mark in MARKS if not mark.startswith("-")]
NOT_DECIDING = [mark for mark in MARKS if mark.startswith("-") and mark != "-nothing"] + [*IDLE]


class ChangingProgram:
    """The program in a folder; one of its numbers is changed at a time.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._next = itertools.count(1000)
        self._numbers = {mark: next(self._next) for mark in MARKS}
        self._text = dict(FILES)
        self.write()
        (folder / "shop" / "ran").write_text("")

    def change(self, what: str) -> None:
        """Make a change, of `MARKS` or `IDLE`."""
        flow = self._text["shop/flow.py"]
        if what in self._numbers:
            self._numbers[what] = next(self._next)
        elif what == "comment":
            flow = flow.replace("    number = 0\n", f"    number = 0  # {next(self._next)}\n")
        elif what == "blank lines":
            flow = flow.replace("    number = 0", "\n\n    number = 0")
        elif what == "comment above":
            flow = f"# {next(self._next)}\n{flow}"
        elif what == "function above":
            flow = flow.replace(
                "\nclass Meta", f"\ndef f{next(self._next)}():\n    pass\n\nclass Meta"
            )
        else:
            flow = f"import math as m{next(self._next)}\n{flow}"
        self._text["shop/flow.py"] = flow
        self.write()

    def write(self) -> None:
        """Write the files."""
        for name, text in self._text.items():
            for mark, number in self._numbers.items():
                text = text.replace(f"<{mark}>", str(number))
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    @property
    def times_run(self) -> int:
        """How often its task has run."""
        return len((self.folder / "shop" / "ran").read_text())

    @contextmanager
    def loaded(self) -> Iterator[ModuleType]:
        """The program as a new process loads it."""
        sys.path.insert(0, str(self.folder))
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            yield load_module("shop.flow")
        finally:
            sys.dont_write_bytecode = before
            sys.path.remove(str(self.folder))
            for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
                del sys.modules[name]


def answer_of(program: ModuleType, run: Any) -> Any:
    """What its task gives, by a function that runs a task."""
    import asyncio

    return asyncio.run(program.run_here(run))
