"""The documents of webhooks: what they may be, and how they are executed for an event.

A subscription to `activity` is executed as for its followers, without the source: the event is the one that is sent. A
query is given the ids of the event and of what it concerns as variables, and may ask for anything that the subscriber
may read. Either is executed for nobody in particular, with the rights that the subscriber has at that moment.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import cast

import orjson
from graphql import OperationType

from app.activity.cursors import encode_place
from app.context import Context, Runtime
from app.errors import BadUserInputError
from app.models import now
from app.records import Actor, ActorKind, Principal
from app.records.webhooks import Asked, Put, Told
from app.resolvers.roots import make_schema
from app.resolvers.webhook_checks import declared
from app.schema.activity import ActivityEvent, ActivityMessage
from app.schema.node import global_id
from app.server.costs.charging import CostLimits, Costs
from app.server.identity import OperationFacts
from app.server.limits import Limits
from app.server.masking import Refusal, retry_after
from app.server.operations import GraphQLServer
from app.server.parameters import OperationRequest
from app.server.permitted import READ_ONLY


class DocumentRunner:
    """Executes documents for events, in a worker."""

    def __init__(self, runtime: Runtime) -> None:
        self._server = make_server(runtime)

    async def __call__(self, asked: Asked) -> Told:
        """See app.records.webhooks.Execute."""
        server, event = self._server, ActivityEvent.from_row(asked.event)
        organization_id = asked.grant.organization_id
        reader = Principal(actor=Actor(ActorKind.SYSTEM), grants={organization_id: asked.grant})
        facts = OperationFacts(uuid.uuid4().hex, reader, None, None, "webhook")
        try:
            operation = server.documents.load(asked.document).operation(None)
            given = {
                "organizationId": global_id("Organization", organization_id),
                "eventId": event.id,
                "subjectId": event.subject_id,
                "after": None,
            }
            variables = {name: given[name] for name in declared(operation)}
            request = OperationRequest(asked.document, variables=variables)
            if operation.type is OperationType.SUBSCRIPTION:
                cursor = encode_place(organization_id, event.sequence)
                payload = await server.run_event(request, facts, ActivityMessage(cursor=cursor, event=event))
            else:
                payload = (await server.run(request, facts, allowed=READ_ONLY)).payload
        except Refusal as refusal:
            wait = retry_after(refusal.faults)
            if wait is not None:
                raise Put(now() + timedelta(seconds=wait)) from None
            message = f"The document cannot be executed: {refusal.faults[0].message}"
            raise BadUserInputError(message) from None
        answer = orjson.loads(payload)
        return Told(answer.get("data"), answer.get("errors", []))


def make_server(runtime: Runtime) -> GraphQLServer:
    """A server without transports, on which the documents of an organization are paid from a bucket of their own."""
    settings = runtime.settings

    def bucket_of(facts: OperationFacts) -> str:
        (organization_id,) = cast("Principal", facts.identity).grants
        return f"cost:webhooks:{organization_id}"

    limits = CostLimits(settings.cost_maximum, settings.cost_restored, settings.cost_operation)

    async def identify(_credentials: object) -> None:
        return None

    return GraphQLServer(
        make_schema(),
        identify=identify,
        make_context=lambda facts: make_context(runtime, facts),
        limits=Limits.from_settings(settings),
        introspection="off",
        compiled=settings.compiled_plans,
        make_costs=(lambda schema: Costs(schema, limits, runtime.rate_limits, bucket_of))
        if settings.cost_maximum
        else None,
    )


def make_context(runtime: Runtime, facts: OperationFacts) -> Context:
    """The context of one execution."""
    return Context(
        runtime=runtime,
        request_id=facts.request_id,
        principal=cast("Principal | None", facts.identity),
        transport=facts.transport,
        charge=facts.charge,
    )
