"""Everything that waits has a time limit: each statement and lock, each client of the network, each kind of job.

The lists are made of the code: a client that is new without a limit fails here, and one that is listed and gone too.
"""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import app
from app.config import Settings
from app.database import Database
from app.workers import schedule as timed
from app.workers.time_limits import LONGEST
from tests.house.job_kinds import kinds

ROOT = Path(app.__file__).parent
# What opens connections or runs programs, by the last name of the call, or the last two.
WAITS = re.compile(
    r"(^|\.)(AsyncClient|httpx\.Client|SMTP|aiosmtplib\.send|Redis\.from_url|ConnectionPool\.from_url"
    r"|create_async_engine|asyncpg\.connect|asyncpg\.create_pool|AuthorizedSession|TokenRequest|RequestsTransport"
    r"|create_client|Config|create_connection|urlopen|subprocess\.run"
    r"|\w+(?<!Price)(?<!Api)Client|\w+Credential|\w+GrpcTransport|sentry_sdk\.Client)$"
)
LIBRARIES = {"ConnectionPool", "Redis", "aiosmtplib", "asyncpg", "httpx", "sentry_sdk", "subprocess", "uvicorn"}
LIMITS = {"timeout", "socket_timeout", "socket_connect_timeout", "connect_timeout", "read_timeout", "refresh_timeout"}
# Where the limit is not at the call itself, and where it is then.
ELSEWHERE = {
    ("database.py", "create_async_engine"): "in `connect_args`: test_statements_and_locks_end",
    ("row_door.py", "asyncpg.connect"): "the arguments are those of the engine: test_statements_and_locks_end",
    ("error_reports.py", "sentry_sdk.Client"): "its transport sends from a thread of its own, which nothing waits for",
    ("providers/aws/object_store.py", "create_client"): "by `config`",
    ("providers/aws/session.py", "create_client"): "by `config`",
    ("providers/aws/session.py", "Config"): "the second is merged into the first, which has them",
    ("providers/azure/connection.py", "RequestsTransport"): "by Patience.transport_options",
    ("providers/azure/connection.py", "ResourceGraphClient"): "by its transport",
    ("providers/azure/connection.py", "ResourceManagementClient"): "by its transport",
    ("providers/azure/cost_exports.py", "RequestsTransport"): "by Patience.transport_options",
    ("providers/azure/cost_exports.py", "BlobServiceClient"): "by its transport",
    ("providers/azure/credentials.py", "ClientSecretCredential"): "by Patience.transport_options",
    ("providers/azure/credentials.py", "CertificateCredential"): "by Patience.transport_options",
    ("providers/gcp/connection.py", "AssetServiceClient"): "at each call, with its retries",
    ("providers/gcp/connection.py", "AssetServiceGrpcTransport"): "at each call, with its retries",
    ("providers/gcp/connection.py", "TokenRequest"): "its argument are the seconds of a sign-in",
    ("providers/gcp/connection.py", "OrganizationsClient"): "at each call, with its retries",
    ("providers/gcp/connection.py", "OrganizationsGrpcTransport"): "at each call, with its retries",
    ("providers/gcp/connection.py", "FoldersClient"): "at each call, with its retries",
    ("providers/gcp/connection.py", "FoldersGrpcTransport"): "at each call, with its retries",
    ("providers/gcp/connection.py", "ProjectsClient"): "at each call, with its retries",
    ("providers/gcp/connection.py", "ProjectsGrpcTransport"): "at each call, with its retries",
    ("providers/gcp/cost_exports.py", "TokenRequest"): "its argument are the seconds of a sign-in",
    ("server/serving.py", "uvicorn.Config"): "the server's own limits: tests/server/test_websocket_closing.py",
    ("upgrade.py", "Config"): "Alembic's, which waits for nothing; migrations/env.py has the limit of locks",
}


