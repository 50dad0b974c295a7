"""What goes wrong with a provider, in words that say what to do."""

from __future__ import annotations

from enum import StrEnum


class ProblemCode(StrEnum):
    """Kinds of problems; each decides whether to try again and what becomes of the account's health."""

    DENIED = "DENIED"
    """The credentials are good, a permission is missing."""
    CREDENTIALS = "CREDENTIALS"
    """The credentials are wrong, expired or revoked: nothing at all can be read."""
    THROTTLED = "THROTTLED"
    """The provider asked for patience for longer than we were willing to wait."""
    UNREACHABLE = "UNREACHABLE"
    """No connection, a reset one, or no answer in time."""
    BAD_ANSWER = "BAD_ANSWER"
    """An answer that is cut off, repeats itself, or cannot be understood."""
    NOT_ENABLED = "NOT_ENABLED"
    """The service, API or region is not switched on for this account: there is nothing to read."""
    FAILED = "FAILED"
    """The provider reported an error of its own."""


TRANSIENT = frozenset({ProblemCode.THROTTLED, ProblemCode.UNREACHABLE, ProblemCode.BAD_ANSWER, ProblemCode.FAILED})
"""Most often worth another try from the start of the collector; the SDK's own retries are over by then."""


class ProviderError(Exception):
    """A call to a provider did not work. Texts are ours and fit for a customer; they never hold a secret.

    `message` says what happened, `remedy` what to do about it, `permission` names the one that is missing.
    `retry` says whether another try may help where that is known better than by the code: a fault of our own stays.
    `listed` is for collectors, raised after their last page: all resources of their types have been told, but some of
    the properties could not be read. The step sweeps as after a clean end, and lists the problem.
    """

    def __init__(
        self,
        code: ProblemCode,
        message: str,
        remedy: str,
        *,
        permission: str | None = None,
        retry_after: float | None = None,
        retry: bool | None = None,
        listed: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy
        self.permission = permission
        self.retry_after = retry_after
        self.retry = (code in TRANSIENT and not listed) if retry is None else retry
        self.listed = listed
