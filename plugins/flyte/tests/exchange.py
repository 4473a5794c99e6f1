"""Inputs and outputs by flyte's own code: run by a Python that has flyte.

    python exchange.py FOLDER MODULE TASK write inputs.pb   writes the inputs that `GIVEN` has
    python exchange.py FOLDER MODULE TASK read outputs.pb   prints the outputs

of a task of a module in FOLDER.
"""

import asyncio
import importlib
import logging
import sys
from pathlib import Path

from flyte._internal.runtime import convert
from flyteidl2.task import common_pb2


async def main(folder: str, module: str, name: str, what: str, file: str) -> None:
    logging.disable()
    sys.path.insert(0, folder)
    source = importlib.import_module(module)
    interface = getattr(source, name).native_interface
    if what == "write":
        inputs = await convert.convert_from_native_to_inputs(interface, **source.GIVEN[name])
        Path(file).write_bytes(inputs.proto_inputs.SerializeToString())
    else:
        outputs = common_pb2.Outputs.FromString(Path(file).read_bytes())
        native = await convert.convert_outputs_to_native(interface, convert.Outputs(outputs))
        print(native if isinstance(native, tuple) else (native,))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
