"""Expected failures as data: the members that mutation results share."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app import errors
from app.errors import ErrorCode
from app.records.plans import QuotaMetric
from app.schema.enums import graph_enum

graph_enum(
    ErrorCode,
    "Machine-readable reason of a failure, in mutation results and in `extensions.code`.",
    UNAUTHENTICATED="Nobody is signed in, or the credential is wrong, expired or revoked.",
    FORBIDDEN="The caller lacks the permission.",
    NOT_FOUND="The object is absent or out of reach.",
    CONFLICT="The act contradicts what is already there.",
    BAD_USER_INPUT="A value cannot be used.",
    QUOTA_EXCEEDED="The organization's plan or subscription does not allow it.",
    CURSOR_EXPIRED="The events after this cursor are no longer kept.",
    RATE_LIMITED="Too many tries; `retryAfter` tells the seconds to wait.",
    TIMEOUT="The operation took longer than it may.",
    GRAPHQL_PARSE_FAILED="The document is not GraphQL.",
    GRAPHQL_VALIDATION_FAILED="The document does not fit the schema.",
    PERSISTED_QUERY_NOT_FOUND="No trusted document has the id that was sent in the place of a document.",
    DOCUMENT_LIMIT_EXCEEDED="The document is larger, deeper or wider than allowed.",
    BAD_REQUEST="The request is malformed.",
    METHOD_NOT_ALLOWED="The HTTP method cannot carry this operation.",
    NOT_ACCEPTABLE="None of the accepted media types can be served.",
    PAYLOAD_TOO_LARGE="The request body is too large.",
    UNSUPPORTED_MEDIA_TYPE="The media type of the request body is not understood.",
    SERVICE_UNAVAILABLE="The service is starting, stopping or overloaded.",
    INTERNAL_SERVER_ERROR="Something unforeseen; quote the `requestId`.",
)


graph_enum(
    QuotaMetric,
    "What plans limit.",
    ACCOUNTS="Accounts that are connected.",
    MEMBERS="Members, and invitations that are open.",
    API_KEYS="API keys that are neither revoked nor expired.",
    CONCURRENT_SCANS="Scans that are queued or running.",
    SCANS="Scans that were started: one for each account.",
    IMPORTS="Imports of costs: uploads, deliveries of cost sources, and batches of `ingestCosts` that add something.",
)


@strawberry.interface(description="A failure that a caller can expect; the message says what to do next.")
class UserError:
    """What all failures tell."""

    code: ErrorCode = strawberry.field(description="Machine-readable reason.")
    message: str = strawberry.field(description="One sentence for a person: what is wrong and what to do.")
    path: list[str] | None = strawberry.field(default=None, description="Where in the arguments it stands.")


@strawberry.type(description="A value in the input cannot be used; nothing was changed.")
class InvalidInput(UserError):  # noqa: N818  (a member of results, not an exception)
    """See BadUserInputError."""


@strawberry.type(description="The object is absent, or out of the caller's reach; nothing was changed.")
class NotFound(UserError):  # noqa: N818  (a member of results, not an exception)
    """See NotFoundError."""


@strawberry.type(description="The act contradicts what is already there; nothing was changed.")
class Conflict(UserError):  # noqa: N818  (a member of results, not an exception)
    """See ConflictError."""


@strawberry.type(
    description="The organization's plan does not allow as much, or its subscription nothing at present; nothing was "
    "changed."
)
class QuotaExceeded(UserError):  # noqa: N818  (a member of results, not an exception)
    """See QuotaExceededError."""

    metric: QuotaMetric = strawberry.field(description="What is limited.")
    limit: int = strawberry.field(description="How much is allowed; 0 where the subscription allows none at present.")
    used: int = strawberry.field(description="How much was used before.")
    resets_at: datetime | None = strawberry.field(description="When it starts anew; null where time changes nothing.")


AS_DATA: dict[type[errors.SkyledgerError], type[UserError]] = {
    errors.BadUserInputError: InvalidInput,
    errors.NotFoundError: NotFound,
    errors.ConflictError: Conflict,
    errors.QuotaExceededError: QuotaExceeded,
}


def as_data(error: errors.SkyledgerError) -> UserError | None:
    """The error as a member of a mutation result; None when it belongs in the top-level errors."""
    member = AS_DATA.get(type(error))
    if member is None:
        return None
    path = list(getattr(error, "path", ())) or None
    if isinstance(error, errors.QuotaExceededError):
        return QuotaExceeded(
            code=error.code,
            message=error.message,
            path=path,
            metric=QuotaMetric(error.metric),
            limit=error.limit,
            used=error.used,
            resets_at=error.resets_at,
        )
    return member(code=ErrorCode(error.code), message=error.message, path=path)
