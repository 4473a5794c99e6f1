"""The program that runs a function task in a container: inputs from a file, outputs to a folder.

    python -m tasksmithy_function.entrypoint --inputs inputs.json --outputs-path out \\
        --version v1 --module flights --task flights.main

`inputs.json` is a JSON object of the inputs by name; `out/outputs.json` becomes one of the outputs.

It makes one attempt. Retries, cache and timeout of the task are those of the platform that starts
the container; the tasks that it calls are run in the container, as in a run on one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasksmithy import Attempt, TaskTemplate, make_attempt
from tasksmithy.errors import InputError, SourceError, TasksmithyError
from tasksmithy.extend import find_task, from_json, load_module, to_jsonable


def main(argv: Sequence[str] | None = None) -> int:
    """Make one attempt of the task that the arguments name.

    Returns:
        0; or 2 where the task or its inputs cannot be found or used. What the task raises is not
        caught.
    """
    args = _parser().parse_args(argv)
    try:
        if args.tgz:
            _unpack(args.tgz, args.dest)
        sys.path.insert(0, str(Path(args.dest).resolve()))
        task = find_task(load_module(args.module), args.task)
        attempt = Attempt.of(task, **_inputs(task, Path(args.inputs)))
    except TasksmithyError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a program's own output
        return 2
    result = asyncio.run(make_attempt(attempt))
    folder = Path(args.outputs_path)
    folder.mkdir(parents=True, exist_ok=True)
    outputs = _outputs(task, result)
    (folder / "outputs.json").write_text(json.dumps(outputs, allow_nan=False), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tasksmithy_function.entrypoint")
    parser.add_argument("--inputs", required=True, help="JSON file of the inputs by name")
    parser.add_argument("--outputs-path", required=True, help="folder for outputs.json")
    parser.add_argument("--version", default="", help="version of the deployment")
    parser.add_argument("--tgz", help="archive of the source files, unpacked first")
    parser.add_argument("--dest", default=".", help="folder of the source files")
    parser.add_argument("--module", required=True, help="module that holds the task")
    parser.add_argument("--task", required=True, help="name of the task")
    return parser


def _unpack(tgz: str, folder: str) -> None:
    try:
        with tarfile.open(tgz) as archive:
            archive.extractall(folder, filter="data")
    except (OSError, tarfile.TarError) as error:
        problem = str(error).partition("\n")[0].rstrip(":")
        raise SourceError(f"the source files cannot be unpacked from {tgz}: {problem}") from None


def _inputs(task: TaskTemplate[..., Any], file: Path) -> dict[str, Any]:
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(task.name, f"inputs cannot be read from {file}: {error}") from None
    if not isinstance(given, dict):
        raise InputError(task.name, f"{file} holds no JSON object of inputs by name")
    kinds = {name: kind for name, (kind, _) in task.interface.inputs.items()}
    return {
        name: from_json(task.name, name, kinds[name], value) if name in kinds else value
        for name, value in given.items()
    }


def _outputs(task: TaskTemplate[..., Any], result: Any) -> dict[str, Any]:
    kinds = task.interface.outputs
    outputs = task.interface.by_name(result)
    return {name: to_jsonable(kinds[name], value) for name, value in outputs.items()}


if __name__ == "__main__":
    sys.exit(main())
