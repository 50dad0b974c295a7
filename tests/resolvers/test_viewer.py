"""The viewer and the platform, for each kind of caller."""

from __future__ import annotations

from sqlalchemy import text

from app.database import Database
from tests.clients import GraphQL, register
from tests.resolvers.company import code_of, company, create_key

ROOT = "root-key-of-the-tests-0123456789abcdef"
VIEWER = """{ viewer { user { id email name createdAt } apiKey { name scopes } isPlatformAdmin
  organizations { totalCount nodes { slug viewerRole viewerPermissions } } } }"""
PLATFORM = "{ platform { version counts { organizations users sessions } } }"


async def test_an_anonymous_viewer_is_null(graphql: GraphQL) -> None:
    assert await graphql.data(VIEWER) == {"viewer": None}


async def test_a_bad_credential_is_an_error_that_says_what_to_do(graphql: GraphQL) -> None:
    answer = await graphql(VIEWER, token="a.b.c")
    assert code_of(answer) == "UNAUTHENTICATED"
    assert answer["errors"][0]["message"] == "The access token is not valid; log in again."


async def test_a_person(graphql: GraphQL) -> None:
    person = await register(graphql)
    viewer = (await graphql.data(VIEWER, token=person.token))["viewer"]
    assert viewer["user"]["email"] == person.email
    assert viewer["apiKey"] is None
    assert viewer["isPlatformAdmin"] is False
    assert viewer["organizations"]["totalCount"] == 1
    assert viewer["organizations"]["nodes"][0]["slug"] == person.slug


async def test_an_api_key(graphql: GraphQL) -> None:
    made = await company(graphql)
    _, key = await create_key(graphql, made, "ORGANIZATION_READ", "COSTS_INGEST")
    for header in ("api_key", "token"):
        viewer = (await graphql.data(VIEWER, None, **{header: key}))["viewer"]
        assert viewer["user"] is None
        assert viewer["apiKey"] == {"name": "feed", "scopes": ["ORGANIZATION_READ", "COSTS_INGEST"]}
        assert viewer["organizations"]["nodes"] == [
            {
                "slug": made.slug,
                "viewerRole": "MEMBER",
                "viewerPermissions": ["ORGANIZATION_READ", "COSTS_INGEST"],
            }
        ]


async def test_a_key_that_may_not_read_sees_no_organization(graphql: GraphQL) -> None:
    made = await company(graphql)
    _, key = await create_key(graphql, made, "COSTS_INGEST")
    viewer = (await graphql.data(VIEWER, api_key=key))["viewer"]
    assert viewer["organizations"] == {"totalCount": 0, "nodes": []}
    document = "query ($slug: String!) { organization(slug: $slug) { name } }"
    assert code_of(await graphql(document, {"slug": made.slug}, api_key=key)) == "FORBIDDEN"


async def test_organizations_are_paged(graphql: GraphQL) -> None:
    person = await register(graphql)
    for number in range(4):
        document = f'mutation {{ createOrganization(input: {{name: "Number {number}"}}) {{ __typename }} }}'
        await graphql.data(document, token=person.token)
    document = """query ($after: String) { viewer { organizations(first: 2, after: $after) {
      totalCount pageInfo { hasNextPage endCursor } nodes { name } } } }"""
    names, after = [], None
    while True:
        page = (await graphql.data(document, {"after": after}, token=person.token))["viewer"]["organizations"]
        assert page["totalCount"] == 5
        names += [node["name"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert names[1:] == [f"Number {number}" for number in range(4)]
    assert len(names) == 5


async def test_the_platform_is_for_operators(graphql: GraphQL, owner: Database) -> None:
    made = await company(graphql)
    _, key = await create_key(graphql, made, "ORGANIZATION_READ")
    callers: list[dict[str, str]] = [{}, {"token": made.token("OWNER")}, {"api_key": key}]
    for who in callers:
        assert await graphql.data(PLATFORM, None, **who) == {"platform": None}
    platform = (await graphql.data(PLATFORM, root_key=ROOT))["platform"]
    # Five people who registered, each with an organization of their own.
    assert platform["counts"] == {"organizations": 5, "users": 5, "sessions": 5}
    assert platform["version"]
    async with owner.engine.begin() as connection:
        await connection.execute(
            text("UPDATE users SET is_platform_admin = true WHERE email = :email"),
            {"email": made.people["VIEWER"].email},
        )
    token = await graphql.data(
        "mutation ($input: LogInInput!) { logIn(input: $input) { ... on LogInPayload { accessToken } } }",
        {"input": {"email": made.people["VIEWER"].email, "password": "correct horse battery"}},
    )
    admin: str = token["logIn"]["accessToken"]
    assert (await graphql.data(PLATFORM, token=admin))["platform"]["counts"]["sessions"] == 6
    assert (await graphql.data(VIEWER, token=admin))["viewer"]["isPlatformAdmin"] is True


async def test_the_root_key_reaches_no_tenant(graphql: GraphQL) -> None:
    made = await company(graphql)
    viewer = (await graphql.data(VIEWER, root_key=ROOT))["viewer"]
    assert viewer["isPlatformAdmin"] is True
    assert viewer["organizations"]["nodes"] == []
    document = "query ($slug: String!) { organization(slug: $slug) { name } }"
    assert await graphql.data(document, {"slug": made.slug}, root_key=ROOT) == {"organization": None}
    assert code_of(await graphql(VIEWER, root_key=ROOT + "x")) == "UNAUTHENTICATED"
