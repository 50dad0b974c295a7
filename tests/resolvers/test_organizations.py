"""Organizations, their members, invitations and keys as the graph shows them."""

from __future__ import annotations

from typing import Any

import pytest

from app.context import Runtime
from tests.clients import GraphQL, register
from tests.house.statements import counted
from tests.resolvers.company import ACCEPT, CREATE_KEY, INVITE, Company, code_of, company, create_key, invite

BY_SLUG = "query ($slug: String!) { organization(slug: $slug) { id name } }"
BY_ID = "query ($id: ID!) { organization(id: $id) { id slug } }"
CREATE = """mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) {
  __typename ... on CreateOrganizationPayload { organization { id slug name currency viewerRole } }
  ... on UserError { code message path } } }"""
REMOVE = """mutation ($input: RemoveMemberInput!) { removeMember(input: $input) {
  __typename ... on RemoveMemberPayload { removedMemberId } ... on UserError { code message } } }"""
CHANGE_ROLE = """mutation ($input: ChangeMemberRoleInput!) { changeMemberRole(input: $input) {
  __typename ... on ChangeMemberRolePayload { member { id role user { email } } }
  ... on UserError { code message } } }"""
MEMBERS = """query ($slug: String!, $first: Int, $last: Int, $after: String, $before: String) {
  organization(slug: $slug) { members(first: $first, last: $last, after: $after, before: $before) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { role user { name } } } } } }"""


async def test_by_slug_and_by_id(graphql: GraphQL) -> None:
    made = await company(graphql)
    for role in ("OWNER", "ADMIN", "MEMBER", "VIEWER"):
        found = (await graphql.data(BY_SLUG, {"slug": made.slug}, token=made.token(role)))["organization"]
        assert found["id"] == made.organization_id
        found = (await graphql.data(BY_ID, {"id": made.organization_id}, token=made.token(role)))["organization"]
        assert found["slug"] == made.slug


async def test_absent_and_foreign_ones_are_null_alike(graphql: GraphQL) -> None:
    made = await company(graphql)
    for slug in (made.slug, "no-such-slug", "", "\x00", "x" * 10_000):
        assert await graphql.data(BY_SLUG, {"slug": slug}, token=made.stranger.token) == {"organization": None}
    assert await graphql.data(BY_ID, {"id": made.organization_id}, token=made.stranger.token) == {"organization": None}
    assert code_of(await graphql(BY_SLUG, {"slug": made.slug})) == "UNAUTHENTICATED"


async def test_slug_or_id_but_one(graphql: GraphQL) -> None:
    person = await register(graphql)
    for document in (
        "{ organization { id } }",
        f'{{ organization(slug: "a", id: "{person.organization_id}") {{ id }} }}',
    ):
        assert code_of(await graphql(document, token=person.token)) == "BAD_USER_INPUT"
    assert code_of(await graphql(BY_ID, {"id": "nonsense"}, token=person.token)) == "BAD_USER_INPUT"


async def test_what_is_created_can_be_read_at_once(graphql: GraphQL) -> None:
    person = await register(graphql)
    values = {"name": "Second", "slug": "second", "currency": "EUR"}
    made = (await graphql.data(CREATE, {"input": values}, token=person.token))["createOrganization"]["organization"]
    assert made == {"id": made["id"], **values, "viewerRole": "OWNER"}
    assert (await graphql.data(BY_SLUG, {"slug": "second"}, token=person.token))["organization"]["id"] == made["id"]


@pytest.mark.parametrize(
    ("values", "typename", "path"),
    [
        ({"name": ""}, "InvalidInput", ["input", "name"]),
        ({"name": "A", "slug": "A"}, "InvalidInput", ["input", "slug"]),
        ({"name": "A", "currency": "XXX"}, "InvalidInput", ["input", "currency"]),
        ({"name": "A", "slug": "taken"}, "Conflict", None),
    ],
)
async def test_refusals_to_create(
    graphql: GraphQL, values: dict[str, str], typename: str, path: list[str] | None
) -> None:
    person = await register(graphql)
    await graphql.data(CREATE, {"input": {"name": "First", "slug": "taken"}}, token=person.token)
    answer = (await graphql.data(CREATE, {"input": values}, token=person.token))["createOrganization"]
    assert (answer["__typename"], answer["path"]) == (typename, path)


