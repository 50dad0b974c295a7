"""What processes of the suite keep from one test to the next, where an application would have it for its whole life."""

from __future__ import annotations

import os
import ssl
from collections import defaultdict
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg
import httpx
import pytest
from httpx._transports import default as transports
from sqlalchemy.ext.asyncio import AsyncEngine

from app import tracing
from app.database import Database

NAMES_OF_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
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


def keep_engines(patch: pytest.MonkeyPatch) -> None:
    """Let a database that is connected as an earlier one was, and that has been closed, go on with that one's engine.

    With it comes every statement that SQLAlchemy has compiled, and what it asks a server at first: no connection. One
    that somebody listens to is not used again, nor is one that was made before spans were wanted.
    """
    free: defaultdict[tuple[Any, ...], list[AsyncEngine]] = defaultdict(list)
    keys: WeakKeyDictionary[Database, tuple[Any, ...]] = WeakKeyDictionary()
    connect, close = Database.connect, Database.close

    def connected(url: str, **options: Any) -> Database:
        key = (url, *sorted(options.items()))
        found = connect(url, **options)
        if free[key] and not tracing.is_on():
            found.engine = free[key].pop()
        keys[found] = key
        return found

    async def closed(database: Database) -> None:
        await close(database)
        key = keys.pop(database, None)
        if key is not None and not database.engine.sync_engine.dispatch.before_cursor_execute:
            free[key].append(database.engine)

    patch.setattr(Database, "connect", connected)
    patch.setattr(Database, "close", closed)


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
