"""What tenants do during the soak. Each act raises where something is answered that should not have been."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.activity.sockets import FOLLOW, Follower, subscribed
from tests.campaigns.soak_documents import different, known_queries, wrong
from tests.campaigns.soak_load import LOG_IN, Act, Caller, Tenant, require
from tests.clients import PASSWORD, GraphQL, Person
from tests.resolvers.company import CREATE_KEY
from tests.scanning.company import START as START_SCAN
from tests.sourcing.importing import CANCEL, IMPORT, focus_file
from tests.sourcing.importing import START as START_IMPORT
from tests.uploads.senders import Sender

ADD_NOTE = """mutation ($input: AddNoteInput!) { addNote(input: $input) { __typename
  ... on AddNotePayload { event { sequence data } } ... on UserError { code message } } }"""
REFRESH = """mutation ($input: RefreshSessionInput!) { refreshSession(input: $input) { __typename
  ... on RefreshSessionPayload { accessToken } ... on UserError { code message } } }"""
LOG_OUT = "mutation { logOut { __typename } }"
UPDATE = """mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { __typename
  ... on UpdateOrganizationPayload { organization { name } } ... on UserError { code message } } }"""
CREATE_TEAM = """mutation ($input: CreateTeamInput!) { createTeam(input: $input) { __typename
  ... on CreateTeamPayload { team { id name } } ... on UserError { code message } } }"""
ARCHIVE_TEAM = """mutation ($input: ArchiveTeamInput!) { archiveTeam(input: $input) { __typename
  ... on UserError { code message } } }"""
REVOKE_KEY = """mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { __typename
  ... on UserError { code message } } }"""
INGEST_RESOURCES = """mutation ($input: IngestResourcesInput!) { ingestResources(input: $input) { __typename
  ... on IngestResourcesPayload { received issues { rowNumber } } ... on UserError { code message } } }"""
INGEST_COSTS = """mutation ($input: IngestCostsInput!) { ingestCosts(input: $input) { __typename
  ... on IngestCostsPayload { received rejected } ... on UserError { code message } } }"""
PROGRESS = "subscription ($scanId: ID!) { scanProgress(scanId: $scanId) { state failure totals { found } } }"
CHANGES = "subscription ($id: ID!) { recommendationChanged(organizationId: $id) { cursor } }"
IMPORTED_ROWS = 300
UNDER_WAY = {"QUEUED", "RUNNING"}
_queries = cache(known_queries)


async def known_query(caller: Caller) -> None:
    """One of the benchmark's or of the examples."""
    _, document, variables = caller.chance.choice(_queries(caller.tenant.slug))
    await caller.data(document, variables)


async def different_query(caller: Caller) -> None:
    """A document that nobody has sent before."""
    data = await caller.data(different(caller.number), {"slug": caller.tenant.slug})
    require(data["organization"], data)


async def wrong_query(caller: Caller) -> None:
    """A document that nobody has sent before, and that is refused."""
    refused = wrong(caller.number)
    await caller.refused(refused.text, refused.code)


async def foreign_query(caller: Caller) -> None:
    """Another's organization, an unknown token, a body that is no JSON."""
    answer = await caller.ask(different(caller.number), {"slug": f"nobody-{caller.number}"})
    require((answer.get("data") or {}).get("organization") is None, answer)
    await caller.refused("{ viewer { user { id } } }", "UNAUTHENTICATED", token=f"wrong-{caller.number}")
    broken = await caller.client.post("/graphql", content=b"{", headers={"content-type": "application/json"})
    require(broken.is_client_error, broken.text)


async def log_in(caller: Caller) -> None:
    """A new session, which is refreshed; the tenant goes on with it. Now and then a session that ends at once."""
    begun = await caller.log_in()
    if caller.number % 3 == 0:
        ended = await caller.ask(LOG_OUT, token=begun["accessToken"])
        require("errors" not in ended, ended)
        return
    again = await caller.act(REFRESH, {"refreshToken": begun["refreshToken"]}, "RefreshSessionPayload")
    caller.tenant.sign_in(again["accessToken"])


async def wrong_log_in(caller: Caller) -> None:
    """Somebody who does not exist."""
    values = {"email": f"nobody-{caller.number}@skyledger.example", "password": PASSWORD}
    answer = await caller.ask(LOG_IN, {"input": values})
    require("accessToken" not in str(answer.get("data")), answer)
    require("UNAUTHENTICATED" in str(answer) or "email or password" in str(answer).lower(), answer)


async def add_note(caller: Caller) -> None:
    """A note."""
    text = f"note {caller.number}"
    made = await caller.act(ADD_NOTE, _own(caller, text=text), "AddNotePayload")
    require(made["event"]["data"] == {"text": text}, made)


