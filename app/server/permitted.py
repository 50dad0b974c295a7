"""Which operations may run over which transport, and who may read the schema."""

from __future__ import annotations

from typing import Literal

from graphql import OperationType

from app.errors import ErrorCode
from app.server.documents import Operation
from app.server.identity import Identity
from app.server.masking import Fault, Refusal

SINGLE_RESULT = frozenset({OperationType.QUERY, OperationType.MUTATION})
READ_ONLY = frozenset({OperationType.QUERY})
ANY_OPERATION = frozenset(OperationType)

IntrospectionPolicy = Literal["authenticated", "public", "off"]


def require_permitted(
    operation: Operation,
    allowed: frozenset[OperationType],
    introspection: IntrospectionPolicy,
    identity: Identity | None,
) -> None:
    """Refusal when the transport does not allow this type, or the caller may not read the schema."""
    if operation.type not in allowed:
        raise _wrong_transport(operation.type)
    if operation.introspects and not _may_introspect(introspection, identity):
        message = (
            "Introspection is switched off."
            if introspection == "off"
            else "Introspection is for signed-in callers: send an access token or an API key."
        )
        raise Refusal(
            [Fault(ErrorCode.FORBIDDEN if introspection == "off" else ErrorCode.UNAUTHENTICATED, message)],
            is_document=True,
        )


def _may_introspect(introspection: IntrospectionPolicy, identity: Identity | None) -> bool:
    return introspection == "public" or (introspection == "authenticated" and identity is not None)


def _wrong_transport(type_: OperationType) -> Refusal:
    if type_ is OperationType.MUTATION:
        return Refusal.of(
            ErrorCode.METHOD_NOT_ALLOWED, "Mutations need POST.", status=405, headers=(("allow", "POST"),)
        )
    return Refusal.of(
        ErrorCode.BAD_REQUEST,
        "Subscriptions need a WebSocket (graphql-transport-ws) or `Accept: text/event-stream`.",
    )
