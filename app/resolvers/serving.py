"""What every server of the graph is given: the context of an operation, and what charges it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from app.context import Context, Runtime
from app.server.costs.charging import CostLimits, Costs
from app.server.identity import Identity, OperationFacts

if TYPE_CHECKING:
    from uuid import UUID

    from graphql import GraphQLSchema

    from app.records import Principal

EXPORT: Final = "export"
"""The transport of pages that exports read."""


def make_costs(runtime: Runtime, schema: GraphQLSchema) -> Costs:
    """What charges operations: each user, each key and each address of strangers has a bucket.

    The exports of a caller have another of the same size: while one runs, its caller can ask on.
    """
    settings, rate_limits = runtime.settings, runtime.rate_limits

    def bucket_of(facts: OperationFacts) -> str:
        caller = facts.identity.subject if facts.identity else rate_limits.of_address(facts.client_address)
        return f"cost-of-exports:{caller}" if facts.transport == EXPORT else f"cost:{caller}"

    limits = CostLimits(settings.cost_maximum, settings.cost_restored, settings.cost_operation)
    return Costs(schema, limits, rate_limits, bucket_of)


def make_context(runtime: Runtime, facts: OperationFacts) -> Context:
    """The context of one operation."""
    identity: Identity | None = facts.identity
    return Context(
        runtime=runtime,
        request_id=facts.request_id,
        principal=cast("Principal | None", identity),
        client_address=facts.client_address,
        user_agent=facts.user_agent,
        transport=facts.transport,
        charge=facts.charge,
    )


def caller_of(facts: OperationFacts) -> str | UUID | None:
    """Who waits in one line under load: all who act for one organization alone, else each user and each address."""
    if facts.identity is None:
        return facts.client_address
    principal = cast("Principal", facts.identity)
    return next(iter(principal.grants)) if len(principal.grants) == 1 else principal.subject
