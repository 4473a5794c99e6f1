"""Options of executors: from the command line, the settings or the program to the executor."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from tasksmithy import (
    Attempt,
    Host,
    PluginContractError,
    PluginRecord,
    Registry,
    SettingsError,
    TaskEnvironment,
    TaskTemplate,
    make_attempt,
    with_runcontext,
)
from tasksmithy.cli import main
from tasksmithy.errors import NonRecoverableError

env = TaskEnvironment(name="o")

PIPELINE = """
from tasksmithy import TaskEnvironment
env = TaskEnvironment(name="p")

@env.task
async def one() -> int:
    return 1
"""


class PoolOptions(BaseModel):
    """How large the pool is.

    Attributes:
        workers: how many attempts it makes at once.
        address: where it is.
    """

    workers: int = Field(default=2, ge=1)
    address: str | None = None
    labels: dict[str, int] = {}
    eager: bool = False


class Plain:
    heeds: frozenset[str] = frozenset()

    def refuses(self, task: TaskTemplate[..., Any]) -> str | None:
        return None

    def slots(self, task: TaskTemplate[..., Any]) -> Mapping[str, int]:
        return {}

    async def perform(self, attempt: Attempt, host: Host) -> Any:
        return await make_attempt(attempt, host)

    async def close(self) -> None: ...


class Pool(Plain):
    """Attempts in a pool."""

    options_model = PoolOptions
    capabilities = frozenset({"preemption"})
    made: PoolOptions

    def __init__(self, options: PoolOptions) -> None:
        type(self).made = options


@dataclass(frozen=True)
class Place:
    address: str
    port: int = 7


class Remote(Plain):
    options_model = Place
    made: Place

    def __init__(self, options: Place) -> None:
        type(self).made = options


class Unreachable(Plain):
    options_model = PoolOptions

    def __init__(self, options: PoolOptions) -> None:
        raise NonRecoverableError(f"nobody answers at {options.address}")


class OddModel(Plain):
    options_model = "workers"


class NoSchema(Plain):
    options_model = type("Handle", (), {"__init__": lambda self, socket: None})


class OddCapability(Plain):
    capabilities = frozenset({"preemptions"})


class CapabilityList(Plain):
    capabilities = ("preemption",)


@env.task
async def one() -> int:
    return 1


def record(name: str) -> PluginRecord:
    return PluginRecord("tasksmithy.executors.v1", name.lower(), f"{__name__}:{name}", "acme", "3")


EXECUTORS = [Pool, Remote, Plain, Unreachable, OddModel, NoSchema, OddCapability, CapabilityList]

Set = Callable[[str], Registry]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Enters a registry with the executors of this module and settings from a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.py").write_text(PIPELINE)
    entered = []

    def enter(text: str = "") -> Registry:
        (tmp_path / "pyproject.toml").write_text(f"[tool.tasksmithy]\n{text}")
        installed = Registry().records
        registry = Registry([*installed, *(record(each.__name__) for each in EXECUTORS)])
        entered.append(registry.entered())
        return entered[-1].__enter__()

    yield enter
    for each in reversed(entered):
        each.__exit__(None, None, None)


def run(name: str, **options: Any) -> None:
    assert with_runcontext(executor=name, executor_options=options).run(one) == 1


def problem(name: str, **options: Any) -> str:
    with pytest.raises(SettingsError) as raised:
        run(name, **options)
    return str(raised.value)


# Where they are from


def test_without_any_they_have_their_defaults(settings: Set) -> None:
    settings("")
    run("pool")
    assert Pool.made == PoolOptions()


def test_settings_give_them_by_the_name_of_the_executor(settings: Set) -> None:
    settings("[tool.tasksmithy.executors.pool]\nworkers = 3\nlabels = {gpu = 1}")
    run("pool")
    assert Pool.made == PoolOptions(workers=3, labels={"gpu": 1})


def test_an_option_of_the_run_goes_before_the_settings_one_by_one(settings: Set) -> None:
    settings("[tool.tasksmithy.executors.pool]\nworkers = 3\naddress = 'a'")
    run("pool", workers=5)
    assert Pool.made == PoolOptions(workers=5, address="a")


def test_a_class_of_executors_takes_those_of_the_run(settings: Set) -> None:
    settings("")
    with_runcontext(executor=Pool, executor_options={"workers": 4}).run(one)
    assert Pool.made.workers == 4


def test_a_dataclass_declares_them_as_well(settings: Set) -> None:
    settings("")
    run("remote", address="b", port="8")
    assert Remote.made == Place("b", 8)


def test_the_command_line_gives_text_which_is_read_by_the_type(
    settings: Set, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings("")
    words = ["run", "--runs-dir", str(tmp_path / "runs"), "--executor", "pool"]
    words += ["--executor-option", "workers=4", "--executor-option", 'labels={"gpu": 2}']
    assert main([*words, "p.py", "one", "--executor-option", "eager=true"]) == 0
    assert Pool.made == PoolOptions(workers=4, labels={"gpu": 2}, eager=True)
    assert capsys.readouterr().out == "1\n"


def test_a_value_may_have_an_equals_sign(settings: Set, tmp_path: Path) -> None:
    settings("")
    words = ["run", "--runs-dir", str(tmp_path / "runs"), "--executor", "pool"]
    assert main([*words, "--executor-option", "address=a=b", "p.py", "one"]) == 0
    assert Pool.made.address == "a=b"


# What is wrong with them


def test_an_unknown_option_of_the_run_is_told_with_its_near_miss(settings: Set) -> None:
    settings("")
    assert problem("pool", worker=1) == (
        "executor 'pool' (acme 3) has no option 'worker', which is in the options of the run "
        "(--executor-option or executor_options); did you mean 'workers'? "
        "(options: workers, address, labels, eager)"
    )


def test_an_unknown_option_of_the_settings_is_told_with_its_file(
    settings: Set, tmp_path: Path
) -> None:
    settings("[tool.tasksmithy.executors.pool]\nadress = 'a'")
    told = problem("pool")
    place = f"{tmp_path}/pyproject.toml: [tool.tasksmithy.executors.pool]"
    assert f"has no option 'adress', which is in {place}; did you mean 'address'?" in told


def test_a_value_of_the_run_that_is_not_allowed_is_told(settings: Set) -> None:
    settings("[tool.tasksmithy.executors.pool]\nworkers = 3")
    told = problem("pool", workers="many")
    assert told.startswith("executor 'pool' (acme 3): option workers='many' in the options of the ")
    assert "Input should be a valid integer" in told
    assert told.endswith("(it is integer)")


def test_a_value_of_the_settings_that_is_not_allowed_is_told(settings: Set, tmp_path: Path) -> None:
    settings("[tool.tasksmithy.executors.pool]\nworkers = 0")
    told = problem("pool")
    assert f"option workers=0 in {tmp_path}/pyproject.toml: [tool.tasksmithy.exec" in told
    assert "greater than or equal to 1" in told


def test_a_value_inside_an_option_is_told_with_its_place(settings: Set) -> None:
    settings("")
    assert "unable to parse string as an integer, in gpu (it is object)" in problem(
        "pool", labels={"gpu": "two"}
    )


def test_an_option_that_lacks_is_told_with_its_type(settings: Set) -> None:
    settings("")
    assert problem("remote") == (
        "executor 'remote' (acme 3) needs the option 'address' (string); give it in the settings "
        "of the executor, or to the run: --executor-option address=VALUE"
    )


def test_an_executor_without_a_model_takes_none_and_says_so(settings: Set, tmp_path: Path) -> None:
    settings("[tool.tasksmithy.executors.plain]\nsize = 1")
    assert problem("plain") == (
        "executor 'plain' (acme 3) takes no options, and has 'size' in "
        f"{tmp_path}/pyproject.toml: [tool.tasksmithy.executors.plain]"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--executor-option", "workers"], "--executor-option 'workers' is not allowed: give NAME"),
        (["--executor-option", "=1"], "--executor-option '=1' is not allowed"),
        (
            ["--executor-option", "workers=1", "--executor-option", "workers=2"],
            "--executor-option workers is given twice",
        ),
    ],
)
def test_words_that_are_no_option_are_told(
    settings: Set, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    settings("")
    assert main(["run", "--executor", "pool", *words, "p.py", "one"]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"executor_options": {"a": 1}}, "none without an executor"),
        ({"executor": "pool", "executor_options": ["a"]}, "a dict of option to value"),
        ({"executor": "pool", "executor_options": {1: 2}}, "a dict of option to value"),
    ],
)
def test_options_of_a_run_that_are_none_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        with_runcontext(**options)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("executors = ['pool']", "executors = .* give a table for each executor"),
        ("[tool.tasksmithy.executors]\npool = 3", r"pool = 3 is not allowed: .*executors.pool\]"),
    ],
)
def test_settings_of_executors_are_tables(settings: Set, text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        settings(text)


# What the plugin has wrong


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("oddmodel", "options_model='workers'; give a dataclass or a pydantic model"),
        ("noschema", "options_model=Handle has no JSON Schema"),
        ("oddcapability", "no capability 'preemptions'; did you mean 'preemption'?"),
        ("capabilitylist", r"capabilities=\('preemption',\); give a frozenset of"),
    ],
)
def test_a_declaration_that_is_none_is_told_with_the_distribution(
    settings: Set, name: str, told: str
) -> None:
    settings("")
    with pytest.raises(PluginContractError, match=told) as raised:
        run(name)
    assert f"executor {name!r} (acme 3)" in str(raised.value)


def test_what_an_executor_says_itself_when_it_is_made_is_told_as_it_says_it(settings: Set) -> None:
    settings("")
    with pytest.raises(NonRecoverableError, match=r"^nobody answers at x$"):
        run("unreachable", address="x")


# What lists them


@pytest.fixture
def installed(fake_distribution: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Executors that other processes find, too."""
    monkeypatch.chdir(tmp_path)
    fake_distribution(
        "acme-pool",
        {
            "acme_pool.py": (
                "from dataclasses import dataclass\n"
                "@dataclass\n"
                "class Options:\n"
                '    """How large it is.\n\n'
                "    Attributes:\n        workers: how many at once.\n"
                '    """\n'
                "    address: str\n    workers: int = 2\n"
                "class Pool:\n"
                '    """Attempts in a pool."""\n'
                "    options_model = Options\n"
                "    capabilities = frozenset({'processes', 'preemption'})\n"
                "class Bare: pass\n"
            )
        },
        {
            "tasksmithy.executors.v1": {
                "pool": "acme_pool:Pool",
                "bare": "acme_pool:Bare",
                "gone": "acme_pool:Gone",
            }
        },
        version="1.4",
    )