async def test_callers_of_create_organization(graphql: GraphQL) -> None:
    made = await company(graphql)
    _, key = await create_key(graphql, made, "ORGANIZATION_READ", "ORGANIZATION_UPDATE")
    variables = {"input": {"name": "New"}}
    assert code_of(await graphql(CREATE, variables)) == "UNAUTHENTICATED"
    assert code_of(await graphql(CREATE, variables, api_key=key)) == "FORBIDDEN"


async def test_a_key_that_may_change_but_not_read_sees_nothing_in_the_answer(graphql: GraphQL) -> None:
    made = await company(graphql)
    _, key = await create_key(graphql, made, "ORGANIZATION_UPDATE")
    document = """mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) {
      ... on UpdateOrganizationPayload { organization { name resources { totalCount } } } } }"""
    values = {"organizationId": made.organization_id, "name": "Renamed"}
    assert code_of(await graphql(document, {"input": values}, api_key=key)) == "FORBIDDEN"
    found = await graphql.data(BY_SLUG, {"slug": made.slug}, token=made.token("OWNER"))
    assert found["organization"]["name"] != "Renamed"


async def test_deleting_takes_the_organization_away_at_once(graphql: GraphQL) -> None:
    made = await company(graphql)
    _, key = await create_key(graphql, made, "ORGANIZATION_READ")
    values = {"organizationId": made.organization_id, "confirmSlug": made.slug}
    document = """mutation ($input: DeleteOrganizationInput!) { deleteOrganization(input: $input) {
      __typename ... on DeleteOrganizationPayload { deletedOrganizationId } } }"""
    answer = await graphql.data(document, {"input": values}, token=made.token("OWNER"))
    assert answer["deleteOrganization"]["deletedOrganizationId"] == made.organization_id
    for role in ("OWNER", "VIEWER"):
        assert await graphql.data(BY_SLUG, {"slug": made.slug}, token=made.token(role)) == {"organization": None}
    assert code_of(await graphql(BY_SLUG, {"slug": made.slug}, api_key=key)) == "UNAUTHENTICATED"
    again = await graphql.data(document, {"input": values}, token=made.token("OWNER"))
    assert again["deleteOrganization"]["__typename"] == "NotFound"


async def test_members_are_paged_both_ways(graphql: GraphQL) -> None:
    made = await company(graphql)

    async def page(**arguments: Any) -> dict[str, Any]:
        answer = await graphql.data(MEMBERS, {"slug": made.slug, **arguments}, token=made.token("VIEWER"))
        connection: dict[str, Any] = answer["organization"]["members"]
        assert connection["totalCount"] == 4
        return connection

    def names(connection: dict[str, Any]) -> list[str]:
        return [edge["node"]["user"]["name"] for edge in connection["edges"]]

    first = await page(first=3)
    assert names(first) == ["Olga", "Admin", "Member"]
    assert first["pageInfo"]["hasNextPage"]
    rest = await page(first=3, after=first["pageInfo"]["endCursor"])
    assert names(rest) == ["Viewer"]
    assert not rest["pageInfo"]["hasNextPage"]
    back = await page(last=2, before=rest["pageInfo"]["startCursor"])
    assert names(back) == ["Admin", "Member"]
    assert back["pageInfo"]["hasPreviousPage"]
    bad = await graphql(MEMBERS, {"slug": made.slug, "after": "nonsense"}, token=made.token("VIEWER"))
    assert code_of(bad) == "BAD_USER_INPUT"


CONNECTIONS = {
    "members": "members(first: $first) { nodes { role user { email } } }",
    "invitations": "invitations(first: $first) { nodes { email invitedBy { email } } }",
    "apiKeys": "apiKeys(first: $first) { nodes { name createdBy { email } } }",
}


