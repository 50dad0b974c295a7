"""Who is calling over HTTP, from where, and what surrounds every answer: ids, CORS, security headers, GraphiQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.errors import RateLimitedError
from app.server.negotiation import GRAPHQL, JSON
from tests.server.toy_graph import OTHER_TOKEN, TOKEN, Toy, make_toy

PREFLIGHT = {"x-skyledger-preflight": "1"}
SIGNED_IN = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def toy() -> Toy:
    return make_toy()


@pytest.fixture
async def client(toy: Toy) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(toy) as found:
        yield found


def client_of(toy: Toy) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(toy.app), base_url="http://toy")


async def post(client: httpx.AsyncClient, query: str, accept: str = GRAPHQL, **parameters: Any) -> httpx.Response:
    headers = {"accept": accept, **parameters.pop("headers", {})}
    return await client.post("/graphql", json={"query": query, **parameters}, headers=headers)


def only_error(response: httpx.Response) -> dict[str, Any]:
    """The one error of a refusal, which has no data and carries the request id of its header."""
    body = response.json()
    assert list(body) == ["errors"]
    assert len(body["errors"]) == 1
    error: dict[str, Any] = body["errors"][0]
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    return error


@pytest.mark.parametrize(
    "headers",
    [SIGNED_IN, {"authorization": f"bearer   {TOKEN} "}, {"x-api-key": TOKEN}, {"x-root-key": TOKEN}],
)
async def test_credentials_in_headers(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await post(client, "{ viewer }", headers=headers)).json() == {"data": {"viewer": "alice"}}


async def test_a_caller_without_credentials_is_anonymous(client: httpx.AsyncClient) -> None:
    assert (await post(client, "{ viewer }")).json() == {"data": {"viewer": None}}


@pytest.mark.parametrize("authorization", ["Bearer wrong", "Bearer", "Bearer ", "Basic YTpi", "nonsense"])
@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_a_wrong_credential_is_401(client: httpx.AsyncClient, authorization: str, accept: str) -> None:
    response = await post(client, "{ hello }", accept, headers={"authorization": authorization})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert only_error(response)["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_caller_who_is_throttled_before_anything_else_gets_429(toy: Toy, client: httpx.AsyncClient) -> None:
    async def throttle(_credentials: object) -> None:
        message = "Too many tries."
        raise RateLimitedError(message, retry_after=9)

    toy.server.identify = throttle
    response = await post(client, "{ hello }")
    assert (response.status_code, response.headers["retry-after"]) == (429, "9")
    assert only_error(response)["extensions"]["code"] == "RATE_LIMITED"


async def test_the_token_in_the_url_is_for_sockets_only(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", params={"token": TOKEN}, json={"query": "{ viewer }"})
    assert response.json() == {"data": {"viewer": None}}


@pytest.mark.parametrize(
    ("introspection", "headers", "code"),
    [
        ("authenticated", {}, "UNAUTHENTICATED"),
        ("authenticated", SIGNED_IN, None),
        ("public", {}, None),
        ("off", SIGNED_IN, "FORBIDDEN"),
    ],
)
async def test_who_may_introspect(introspection: str, headers: dict[str, str], code: str | None) -> None:
    async with client_of(make_toy(introspection=introspection)) as client:
        for query in (
            "{ __schema { queryType { name } } }",
            '{ __type(name: "Query") { name } }',
            "{ ...f } fragment f on Query { hello __schema { queryType { name } } }",
        ):
            response = await post(client, query, headers=headers)
            if code is None:
                assert "data" in response.json()
            else:
                assert only_error(response)["extensions"]["code"] == code
        assert (await post(client, "{ __typename }")).json() == {"data": {"__typename": "Query"}}


async def test_every_operation_has_a_fresh_context_and_knows_its_request(client: httpx.AsyncClient) -> None:
    first = await post(client, "{ contextNumber requestId }")
    second = await post(client, "{ contextNumber requestId }")
    assert (first.json()["data"]["contextNumber"], second.json()["data"]["contextNumber"]) == (1, 2)
    assert first.json()["data"]["requestId"] == first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc-DEF_123.4", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("short", False),
        ("with space", False),
        ("line%0abreak!", False),
    ],
)
async def test_the_request_id_of_the_caller_is_kept_when_it_is_harmless(
    client: httpx.AsyncClient, given: str, kept: bool
) -> None:
    response = await post(client, "{ nope }", headers={"x-request-id": given})
    assert (response.headers["x-request-id"] == given) is kept
    only_error(response)


async def test_cross_origin_pages() -> None:
    toy = make_toy(cors_origins=("https://app.example.com",))
    async with client_of(toy) as client:
        asked = {"origin": "https://app.example.com", "access-control-request-method": "POST"}
        wanted = {"access-control-request-headers": "authorization,content-type,x-skyledger-preflight"}
        preflight = await client.options("/graphql", headers={**asked, **wanted})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://app.example.com"
        assert "access-control-allow-credentials" not in preflight.headers
        response = await post(client, "{ hello }", headers={"origin": "https://app.example.com"})
        assert response.headers["access-control-allow-origin"] == "https://app.example.com"
        assert "x-request-id" in response.headers["access-control-expose-headers"]
        other = await post(client, "{ hello }", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        refused = await client.options("/graphql", headers={**asked, "origin": "https://evil.example"})
        assert refused.status_code == 400


async def test_answers_carry_security_headers(client: httpx.AsyncClient) -> None:
    for response in (await post(client, "{ hello }"), await client.get("/nowhere"), await client.get("/health/live")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert response.headers["referrer-policy"] == "no-referrer"


async def test_a_slash_too_many_leads_to_the_graph(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql/?a=1", json={"query": "{ hello }"})
    assert (response.status_code, response.headers["location"]) == (307, "http://toy/graphql?a=1")


async def test_of_a_header_that_comes_twice_the_first_counts(client: httpx.AsyncClient) -> None:
    twice = [("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {OTHER_TOKEN}")]
    response = await client.post("/graphql", json={"query": "{ viewer }"}, headers=twice)
    assert response.json() == {"data": {"viewer": "alice"}}


async def test_unknown_paths_are_json_too(client: httpx.AsyncClient) -> None:
    response = await client.get("/nowhere")
    assert response.status_code == 404
    assert only_error(response)["extensions"]["code"] == "NOT_FOUND"


async def test_browsers_get_graphiql_and_programs_get_json() -> None:
    browser = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    async with client_of(make_toy(graphiql=True)) as client:
        page = await client.get("/graphql", headers=browser)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert (await client.get("/graphql", headers={"accept": "*/*"})).status_code == 400
        assert (await client.post("/graphql", json={"query": "{ hello }"}, headers=browser)).json() == {
            "data": {"hello": "Hello world"}
        }
    async with client_of(make_toy(graphiql=False)) as client:
        assert (await client.get("/graphql", headers={"accept": "text/html"})).status_code == 406


async def test_two_callers_at_once_keep_their_identities(client: httpx.AsyncClient) -> None:
    tokens = [TOKEN, OTHER_TOKEN] * 20
    answers = await asyncio.gather(
        *(
            post(client, "{ viewer slow(seconds: 0.01) }", headers={"authorization": f"Bearer {token}"})
            for token in tokens
        )
    )
    assert [json.loads(answer.content)["data"]["viewer"] for answer in answers] == ["alice", "bob"] * 20
