"""Where a secret might come out of a site, and how each of these places is read whole."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import subprocess
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app import error_reports, tracing
from app.backup import back_up
from app.backup.programs import program
from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.logging import configure_logging
from app.main import create_app, make_runtime, running
from app.workers.process import work
from app.workers.runner import RunnerSettings
from tests.cli.commands import SKYLEDGER, environment
from tests.clients import GraphQL, Person
from tests.execution.known import questions
from tests.server.test_telemetry import FarSide, spans_to

PLACES = (
    "pages and answers",
    "answers to accounts",
    "Valkey",
    "logs",
    "spans",
    "error reports",
    "tables",
    "exports",
    "backup",
    "commands",
)
START_EXPORT = """mutation ($input: StartExportInput!) { startExport(input: $input) { __typename
  ... on StartExportPayload { export { id } } ... on UserError { message } } }"""
EXPORT = "query ($id: ID!) { node(id: $id) { ... on Export { state } } }"
QUICK = RunnerSettings(sweep=0.2, heartbeat=0.2, first_pause=0.02, longest_pause=0.05)
JOBS = "SELECT count(*) FROM jobs WHERE state IN ('QUEUED', 'RUNNING') AND wake_at < now() + interval '10 seconds'"
WIDE = "1000"
"""Columns: a narrow terminal cuts off what is long, a secret too."""
COMMANDS = (("doctor",), ("keys", "list", "--organization", "{slug}"))


class Planted:
    """Secrets by what they are, and all that came out of the site by where."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.found: dict[str, str] = {}

    def plant(self, name: str, secret: str) -> str:
        """Remember a secret; gives it back."""
        assert len(secret) >= 6, name
        self.secrets[name] = secret
        return secret

    def leaks(self) -> set[tuple[str, str]]:
        """Which secret is where, also as the database shows bytes."""
        return {
            (name, place)
            for name, secret in self.secrets.items()
            for place, told in self.found.items()
            if secret in told or secret.encode().hex() in told
        }


@dataclass
class Listening:
    """What the process tells the world beside its answers."""

    logged: io.StringIO
    exporter: Any
    far_side: FarSide

    def hear(self, planted: Planted) -> None:
        """Note all of it."""
        planted.found["logs"] = self.logged.getvalue()
        planted.found["spans"] = "\n".join(span.to_json() for span in self.exporter.get_finished_spans())
        planted.found["error reports"] = repr(self.far_side.sent)


@contextmanager
def listening(dsn: str = "https://key@sentry.example/1") -> Iterator[Listening]:
    """Logs at their most talkative, spans and error reports, as they would leave the process."""
    heard = Listening(io.StringIO(), spans_to.InMemorySpanExporter(), FarSide())
    configure_logging("DEBUG", "json", heard.logged)
    tracing.start("http://nowhere", "tests", "1", exporter=heard.exporter)
    error_reports.start(dsn, "tests", "1", transport=heard.far_side)
    try:
        yield heard
    finally:
        error_reports.stop()
        tracing.stop()
        configure_logging("WARNING")


@asynccontextmanager
async def site(settings: Settings, redis_url: str) -> AsyncIterator[GraphQL]:
    """An API and a worker in this process, with passwords as in production."""
    assert settings.database_url is not None
    urls = EngineUrls(settings.database_url, redis_url)
    runtime = make_runtime(settings, urls)
    app, _ = create_app(runtime)
    stop = asyncio.Event()
    worker = asyncio.create_task(work(settings, urls, stop, runner_settings=QUICK))
    transport = httpx.ASGITransport(app)
    try:
        async with running(runtime), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield GraphQL(client)
            stop.set()
            await asyncio.wait_for(worker, 60)
    finally:
        stop.set()


async def quiet(owner: Database) -> None:
    """Wait until the worker has done what is due."""
    async with asyncio.timeout(90), owner.engine.connect() as connection:
        while (await connection.exec_driver_sql(JOBS)).scalar_one():  # noqa: ASYNC110  (what is waited for has no event)
            await asyncio.sleep(0.1)


