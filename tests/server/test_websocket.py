"""graphql-transport-ws over a real server: handshake, identity, operations and what closes a socket."""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.server.toy_graph import OTHER_TOKEN, TOKEN, make_toy
from tests.server.toy_server import Socket, eventually, live, socket


async def viewer(client: Socket) -> str | None:
    await client.subscribe("who", "{ viewer }")
    answer = (await client.results("who"))[0]["payload"]["data"]["viewer"]
    return str(answer) if answer is not None else None


async def test_query_mutation_and_subscription() -> None:
    toy = make_toy()
    async with live(toy) as address, socket(address) as client:
        await client.subscribe("1", "query ($name: String!) { hello(name: $name) }", {"name": "é"})
        assert await client.results("1") == [
            {"id": "1", "type": "next", "payload": {"data": {"hello": "Hello é"}}},
            {"id": "1", "type": "complete"},
        ]
        await client.subscribe("2", 'mutation { remember(text: "x") }')
        assert (await client.results("2"))[0]["payload"] == {"data": {"remember": "x"}}
        assert toy.world.mutations == ["x"]
        await client.subscribe("3", "subscription { count(to: 3) { number } }")
        messages = await client.results("3")
        assert [message["payload"]["data"]["count"]["number"] for message in messages[:-1]] == [0, 1, 2]
        assert messages[-1] == {"id": "3", "type": "complete"}
        await client.subscribe("3", "{ hello }")  # a finished id is free again
        assert len(await client.results("3")) == 2
    await eventually(lambda: len(toy.server.lifecycle) == 0)
    assert (toy.world.sources_open, toy.world.sources_closed) == (1, 1)


async def test_every_operation_and_every_event_has_a_fresh_context() -> None:
    toy = make_toy()
    async with live(toy) as address, socket(address) as client:
        numbers = []
        for id_ in ("1", "2"):
            await client.subscribe(id_, "{ contextNumber }")
            numbers.append((await client.results(id_))[0]["payload"]["data"]["contextNumber"])
        await client.subscribe("3", "subscription { count { contextNumber } }")
        numbers += [m["payload"]["data"]["count"]["contextNumber"] for m in (await client.results("3"))[:-1]]
    assert len(set(numbers)) == len(numbers) == 5


async def test_operations_run_side_by_side() -> None:
    async with live(make_toy()) as address, socket(address) as client:
        await client.subscribe("slow", "{ slow(seconds: 0.3) }")
        await client.subscribe("fast", "{ hello }")
        order = [(await client.receive())["id"] for _ in range(4)]
    assert order == ["fast", "fast", "slow", "slow"]


async def test_errors_of_a_document_end_the_operation_only() -> None:
    async with live(make_toy()) as address, socket(address) as client:
        for query, code in (
            ("{", "GRAPHQL_PARSE_FAILED"),
            ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
            ("query ($p: Point!) { sum(point: $p) }", "BAD_USER_INPUT"),
            ("{ " + "hello " * 501 + "}", "DOCUMENT_LIMIT_EXCEEDED"),
            ("subscription { refused }", "FORBIDDEN"),
        ):
            await client.subscribe("1", query)
            (message,) = await client.results("1")
            assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", code)
            assert len(message["payload"][0]["extensions"]["requestId"]) == 32
        await client.subscribe("1", "{ fails }")
        message, end = await client.results("1")
        assert message["payload"]["errors"][0]["message"] == "Internal error"
        assert end["type"] == "complete"


async def test_a_source_that_breaks_ends_with_an_error() -> None:
    async with live(make_toy()) as address, socket(address) as client:
        await client.subscribe("1", "subscription { count(breaksAt: 1) { number } }")
        first, last = await client.results("1")
        assert first["payload"]["data"]["count"] == {"number": 0}
        assert last["type"] == "error"
        assert last["payload"][0]["message"] == "Internal error"
        await client.subscribe("2", "subscription { count(expiresAt: 1) { number } }")
        assert (await client.results("2"))[1]["payload"][0]["extensions"]["code"] == "CURSOR_EXPIRED"


