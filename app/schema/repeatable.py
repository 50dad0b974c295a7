"""What inputs of mutations share that create, charge or trigger something: the key that makes a repeat harmless."""

from __future__ import annotations

import strawberry


@strawberry.input
class Repeatable:
    """A base of inputs; see app.resolvers.repeats."""

    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Any text of yours, up to 255 characters, that names this call. A call with the same key within "
        "24 hours does nothing and gets the answer of the first one; with other arguments it is a conflict. What "
        "failed is not kept: the same call tries again.",
    )