async def exports(graphql: GraphQL, person: Person) -> None:
    """Have files made of all that an organization and a person may take along."""
    for connection, columns in {
        "activity": "sequence kind data",
        "auditLog": "number act clientAddress summary",
        "members": "role user { email name }",
        "accounts": "name",
    }.items():
        query = f"query ($slug: String!) {{ organization(slug: $slug) {{ {connection} {{ nodes {{ {columns} }} }} }} }}"
        values = {"organizationId": person.organization_id, "query": query, "variables": {"slug": person.slug}}
        answer = await graphql.data(START_EXPORT, {"input": values}, token=person.token)
        assert answer["startExport"]["__typename"] == "StartExportPayload", answer
        async with asyncio.timeout(60):
            id_ = answer["startExport"]["export"]["id"]
            found = {"state": "QUEUED"}
            while found["state"] != "SUCCEEDED":
                await asyncio.sleep(0.1)
                found = (await graphql.data(EXPORT, {"id": id_}, token=person.token))["node"]
    made = await graphql.data("mutation { exportMyData(input: {}) { __typename } }", token=person.token)
    assert made["exportMyData"]["__typename"] == "ExportMyDataPayload", made


def of_files(settings: Settings) -> str:
    """All files that were made for people, unpacked."""
    told = []
    for path in sorted((settings.data_dir / "uploads").rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            told.append(repr(content))
            if content[:2] == b"\x1f\x8b":
                told.append(gzip.decompress(content).decode())
            elif zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    told += [archive.read(name).decode(errors="replace") for name in archive.namelist()]
    return "\n".join(told)


async def pages(graphql: GraphQL, person: Person, root_key: str) -> str:
    """All that the site tells: its pages, all that there is in the organization, dead letters."""
    told = []
    for path in ("/graphql", "/metrics", "/health/ready", "/health/live", "/nowhere"):
        response = await graphql.client.get(path, headers={"accept": "text/html, */*;q=0.5"})
        told.append(response.text + str(response.headers))
    schema = create_schema()
    for document in questions(schema):
        variables = {"slug": person.slug} if "$slug" in document else {}
        told.append(json.dumps(await graphql(document, variables, token=person.token)))
    dead = '{ platform { jobs(where: {state: {eq: "DEAD"}}) { nodes { id kind state failure } } } }'
    told.append(json.dumps(await graphql(dead, root_key=root_key)))
    acts = "auditLog(first: 200) { nodes { act clientAddress summary } }"
    audit = f"query ($slug: String!) {{ organization(slug: $slug) {{ {acts} }} }}"
    told.append(json.dumps(await graphql.data(audit, {"slug": person.slug}, token=person.token)))
    return "\n".join(told)


def create_schema() -> Any:
    from app.resolvers.roots import make_schema  # noqa: PLC0415  (it takes a second, which few tests need)

    return make_schema()._schema


async def all_of_valkey(client: Any) -> str:
    """Keys and values, not as DUMP has them, which compresses."""
    readers = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"stream": client.xrange,
    }
    told = []
    for key in await client.keys("*"):
        reader = readers.get(await client.type(key))
        told.append(f"{key!r} {await reader(key)!r}" if reader else f"{key!r}")
    return "\n".join(told)


async def of_backup(settings: Settings, target: Path) -> str:
    """A backup without keys, its dump unpacked."""
    assert settings.database_url is not None
    await back_up(settings, settings.database_url, target)
    files = [path for path in await asyncio.to_thread(lambda: list(target.rglob("*"))) if path.is_file()]
    told = [repr(path.read_bytes()) for path in files]
    (dump,) = (path for path in files if path.suffix == ".dump")
    unpacking = await asyncio.create_subprocess_exec(
        str(program("pg_restore", 18)), "-f", "-", str(dump), stdout=asyncio.subprocess.PIPE
    )
    text, _ = await unpacking.communicate()
    assert b"COPY public.users" in text
    return "\n".join([*told, text.decode()])


def of_commands(settings: Settings, slug: str) -> str:
    """What the operator's commands print, with these settings in the environment."""
    values = {
        name: value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
        for name in ("database_url", "redis_url", "secret_key", "root_key", "credential_keys", "smtp_url", "mail_from")
        if (value := getattr(settings, name)) is not None
    }
    commands = [[part.format(slug=slug) for part in command] for command in COMMANDS]
    told = [_printed(settings, command, values) for command in commands]
    values["credential_keys"] = f"{values.get('credential_keys', '')}x"
    return "\n".join([*told, _printed(settings, ["doctor"], values)])


def _printed(settings: Settings, command: list[str], values: dict[str, str]) -> str:
    seen = {**environment(settings.data_dir, **values), "COLUMNS": WIDE}
    if "PYTHONPATH" in os.environ:  # the code that is tested, where another is installed
        seen["PYTHONPATH"] = os.environ["PYTHONPATH"]
    done = subprocess.run([SKYLEDGER, *command], env=seen, capture_output=True, text=True, timeout=120, check=False)
    assert command[0] == "doctor" or done.returncode == 0, done.stderr
    return done.stdout + done.stderr
