"""Signing up, in and out through the graph."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.auth.passwords import Passwords
from app.config import Settings
from app.context import Runtime
from app.database import Database
from app.embedded import EngineUrls
from app.main import make_runtime, running
from tests.auth.people import everything_stored
from tests.clients import PASSWORD, REGISTER, GraphQL, register
from tests.resolvers.company import CREATE_KEY, INVITE, code_of

LOG_IN = """mutation ($input: LogInInput!) { logIn(input: $input) {
  __typename ... on LogInPayload { accessToken expiresAt refreshToken refreshExpiresAt
    viewer { user { email name } isPlatformAdmin organizations { totalCount nodes { slug viewerRole } } } }
  ... on UserError { code message path } } }"""
REFRESH = """mutation ($input: RefreshSessionInput!) { refreshSession(input: $input) {
  __typename ... on RefreshSessionPayload { accessToken refreshToken } ... on UserError { code message path } } }"""
LOG_OUT = """mutation ($everywhere: Boolean!) { logOut(input: {everywhere: $everywhere}) {
  ... on LogOutPayload { endedSessions } } }"""
VIEWER = "{ viewer { user { email } } }"


async def log_in(graphql: GraphQL, email: str, password: str = PASSWORD) -> dict[str, Any]:
    """The answer to a log-in, with its errors."""
    return await graphql(LOG_IN, {"input": {"email": email, "password": password}})


async def test_register_answers_with_the_person_and_the_organization(graphql: GraphQL) -> None:
    document = """mutation ($input: RegisterInput!) { register(input: $input) { ... on RegisterPayload {
      accessToken viewer { user { email } apiKey { id } isPlatformAdmin organizations { nodes { name } } }
      organization { name slug currency viewerRole viewerPermissions
        members { totalCount nodes { role user { email } } } } } } }"""
    values = {"email": "Ada@Example.com", "name": "Ada", "password": PASSWORD, "organizationName": "Acme"}
    made = (await graphql.data(document, {"input": values}))["register"]
    assert made["viewer"] == {
        "user": {"email": "ada@example.com"},
        "apiKey": None,
        "isPlatformAdmin": False,
        "organizations": {"nodes": [{"name": "Acme"}]},
    }
    assert made["organization"]["slug"] == "acme"
    assert made["organization"]["currency"] == "USD"
    assert made["organization"]["viewerRole"] == "OWNER"
    assert "ORGANIZATION_DELETE" in made["organization"]["viewerPermissions"]
    assert made["organization"]["members"] == {
        "totalCount": 1,
        "nodes": [{"role": "OWNER", "user": {"email": "ada@example.com"}}],
    }
    assert await graphql.data(VIEWER, token=made["accessToken"]) == {"viewer": {"user": {"email": "ada@example.com"}}}


@pytest.mark.parametrize(
    ("change", "typename", "path"),
    [
        ({"email": "ada"}, "InvalidInput", ["input", "email"]),
        ({"email": "ada@example.com\u0000"}, "InvalidInput", ["input", "email"]),
        ({"name": "a\u0007"}, "InvalidInput", ["input", "name"]),
        ({"password": "short"}, "InvalidInput", ["input", "password"]),
        ({"organizationName": " "}, "InvalidInput", ["input", "organizationName"]),
        ({"email": "taken@example.com"}, "Conflict", None),
    ],
)
async def test_register_refuses_as_data(
    graphql: GraphQL, owner: Database, change: dict[str, str], typename: str, path: list[str] | None
) -> None:
    good = {"email": "taken@example.com", "name": "Ada", "password": PASSWORD}
    await graphql.data(REGISTER, {"input": good})
    before = await everything_stored(owner)
    other = {**good, "email": "ada@example.com", "organizationName": "Acme", **change}
    answer = (await graphql.data(REGISTER, {"input": other}))["register"]
    assert (answer["__typename"], answer["path"]) == (typename, path)
    assert await everything_stored(owner) == before


async def test_log_in(graphql: GraphQL) -> None:
    person = await register(graphql)
    made = (await log_in(graphql, person.email.upper()))["data"]["logIn"]
    assert made["viewer"]["user"] == {"email": person.email, "name": "Ada"}
    assert made["viewer"]["organizations"] == {"totalCount": 1, "nodes": [{"slug": person.slug, "viewerRole": "OWNER"}]}
    assert made["expiresAt"] < made["refreshExpiresAt"]


async def test_log_in_failures_are_the_same_answer(graphql: GraphQL) -> None:
    person = await register(graphql)
    answers = [await log_in(graphql, email, "not the password") for email in (person.email, "nobody@example.com")]
    for answer in answers:
        assert code_of(answer) == "UNAUTHENTICATED"
        answer["errors"][0]["extensions"].pop("requestId")
        answer["extensions"]["cost"].pop("throttle")
    assert answers[0] == answers[1]


async def test_the_throttle_counts_aliases_of_one_document(graphql: GraphQL, runtime: Runtime) -> None:
    person = await register(graphql)
    tries = [
        f'a{number}: logIn(input: {{email: "{person.email}", password: "wrong {number}"}}) {{ __typename }}'
        for number in range(4)  # a response shows at most five errors
    ]
    document = f"mutation {{ {' '.join(tries)} }}"
    codes: list[str] = []
    for _ in range(runtime.settings.login_attempts_per_account + 2):
        answer = await graphql(document)
        codes += [error["extensions"]["code"] for error in answer["errors"]]
    assert codes.count("UNAUTHENTICATED") == runtime.settings.login_attempts_per_account
    assert set(codes) == {"UNAUTHENTICATED", "RATE_LIMITED"}
    refused = await log_in(graphql, person.email)
    assert code_of(refused) == "RATE_LIMITED", "also with the right password"
    assert 0 < refused["errors"][0]["extensions"]["retryAfter"] <= 900


async def test_successful_log_ins_in_one_document(graphql: GraphQL) -> None:
    person = await register(graphql)
    who = f'{{email: "{person.email}", password: "{PASSWORD}"}}'
    one = f"logIn(input: {who}) {{ ... on LogInPayload {{ refreshToken }} }}"
    made = await graphql.data(f"mutation {{ a: {one} b: {one} }}")
    assert made["a"]["refreshToken"] != made["b"]["refreshToken"]


async def test_a_log_in_does_not_change_who_is_calling_the_rest_of_the_document(graphql: GraphQL) -> None:
    ada, eve = await register(graphql, "Ada"), await register(graphql, "Eve")
    document = f"""mutation {{
      logIn(input: {{email: "{eve.email}", password: "{PASSWORD}"}}) {{
        ... on LogInPayload {{ viewer {{ user {{ name }} }} }} }}
      createOrganization(input: {{name: "Mine"}}) {{ ... on CreateOrganizationPayload {{
        organization {{ members {{ nodes {{ user {{ name }} }} }} }} }} }} }}"""
    made = await graphql.data(document, token=ada.token)
    assert made["logIn"]["viewer"]["user"]["name"] == "Eve"
    assert made["createOrganization"]["organization"]["members"]["nodes"] == [{"user": {"name": "Ada"}}]


async def test_refresh_rotates_and_reuse_ends_the_session(graphql: GraphQL) -> None:
    person = await register(graphql)
    first = {"input": {"refreshToken": person.refresh_token}}
    renewed = (await graphql.data(REFRESH, first))["refreshSession"]
    assert await graphql.data(VIEWER, token=renewed["accessToken"])
    assert code_of(await graphql(REFRESH, first)) == "UNAUTHENTICATED"
    assert code_of(await graphql(VIEWER, token=renewed["accessToken"])) == "UNAUTHENTICATED"
    later = await graphql(REFRESH, {"input": {"refreshToken": renewed["refreshToken"]}})
    assert code_of(later) == "UNAUTHENTICATED"
    malformed = (await graphql.data(REFRESH, {"input": {"refreshToken": "x"}}))["refreshSession"]
    assert (malformed["__typename"], malformed["path"]) == ("InvalidInput", ["input", "refreshToken"])


async def test_log_out(graphql: GraphQL) -> None:
    assert code_of(await graphql("mutation { logOut { __typename } }")) == "UNAUTHENTICATED"
    person = await register(graphql)
    second = (await log_in(graphql, person.email))["data"]["logIn"]["accessToken"]
    third = (await log_in(graphql, person.email))["data"]["logIn"]["accessToken"]
    assert await graphql.data("mutation { logOut { ... on LogOutPayload { endedSessions } } }", token=person.token) == {
        "logOut": {"endedSessions": 1}
    }
    assert code_of(await graphql(VIEWER, token=person.token)) == "UNAUTHENTICATED"
    assert (await graphql.data(LOG_OUT, {"everywhere": True}, token=second))["logOut"] == {"endedSessions": 2}
    for token in (second, third):
        assert code_of(await graphql(VIEWER, token=token)) == "UNAUTHENTICATED"


async def test_no_secret_is_logged_or_stored(
    graphql: GraphQL, runtime: Runtime, owner: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        person = await register(graphql)
        await log_in(graphql, person.email, "wrong " + PASSWORD)
        made = (await log_in(graphql, person.email))["data"]["logIn"]
        renewed = (await graphql.data(REFRESH, {"input": {"refreshToken": made["refreshToken"]}}))["refreshSession"]
        await graphql(REFRESH, {"input": {"refreshToken": made["refreshToken"]}})
        organization = {"organizationId": person.organization_id}
        key_input = {**organization, "name": "feed", "scopes": ["ORGANIZATION_READ"]}
        key = (await graphql.data(CREATE_KEY, {"input": key_input}, token=person.token))["createApiKey"]["key"]
        invitation_input = {**organization, "email": "new@example.com", "role": "VIEWER"}
        invited = await graphql.data(INVITE, {"input": invitation_input}, token=person.token)
        await graphql(VIEWER, api_key=key)
        await graphql(VIEWER, api_key=key[:-1] + "x")
        # Secrets in documents that are refused, and in values that are no secrets of ours.
        await graphql(f'{{ viewer {{ nonsense(password: "{PASSWORD}") }} }}', token=person.token)
        await graphql(LOG_IN, {"input": {"email": PASSWORD, "password": 7}})
    secrets = [
        PASSWORD,
        *(each[name] for each in (made, renewed) for name in ("accessToken", "refreshToken")),
        key.split("_")[2],
        invited["inviteMember"]["token"],
        runtime.settings.root_key.get_secret_value() if runtime.settings.root_key else "",
    ]
    places = {"logs": repr(logs), "log": caplog.text, "tables": await everything_stored(owner)}
    assert person.email in places["tables"], "the search sees what is stored"
    assert not [(place, secret) for place, text in places.items() for secret in secrets if secret in text]


async def test_the_house_hashes_with_full_strength(settings: Settings, engine_urls: EngineUrls) -> None:
    """As a process makes it; the runtime of other tests hashes cheaply."""
    made = make_runtime(settings, engine_urls)
    async with running(made):
        assert isinstance(made.authenticator.passwords, Passwords)
        assert made.authenticator.passwords._hasher.memory_cost >= 19 * 1024
        assert made.authenticator.passwords._hasher.time_cost >= 2