@pytest.mark.parametrize("connection", CONNECTIONS)
async def test_statements_do_not_grow_with_the_page(graphql: GraphQL, runtime: Runtime, connection: str) -> None:
    made = await company(graphql)
    for number in range(4):
        await invite(graphql, made, f"new{number}@example.com", "VIEWER")
        await create_key(graphql, made, "ORGANIZATION_READ")
    document = f"query ($slug: String!, $first: Int) {{ organization(slug: $slug) {{ {CONNECTIONS[connection]} }} }}"
    lengths, statements = [], []
    for first in (1, 4):
        await graphql.data("{ viewer { isPlatformAdmin } }", token=made.token("OWNER"))  # identity is in the cache
        with counted(runtime.database) as sent:
            answer = await graphql.data(document, {"slug": made.slug, "first": first}, token=made.token("OWNER"))
        nodes = answer["organization"][connection]["nodes"]
        assert all(user for node in nodes for user in node.values())
        lengths.append(len(nodes))
        statements.append(len([statement for statement in sent if "FROM jobs" not in statement]))
    assert lengths == [1, 4]
    assert statements[0] == statements[1]
    # The page with the two statements that enter the tenant read-only, and the users; a grant knows the slug.
    assert statements[0] == 4


@pytest.mark.parametrize(("field", "needs"), [("invitations", "MEMBERS_MANAGE"), ("apiKeys", "API_KEYS_MANAGE")])
async def test_invitations_and_keys_are_for_who_manages_them(graphql: GraphQL, field: str, needs: str) -> None:
    made = await company(graphql)
    document = f"query ($slug: String!) {{ organization(slug: $slug) {{ name {field} {{ totalCount }} }} }}"
    for role in ("MEMBER", "VIEWER"):
        answer = await graphql(document, {"slug": made.slug}, token=made.token(role))
        assert code_of(answer) == "FORBIDDEN"
        assert needs in answer["errors"][0]["message"]
        assert answer["data"]["organization"][field] is None
        assert answer["data"]["organization"]["name"], "the rest of the answer stands"
    for role in ("ADMIN", "OWNER"):
        found = await graphql.data(document, {"slug": made.slug}, token=made.token(role))
        assert found["organization"][field] == {"totalCount": 0}


async def test_the_life_of_an_invitation(graphql: GraphQL) -> None:
    made = await company(graphql)
    newcomer, eve = await register(graphql, "New"), await register(graphql, "Eve")
    _, token = await invite(graphql, made, newcomer.email.upper(), "MEMBER")
    variables = {"input": {"token": token}}
    assert code_of(await graphql(ACCEPT, variables)) == "UNAUTHENTICATED"
    assert (await graphql.data(ACCEPT, variables, token=eve.token))["acceptInvitation"]["code"] == "NOT_FOUND"
    accepted = (await graphql.data(ACCEPT, variables, token=newcomer.token))["acceptInvitation"]
    assert accepted["organization"] == {"id": made.organization_id, "viewerRole": "MEMBER"}
    assert (await graphql.data(BY_SLUG, {"slug": made.slug}, token=newcomer.token))["organization"]
    assert (await graphql.data(ACCEPT, variables, token=newcomer.token))["acceptInvitation"]["code"] == "CONFLICT"
    open_ones = "query ($slug: String!) { organization(slug: $slug) { invitations { totalCount } } }"
    found = await graphql.data(open_ones, {"slug": made.slug}, token=made.token("OWNER"))
    assert found["organization"]["invitations"]["totalCount"] == 0


async def test_an_admin_does_not_touch_owners(graphql: GraphQL) -> None:
    made = await company(graphql)
    admin = {"token": made.token("ADMIN")}
    owner_input = {"organizationId": made.organization_id, "email": "new@example.com", "role": "OWNER"}
    assert code_of(await graphql(INVITE, {"input": owner_input}, **admin)) == "FORBIDDEN"
    for values in (
        {"id": made.members["OWNER"], "role": "VIEWER"},
        {"id": made.members["VIEWER"], "role": "OWNER"},
    ):
        assert code_of(await graphql(CHANGE_ROLE, {"input": values}, **admin)) == "FORBIDDEN"
    assert code_of(await graphql(REMOVE, {"input": {"id": made.members["OWNER"]}}, **admin)) == "FORBIDDEN"


