"""Each type in each form: what goes in is what comes out, or it is refused by its name."""

import base64
import collections
import enum
import ipaddress
import json
import math
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypedDict

import pydantic
import pytest
import yaml
from flyteidl2.core.literals_pb2 import LiteralMap

from tasksmithy import Dir, File, InputError, OutputError, run
from tasksmithy_container import ContainerTask


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


@dataclass
class Inner:
    amounts: list[Decimal]
    when: datetime


@dataclass
class Record:
    name: str
    inner: Inner | None = None
    tags: dict[str, int] = field(default_factory=dict)


class Model(pydantic.BaseModel):
    x: int
    note: str = ""


class Pair(NamedTuple):
    x: int
    label: str


class Options(TypedDict):
    depth: int
    name: str


Identifier = NewType("Identifier", str)
Short = Annotated[str, pydantic.Field(max_length=99)]
TEXT = ' "q"\n\u2028\x85\x7f é 😀 #: - \\ '
MOMENT = datetime(2024, 2, 29, 12, 30, 1, 5, tzinfo=UTC)
MOST = Decimal("0.12345678901234567890123")

ROWS: dict[str, tuple[Any, Any]] = {
    "bool": (bool, True),
    "int": (int, -(2**53) - 1),
    "float": (float, 0.1),
    "float_large": (float, 1e300),
    "float_small": (float, 5e-324),
    "float_whole": (float, 1e16),
    "float_inf": (float, -math.inf),
    "float_zero": (float, -0.0),
    "str": (str, TEXT),
    "str_empty": (str, ""),
    "str_number": (str, "1.0"),
    "str_word": (str, "null"),
    "new_type": (Identifier, TEXT),
    "annotated": (Short, TEXT),
    "optional_str": (str | None, "null"),
    "bytes": (bytes, b'"abc" \n\xff\x01'),
    "bytes_text": (bytes, b"abc \n"),
    "decimal": (Decimal, MOST),
    "decimal_zero": (Decimal, Decimal("1.10")),
    "datetime": (datetime, MOMENT),
    "datetime_zone": (datetime, datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5.5)))),
    "datetime_naive": (datetime, datetime(2024, 1, 1)),
    "date": (date, date(2024, 2, 29)),
    "time": (time, time(12, 30, 1, 5)),
    "timedelta": (timedelta, timedelta(days=400, seconds=5)),
    "timedelta_negative": (timedelta, -timedelta(hours=3, microseconds=5)),
    "uuid": (uuid.UUID, uuid.UUID(int=7)),
    "name": (PurePosixPath, PurePosixPath("a/b c")),
    "address": (ipaddress.IPv4Address, ipaddress.IPv4Address("10.0.0.1")),
    "enum": (Colour, Colour.RED),
    "int_enum": (Level, Level.HIGH),
    "str_enum": (Word, Word.YES),
    "literal": (Literal["a", "b"], "b"),
    "literal_int": (Literal[1, 2], 2),
    "optional": (int | None, 3),
    "union": (int | str, "x"),
    "list": (list[int], [1, 2]),
    "list_str": (list[str], [TEXT, "", "null"]),
    "list_decimal": (list[Decimal], [MOST]),
    "list_float": (list[float], [1e300, 1e-7, 2.0]),
    "list_datetime": (list[datetime], [MOMENT]),
    "list_bytes": (list[bytes], [b"abc"]),
    "tuple": (tuple[int, str], (1, "a")),
    "tuple_any": (tuple[int, ...], (1, 2, 3)),
    "set": (set[int], {1, 2}),
    "frozenset": (frozenset[str], frozenset({"a"})),
    "dict": (dict[str, int], {"on": 1, TEXT: 2, "k" * 2000: 3}),
    "dict_int": (dict[int, float], {1: 0.5}),
    "dict_nested": (dict[str, list[Decimal]], {"k": [MOST]}),
    "dict_any": (dict[str, Any], {"k": [1.5, None, "x", {"y": True}]}),
    "any_list": (list, [1, "a", None]),
    "record": (Record, Record("a", Inner([MOST], MOMENT), {"x": 1})),
    "records": (list[Record], [Record("a"), Record("b")]),
    "model": (Model, Model(x=1, note=TEXT)),
    "pair": (Pair, Pair(1, "a")),
    "options": (Options, {"depth": 1, "name": "x"}),
    "ordered": (collections.OrderedDict[str, int], collections.OrderedDict(a=1)),
}

