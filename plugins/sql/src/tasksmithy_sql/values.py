"""The types that only SQL tasks have: names as inputs, the number of rows as an output."""

from __future__ import annotations

from typing import Any


class Identifier(str):
    """The name of a table or column as an input; the statement holds it quoted.

    It is the only input that becomes part of the text: `from :table` with
    `inputs={"table": Identifier}`. One identifier is one name: a qualified one is
    `:schema.:table`.
    """

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Text from outside becomes an identifier; in code it has to be written as one."""
        from pydantic_core import core_schema

        return core_schema.lax_or_strict_schema(
            core_schema.no_info_after_validator_function(cls, core_schema.str_schema()),
            core_schema.is_instance_schema(cls),
        )


class RowCount(int):
    """The number of rows that a statement changed, as an output: `output=RowCount`."""

    __slots__ = ()
