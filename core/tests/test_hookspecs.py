"""What the docstrings of the core show runs as they show it, the hook spec's above all."""

import doctest
import importlib
from pathlib import Path

import pytest

import tasksmithy
from tasksmithy.task._hookspecs import HOOKS, TaskTemplateSpec

ROOT = Path(tasksmithy.__file__).parent
MODULES = sorted(
    ".".join(("tasksmithy", *file.relative_to(ROOT).with_suffix("").parts))
    for file in ROOT.rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_do_what_they_say(module: str) -> None:
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    for example in doctest.DocTestFinder().find(importlib.import_module(module)):
        example.globs["__name__"] = "__main__"  # a reader's own code, and not the core's
        runner.run(example, out=report.append)
    assert not report, "".join(report)
    assert runner.tries > 0


def test_the_hook_spec_is_among_the_modules_with_examples() -> None:
    assert "tasksmithy.task._hookspecs" in MODULES


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_every_hook_is_shown_by_an_example_that_implements_it_and_has_a_result(hook: str) -> None:
    documentation = getattr(TaskTemplateSpec, hook).__doc__
    examples = doctest.DocTestParser().get_examples(documentation)
    source = "".join(example.source for example in examples)
    assert "@hookimpl" in source
    assert f"def {hook}(" in source
    assert any(example.want for example in examples)


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_a_hook_takes_plain_arguments_only(hook: str) -> None:
    # pluggy passes no others; an implementation takes as many of them as it needs.
    method = getattr(TaskTemplateSpec, hook)
    assert method.__code__.co_kwonlyargcount == 0
    assert method.__code__.co_posonlyargcount == 0
    assert method.__defaults__ is None