async def test_an_event_that_fails_does_not_end_its_subscription() -> None:
    async with live(make_toy()) as address, socket(address) as client:
        await client.subscribe("1", "subscription { count { number failsOn(number: 1) } }")
        messages = await client.results("1")
    assert [len(message["payload"].get("errors", [])) for message in messages[:-1]] == [0, 1, 0]
    assert messages[1]["payload"]["errors"][0]["message"] == "Internal error"


@pytest.mark.parametrize(
    "payload",
    [
        {"authorization": f"Bearer {TOKEN}"},
        {"Authorization": f"bearer {TOKEN}"},
        {"token": TOKEN},
        {"accessToken": TOKEN},
        {"apiKey": TOKEN},
        {"api_key": TOKEN},
        {"X-API-Key": TOKEN},
        {"X-Root-Key": TOKEN},
    ],
)
async def test_identity_from_the_payload(payload: dict[str, str]) -> None:
    async with live(make_toy()) as address, socket(address, greeted=False) as client:
        await client.send(type="connection_init", payload=payload)
        assert await client.receive() == {"type": "connection_ack"}
        assert await viewer(client) == "alice"


async def test_identity_from_the_handshake() -> None:
    async with live(make_toy()) as address:
        for options in (
            {"additional_headers": {"authorization": f"Bearer {TOKEN}"}},
            {"additional_headers": {"x-api-key": TOKEN}},
            {"path": f"/graphql?token={TOKEN}"},
        ):
            async with socket(address, greeted=False, **options) as client:
                await client.greet(token=None)
                assert await viewer(client) == "alice"
        async with socket(address, greeted=False, path=f"/graphql?token={TOKEN}") as client:
            await client.greet(token=OTHER_TOKEN)
            assert await viewer(client) == "bob"
        async with socket(address, greeted=False) as client:
            await client.greet(token=None)
            assert await viewer(client) is None


async def test_a_store_that_is_away_closes_with_1013() -> None:
    """The credential may be right: clients come back with it, as they do not after 4403."""
    toy = make_toy()
    async with live(toy) as address:
        toy.world.store_is_away = True
        async with socket(address, greeted=False) as client:
            await client.send(type="connection_init", payload={"token": TOKEN})
            code, reason = await client.closed()
    assert (code, reason) == (1013, "The database cannot be reached at the moment. Try again in a few seconds.")


async def test_a_wrong_credential_closes_with_4403() -> None:
    toy = make_toy()
    async with live(toy) as address:
        for payload in ({"token": "wrong"}, {"authorization": "Basic x"}, {"authorization": ""}):
            async with socket(address, greeted=False) as client:
                await client.send(type="connection_init", payload=payload)
                assert (await client.closed())[0] == 4403
        async with socket(address, greeted=False, additional_headers={"authorization": "Basic x"}) as client:
            assert (await client.closed())[0] == 4403
        toy.world.broken_identify = True
        async with socket(address, greeted=False) as client:
            await client.send(type="connection_init")
            assert await client.closed() == (4500, "Internal error")


@pytest.mark.parametrize("offered", [["graphql-ws"], ["soap", "graphql-ws"], None])
async def test_other_sub_protocols_close_with_4406(offered: list[str] | None) -> None:
    subprotocols = [Subprotocol(name) for name in offered] if offered else None
    async with live(make_toy()) as address, socket(address, greeted=False, subprotocols=subprotocols) as client:
        assert (await client.closed())[0] == 4406


async def test_the_right_one_is_chosen_among_several() -> None:
    subprotocols = [Subprotocol("graphql-ws"), Subprotocol("graphql-transport-ws")]
    async with live(make_toy()) as address, socket(address, subprotocols=subprotocols) as client:
        assert client.connection.subprotocol == "graphql-transport-ws"


async def test_which_pages_may_connect() -> None:
    async with live(make_toy(cors_origins=("https://app.example.com",))) as address:
        for origin in (f"http://{address}", "https://app.example.com", None):
            async with socket(address, origin=Origin(origin) if origin else None):
                pass
        for origin in (
            "https://evil.example",
            "null",
            f"http://{address}.evil.example",
            "https://app.example.com.evil",
        ):
            with pytest.raises(InvalidStatus) as refused:
                async with socket(address, origin=Origin(origin)):
                    pass
            assert refused.value.response.status_code == 403
    async with live(make_toy(cors_origins=("*",))) as address, socket(address, origin=Origin("https://any.example")):
        pass
