"""Types that plans read from rows: the table vouches for what the graph promises."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLNonNull, GraphQLObjectType
from sqlalchemy import BigInteger, Column, Integer, SmallInteger, Table
from strawberry.schema.schema_converter import GraphQLCoreConverter

from app.execution.declarations import EXECUTION, Batch, FromRows, rows_of
from app.repositories.accounts import ACCOUNTS
from app.repositories.kept_statements import SHOWN_BESIDES
from app.repositories.recommendations import RECOMMENDATIONS
from app.repositories.resources import RESOURCES
from app.resolvers.roots import make_schema

TABLES: dict[str, Table] = {"Account": ACCOUNTS, "Recommendation": RECOMMENDATIONS, "Resource": RESOURCES}
# Whose rows are computed: tests/execution compares them with the objects.
COMPUTED = {"CostGroup", "CostKey", "CostPoint", "Money", "PeriodCost", "Saving"}


def _declared() -> list[tuple[GraphQLObjectType, FromRows]]:
    types = make_schema()._schema.type_map.values()
    found = []
    for type_ in types:
        definition = type_.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if isinstance(type_, GraphQLObjectType) and definition is not None:
            forms = rows_of(definition.origin)
            if forms is not None:
                found.append((type_, forms))
    return found


DECLARED = _declared()


def test_every_declared_type_has_its_table_here() -> None:
    assert sorted(type_.name for type_, _ in DECLARED) == sorted([*TABLES, *COMPUTED])


@pytest.mark.parametrize(
    ("type_", "forms"),
    [one for one in DECLARED if one[0].name not in COMPUTED],
    ids=lambda each: getattr(each, "name", ""),
)
def test_columns_are_there_and_are_what_the_graph_says(type_: GraphQLObjectType, forms: FromRows) -> None:
    table, wrong = TABLES[type_.name], []
    fields = {each.extensions["strawberry-definition"].python_name: each for each in type_.fields.values()}
    for name in forms.columns:
        column: Column[Any] = table.c[name]
        promised = fields[name].type
        if isinstance(promised, GraphQLNonNull) and column.nullable:
            wrong.append(f"{name} may be null in {table.name}")
        inner = getattr(promised, "of_type", promised)
        if getattr(inner, "name", "") == "Int" and not (
            isinstance(column.type, Integer | SmallInteger) and not isinstance(column.type, BigInteger)
        ):
            wrong.append(f"{name} may be larger than an Int")
    needed = {column for made in forms.made.values() for column in made.columns}
    for each in type_.fields.values():
        how = each.extensions["strawberry-definition"].metadata.get(EXECUTION)
        needed |= set(how.columns) if isinstance(how, Batch) else set()
    assert wrong == []
    assert needed <= {*table.c.keys(), *SHOWN_BESIDES}
    assert set(forms.made) <= set(fields)
