"""A site is taken through its life with secrets of every kind in it; none of them is in anything that comes out.

Beside this: tests/resolvers/test_accounts_secrets.py for cloud accounts, tests/server/test_telemetry.py for spans.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pyotp
from redis.asyncio import Redis

from app import error_reports, tracing
from app.backup import back_up
from app.backup.programs import program
from app.config import Settings, new_credential_key
from app.database import Database
from app.embedded import EngineUrls
from app.logging import configure_logging
from app.main import create_app, make_runtime, running
from app.workers.process import work
from app.workers.runner import RunnerSettings
from tests.auth.people import everything_stored
from tests.cli.commands import run
from tests.clients import PASSWORD, GraphQL, Person
from tests.execution.known import questions
from tests.notifications.post import TOKEN, Mailbox, smtp_server
from tests.resolvers.company import CREATE_KEY, INVITE
from tests.resolvers.own_identity import Somebody, somebody
from tests.resolvers.test_accounts_secrets import CANARY as OF_CLOUDS
from tests.resolvers.test_accounts_secrets import NOBODY, Heard, _everything_goes_on
from tests.server.test_telemetry import FarSide, spans_to
from tests.webhooks.office import ADD_NOTE, NOTES
from tests.webhooks.office import CREATE as CREATE_HOOK
from tests.webhooks.office import ROTATE as ROTATE_HOOK
from tests.webhooks.office import TEST as TEST_HOOK
from tests.webhooks.office import UPDATE as UPDATE_HOOK
from tests.webhooks.receiver import Answering, Receiver, receiving
from tests.workers.probes import until

QUICK = RunnerSettings(sweep=0.2, heartbeat=0.2, first_pause=0.02, longest_pause=0.05)
KEYS = {"accessKeyId": f"AKIA{OF_CLOUDS}", "secretAccessKey": OF_CLOUDS, "sessionToken": OF_CLOUDS}
CONNECT = """mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) { __typename
  ... on ConnectAccountPayload { accounts { id } } ... on UserError { message } } }"""
SCAN = """mutation ($input: StartScanInput!) { startScan(input: $input) { __typename
  ... on StartScanPayload { scans { id } } ... on UserError { message } } }"""
UPDATE = "mutation ($input: UpdateAccountInput!) { updateAccount(input: $input) { __typename } }"
JOBS = "SELECT count(*) FROM jobs WHERE state IN ('QUEUED', 'RUNNING') AND wake_at < now() + interval '10 seconds'"
COMMANDS = (("doctor",), ("keys", "list", "--organization", "{slug}"))


def random_text(of: str) -> str:
    return f"{of}-{secrets.token_hex(16)}"


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


def with_secrets(settings: Settings, planted: Planted, box: Mailbox) -> Settings:
    """Settings with a secret wherever there may be one."""
    box.user, box.password = "postman", planted.plant("SMTP password", random_text("smtp"))
    database_password = planted.plant("database password", random_text("db"))
    assert settings.database_url is not None
    key = new_credential_key()
    planted.plant("credential key", key.partition(":")[2])
    values = {
        "database_url": settings.database_url.replace("app@", f"app:{database_password}@"),
        "secret_key": planted.plant("signing key", random_text("signing")),
        "root_key": planted.plant("root key", random_text("root")),
        "credential_keys": key,
        "google_prices_key": planted.plant("key for Google's prices", random_text("google")),
        "sentry_dsn": f"https://{planted.plant('Sentry key', random_text('sentry'))}@sentry.example/1",
        "smtp_url": f"smtp://{box.user}:{box.password}@127.0.0.1:{box.port}",
        "mail_from": "Skyledger <skyledger@example.com>",
        "endpoint_hosts": ("127.0.0.1", "localhost"),
        "outgoing_networks": ("127.0.0.0/8",),
        "refresh_prices_weekly": False,
        "log_level": "DEBUG",
    }
    return Settings.model_validate({**settings.model_dump(), **values})


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


async def sign_ins(ada: Somebody, planted: Planted) -> None:
    """Wrong and right passwords, a second factor, another password, a key, an invitation."""
    planted.plant("password", PASSWORD)
    planted.plant("access token", ada.person.token)
    planted.plant("refresh token", ada.person.refresh_token)
    await ada.send("logIn", caller="", email=ada.person.email, password=planted.plant("tried", random_text("tried")))
    made = await ada("enrollTotp", password=PASSWORD)
    seed = planted.plant("seed of the second factor", made["secret"])
    code = pyotp.TOTP(seed).now()
    codes = (await ada("confirmTotp", code=code))["recoveryCodes"]
    for number, one in enumerate(codes):
        planted.plant(f"recovery code {number}", one)
    asked = await ada.log_in()
    planted.plant("challenge", asked["challenge"])
    done = await ada.complete(asked["challenge"], recoveryCode=codes[0])
    planted.plant("second access token", done["data"]["completeLogIn"]["accessToken"])
    planted.plant("second refresh token", done["data"]["completeLogIn"]["refreshToken"])
    organization = {"organizationId": ada.person.organization_id}
    key = {**organization, "name": "feed", "scopes": ["ORGANIZATION_READ"]}
    answer = await ada.graphql.data(CREATE_KEY, {"input": key}, token=ada.person.token)
    api_key = planted.plant("API key", answer["createApiKey"]["key"])
    assert (await ada.graphql.data("{ viewer { apiKey { name } } }", api_key=api_key))["viewer"]["apiKey"]
    await ada.graphql("{ viewer { apiKey { name } } }", api_key=f"{api_key[:-3]}abc")
    invited = {**organization, "email": "ina@skyledger.example", "role": "VIEWER"}
    answer = await ada.graphql.data(INVITE, {"input": invited}, token=ada.person.token)
    planted.plant("invitation", answer["inviteMember"]["token"])
    await ada.send("requestPasswordReset", caller="", email=ada.person.email)


async def clouds(graphql: GraphQL, person: Person, url: str, told: list[str]) -> None:
    """Accounts of all clouds that are right, wrong and out of reach; scans that go well and fail."""
    planted = Heard(graphql, person)
    await _everything_goes_on(planted, url)
    organization = {"organizationId": person.organization_id}
    there, nobody = ([{"service": "*", "url": place}] for place in (url, NOBODY))
    made = await planted(CONNECT, **organization, aws=KEYS, endpoints=there)
    (account,) = made["data"]["connectAccount"]["accounts"]
    await planted(SCAN, **organization, services=["s3"])
    await asyncio.sleep(0.5)
    await planted(UPDATE, id=account["id"], endpoints=nobody)
    await planted(SCAN, **organization, services=["s3"])
    told += planted.answers


async def hooks(graphql: GraphQL, person: Person, receiver: Receiver, planted: Planted) -> None:
    """Webhooks that are taken, refused, changed and disabled, signed by secrets that only their maker was shown."""

    async def act(mutation: str, /, **values: Any) -> dict[str, Any]:
        (answer,) = (await graphql.data(mutation, {"input": values}, token=person.token)).values()
        found: dict[str, Any] = answer
        if "secret" in found:
            _plant_signing(planted, found["secret"])
        return found

    organization = {"organizationId": person.organization_id}
    there = {"url": receiver.url, "document": NOTES, "kinds": ["NOTE_ADDED"]}
    made = await act(CREATE_HOOK, **organization, **there, name="one", idempotencyKey="one")
    id_ = made["webhook"]["id"]
    await act(CREATE_HOOK, **organization, **there, name="one", idempotencyKey="one")
    await act(ADD_NOTE, **organization, text="one")
    await until(lambda: len(receiver.received) == 1)
    await act(ROTATE_HOOK, id=id_, overlapHours=1, idempotencyKey="again")
    await act(TEST_HOOK, id=id_)
    await until(lambda: len(receiver.received) == 2)
    assert len(receiver.received[-1].headers["webhook-signature"].split()) == 2
    gone = await act(CREATE_HOOK, **organization, **there | {"url": f"{receiver.url}/gone"}, name="two")
    await act(UPDATE_HOOK, id=gone["webhook"]["id"], name="renamed")
    await act(CREATE_HOOK, **organization, **there | {"url": "https://10.0.0.1/"}, name="inside")
    receiver.otherwise = Answering(410, body=b"Gone.")
    await act(ADD_NOTE, **organization, text="two")
    await until(lambda: len(receiver.received) == 4)


def _plant_signing(planted: Planted, secret: str) -> None:
    """As it is shown, and the bytes that sign."""
    name = f"signing secret {len(planted.secrets)}"
    planted.plant(name, secret.removeprefix("whsec_"))
    planted.plant(f"{name} as bytes", base64.b64decode(secret.removeprefix("whsec_")).hex())


async def quiet(owner: Database) -> None:
    """Wait until the worker has done what is due."""
    async with asyncio.timeout(90), owner.engine.connect() as connection:
        while (await connection.exec_driver_sql(JOBS)).scalar_one():  # noqa: ASYNC110  (what is waited for has no event)
            await asyncio.sleep(0.1)


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
    audit = "query ($slug: String!) { organization(slug: $slug) { auditLog(first: 200) { nodes { act arguments } } } }"
    told.append(json.dumps(await graphql(audit, {"slug": person.slug}, token=person.token)))
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
    told = []
    for command in COMMANDS:
        done = run(settings.data_dir, *(part.format(slug=slug) for part in command), **values)
        told.append(done.stdout + done.stderr)
    wrong = run(settings.data_dir, "doctor", **{**values, "credential_keys": f"{values['credential_keys']}x"})
    return "\n".join([*told, wrong.stdout, wrong.stderr])


async def test_no_secret_comes_out_anywhere(
    settings: Settings, engine_urls: EngineUrls, owner: Database, valkey: Redis, moto_url: str, tmp_path: Path
) -> None:
    told: list[str] = []
    planted, box, far_side, logged = Planted(), Mailbox(), FarSide(), io.StringIO()
    planted.plant("credentials of clouds", OF_CLOUDS)
    exporter = spans_to.InMemorySpanExporter()
    async with smtp_server(box):
        own = with_secrets(settings, planted, box).model_copy(update={"redis_url": engine_urls.redis_url})
        assert own.sentry_dsn is not None
        assert own.root_key is not None
        configure_logging("DEBUG", "json", logged)
        tracing.start("http://nowhere", "tests", "1", exporter=exporter)
        error_reports.start(own.sentry_dsn.get_secret_value(), "tests", "1", transport=far_side)
        try:
            async with site(own, engine_urls.redis_url) as graphql:
                ada = await somebody(graphql)
                await sign_ins(ada, planted)
                box.answer = "451 later"
                await ada.send("resendVerification", caller="", email=ada.person.email)
                box.answer = "250 OK"
                await clouds(graphql, ada.person, moto_url, told)
                async with receiving() as receiver:
                    await hooks(graphql, ada.person, receiver, planted)
                    await quiet(owner)
                for number, mail in enumerate(box.mails):
                    for token in set(TOKEN.findall(str(mail))):
                        planted.plant(f"token of mail {number}", token)
                planted.found["pages and answers"] = await pages(graphql, ada.person, own.root_key.get_secret_value())
                planted.found["Valkey"] = await all_of_valkey(valkey)
        finally:
            error_reports.stop()
            tracing.stop()
            configure_logging("WARNING")
    planted.found["answers to accounts"] = "\n".join(told)
    planted.found["logs"] = logged.getvalue()
    planted.found["spans"] = "\n".join(span.to_json() for span in exporter.get_finished_spans())
    planted.found["error reports"] = repr(far_side.sent)
    planted.found["tables"] = await everything_stored(owner)
    planted.found["backup"] = await of_backup(own, tmp_path / "backup")
    planted.found["commands"] = await asyncio.to_thread(of_commands, own, ada.person.slug)
    assert {place for place, text in planted.found.items() if not text} <= {"error reports"}
    assert len(planted.secrets) > 20
    assert sum("signing secret" in name for name in planted.secrets) == 2 * 4, "one was shown twice"
    assert box.mails
    assert planted.leaks() == set()


def test_the_search_finds_what_is_there() -> None:
    planted = Planted()
    planted.plant("password", "hunter2-hunter2")
    planted.found = {"logs": "…hunter2-hunter2…", "tables": b"hunter2-hunter2".hex(), "pages": "hunter2"}
    assert planted.leaks() == {("password", "logs"), ("password", "tables")}
