"""Tables and data frames as bytes: what comes back, and what identifies them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import pandas as pd
import polars as pl
import polars.testing
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasksmithy.errors import ValueEncodingError
from tasksmithy.values._identity import digest
from tasksmithy.values._size import inline_size
from tasksmithy.values._storage import decode, encode

TABLE = pa.table(
    {
        "n": [7, 1, None, 3, 4, 8],
        "text": ["zz", "a", None, "c", "d", "e"],
        "list": [[0], [1], None, [2, 3], [], [9]],
        "flag": [True, True, None, False, True, True],
        "struct": [{"q": 1, "r": "x"}, {"q": 2, "r": "y"}, None, None, None, {"q": 3, "r": None}],
        "kind": pa.array(["u", "v", "u", None, "v", "u"]).dictionary_encode(),
        "at": pa.array([dt.datetime(2024, 1, 1)] * 6, pa.timestamp("ns", "Europe/Berlin")),
    }
)


class Rows:
    """A table of some library: it hands out Arrow, and is made of Arrow."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)

    @classmethod
    def from_arrow(cls, table: Any) -> Rows:
        return cls(table)

    def __reduce__(self) -> str:
        raise TypeError("not to be pickled")


class Relation:
    """A table that cannot be rebuilt, as the result of a database is."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return TABLE.__arrow_c_stream__(requested_schema)

    def __reduce__(self) -> str:
        raise TypeError("not to be pickled")


def again(value: Any, kind: Any = Any) -> Any:
    return decode(encode(value, kind), kind)


def without_pickle(value: Any) -> Any:
    encoded = encode(value)
    assert "pickle" not in encoded.format
    return decode(encoded)


def test_a_table_comes_back() -> None:
    copy = without_pickle(TABLE)
    assert type(copy) is pa.Table
    assert copy.equals(TABLE, check_metadata=True)


def test_the_metadata_of_a_schema_comes_back() -> None:
    table = TABLE.replace_schema_metadata({"unit": "km"})
    assert without_pickle(table).schema.metadata == {b"unit": b"km"}


def test_a_record_batch_comes_back_as_one() -> None:
    batch = TABLE.to_batches()[0]
    copy = without_pickle(batch)
    assert type(copy) is pa.RecordBatch
    assert copy.equals(batch)


@pytest.mark.parametrize("value", [TABLE[:0], TABLE[:0].to_batches(), pa.table({})], ids=type)
def test_no_rows_come_back_as_no_rows(value: Any) -> None:
    assert without_pickle(value) == value


def test_an_empty_record_batch_comes_back_with_its_schema() -> None:
    batch = pa.RecordBatch.from_pylist([], schema=TABLE.schema)
    assert without_pickle(batch).schema == TABLE.schema


FRAMES = {
    "numbers": pd.DataFrame({"a": [1, 2], "b": [0.5, None]}),
    "text": pd.DataFrame({"a": ["x", None]}),
    "categories": pd.DataFrame({"a": pd.Categorical(["x", "y"], ["y", "x"], ordered=True)}),
    "named index": pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key")),
    "range index": pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(4, 8, 2, name="key")),
    "days": pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2024", periods=2, freq="D")),
    "zone": pd.DataFrame({"a": pd.date_range("2024", periods=2, tz="Europe/Berlin")}),
    "levels": pd.DataFrame(
        {"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, "x"), (2, "y")], names=["i", "j"])
    ),
    "nullable": pd.DataFrame({"a": pd.array([1, None], "Int8"), "b": pd.array([True, None])}),
    "bytes": pd.DataFrame({"a": pd.Series([b"x", None], dtype=object)}),
    "number names": pd.DataFrame({1: [1], 2: [2]}),
    "empty": pd.DataFrame(),
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="int16")}),
}
ODD_FRAMES = {
    "mixed": pd.DataFrame({"a": pd.Series(["x", 3], dtype=object)}),
    "lists": pd.DataFrame({"a": [[1], [2, 3]]}),
    "object text": pd.DataFrame({"a": pd.Series(["x", None], dtype=object)}),
    "not a number": pd.DataFrame({"a": pd.Series([b"x", float("nan")], dtype=object)}),
    "complex": pd.DataFrame({"a": [1 + 2j]}),
    "twice": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "mixed names": pd.DataFrame([[1, 2]], columns=["a", 3]),
    "level names": pd.DataFrame({("a", "b"): [1]}),
    "sparse": pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}),
    "odd index name": pd.DataFrame({"a": [1]}, index=pd.Index([1], name=3)),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_a_pandas_frame_comes_back_without_a_pickle(frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(without_pickle(frame), frame)


@pytest.mark.parametrize("frame", ODD_FRAMES.values(), ids=ODD_FRAMES.keys())
def test_a_pandas_frame_that_arrow_would_change_comes_back_from_a_pickle(
    frame: pd.DataFrame,
) -> None:
    encoded = encode(frame)
    assert "cloudpickle" in encoded.format
    pd.testing.assert_frame_equal(decode(encoded), frame)


def test_the_attributes_of_a_pandas_frame_come_back() -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["source"] = {1, 2}
    assert again(frame).attrs == {"source": {1, 2}}


POLARS = pl.DataFrame(
    {
        "n": [1, None, 3],
        "text": ["x", "y" * 40, None],
        "list": [[1], [2, 3], None],
        "category": pl.Series(["u", "v", "u"], dtype=pl.Categorical),
        "enum": pl.Series(["u", "v", "u"], dtype=pl.Enum(["v", "u"])),
        "duration": pl.Series([1, 2, 3], dtype=pl.Duration("ms")),
        "array": pl.Series([[1, 2]] * 3, dtype=pl.Array(pl.Int8, 2)),
        "money": pl.Series(["1.50"] * 3).cast(pl.Decimal(10, 2)),
    }
)


@pytest.mark.parametrize("frame", [POLARS, POLARS[1:], POLARS[:0]], ids=len)
def test_a_polars_frame_comes_back_without_a_pickle(frame: pl.DataFrame) -> None:
    polars.testing.assert_frame_equal(without_pickle(frame), frame)


def test_polars_frames_that_arrow_would_change_come_back_from_a_pickle() -> None:
    for frame in (pl.DataFrame(), pl.DataFrame({"a": pl.Series([1], dtype=pl.Int128)})):
        assert "cloudpickle" in encode(frame).format
        polars.testing.assert_frame_equal(again(frame), frame)


def test_a_series_comes_back_from_a_pickle() -> None:
    assert again(pl.Series("a", [1, 2])).to_list() == [1, 2]
    assert again(pd.Series([1, 2])).tolist() == [1, 2]


@settings(deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "n": st.none() | st.integers(-(2**63), 2**63 - 1),
                "x": st.none() | st.floats(),
                "s": st.none() | st.text(),
                "l": st.none() | st.lists(st.none() | st.integers(0, 9)),
            }
        )
    )
)
def test_any_rows_come_back(rows: list[dict[str, Any]]) -> None:
    schema = {"n": pl.Int64, "x": pl.Float64, "s": pl.String, "l": pl.List(pl.Int8)}
    frame = pl.DataFrame(rows, schema=schema)
    polars.testing.assert_frame_equal(without_pickle(frame), frame)


def test_tables_inside_others_come_back() -> None:
    copy = without_pickle({"a": [TABLE, POLARS], "b": (FRAMES["text"],)})
    assert copy["a"][0].equals(TABLE)
    polars.testing.assert_frame_equal(copy["a"][1], POLARS)
    pd.testing.assert_frame_equal(copy["b"][0], FRAMES["text"])


# The declared type


@pytest.mark.parametrize(
    "kind", [pa.Table, pa.RecordBatch, pd.DataFrame, pl.DataFrame, Rows], ids=lambda kind: str(kind)
)
@pytest.mark.parametrize("value", [TABLE, POLARS, FRAMES["numbers"], Rows(TABLE)], ids=type)
def test_a_table_comes_back_as_the_declared_type(value: Any, kind: Any) -> None:
    copy = again(value, kind)
    assert type(copy) is kind
    assert pa.table(copy).num_rows == pa.table(value).num_rows


def test_a_union_gives_the_type_that_was_put_in_where_it_has_it() -> None:
    assert type(again(POLARS, pa.Table | pl.DataFrame)) is pl.DataFrame
    assert type(again(POLARS, pa.Table | None)) is pa.Table
    assert type(again(POLARS, Annotated[pa.Table, "rows"])) is pa.Table


def test_a_table_that_cannot_be_rebuilt_comes_back_as_the_declared_type() -> None:
    assert again(Relation(), pa.Table).equals(TABLE)


def test_a_table_that_cannot_be_rebuilt_is_an_error_without_a_declared_type() -> None:
    with pytest.raises(ValueEncodingError, match=r"of type .*Relation, which cannot be encoded"):
        encode(Relation())


def test_a_stream_that_can_be_read_once_is_an_error_and_is_not_read() -> None:
    stream = TABLE.to_reader()
    for kind in (Any, pa.Table):
        with pytest.raises(ValueEncodingError, match="RecordBatchReader"):
            encode(stream, kind)
    assert stream.read_all().num_rows == 6


# Digests


def test_equal_rows_have_equal_bytes_and_digests_however_they_are_cut() -> None:
    whole = TABLE.drop_columns("kind")  # to pyarrow another dictionary is another content
    rows = whole[1:5]
    fresh = pa.Table.from_pylist(rows.to_pylist(), schema=rows.schema)
    chunks = pa.concat_tables([whole[1:2], whole[2:5]])
    assert len({encode(table).data for table in (rows, fresh, chunks)}) == 1
    assert len({digest(table) for table in (rows, fresh, chunks)}) == 1


def test_what_lies_under_a_null_is_not_in_the_digest() -> None:
    array = pa.array([1, None, 3])
    hidden = pa.array([1, 99, 3]).buffers()[1]
    other = pa.Array.from_buffers(pa.int64(), 3, [array.buffers()[0], hidden])
    assert digest(pa.table({"a": array})) == digest(pa.table({"a": other}))


@pytest.mark.parametrize(
    "other",
    [
        TABLE[:5],
        TABLE.set_column(0, "n", pa.array([7, 1, None, 3, 4, 9])),
        TABLE.set_column(0, "n", pa.array([7, 1, None, 3, 4, 8], pa.int32())),
        TABLE.rename_columns(["m", *TABLE.column_names[1:]]),
        TABLE.to_batches()[0],
    ],
    ids=["fewer rows", "another value", "another type", "another name", "a batch"],
)
def test_tables_that_differ_have_different_digests(other: Any) -> None:
    assert digest(other) != digest(TABLE)


def test_frames_of_equal_content_have_equal_digests() -> None:
    assert digest(POLARS) == digest(pl.concat([POLARS[:1], POLARS[1:]], rechunk=False))
    for frame in FRAMES.values():
        assert digest(frame) == digest(frame.copy())


def test_tables_take_nothing_inline() -> None:
    values = [TABLE, TABLE.to_batches()[0], POLARS, FRAMES["text"], ODD_FRAMES["lists"]]
    assert [inline_size(value) for value in values] == [0] * 5
    assert inline_size({"a": [TABLE]}) < 60
