"""Announces committed events to all processes: ids only, over one Valkey channel, never in the way of the commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import orjson
from redis.asyncio import Redis

from app.activity.record import RECORDED
from app.announcing import CommitAnnouncer
from app.database import Database

CHANNEL = "skyledger:activity"
_LARGEST_MESSAGE = 1_000  # organizations in one message: 60 kB


class Announcer(CommitAnnouncer):
    """Tells who follows an organization's activity: this process at once, the others through Valkey."""

    name = "activity"

    def __init__(self, database: Database, valkey: Redis, heard: Callable[[UUID, int], None] | None = None) -> None:
        super().__init__(database)
        self._valkey = valkey
        self._heard = heard
        # One number per organization, however many events it has: bounded while Valkey is away.
        self._waiting: dict[UUID, int] = {}

    def collect(self, info: dict[Any, Any]) -> bool:
        """See CommitAnnouncer."""
        recorded: dict[UUID, int] = info.get(RECORDED, {})
        for organization_id, last in recorded.items():
            self._waiting[organization_id] = max(last, self._waiting.get(organization_id, 0))
            if self._heard is not None:
                self._heard(organization_id, last)
        return bool(recorded)

    async def send(self) -> None:
        """See CommitAnnouncer."""
        waiting, self._waiting = list(self._waiting.items()), {}
        for start in range(0, len(waiting), _LARGEST_MESSAGE):
            await self._valkey.publish(CHANNEL, encode_heads(waiting[start : start + _LARGEST_MESSAGE]))


def encode_heads(heads: Iterable[tuple[UUID, int]]) -> bytes:
    """One announcement: organizations and the last number of each."""
    return orjson.dumps([[str(organization_id), last] for organization_id, last in heads])


def decode_heads(message: bytes | str) -> list[tuple[UUID, int]]:
    """The content of an announcement. Raises ValueError for anything else that stands on the channel."""
    try:
        return [(UUID(organization_id), int(last)) for organization_id, last in orjson.loads(message)]
    except (TypeError, AttributeError) as error:
        text = "no announcement of activity"
        raise ValueError(text) from error
