"""kill -9 of a process that writes into a file: a write is there as a whole or not at all."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = pytest.mark.slow

ROUNDS = 12
ROWS = 2_000
PROGRAM = """
    import itertools
    import sys
    import pyarrow as pa
    from tasksmithy import run
    from tasksmithy_sql import SQLWrite

    task = SQLWrite(name="w", table="t", inputs={"r": pa.Table}, database=sys.argv[1])
    for number in itertools.count(int(sys.argv[2])):
        run(task, r=pa.table({"n": pa.array([number] * int(sys.argv[3]), pa.int64())}))
        print(number, flush=True)
"""


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_what_was_told_to_be_written_is_there_once_and_nothing_is_there_in_part(
    scheme, tmp_path, ask
):
    url = f"{scheme}:///{tmp_path}/a.db"
    ask(url, "create table t (n bigint)", None)
    moments = random.Random(12)
    first = 0
    for _ in range(ROUNDS):
        program = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), url, str(first), str(ROWS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert program.stdout is not None
        told = [int(program.stdout.readline())]
        time.sleep(moments.uniform(0, 0.3))
        program.kill()
        told += map(int, program.communicate()[0].split())
        found = {
            row["n"]: row["c"] for row in ask(url, "select n, count(*) as c from t group by n")
        }
        assert set(found.values()) == {ROWS}
        assert told == list(range(first, told[-1] + 1))
        # The last may have been written, and killed before it was told.
        assert max(found) - told[-1] in (0, 1)
        assert len(found) == max(found) + 1
        first = max(found) + 1