NOT_AS_LITERAL = {"datetime_naive": "no time zone"}


def task(image: str, kinds: dict[str, Any], suffix: str, script: str, **fields: Any) -> Any:
    return ContainerTask(
        name="t",
        image=image,
        command=["sh", "-ec", script, "sh"],
        inputs=kinds,
        metadata_format=suffix,
        local_logs=False,
        **fields,
    )


def same(found: Any, value: Any) -> bool:
    # pydantic's own time zone is the same as UTC.
    shown = repr(found).replace("TzInfo(0)", "datetime.timezone.utc")
    return type(found) is type(value) and shown == repr(value)


def test_each_type_comes_out_as_it_went_in_by_its_file_and_by_its_argument(
    image: str, engine: str
) -> None:
    names = list(ROWS)
    as_words = [name for name in names if name != "bytes"]
    script = """
        cp /var/inputs/* /var/outputs
        for name in $NAMES; do
            printf %s "$1" | cmp - "/var/inputs/$name" >&2; shift
        done
    """
    container = task(
        image,
        {name: kind for name, (kind, _) in ROWS.items()},
        "JSON",
        script,
        arguments=[f"{{{{.inputs.{name}}}}}" for name in as_words],
        outputs={name: kind for name, (kind, _) in ROWS.items()},
        env_vars={"NAMES": " ".join(as_words)},
    )
    found = run(container, **{name: value for name, (_, value) in ROWS.items()})
    for name, result in zip(names, found, strict=True):
        assert same(result, ROWS[name][1]), (name, result)


def metadata(image: str, kind: str, suffix: str, names: list[str]) -> bytes:
    container = task(
        image,
        {name: ROWS[name][0] for name in names},
        kind,
        f"cp /var/inputs/inputs.{suffix} /var/outputs/o",
        outputs={"o": File},
    )
    return Path(run(container, **{name: ROWS[name][1] for name in names})).read_bytes()


def plain(name: str) -> Any:
    """The JSON value of a row."""
    kind, value = ROWS[name]
    if isinstance(value, timedelta):
        return {"timedelta": "P400DT5S", "timedelta_negative": "-PT3H0.000005S"}[name]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict) and kind is Options:  # pydantic knows none below Python 3.12
        return value
    adapter = pydantic.TypeAdapter(kind)
    return json.loads(json.dumps(adapter.dump_python(value, mode="json")))


