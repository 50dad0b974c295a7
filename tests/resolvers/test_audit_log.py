"""The audit log through the graph: who may read it, what is found in it, and what is never there."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from app.activity.verify_audit import Verdict, verify
from app.context import Runtime
from app.database import Database
from app.organizations.purge import purge
from app.schema.node import global_id, parse_id
from tests.accounts.clouds import ACCESS_KEY_ID, SECRET_ACCESS_KEY, connected, settings
from tests.clients import PASSWORD, GraphQL, register
from tests.house.statements import counted
from tests.resolvers.company import code_of, company, create_key, invite

__all__ = ["settings"]  # fixtures

LOG = """query ($slug: String!, $where: AuditLogFilter, $first: Int, $after: String, $orderBy: AuditLogOrder) {
  organization(slug: $slug) { auditLog(where: $where, first: $first, after: $after, orderBy: $orderBy) { totalCount
    pageInfo { hasNextPage endCursor }
    nodes { number act outcome actor { kind id user { email } } sessionId subjectType subjectId requestId clientAddress
      summary detailsErased occurredAt hash } } } }"""
NOTE = """mutation ($input: AddNoteInput!) { addNote(input: $input) { __typename } }"""
INGEST = """mutation ($input: IngestResourcesInput!) { ingestResources(input: $input) { __typename } }"""
DELETE = """mutation ($input: DeleteOrganizationInput!) { deleteOrganization(input: $input) { __typename } }"""
RENAME = """mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { __typename } }"""


async def log(graphql: GraphQL, slug: str, token: str, **variables: Any) -> dict[str, Any]:
    answer = await graphql.data(LOG, {"slug": slug, **variables}, token=token)
    found: dict[str, Any] = answer["organization"]["auditLog"]
    return found


async def test_a_row_tells_who_did_what(graphql: GraphQL) -> None:
    made = await company(graphql)
    key_id, _ = await create_key(graphql, made, "COSTS_INGEST")
    (row,) = (await log(graphql, made.slug, made.token("ADMIN"), first=1))["nodes"]
    assert (row["number"], row["act"], row["outcome"]) == (8, "createApiKey", "SUCCEEDED")
    assert row["actor"]["kind"] == "USER"
    assert row["actor"]["user"]["email"] == made.people["OWNER"].email
    assert (row["subjectType"], row["subjectId"]) == ("ApiKey", key_id)
    assert row["clientAddress"] == "127.0.0.1"
    assert None not in (row["sessionId"], row["requestId"])
    assert (row["detailsErased"], len(row["hash"])) == (False, 64)
    arguments = {"organizationId": made.organization_id, "name": "feed", "scopes": ["COSTS_INGEST"]}
    assert row["summary"]["arguments"] == arguments
    assert row["summary"]["events"][0]["kind"] == "API_KEY_CREATED"


async def test_conditions_and_pages(graphql: GraphQL) -> None:
    made = await company(graphql)
    token = made.token("OWNER")
    key_id, key = await create_key(graphql, made, "ACTIVITY_WRITE")
    for number in range(3):
        values = {"organizationId": made.organization_id, "text": str(number)}
        assert "errors" not in await graphql(NOTE, {"input": values}, api_key=key)
    acts = [row["act"] for row in (await log(graphql, made.slug, token, orderBy={"direction": "ASC"}))["nodes"]]
    joining = ["inviteMember", "acceptInvitation"] * 3
    assert acts == ["register", *joining, "createApiKey", *["addNote"] * 3]
    viewer = await graphql.data("{ viewer { user { id } } }", token=made.token("ADMIN"))
    found = {
        "kind": {"actorKind": {"eq": "API_KEY"}},
        "key": {"apiKeyId": {"eq": key_id}},
        "user": {"userId": {"eq": viewer["viewer"]["user"]["id"]}},
        "act": {"act": {"in": ["createApiKey", "register"]}},
        "subject": {"subjectId": {"eq": key_id}},
        "type": {"subjectType": {"eq": "Invitation"}},
        "future": {"occurredAt": {"gte": "2100-01-01T00:00:00Z"}},
        "past": {"occurredAt": {"lt": "2100-01-01T00:00:00Z"}},
    }
    counts = {name: (await log(graphql, made.slug, token, where=where))["totalCount"] for name, where in found.items()}
    assert counts == {"kind": 3, "key": 3, "user": 1, "act": 2, "subject": 1, "type": 3, "future": 0, "past": 11}
    seen, after = [], None
    while True:
        page = await log(graphql, made.slug, token, first=4, after=after)
        seen += [row["number"] for row in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == list(range(11, 0, -1))
    bad = await graphql(LOG, {"slug": made.slug, "after": "nonsense"}, token=token)
    assert code_of(bad) == "BAD_USER_INPUT"


async def test_only_those_with_the_permission_read_it(graphql: GraphQL) -> None:
    made = await company(graphql)
    for role in ("OWNER", "ADMIN"):
        assert (await log(graphql, made.slug, made.token(role)))["totalCount"] == 7
    for role in ("MEMBER", "VIEWER"):
        assert code_of(await graphql(LOG, {"slug": made.slug}, token=made.token(role))) == "FORBIDDEN"
    _, weak = await create_key(graphql, made, "ORGANIZATION_READ")
    assert code_of(await graphql(LOG, {"slug": made.slug}, api_key=weak)) == "FORBIDDEN"
    _, strong = await create_key(graphql, made, "ORGANIZATION_READ", "AUDIT_READ")
    assert "errors" not in await graphql(LOG, {"slug": made.slug}, api_key=strong)
    answer = await graphql.data(LOG, {"slug": made.slug}, token=made.stranger.token)
    assert answer["organization"] is None
    foreign = global_id("Account", parse_id(made.organization_id).id, parse_id(made.organization_id).id)
    own = await log(graphql, made.stranger.slug, made.stranger.token, where={"subjectId": {"eq": foreign}})
    assert own["totalCount"] == 0


async def test_what_changes_nothing_or_fails_leaves_no_row(graphql: GraphQL) -> None:
    ada = await register(graphql)
    organization = await graphql.data(
        "query ($s: String!) { organization(slug: $s) { name } }", {"s": ada.slug}, token=ada.token
    )
    same = {"organizationId": ada.organization_id, "name": organization["organization"]["name"]}
    for values in (same, {**same, "currency": "nonsense"}):
        await graphql.data(RENAME, {"input": values}, token=ada.token)
    assert (await log(graphql, ada.slug, ada.token))["totalCount"] == 1


async def test_no_secret_is_in_the_audit(graphql: GraphQL, owner: Database, database: Database, moto_url: str) -> None:
    made = await company(graphql)
    _, invited = await invite(graphql, made, "new@example.com", "VIEWER")
    _, key = await create_key(graphql, made, "ORGANIZATION_READ")
    await connected(graphql, made.token("OWNER"), made.organization_id, moto_url)
    stored: list[str] = []
    async with owner.engine.connect() as connection:
        for table in ("audit_heads", "audit_events", "audit_details"):
            stored += (await connection.execute(text(f"SELECT t::text FROM {table} t"))).scalars().all()  # noqa: S608
    told = "\n".join(stored).replace('""', '"')  # as text of a row doubles them
    assert '"password":"[redacted]"' in told
    assert '"secretAccessKey":"[redacted]"' in told
    assert '"token":"[redacted]"' in told
    people = [*made.people.values(), made.stranger]
    tokens = [each for person in people for each in (person.token, person.refresh_token)]
    for secret in (PASSWORD, SECRET_ACCESS_KEY, ACCESS_KEY_ID, key, key.rpartition("_")[2], invited, *tokens):
        assert secret not in told
        assert secret.encode().hex() not in told
    assert (await verify(database, parse_id(made.organization_id).id)).problem is None


async def test_the_chain_outlives_its_organization(graphql: GraphQL, database: Database, owner: Database) -> None:
    made = await company(graphql)
    values = {"organizationId": made.organization_id, "confirmSlug": made.slug}
    await graphql.data(DELETE, {"input": values}, token=made.token("OWNER"))
    organization_id = parse_id(made.organization_id).id
    await purge(database, organization_id, should_stop=lambda: False)
    assert await verify(database, organization_id) == Verdict(organization_id, rows=8, erased=8)
    async with owner.engine.connect() as connection:
        of_it = text("SELECT count(*) FROM audit_details WHERE organization_id = :id")
        assert (await connection.execute(of_it, {"id": organization_id})).scalar() == 0


@pytest.mark.parametrize("rows", [1, 50])
async def test_an_act_costs_two_statements_more(graphql: GraphQL, runtime: Runtime, rows: int) -> None:
    ada = await register(graphql)
    sent = [
        {"provider": "AWS", "accountId": "1", "resourceType": "vm", "resourceId": f"i-{number}"}
        for number in range(rows)
    ]
    with counted(runtime.database) as statements:
        await graphql.data(INGEST, {"input": {"organizationId": ada.organization_id, "rows": sent}}, token=ada.token)
    assert len([each for each in statements if "audit_" in each]) == 2
    assert all("audit_heads" in each for each in statements[-2:]), "the last before the commit"


async def test_a_page_costs_the_same_whatever_its_size(graphql: GraphQL, runtime: Runtime) -> None:
    ada = await register(graphql)
    for number in range(20):
        values = {"organizationId": ada.organization_id, "text": str(number)}
        await graphql.data(NOTE, {"input": values}, token=ada.token)
    counts = []
    for size in (1, 20):
        with counted(runtime.database) as statements:
            assert len((await log(graphql, ada.slug, ada.token, first=size))["nodes"]) == size
        counts.append(len(statements))
    assert counts[0] == counts[1]
