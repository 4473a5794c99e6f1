"""The program that runs a task in a container of a Flyte cluster.

    tasksmithy-worker --inputs s3://b/inputs.pb --outputs-path s3://b/out \\
        --raw-data-path s3://b/raw --module flights --task flights.main

It makes one attempt: the cluster retries, and has the cache and the limits of time. `outputs.pb`
or `error.pb` is in the folder of the outputs when it ends.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from flyteidl2.core import execution_pb2, tasks_pb2
from flyteidl2.task import common_pb2
from google.protobuf.message import DecodeError

from tasksmithy import Attempt, TaskSpec, TaskTemplate, make_attempt, serialize
from tasksmithy.errors import SourceError
from tasksmithy.extend import find_task, from_spec, load_module, masked
from tasksmithy_flyte import storage
from tasksmithy_flyte.failure import is_definite, told
from tasksmithy_flyte.renderer import spec_of
from tasksmithy_flyte.values import inputs_of, outputs_of

Task = TaskTemplate[..., Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Make one attempt of the task that the arguments name.

    Returns:
        0, also where the task has failed: the cluster reads the document. 1 where no document could
        be written.
    """
    args = _parser().parse_args(argv)
    outputs = args.outputs_path.rstrip("/")
    try:
        message = _attempt(args)
        name, content = "outputs.pb", message.SerializeToString(deterministic=True)
    except BaseException as error:  # noqa: BLE001 - whatever ends the attempt is told the cluster
        document = error_document(error)
        print(document.error.message, file=sys.stderr)  # noqa: T201 - a program's own output
        name, content = "error.pb", document.SerializeToString(deterministic=True)
    try:
        storage.write(f"{outputs}/{name}", content)
    except Exception as error:  # noqa: BLE001 - a file system raises what it likes
        print(masked(f"{outputs}/{name} cannot be written: {error}"), file=sys.stderr)  # noqa: T201
        return 1
    return 0


def error_document(error: BaseException) -> execution_pb2.ErrorDocument:
    """The document of the error that an attempt has ended with, its secrets masked."""
    return execution_pb2.ErrorDocument(
        error=execution_pb2.ContainerError(
            code=type(error).__name__,
            message=told(error),
            kind=execution_pb2.ContainerError.NON_RECOVERABLE
            if is_definite(error)
            else execution_pb2.ContainerError.RECOVERABLE,
            origin=execution_pb2.ExecutionError.USER,
        )
    )


def _attempt(args: argparse.Namespace) -> common_pb2.Outputs:
    if args.pkl:
        raise SourceError(f"the pickled code in {args.pkl} is not read; ship an archive (--tgz)")
    if args.tgz:
        _unpack(args.tgz, args.dest)
    sys.path.insert(0, str(Path(args.dest).resolve()))
    task, spec = _task(args)
    started = datetime.fromisoformat(args.run_start_time) if args.run_start_time else None
    inputs = inputs_of(task, spec, _inputs(args.inputs), started)
    attempt = Attempt.of(task, **inputs)
    context = replace(attempt.context, run_id=args.run_name, key=args.name)
    result = asyncio.run(make_attempt(replace(attempt, context=context)))
    return outputs_of(task, spec, result, args.raw_data_path)


def _task(args: argparse.Namespace) -> tuple[Task, TaskSpec]:
    if args.module:
        task = find_task(load_module(args.module), args.task)
        return task, serialize(task)
    template = tasks_pb2.TaskTemplate()
    _parse(template, args.task_template, "the task")
    spec = spec_of(template)
    return from_spec(spec), spec


def _inputs(url: str) -> common_pb2.Inputs:
    message = common_pb2.Inputs()
    _parse(message, url, "the inputs")
    return message


def _parse(message: Any, url: str, what: str) -> None:
    try:
        message.ParseFromString(storage.read(url))
    except DecodeError as error:
        raise SourceError(f"{what} in {url} cannot be read: {error}") from None
    except (OSError, ImportError, ValueError) as error:
        raise SourceError(f"{what} cannot be read from {url}: {error}") from None


def _unpack(tgz: str, folder: str) -> None:
    try:
        with tarfile.open(fileobj=io.BytesIO(storage.read(tgz))) as archive:
            archive.extractall(folder, filter="data")
    except (OSError, ImportError, ValueError, tarfile.TarError) as error:
        raise SourceError(f"the source files cannot be unpacked from {tgz}: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tasksmithy-worker", description=(__doc__ or "")[:60])
    parser.add_argument("--inputs", required=True, help="path or URL of the inputs, a protobuf")
    parser.add_argument("--outputs-path", required=True, help="folder for outputs.pb or error.pb")
    parser.add_argument("--raw-data-path", default="", help="prefix for files and folders")
    parser.add_argument(
        "--checkpoint-path", default="", help="prefix of this attempt's checkpoints"
    )
    parser.add_argument("--prev-checkpoint", default="", help="prefix of the last attempt's")
    parser.add_argument("--version", default="", help="version of the deployment")
    parser.add_argument("--run-name", default="", help="name of the run")
    parser.add_argument("--name", default="", help="name of the action in the run")
    parser.add_argument("--run-start-time", default="", help="moment of the run, ISO 8601")
    parser.add_argument("--tgz", help="path or URL of the source files, unpacked first")
    parser.add_argument("--pkl", help="refused: a pickled code bundle")
    parser.add_argument("--dest", default=".", help="folder of the source files")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--module", help="module that holds the task")
    which.add_argument("--task-template", help="path or URL of the task, a protobuf")
    parser.add_argument("--task", default="", help="name of the task in the module")
    return parser


if __name__ == "__main__":
    sys.exit(main())
