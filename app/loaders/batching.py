"""Strawberry's DataLoader for operations whose parts may be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, TypeVar, cast

from strawberry import dataloader

Key = TypeVar("Key")
Value = TypeVar("Value")


class DataLoader(dataloader.DataLoader[Key, Value]):
    """Batches loads of one operation.

    Many may wait for one value. An error in a place that must not be null cancels what goes on beside it; without a
    shield whoever is cancelled would take the value from the others, and the whole operation would end as cancelled.
    """

    def load(self, key: Key) -> Awaitable[Value]:
        """The value of a key, with all others that are asked for meanwhile."""
        found: Awaitable[Value] = _shared(super().load(key))
        return found

    async def load_many(self, keys: Iterable[Key]) -> list[Value]:
        """The values of many keys, in order: at once, without waiting for others that ask."""
        wanted = list(keys)
        missing = [key for key in dict.fromkeys(wanted) if self.cache_map.get(key) is None]
        if missing:
            # Ours give a value for each key or raise; none gives errors in place of values.
            values = cast("list[Value]", await self.load_fn(missing))
            self.prime_many(dict(zip(missing, values, strict=True)))
        return [await _shared(self.cache_map.get(key)) for key in wanted]


def _shared(value: Any) -> Any:
    """A future for one of those who wait for it."""
    return value if value.done() else asyncio.shield(value)
