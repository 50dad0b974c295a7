"""What a caller may still ask."""

from __future__ import annotations

import strawberry

from app.server.costs.charging import Charge
from app.server.costs.directives import weighs


@strawberry.type(
    description="The bucket of points that the caller's operations are paid from, and what this operation is charged.",
    directives=[weighs(0)],
)
class RateLimit:
    """See app.server.costs."""

    maximum: int = strawberry.field(description="Points that the bucket holds.")
    available: int = strawberry.field(
        description="Points left in it while this operation runs. What the operation does not use of `requested` is "
        "given back when it has ended."
    )
    restore_rate: int = strawberry.field(description="Points that it gets back in a second.")
    requested: int = strawberry.field(description="Points that this operation may cost at most, by its estimate.")

    @classmethod
    def of(cls, charge: Charge) -> RateLimit:
        """Make it of a charge."""
        rate = charge.rate
        return cls(
            maximum=rate.maximum,
            available=max(0, charge.available),
            restore_rate=int(rate.restored),
            requested=charge.requested,
        )
