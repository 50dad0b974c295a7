"""Plans within the server: who is told of them, and what is counted."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest
import strawberry

from app.errors import AuthenticationError, ErrorCode, UnavailableError
from app.server import GraphQLServer, OperationFacts, OperationRequest
from app.server.documents import Documents
from app.server.limits import Limits
from app.server.masking import Refusal
from tests.server.toy_graph import Caller, make_toy


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


def _counted(server: GraphQLServer) -> dict[str, float]:
    """Queries by how their plans ended."""
    return {
        sample.labels["outcome"]: sample.value
        for metric in server.metrics.plans.collect()
        for sample in metric.samples
        if sample.name == "skyledger_graphql_plans_total"
    }


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
    assert _counted(server) == {"by plan": 3, "error: ValueError": 1}


async def test_strangers_who_are_refused_leave_the_plan_to_those_who_are_not() -> None:
    @strawberry.type
    class Guarded:
        @strawberry.field
        def secret(self, info: strawberry.Info[OperationFacts, None]) -> int | None:
            if info.context.identity is None:
                message = "Sign in."
                raise AuthenticationError(message)
            return 1

        @strawberry.field
        def open(self) -> int:
            return 2

    async def nobody(_: object) -> None:
        return None

    server = GraphQLServer(strawberry.Schema(query=Guarded), identify=nobody, make_context=lambda facts: facts)
    request = OperationRequest("{ secret open }")
    for _ in range(3):
        outcome = await server.run(request, _facts())
        assert [fault.code for fault in outcome.faults] == [ErrorCode.UNAUTHENTICATED]
    signed_in = replace(_facts(), identity=Caller("somebody"))
    for _ in range(13):
        assert (await server.run(request, signed_in)).payload == b'{"data":{"secret":1,"open":2}}'
    assert _counted(server) == {"error: AuthenticationError": 3, "by plan": 13}


async def test_an_error_that_is_all_of_an_answer_is_told_by_the_plan() -> None:
    tried = []

    @strawberry.type
    class Busy:
        @strawberry.field
        async def rows(self) -> int:
            tried.append(True)
            message = "All connections are busy."
            raise UnavailableError(message, retryAfter=2)

    async def nobody(_: object) -> None:
        return None

    def server(*, compiled: bool) -> GraphQLServer:
        schema = strawberry.Schema(query=Busy)
        return GraphQLServer(schema, identify=nobody, make_context=lambda _: None, compiled=compiled)

    by_plan, by_core = server(compiled=True), server(compiled=False)
    outcomes = [await each.run(OperationRequest("{ rows }"), _facts()) for each in (by_plan, by_core)]
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].retry_after == 2
    assert len(tried) == 2
    assert _counted(by_plan) == {"by plan": 1}


async def test_a_deadline_ends_an_operation_whose_field_fails_in_the_same_moment() -> None:
    """In Python 3.11 a TaskGroup with errors loses the cancellation; graphql-core would run without its deadline."""
    tried = []

    @strawberry.type
    class Late:
        @strawberry.field
        async def waits(self) -> int:
            tried.append(True)
            await asyncio.sleep(3600)
            return 1

        @strawberry.field
        async def breaks(self) -> int | None:
            (deadline,) = server._deadlines._running
            server._deadlines.end(deadline)
            deadline.expire()
            raise ValueError

    async def nobody(_: object) -> None:
        return None

    server = GraphQLServer(strawberry.Schema(query=Late), identify=nobody, make_context=lambda _: None)
    outcome = await asyncio.wait_for(server.run(OperationRequest("{ waits breaks }"), _facts()), 60)
    assert [fault.code for fault in outcome.faults] == [ErrorCode.TIMEOUT]
    assert len(tried) == 1


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
