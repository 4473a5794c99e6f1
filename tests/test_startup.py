"""What starting costs: which modules are imported when, how much, and never in a circle."""

import ast
import graphlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pluggy
import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "core" / "src"
PLUGINS = ("tasksmithy_function", "tasksmithy_sql", "duckdb", "pyarrow")
COMMAND = "from tasksmithy.cli import main; sys.exit(main(sys.argv[1:]))"
METADATA = ("importlib.metadata", "importlib_metadata", "email")


# What importlib.import_module imports is not in the report of -X importtime, and what was imported
# and thrown out again is not in sys.modules: so both are asked.
TELL = """
import atexit, sys
atexit.register(lambda: print("imported:", *list(sys.modules), file=sys.stderr))
"""


def imported(code: str, *arguments: str, cwd: Path | None = None) -> set[str]:
    """The modules that a fresh process imports, with the packages that they are in."""
    changed = ("PYTHON", "TASKSMITHY_")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", TELL + code, *arguments],
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if not k.startswith(changed)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    names: set[str] = set()
    for line in done.stderr.splitlines():
        if line.startswith("import time:"):
            names.add(line.rpartition("|")[2].strip())
        elif line.startswith("imported:"):
            names.update(line.split()[1:])
    return {
        ".".join(parts[:end])
        for parts in (name.split(".") for name in names)
        for end in range(1, len(parts) + 1)
    }


def command(*arguments: str, cwd: Path | None = None) -> set[str]:
    """The modules that a command line imports."""
    return imported(COMMAND, *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def bare() -> set[str]:
    """What Python itself imports here, with the .pth files of the environment."""
    return imported("")


def test_importing_tasksmithy_imports_no_plugin_and_nothing_that_is_slow(bare: set[str]) -> None:
    found = imported("import tasksmithy") - bare
    assert "tasksmithy" in found
    assert found.isdisjoint({*PLUGINS, *METADATA, "pydantic", "asyncio", "pluggy", "typing"})


def test_importing_tasksmithy_imports_two_small_modules_of_its_own() -> None:
    found = imported("import tasksmithy")
    own = {name for name in found if name.startswith("tasksmithy")}
    assert own == {"tasksmithy", "tasksmithy._lazy_names", "tasksmithy._registry_in_use"}


def test_a_public_name_is_imported_when_it_is_used() -> None:
    found = imported("import tasksmithy; tasksmithy.Resources")
    assert "tasksmithy.fields._resources" in found
    assert "tasksmithy.task._template" not in found


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["plugins", "list", "--help"]])
def test_help_imports_no_plugin_no_pydantic_and_no_registry(words: list[str]) -> None:
    found = command(*words)
    assert "tasksmithy.cli" in found
    assert found.isdisjoint({*PLUGINS, "pydantic", "tasksmithy.plugins._registry"})


def test_listing_plugins_imports_no_plugin_no_pydantic_and_no_asyncio(tmp_path: Path) -> None:
    found = command("plugins", "list", cwd=tmp_path)
    assert "tasksmithy.plugins._discovery" in found
    assert found.isdisjoint({*PLUGINS, "pydantic", "asyncio"})


def test_listing_plugins_imports_nothing_that_tasks_are_made_of(tmp_path: Path) -> None:
    found = command("plugins", "list", cwd=tmp_path)
    assert "tasksmithy.plugins._listing" in found
    assert found.isdisjoint({"pluggy", "inspect", "dataclasses", "json", "pathlib"})
    rooms = {name.split(".")[1] for name in found if name.startswith("tasksmithy.")}
    assert rooms.isdisjoint({"fields", "values", "task", "runtime"})


def test_a_function_of_builtin_scalars_runs_without_pydantic_and_without_other_plugins() -> None:
    found = command("run", str(ROOT / "examples" / "hello.py"), "main", "--n", "2")
    assert "tasksmithy_function" in found
    assert found.isdisjoint({"pydantic", "tasksmithy_sql", "duckdb", "pyarrow"})
    # What only other types, reports and triggers need.
    assert found.isdisjoint({"decimal", "uuid", "platform", "html", "tasksmithy.fields._trigger"})


# How much

COUNT = """
import atexit, sys
before, calls = set(sys.modules), 0

def count(frame, event, argument):
    global calls
    calls += event in ("call", "c_call")

def tell():
    sys.setprofile(None)
    print("counted:", len(sys.modules.keys() - before), calls, file=sys.stderr)

atexit.register(tell)
sys.setprofile(count)
"""

