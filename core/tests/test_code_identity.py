"""What a change of code does to kept results: what decides runs again, nothing else does."""

from __future__ import annotations

import copy
import importlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from core.tests.changing_program import DECIDING, NOT_DECIDING, ChangingProgram, answer_of

from tasksmithy import TaskEnvironment, with_runcontext
from tasksmithy.extend import code_identity, load_module
from tasksmithy.runtime._explanation import Explanation, explained
from tasksmithy.runtime._run import Runner
from tasksmithy.runtime.stores._cache_store import CacheStore
from tasksmithy.values._bytecode import described

env = TaskEnvironment(name="t", cache="auto")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return with_runcontext(cache_dir=tmp_path / "cache")


class Kept:
    """The changing program, run with a cache."""

    def __init__(self, folder: Path) -> None:
        self.program = ChangingProgram(folder / "program")
        self._runner = with_runcontext(cache_dir=folder / "cache")
        self._store = CacheStore(folder / "cache")
        self.answer = self.run()

    def run(self) -> str:
        """Load it and run it: what it gives, as text."""
        importlib.invalidate_caches()
        with self.program.loaded() as module:
            self.explanation: Explanation = answer_of(module, self._explained)
            return repr(answer_of(module, self._runner.arun))

    async def _explained(self, task: Any, **inputs: Any) -> Explanation:
        return explained(task, task.interface.bind(task.name, (), inputs), self._store)

    def check(self, change: str) -> None:
        """Make a change, and compare what is run and given with what has to be."""
        before, runs = self.answer, self.program.times_run
        self.program.change(change)
        self.answer = self.run()
        decides = change in DECIDING
        assert (self.answer != before) == decides, change
        assert self.program.times_run - runs == decides, change
        assert self.explanation.outcome == ("miss" if decides else "hit"), change
        assert any(part.status != "same" for part in self.explanation.parts) == decides, change


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("kept"))


def test_the_same_program_does_not_run_again(kept: Kept) -> None:
    runs = kept.program.times_run
    assert kept.run() == kept.answer
    assert kept.program.times_run == runs


@pytest.mark.parametrize("change", DECIDING)
def test_what_decides_a_result_makes_the_task_run_again(kept: Kept, change: str) -> None:
    kept.check(change)


@pytest.mark.parametrize("change", NOT_DECIDING)
def test_what_does_not_decide_a_result_hits(kept: Kept, change: str) -> None:
    kept.check(change)


@pytest.mark.slow
def test_a_thousand_changes_in_any_order_give_no_old_result_and_no_needless_run(
    tmp_path: Path,
) -> None:
    seed = random.SystemRandom().getrandbits(32)
    chosen, kept = random.Random(seed), Kept(tmp_path)
    try:
        for _ in range(1000):
            kept.check(chosen.choice([*DECIDING, *NOT_DECIDING]))
    except AssertionError as error:
        error.add_note(f"with random.Random({seed})")
        raise


# What is in memory counts, not what a file says


def at(folder: Path, source: str, name: str = "module") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.py"
    file.write_text("from tasksmithy import TaskEnvironment\n" + source)
    return file


