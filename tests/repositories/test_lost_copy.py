"""A COPY whose server goes away while it waits for room to write: it ends, and says what happened."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import pytest

from app.database import Database
from app.errors import UnavailableError
from app.repositories.copying import copied
from app.repositories.planning import driver_of
from app.tasks import end_tasks

SOCKET = ".s.PGSQL.5432"
PASSED_ON = 100_000
"""Bytes of a client that reach the server: the log-in and a begin of the rows."""


@asynccontextmanager
async def failing_road(sockets: Path, folder: Path) -> AsyncIterator[None]:
    """A way to PostgreSQL that takes no more than a begin from each client, and is cut half a second later."""
    meetings: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(str(sockets / SOCKET))
        answers = asyncio.create_task(pass_on(theirs, writer))
        try:
            await pass_on(reader, ours, PASSED_ON)
            await asyncio.sleep(0.5)
        finally:
            answers.cancel()
            for end in (writer, ours):
                end.transport.abort()
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        meetings.add(asyncio.create_task(meet(reader, writer)))

    server = await asyncio.start_unix_server(welcome, str(folder / SOCKET), limit=2**12)
    async with server:
        yield
    await end_tasks(*meetings)


async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, most: int = 2**62) -> None:
    """Hand bytes on, at most about so many."""
    while most > 0 and (block := await source.read(2**14)):
        target.write(block)
        await target.drain()
        most -= len(block)


async def test_copy_ends_when_its_connection_is_lost(fresh_database_url: str, tmp_path: Path) -> None:
    before, _, sockets = fresh_database_url.partition("host=")
    async with failing_road(Path(sockets), tmp_path):
        database = Database.connect(f"{before}host={tmp_path}")
        rows = BytesIO(b"1\n" * 10_000_000)

        async def copy() -> None:
            async with asyncio.timeout(60), database.write(None) as session:
                driver = await driver_of(session)
                await driver.execute("CREATE TEMP TABLE numbers (number int) ON COMMIT DROP")
                await copied(driver, driver.copy_to_table("numbers", source=rows, format="csv", timeout=600))

        with pytest.raises(UnavailableError):
            await copy()
        assert 0 < rows.tell() < len(rows.getbuffer())
        await database.close()
