"""Overload slows and does not break: so many run, some wait in turns, all others are told when to return."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import orjson

from app.server.departures import Departures
from tests.server.toy_graph import OTHER_TOKEN, TOKEN, Toy, make_toy
from tests.server.toy_server import eventually, live, socket

SLOW = "query ($seconds: Float!) { slow(seconds: $seconds) }"


def client_of(toy: Toy) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(toy.app), base_url="http://toy", timeout=60)


async def ask(client: httpx.AsyncClient, seconds: float, token: str = TOKEN) -> httpx.Response:
    body = {"query": SLOW, "variables": {"seconds": seconds}}
    return await client.post("/graphql", json=body, headers={"authorization": f"Bearer {token}"})


async def test_two_thousand_slow_queries_at_once() -> None:
    toy = make_toy(operations_at_once=8, operations_waiting=100, waiting_seconds=30.0)
    async with client_of(toy) as client:
        most = 0
        asked = [asyncio.create_task(ask(client, 0.01)) for _ in range(2_000)]
        while not all(task.done() for task in asked):
            await asyncio.sleep(0.002)
            most = max(most, toy.server.admission.waiting)
        answers = [task.result() for task in asked]
    states = Counter(answer.status_code for answer in answers)
    assert states.keys() == {200, 429}, states
    assert states[200] >= 56, "six run, fifty wait"
    assert most <= 50
    refused = next(answer for answer in answers if answer.status_code == 429)
    (error,) = refused.json()["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert (refused.headers["retry-after"], error["extensions"]["retryAfter"]) == ("5", 5)
    assert toy.world.slow_started == states[200], "nothing of what is refused was executed"


async def test_one_caller_who_floods_does_not_hold_up_another() -> None:
    toy = make_toy(operations_at_once=4, operations_waiting=1_000, waiting_seconds=60.0)
    async with client_of(toy) as client:
        flood = [asyncio.create_task(ask(client, 0.3)) for _ in range(60)]
        await eventually(lambda: toy.server.admission.waiting > 40)
        assert (await ask(client, 0, OTHER_TOKEN)).json() == {"data": {"slow": "done"}}
        assert sum(task.done() for task in flood) < 20
        await asyncio.gather(*flood)


async def test_who_waits_too_long_is_told_to_come_again() -> None:
    toy = make_toy(operations_at_once=1, waiting_seconds=0.05)
    async with client_of(toy) as client:
        first = asyncio.create_task(ask(client, 1))
        await eventually(lambda: toy.world.slow_started)
        late = await ask(client, 0)
        assert (late.status_code, late.headers["retry-after"]) == (503, "5")
        assert late.json()["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        assert (await first).status_code == 200
        assert (await ask(client, 0)).status_code == 200


async def test_large_bodies_are_bounded_together() -> None:
    toy = make_toy(held_body_bytes=300_000)

    def large(size: int) -> dict[str, Any]:
        return {"query": SLOW, "variables": {"seconds": 0.5, "padding": "x" * size}}

    headers = {"authorization": f"Bearer {TOKEN}"}
    async with client_of(toy) as client:
        first = asyncio.create_task(client.post("/graphql", json=large(200_000), headers=headers))
        await eventually(lambda: toy.world.slow_started)
        refused = await client.post("/graphql", json=large(200_000), headers=headers)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert (await ask(client, 0)).status_code == 200, "small ones need no room"
        assert (await first).status_code == 200
        assert (await client.post("/graphql", json=large(200_000), headers=headers)).status_code == 200


async def test_a_caller_who_hangs_up_stops_what_they_asked_for() -> None:
    toy = make_toy(departure_seconds=0.02)
    async with live(toy) as address:
        host, port = address.rsplit(":", 1)
        body = orjson.dumps({"query": SLOW, "variables": {"seconds": 30}})
        head = f"POST /graphql HTTP/1.1\r\nhost: toy\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        for number in (1, 2):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(head.encode() + b"\r\n\r\n" + body)
            await eventually(lambda number=number: toy.world.slow_started == number)  # type: ignore[misc]
            writer.close()
            await eventually(lambda number=number: toy.world.cancelled == number)  # type: ignore[misc]
        async with socket(address) as client:
            await client.subscribe("1", "{ slow(seconds: 30) }")
            await eventually(lambda: toy.world.slow_started == 3)
            await client.send(type="complete", id="1")
            await eventually(lambda: toy.world.cancelled == 3)
        async with httpx.AsyncClient(base_url=f"http://{address}") as client:
            assert (await client.post("/graphql", json={"query": "{ slow(seconds: 0.2) }"})).json()["data"]
    assert toy.server.admission.waiting == 0


async def test_who_leaves_the_line_leaves_no_place_taken() -> None:
    toy = make_toy(operations_at_once=1, departure_seconds=0.02)
    async with client_of(toy) as client:
        first = asyncio.create_task(ask(client, 0.5))
        await eventually(lambda: toy.world.slow_started)
        waiting = asyncio.create_task(ask(client, 0))
        await eventually(lambda: toy.server.admission.waiting)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert toy.server.admission.waiting == 0
        assert (await first).status_code == 200
        assert (await ask(client, 0)).status_code == 200


async def test_nobody_listens_for_a_caller_whose_answer_is_there_at_once() -> None:
    heard: list[str] = []

    async def receive() -> dict[str, Any]:
        heard.append("asked")
        await asyncio.Event().wait()
        return {}

    departures = Departures(0.05)
    for _ in range(100):
        with departures.watch(receive):
            await asyncio.sleep(0)
    await asyncio.sleep(0.1)
    assert heard == []
    with departures.watch(receive):
        await asyncio.sleep(0.15)
    assert heard == ["asked"]
