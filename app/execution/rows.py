"""The rows that a plan reads in place of objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    is_object_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from app.execution.arguments import Prepare
from app.execution.declarations import BESIDE, EXECUTION, Batch, FromRows, Rows, rows_of
from app.execution.selections import Selections

_DEFINITION = GraphQLCoreConverter.DEFINITION_BACKREF


@dataclass
class RowColumns:
    """The rows that a field is asked for: which type they stand for, and which columns are wanted of each.

    Where they are a part of other rows, `names` are what the type's columns are called in these. One field below may
    be read beside them if `takes_beside`: `beside` is what it declares, and what prepares its arguments.
    """

    type: GraphQLObjectType
    forms: FromRows
    columns: dict[str, int] = field(default_factory=dict)
    names: Mapping[str, str] | None = None
    takes_beside: bool = False
    beside: tuple[Callable[..., Any], Prepare] | None = None

    def place(self, column: str) -> int:
        """Where a column stands in each row."""
        name = column if self.names is None else self.names[column]
        return self.columns.setdefault(name, len(self.columns))

    def stand_in(self, rows: RowColumns, names: Mapping[str, str]) -> None:
        """Be a part of these rows, whose type calls the columns so."""
        of_rows = rows.names
        self.columns = rows.columns
        self.names = names if of_rows is None else {column: of_rows[name] for column, name in names.items()}

    def stand_beside(self, rows: RowColumns) -> None:
        """Come with these rows, in columns of its own."""
        self.stand_in(rows, {name: f"{BESIDE}{name}" for name in self.forms.all_columns()})

    def suffice(self, type_: GraphQLOutputType, nodes: Sequence[FieldNode], selections: Selections) -> bool:
        """Whether all that is selected of the rows within a type can be read from them, or objects are needed.

        To be asked before anything is compiled: what is compiled in vain at each level is compiled 2^levels times.
        """
        inner = get_named_type(type_)
        if not is_object_type(inner):
            return True
        for selected in selections.fields(inner, [node.selection_set for node in nodes]).values():
            name = selected[0].name.value
            if name.startswith("__"):
                continue
            declared: StrawberryField = inner.fields[name].extensions[_DEFINITION]
            how = declared.metadata.get(EXECUTION)
            if inner is self.type:
                if not isinstance(how, Batch) and not self.forms.give(declared.python_name):
                    return False
            elif not isinstance(how, Batch | Rows) and not self.suffice(inner.fields[name].type, selected, selections):
                return False
        return True


def rows_below(type_: GraphQLOutputType) -> RowColumns | None:
    """Rows of the type that a field gives: itself, or the nodes of a connection."""
    inner: Any = type_
    while isinstance(inner, GraphQLNonNull | GraphQLList):
        inner = inner.of_type
    if is_object_type(inner) and "nodes" in inner.fields:
        return rows_below(inner.fields["nodes"].type)
    forms = rows_of(inner.extensions[_DEFINITION].origin) if is_object_type(inner) else None
    return None if forms is None else RowColumns(inner, forms)