async def change_settings(caller: Caller) -> None:
    """A new name, a team that comes and goes, a key that is made and revoked."""
    name = f"Tenant {caller.tenant.number}, {caller.number}"
    made = await caller.act(UPDATE, _own(caller, name=name), "UpdateOrganizationPayload")
    require(made["organization"]["name"] == name, made)
    team = await caller.act(CREATE_TEAM, _own(caller, name=f"team {caller.number}"), "CreateTeamPayload")
    await caller.act(ARCHIVE_TEAM, {"id": team["team"]["id"]}, "ArchiveTeamPayload")
    wanted = _own(caller, name=f"key {caller.number}", scopes=["ORGANIZATION_READ"])
    key = await caller.act(CREATE_KEY, wanted, "CreateApiKeyPayload")
    await caller.act(REVOKE_KEY, {"id": key["apiKey"]["id"]}, "RevokeApiKeyPayload")


async def ingest(caller: Caller) -> None:
    """The same resources with other tags, and the same charges with other amounts; one row of each is wrong."""
    number = caller.number % 50
    row = {"provider": "AWS", "accountId": "210987654321", "service": "EC2", "resourceType": "AWS::EC2::Instance"}
    rows = [
        {**row, "resourceId": f"i-{place}", "tags": {"run": str(caller.number)}} for place in range(number, number + 5)
    ]
    answer = await caller.act(
        INGEST_RESOURCES, _own(caller, rows=[*rows, {"provider": "AWS"}]), "IngestResourcesPayload"
    )
    require((answer["received"], {issue["rowNumber"] for issue in answer["issues"]}) == (6, {6}), answer)
    charge = {
        "BilledCost": f"{caller.chance.randint(1, 999)}.25",
        "BillingCurrency": "USD",
        "ServiceName": f"Service {number}",
        "ChargePeriodStart": "2026-09-01T00:00:00Z",
        "ChargePeriodEnd": "2026-09-02T00:00:00Z",
    }
    wrong_one = {**charge, "BilledCost": "a lot"}
    answer = await caller.act(INGEST_COSTS, _own(caller, rows=[charge, wrong_one]), "IngestCostsPayload")
    require((answer["received"], answer["rejected"]) == (2, 1), answer)


async def scan(caller: Caller) -> None:
    """A scan of the tenant's cloud, followed to its end on a socket."""
    async with caller.tenant.alone:
        started = await caller.act(START_SCAN, _own(caller), "StartScanPayload")
        scans = started["scans"] or started["alreadyRunning"]
        require(len(scans) == 1, started)
        variables = {"scanId": scans[0]["id"]}
        state, messages = {"state": "QUEUED"}, 0
        async with subscribed(caller.url, PROGRESS, variables, token=caller.tenant.token) as follower:
            while (message := await _message(follower))["type"] == "next":
                state, messages = message["payload"]["data"]["scanProgress"], messages + 1
        require(message["type"] == "complete", message)
        require(messages, "a subscription without a message")
        require(state["state"] == "SUCCEEDED", state)


async def import_costs(caller: Caller) -> None:
    """A file that is sent, imported in the place of the one before, and deleted; now and then one that is no file."""
    good = caller.number % 4 != 0
    async with caller.tenant.alone:
        # The number makes each file another: one that is sent again is told to be UNCHANGED.
        data = focus_file(IMPORTED_ROWS, f"{caller.number}.5", "soak") if good else b"no,costs\n1,2\n"
        sender = _sender(caller)
        url = await sender.created(data, fileName="costs.csv")
        sent = await sender.put(url, data)
        require(sent.is_success, sent.text)
        values = _own(caller, uploadIds=[url.rpartition("/")[2]], dataset="soak")
        import_id = (await caller.act(START_IMPORT, values, "ImportCostsPayload"))["costImport"]["id"]
        if caller.number % 10 == 1:
            await caller.data(CANCEL, {"input": {"id": import_id}})
        found = await _ended(caller, import_id)
        ends = {"SUCCEEDED", "CANCELLED"} if caller.number % 10 == 1 else {"SUCCEEDED"}
        require(found["state"] in (ends if good else {"FAILED", "CANCELLED"}), found)
        deleted = await sender.delete(url)
        require(deleted["__typename"] == "DeleteUploadPayload", deleted)


async def _ended(caller: Caller, import_id: str) -> dict[str, Any]:
    while True:
        found: dict[str, Any] = (await caller.data(IMPORT, {"id": import_id}))["node"]
        if found["state"] not in UNDER_WAY:
            return found
        await asyncio.sleep(0.5)


