"""Plugins that misbehave, all installed together: nothing else is touched, and each is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from tasksmithy.testing._distribution import write_distribution

GROUP = "tasksmithy.task_types.v1"
SOUND = """
from tasksmithy import TaskType, hookimpl

class Kind(TaskType):
    @hookimpl
    def custom_config(self, task): return {"sound": True}

    @hookimpl
    async def execute(self, inputs): return inputs["n"] + 1
"""


@dataclass(frozen=True)
class Ill:
    """A plugin that misbehaves.

    Attributes:
        module: what its module does first.
        says: what the doctor says of it.
        kind: what its class has, or what stands in its place.
        status: the doctor's one word.
        everyday: whether it is tried each time; else with the slow tests.
        group: its entry point group.
        requires: what its metadata requires.
    """

    module: str
    says: str
    kind: str = ""
    status: str = "misbehaves"
    everyday: bool = False
    group: str = GROUP
    requires: str = ""

    def source(self) -> str:
        return f"{dedent(self.module)}\n{SOUND}\n{dedent(self.kind)}\n"


def breaking(module: str, says: str, kind: str = "", *, everyday: bool = False) -> Ill:
    return Ill(module, says, kind, status="broken", everyday=everyday)


KINDS: Mapping[str, Ill] = {
    # It cannot be loaded
    "exits": breaking("import sys; sys.exit(0)", "SystemExit: 0"),
    "ends_at_once": breaking("import os; os._exit(3)", "with exit code 3", everyday=True),
    "ends_with_zero": breaking("import os; os._exit(0)", "with exit code 0"),
    "segfault": breaking("import ctypes; ctypes.string_at(0)", "by SIGSEGV", everyday=True),
    "aborts": breaking("import os; os.abort()", "by SIGABRT"),
    "kills_itself": breaking("import os; os.kill(os.getpid(), 9)", "by SIGKILL"),
    "kills_its_group": breaking("import os; os.killpg(0, 15)", "by SIGTERM"),
    "hangs": breaking("import time; time.sleep(1000)", "does not come to an end"),
    "loops": breaking("while True: pass", "does not come to an end"),
    "waits_for_itself": breaking(
        "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()",
        "does not come to an end",
    ),
    "asks_the_person": breaking("input('licence key: ')", "EOFError"),
    "interrupts": breaking("raise KeyboardInterrupt", "KeyboardInterrupt", everyday=True),
    "generator_exit": breaking("raise GeneratorExit", "GeneratorExit"),
    "no_memory": breaking("raise MemoryError", "MemoryError. Repair"),
    "no_stack": breaking("def f(): f()\nf()", "RecursionError"),
    "syntax": breaking("def", "SyntaxError"),
    "null_bytes": breaking("x = '\0'", "SyntaxError: source code"),
    "a_group_of_errors": breaking("raise ExceptionGroup('many', [ValueError(1)])", "many"),
    "error_without_text": breaking(
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "E: E(). Repair"
    ),
    "error_of_no_kind": breaking("class E(BaseException): pass\nraise E('odd')", "E: odd"),
    "lacks_a_package": breaking("import no_such_package", "No module named 'no_such_package'"),
    "warns_by_error": breaking("raise DeprecationWarning('old')", "DeprecationWarning: old"),
    "imports_itself": breaking("from imports_itself import Kind", "circular import"),
    "takes_stdout_away": Ill("import sys; sys.stdout = None", "changes standard output"),
    # It loads, and its object is none
    "is_gone": breaking("", "AttributeError", "del Kind"),
    "is_nothing": breaking("", "is None", "Kind = None"),
    "is_a_number": breaking("", "is 3 of type int", "Kind = 3"),
    "exits_when_made": breaking(
        "",
        "Kind() raised SystemExit(7)",
        "class Kind(Kind):\n    def __init__(self): exit(7)",
        everyday=True,
    ),
    "base_error_when_made": breaking(
        "class B(BaseException): pass",
        "Kind() raised B()",
        "class Kind(Kind):\n    def __init__(self): raise B",
    ),
    "wants_arguments": breaking(
        "", "made without arguments", "class Kind(Kind):\n    def __init__(self, x): pass"
    ),
    "template_raises": breaking(
        "",
        "raised RuntimeError: boom",
        "class Kind(Kind):\n    @property\n    def template(self): raise RuntimeError('boom')",
        everyday=True,
    ),
    "task_type_exits": breaking(
        "",
        "raised SystemExit: 4",
        "class Kind(Kind):\n    @property\n    def task_type(self): raise SystemExit(4)",
    ),
    "any_attribute_raises": breaking(
        "",
        "raised ZeroDivisionError",
        "class Kind(Kind):\n    def __getattribute__(self, name): 1 / 0",
    ),
    "repr_raises": Ill(
        "",
        "raises ValueError in its repr",
        "class Kind(Kind):\n    def __repr__(self): raise ValueError\nKind = Kind()",
        everyday=True,
    ),
    "repr_of_nothing_raises": breaking(
        "class N:\n    def __repr__(self): raise ValueError", "its repr raised", "Kind = N()"
    ),
    "misspells_a_hook": breaking(
        "",
        "unknown hook 'custom_confg'; did you mean",
        "class Kind(Kind):\n    @hookimpl\n    def custom_confg(self): pass",
    ),
    "takes_what_is_not_passed": breaking(
        "",
        "takes 'cluster'",
        "class Kind(Kind):\n    @hookimpl\n    def config(self, cluster): pass",
    ),
    "schema_explodes": breaking(
        "",
        "has no JSON Schema (boom)",
        """
        from tasksmithy import TaskTemplate
        class Explosive:
            @classmethod
            def __get_pydantic_core_schema__(cls, *_): raise RuntimeError("boom")
        class Its(TaskTemplate, task_type="schema_explodes"): pass
        class Kind(Kind):
            template = Its
            config_model = Explosive
        """,
    ),
    # It is made for another tasksmithy
    "newer_core": Ill("", "is made for tasksmithy>=99", requires="tasksmithy>=99"),
    "newer_core_and_hook": Ill(
        "",
        "is made for tasksmithy>=99",
        "class Kind(Kind):\n    @hookimpl\n    def estimate(self): pass",
        status="broken",
        requires="tasksmithy>=99",
    ),
    "newer_name": breaking(
        "from tasksmithy import NotYetThere",
        "which has no tasksmithy.NotYetThere: it is made for another one",
        everyday=True,
    ),
    "newer_attribute": breaking(
        "import tasksmithy; tasksmithy.NotYetThere", "which has no tasksmithy.NotYetThere"
    ),
    "newer_module": breaking("import tasksmithy.clusters", "which has no tasksmithy.clusters"),
    "other_api": Ill("", "another major", status="other API", group="tasksmithy.task_types.v2"),
    # It loads, and does something to the process
    "prints": Ill("print('NOISE')", "prints to standard output ('NOISE')", everyday=True),
    "writes_by_number": Ill("import os; os.write(1, b'NOISE')", "prints to standard output"),
    "prints_errors": Ill(
        "import sys; print('NOISE', file=sys.stderr)", "prints to standard error ('NOISE')"
    ),
    "warns": Ill("import warnings; warnings.warn('old')", "prints to standard error"),
    "closes_stdout": Ill(
        "import sys; sys.stdout.close()", "changes standard output", everyday=True
    ),
    "closes_every_file": Ill("import os; os.closerange(0, 3)", "changes standard input"),
    "replaces_stdout": Ill("import io, sys; sys.stdout = io.StringIO()", "standard output"),
    "starts_a_thread": Ill(
        "from threading import Thread; import time\n"
        "Thread(target=time.sleep, args=[90], name='mine').start()",
        "starts threads ('mine')",
        everyday=True,
    ),
    "starts_a_daemon": Ill(
        "from threading import Thread; import time\n"
        "Thread(target=time.sleep, args=[90], daemon=True).start()",
        "starts threads",
    ),
    "starts_a_raw_thread": Ill(
        "import _thread, time; _thread.start_new_thread(time.sleep, (90,))", "starts threads"
    ),
    "starts_a_process": Ill(
        "import subprocess; subprocess.Popen(['sleep', '90'], env={})",
        "starts processes",
        everyday=True,
    ),
    "starts_a_session": Ill(
        "import subprocess; subprocess.Popen(['sleep', '90'], start_new_session=True)",
        "starts processes",
    ),
    "forks": Ill("import os, time\nif not os.fork(): time.sleep(90)", "starts processes"),
    "ignores_ctrl_c": Ill(
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)",
        "changes what is done at signals ('SIGINT')",
        everyday=True,
    ),
    "blocks_signals": Ill(
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [15])", "the mask of signals"
    ),
    "sets_an_alarm": Ill("import signal; signal.alarm(1000)", "the alarm clock"),
    "changes_folder": Ill(
        "import os; os.chdir('/')", "changes the working directory", everyday=True
    ),
    "changes_umask": Ill("import os; os.umask(0o77)", "changes the umask"),
    "changes_environ": Ill(
        "import os; os.environ['MINE'] = '1'", "changes environment variables ('MINE')"
    ),
    "changes_path": Ill("import sys; sys.path.insert(0, '/mine')", "changes sys.path"),
    "changes_argv": Ill("import sys; sys.argv.append('--mine')", "changes sys.argv"),
    "changes_logging": Ill("import logging; logging.basicConfig()", "levels of all logging"),
    "silences_logging": Ill("import logging; logging.disable()", "levels of all logging"),
    "silences_warnings": Ill(
        "import warnings; warnings.simplefilter('ignore')", "the filters of all warnings"
    ),
    "changes_recursion": Ill("import sys; sys.setrecursionlimit(9000)", "the recursion limit"),
    "changes_excepthook": Ill(
        "import sys; sys.excepthook = lambda *_: None", "functions of others ('sys.excepthook')"
    ),
    "changes_tracebacks": Ill("import sys; sys.tracebacklimit = 0", "sys.tracebacklimit"),
    "traces": Ill("import sys; sys.settrace(lambda *_: None)", "the trace function"),
    "stops_the_collector": Ill("import gc; gc.disable()", "the garbage collector"),
    "changes_locale": Ill("import locale; locale.setlocale(locale.LC_ALL, 'C')", "the locale"),
    "changes_time_zone": Ill(
        "import os, time; os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()", "the time zone"
    ),
    "changes_sockets": Ill("import socket; socket.setdefaulttimeout(1)", "timeout of all sockets"),
    "changes_decimals": Ill("import decimal; decimal.getcontext().prec = 3", "context of decimals"),
    "limits_files": Ill(
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (64, 64))", "('RLIMIT_NOFILE"
    ),
    "is_nice": Ill("import os; os.nice(1)", "the priority of the process"),
    "patches_python": Ill("import time; time.time = lambda: 0", "('time.time')"),
    "patches_a_class": Ill(
        "import pathlib; pathlib.Path.exists = lambda self: True", "functions of others"
    ),
    "patches_tasksmithy": Ill(
        "from tasksmithy import TaskTemplate; TaskTemplate.__repr__ = lambda self: ''",
        "functions of others",
    ),
    "replaces_a_module": Ill(
        "import sys, types; sys.modules['json'] = types.ModuleType('json')",
        "modules of others ('json')",
    ),
    "keeps_a_connection": Ill("import socket; held = socket.socket()", "connections open"),
    "keeps_a_file": Ill("held = open(__file__)", "keeps files or connections open"),
    "leaves_a_file": Ill("open('here.txt', 'w').close()", "leaves files"),
    "exits_at_the_end": breaking(
        "import atexit, os; atexit.register(os._exit, 5)", "with exit code 5 when"
    ),
}

TASKS = """
from tasksmithy import NativeInterface, TaskTemplate

