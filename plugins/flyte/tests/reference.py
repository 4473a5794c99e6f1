"""What flyte itself makes of the definitions, as JSON: run by a Python that has flyte.

    DO_NOT_TRACK=1 python reference.py FOLDER

prints `{"module.variable": {<TaskSpec>, "triggers": [...]}}` of the modules in FOLDER, which
`test_reference.py` has written with the imports of flyte.
"""

import asyncio
import importlib
import json
import logging
import sys
from pathlib import Path

import flyte
from flyte._internal.runtime.trigger_serde import to_task_trigger
from flyte.extras import serialize
from flyte.models import SerializationContext
from google.protobuf.json_format import MessageToDict


def _triggers(task, spec):
    inputs = spec.task_template.interface.inputs
    return [
        asyncio.run(to_task_trigger(trigger, task.name, inputs, list(spec.default_inputs)))
        for trigger in task.triggers
    ]


def _plain(message):
    return MessageToDict(message, preserving_proto_field_name=True)


def main(folder: Path) -> None:
    logging.disable()
    sys.path.insert(0, str(folder))
    context = SerializationContext(
        version="v1", project="flights", domain="development", org="acme", root_dir=folder
    )
    found = {}
    for file in sorted(folder.glob("*.py")):
        module = importlib.import_module(file.stem)
        for name, task in vars(module).items():
            if not isinstance(task, flyte.TaskTemplate) or name.startswith("_"):
                continue
            spec = serialize(task, context)
            metadata = spec.task_template.metadata
            if len(metadata.discovery_version) == 64:  # it is another with each Python
                metadata.discovery_version = "digest"
            found[f"{file.stem}.{name}"] = {
                **_plain(spec),
                "triggers": [_plain(trigger) for trigger in _triggers(task, spec)],
            }
    json.dump(found, sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