async def break_off_upload(caller: Caller) -> None:
    """Half of a file, whose connection is lost; the upload is deleted."""
    data = bytes(40_000)
    sender = _sender(caller)
    url = await sender.created(data)
    async with sender.began(urlsplit(url).path, len(data)) as request:
        await request.wanted()
        await request.send(data[: len(data) // 2])
    while (deleted := await sender.delete(url))["__typename"] != "DeleteUploadPayload":
        require(deleted.get("code") == "CONFLICT", deleted)  # the server may not have noticed yet
        await asyncio.sleep(0.2)


async def break_off_query(caller: Caller) -> None:
    """A query whose connection is lost before its answer, at whatever point of its execution."""
    _, document, variables = caller.chance.choice(_queries(caller.tenant.slug))
    body = orjson.dumps({"query": document, "variables": variables})
    await _break_off(caller, body, len(body), caller.chance.uniform(0, 0.03))


async def break_off_body(caller: Caller) -> None:
    """A request of which only a half is ever sent."""
    await _break_off(caller, b'{"query": "{ viewer', 1_000, caller.chance.uniform(0, 0.1))


async def _break_off(caller: Caller, body: bytes, length: int, seconds: float) -> None:
    address = urlsplit(caller.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: {address.netloc}\r\nauthorization: Bearer {caller.tenant.token}\r\n"
        f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    await asyncio.sleep(seconds)
    writer.transport.abort()
    await reader.read()


async def follow_on_socket(caller: Caller) -> None:
    """Two subscriptions on a socket, over which a note of the other process comes; the socket is closed or lost."""
    variables = {"organizationId": caller.tenant.organization_id, "after": None}
    async with subscribed(caller.url, FOLLOW, variables, token=caller.tenant.token) as follower:
        second = {"query": CHANGES, "variables": {"id": caller.tenant.organization_id}}
        await follower.connection.send(orjson.dumps({"type": "subscribe", "id": "2", "payload": second}).decode())
        begun = set[str]()
        while begun != {"1", "2"}:
            message = await _message(follower)
            require(message["type"] == "next" and "errors" not in message["payload"], message)
            begun.add(message["id"])
        await _note_elsewhere(caller)
        await _until_noted(caller, follower)
        if caller.number % 2:
            follower.connection.transport.abort()
        elif caller.number % 4:
            await follower.connection.send('{"type":"complete","id":"1"}')


async def _message(follower: Follower) -> dict[str, Any]:
    """The next message that is no ping."""
    while (message := await follower.receive(seconds=120))["type"] == "ping":
        await follower.connection.send('{"type":"pong"}')
    return message


async def _until_noted(caller: Caller, follower: Follower) -> None:
    while True:
        message = await _message(follower)
        require(message["type"] == "next" and "errors" not in message["payload"], message)
        event = (message["payload"]["data"].get("activity") or {}).get("event") or {}
        if (event.get("data") or {}).get("text") == f"seen {caller.number}":
            return


async def follow_stream(caller: Caller) -> None:
    """A subscription over server-sent events; a note that is written on the other process comes; then it is left."""
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {caller.tenant.token}"}
    variables = {"organizationId": caller.tenant.organization_id, "after": None}
    body = {"query": FOLLOW, "variables": variables}
    noted = False
    async with caller.client.stream("POST", "/graphql", json=body, headers=headers) as response:
        require(response.status_code == 200, response.status_code)
        async for line in response.aiter_lines():
            if not line.startswith("data:"):
                continue
            message = orjson.loads(line.removeprefix("data:"))
            require("errors" not in message, message)
            if not noted:
                noted = True
                await _note_elsewhere(caller)
            elif f"seen {caller.number}" in line:
                return
    require(None, "the stream ended")


async def _note_elsewhere(caller: Caller) -> None:
    graphql = GraphQL(caller.others)
    values = {"input": _own(caller, text=f"seen {caller.number}")}
    await graphql.data(ADD_NOTE, values, token=caller.tenant.token)


def _own(caller: Caller, **values: Any) -> dict[str, Any]:
    return {"organizationId": caller.tenant.organization_id, **values}


def _sender(caller: Caller) -> Sender:
    tenant: Tenant = caller.tenant
    return Sender(caller.client, Person(tenant.email, tenant.token, "", tenant.organization_id, tenant.slug))


ACTS: dict[Act, float] = {
    known_query: 20,
    different_query: 15,
    wrong_query: 15,
    foreign_query: 4,
    log_in: 2,
    wrong_log_in: 1,
    add_note: 8,
    change_settings: 3,
    ingest: 0.7,  # what changes costs or resources has every check and forecast of the tenant made again
    scan: 0.7,
    import_costs: 0.7,
    break_off_upload: 2,
    break_off_query: 6,
    break_off_body: 2,
    follow_on_socket: 5,
    follow_stream: 4,
}
"""Act → how often it is done, in relation to the others."""