def calls() -> Iterator[tuple[str, str, set[str]]]:
    """Each call that opens something: the file, the name, and its keywords."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT)
        if parts.parts[0] in {"schema", "resolvers"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if WAITS.search(name):
                    of, _, last = name.rpartition(".")
                    yield (
                        parts.as_posix(),
                        name if of in LIBRARIES else last,
                        {each.arg or "" for each in node.keywords},
                    )


def test_every_client_has_a_time_limit() -> None:
    found = list(calls())
    assert len(found) >= 30, "the code is read"
    without = {(file, name) for file, name, keywords in found if not keywords & LIMITS}
    assert without == set(ELSEWHERE), "give it a `timeout`, or say in ELSEWHERE where its limit is"
    by_config = [keywords for _, name, keywords in found if name == "create_client"]
    assert all("config" in keywords for keywords in by_config)


def test_what_opens_connections_is_known_by_its_name() -> None:
    """That a client without a limit is found, under whatever name its library is imported."""
    for name in ("httpx.AsyncClient", "AsyncClient", "httpx.Client", "Redis.from_url", "asyncpg.connect", "BlobClient"):
        assert WAITS.search(name), name


def test_calls_of_google_pass_their_limit() -> None:
    """Its clients take none when they are made: each call has to bring it."""
    source = (ROOT / "providers/gcp/connection.py").read_text()
    (method,) = re.findall(r"return method\((.*)\)", source)
    assert "timeout=patience.call" in method
    tree = ast.parse((ROOT / "providers/gcp/cost_exports.py").read_text())
    requests = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and re.match(r"self\._client\.(?!close)|job\.result$", ast.unparse(node.func))
    ]
    assert len(requests) >= 3
    for call in requests:
        assert re.search(r"timeout=|\*\*asked", ast.unparse(call)), ast.unparse(call.func)


@pytest.mark.parametrize("door", ["transaction", "read", "system", "row door"])
async def test_statements_and_locks_end(settings: Settings, door: str) -> None:
    """At PostgreSQL, whatever is waited for: a statement that takes long, and a lock that another holds."""
    assert settings.database_url is not None
    short = Database.connect(settings.database_url, pool_size=2, statement_seconds=0.5)
    holder = Database.connect(settings.database_url, pool_size=1)
    try:
        async with holder.system() as held:
            await held.execute(text("SELECT pg_advisory_xact_lock(4711)"))
            for statement in ("SELECT pg_sleep(30)::text", "SELECT pg_advisory_xact_lock(4711)::text"):
                begun = time.monotonic()
                with pytest.raises((DBAPIError, asyncpg.QueryCanceledError), match=r"(?i)timeout|canceling statement"):
                    await through(short, door, statement)
                assert time.monotonic() - begun < 5
    finally:
        await short.close()
        await holder.close()


async def through(database: Database, door: str, statement: str) -> None:
    """Run a statement by one of the doors."""
    if door == "row door":
        await database.fetch(statement, [], organization_id=None)
        return
    opened = {"transaction": database.write(None), "read": database.read(None), "system": database.system()}[door]
    async with opened as session:
        await session.execute(text(statement))


async def test_an_idle_transaction_ends(database: Database) -> None:
    async with database.read(None) as session:
        found = (await session.execute(text("SHOW idle_in_transaction_session_timeout"))).scalar_one()
    assert found == "1min"


def test_no_statement_is_without_end() -> None:
    """Backups alone may take as long as they take: their operator waits for them."""
    endless = [
        path.relative_to(ROOT).as_posix()
        for path in sorted(ROOT.rglob("*.py"))
        if re.search(r"statement_timeout\W+0", path.read_text())
    ]
    assert endless == ["backup/programs.py", "backup/tables.py"]
    assert "lock_timeout = '5s'" in (ROOT.parent / "migrations/env.py").read_text()


def test_every_kind_of_job_has_a_time_limit() -> None:
    assert set(LONGEST) == set(kinds()), "a kind that is registered has its limit in app/workers/time_limits.py"
    assert all(60 <= seconds <= timedelta(days=1).total_seconds() for seconds in LONGEST.values())


def test_what_is_done_by_the_clock_has_a_time_limit() -> None:
    entries = timed.schedule()
    works = {name for name, value in vars(timed).items() if _is_clock_work(name, value)}
    assert {entry.name for entry in entries} == works
    for entry in entries:
        assert 60 <= entry.longest <= 3_600, entry.name


def _is_clock_work(name: str, value: Any) -> bool:
    """A function of the schedule takes the clock's context and nothing else."""
    code = getattr(value, "__code__", None)
    return (
        code is not None
        and value.__module__ == timed.__name__
        and not name.startswith("_")
        and code.co_varnames[: code.co_argcount] == ("context",)
    )
