"""What a schema says about the cost of its fields: `@cost` and `@listSize`, of the specification that IBM began.

https://ibm.github.io/graphql-specs/cost-spec.html. A field names its own beside itself; what follows from the shape of
types (`derived`) need not be written.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import strawberry
from strawberry import UNSET
from strawberry.schema_directive import Location

Kind = TypeVar("Kind")


@strawberry.schema_directive(
    name="cost",
    description="What something adds to the cost of an operation: a call of a field, an object or value of a type, an "
    "argument that is given.",
    locations=[
        Location.ARGUMENT_DEFINITION,
        Location.ENUM,
        Location.FIELD_DEFINITION,
        Location.INPUT_FIELD_DEFINITION,
        Location.OBJECT,
        Location.SCALAR,
    ],
)
class Cost:
    """`@cost(weight: "5")`: a number without a sign, as text."""

    weight: str


@strawberry.schema_directive(
    name="listSize",
    description="How many items a list has at most: what its slicing arguments say (of a list its length), the "
    "assumed size where none is given. With sized fields it is said of these fields of the object that is returned.",
    locations=[Location.FIELD_DEFINITION],
)
class ListSize:
    """`@listSize(assumedSize: 25, slicingArguments: ["first", "last"], sizedFields: ["edges", "nodes"])`."""

    assumed_size: int | None = UNSET
    slicing_arguments: list[str] | None = UNSET
    sized_fields: list[str] | None = UNSET
    require_one_slicing_argument: bool | None = True


def weighs(weight: int) -> Cost:
    """`@cost` of a whole number."""
    return Cost(weight=str(weight))


def at_most(items: int) -> ListSize:
    """`@listSize` of a list that has so many items at most, whoever asks."""
    return ListSize(assumed_size=items, require_one_slicing_argument=False)


def sized_by(*arguments: str, assumed: int | None = None, fields: Iterable[str] = ()) -> ListSize:
    """`@listSize` of a list, or of these fields of what a field returns, whose length arguments say."""
    return ListSize(
        assumed_size=UNSET if assumed is None else assumed,
        slicing_arguments=list(arguments),
        sized_fields=list(fields) or UNSET,
        require_one_slicing_argument=False,
    )


def said(declared: Any, kind: type[Kind]) -> Kind | None:
    """The directive of a kind that a Strawberry field, type or argument has."""
    return next((each for each in getattr(declared, "directives", None) or () if isinstance(each, kind)), None)
