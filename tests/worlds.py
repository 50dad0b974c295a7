"""Worlds in which many tests begin: made once, and put back into the emptied database row by row ever after."""

from __future__ import annotations

import io
import pickle
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar, cast

import asyncpg

FRESH_SECONDS = 240.0
"""For which a world is kept: access tokens end after fifteen minutes, and what has just happened must have."""
_FILLED = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
    AND pg_relation_size(oid) > 0
"""
_World = TypeVar("_World")


@dataclass(frozen=True)
class _Kept:
    told: bytes
    """What its maker returned, pickled: every test has its own."""
    rows: tuple[tuple[str, bytes], ...]
    """Each table's, as PostgreSQL copies them."""
    made_at: float


class Worlds:
    """Keeps what makers left in a database that was empty."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._connection: asyncpg.Connection | None = None

    async def begin_in(self, name: str, url: str, make: Callable[[], Awaitable[_World]]) -> _World:
        """The world of a name in the database at a URL, its owner's: as it was kept, or made by `make`."""
        kept = self._kept.get(name)
        connection = await self._connect(url)
        if kept is not None and time.monotonic() - kept.made_at < FRESH_SECONDS:
            async with connection.transaction():
                for table, rows in kept.rows:
                    await connection.copy_to_table(table, source=io.BytesIO(rows), format="binary")
            return cast("_World", pickle.loads(kept.told))  # noqa: S301 - our own
        was_empty = not await self._filled(connection)
        made = await make()
        if was_empty:
            self._kept[name] = _Kept(pickle.dumps(made), await self._rows(connection), time.monotonic())
        return made

    def pids(self) -> list[int]:
        """The server's process of the connection, if there is one."""
        return [] if self._connection is None else [self._connection.get_server_pid()]

    async def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            await self._connection.close()

    async def _connect(self, url: str) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
            # Rows come without their triggers and in any order.
            await self._connection.execute("SET session_replication_role = replica")
        return self._connection

    async def _filled(self, connection: asyncpg.Connection) -> list[str]:
        grown = [row[0] for row in await connection.fetch(_FILLED)]
        return [table for table in grown if await connection.fetchval(f'SELECT true FROM "{table}" LIMIT 1')]  # noqa: S608

    async def _rows(self, connection: asyncpg.Connection) -> tuple[tuple[str, bytes], ...]:
        found = []
        for table in await self._filled(connection):
            rows = io.BytesIO()
            await connection.copy_from_table(table, output=rows, format="binary")
            found.append((table, rows.getvalue()))
        return tuple(found)


WORLDS = Worlds()
