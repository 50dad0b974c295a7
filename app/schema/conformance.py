"""How rows depart from FOCUS although they were kept."""

from __future__ import annotations

import strawberry


@strawberry.type(description="A way in which the rows depart from FOCUS although they were kept.")
class ConformanceNote:
    """See app.costs.conformance.ConformanceNote."""

    kind: str = strawberry.field(description="The kind of departure, such as `missing column`.")
    column: str = strawberry.field(description="The column.")
    detail: str = strawberry.field(description="What was found or done.")
    rows: int = strawberry.field(description="In how many rows.")
    first_row: int = strawberry.field(description="The first of these rows.")
