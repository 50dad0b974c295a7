"""The rows that a plan reads in place of objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import GraphQLObjectType

from app.execution.declarations import FromRows


class NotOfRowsError(Exception):
    """A field that cannot be read from a row: the level needs objects."""


@dataclass
class RowColumns:
    """The rows that a field is asked for: which type they stand for, and which columns are wanted of each.

    Where they are a part of other rows, `names` are what the type's columns are called in these.
    """

    type: GraphQLObjectType
    forms: FromRows
    columns: dict[str, int] = field(default_factory=dict)
    names: Mapping[str, str] | None = None

    def place(self, column: str) -> int:
        """Where a column stands in each row."""
        name = column if self.names is None else self.names[column]
        return self.columns.setdefault(name, len(self.columns))

    def stand_in(self, rows: RowColumns, names: Mapping[str, str]) -> None:
        """Be a part of these rows, whose type calls the columns so."""
        of_rows = rows.names
        self.columns = rows.columns
        self.names = names if of_rows is None else {column: of_rows[name] for column, name in names.items()}
