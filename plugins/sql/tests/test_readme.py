"""What the README says runs as it stands there."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_blocks_of_the_readme_run_one_after_the_other():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    assert len(blocks) >= 6
    printed = io.StringIO()
    names: dict[str, object] = {"__name__": "readme"}
    program = compile("\n".join(blocks), str(README), "exec", dont_inherit=True)
    with contextlib.redirect_stdout(printed):
        exec(program, names)
    shown = printed.getvalue().splitlines()
    assert shown[0] == str([{"n": n, "square": n * n} for n in range(4)])
    assert "Square(n=1, square=1)" in shown[2]
    assert shown[3] == "2"