async def test_the_last_owner_stays_and_everyone_else_may_leave(graphql: GraphQL) -> None:
    made = await company(graphql)
    variables = {"input": {"id": made.members["OWNER"]}}
    answer = (await graphql.data(REMOVE, variables, token=made.token("OWNER")))["removeMember"]
    assert answer["code"] == "CONFLICT"
    answer = await graphql.data(REMOVE, {"input": {"id": made.members["VIEWER"]}}, token=made.token("VIEWER"))
    assert answer["removeMember"]["removedMemberId"] == made.members["VIEWER"]
    assert await graphql.data(BY_SLUG, {"slug": made.slug}, token=made.token("VIEWER")) == {"organization": None}


async def test_a_changed_role_bites_at_once(graphql: GraphQL) -> None:
    made = await company(graphql)
    for role, code in (("MEMBER", "FORBIDDEN"), ("ADMIN", None)):
        values = {"id": made.members["ADMIN"], "role": role}
        await graphql.data(CHANGE_ROLE, {"input": values}, token=made.token("OWNER"))
        document = "query ($slug: String!) { organization(slug: $slug) { apiKeys { totalCount } } }"
        answer = await graphql(document, {"slug": made.slug}, token=made.token("ADMIN"))
        assert (code_of(answer) if "errors" in answer else None) == code


async def test_the_life_of_a_key(graphql: GraphQL) -> None:
    made = await company(graphql)
    key_id, key = await create_key(graphql, made, "ORGANIZATION_READ", expiresAt="2999-01-01T00:00:00Z")
    assert (await graphql.data(BY_SLUG, {"slug": made.slug}, api_key=key))["organization"]
    listed = await keys(graphql, made)
    assert [(node["id"], node["expiresAt"], node["revokedAt"]) for node in listed] == [
        (key_id, "2999-01-01T00:00:00Z", None)
    ]
    document = """mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) {
      ... on RevokeApiKeyPayload { apiKey { revokedAt } } } }"""
    revoked = await graphql.data(document, {"input": {"id": key_id}}, token=made.token("ADMIN"))
    assert revoked["revokeApiKey"]["apiKey"]["revokedAt"]
    assert code_of(await graphql(BY_SLUG, {"slug": made.slug}, api_key=key)) == "UNAUTHENTICATED"
    assert await keys(graphql, made) == []
    assert [node["id"] for node in await keys(graphql, made, revoked=True)] == [key_id]


async def keys(graphql: GraphQL, made: Company, *, revoked: bool = False) -> list[dict[str, Any]]:
    """The keys of the company, as its owner sees them."""
    document = """query ($slug: String!, $revoked: Boolean!) { organization(slug: $slug) {
      apiKeys(includeRevoked: $revoked) { nodes { id name scopes expiresAt revokedAt lastUsedAt } } } }"""
    answer = await graphql.data(document, {"slug": made.slug, "revoked": revoked}, token=made.token("OWNER"))
    nodes: list[dict[str, Any]] = answer["organization"]["apiKeys"]["nodes"]
    return nodes


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"scopes": []}, ["input", "scopes"]),
        ({"scopes": ["ORGANIZATION_DELETE"]}, ["input", "scopes"]),
        ({"name": " "}, ["input", "name"]),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, ["input", "expiresAt"]),
    ],
)
async def test_keys_that_are_not_made(graphql: GraphQL, change: dict[str, Any], path: list[str]) -> None:
    made = await company(graphql)
    values = {"organizationId": made.organization_id, "name": "feed", "scopes": ["ORGANIZATION_READ"], **change}
    answer = (await graphql.data(CREATE_KEY, {"input": values}, token=made.token("OWNER")))["createApiKey"]
    assert (answer["__typename"], answer["path"]) == ("InvalidInput", path)
    assert await keys(graphql, made) == []