add = TaskTemplate(
    name="add", task_type="sound", interface=NativeInterface.from_types({"n": int}, {"o0": int})
)
"""

Rows = Mapping[str, Mapping[str, str]]


class House:
    """A folder in which plugins are installed.

    Attributes:
        folder: the folder.
    """

    def __init__(self, folder: Path, kinds: Mapping[str, Ill]) -> None:
        self.folder = folder
        write_distribution(
            folder, "sound-plugin", {"sound.py": SOUND}, {GROUP: {"sound": "sound:Kind"}}
        )
        for name, ill in kinds.items():
            points = {ill.group: {name: f"{name}:Kind"}}
            write_distribution(
                folder, f"dist-of-{name}", {f"{name}.py": ill.source()}, points, version="1.7"
            )
            if ill.requires:
                [metadata] = folder.glob(f"dist_of_{name}-*/METADATA")
                metadata.write_text(f"{metadata.read_text()}Requires-Dist: {ill.requires}\n")
        folder.joinpath("tasks.py").write_text(TASKS)

    def __call__(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tasksmithy", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), **environ},
            timeout=500,
        )


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Where the kinds whose tests are selected are installed together."""
    chosen = {
        item.callspec.params["name"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and "name" in item.fixturenames
    }
    return House(tmp_path_factory.mktemp("site"), {k: v for k, v in KINDS.items() if k in chosen})


@pytest.fixture(scope="module")
def told(house: House) -> Rows:
    """What the doctor tells, by name."""
    done = house("plugins", "doctor", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    return {row["name"]: row for row in json.loads(done.stdout)}


def test_there_are_many_kinds() -> None:
    assert len(KINDS) >= 60


@pytest.mark.parametrize(
    "name",
    [pytest.param(k, marks=() if KINDS[k].everyday else pytest.mark.slow) for k in KINDS],
)
def test_the_doctor_names_it_by_distribution_and_version(told: Rows, name: str) -> None:
    ill, row = KINDS[name], told[name]
    assert (row["status"], row["version"]) == (ill.status, "1.7")
    assert ill.says in row["detail"]
    distribution = f"dist-of-{name.replace('_', '-')}"
    assert row["distribution"] == distribution
    assert f"task type {name!r} ({distribution} 1.7)" in row["detail"]
    advice = (f"TASKSMITHY_DISABLE_PLUGINS={name}", "install a version")
    assert any(each in row["detail"] for each in advice)


def test_the_doctor_names_no_sound_plugin(told: Rows) -> None:
    assert "sound" not in told


def test_listing_imports_none_of_them(house: House) -> None:
    done = house("plugins", "list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    statuses = {row["name"]: row["status"] for row in json.loads(done.stdout)}
    assert statuses.pop("other_api", "other API") == "other API"
    assert set(statuses.values()) <= {"installed", "not enabled"}


def test_a_sound_plugin_is_shown(house: House) -> None:
    [shown] = json.loads(house("plugins", "show", "sound", "--json").stdout)
    assert shown["status"] == "ok"


def test_a_task_of_a_sound_plugin_runs(house: House) -> None:
    done = house("run", "--json", "tasks.py", "add", "--n", "1")
    assert (done.returncode, done.stdout) == (0, "2\n")


def test_a_task_of_a_sound_plugin_is_rendered(house: House) -> None:
    [spec] = json.loads(house("render", "tasks.py").stdout)
    assert spec["custom_config"] == {"sound": True}


NOISY = ("prints", "writes_by_number", "closes_stdout", "replaces_stdout", "takes_stdout_away")


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Where plugins are installed that do something to standard output, with a task of each."""
    house = House(tmp_path_factory.mktemp("noisy"), {name: KINDS[name] for name in NOISY})
    for name in NOISY:
        source = TASKS.replace('"sound"', repr(name))
        house.folder.joinpath(f"of_{name}.py").write_text(source)
    return house


@pytest.mark.parametrize("name", NOISY)
def test_what_a_plugin_does_to_standard_output_leaves_the_answer_alone(
    noisy: House, name: str
) -> None:
    [spec] = json.loads(noisy("render", f"of_{name}.py").stdout)
    assert spec["task_type"] == name
    [shown] = json.loads(noisy("plugins", "show", name, "--json").stdout)
    assert shown["status"] == "misbehaves"
    done = noisy("run", "--json", f"of_{name}.py", "add", "--n", "1")
    assert (done.returncode, done.stdout.splitlines()[-1][-1:]) == (0, "2")


@pytest.mark.parametrize("name", ["ends_at_once", "segfault", "repr_raises", "exits_when_made"])
def test_a_plugin_that_cannot_be_loaded_is_shown_with_the_reason(tmp_path: Path, name: str) -> None:
    done = House(tmp_path, {name: KINDS[name]})("plugins", "show", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert KINDS[name].says in done.stdout


def test_a_plugin_is_shown_without_docstrings(noisy: House) -> None:
    done = noisy("plugins", "show", "sound", PYTHONOPTIMIZE="2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "custom_config" in done.stdout