def test_each_type_is_in_the_json_of_all_inputs(image: str, engine: str) -> None:
    def no_constant(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    found = json.loads(metadata(image, "JSON", "json", list(ROWS)), parse_constant=no_constant)
    for name, (_, value) in ROWS.items():
        if isinstance(value, bytes):
            assert base64.b64decode(found[name]) == value
        elif name == "float_inf":
            assert found[name] == "-Infinity"
        elif isinstance(value, set):
            assert set(found[name]) == value
        else:
            assert same(found[name], plain(name)), name


def test_each_type_is_in_the_yaml_of_all_inputs_as_pyyaml_reads_it(image: str, engine: str) -> None:
    found = yaml.safe_load(metadata(image, "YAML", "yaml", list(ROWS)))
    for name, (_, value) in ROWS.items():
        expected = value if isinstance(value, bytes | float) else plain(name)
        assert same(found[name], expected), name


def test_the_names_of_inputs_are_no_words_of_yaml(image: str, engine: str) -> None:
    names = ["on", "no", "y", "null", "true"]
    container = task(
        image,
        dict.fromkeys(names, int),
        "YAML",
        "cp /var/inputs/inputs.yaml /var/outputs/o",
        outputs={"o": str},
    )
    found = run(container, **dict.fromkeys(names, 1))
    assert yaml.safe_load(found) == dict.fromkeys(names, 1)


def read(literal: Any) -> Any:
    """What Flyte reads in a literal."""
    which = literal.WhichOneof("value")
    if which == "collection":
        return [read(each) for each in literal.collection.literals]
    if which == "map":
        return {key: read(each) for key, each in literal.map.literals.items()}
    scalar = literal.scalar
    of_scalar = scalar.WhichOneof("value")
    if of_scalar == "none_type":
        return None
    if of_scalar == "binary":
        return scalar.binary.value
    if of_scalar == "generic":
        return json.loads(pydantic.TypeAdapter(Any).dump_json(_of_struct(scalar.generic)))
    kind = scalar.primitive.WhichOneof("value")
    value = getattr(scalar.primitive, kind)
    if kind == "datetime":
        return value.ToDatetime(UTC)
    if kind == "duration":
        return value.ToTimedelta()
    return value


def _of_struct(structure: Any) -> Any:
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(structure)


def test_each_type_is_a_flyte_literal_of_its_own_type(image: str, engine: str) -> None:
    names = [name for name in ROWS if name not in NOT_AS_LITERAL]
    found = LiteralMap.FromString(metadata(image, "PROTO", "pb", names)).literals
    for name in names:
        value = ROWS[name][1]
        result = read(found[name])
        if isinstance(value, datetime | timedelta | bytes | float) or name == "list_datetime":
            assert result == value, name
        else:
            assert result == plain(name), (name, result)


@pytest.mark.parametrize(("name", "problem"), NOT_AS_LITERAL.items())
def test_what_is_no_flyte_literal_is_refused_by_name(
    image: str, engine: str, name: str, problem: str
) -> None:
    with pytest.raises(InputError, match=f"input '{name}' cannot be .* literal: .*{problem}"):
        metadata(image, "PROTO", "pb", [name])


@pytest.mark.parametrize(
    ("kind", "value", "form", "problem"),
    [
        (int, 2**63, "PROTO", "input 'x' cannot be written as a Flyte literal"),
        (dict[str, Any], {"n": 2**60}, "PROTO", "would lose digits"),
        (list[float], [math.nan], "JSON", "JSON has no such number"),
        (list[bytes], [b"\xff"], "JSON", "input 'x'"),
        (Any, [File("a")], "JSON", r"input 'x' .*\[0\] is a File"),
        (Any, {"k": (Path("a"),)}, "JSON", r"\['k'\]\[0\] is a PosixPath"),
        (dict[str, Any], {"k": Dir("/etc")}, "JSON", r"\['k'\] is a Dir"),
    ],
)
def test_what_has_no_exact_form_is_refused_by_name(
    image: str, engine: str, kind: Any, value: Any, form: str, problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        run(task(image, {"x": kind}, form, "true"), x=value)


def test_bytes_that_are_no_text_are_refused_in_a_command(image: str, engine: str) -> None:
    container = task(image, {"x": bytes}, "JSON", "true", arguments=["{{.inputs.x}}"])
    with pytest.raises(InputError, match=r"input 'x' is not UTF-8.*use its file"):
        run(container, x=b"\xff")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (bool, "1.5"),
        (int, "1.0"),
        (datetime, "12"),
        (timedelta, "90"),
        (Decimal, "one"),
        (list[datetime], "[0]"),
        (Fraction, "[1"),
        (Colour, "blue"),
        (Literal["a"], "c"),
        (Short, "x" * 100),
    ],
)
def test_what_is_no_value_of_its_type_is_refused_by_name(
    image: str, engine: str, kind: Any, text: str
) -> None:
    script = f"printf %s '{text}' > /var/outputs/o"
    with pytest.raises(OutputError, match="output 'o'"):
        run(task(image, {}, "JSON", script, outputs={"o": kind}))
