"""The rows that a plan reads in place of objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphql import FieldNode, GraphQLObjectType, GraphQLOutputType, get_named_type, is_object_type
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from app.execution.declarations import EXECUTION, Batch, FromRows, Rows
from app.execution.selections import Selections

_DEFINITION = GraphQLCoreConverter.DEFINITION_BACKREF


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
