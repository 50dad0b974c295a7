"""Counts the SQL statements that an operation causes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from weakref import WeakSet

import asyncpg
from sqlalchemy import Connection, event

from app.database import SYSTEM_ROLE, Database
from app.row_door import Tenant


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that go through a tenant's doors inside the block, in order.

    Without those of the system's door: it looks every few seconds whether a sign-in still holds.
    """
    statements: list[str] = []
    of_the_system: WeakSet[Connection] = WeakSet()

    def note(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if SYSTEM_ROLE in statement:
            of_the_system.add(connection)  # which lasts as long as its transaction
        if connection not in of_the_system:
            statements.append(statement)

    fetch = database.rows.fetch

    async def noting(sql: str, values: Sequence[object], tenant: Tenant) -> list[asyncpg.Record]:
        statements.append(sql)
        return await fetch(sql, values, tenant)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        with patch.object(database.rows, "fetch", noting):
            yield statements
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
