"""The errors that may be shown to a caller: each carries a code and a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """Machine-readable reason, as `extensions.code` of a top-level error or `code` of a UserError."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    RATE_LIMITED = "RATE_LIMITED"
    TIMEOUT = "TIMEOUT"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    DOCUMENT_LIMIT_EXCEEDED = "DOCUMENT_LIMIT_EXCEEDED"
    BAD_REQUEST = "BAD_REQUEST"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


class SkyledgerError(Exception):
    """Base of every error whose message is meant for the caller; anything else is masked."""

    code: ErrorCode = ErrorCode.INTERNAL_SERVER_ERROR

    def __init__(self, message: str, **extensions: Any) -> None:
        super().__init__(message)
        self.message = message
        self.extensions = extensions


class AuthenticationError(SkyledgerError):
    """Nobody is signed in, or the credential is wrong, expired or revoked."""

    code = ErrorCode.UNAUTHENTICATED


class ForbiddenError(SkyledgerError):
    """The caller is known and belongs here, but lacks the permission."""

    code = ErrorCode.FORBIDDEN


class NotFoundError(SkyledgerError):
    """The object is absent or belongs to somebody else: the answer is the same."""

    code = ErrorCode.NOT_FOUND


class ConflictError(SkyledgerError):
    """The act contradicts what is already there."""

    code = ErrorCode.CONFLICT


class BadUserInputError(SkyledgerError):
    """A value cannot be used; `path` names where it stands in the input."""

    code = ErrorCode.BAD_USER_INPUT

    def __init__(self, message: str, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


class QuotaExceededError(SkyledgerError):
    """The organization's plan does not allow it: `limit` of `metric`, of which `used` are used until `resets_at`."""

    code = ErrorCode.QUOTA_EXCEEDED

    def __init__(
        self,
        message: str,
        *,
        metric: str,
        limit: int,
        used: int,
        resets_at: datetime | None = None,
        path: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, metric=metric, limit=limit, used=used)
        self.metric = metric
        self.limit = limit
        self.used = used
        self.resets_at = resets_at
        self.path = path


@contextmanager
def argument(*at: str) -> Iterator[None]:
    """Let the errors of what is checked inside name the place `at` instead of the plain `input`."""
    try:
        yield
    except BadUserInputError as error:
        rest = error.path[1:] if error.path[:1] == ("input",) else error.path
        raise BadUserInputError(error.message, path=(*at, *rest)) from None


class CursorExpiredError(SkyledgerError):
    """The events after this cursor are no longer kept, so a replay would have a hole."""

    code = ErrorCode.CURSOR_EXPIRED


class RateLimitedError(SkyledgerError):
    """Too many tries; `retry_after` is in whole seconds."""

    code = ErrorCode.RATE_LIMITED

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, retryAfter=retry_after)
        self.retry_after = retry_after


class UnavailableError(SkyledgerError):
    """PostgreSQL cannot be reached at the moment; nothing is known of what was being done."""

    code = ErrorCode.SERVICE_UNAVAILABLE


class ConfigurationError(Exception):
    """Settings that cannot work; the message says which and how to mend them."""
