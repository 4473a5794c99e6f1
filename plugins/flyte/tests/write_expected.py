"""Write `expected.json`, what flyte makes of the definitions.

    python -m plugins.flyte.tests.write_expected PYTHON

where PYTHON is one that has flyte, kubernetes and pandas.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from plugins.flyte.tests.corpus import write_for_flyte

HERE = Path(__file__).parent

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write_for_flyte(Path(folder))
        done = subprocess.run(
            [sys.argv[1], HERE / "reference.py", folder],
            env={**os.environ, "DO_NOT_TRACK": "1", "PYTHONHASHSEED": "0"},
            check=True,
            stdout=subprocess.PIPE,
        )
    lines = [
        f"{json.dumps(name)}: {json.dumps(message, sort_keys=True)}"
        for name, message in json.loads(done.stdout).items()
    ]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (HERE / "expected.json").write_text(text, encoding="utf-8")
