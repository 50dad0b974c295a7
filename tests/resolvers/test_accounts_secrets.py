"""Canaries: a secret that came in with credentials is in no answer, log line, event, job or table, whatever happens."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from app.config import Settings
from app.database import Database
from app.logging import configure_logging
from app.schema.account_connection import AwsCredentialsInput, AzureConnectionInput, GcpConnectionInput
from tests.accounts.clouds import CONNECT, DISCONNECT, UPDATE, VERIFY, settings
from tests.auth.people import everything_stored
from tests.clients import ACCEPT, GraphQL, Person, register

__all__ = ["settings"]

CANARY = "Canary7f3a9c51"
NOBODY = "http://127.0.0.1:1"
SUBSCRIPTION = "6f1a2b3c-0000-4000-8000-000000000003"
SERVICE_ACCOUNT = {
    "type": "service_account",
    "project_id": "acme-prod",
    "private_key": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n",
    "client_email": "skyledger@acme-prod.iam.gserviceaccount.com",
}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that is logged, of every library."""
    stream = io.StringIO()
    configure_logging("DEBUG", "json", stream)
    yield stream
    configure_logging("WARNING")


class Heard:
    """Runs operations and keeps all that was answered, as it was sent."""

    def __init__(self, graphql: GraphQL, person: Person) -> None:
        self.graphql = graphql
        self.person = person
        self.answers: list[str] = []

    async def __call__(self, document: str, **values: Any) -> dict[str, Any]:
        headers = {"accept": ACCEPT, "authorization": f"Bearer {self.person.token}"}
        body = {"query": document, "variables": {"input": values}}
        response = await self.graphql.client.post("/graphql", json=body, headers=headers)
        self.answers.append(response.text + json.dumps(dict(response.headers)))
        answer: dict[str, Any] = response.json()
        return answer


async def _everything_goes_on(heard: Heard, url: str) -> None:
    organization = {"organizationId": heard.person.organization_id}
    keys = {"accessKeyId": f"AKIA{CANARY}", "secretAccessKey": CANARY, "sessionToken": CANARY}
    there, nobody = ([{"service": "*", "url": place}] for place in (url, NOBODY))
    await heard(CONNECT, **organization, aws=keys, endpoints=nobody)
    made = await heard(CONNECT, **organization, aws=keys, endpoints=there)
    account = made["data"]["connectAccount"]["accounts"][0]["id"]
    await heard(CONNECT, **organization, aws=keys, endpoints=there)
    await heard(VERIFY, id=account)
    await heard(UPDATE, id=account, aws={**keys, "secretAccessKey": f"{CANARY}2"})
    await heard(UPDATE, id=account, aws=keys, endpoints=nobody)
    # An application, a certificate and a service account that nobody knows; and what is no input at all.
    azure = {"tenantId": "acme.example", "clientId": SUBSCRIPTION, "subscriptions": [SUBSCRIPTION]}
    places = [{"service": name, "url": NOBODY} for name in ("management", "authority")]
    await heard(CONNECT, **organization, azure={**azure, "clientSecret": CANARY}, endpoints=places)
    pem = f"-----BEGIN CERTIFICATE-----\n{CANARY}\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n{CANARY}"
    await heard(CONNECT, **organization, azure={**azure, "certificate": pem, "certificatePassword": CANARY})
    await heard(CONNECT, **organization, gcp={"serviceAccount": json.dumps(SERVICE_ACCOUNT), "projects": ["acme-prod"]})
    await heard(CONNECT, **organization, gcp={"serviceAccount": f"{{{CANARY}", "projects": ["acme-prod"]})
    await heard(CONNECT, **organization, aws={"accessKeyId": CANARY, "secretAccessKey": CANARY * 2_000})
    await heard(DISCONNECT, id=account)


async def test_no_secret_is_anywhere_in_plain_text(
    graphql: GraphQL, owner: Database, valkey: Redis, logged: io.StringIO, moto_url: str, settings: Settings
) -> None:
    heard = Heard(graphql, await register(graphql))
    await _everything_goes_on(heard, moto_url)
    assert len(heard.answers) == 12
    stored = await everything_stored(owner)
    cached = [key + (await valkey.dump(key) or b"") for key in await valkey.keys("*")]
    files = [path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file()]
    assert files, "the keys of the vault"
    places = {
        "answers": "\n".join(heard.answers),
        "logs": logged.getvalue(),
        "tables": stored,
        "valkey": repr(cached),
        "files": repr(files),
    }
    assert {name for name, text in places.items() if CANARY in text} == set()
    # Bytes are shown in hexadecimal in the tables.
    assert CANARY.encode().hex() not in stored
    assert '"operation"' in places["logs"], "operations are logged"


@pytest.mark.parametrize(
    "aws",
    [
        {"secretAccesKey": CANARY},
        {"secretAccessKey": [CANARY]},
        {"secretAccessKey": {"value": CANARY}},
        CANARY,
        [CANARY],
    ],
    ids=["misspelled", "list", "object", "text", "lists"],
)
async def test_a_malformed_input_is_not_quoted(graphql: GraphQL, logged: io.StringIO, aws: Any) -> None:
    heard = Heard(graphql, await register(graphql))
    answer = await heard(CONNECT, organizationId=heard.person.organization_id, aws=aws)
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert CANARY not in heard.answers[0]
    assert CANARY not in logged.getvalue()


@pytest.mark.parametrize("aws", ['{secretAccesKey: "%s"}', '{secretAccessKey: ["%s"]}', '"%s"'])
async def test_a_malformed_literal_is_not_quoted(graphql: GraphQL, aws: str) -> None:
    person = await register(graphql)
    sent = f'{{organizationId: "{person.organization_id}", aws: {aws % CANARY}}}'
    answer = await graphql(f"mutation {{ connectAccount(input: {sent}) {{ __typename }} }}", token=person.token)
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert CANARY not in json.dumps(answer)


def test_inputs_do_not_show_themselves() -> None:
    shown = [
        repr(AwsCredentialsInput(secret_access_key=CANARY, session_token=CANARY)),
        repr(AzureConnectionInput(tenant_id="t", client_id="c", client_secret=CANARY, subscriptions=[])),
        repr(GcpConnectionInput(service_account=orjson.dumps(SERVICE_ACCOUNT).decode())),
    ]
    assert [text for text in shown if CANARY in text] == []
