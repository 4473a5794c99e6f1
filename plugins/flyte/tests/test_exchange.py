"""The worker between flyte's own code, which writes its inputs and reads its outputs."""

import subprocess
import sys
from pathlib import Path

import pytest
from plugins.flyte.tests.corpus import in_flyte

SOURCE = Path(__file__).with_name("exchanged.py")
TASKS = ("scalars", "times", "records", "containers", "unions", "tuples", "total")


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_flyte_reads_what_the_worker_made_of_what_flyte_wrote(name, flyte, tmp_path):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    (theirs / "exchanged.py").write_text(in_flyte(SOURCE), encoding="utf-8")
    (ours / "exchanged.py").write_bytes(SOURCE.read_bytes())
    inputs, outputs = tmp_path / "inputs.pb", tmp_path / "out"
    flyte("exchange.py", theirs, "exchanged", name, "write", inputs)

    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("tasksmithy-worker"), "--inputs", inputs),
            *("--outputs-path", outputs, "--dest", ours),
            *("--module", "exchanged", "--task", f"exchanged.{name}"),
        ],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")

    read = flyte("exchange.py", theirs, "exchanged", name, "read", outputs / "outputs.pb")
    assert read.strip() == EXPECTED[name]


POINT = "Point(x={}, y=0.5, after=datetime.timedelta(seconds=1), color=<Color.{}>)"
RED, GREEN = "RED: 'red'", "GREEN: 'green'"
EXPECTED = {
    "scalars": "(-3, 1.5, True, 'é')",
    "times": (
        "(datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc), "
        "datetime.date(2026, 1, 2), datetime.timedelta(days=-1, microseconds=5))"
    ),
    "records": (
        f"({POINT.format(1, GREEN)}, Model(name='m', color=<Color.{GREEN}>, "
        f"point={POINT.format(2, RED)}), <Color.{GREEN}>)"
    ),
    "containers": f"([1, 2], {{'p': {POINT.format(3, RED)}}}, {{1: 'a'}})",
    "unions": f"(None, 'b', {POINT.format(4, RED)})",
    "tuples": "((1, 'a'), Pair(total=2, label='b'))",
    "total": "(3, 'n')",
}