HELLO = str(ROOT / "examples" / "hello.py")
STARTS = {
    "import tasksmithy": ("import tasksmithy", []),
    "--help": (COMMAND, ["--help"]),
    "plugins list": (COMMAND, ["plugins", "list"]),
    "run examples/hello.py": (COMMAND, ["run", HELLO, "main", "--n", "3"]),
}
ACCEPTED = tomllib.loads(Path(__file__).with_name("startup_counts.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages that is the same everywhere: pluggy and one plugin."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "pluggy").symlink_to(Path(pluggy.__file__).parent)
    info = folder / "tasksmithy_function-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: tasksmithy-function\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[tasksmithy.task_types.v1]\npython = tasksmithy_function.plugin:FunctionTaskType\n"
    )
    return folder


def counted(site: Path, code: str, words: list[str]) -> dict[str, int]:
    """The modules that a fresh process imports, and the functions that it calls."""
    path = (site, CORE, ROOT / "plugins" / "function" / "src")
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", COUNT + code, *words],
        cwd=site,
        env={
            "HOME": str(site),
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "PYTHONPYCACHEPREFIX": str(site / "compiled"),
            "PYTHONHASHSEED": "0",
            "COLUMNS": "80",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    modules, calls = done.stderr.rpartition("counted:")[2].split()
    return {"modules": int(modules), "calls": int(calls)}


@pytest.mark.parametrize("start", STARTS)
def test_a_start_imports_and_calls_at_most_5_percent_more_than_is_accepted(
    site: Path, start: str
) -> None:
    counted(site, *STARTS[start])  # which compiles what is imported
    found = counted(site, *STARTS[start])
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    accepted = ACCEPTED[version][start]
    line = f'"{start}" = {{ modules = {found["modules"]}, calls = {found["calls"]} }}'
    assert all(found[what] <= 1.05 * accepted[what] for what in found), f"{version}: {line}"


# Imports


def modules() -> dict[str, Path]:
    """Every module of the core by name. The package itself imports its names lazily."""
    files = {
        ".".join(file.relative_to(CORE).with_suffix("").parts).removesuffix(".__init__"): file
        for file in (CORE / "tasksmithy").rglob("*.py")
    }
    del files["tasksmithy"]
    return files


MODULES = modules()


def imports_of(module: str) -> Iterator[str]:
    """The modules of the core that one imports: anywhere in it, also for type checkers alone."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively, which this test cannot follow"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                target = full if full in MODULES else node.module
                if target in MODULES:
                    yield str(target)


def test_no_import_goes_in_a_circle_also_none_hidden_in_a_function() -> None:
    graph = {module: set(imports_of(module)) - {module} for module in MODULES}
    order = list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError
    assert set(order) == set(MODULES)


ROOMS = (
    ("_texts", "_lazy_names", "_registry_in_use", "_flyte_names"),
    ("errors", "connectors", "io", "models"),
    ("checks",),
    ("concurrency",),
    ("fields",),
    ("values",),
    ("task",),
    ("report",),
    ("plugins",),
    ("runtime",),
    ("extend", "extras"),
    ("testing",),
    ("cli",),
    ("__main__",),
)
"""The rooms of the core. A module imports from its own room and from those before it."""

PLACE = {room: place for place, rooms in enumerate(ROOMS) for room in rooms}


def room_of(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_from_its_own_room_and_from_earlier_ones(module: str) -> None:
    place = PLACE[room_of(module)]
    later = {target for target in imports_of(module) if PLACE[room_of(target)] > place}
    assert later == set()


def test_no_module_has_more_than_400_lines() -> None:
    longest = {
        name: len(file.read_text(encoding="utf-8").splitlines()) for name, file in MODULES.items()
    }
    assert {name: lines for name, lines in longest.items() if lines > 400} == {}


def test_the_core_names_a_plugin_for_type_checkers_alone() -> None:
    found = []
    for module, file in MODULES.items():
        for statement in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
                continue
            for node in ast.walk(statement):
                if isinstance(node, ast.Import):
                    found += [(module, alias.name) for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    found.append((module, node.module or ""))
    assert len(found) > len(MODULES)
    assert [pair for pair in found if pair[1].startswith("tasksmithy_")] == []
