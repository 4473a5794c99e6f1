"""Inputs and outputs of real containers: what goes in, what comes out, byte for byte."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from flyteidl2.core.literals_pb2 import LiteralMap
from plugins.container.tests.conftest import every_engine

from tasksmithy import Dir, File, InputError, OutputError, run
from tasksmithy_container import ContainerTask


@dataclass
class Point:
    x: int
    label: str


ARGUMENT = "printf '%s' \"$1\" > /var/outputs/o"


def ask(
    image: str,
    script: str,
    inputs: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Any] | None = None,
    arguments: list[str] | None = None,
    given: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Any:
    """Run a script in a container and give the task's result."""
    task = ContainerTask(
        name="t",
        image=image,
        command=["sh", "-ec", script, "sh"],
        arguments=arguments or [],
        inputs=inputs or {},
        outputs=outputs or {},
        **fields,
    )
    return run(task, **(given or {}))


VALUES = [
    (bool, True, "true"),
    (bool, False, "false"),
    (int, -(10**20), str(-(10**20))),
    (float, 0.1, "0.1"),
    (float, float("inf"), "Infinity"),
    (str, "", ""),
    (str, "no end of line", "no end of line"),
    (str, "ends\n", "ends\n"),
    (str, " \t\r\n\n", " \t\r\n\n"),
    (datetime, datetime(2024, 2, 29, 12, 30, tzinfo=UTC), "2024-02-29T12:30:00+00:00"),
    (datetime, datetime(2024, 2, 29, 12, 30, 1, 5), "2024-02-29T12:30:01.000005"),
    (timedelta, timedelta(days=1, seconds=90), "P1DT1M30S"),
    (list[int], [1, 2], "[1, 2]"),
    (dict[str, float], {"ü": 1.5}, '{"ü": 1.5}'),
    (str | None, "null", "null"),
    (int | None, 3, "3"),
    (Point, Point(1, 'a"b'), '{"x": 1, "label": "a\\"b"}'),
    (list[Point], [Point(1, "")], '[{"x": 1, "label": ""}]'),
]


@every_engine
def test_every_type_goes_in_as_argument_and_file_and_comes_out_again(
    image: str, engine: str
) -> None:
    names = [f"v{number}" for number in range(len(VALUES))]
    script = """
        for pair in "$@"; do
            name="${pair%%=*}"
            printf '%s' "${pair#*=}" > "/var/outputs/$name"
            cmp "/var/outputs/$name" "/var/inputs/$name"
        done
        cp -r /var/outputs /tmp-texts; mkdir /var/outputs/texts; cp /tmp-texts/* /var/outputs/texts
    """
    kinds = {name: kind for name, (kind, _, _) in zip(names, VALUES, strict=True)}
    *values, texts = ask(
        image,
        script,
        kinds,
        {**kinds, "texts": Dir},
        [f"{name}={{{{.inputs.{name}}}}}" for name in names],
        {name: value for name, (_, value, _) in zip(names, VALUES, strict=True)},
    )
    assert values == [value for _, value, _ in VALUES]
    assert [Path(texts, name).read_bytes().decode() for name in names] == [
        text for _, _, text in VALUES
    ]


def test_none_is_an_empty_word_and_no_file_and_no_file_is_none(image: str, engine: str) -> None:
    script = 'test -z "$1"; test ! -e /var/inputs/x'
    assert (
        ask(image, script, {"x": int | None}, {"o": int | None}, ["{{.inputs.x}}"], {"x": None})
        is None
    )


def test_white_space_around_a_number_does_not_count(image: str, engine: str) -> None:
    script = "echo ' 7 ' > /var/outputs/i; echo ' true' > /var/outputs/b"
    assert ask(image, script, outputs={"i": int, "b": bool}) == (7, True)


def test_a_task_without_outputs_gives_none(image: str, engine: str) -> None:
    assert ask(image, "true") is None


def test_an_argument_beside_text_stays_one_word(image: str, engine: str) -> None:
    result = ask(
        image,
        'echo "$#"; ' + ARGUMENT,
        {"x": str, "y": str},
        {"o": str},
        ["<{{.inputs.x}}|{{ .inputs.y }}>"],
        {"x": "a b", "y": "$(id) {{.inputs.x}}"},
    )
    assert result == "<a b|$(id) {{.inputs.x}}>"


def test_the_directories_are_where_the_task_says(image: str, engine: str) -> None:
    script = "cp '/in put/x' /out.d/o"
    fields = {"input_data_dir": "/in put", "output_data_dir": "/out.d"}
    assert ask(image, script, {"x": str}, {"o": str}, given={"x": "é"}, **fields) == "é"


