"""What processes of the suite keep from one test to the next, where an application would have it for its whole life."""

from __future__ import annotations

import itertools
import os
import ssl
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import asyncpg
import httpx
import pytest
from httpx._transports import default as transports
from sqlalchemy import QueuePool, event
from sqlalchemy.ext.asyncio import AsyncEngine

from app import tracing
from app.database import Database
from app.row_door import RowDoor

NAMES_OF_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_Key = tuple[Any, ...]
_FIRST_OF_OURS = 16_384
"""The least number of a type that PostgreSQL does not bring along."""


def keep_authorities(patch: pytest.MonkeyPatch) -> None:
    """Every client of httpx loads the certificates of all authorities, 36 ms of processor time; these share theirs.

    A test may name others in the environment, where httpx looks for them; a few of those are kept and no more.
    """

    @lru_cache(maxsize=8)
    def kept(_named: tuple[str | None, ...], *args: Any, **options: Any) -> ssl.SSLContext:
        return httpx.create_ssl_context(*args, **options)

    def made(*args: Any, **options: Any) -> ssl.SSLContext:
        return kept(tuple(map(os.environ.get, NAMES_OF_AUTHORITIES)), *args, **options)

    patch.setattr(transports, "create_ssl_context", made)


class KeptDatabases:
    """Databases that were closed, for the next one that is connected as they were.

    With its engine comes every statement that SQLAlchemy has compiled and what it asks a server at first. Where tests
    have the suite's loop and database, its open connections come too, with what PostgreSQL has prepared and read of its
    catalog in them: half of what it spends on a test through the graph.
    """

    def __init__(self) -> None:
        self._of_suite = False
        self._engines: defaultdict[_Key, list[AsyncEngine]] = defaultdict(list)
        self._open: defaultdict[_Key, list[tuple[AsyncEngine, RowDoor]]] = defaultdict(list)
        self._keys: WeakKeyDictionary[Database, _Key] = WeakKeyDictionary()
        self._on_loop: WeakSet[Database] = WeakSet()
        self._pids: WeakKeyDictionary[AsyncEngine, list[int]] = WeakKeyDictionary()
        self._connect, self._close = Database.connect, Database.close

    def keep(self, patch: pytest.MonkeyPatch) -> None:
        """Have all that is connected and closed from now on come by here."""

        async def closed(database: Database) -> None:  # a method: what is bound knows no database
            await self._closed(database)

        patch.setattr(Database, "connect", self._connected)
        patch.setattr(Database, "close", closed)

    @contextmanager
    def on_loop_of_suite(self) -> Iterator[None]:
        """Say that what the block connects is used and closed on the suite's loop, by a test that has no other."""
        self._of_suite = True
        try:
            yield
        finally:
            self._of_suite = False

    def pids(self) -> list[int]:
        """The server's processes of the connections that wait to be used again."""
        found: list[int] = []
        for engine, rows in itertools.chain(*self._open.values()):
            found += self._pids[engine]
            found += (line.connection.get_server_pid() for line in rows._idle)
        return found

    async def let_go(self) -> None:
        """Close what is kept open."""
        found, self._open = self._open, defaultdict(list)
        for key, kept in found.items():
            for engine, rows in kept:
                await rows.close()
                await engine.dispose()
                self._engines[key].append(engine)

    def _connected(self, url: str, **options: Any) -> Database:
        key = (url, *sorted(options.items()))
        if tracing.is_on():  # an engine that was made before spans were wanted has none
            return self._connect(url, **options)
        if self._of_suite and self._open[key]:
            found = Database(*self._open[key].pop())
        else:
            found = self._connect(url, **options)
            if self._engines[key]:
                found.engine = self._engines[key].pop()
            else:
                self._note_pids(found.engine)
        self._keys[found] = key
        if self._of_suite:
            self._on_loop.add(found)
        return found

    def _note_pids(self, engine: AsyncEngine) -> None:
        pids = self._pids[engine] = []

        @event.listens_for(engine.sync_engine, "connect")
        def note(connection: Any, _record: Any) -> None:
            pids.append(connection.driver_connection.get_server_pid())

    async def _closed(self, database: Database) -> None:
        key, engine = self._keys.pop(database, None), database.engine
        if key is None and database in self._on_loop:
            return  # once is enough: another may have them
        if key is None or engine.sync_engine.dispatch.before_cursor_execute:  # somebody listens to it
            await self._close(database)
        elif database in self._on_loop and _at_rest(database):
            self._open[key].append((engine, database.rows))
        else:
            await self._close(database)
            self._engines[key].append(engine)


KEPT_DATABASES = KeptDatabases()


def _at_rest(database: Database) -> bool:
    """Whether all its connections were given back, in order."""
    pool, rows = database.engine.sync_engine.pool, database.rows
    assert isinstance(pool, QueuePool)
    return not (pool.checkedout() or rows._busy or rows._mending or not rows._open)


def keep_types(patch: pytest.MonkeyPatch) -> None:
    """Asyncpg asks PostgreSQL on every connection what `uuid[]` is, some 10 ms each time; here once."""
    known: dict[frozenset[int], Any] = {}
    ask = asyncpg.Connection._introspect_types

    async def introspected(connection: asyncpg.Connection, types: Any, seconds: Any) -> Any:
        asked = frozenset(types)
        if asked not in known or max(asked) >= _FIRST_OF_OURS:
            known[asked] = await ask(connection, types, seconds)
        return known[asked]

    patch.setattr(asyncpg.Connection, "_introspect_types", introspected)