def test_list_says_what_each_can_and_takes_and_which_is_broken(
    installed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["executors", "list"]) == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["NAME", "DISTRIBUTION", "VERSION", "STATUS", "CAPABILITIES", "OPTIONS"]
    assert ["bare", "acme-pool", "1.4", "ok", "-", "-"] in lines
    assert ["gone", "acme-pool", "1.4", "broken", "-", "-"] in lines
    can, options = ["preemption,", "processes"], ["address,", "workers"]
    assert ["pool", "acme-pool", "1.4", "ok", *can, *options] in lines
    assert any("has no attribute 'Gone'" in " ".join(line) for line in lines)


def test_list_gives_programs_the_same(installed: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["executors", "list", "--json"]) == 1
    of = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert of["pool"]["capabilities"] == ["preemption", "processes"]
    assert list(of["pool"]["config_schema"]["properties"]) == ["address", "workers"]
    assert of["gone"]["status"] == "broken"


def test_show_tells_the_options_with_type_default_and_text(
    installed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["executors", "show", "pool"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "distribution acme-pool 1.4" in out
    assert "Attempts in a pool." in out
    assert "Options: NAME TYPE DEFAULT WHAT IT IS address string required" in out
    assert "workers integer 2 how many at once." in out
    assert "preemption ends a sync function that does not return" in out


def test_show_gives_programs_the_schema(
    installed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["executors", "show", "pool", "--json"]) == 0
    [shown] = json.loads(capsys.readouterr().out)
    assert shown["config_schema"]["required"] == ["address"]


def test_show_of_one_that_is_not_there_is_told_with_those_that_are(
    installed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["executors", "show", "pol"]) == 2
    told = capsys.readouterr().err
    assert "no installed executor is called 'pol'; did you mean 'pool'?" in told
    assert "(installed: bare, gone, pool" in told


def test_a_broken_executor_breaks_no_other_and_no_run(
    installed: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "p.py").write_text(PIPELINE)
    assert main(["run", "--runs-dir", str(tmp_path / "runs"), "p.py", "one"]) == 0
    assert main(["executors", "show", "pool"]) == 0


def test_a_table_of_settings_for_no_executor_is_a_warning(
    installed: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.tasksmithy.executors.pol]\nworkers = 1\n")
    main(["executors", "list"])
    assert "[tool.tasksmithy.executors.pol] is for no installed executor; did you mean 'pool'?" in (
        capsys.readouterr().err
    )