def test_inputs_can_only_be_read(image: str, engine: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    (tmp_path / "d").mkdir()
    script = """
        for file in x new f d/new inputs.json; do
            if echo new 2>/dev/null > "/var/inputs/$file"; then echo "$file" >> /var/outputs/o; fi
        done
    """
    given = {"x": "1", "f": File(str(tmp_path / "f")), "d": Dir(str(tmp_path / "d"))}
    kinds = {"x": str, "f": File, "d": Dir}
    assert ask(image, script, kinds, {"o": str | None}, given=given) is None
    assert (tmp_path / "f").read_text() == "old"


@pytest.mark.parametrize("name", ["plain", "a, b: \"c\" 'd' \u00e9\n"])
def test_a_file_is_given_by_its_path(image: str, engine: str, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x00\xff")
    given = {"x": File(str(tmp_path / name))}
    script = 'cp "$1" /var/outputs/o; test "$1" = /var/inputs/x'
    result = ask(image, script, {"x": File}, {"o": File}, ["{{.inputs.x}}"], given)
    assert Path(result).read_bytes() == b"\x00\xff"


@pytest.mark.parametrize("name", ["data.csv", "a, b: \"c\" 'd' \u00e9"])
def test_a_file_may_keep_its_name(image: str, engine: str, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("content")
    script = 'printf %s "$1" > /var/outputs/path; cp "$1" /var/outputs/o'
    path, content = ask(
        image,
        script,
        {"x": File},
        {"path": str, "o": str},
        ["{{.inputs.x}}"],
        {"x": File(str(tmp_path / name))},
        file_input_layout="NAMED_DIR",
    )
    assert (path, content) == (f"/var/inputs/x/{name}", "content")


def test_one_file_may_be_two_inputs(image: str, engine: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a")
    same = File(str(tmp_path / "f"))
    script = "cat /var/inputs/x /var/inputs/y > /var/outputs/o"
    kinds = {"x": File, "y": File | None}
    assert ask(image, script, kinds, {"o": str}, given={"x": same, "y": same}) == "aa"


def test_a_directory_goes_in_and_comes_out(image: str, engine: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "f").write_text("1")
    script = 'cp -r "$1" /var/outputs/o; echo 2 > /var/outputs/o/new'
    result = ask(
        image, script, {"x": Dir}, {"o": Dir}, ["{{ .inputs.x }}"], {"x": Dir(str(tmp_path))}
    )
    assert Path(result, "deep", "f").read_text() == "1"
    assert Path(result, "new").read_text() == "2\n"


def test_output_files_are_the_users_own(image: str, engine: str) -> None:
    result = Path(ask(image, "echo > /var/outputs/o", outputs={"o": File}))
    status = result.stat()
    assert (status.st_uid, status.st_gid) == (os.getuid(), os.getgid())
    result.unlink()


EVERYTHING: dict[str, tuple[Any, Any]] = {
    "b": (bool, True),
    "i": (int, 3),
    "f": (float, 1.5),
    "s": (str, 'a: "b"\n\u2028\x85\x7f é 😀 #'),
    "t": (datetime, datetime(2024, 2, 29, tzinfo=UTC)),
    "d": (timedelta, timedelta(seconds=90)),
    "n": (int | None, None),
    "l": (list[int], [1, 2]),
    "m": (dict[str, Any], {"k": [1.5, None, "x"]}),
    "p": (Point, Point(1, "a")),
}
PLAIN = {
    **{name: value for name, (_, value) in EVERYTHING.items()},
    "t": "2024-02-29T00:00:00+00:00",
    "d": "PT1M30S",
    "p": {"x": 1, "label": "a"},
    "file": "/var/inputs/file",
}


def metadata(image: str, tmp_path: Path, kind: Any, suffix: str) -> bytes:
    (tmp_path / "f").touch()
    given = {name: value for name, (_, value) in EVERYTHING.items()}
    kinds = {name: kind for name, (kind, _) in EVERYTHING.items()}
    result = ask(
        image,
        f"cp /var/inputs/inputs.{suffix} /var/outputs/o",
        {**kinds, "file": File},
        {"o": File},
        given={**given, "file": File(str(tmp_path / "f"))},
        metadata_format=kind,
    )
    return Path(result).read_bytes()


def test_all_inputs_are_together_in_json(image: str, engine: str, tmp_path: Path) -> None:
    assert json.loads(metadata(image, tmp_path, "JSON", "json")) == PLAIN


def test_all_inputs_are_together_in_yaml(image: str, engine: str, tmp_path: Path) -> None:
    data = metadata(image, tmp_path, "YAML", "yaml")
    assert yaml.safe_load(data) == PLAIN


def test_all_inputs_are_together_as_a_flyte_literal_map(
    image: str, engine: str, tmp_path: Path
) -> None:
    literals = LiteralMap.FromString(metadata(image, tmp_path, "PROTO", "pb")).literals
    primitive = {name: literals[name].scalar.primitive for name in "bifstd"}
    assert primitive["b"].boolean is True
    assert primitive["i"].integer == 3
    assert primitive["f"].float_value == 1.5
    assert primitive["s"].string_value == EVERYTHING["s"][1]
    assert primitive["t"].datetime.ToDatetime(UTC) == EVERYTHING["t"][1]
    assert primitive["d"].duration.ToTimedelta() == EVERYTHING["d"][1]
    assert literals["n"].scalar.HasField("none_type")
    members = literals["l"].collection.literals
    assert [member.scalar.primitive.integer for member in members] == [1, 2]
    assert literals["m"].scalar.generic["k"][2] == "x"
    assert literals["p"].scalar.generic["label"] == "a"
    assert literals["file"].scalar.blob.uri == "/var/inputs/file"


# What is wrong


def test_a_missing_output_is_named_with_what_was_there(image: str, engine: str) -> None:
    script = "echo 1 > /var/outputs/nearly; echo > /var/outputs/other"
    with pytest.raises(OutputError, match=r"output 'near' was not written.*'nearly', 'other'"):
        ask(image, script, outputs={"near": int})


@pytest.mark.parametrize(
    ("kind", "script", "problem"),
    [
        (int, "echo seven > /var/outputs/o", "is int, and /var/outputs/o holds 'seven"),
        (list[int], "echo '[1' > /var/outputs/o", "which is not one"),
        (Point, "echo '{\"x\": 1}' > /var/outputs/o", "which is not one"),
        (str, "printf '\\377' > /var/outputs/o", "is not UTF-8"),
        (str, "cd /var/outputs; touch $(printf 'a\\377')", r"in /var/outputs: 'a\udcff'"),
        (str, "mkdir /var/outputs/o", "is no file"),
        (File, "mkdir /var/outputs/o", "is no file"),
        (Dir, "echo > /var/outputs/o", "is no directory"),
        (str, "ln -s /etc/passwd /var/outputs/o", "is no file"),
        (File, "ln -s /etc/passwd /var/outputs/o", "is no file"),
        (str, "mkfifo /var/outputs/o", "is no file"),
        (str, "head -c 101 /dev/zero > /var/outputs/o", "has 101 bytes, more than max_inline"),
    ],
)
def test_an_unreadable_output_is_named(
    image: str, engine: str, kind: Any, script: str, problem: str
) -> None:
    with pytest.raises(OutputError) as caught:
        ask(image, script, outputs={"o": kind}, max_inline_io_bytes=100)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        (str, "\ud800", "cannot be written as text"),
        (dict[str, int], {"\ud800": 1}, "cannot be written as text"),
        (dict[str, list[dict[str, int]]], {"a": [{"\udcff": 1}]}, "cannot be written as text"),
        (File, File("/tmp/\ud800"), "which is not there"),
        (Dir, Dir("/tmp/\ud800"), "which is not there"),
        (str, "a\0b", "has a NUL"),
        (File, File("/nowhere/at/all"), "which is not there"),
        (File, File("/etc"), "which is something else"),
        (Dir, Dir("/etc/passwd"), "which is something else"),
        (File, File("s3://bucket/key"), "a URL"),
        (Any, object(), "cannot be written as text"),
    ],
)
def test_an_input_that_cannot_be_handed_over_is_named(
    image: str, engine: str, kind: Any, value: Any, problem: str
) -> None:
    with pytest.raises(InputError) as caught:
        ask(image, "true", {"x": kind}, arguments=["{{.inputs.x}}"], given={"x": value})
    assert "input 'x'" in str(caught.value)
    assert problem in str(caught.value)


def test_a_large_input_is_a_file_but_no_argument(image: str, engine: str) -> None:
    text = "x" * 3_000_000
    script = "wc -c < /var/inputs/x > /var/outputs/o"
    assert ask(image, script, {"x": str}, {"o": int}, given={"x": text}) == len(text)
    with pytest.raises(Exception, match="too long"):
        ask(image, script, {"x": str}, {"o": int}, ["{{.inputs.x}}"], {"x": text})
