"""Plans within the server: who is told of them, and what is counted."""

from __future__ import annotations

import asyncio

import httpx
import pytest
import strawberry

from app.server import GraphQLServer, OperationFacts, OperationRequest
from app.server.documents import Documents
from app.server.limits import Limits
from app.server.masking import Refusal
from tests.server.toy_graph import make_toy


def _facts() -> OperationFacts:
    return OperationFacts("r" * 8, None, client_address=None, user_agent=None, transport="http")


@strawberry.type
class Query:
    @strawberry.field
    def number(self) -> int:
        return 1

    @strawberry.field
    def broken(self) -> int | None:
        raise ValueError


def _server(*, compiled: bool, told: bool) -> GraphQLServer:
    async def nobody(_: object) -> None:
        return None

    return GraphQLServer(
        strawberry.Schema(query=Query),
        identify=nobody,
        make_context=lambda _: None,
        compiled=compiled,
        may_explain=lambda _: told,
    )


@pytest.mark.parametrize("compiled", [True, False])
async def test_how_a_query_is_run_is_told_to_who_may_hear_it(compiled: bool) -> None:
    request = OperationRequest("{ number }", extensions={"plan": True})
    told = await _server(compiled=compiled, told=True).run(request, _facts())
    assert told.payload.startswith(
        b'{"data":{"number":1},"extensions":{"plan":{"compiled":' + str(compiled).lower().encode()
    )
    silent = await _server(compiled=compiled, told=False).run(request, _facts())
    unasked = await _server(compiled=compiled, told=True).run(OperationRequest("{ number }"), _facts())
    assert silent.payload == unasked.payload == b'{"data":{"number":1}}'


async def test_plans_are_counted_by_how_they_end() -> None:
    server = _server(compiled=True, told=False)
    for text in ("{ number }", "{ number }", "{ broken }", "{ __typename }"):
        await server.run(OperationRequest(text), _facts())
    with pytest.raises(Refusal):
        await server.run(OperationRequest("{ absent }"), _facts())
    counted = {
        sample.labels["outcome"]: sample.value
        for metric in server.metrics.plans.collect()
        for sample in metric.samples
        if sample.name == "skyledger_graphql_plans_total"
    }
    assert counted == {"by plan": 3, "error": 1}


async def test_nearly_all_that_the_toy_is_asked_runs_by_plans() -> None:
    toy = make_toy()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(toy.app), base_url="http://toy") as client:
        answer = await client.post("/graphql", json={"query": "{ contextNumber dog { name } }"})
    assert answer.json()["data"]["contextNumber"] == 1
    assert toy.server.plans is not None
    assert (toy.server.plans.hits, dict(toy.server.plans.bails)) == (1, {})


async def test_a_cancellation_that_nobody_asked_for_is_a_failure() -> None:
    @strawberry.type
    class Dying:
        @strawberry.field
        async def dies(self) -> int:
            raise asyncio.CancelledError

    async def nobody(_: object) -> None:
        return None

    server = GraphQLServer(strawberry.Schema(query=Dying), identify=nobody, make_context=lambda _: None)
    with pytest.raises(Refusal, match="Internal error"):
        await server.run(OperationRequest("{ dies }"), _facts())


async def test_plans_go_with_their_document() -> None:
    server = _server(compiled=True, told=False)
    server.documents = Documents(server._schema, Limits(), entries=2, on_drop=server.documents._on_drop)
    for number in range(5):
        await server.run(OperationRequest(f"{{ a{number}: number }}"), _facts())
    assert server.plans is not None
    assert len(server.plans._kept) == 2
    for number in (3, 4):
        await server.run(OperationRequest(f"{{ a{number}: number }}"), _facts())
    assert (server.plans.compiled, server.plans.hits) == (5, 7)
