"""`skyledger doctor`: looks at everything the product needs and says how to mend what is wrong."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import typer
from redis.asyncio import Redis
from rich.markup import escape
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cli.listen import address_to_open, ask, why
from app.cli.terminal import Engines, out, reason_of
from app.config import Settings, insecurities, load_settings
from app.database import APP_ROLE, SYSTEM_ROLE, Database
from app.embedded import EmbeddedEngineError, EngineUrls, wait_stopped
from app.errors import ConfigurationError
from app.notifications.mailer import greet
from app.smtp_server import read_smtp_url
from app.upgrade import check_up_to_date, newest_revision

POSTGRESQL_AT_LEAST = 16
VALKEY_AT_LEAST = 7
FREE_BYTES_AT_LEAST = 1 << 30
ANSWER_SECONDS = 15
STOP_SECONDS = 10
ALIVE = (200, b'{"status":"alive"}')
POSTGRESQL_MEND = "Correct user, password, host, port and name in SKYLEDGER_DATABASE_URL, or start that server."
VALKEY_MEND = "Correct SKYLEDGER_REDIS_URL, or start that server."


class State(StrEnum):
    """What a finding means; a note is worth knowing and no fault."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


COLOURS = {State.OK: "green", State.NOTE: "yellow", State.WRONG: "bold red"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is, what was seen, and what to do about it."""

    what: str
    state: State
    seen: str
    mend: str = ""


def run_doctor() -> None:
    """Show all findings; exit code 1 when something is wrong."""
    counts: Counter[State] = Counter()
    for finding in _findings():
        counts[finding.state] += 1
        _show(finding)  # at once: some take seconds
    out.print(f"{counts.total()} looked at, {counts[State.WRONG]} wrong.", highlight=False)
    if counts[State.WRONG]:
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    line = Table.grid(padding=(0, 2))
    for width in (5, 16):
        line.add_column(min_width=width, no_wrap=True)
    line.add_column(overflow="fold")
    line.add_row(f"[{COLOURS[finding.state]}]{finding.state}[/]", finding.what, escape(finding.seen))
    if finding.mend:
        line.add_row("", "", f"[bold]→[/] {escape(finding.mend)}")
    out.print(line, highlight=False)


def _judged(what: str, seen: str, *, well: bool, mend: str) -> Finding:
    return Finding(what, State.OK, seen) if well else Finding(what, State.WRONG, seen, mend)


def _findings() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield _judged("Python", version, well=sys.version_info >= (3, 11), mend="Install Python 3.11 or newer.")
    try:
        settings = load_settings()
    except ConfigurationError as error:
        for line in str(error).splitlines():
            yield Finding("settings", State.WRONG, line, "Correct or unset that variable.")
        return
    yield Finding("settings", State.OK, f"environment {settings.environment}")
    unfit = State.WRONG if settings.environment == "production" else State.NOTE
    for sentence in insecurities(settings):
        yield Finding("production", unfit, sentence)
    yield from _machine(settings)
    yield asyncio.run(_mail(settings))
    try:
        with _engines(settings) as engines:
            yield from asyncio.run(_engine_findings(settings, engines.urls))
    except EmbeddedEngineError as error:
        mend = "Or set SKYLEDGER_DATABASE_URL and SKYLEDGER_REDIS_URL to engines of your own."
        yield Finding("embedded engines", State.WRONG, str(error), mend)


def _machine(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir.absolute()
    there = next(path for path in (folder, *folder.parents) if os.access(path, os.F_OK))
    try:
        with tempfile.TemporaryFile(dir=there):
            yield Finding("data folder", State.OK, str(folder))
    except OSError as error:
        mend = "Set SKYLEDGER_DATA_DIR to a folder that this user can write."
        yield Finding("data folder", State.WRONG, f"{folder}: {why(error)}", mend)
    free = shutil.disk_usage(there).free
    yield _judged("disk", f"{free / 2**30:.1f} GiB free", well=free >= FREE_BYTES_AT_LEAST, mend="Free 1 GiB or more.")
    yield _port(settings)


async def _mail(settings: Settings) -> Finding:
    if settings.smtp_url is None:
        where = "written to the worker's terminal" if settings.sends_mail else "not sent"
        mend = "To verify addresses and reset passwords set SKYLEDGER_SMTP_URL and SKYLEDGER_MAIL_FROM."
        return Finding("mail", State.NOTE, where, mend)
    server = read_smtp_url(settings.smtp_url.get_secret_value())

    async def ask() -> Finding:
        return Finding("mail", State.OK, await greet(server))

    return await _asked("mail", ask, "Correct host, port, user and password in SKYLEDGER_SMTP_URL.")


def _port(settings: Settings) -> Finding:
    what, place = f"port {settings.port}", address_to_open(settings.host, settings.port)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.create_server((settings.host, settings.port), family=family):
            return Finding(what, State.OK, f"free on {settings.host}")
    except OSError as error:
        if error.errno == errno.EADDRINUSE and ask(place, "/health/live") == ALIVE:
            return Finding(what, State.NOTE, f"Skyledger runs already at http://{place}/graphql")
        mend = "Set SKYLEDGER_PORT to a free port (0 takes any), SKYLEDGER_HOST to an address of this machine."
        return Finding(what, State.WRONG, f"{settings.host}: {why(error)}", mend)


@contextmanager
def _engines(settings: Settings) -> Iterator[Engines]:
    """The engines of the settings; without a data folder embedded ones are tried in a folder that is removed again."""
    if os.access(settings.data_dir, os.F_OK) or (settings.database_url and settings.redis_url):
        engines = Engines(settings)
        try:
            yield engines
        finally:
            engines.release()
        return
    with tempfile.TemporaryDirectory(prefix="skyledger-doctor-", ignore_cleanup_errors=True) as folder:
        tried = Path(folder) / "data"
        engines = Engines(settings.model_copy(update={"data_dir": tried}))
        try:
            yield engines
        finally:
            engines.release()
            wait_stopped(tried, STOP_SECONDS)


async def _engine_findings(settings: Settings, urls: EngineUrls) -> list[Finding]:
    found = []
    if not (settings.database_url and settings.redis_url):
        home = settings.data_dir.absolute() / "engines"
        found.append(Finding("embedded engines", State.OK, f"they start; data and logs in {home}"))
    postgresql = await _asked("PostgreSQL", lambda: _postgresql(urls.database_url), POSTGRESQL_MEND)
    found.append(postgresql)
    if postgresql.state is State.OK:
        tables = await _asked("tables", lambda: _tables(urls.database_url), "Run `skyledger migrate`.")
        if tables.state is State.WRONG and settings.database_url is None:
            # Nobody has to act: `demo`, `serve` and `worker` migrate the embedded database.
            tables = Finding("tables", State.NOTE, f"{tables.seen.partition(':')[0]}; the next start makes them")
        found.append(tables)
        if tables.state is State.OK:
            mend = f"Run GRANT {APP_ROLE}, {SYSTEM_ROLE} TO the user of SKYLEDGER_DATABASE_URL as an administrator."
            found.append(await _asked("row security", lambda: _row_security(urls.database_url), mend))
    found.append(await _asked("Valkey", lambda: _valkey(urls.redis_url), VALKEY_MEND))
    return found


async def _asked(what: str, ask: Callable[[], Awaitable[Finding]], mend: str) -> Finding:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await ask()
    except TimeoutError:
        return Finding(what, State.WRONG, f"no answer within {ANSWER_SECONDS} s", mend)
    except Exception as error:  # noqa: BLE001  (whatever goes wrong is what the doctor reports)
        return Finding(what, State.WRONG, reason_of(error), mend)


async def _postgresql(url: str) -> Finding:
    async with _connection(url, role=None) as connection:
        number = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
    major, minor = divmod(number, 10_000)
    well = major >= POSTGRESQL_AT_LEAST
    return _judged("PostgreSQL", f"version {major}.{minor}", well=well, mend="Use PostgreSQL 16 or newer.")


async def _tables(url: str) -> Finding:
    database = Database.connect(url, role=None, pool_size=1)
    try:
        await check_up_to_date(database, newest_revision())
    finally:
        await database.close()
    return Finding("tables", State.OK, f"revision {newest_revision()}")


async def _row_security(url: str) -> Finding:
    query = "SELECT current_user, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    async with _connection(url, role=APP_ROLE) as connection:
        role, bypasses = (await connection.execute(text(query))).one()
        await connection.execute(text(f"SET LOCAL ROLE {SYSTEM_ROLE}"))
    mend = f"Run ALTER ROLE {APP_ROLE} NOSUPERUSER NOBYPASSRLS as an administrator."
    return _judged("row security", f"queries run as {role}", well=not bypasses, mend=mend)


async def _valkey(url: str) -> Finding:
    client = Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
    try:
        server = await client.info("server")
    finally:
        await client.aclose()
    version = str(server.get("valkey_version") or server["redis_version"])
    well = int(version.split(".", maxsplit=1)[0]) >= VALKEY_AT_LEAST
    return _judged("Valkey", f"version {version}", well=well, mend="Use Valkey or Redis 7 or newer.")


@asynccontextmanager
async def _connection(url: str, *, role: str | None) -> AsyncIterator[AsyncConnection]:
    database = Database.connect(url, role=role, pool_size=1)
    try:
        async with database.engine.connect() as connection:
            yield connection
    finally:
        await database.close()
