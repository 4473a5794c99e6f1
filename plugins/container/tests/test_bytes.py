"""Strings of every kind reach a container byte for byte."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasksmithy import run
from tasksmithy.values._files import File
from tasksmithy_container import ContainerTask

COUNT = 10_000
BATCH = 500

_MARKS = (
    *(" ", "\n", "\t", "\r", "'", '"', "`", "\\", "$", "$(id)", "`id`", "${HOME}", "$0", "!", "~"),
    *("-", "--", "-n", "--env=X=1", "--", "*", "?", "[a]", "{a,b}", "&", "|", ";", "<", ">", "#"),
    *("{{.inputs.s0}}", "{{ .inputs.s1 }}", "{{", "}}", "{{.inputs.", "%s", "%", "=", ",", ":"),
    *("é", "\u0301", "😀", "\u2028", "\ufeff", "\x7f", "\x85", "\u200f", "\ufffd", "null", "\x01"),
)
STRINGS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60
) | st.lists(st.sampled_from(_MARKS), max_size=8).map("".join)


def generated(count: int) -> list[str]:
    found: list[str] = []

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(STRINGS)
    def collect(text: str) -> None:
        found.append(text)

    collect()
    # Where a strategy runs out of new examples, hypothesis stops early.
    return list(itertools.islice(itertools.cycle(found), count))


def batches(strings: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(strings), BATCH):
        yield strings[start : start + BATCH]


def check(image: str, strings: list[str]) -> None:
    """Send each string as an argument alone, as one between others, and as a file."""
    names = [f"s{number}" for number in range(len(strings))]
    script = """
        for word; do printf '%s\\0' "$word"; done > /var/outputs/words
        for number in $(seq 0 $(($# / 2 - 1))); do
            cat /var/inputs/s$number; printf '\\0'
        done > /var/outputs/files
    """
    task = ContainerTask(
        name="t",
        image=image,
        command=["sh", "-c", script, "sh"],
        arguments=[
            template.replace("NAME", name)
            for name in names
            for template in ("{{.inputs.NAME}}", "<{{ .inputs.NAME }}|{{.inputs.NAME}}>")
        ],
        inputs=dict.fromkeys(names, str),
        outputs={"words": File, "files": File},
    )
    words, files = run(task, **dict(zip(names, strings, strict=True)))
    wanted = [part for text in strings for part in (text, f"<{text}|{text}>")]
    assert Path(words).read_bytes().split(b"\0")[:-1] == [text.encode() for text in wanted]
    assert Path(files).read_bytes().split(b"\0")[:-1] == [text.encode() for text in strings]


def test_strings_with_every_mark_arrive(image: str, engine: str) -> None:
    check(image, [*_MARKS, "", *(f"{one}{other}" for one in _MARKS[:15] for other in _MARKS)])


@pytest.mark.slow
def test_ten_thousand_generated_strings_arrive(image: str, engine: str) -> None:
    strings = generated(COUNT)
    assert len(strings) == COUNT
    assert len(set(strings)) > COUNT * 0.9
    for batch in batches(strings):
        check(image, batch)
