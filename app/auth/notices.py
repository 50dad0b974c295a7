"""Notices that somebody's reach has changed: this process hears them on commit, the others through Valkey."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.tasks import end_tasks

CHANNEL = "skyledger:identity"
PUBLISH_SECONDS = 1.0
RECONNECT_SECONDS = 1.0
_IDLE_SECONDS = 30.0
_CHANGED = "auth.changed"


def reach_changed(session: AsyncSession, *ids: UUID) -> None:
    """Note in a transaction that these users, sessions, API keys or organizations must be looked up anew after it."""
    session.info.setdefault(_CHANGED, set()).update(ids)


class Notices:
    """Passes the ids of `reach_changed` to `heard`, in every process that has started one.

    A notice only hastens what would happen anyway when the cache's few seconds are over, so it may be lost.
    """

    def __init__(self, database: Database, valkey: Redis | None, heard: Callable[[frozenset[UUID]], None]) -> None:
        self._database = database
        self._valkey = valkey
        self._heard = heard
        self._task: asyncio.Task[None] | None = None
        database.commit_listeners.append(self._committed)

    def start(self) -> None:
        """Follow the notices of other processes."""
        if self._valkey is not None and self._task is None:
            self._task = asyncio.create_task(self._follow(self._valkey), name="identity-notices")

    async def stop(self) -> None:
        """Stop listening."""
        with contextlib.suppress(ValueError):
            self._database.commit_listeners.remove(self._committed)
        await end_tasks(self._task)
        self._task = None

    async def _committed(self, info: dict[Any, Any]) -> None:
        changed = frozenset(info.get(_CHANGED, ()))
        if not changed:
            return
        self._heard(changed)
        if self._valkey is not None:
            try:
                async with asyncio.timeout(PUBLISH_SECONDS):
                    await self._valkey.publish(CHANNEL, encode_ids(changed))
            except (RedisError, OSError) as error:  # TimeoutError is an OSError
                structlog.get_logger(__name__).warning("identity_notice_not_sent", error=str(error))

    async def _follow(self, valkey: Redis) -> None:
        while True:
            try:
                async with valkey.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    while True:
                        message = await channel.get_message(timeout=_IDLE_SECONDS)
                        if message is not None:
                            self._heard(decode_ids(message["data"]))
            except (RedisError, OSError, ValueError) as error:
                structlog.get_logger(__name__).debug("identity_notices_interrupted", error=str(error))
                await asyncio.sleep(RECONNECT_SECONDS)


def encode_ids(ids: Iterable[UUID]) -> bytes:
    """One notice."""
    return orjson.dumps([str(id_) for id_ in ids])


def decode_ids(message: bytes | str) -> frozenset[UUID]:
    """The ids in a notice. Raises ValueError for anything else that stands on the channel."""
    try:
        return frozenset(UUID(id_) for id_ in orjson.loads(message))
    except (TypeError, AttributeError) as error:
        text = "no notice of identity"
        raise ValueError(text) from error
