"""The definitions, as tasks of tasksmithy and as text for flyte: only the imports differ."""

import importlib.util
import sys
from pathlib import Path

from tasksmithy import TaskTemplate

DEFINITIONS = Path(__file__).parent / "definitions"

LINES = {
    "import tasksmithy as sdk": "import flyte as sdk",
    "from tasksmithy import Dir, File": "from flyte.io import Dir, File",
    "from tasksmithy import File": "from flyte.io import File",
    "from tasksmithy.extras import ContainerTask": "from flyte.extras import ContainerTask",
    "from tasksmithy.extend import AsyncFunctionTaskTemplate, TaskPluginRegistry": (
        "from flyte.extend import AsyncFunctionTaskTemplate, TaskPluginRegistry"
    ),
    # Two values that flyte has no class for, or a protocol alone.
    "from tasksmithy import Sql": (
        "def Sql(statement, dialect):\n"
        "    from flyteidl2.core import tasks_pb2\n\n"
        "    return tasks_pb2.Sql(statement=statement, dialect=dialect.upper())"
    ),
    "from tasksmithy import Link": (
        "class Link:\n"
        "    icon_uri = ''\n\n"
        "    def __init__(self, name, uri):\n"
        "        self.name, self.uri = name, uri\n\n"
        "    def get_link(self, **_):\n"
        "        return self.uri"
    ),
}


def write_for_flyte(folder: Path) -> None:
    """Write the definitions with the imports of flyte."""
    for file in DEFINITIONS.glob("*.py"):
        (folder / file.name).write_text(in_flyte(file), encoding="utf-8")


def in_flyte(file: Path) -> str:
    """The text of a file with the imports of flyte."""
    lines = file.read_text(encoding="utf-8").splitlines()
    text = "\n".join(LINES.get(line, line) for line in lines)
    assert "tasksmithy" not in text, f"{file.name} has an import that is not in the table"
    return text


def tasks() -> dict[str, TaskTemplate]:
    """The tasks of the definitions: `module.variable` to task."""
    found = {}
    for file in sorted(DEFINITIONS.glob("*.py")):
        module = sys.modules.get(_name(file)) or _load(file)
        for name, task in vars(module).items():
            if isinstance(task, TaskTemplate) and not name.startswith("_"):
                found[f"{file.stem}.{name}"] = task
    return found


def _load(file: Path):
    spec = importlib.util.spec_from_file_location(_name(file), file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[_name(file)] = module
    spec.loader.exec_module(module)
    return module


def _name(file: Path) -> str:
    return f"flyte_definitions_{file.stem}"  # other tests have modules, too
