"""One runtime behind two servers: one that compiles queries, and one that leaves them all to graphql-core."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import orjson
import strawberry

from app.context import Runtime
from app.main import make_context
from app.resolvers.roots import make_schema
from app.server.identity import Identity, OperationFacts
from app.server.limits import Limits
from app.server.masking import Refusal, errors_to_json
from app.server.operations import GraphQLServer
from app.server.parameters import OperationRequest

NO_ANSWER = b"cancelled"
REQUEST_ID = "0" * 32
"""Of every operation, so that no answer differs by it."""
FURTHER_LOOKS = 3
"""How often graphql-core is asked again before an answer of plans counts as another one."""


@dataclass(frozen=True)
class Operation:
    """What a caller of one scope asks."""

    document: str
    variables: Mapping[str, Any]
    scope: str
    name: str | None = None

    def request(self) -> OperationRequest:
        """As a transport gives it to a server."""
        return OperationRequest(self.document, self.name, dict(self.variables), None)


class Verdict(StrEnum):
    """What two answers to one operation are."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNSTEADY = "unsteady"  # graphql-core itself answers one way and then another
    BROKEN = "broken"  # graphql-core gives no answer


@dataclass(frozen=True)
class Compared:
    """Both answers, and what became of them."""

    verdict: Verdict
    core: bytes
    compiled: bytes

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
        self.callers = callers
        self.schema = schema._schema  # Strawberry names no public way to its graphql-core schema
        self.core = _server(runtime, schema, compiled=False)
        self.compiled = _server(runtime, schema, compiled=True)
        # What is examined for one need not be for the other: that takes longer than most executions.
        self.compiled.documents = self.core.documents

    async def compare(self, operation: Operation) -> Compared:
        """Ask both; graphql-core again where they differ, to tell a wrong plan from what changes by itself."""
        core = await self.ask(self.core, operation)
        if core == NO_ANSWER:
            return Compared(Verdict.BROKEN, core, core)
        compiled = await self.ask(self.compiled, operation)
        if same(core, compiled):
            return Compared(Verdict.EQUAL, core, compiled)
        for _ in range(FURTHER_LOOKS):
            if not same(core, await self.ask(self.core, operation)):
                return Compared(Verdict.UNSTEADY, core, compiled)
        return Compared(Verdict.DIFFERENT, core, compiled)

    def counters(self) -> Counter[str]:
        """What the compiling server counted of its plans: hits, plans compiled, and bails by reason."""
        plans = getattr(self.compiled, "plans", None)
        if plans is None:
            return Counter()
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


def same(one: bytes, other: bytes) -> bool:
    """Whether two answers are equal as JSON, in the same order of keys; that of errors is not promised."""
    return one == other or _ordered(one) == _ordered(other)


def _ordered(answer: bytes) -> bytes:
    found = orjson.loads(answer)
    if "errors" in found:
        found["errors"].sort(key=orjson.dumps)
    return orjson.dumps(found)


def _server(runtime: Runtime, schema: strawberry.Schema, *, compiled: bool) -> GraphQLServer:
    more: dict[str, Any] = {"compiled": compiled} if "compiled" in GraphQLServer.__init__.__annotations__ else {}
    return GraphQLServer(
        schema,
        identify=runtime.authenticator.identify,
        make_context=lambda facts: make_context(runtime, facts),
        limits=Limits.from_settings(runtime.settings),
        **cast("Any", more),
    )
