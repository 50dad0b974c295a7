"""Which queries and mutations run now and which wait: bounded for the process, in turns among callers."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from app.errors import ErrorCode
from app.server.identity import OperationFacts
from app.server.limits import Limits
from app.server.masking import Fault, Refusal
from app.turns import LineFullError, Turns

RETRY_AFTER_SECONDS = 5

CallerOf = Callable[[OperationFacts], Hashable]


class Admission:
    """Lets operations in. `caller_of` names whose turn an operation takes: the same for all who should share one."""

    def __init__(self, limits: Limits, caller_of: CallerOf) -> None:
        self._turns = Turns(limits.operations_at_once, waiting=limits.operations_waiting)
        self._seconds = limits.waiting_seconds
        self._caller_of = caller_of

    @property
    def waiting(self) -> int:
        """How many wait at the moment."""
        return self._turns.waiting

    async def enter(self, facts: OperationFacts) -> Hashable:
        """Wait until an operation may run; what `leave` wants to know. Refusal where it may not in time."""
        caller = self._caller_of(facts)
        if not self._turns.enter(caller):
            try:
                await self._turns.wait(caller, self._seconds)
            except LineFullError as full:
                raise _refused(own=full.own) from None
            except TimeoutError:
                raise _refused(own=False) from None
        return caller

    def leave(self, caller: Hashable) -> None:
        """The operation has ended."""
        self._turns.leave(caller)


def caller_by_identity(facts: OperationFacts) -> Hashable:
    """Each identity is a caller, and each address of strangers."""
    return facts.identity.subject if facts.identity is not None else facts.client_address


def _refused(*, own: bool) -> Refusal:
    wait = f"Try again in {RETRY_AFTER_SECONDS} seconds."
    code, status = ErrorCode.SERVICE_UNAVAILABLE, 503
    message = f"The server has more to do than it can. Nothing was executed. {wait}"
    if own:
        code, status = ErrorCode.RATE_LIMITED, 429
        message = f"Too many of your operations wait already. Nothing was executed. Send fewer at a time. {wait}"
    fault = Fault(code, message, extensions={"retryAfter": RETRY_AFTER_SECONDS})
    return Refusal([fault], status=status, headers=(("retry-after", str(RETRY_AFTER_SECONDS)),))