def run_file(file: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tasksmithy", "run", "--quiet"]
    folders = ["--cache-dir", "cache", "--runs-dir", "runs"]
    return subprocess.run(
        [*command, *folders, file.name, *words],
        cwd=file.parent,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        **options,
    )


EDITED_WHILE_IT_RUNS = """
import pathlib, time
env = TaskEnvironment(name="shop")

@env.task(cache="auto")
def price(n: int) -> int:
    return n * 10

@env.task
def main(waits: bool = False) -> int:
    pathlib.Path("begun").touch()
    while waits and not pathlib.Path("edited").exists():
        time.sleep(0.01)
    return price(1)
"""


def test_a_file_that_is_edited_during_a_run_keeps_no_result_for_its_new_code(
    tmp_path: Path,
) -> None:
    file = at(tmp_path, EDITED_WHILE_IT_RUNS)
    command = [sys.executable, "-m", "tasksmithy", "run", "--quiet", "--cache-dir", "cache"]
    running = subprocess.Popen(
        [*command, file.name, "main", "--waits"], cwd=tmp_path, stdout=subprocess.PIPE
    )
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    file.write_text(file.read_text().replace("n * 10", "n * 99"))
    (tmp_path / "edited").touch()
    assert running.communicate(timeout=60)[0] == b"10\n"
    assert run_file(file, "main").stdout == "99\n"


RECORDED = """
import pathlib
env = TaskEnvironment(name="shop")

def rate():
    return 2

@env.task
def fetch(n: int) -> int:
    return n * rate()

@env.task
def main() -> int:
    fetched = fetch(10)
    if not pathlib.Path("mended").exists():
        raise RuntimeError
    return fetched
"""


@pytest.mark.parametrize(("change", "result"), [("return 7", "70\n"), ("return 2", "20\n")])
def test_a_resumed_run_runs_again_what_a_helper_of_it_has_changed(
    tmp_path: Path, change: str, result: str
) -> None:
    file = at(tmp_path, RECORDED)
    assert run_file(file, "main").returncode == 1
    file.write_text(file.read_text().replace("return 2", change))
    (tmp_path / "mended").touch()
    resumed = subprocess.run(
        [sys.executable, "-m", "tasksmithy", "run", "--runs-dir", "runs", "--resume", "r"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert resumed.stdout == result
    assert ("'shop.fetch' has changed" in resumed.stderr) == (result != "20\n")


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in ("module", "other"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


DOUBLED = """
env = TaskEnvironment(name="t", cache="auto")
def times():
    return 2
@env.task
def f(n: int) -> int:
    return n * times()
"""


@pytest.mark.parametrize("edited", ["return 2", "n * times"])
def test_a_reloaded_module_gives_no_result_of_its_old_code(
    runner: Runner, importable: Path, edited: str
) -> None:
    file = at(importable, DOUBLED)
    module: Any = load_module("module")
    assert runner.run(module.f, n=1) == 2
    new = {"return 2": "return 9999", "n * times": "9999 + 0 * times"}[edited]
    file.write_text(file.read_text().replace(edited, new))
    importlib.reload(module)
    assert runner.run(module.f, n=1) == module.f(1) == 9999


def test_a_function_that_a_cell_defines_anew_counts_for_a_task_of_another_cell(
    runner: Runner,
) -> None:
    notebook: dict[str, Any] = {"__name__": "__main__", "env": env}
    exec("def rate(): return 2\n@env.task\ndef price(n: int) -> int: return n * rate()", notebook)
    assert runner.run(notebook["price"], n=1) == 2
    exec("def rate(): return 3", notebook)
    assert runner.run(notebook["price"], n=1) == 3


RATE = 1


@env.task
async def rated(n: int) -> int:
    return n * RATE


def test_a_global_that_a_run_sets_counts_in_that_run(runner: Runner) -> None:
    async def main() -> list[int]:
        results = []
        for rate in (1, 2, 1):
            globals()["RATE"] = rate
            results.append(await rated(1))  # type: ignore[misc]
        return results

    assert runner.run(TaskEnvironment(name="main").task(main)) == [1, 2, 1]


TABLED = """
TABLE = "{table}"
env = TaskEnvironment(name="etl", cache="auto")
@env.task
def load(day: int) -> str:
    return f"{{TABLE}}: {{day}}"
"""


def test_tasks_of_one_name_in_two_modules_share_no_result(runner: Runner, importable: Path) -> None:
    for name in ("module", "other"):
        at(importable, TABLED.format(table=name), name)
    tasks = [load_module(name).load for name in ("module", "other")]
    assert [runner.run(task, day=1) for task in tasks] == ["module: 1", "other: 1"]


def test_the_name_of_the_module_counts(runner: Runner, importable: Path) -> None:
    source = DOUBLED.replace("n * times()", "__name__").replace(
        "-> int:\n    return __", "-> str:\n    return __"
    )
    for name in ("module", "other"):
        at(importable, source, name)
    found = [runner.run(load_module(name).f, n=1) for name in ("module", "other")]
    assert found == ["module", "other"]


def test_two_projects_with_one_constant_apart_share_no_result(tmp_path: Path) -> None:
    found = []
    for table in ("a", "b"):
        file = at(tmp_path / table, TABLED.format(table=table))
        (tmp_path / "cache").mkdir(exist_ok=True)
        (file.parent / "cache").symlink_to(tmp_path / "cache")
        found.append(run_file(file, "load", "--day", "3").stdout)
    assert found == ["a: 3\n", "b: 3\n"]


# What a task declares

BY_ENV = """
import os
env = TaskEnvironment(name="t", cache="auto", env_vars={"MODE": "one"})
@env.task
def by_env(n: int) -> str:
    return os.environ["MODE"]
@env.task(cache="disable", env_vars=None)
def main() -> dict[str, str]:
    return {"env": by_env(1), "override": by_env.override(env_vars={"MODE": "over"})(1)}
"""


def test_env_vars_are_part_of_the_key(tmp_path: Path) -> None:
    file = at(tmp_path, BY_ENV)
    assert run_file(file, "main", "--json").stdout == '{"env": "one", "override": "over"}\n'
    file.write_text(file.read_text().replace('"one"', '"two"'))
    assert run_file(file, "main", "--json").stdout == '{"env": "two", "override": "over"}\n'


def test_changes_of_a_task_that_decide_nothing_have_its_results(runner: Runner) -> None:
    calls = runner.run(rated, n=1), runner.run(rated.override(retries=3, timeout=60), n=1)
    assert calls[0] == calls[1]


def test_what_python_leaves_in_a_class_when_an_object_is_copied_decides_nothing() -> None:
    class Copied:
        pass

    before = code_identity(Copied)
    copy.copy(Copied())
    assert "__slotnames__" in vars(Copied)
    assert code_identity(Copied) == before


# The form of code


def code_of(source: str) -> str:
    space: dict[str, Any] = {}
    exec(source, space)
    return described(space["f"].__code__).digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("return 1", "return True"),
        ("return 0.0", "return -0.0"),
        ("return (1, 2)", "return (1, 2.0)"),
        ("return x.a", "return x.b"),
        ("return x in {1, 2}", "return x in {1, 3}"),
        ("return lambda: 1", "return lambda: 2"),
        ("yield 1", "return 1"),
        ("return 'a'", "return b'a'"),
        ("a = x; return a", "b = x; return b"),
    ],
)
def test_different_code_has_different_digests(one: str, other: str) -> None:
    assert code_of(f"def f(x):\n {one}") != code_of(f"def f(x):\n {other}")


@pytest.mark.parametrize(
    "other", ["\n\n\ndef f(x):\n\n # why\n return x + 1", "def f(x):\n return x + 1 # so"]
)
def test_the_same_code_elsewhere_has_the_same_digest(other: str) -> None:
    assert code_of("def f(x):\n return x + 1") == code_of(other)


def test_the_names_that_code_looks_up_are_those_that_dis_shows() -> None:
    import argparse
    import dis
    import inspect

    functions = [each.__code__ for each in vars(inspect).values() if inspect.isfunction(each)]
    functions += [
        each.__code__
        for cls in vars(argparse).values()
        if isinstance(cls, type)
        for each in vars(cls).values()
        if inspect.isfunction(each)
    ]
    assert len(functions) > 100
    for code in functions:
        inner = [each for each in code.co_consts if inspect.iscode(each)]
        shown = {
            step.argval
            for each in (code, *inner)
            for step in dis.get_instructions(each)
            if step.opname == "LOAD_GLOBAL"
        }
        assert shown <= {chain[0] for chain in described(code).lookups}
