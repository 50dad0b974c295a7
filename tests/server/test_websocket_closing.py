"""What keeps a socket open and what closes it: protocol, sizes, silence, expiry, revocation, slow readers."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from contextlib import AsyncExitStack

import pytest
import structlog
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.server.toy_graph import OTHER_TOKEN, TOKEN, Toy, in_seconds, make_toy
from tests.server.toy_server import Socket, eventually, live, socket


async def viewer(client: Socket) -> str | None:
    await client.subscribe("who", "{ viewer }")
    answer = (await client.results("who"))[0]["payload"]["data"]["viewer"]
    return str(answer) if answer is not None else None


async def test_no_init_in_time_closes_with_4408() -> None:
    async with live(make_toy(websocket_init_seconds=1.0)) as address, socket(address, greeted=False) as client:
        await client.send(type="ping")
        assert await client.closed() == (4408, "Connection initialisation timeout")


async def test_a_second_init_closes_with_4429() -> None:
    async with live(make_toy()) as address, socket(address) as client:
        await client.send(type="connection_init")
        assert (await client.closed())[0] == 4429


@pytest.mark.parametrize("type_", ["subscribe", "complete"])
async def test_an_operation_before_the_acknowledgement_closes_with_4401(type_: str) -> None:
    async with live(make_toy()) as address, socket(address, greeted=False) as client:
        await client.send(type=type_, id="1", payload={"query": "{ hello }"})
        assert await client.closed() == (4401, "Unauthorized")


async def test_an_id_in_use_closes_with_4409() -> None:
    toy = make_toy()
    async with live(toy) as address, socket(address) as client:
        await client.subscribe("é" * 60, "subscription { waits }")
        await client.subscribe("é" * 60, "{ hello }")
        code, reason = await client.closed()
        assert code == 4409
        assert reason.startswith("Subscriber for ééé")
        await eventually(lambda: toy.world.sources_closed == 1)


MALFORMED: list[str | bytes] = [
    "",
    "{",
    "null",
    "3",
    '"x"',
    "[]",
    "{}",
    '{"type":1}',
    '{"type":null}',
    '{"type":["ping"]}',
    '{"type":{}}',
    '{"type":"start","id":"1"}',
    '{"type":"next","id":"1","payload":{}}',
    '{"type":"connection_ack"}',
    '{"type":"ping","payload":"x"}',
    '{"type":"pong","payload":[]}',
    '{"type":"connection_init","payload":3}',
    '{"type":"connection_init","payload":{"token":{}}}',
    '{"type":"subscribe"}',
    '{"type":"subscribe","id":1,"payload":{"query":"{ hello }"}}',
    '{"type":"subscribe","id":"","payload":{"query":"{ hello }"}}',
    '{"type":"subscribe","id":"' + "x" * 129 + '","payload":{"query":"{ hello }"}}',
    '{"type":"subscribe","id":"1"}',
    '{"type":"subscribe","id":"1","payload":null}',
    '{"type":"subscribe","id":"1","payload":"{ hello }"}',
    '{"type":"subscribe","id":"1","payload":{}}',
    '{"type":"subscribe","id":"1","payload":{"query":1}}',
    '{"type":"subscribe","id":"1","payload":{"query":"{ hello }","variables":[]}}',
    '{"type":"subscribe","id":"1","payload":{"query":"{ hello }","operationName":{}}}',
    '{"type":"subscribe","id":"1","payload":{"query":"{ hello }","extensions":"x"}}',
    '{"type":"subscribe","id":"1","payload":{"query":"{ hello }","variables":{"a":' + "[" * 300 + "]" * 300 + "}}}",
    '{"type":"complete"}',
    '{"type":"complete","id":[]}',
    b'{"type":"ping"}',
    b"\xff",
]


async def test_malformed_frames_close_with_4400() -> None:
    async with live(make_toy()) as address:
        for frame in MALFORMED:
            async with socket(address, greeted="connection_init" not in str(frame)) as client:
                await client.connection.send(frame)
                code, reason = await client.closed()
            assert (code, bool(reason)) == (4400, True), frame


async def test_a_frame_that_is_too_large_closes_with_1009() -> None:
    async with live(make_toy()) as address:
        async with socket(address) as client:
            await client.send(type="ping", payload={"x": "y" * 65_600})
            assert (await client.closed())[0] == 1009
        async with socket(address) as client:  # the same in fragments
            await client.connection.send(["x" * 30_000] * 3)
            assert (await client.closed())[0] == 1009
        async with socket(address) as client:
            await client.send(type="ping", payload={"x": "y" * 65_000})
            assert (await client.receive())["type"] == "pong"


async def test_text_that_is_no_utf_8_closes_with_1007() -> None:
    async with live(make_toy()) as address, socket(address) as client:
        await client.connection.send(b"\xff\xfe", text=True)
        assert (await client.closed())[0] == 1007


async def test_ping_and_pong() -> None:
    async with live(make_toy()) as address, socket(address, greeted=False) as client:
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}
        await client.send(type="ping", payload={"at": 1})
        assert await client.receive() == {"type": "pong", "payload": {"at": 1}}
        await client.send(type="pong", payload={"at": 1})
        await client.greet()


async def test_a_silent_client_is_pinged_and_then_dropped() -> None:
    async with live(make_toy(keepalive_seconds=0.5)) as address:
        async with socket(address) as client:
            for _ in range(3):
                assert await client.receive() == {"type": "ping"}
                await client.send(type="pong")
        async with socket(address) as client:
            assert await client.receive() == {"type": "ping"}
            assert await client.closed() == (4499, "No sign of life")


async def test_the_51st_operation_is_refused_and_the_others_go_on() -> None:
    toy = make_toy()
    async with live(toy) as address, socket(address) as client:
        for number in range(50):
            await client.subscribe(str(number), "subscription { waits }")
        await client.subscribe("one too many", "{ hello }")
        message = await client.receive()
        assert (message["id"], message["type"]) == ("one too many", "error")
        assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        await client.send(type="complete", id="7")
        await eventually(lambda: toy.world.sources_closed == 1)
        await client.subscribe("now", "{ hello }")
        assert len(await client.results("now")) == 2
    await eventually(lambda: toy.world.sources_closed == 50)


async def test_complete_stops_the_source_at_once() -> None:
    toy = make_toy()
    async with live(toy) as address, socket(address) as client:
        await client.subscribe("1", "subscription { count(to: 1000000, every: 0.001) { number } }")
        await client.receive()
        await client.send(type="complete", id="1")
        await eventually(lambda: toy.world.sources_closed == 1)
        await client.send(type="complete", id="1")  # of an operation that is over: nothing to say
        await client.send(type="complete", id="never heard of")
        await client.subscribe("1", "{ slow }")
        await eventually(lambda: toy.world.slow_started == 1)
        await client.send(type="complete", id="1")
        await eventually(lambda: toy.world.cancelled == 1)
        await client.send(type="ping")
        while (message := await client.receive())["type"] == "next":
            assert message["id"] == "1"  # was on the wire already
        assert message == {"type": "pong"}
        assert await viewer(client) == "alice"


async def test_an_abrupt_disconnect_cancels_everything() -> None:
    toy = make_toy()
    async with live(toy) as address, socket(address) as client:
        for number in range(10):
            await client.subscribe(str(number), "subscription { waits }")
        await client.subscribe("query", "{ slow }")
        await client.subscribe("counting", "subscription { count(to: 1000000, every: 0.001) { number } }")
        await eventually(lambda: toy.world.sources_open == 11 and toy.world.slow_started == 1)
        client.connection.transport.abort()
        await eventually(lambda: toy.world.sources_closed == 11 and toy.world.cancelled == 1)
        await eventually(lambda: len(toy.server.lifecycle) == 0)


async def test_the_socket_closes_when_the_token_expires() -> None:
    toy = make_toy()
    toy.world.expires_at = in_seconds(2)
    async with live(toy) as address, socket(address) as client:
        await client.subscribe("1", "subscription { waits }")
        assert await client.closed() == (4403, "token expired")
    assert toy.world.sources_closed == 1


async def test_the_socket_closes_soon_after_revocation() -> None:
    toy = make_toy(revalidate_seconds=0.1)
    async with live(toy) as address, socket(address) as alice, socket(address, greeted=False) as bob:
        await bob.greet(OTHER_TOKEN)
        await alice.subscribe("1", "subscription { waits }")
        await asyncio.sleep(0.3)
        toy.world.revoked.add("alice")
        assert await alice.closed() == (4403, "session revoked")
        assert await viewer(bob) == "bob"


async def test_many_sockets_are_looked_at_together_and_nothing_is_left_of_them() -> None:
    toy = make_toy(revalidate_seconds=0.2)
    async with live(toy) as address, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(socket(address)) for _ in range(100)]
        assert (len(toy.server.watch), len(toy.server.keep_alive)) == (100, 100)
        looks = len(toy.world.looks)
        await eventually(lambda: toy.world.looks[looks:][:2] == [100, 100])
        toy.world.revoked.add("alice")
        assert {await client.closed() for client in clients} == {(4403, "session revoked")}
        await eventually(lambda: len(toy.server.lifecycle) == 0)
        assert (len(toy.server.watch), len(toy.server.keep_alive)) == (0, 0)


async def test_a_closed_socket_leaves_no_ring_of_objects_for_the_collector() -> None:
    """Where full collections are rare (app.server.garbage) this would be memory that is not given back for long."""
    toy = make_toy()
    async with live(toy) as address:
        gc.disable()
        try:
            async with socket(address) as client:
                await client.subscribe("1", "subscription { waits }")
                await eventually(lambda: toy.world.sources_open == 1)
                (connection,) = toy.server.lifecycle._streams
                kept = weakref.ref(connection)
                del connection
            await eventually(lambda: kept() is None, seconds=10)
        finally:
            gc.enable()


async def test_a_session_store_that_stays_broken_closes_with_1013() -> None:
    toy = make_toy(revalidate_seconds=0.05)
    async with live(toy) as address, socket(address) as client:
        toy.world.broken_revalidate = True
        assert (await client.closed())[0] == 1013


async def test_a_slow_consumer_is_closed_and_never_waited_for() -> None:
    toy = make_toy(slow_consumer_seconds=0.3, queue_messages=8)
    async with live(toy) as address, socket(address, max_queue=1) as slow, socket(address) as other:
        await slow.subscribe("1", "subscription { count(to: 100000) { padding(size: 20000) } }")
        # The client library stops reading the wire when its queue of one message is full.
        await eventually(lambda: toy.world.sources_closed == 1)
        await eventually(lambda: len(toy.server.lifecycle) == 1)
        assert toy.server.metrics.closes.labels(4410)._value.get() == 1
        assert await viewer(other) == "alice"


async def test_a_reader_that_pauses_for_less_loses_nothing() -> None:
    toy = make_toy(slow_consumer_seconds=60, queue_messages=4)
    async with live(toy) as address, socket(address, max_queue=1) as client:
        await client.subscribe("1", "subscription { count(to: 300) { number padding(size: 20000) } }")
        await asyncio.sleep(0.5)
        numbers = [m["payload"]["data"]["count"]["number"] for m in (await client.results("1"))[:-1]]
    assert numbers == list(range(300))


async def test_an_event_that_takes_too_long_times_out_alone() -> None:
    toy = make_toy(execution_seconds=0.5)
    async with live(toy) as address, socket(address) as client:
        await client.subscribe("1", "{ slow }")
        message, _ = await client.results("1")
        assert message["payload"]["errors"][0]["extensions"]["code"] == "TIMEOUT"
        await client.subscribe("2", "subscription { count(to: 2, every: 0.8) { number } }")  # waiting is no execution
        assert len(await client.results("2")) == 3


async def test_tokens_in_urls_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    toy = make_toy()
    with structlog.testing.capture_logs() as logs, caplog.at_level("DEBUG"):
        async with live(toy) as address:
            async with socket(address, greeted=False, path=f"/graphql?token={TOKEN}") as client:
                await client.greet(token=None)
            with pytest.raises(InvalidStatus):
                async with socket(address, path=f"/graphql?token={TOKEN}", origin=Origin("https://evil.example")):
                    pass
    server_records = [record.getMessage() for record in caplog.records if not record.name.startswith("websockets")]
    assert any(log["event"] == "socket" for log in logs)
    assert TOKEN not in json.dumps([logs, server_records], default=str)


async def test_sockets_are_counted() -> None:
    toy: Toy = make_toy()
    metrics = toy.server.metrics
    async with live(toy) as address:
        async with socket(address) as client:
            await client.subscribe("1", "subscription { waits }")
            await eventually(lambda: toy.world.sources_open == 1)
            assert metrics.sockets._value.get() == 1
            assert metrics.subscriptions.labels("websocket")._value.get() == 1
        await eventually(lambda: metrics.sockets._value.get() == 0)
        assert metrics.subscriptions.labels("websocket")._value.get() == 0
        assert metrics.operations.labels("subscription", "websocket", "cancelled")._value.get() == 1
