"""What the demo lacks."""

from __future__ import annotations

from tests.resolvers.cost_caller import Caller


async def furnish(caller: Caller) -> None:
    """Nothing yet."""
