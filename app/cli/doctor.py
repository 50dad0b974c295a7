"""`skyledger doctor`: looks at everything the product needs and says how to mend what is wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import typer
from redis.asyncio import Redis
from rich.table import Table
from sqlalchemy import text

from app.cli.terminal import engines_of, out
from app.config import Settings, insecurities, load_settings
from app.database import APP_ROLE, Database
from app.embedded import EngineUrls, status
from app.errors import ConfigurationError
from app.upgrade import check_up_to_date, newest_revision

POSTGRESQL_AT_LEAST = 16
VALKEY_AT_LEAST = 7
FREE_BYTES_AT_LEAST = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is well, what was seen, and what to do about it."""

    what: str
    well: bool
    seen: str
    mend: str = ""


def run_doctor() -> None:
    """Show all findings; exit code 1 when something is wrong."""
    findings = list(_findings())
    table = Table(show_lines=False, box=None, pad_edge=False)
    for column in ("", "looked at", "seen", "to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        mark = "[green]ok[/]" if finding.well else "[bold red]wrong[/]"
        table.add_row(mark, finding.what, finding.seen, finding.mend)
    out.print(table, highlight=False)
    wrong = sum(not finding.well for finding in findings)
    out.print(f"{len(findings)} looked at, {wrong} wrong.", highlight=False)
    if wrong:
        raise typer.Exit(1)


def _findings() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", sys.version_info >= (3, 11), version, "Install Python 3.11 or newer.")
    try:
        settings = load_settings()
    except ConfigurationError as error:
        for line in str(error).splitlines():
            yield Finding("settings", well=False, seen=line, mend="Correct or unset that variable.")
        return
    yield Finding("settings", well=True, seen=f"environment {settings.environment}")
    yield from _security(settings)
    yield from _machine(settings)
    yield from _engines(settings)


def _security(settings: Settings) -> Iterator[Finding]:
    production = settings.environment == "production"
    for sentence in insecurities(settings):
        seen, _, mend = sentence.partition(": ")
        note = mend if production else f"Before production: {mend}"
        yield Finding("security", well=not production, seen=seen, mend=note)


def _machine(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir.absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    writable = os.access(there, os.W_OK | os.X_OK)
    mend = "Set SKYLEDGER_DATA_DIR to a folder that this user can write."
    yield Finding("data folder", writable, str(folder), "" if writable else mend)
    free = shutil.disk_usage(there).free
    enough = free >= FREE_BYTES_AT_LEAST
    yield Finding("disk", enough, f"{free / 2**30:.1f} GiB free", "" if enough else "Free at least 1 GiB.")
    yield _port(settings)


def _port(settings: Settings) -> Finding:
    what = f"port {settings.port}"
    try:
        with socket.create_server((settings.host, settings.port)):
            return Finding(what, well=True, seen=f"free on {settings.host}")
    except OSError as error:
        # A running Skyledger is the usual holder, which is no fault.
        mend = "If that is not Skyledger, set SKYLEDGER_PORT to a free port."
        return Finding(what, well=settings.port == 0, seen=f"{settings.host}: {error.strerror or error}", mend=mend)


def _engines(settings: Settings) -> Iterator[Finding]:
    if not (settings.database_url and settings.redis_url):
        found = status(settings.data_dir)
        yield Finding("embedded engines", well=True, seen=f"{found.state}; data in {found.home}, logs in {found.logs}")
    try:
        with engines_of(settings) as engines:
            yield from asyncio.run(_ask(engines.urls))
    except typer.Exit:
        mend = "See the message above, or set SKYLEDGER_DATABASE_URL and SKYLEDGER_REDIS_URL."
        yield Finding("embedded engines", well=False, seen="they do not start", mend=mend)


async def _ask(urls: EngineUrls) -> list[Finding]:
    return [
        await _asked("PostgreSQL", lambda: _postgresql(urls.database_url), "Check SKYLEDGER_DATABASE_URL."),
        await _asked("tables", lambda: _tables(urls.database_url), "Run `skyledger migrate`."),
        await _asked("row security", lambda: _row_security(urls.database_url), "Run `skyledger migrate` as the owner."),
        await _asked("Valkey", lambda: _valkey(urls.redis_url), "Check SKYLEDGER_REDIS_URL."),
    ]


async def _asked(what: str, ask: Callable[[], Awaitable[Finding]], mend: str) -> Finding:
    try:
        async with asyncio.timeout(15):
            return await ask()
    except Exception as error:  # noqa: BLE001  (whatever goes wrong is what the doctor reports)
        lines = str(getattr(error, "orig", None) or error).splitlines() or [type(error).__name__]
        return Finding(what, well=False, seen=lines[0], mend=mend)


async def _postgresql(url: str) -> Finding:
    database = Database.connect(url, role=None, pool_size=1)
    try:
        async with database.engine.connect() as connection:
            number = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
    finally:
        await database.close()
    well = number // 10_000 >= POSTGRESQL_AT_LEAST
    seen = f"version {number // 10_000}.{number % 10_000}"
    return Finding("PostgreSQL", well, seen, "" if well else "Use PostgreSQL 16 or newer.")


async def _tables(url: str) -> Finding:
    database = Database.connect(url, role=None, pool_size=1)
    try:
        await check_up_to_date(database, newest_revision())
    finally:
        await database.close()
    return Finding("tables", well=True, seen=f"revision {newest_revision()}")


async def _row_security(url: str) -> Finding:
    query = "SELECT current_user, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    database = Database.connect(url, pool_size=1)
    try:
        async with database.engine.connect() as connection:
            role, bypasses = (await connection.execute(text(query))).one()
    finally:
        await database.close()
    mend = f"ALTER ROLE {APP_ROLE} NOSUPERUSER NOBYPASSRLS"
    return Finding("row security", not bypasses, f"queries run as {role}", mend if bypasses else "")


async def _valkey(url: str) -> Finding:
    client = Redis.from_url(url, socket_connect_timeout=5)
    try:
        server = await client.info("server")
    finally:
        await client.aclose()
    version = str(server.get("valkey_version") or server["redis_version"])
    well = int(version.split(".", maxsplit=1)[0]) >= VALKEY_AT_LEAST
    return Finding("Valkey", well, f"version {version}", "" if well else "Use Valkey or Redis 7 or newer.")
