"""`tasksmithy cache explain`: why a call has its result from the cache, or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from core.tests.conftest import CommandLine

PRICES = """
import threading
from pathlib import Path

from tasksmithy import Cache, File, TaskEnvironment

env = TaskEnvironment(name="shop", cache="auto", env_vars={"MODE": "one"})
RATE = 2
lock = threading.Lock()


def rate():
    return RATE


def base():
    return 1


class Model:
    def times(self):
        return 3


@env.task
def child(n: int) -> int:
    return n


@env.task
def price(n: int, more: int = 0) -> int:
    return n * rate() + base() + Model().times() + child(n)


@env.task
def of_file(file: File) -> str:
    return Path(file.path).read_text()


@env.task
def gives_file(text: str) -> File:
    Path("written").write_text(text)
    return File("written")


@env.task(cache=Cache(ignored_inputs="clerk", version_override="v1"))
def by_hand(n: int, clerk: str) -> int:
    return n


@env.task(cache="override")
def always(n: int) -> int:
    return n


@env.task(cache=Cache(max_age=0.001))
def fresh(n: int) -> int:
    return n


@env.task(cache="disable")
def uncached(n: int) -> int:
    return n


@env.task
def by_text(n: int) -> int:
    with lock:
        return globals()["base"]() + n
"""


class Shop:
    """A file of tasks, and a cache."""

    def __init__(self, tasksmithy: CommandLine) -> None:
        self._tasksmithy = tasksmithy
        self.file = tasksmithy.folder / "shop.py"
        self.file.write_text(PRICES)

    def run(self, *words: str) -> None:
        done = self._tasksmithy("run", "--quiet", "--cache-dir", "cache", "shop.py", *words)
        assert done.code == 0, done.err

    def change(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert text.count(old) == 1
        self.file.write_text(text.replace(old, new))

    def text(self, *words: str) -> str:
        words = "explain", "--cache-dir", "cache", "shop.py", *words
        return self._tasksmithy("cache", *words).printed()

    def explain(self, *words: str) -> dict[str, Any]:
        words = "explain", "--json", "--cache-dir", "cache", "shop.py", *words
        found: dict[str, Any] = json.loads(self._tasksmithy("cache", *words).printed())
        return found

    def differing(self, *words: str) -> list[str]:
        parts = self.explain(*words)["parts"]
        return [f"{each['status']} {each['name']}" for each in parts if each["status"] != "same"]


@pytest.fixture
def shop(tasksmithy: CommandLine) -> Shop:
    return Shop(tasksmithy)


def test_nothing_kept_is_a_miss_and_explaining_keeps_and_runs_nothing(shop: Shop) -> None:
    for _ in range(2):
        found = shop.explain("gives_file", "--text", "a")
        assert (found["outcome"], found["reason"]) == ("miss", "no result of this task is kept")
    assert not (shop.file.parent / "written").exists()
    assert not (shop.file.parent / "cache").exists()


def test_the_same_call_is_a_hit_that_names_what_was_compared(shop: Shop) -> None:
    shop.run("price", "--n", "1")
    found = shop.explain("price", "--n", "1")
    assert found["outcome"] == "hit"
    names = {part["name"] for part in found["parts"]}
    assert {"input n", "input more", "salt", "Python", "task shop.child"} < names
    assert {f"function shop.{name}" for name in ("price", "rate", "base", "child")} < names
    assert {"class shop.Model", "value shop.RATE", "env_vars of task shop.price"} < names


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("+ child(n)", "- child(n)", "function shop.price"),
        ("return 1", "return 2", "function shop.base"),
        ("RATE = 2", "RATE = 3", "value shop.RATE"),
        ("return 3", "return 4", "function shop.Model.times"),
        ("more: int = 0", "more: int = 5", "interface of task shop.price"),
        ("return n\n\n\n@env.task\ndef price", "return -n\n\n\n@env.task\ndef price", "child"),
        ('"MODE": "one"', '"MODE": "two"', "env_vars of task shop.price"),
    ],
)
def test_what_was_changed_is_named(shop: Shop, old: str, new: str, part: str) -> None:
    shop.run("price", "--n", "1", "--more", "0")
    shop.change(old, new)
    differing = shop.differing("price", "--n", "1", "--more", "0")
    assert any(each.startswith("changed ") and each.endswith(part) for each in differing)
    # The function has its defaults, too, and the environment of a task is that of its children.
    assert len(differing) <= 2


def test_what_is_new_and_what_is_gone_is_named(shop: Shop) -> None:
    shop.run("price", "--n", "1")
    shop.change("n * rate() + base()", "n * len('ab') + abs(lock.locked())")
    assert shop.differing("price", "--n", "1") == [
        "gone function shop.base",
        "changed function shop.price",
        "gone function shop.rate",
        "gone value shop.RATE",
        "new value shop.lock",
    ]


def test_another_input_is_named(shop: Shop) -> None:
    shop.run("price", "--n", "1")
    assert shop.differing("price", "--n", "2") == ["changed input n"]


def test_the_content_of_a_file_is_an_input(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("a")
    shop.run("of_file", "--file", "in")
    (tmp_path / "in").write_text("b")
    assert shop.differing("of_file", "--file", "in") == ["changed input file"]


def test_a_call_is_compared_with_the_newest_result(shop: Shop) -> None:
    for n in ("1", "2"):
        shop.run("price", "--n", n)
    shop.change("RATE = 2", "RATE = 3")
    assert shop.differing("price", "--n", "2") == ["changed value shop.RATE"]


def test_a_kept_result_that_is_of_no_use_any_more_is_a_miss(shop: Shop, tmp_path: Path) -> None:
    shop.run("gives_file", "--text", "a")
    (tmp_path / "written").write_text("b")
    found = shop.explain("gives_file", "--text", "a")
    assert found["outcome"] == "miss"
    assert found["reason"].startswith("the kept result is of no use any more: ")
    assert "written" in found["reason"]


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("always", 'it runs in any case, and its result replaces the kept one: cache="override"'),
        ("fresh", "the kept result is older than its max_age, 0.001 s"),
    ],
)
def test_a_policy_by_which_a_kept_result_is_not_used_is_named(
    shop: Shop, task: str, reason: str
) -> None:
    shop.run(task, "--n", "1")
    found = shop.explain(task, "--n", "1")
    assert (found["outcome"], found["reason"]) == ("miss", reason)


def test_a_task_without_a_cache_says_so(shop: Shop) -> None:
    assert shop.text("uncached", "--n", "1") == (
        'shop.uncached: off: the task has no cache: cache="disable"\n'
    )


def test_what_does_not_count_as_it_is_is_said(shop: Shop) -> None:
    assert shop.explain("by_hand", "--n", "1", "--clerk", "Ann")["doubts"] == [
        "no code counts, but version_override='v1'",
        "input clerk does not count: ignored_inputs",
    ]
    doubts = shop.explain("by_text", "--n", "1")["doubts"]
    assert "all of module shop counts, as its code calls globals()" in doubts
    assert "of an object of class _thread.lock, its class and plain data count" in doubts


def test_the_text_begins_with_the_answer_and_what_differs(shop: Shop) -> None:
    shop.run("price", "--n", "1")
    shop.change("RATE = 2", "RATE = 3")
    first, empty, titles, changed, same, *_ = shop.text("price", "--n", "1").splitlines()
    assert first.startswith("shop.price: miss: 1 of ")
    assert " parts differ from the newest kept result (kept 20" in first
    assert (empty, titles, changed) == ("", "STATUS   PART", "changed  value shop.RATE")
    assert same.startswith("same ")


def test_an_input_that_is_missing_is_an_error(shop: Shop, tasksmithy: CommandLine) -> None:
    assert "input 'n' is missing" in tasksmithy("cache", "explain", "shop.py", "price").refusal()


def test_what_the_file_prints_is_not_part_of_the_answer(
    shop: Shop, tasksmithy: CommandLine
) -> None:
    shop.change("RATE = 2", "RATE = 2; print('loaded')")
    done = tasksmithy("cache", "explain", "--json", "shop.py", "uncached", "--n", "1")
    assert json.loads(done.out)["outcome"] == "off"
    assert done.err == "loaded\n"
