"""What the Azure SDK raises, turned into ProviderError in words of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    DeserializationError,
    HttpResponseError,
    SerializationError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline.policies import RetryPolicy
from azure.core.rest import HttpResponse

from app.providers.azure.patience import clock_seconds
from app.providers.problems import ProblemCode, ProviderError

_SIGN_IN_CODE = re.compile(r"AADSTS(\d{4,7})")
_ACTION = re.compile(r"action '([A-Za-z0-9.*/_-]{3,200})'")
_SIGN_IN_STATUS = re.compile(r"HTTP (?:status|Error): (\d{3})")
_NAME = re.compile(r"[A-Za-z0-9_.]{1,80}")
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TIMEOUT, _TOO_MANY, _SERVER = 401, 403, 404, 408, 429, 500
_NOT_ENABLED = frozenset({"MissingSubscriptionRegistration", "NoRegisteredProviderFound", "InvalidResourceNamespace"})
_NO_SUBSCRIPTION = frozenset({"SubscriptionNotFound", "InvalidSubscriptionId"})
_SIGN_IN_OUTAGE = ("temporarily_unavailable", "server_error", "AADSTS50196", "AADSTS90033", "AADSTS90055")
_SIGN_IN = {
    "7000222": (
        "The client secret has expired",
        "Create a new client secret for the application and update the account",
    ),
    "7000215": ("The client secret is wrong", "Enter the secret's value, not its id, or create a new one"),
    "7000229": ("The application has no service principal in the tenant", "Add the application to the tenant"),
    "700016": ("The tenant does not know the client id", "Check the client id and the tenant id"),
    "700027": ("The certificate is not registered, or has expired", "Upload the certificate to the application"),
    "7000112": ("The application is disabled", "Enable the application's service principal"),
    "90002": ("There is no such tenant", "Check the tenant id"),
    "900023": ("The tenant id is none", "Check the tenant id"),
    "53003": ("A conditional access policy blocks the sign-in", "Exempt the service principal from that policy"),
}


@contextmanager
def in_our_words(reading: str) -> Iterator[None]:
    """Raise what the SDK raises as ProviderError; `reading` says what is read, as in "disks and snapshots".

    The SDK's error is not chained: it holds the provider's text and the request.
    """
    try:
        yield
    except (AzureError, SerializationError, DeserializationError, json.JSONDecodeError) as error:
        raise problem(error, reading) from None


def problem(error: Exception, reading: str) -> ProviderError:
    """The ProviderError for what the SDK raised while reading."""
    if isinstance(error, ClientAuthenticationError) and error.status_code != _UNAUTHORIZED:
        return _sign_in(error, reading)
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return unreachable(reading)
    if isinstance(error, HttpResponseError) and error.status_code is not None and error.status_code >= 400:  # noqa: PLR2004
        return _refused(error, error.status_code, reading)
    if isinstance(error, DecodeError | SerializationError | DeserializationError | json.JSONDecodeError):
        return bad_answer(reading, "it is cut off or no JSON")
    if isinstance(error, HttpResponseError):
        return unreachable(reading)
    return ProviderError(
        ProblemCode.FAILED, f"Azure's client failed while reading {reading}", "Scan again; if it persists, tell us"
    )


def tells_absence(response: HttpResponse) -> bool:
    """Whether an answer says that this one resource is not there, and nothing worse."""
    if response.status_code != _NOT_FOUND:
        return False
    return not _codes(HttpResponseError(response=response)) & (_NO_SUBSCRIPTION | _NOT_ENABLED)


def unreachable(reading: str) -> ProviderError:
    """No connection, a reset one, or no answer in time."""
    return ProviderError(
        ProblemCode.UNREACHABLE,
        f"Azure did not answer while reading {reading}: no connection, a reset one, or no answer in time",
        "Check the account's endpoints, the proxy and the firewall; scan again",
    )


def bad_answer(reading: str, why: str) -> ProviderError:
    """An answer that cannot be relied on: what it seems to say is not kept."""
    return ProviderError(
        ProblemCode.BAD_ANSWER,
        f"Azure's answer about {reading} cannot be used: {why}",
        "Scan again; if it persists, check what stands between Skyledger and Azure",
    )


def denied(reading: str, permission: str | None) -> ProviderError:
    """The credentials are good, an action is not allowed."""
    named = f" lacks {permission}" if permission else " lacks a permission"
    grant = permission or "the actions that `skyledger permissions azure` prints"
    return ProviderError(
        ProblemCode.DENIED,
        f"The application{named}, which reading {reading} needs",
        f"Grant {grant} to the application on the subscription",
        permission=permission,
    )


def no_graph() -> ProviderError:
    """Resource Graph is off: everything is read through it, so this must not pass for "nothing is there"."""
    return ProviderError(
        ProblemCode.DENIED,
        "Azure Resource Graph, through which everything is read, is not registered in the subscription",
        "Run `az provider register --namespace Microsoft.ResourceGraph --subscription SUBSCRIPTION`",
    )


def closed_subscription(state: str) -> ProviderError:
    """The subscription is at rest or about to be deleted: what Azure leaves out of it is not gone."""
    return ProviderError(
        ProblemCode.DENIED,
        f"The subscription's state is {state}, in which Azure tells no reliable inventory",
        "Reactivate the subscription in the Azure portal, or disconnect the account with `disconnectAccount`",
    )


def _sign_in(error: ClientAuthenticationError, reading: str) -> ProviderError:
    """The sign-in failed; azure-identity raises the same error when the sign-in service cannot be reached."""
    cause = error.__cause__
    if isinstance(cause, AzureError) and not isinstance(cause, ClientAuthenticationError):
        return problem(cause, "the sign-in")
    # Of an error status the sign-in library keeps nothing but a text.
    discovery = _SIGN_IN_STATUS.search(str(cause.__context__)) if isinstance(cause, ValueError) else None
    told = discovery or _SIGN_IN_STATUS.search(error.message)
    status = int(told.group(1)) if told else error.status_code
    if status == _TOO_MANY:
        return _throttled("the sign-in", None)
    outage = status is not None and status >= _SERVER
    if outage or any(word in error.message for word in _SIGN_IN_OUTAGE):
        return ProviderError(ProblemCode.FAILED, "Microsoft Entra ID reported an error of its own", "Try again later")
    if isinstance(cause, ValueError) and isinstance(cause.__context__, json.JSONDecodeError):
        return bad_answer("the sign-in", "it is cut off or no JSON")
    if discovery:
        return _credentials("There is no such tenant", "Check the tenant id", None)
    code = _SIGN_IN_CODE.search(error.message)
    what, remedy = _SIGN_IN.get(
        code.group(1) if code else "",
        (f"Microsoft Entra ID refused the sign-in for reading {reading}", "Check tenant id, client id and secret"),
    )
    return _credentials(what, remedy, code.group(0) if code else None)


def _credentials(what: str, remedy: str, code: str | None) -> ProviderError:
    return ProviderError(ProblemCode.CREDENTIALS, f"{what} ({code})" if code else what, remedy)


def _throttled(reading: str, retry_after: float | None) -> ProviderError:
    return ProviderError(
        ProblemCode.THROTTLED,
        f"Azure throttles reading {reading}",
        "Nothing to do: Skyledger tries again later",
        retry_after=retry_after,
    )


def _refused(error: HttpResponseError, status: int, reading: str) -> ProviderError:
    """The ProviderError for an answer with an error status."""
    codes = _codes(error)
    if status == _UNAUTHORIZED or codes & _NO_SUBSCRIPTION:
        return _not_ours(status, codes)
    if status == _FORBIDDEN or "NoValidSubscriptionsInQueryRequest" in codes:
        return denied(reading, _action(error))
    if status == _TOO_MANY:
        return _throttled(reading, _retry_after(error))
    if status == _TIMEOUT:
        return unreachable(reading)
    if codes & _NOT_ENABLED:
        return ProviderError(
            ProblemCode.NOT_ENABLED,
            f"The subscription does not use what {reading} belong to: its resource provider is not registered",
            "Nothing to do, unless such resources should exist",
        )
    code = _first(codes)
    return ProviderError(
        ProblemCode.FAILED,
        f"Azure answered with an error to reading {reading}: {status}{f' {code}' if code else ''}",
        "Scan again later; if it persists, look at Azure's status page",
    )


def _not_ours(status: int, codes: set[str]) -> ProviderError:
    """Signed in, but to no avail: the token is refused, or the subscription is not in the tenant."""
    if status == _UNAUTHORIZED:
        return _credentials(
            "Azure does not accept the sign-in for this subscription",
            "Check that the tenant id is that of the subscription, and that the application is enabled",
            _first(codes),
        )
    return _credentials(
        "There is no such subscription in the tenant", "Check the subscription id and the tenant id", _first(codes)
    )


def _codes(error: HttpResponseError) -> set[str]:
    """The error codes of an answer, also those inside."""
    found = set()
    for part in (error.error, *(error.error.details if error.error else ())):
        if part and part.code and _NAME.fullmatch(part.code):
            found.add(part.code)
    return found


def _first(codes: set[str]) -> str | None:
    return min(codes) if codes else None


def _action(error: HttpResponseError) -> str | None:
    """The action that Azure's text names as missing."""
    match = _ACTION.search((error.error.message if error.error else "") or "")
    return match.group(1) if match else None


def _retry_after(error: HttpResponseError) -> float | None:
    """How long Azure asks to wait, in seconds."""
    headers = getattr(error.response, "headers", None) or {}
    told = headers.get("Retry-After")
    if told:
        return RetryPolicy().parse_retry_after(told)
    return clock_seconds(headers.get("x-ms-user-quota-resets-after", "")) or None
