"""GraphQL over HTTP: status, media type and shape of every answer, for good requests and for all kinds of bad ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.server.negotiation import EVENT_STREAM, GRAPHQL, HTML, JSON, choose
from tests.server.toy_graph import TOKEN, Toy, make_toy
from tests.server.toy_server import live

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
    ("accept", "media_type"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"{JSON};q=0.5, {GRAPHQL};q=0.4", JSON),
        (f"{GRAPHQL};charset=utf-8, {JSON}", GRAPHQL),
        (f"text/html, {JSON};q=0.2", JSON),
    ],
)
async def test_the_answer_has_the_media_type_asked_for(
    client: httpx.AsyncClient, accept: str | None, media_type: str
) -> None:
    client.headers.pop("accept")
    response = await client.post("/graphql", json={"query": "{ hello }"}, headers={"accept": accept} if accept else {})
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert "Accept" in response.headers["vary"]
    assert response.content == b'{"data":{"hello":"Hello world"}}'


@pytest.mark.parametrize(
    ("accept", "offers", "expected"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", [JSON, GRAPHQL, EVENT_STREAM, HTML], HTML),
        ("*/*, application/json;q=0", [JSON, GRAPHQL], GRAPHQL),
        ("application/json;q=0", [JSON], None),
        ("text/*;q=0.1, */*;q=0.0", [JSON, HTML], HTML),
        (" ", [JSON, HTML], JSON),
        ("application/json;q=wrong", [JSON], None),
        ("image/png", [JSON, HTML], None),
        (",,", [JSON], None),
        ("APPLICATION/JSON", [JSON], JSON),
    ],
)
def test_negotiation(accept: str, offers: list[str], expected: str | None) -> None:
    assert choose(accept, tuple(offers)) == expected
    # One that is too long to be remembered.
    assert choose(f"{accept}, {'x' * 300}/*;q=0.9", tuple(offers)) == (expected if accept.strip() else None)


async def test_scalars_enums_inputs_and_interfaces_of_strawberry(client: httpx.AsyncClient) -> None:
    query = """query ($point: Point!, $by: Pick!) {
      money { amount id at } animals { __typename name ... on Cat { lives } } sum(point: $point)
      colour(colour: GREEN) pick(by: $by)
    }"""
    variables = {"point": {"x": 1, "y": 2, "colour": "GREEN"}, "by": {"name": "n"}}
    assert (await post(client, query, variables=variables)).json() == {
        "data": {
            "money": {
                "amount": "0.10",
                "id": "01890000-0000-7000-8000-000000000000",
                "at": "2026-01-02T00:00:00+00:00",
            },
            "animals": [{"__typename": "Dog", "name": "Rex"}, {"__typename": "Cat", "name": "Tom", "lives": 9}],
            "sum": 3,
            "colour": "GREEN",
            "pick": "n",
        }
    }


async def test_a_fragment_may_use_a_one_of_input_before_its_operation(client: httpx.AsyncClient) -> None:
    query = "fragment f on Query { pick(by: {id: $id}) } query ($id: Int!) { ...f }"
    assert (await post(client, query, variables={"id": 4})).json() == {"data": {"pick": "4"}}
    for wrong in ('{id: 1, name: "x"}', "{}", "{id: null}", "{id: $id}", "{id: $nullable}"):
        query = f"fragment f on Query {{ pick(by: {wrong}) }} query ($nullable: Int) {{ ...f hello(name: $nullable) }}"
        response = await post(client, query)
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", None, "GRAPHQL_PARSE_FAILED"),
        ("", None, "GRAPHQL_PARSE_FAILED"),
        ("type A { a: Int }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("{ nope }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("{ sum(point: {x: null}) }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query ($p: Point!) { sum(point: $p) }", None, "BAD_USER_INPUT"),
        ("query ($p: Point!) { sum(point: $p) }", {"p": {"x": "1"}}, "BAD_USER_INPUT"),
        ("query ($p: Point!) { sum(point: $p) }", {"p": {"x": 1, "colour": "BLUE"}}, "BAD_USER_INPUT"),
        ("query ($p: Pick!) { pick(by: $p) }", {"p": {"id": 1, "name": "x"}}, "BAD_USER_INPUT"),
        ("query a { hello } query b { hello }", None, "BAD_REQUEST"),
        ("{ " + "hello " * 501 + "}", None, "DOCUMENT_LIMIT_EXCEEDED"),
    ],
)
async def test_errors_of_a_document_or_its_variables_have_no_data(
    client: httpx.AsyncClient, query: str, variables: dict[str, Any] | None, code: str
) -> None:
    new = await post(client, query, variables=variables)
    assert new.status_code == 400
    assert only_error(new)["extensions"]["code"] == code
    old = await post(client, query, JSON, variables=variables)
    assert old.status_code == 200
    assert only_error(old)["extensions"]["code"] == code


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "empty"),
        (b'"x"', "a string"),
        (b"3", "a number"),
        (b"null", "null"),
        (b"true", "a boolean"),
        (b"[]", "Batching"),
        (b'[{"query":"{ hello }"}]', "Batching"),
        (b"{", "JSON"),
        (b"{ hello }", "JSON"),
        (b"NaN", "JSON"),
        (b'{"query":"{ hello }"}x', "JSON"),
        (b'\xff\xfe{"query":1}', "JSON"),
        (b'{"query":"\xc3\x28"}', "JSON"),
        (b'{"query":"\\ud800"}', "JSON"),
        (b'\xef\xbb\xbf{"query":"{ hello }"}', "JSON"),
        (b"{}", "`query` is missing"),
        (b'{"query":null}', "`query` is missing"),
        (b'{"query":{}}', "`query` must be a string, not an object"),
        (b'{"query":1}', "`query` must be a string, not a number"),
        (b'{"query":false}', "`query` must be a string, not a boolean"),
        (b'{"query":["{ hello }"]}', "`query` must be a string, not an array"),
        (b'{"query":"{ hello }","variables":"{}"}', "`variables` must be an object, not a string"),
        (b'{"query":"{ hello }","variables":[]}', "`variables` must be an object, not an array"),
        (b'{"query":"{ hello }","operationName":1}', "`operationName` must be a string, not a number"),
        (b'{"query":"{ hello }","extensions":0}', "`extensions` must be an object, not a number"),
        (b'{"query":"{ hello }","variables":{"a":' + b"[" * 300 + b"]" * 300 + b"}}", "nested more than 200"),
        (b"[" * 5_000, "JSON"),
    ],
)
async def test_malformed_bodies(client: httpx.AsyncClient, body: bytes, word: str) -> None:
    for accept in (JSON, GRAPHQL):
        headers = {"content-type": "application/json", "accept": accept}
        response = await client.post("/graphql", content=body, headers=headers)
        assert response.status_code == 400
        assert response.headers["content-type"] == f"{accept}; charset=utf-8"
        error = only_error(response)
        assert error["extensions"]["code"] == "BAD_REQUEST"
        assert word in error["message"]


async def test_null_parameters_and_unknown_ones_are_fine(client: httpx.AsyncClient) -> None:
    body = {"query": "{ hello }", "variables": None, "operationName": None, "extensions": None, "id": 7}
    assert (await client.post("/graphql", json=body)).json() == {"data": {"hello": "Hello world"}}
    assert (await post(client, "query q { hello }", operationName="")).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/graphql",
        "application/json; charset=latin-1",
    ],
)
async def test_other_content_types_are_415(client: httpx.AsyncClient, content_type: str | None) -> None:
    headers = {"content-type": content_type} if content_type else {}
    response = await client.post("/graphql", content=b'{"query":"{ hello }"}', headers=headers)
    assert response.status_code == 415
    assert only_error(response)["extensions"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


async def test_compressed_bodies_are_415(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json; charset=UTF-8", "content-encoding": "gzip"}
    assert (await client.post("/graphql", content=b"x", headers=headers)).status_code == 415


async def test_an_accept_header_we_cannot_serve_is_406(client: httpx.AsyncClient) -> None:
    response = await post(client, "{ hello }", "image/png")
    assert response.status_code == 406
    assert only_error(response)["extensions"]["code"] == "NOT_ACCEPTABLE"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_405(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


async def test_options_says_what_is_allowed(client: httpx.AsyncClient) -> None:
    response = await client.options("/graphql")
    assert (response.status_code, response.headers["allow"], response.content) == (204, "GET, POST", b"")


async def test_get_needs_a_preflight_header(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "{ hello }"})
    assert response.status_code == 400
    assert "x-skyledger-preflight" in only_error(response)["message"]
    for name in ("X-Skyledger-Preflight", "Apollo-Require-Preflight", "GraphQL-Require-Preflight"):
        response = await client.get("/graphql", params={"query": "{ hello }"}, headers={name: "1"})
        assert response.json() == {"data": {"hello": "Hello world"}}


async def test_get_reads_its_parameters_from_the_url(client: httpx.AsyncClient) -> None:
    parameters = {"query": "query q($n: String!) { hello(name: $n) } query r { viewer }", "operationName": "q"}
    response = await client.get("/graphql", params={**parameters, "variables": '{"n":"é"}'}, headers=PREFLIGHT)
    assert response.json() == {"data": {"hello": "Hello é"}}


@pytest.mark.parametrize(
    "query_string",
    [
        "",
        "query=%ff",
        "query={hello}&variables={",
        "query={hello}&variables=[]",
        "query={hello}&query={viewer}",
        "query={hello}&extensions=1",
        "query={hello}&variables=" + "[" * 300 + "]" * 300,
        "a=1&" * 30,
    ],
)
async def test_malformed_urls_are_400(client: httpx.AsyncClient, query_string: str) -> None:
    response = await client.get(f"/graphql?{query_string}", headers=PREFLIGHT)
    assert response.status_code == 400
    assert only_error(response)["extensions"]["code"] == "BAD_REQUEST"


async def test_a_mutation_over_get_is_405_and_does_nothing(toy: Toy, client: httpx.AsyncClient) -> None:
    for query in ('mutation { remember(text: "x") }', 'query a { hello } mutation b { remember(text: "x") }'):
        parameters = {"query": query, "operationName": "b" if "query a" in query else ""}
        response = await client.get("/graphql", params=parameters, headers=PREFLIGHT)
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"
        assert only_error(response)["extensions"]["code"] == "METHOD_NOT_ALLOWED"
    assert toy.world.mutations == []


async def test_a_subscription_needs_another_transport(client: httpx.AsyncClient) -> None:
    response = await post(client, "subscription { waits }")
    assert response.status_code == 400
    assert "WebSocket" in only_error(response)["message"]


async def test_strangers_may_send_less_than_customers() -> None:
    toy = make_toy(body_bytes=4_000, anonymous_body_bytes=1_000)
    async with client_of(toy) as client:
        for size, headers, status in (
            (900, {}, 200),
            (1_100, {}, 413),
            (1_100, SIGNED_IN, 200),
            (4_100, SIGNED_IN, 413),
        ):
            response = await post(client, "{ hello }", extensions={"padding": "x" * size}, headers=headers)
            assert response.status_code == status
            if status == 413:
                assert only_error(response)["extensions"]["code"] == "PAYLOAD_TOO_LARGE"


async def test_the_body_limit_holds_while_streaming() -> None:
    toy = make_toy(anonymous_body_bytes=10_000)
    produced = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal produced
        while True:
            produced += 1_000
            yield b" " * 1_000

    async with client_of(toy) as client:
        response = await client.post("/graphql", content=endless(), headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert produced <= 12_000


async def test_the_body_limit_holds_on_the_wire() -> None:
    toy = make_toy(anonymous_body_bytes=10_000)

    async def large() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * 10_000

    async with live(toy) as address, httpx.AsyncClient(base_url=f"http://{address}", timeout=60) as client:
        chunked = await client.post("/graphql", content=large(), headers={"content-type": "application/json"})
        declared = await client.post("/graphql", content=b" " * 10_001, headers={"content-type": "application/json"})
        assert (chunked.status_code, declared.status_code) == (413, 413)
        assert (await post(client, "{ hello }")).json() == {"data": {"hello": "Hello world"}}


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    async with live(make_toy(body_seconds=0.2)) as address:
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = "POST /graphql HTTP/1.1\r\nhost: toy\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
        writer.write(head.encode() + b'{"query":')
        answer = await asyncio.wait_for(reader.read(), 60)  # to the end: the server hangs up
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["errors"][0]["extensions"]["code"] == "TIMEOUT"
