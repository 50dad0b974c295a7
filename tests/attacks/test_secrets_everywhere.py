"""A site is taken through its life with secrets of every kind in it; none of them is in anything that comes out.

Beside this: tests/resolvers/test_accounts_secrets.py for cloud accounts, tests/server/test_telemetry.py for spans. That
the search would find a leak in each place is proved by test_secret_judges.py.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from pathlib import Path
from typing import Any

import pyotp
from redis.asyncio import Redis

from app.config import Settings, new_credential_key
from app.database import Database
from app.embedded import EngineUrls
from tests.attacks.places import (
    PLACES,
    Planted,
    all_of_valkey,
    exports,
    listening,
    of_backup,
    of_commands,
    of_files,
    pages,
    quiet,
    site,
)
from tests.auth.people import everything_stored
from tests.clients import PASSWORD, GraphQL, Person
from tests.notifications.post import TOKEN, Mailbox, smtp_server
from tests.resolvers.company import CREATE_KEY, INVITE
from tests.resolvers.own_identity import Somebody, somebody
from tests.resolvers.test_accounts_secrets import CANARY as OF_CLOUDS
from tests.resolvers.test_accounts_secrets import NOBODY, Heard, _everything_goes_on
from tests.webhooks.office import ADD_NOTE, NOTES
from tests.webhooks.office import CREATE as CREATE_HOOK
from tests.webhooks.office import ROTATE as ROTATE_HOOK
from tests.webhooks.office import TEST as TEST_HOOK
from tests.webhooks.office import UPDATE as UPDATE_HOOK
from tests.webhooks.receiver import Answering, Receiver, receiving
from tests.workers.probes import until

KEYS = {"accessKeyId": f"AKIA{OF_CLOUDS}", "secretAccessKey": OF_CLOUDS, "sessionToken": OF_CLOUDS}
CONNECT = """mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) { __typename
  ... on ConnectAccountPayload { accounts { id } } ... on UserError { message } } }"""
SCAN = """mutation ($input: StartScanInput!) { startScan(input: $input) { __typename
  ... on StartScanPayload { scans { id } } ... on UserError { message } } }"""
UPDATE = "mutation ($input: UpdateAccountInput!) { updateAccount(input: $input) { __typename } }"


def random_text(of: str) -> str:
    return f"{of}-{secrets.token_hex(16)}"


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


async def test_no_secret_comes_out_anywhere(
    settings: Settings, engine_urls: EngineUrls, owner: Database, valkey: Redis, moto_url: str, tmp_path: Path
) -> None:
    told: list[str] = []
    planted, box = Planted(), Mailbox()
    planted.plant("credentials of clouds", OF_CLOUDS)
    async with smtp_server(box):
        own = with_secrets(settings, planted, box).model_copy(update={"redis_url": engine_urls.redis_url})
        assert own.sentry_dsn is not None
        assert own.root_key is not None
        with listening(own.sentry_dsn.get_secret_value()) as heard:
            async with site(own, engine_urls.redis_url) as graphql:
                ada = await somebody(graphql)
                await sign_ins(ada, planted)
                box.answer = "451 later"
                await ada.send("resendVerification", caller="", email=ada.person.email)
                box.answer = "250 OK"
                await clouds(graphql, ada.person, moto_url, told)
                await exports(graphql, ada.person)
                async with receiving() as receiver:
                    await hooks(graphql, ada.person, receiver, planted)
                    await quiet(owner)
                for number, mail in enumerate(box.mails):
                    for token in set(TOKEN.findall(str(mail))):
                        planted.plant(f"token of mail {number}", token)
                planted.found["pages and answers"] = await pages(graphql, ada.person, own.root_key.get_secret_value())
                planted.found["Valkey"] = await all_of_valkey(valkey)
        heard.hear(planted)
    planted.found["answers to accounts"] = "\n".join(told)
    planted.found["tables"] = await everything_stored(owner)
    planted.found["exports"] = of_files(own)
    planted.found["backup"] = await of_backup(own, tmp_path / "backup")
    planted.found["commands"] = await asyncio.to_thread(of_commands, own, ada.person.slug)
    assert set(planted.found) == set(PLACES), "a place that is new needs its proof in test_secret_judges.py"
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
