"""What a person reads of an object that is stored, without its class: fields by name, rows."""

from __future__ import annotations

from typing import Any

from tasksmithy.values._reducer import Parts
from tasksmithy.values._reducers import words_of
from tasksmithy.values._standard_reducers import standard_reducer_for

_ROWS = 20  # of a table
_OF_TIMES = frozenset({"timezone", "ZoneInfo", "TzInfo", "timedelta"})
_EXTRA = "__pydantic_extra__"
_HIDDEN = frozenset({_EXTRA, "__pydantic_private__", "__pydantic_fields_set__"})


def text_of(shape: str, parts: Parts) -> str:
    """The text of an object, as its `repr` would be where that is the usual one.

    Args:
        shape: that of its reducer.
        parts: its parts; what is no builtin value has a `repr` of this kind.
    """
    kind, title, fields = words_of(shape)
    if kind == "enum":
        return f"{title}.{parts[0]}"
    if kind in ("File", "Dir"):
        return f"{kind}(path={parts[0]!r})"
    if not title:
        return repr(_standard(kind, parts))
    named = dict(zip(fields, parts, strict=False))
    shown = {name: part for name, part in named.items() if name not in _HIDDEN}
    shown |= named.get(_EXTRA) or {}
    texts = [f"{name}={part!r}" for name, part in shown.items()] or map(repr, parts)
    return f"{title}({', '.join(texts)})"


def text_of_table(name: str, stream: bytes) -> str:
    """The columns of a table, with their types, and its first rows."""
    try:
        import pyarrow as pa
    except ImportError:
        return f"<{name}, {len(stream):,} bytes>"
    table = pa.ipc.open_stream(pa.py_buffer(stream)).read_all()
    columns = ", ".join(f"{field.name}: {field.type}" for field in table.schema)
    rows = "".join(f"\n{row}" for row in table.slice(0, _ROWS).to_pylist())
    more = "\n..." if table.num_rows > _ROWS else ""
    return f"<{name}, {table.num_rows:,} rows: {columns}>{rows}{more}"


def _standard(shape: str, parts: Parts) -> Any:
    """An object of a type that comes with Python or numpy, as to make one runs no other code."""
    reducer = standard_reducer_for(shape)
    made = reducer.make(tuple(map(_inner, parts)))
    if reducer.fill is not None:
        reducer.fill(made, parts)
    return made


def _inner(part: Any) -> Any:
    """A part of such an object: times take zones, and zones a difference, as they are."""
    is_of_time = getattr(part, "shape", None) in _OF_TIMES
    return _standard(part.shape, part.parts) if is_of_time else part
