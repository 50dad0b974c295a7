"""One runtime behind two servers: one that compiles queries, and one that leaves them all to graphql-core."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Any
from uuid import uuid4

import orjson
import strawberry

from app.context import Runtime
from app.resolvers.roots import make_schema
from app.resolvers.serving import make_context
from app.server.costs.charging import CostLimits, Costs
from app.server.identity import Identity, OperationFacts
from app.server.limits import Limits
from app.server.masking import Refusal, errors_to_json
from app.server.operations import GraphQLServer
from app.server.parameters import OperationRequest

NO_ANSWER = b'"cancelled"'
"""Where an operation ends as if its caller had gone, though nobody has."""
REQUEST_ID = "0" * 32
"""Of every operation, so that no answer differs by it."""
PATIENCE = 120.0
"""Seconds for an operation: a slow machine is no difference, and what takes as long as this hangs."""
COST_LIMITS = CostLimits(2_000_000_000, 1, 2_000_000_000)
"""What may be told of a bucket: an Int. Each operation has one of its own, so that what is left is no difference."""
FURTHER_LOOKS = 3
"""How often graphql-core is asked again before an answer of plans counts as another one."""


@dataclass(frozen=True)
class Operation:
    """What a caller of one scope asks."""

    document: str
    variables: Mapping[str, Any]
    scope: str
    name: str | None = None

    def varied(self, draw: Random) -> Operation:
        """The same document with other values, for a plan that is there already; by another caller now and then."""
        values = {name: _varied(value, draw) for name, value in self.variables.items()}
        if values and draw.random() < 0.3:
            del values[draw.choice(list(values))]
        return replace(self, variables=values, scope=draw.choice(("owner", "owner", "viewer", self.scope)))

    def request(self) -> OperationRequest:
        """As a transport gives it to a server."""
        return OperationRequest(self.document, self.name, dict(self.variables), None)


class Verdict(StrEnum):
    """What two answers to one operation are."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNSTEADY = "unsteady"  # graphql-core itself answers one way and then another, or may
    BROKEN = "broken"  # graphql-core gives no answer


@dataclass(frozen=True)
class Compared:
    """Both answers, and what became of them."""

    verdict: Verdict
    core: bytes
    compiled: bytes
    bail: str | None = None
    """Why no plan answered; None where one did."""

    @property
    def refused(self) -> bool:
        """Whether nothing was executed."""
        return b'"data"' not in self.core

    @property
    def failed(self) -> bool:
        """Whether fields have failed."""
        return not self.refused and self.core.startswith(b'{"errors"')


class Twins:
    """Asks both servers; `callers` are the identities by scope, None for an anonymous one."""

    def __init__(self, runtime: Runtime, callers: Mapping[str, Identity | None]) -> None:
        schema = make_schema()
        self.runtime = runtime
        self.callers = callers
        self.schema = schema._schema  # Strawberry names no public way to its graphql-core schema
        self.core = _server(runtime, schema, compiled=False)
        self.compiled = _server(runtime, schema, compiled=True)
        # What is examined for one need not be for the other: that takes longer than most executions.
        self.core.documents = self.compiled.documents

    async def compare(self, operation: Operation) -> Compared:
        """Ask both; graphql-core again where they differ, to tell a wrong plan from what changes by itself."""
        core = await self.ask(self.core, operation)
        compiled, bail = await self._ask_plans(operation)
        verdict = Verdict.EQUAL
        if NO_ANSWER in {core, compiled}:
            verdict = Verdict.BROKEN
        elif not same(core, compiled):
            again = [await self.ask(self.core, operation) for _ in range(FURTHER_LOOKS)]
            steady = all(same(core, one) for one in again) and not alike(core, compiled)
            verdict = Verdict.DIFFERENT if steady else Verdict.UNSTEADY
        return Compared(verdict, core, compiled, bail)

    async def _ask_plans(self, operation: Operation) -> tuple[bytes, str | None]:
        """The answer of the server that compiles, and why no plan gave it."""
        plans = self.compiled.plans
        assert plans is not None
        before = plans.hits, plans.bails.copy()
        answer = await self.ask(self.compiled, operation)
        if plans.hits > before[0]:
            return answer, None
        (why,) = (plans.bails - before[1]) or ("refused",)
        return answer, why

    def counters(self) -> Counter[str]:
        """What the compiling server counted of its plans: hits, plans compiled, and bails by reason."""
        plans = self.compiled.plans
        assert plans is not None
        bails = {f"bail: {reason}": count for reason, count in plans.bails.items()}
        return Counter({"hits": plans.hits, "compiled": plans.compiled, **bails})

    async def ask(self, server: GraphQLServer, operation: Operation) -> bytes:
        """The answer of one server, refusals included."""
        facts = OperationFacts(REQUEST_ID, self.callers[operation.scope], None, None, "http")
        try:
            return (await server.run(operation.request(), facts)).payload
        except Refusal as refusal:
            return orjson.dumps({"errors": errors_to_json(refusal.faults, REQUEST_ID)})
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return NO_ANSWER


def _varied(value: Any, draw: Random) -> Any:
    if draw.random() < 0.1:
        return None
    if isinstance(value, bool):
        return draw.random() < 0.5
    return value + 1 if isinstance(value, int) else value


def same(one: bytes, other: bytes) -> bool:
    """Whether two answers are equal as JSON, in the same order of keys; that of errors is not promised."""
    return one == other or _ordered(one) == _ordered(other)


def alike(one: bytes, other: bytes) -> bool:
    """Whether two answers differ at most in which errors below a null are told, where the null took their parents away.

    The specification asks for one of them; graphql-core tells those that came before the first null reached its
    place, which is chance of time where fields wait for each other's statements.
    """
    return _by_nulls(one) == _by_nulls(other)


def _by_nulls(answer: bytes) -> tuple[bytes, set[bytes]]:
    """All but the errors; and of each error itself where its own field is null, else the place that is."""
    found = orjson.loads(answer)
    errors = found.pop("errors", [])
    nulls: set[bytes] = set()
    for error in errors:
        path = error.get("path", [])
        place, value = 0, found.get("data")
        while value is not None and place < len(path):
            value, place = value[path[place]], place + 1
        nulls.add(orjson.dumps(error if place == len(path) else path[:place]))
    return orjson.dumps(found), nulls


def _ordered(answer: bytes) -> bytes:
    found = orjson.loads(answer)
    if "errors" in found:
        found["errors"].sort(key=orjson.dumps)
    return orjson.dumps(found)


def _server(runtime: Runtime, schema: strawberry.Schema, *, compiled: bool) -> GraphQLServer:
    return GraphQLServer(
        schema,
        identify=runtime.authenticator.identify,
        make_context=lambda facts: make_context(runtime, facts),
        limits=replace(Limits.from_settings(runtime.settings), execution_seconds=PATIENCE),
        compiled=compiled,
        make_costs=lambda graph: Costs(graph, COST_LIMITS, runtime.rate_limits, lambda _: f"oracle:{uuid4()}"),
    )
