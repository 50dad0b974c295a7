"""What a caller may learn of an error: a code, a sentence, a place and the request id; everything else is logged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from graphql import GraphQLError

from app import error_reports
from app.errors import BadUserInputError, ErrorCode, SkyledgerError

MOST_ERRORS = 5
# Messages quote the caller's document; a name or a literal may be as long as the document.
LONGEST_MESSAGE = 1_000

# A misspelled field has the object quoted that it stands in, a text of the wrong type is quoted itself.
_QUOTED = re.compile(
    r"(?:[,;] found|(String cannot represent a non string value|ID cannot represent value)): .*", re.DOTALL
)

_log = structlog.stdlib.get_logger("skyledger.server")


class OperationTimeoutError(SkyledgerError):
    """The operation, or one event of a subscription, ran longer than the limit and was stopped."""

    code = ErrorCode.TIMEOUT


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of `errors`, ready for JSON but for the request id."""

    code: ErrorCode
    message: str
    locations: tuple[tuple[int, int], ...] = ()
    path: tuple[str | int, ...] = ()
    extensions: dict[str, Any] = field(default_factory=dict)

    def to_json(self, request_id: str) -> dict[str, Any]:
        """The error as the GraphQL specification formats it."""
        message = self.message if len(self.message) <= LONGEST_MESSAGE else self.message[:LONGEST_MESSAGE] + "…"
        error: dict[str, Any] = {"message": message}
        if self.locations:
            error["locations"] = [{"line": line, "column": column} for line, column in self.locations]
        if self.path:
            error["path"] = list(self.path)
        error["extensions"] = {"code": self.code.value, **self.extensions, "requestId": request_id}
        return error


class Refusal(Exception):  # noqa: N818 - it is an answer, not a failure
    """A request error: nothing was executed, so the answer has no `data`.

    `status` is the HTTP status; `is_document` marks an error in a well-formed request (parse, validation, coercion),
    which the older media type `application/json` answers with 200.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        status: int = 400,
        is_document: bool = False,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(faults[0].message)
        self.faults = tuple(faults)
        self.status = status
        self.is_document = is_document
        self.headers = tuple(headers)

    @classmethod
    def of(
        cls, code: ErrorCode, message: str, *, status: int = 400, headers: Sequence[tuple[str, str]] = ()
    ) -> Refusal:
        """A refusal of a malformed or unacceptable request, with one error."""
        return cls([Fault(code, message)], status=status, headers=headers)

    @classmethod
    def of_document(cls, errors: Iterable[GraphQLError], code: ErrorCode) -> Refusal:
        """A refusal of a document or its variables; an error may carry a more precise code of its own."""
        faults = [_located(error, _own_code(error) or code, _unquoted(error.message)) for error in errors]
        return cls(faults, is_document=True)

    @classmethod
    def of_error(cls, error: SkyledgerError) -> Refusal:
        """A refusal for a reason that may be shown, such as a wrong credential or too many requests."""
        return cls([_shown(error)], status=_STATUS_BY_CODE.get(error.code, 400), headers=_headers_for(error))

    @classmethod
    def of_failure(cls) -> Refusal:
        """The refusal that hides an unforeseen failure; the caller of this has logged it."""
        return cls.of(ErrorCode.INTERNAL_SERVER_ERROR, "Internal error", status=500)


_STATUS_BY_CODE = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.SERVICE_UNAVAILABLE: 503,
    ErrorCode.INTERNAL_SERVER_ERROR: 500,
}


def errors_to_json(faults: Sequence[Fault], request_id: str) -> list[dict[str, Any]]:
    """At most five errors, as JSON."""
    return [fault.to_json(request_id) for fault in faults[:MOST_ERRORS]]


def mask(errors: Iterable[GraphQLError], request_id: str) -> list[Fault]:
    """What execution's errors look like from outside, in the order of the document and of the answer.

    Fields that are awaited fail in an order that is chance, and only five are shown: which ones must not be. The first
    five unforeseen ones are logged with traceback.
    """
    faults, logged = [], 0
    for error in sorted(errors, key=_place):
        fault = _fault_of(error)
        if fault is None:
            fault = _located(error, ErrorCode.INTERNAL_SERVER_ERROR, "Internal error")
            if logged < MOST_ERRORS:
                logged += 1
                log_failure(error.original_error or error, request_id, path=error.path)
        faults.append(fault)
    return faults


def _place(error: GraphQLError) -> tuple[list[tuple[int, int]], list[tuple[bool, int, str]]]:
    """Where an error stands in the document, and then in the answer: by index, and by response key."""
    locations = [(location.line, location.column) for location in error.locations or ()]
    path = [(False, key, "") if isinstance(key, int) else (True, 0, key) for key in error.path or ()]
    return locations, path


def log_failure(error: BaseException, request_id: str, **facts: Any) -> None:
    """Log an unforeseen error with its traceback under the request id that the caller was given."""
    _log.error("unforeseen_error", request_id=request_id, exc_info=error, **facts)
    error_reports.report(error, request_id=request_id)


def retry_after(faults: Iterable[Fault]) -> int | None:
    """Seconds that a throttled caller should wait, when one of the errors says so."""
    waits = [fault.extensions["retryAfter"] for fault in faults if "retryAfter" in fault.extensions]
    return max(waits) if waits else None


def _fault_of(error: GraphQLError) -> Fault | None:
    """The fault to show, or None when the error was not foreseen."""
    innermost = error
    while isinstance(innermost.original_error, GraphQLError):
        innermost = innermost.original_error
    cause = innermost.original_error
    if isinstance(cause, SkyledgerError):
        shown = _shown(cause)
        return Fault(shown.code, shown.message, _places(error), tuple(error.path or ()), shown.extensions)
    # graphql-core names the nodes of a wrong argument when it raises; an error without nodes of its own comes from
    # a value that our side could not serialise.
    if cause is None and (innermost is error or innermost.nodes) and error.nodes:
        return _located(error, _own_code(innermost) or ErrorCode.BAD_USER_INPUT, error.message)
    return None


def _shown(error: SkyledgerError) -> Fault:
    extensions = dict(error.extensions)
    if isinstance(error, BadUserInputError) and error.path:
        extensions["inputPath"] = list(error.path)
    return Fault(error.code, error.message, extensions=extensions)


def _headers_for(error: SkyledgerError) -> tuple[tuple[str, str], ...]:
    if error.code is ErrorCode.UNAUTHENTICATED:
        return (("www-authenticate", "Bearer"),)
    wait = error.extensions.get("retryAfter")
    return (("retry-after", str(wait)),) if wait is not None else ()


def _unquoted(message: str) -> str:
    """The message without the texts and objects that graphql-core quotes from an input: they may be secrets."""
    return _QUOTED.sub(lambda match: f"{match.group(1) or ''}.", message)


def _located(error: GraphQLError, code: ErrorCode, message: str) -> Fault:
    return Fault(code, message, _places(error), tuple(error.path or ()))


def _places(error: GraphQLError) -> tuple[tuple[int, int], ...]:
    return tuple((place.line, place.column) for place in (error.locations or ())[:MOST_ERRORS])


def _own_code(error: GraphQLError) -> ErrorCode | None:
    code = (error.extensions or {}).get("code")
    return code if isinstance(code, ErrorCode) else None
