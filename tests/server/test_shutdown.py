"""SIGTERM to a real process: nothing that runs fails, streams end, and the process is gone in time with code 0."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.server import make_server
from tests.server.toy_graph import make_toy
from tests.server.toy_server import eventually, live, socket

PROJECT = Path(__file__).parents[2]
SLOW = 'mutation { rememberSlowly(text: "kept", seconds: 4) }'


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The toy as a process of its own, and its address."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.server.toy_server",
        *arguments,
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert running.stdout is not None
    try:
        first = await asyncio.wait_for(running.stdout.readline(), 60)
        yield running, first.decode().strip().removeprefix("http://")
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


async def mutations_begun(client: httpx.AsyncClient) -> int:
    """How many slow mutations run in the process."""
    answer = (await client.post("/graphql", json={"query": "{ mutationsBegun }"})).json()
    return int(answer["data"]["mutationsBegun"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_mutation_in_flight_answers_and_sockets_get_1012(number: signal.Signals) -> None:
    async with process() as (running, address), httpx.AsyncClient(base_url=f"http://{address}", timeout=60) as client:
        assert (await client.get("/health/ready")).status_code == 200
        http = asyncio.create_task(client.post("/graphql", json={"query": SLOW}))
        async with socket(address) as subscriber, socket(address) as mutator:
            await subscriber.subscribe("1", "subscription { waits }")
            await subscriber.subscribe("2", "subscription { count(to: 100000, every: 0.01) { number } }")
            await subscriber.receive()
            await mutator.subscribe("1", SLOW)
            while await mutations_begun(client) < 2:  # noqa: ASYNC110 - another process's
                await asyncio.sleep(0.02)
            running.send_signal(number)
            assert await subscriber.closed() == (1012, "Service restart")
            assert not http.done(), "sockets waited for a mutation"
            assert (await mutator.receive())["payload"] == {"data": {"rememberSlowly": "kept"}}
            assert (await mutator.receive())["type"] == "complete"
            assert await mutator.closed() == (1012, "Service restart")
        answer = await http
        assert (answer.status_code, answer.json()) == (200, {"data": {"rememberSlowly": "kept"}})
        output, logs = await asyncio.wait_for(running.communicate(), 60)
        assert running.returncode == 0
        assert b"mutations ['kept', 'kept']" in output
        assert b"Traceback" not in logs


async def test_readiness_fails_before_the_listeners_close() -> None:
    async with (
        process("--notice") as (running, address),
        httpx.AsyncClient(base_url=f"http://{address}", timeout=60) as client,
    ):
        running.send_signal(signal.SIGTERM)
        statuses = []
        while True:
            try:
                async with httpx.AsyncClient(base_url=f"http://{address}", timeout=60) as fresh:
                    statuses.append((await fresh.get("/health/ready")).status_code)
            except httpx.TransportError:
                break
            await asyncio.sleep(0.02)
        assert statuses[-1] == 503
        assert set(statuses) <= {200, 503}
        await client.aclose()
        assert await asyncio.wait_for(running.wait(), 60) == 0


async def test_what_runs_longer_than_the_limit_is_cut_off() -> None:
    toy = make_toy(shutdown_seconds=2.0)
    stack = AsyncExitStack()
    address = await stack.enter_async_context(live(toy))
    async with httpx.AsyncClient(timeout=60) as http, socket(address) as client:
        await client.subscribe("1", "{ slow }")
        request = asyncio.create_task(http.post(f"http://{address}/graphql", json={"query": "{ slow }"}))
        await eventually(lambda: toy.world.slow_started == 2)
        async with asyncio.timeout(20):  # they would run for 30 s
            await stack.aclose()  # stops the server while both operations run
        assert await client.closed() == (1012, "Service restart")
        answer = await request
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert toy.world.cancelled == 2


async def test_a_connection_that_comes_while_draining_is_closed_at_once() -> None:
    toy = make_toy()
    async with live(toy) as address:
        toy.server.lifecycle.announce()
        async with socket(address, greeted=False) as client:
            assert await client.closed() == (1012, "Service restart")


async def test_a_port_in_use_is_an_error_not_a_hang(caplog: pytest.LogCaptureFixture) -> None:
    async with live(make_toy()) as address:
        toy = make_toy()
        second = make_server(toy.app, toy.server.lifecycle, port=int(address.rpartition(":")[2]))
        with pytest.raises(SystemExit):
            await second.serve()
    assert "address already in use" in caplog.text
