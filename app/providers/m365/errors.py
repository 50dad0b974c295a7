"""What Microsoft Graph and its sign-in answer when they refuse, turned into ProviderError in words of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from app.providers.m365.patience import retry_after
from app.providers.problems import ProblemCode, ProviderError

_UNAUTHORIZED, _FORBIDDEN, _TIMEOUT, _TOO_MANY, _SERVER = 401, 403, 408, 429, 500
_SIGN_IN_CODE = re.compile(r"AADSTS(\d{4,7})")
_NAME = re.compile(r"[A-Za-z0-9_.]{1,80}")
_NO_PREMIUM = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
_OUTAGE = ("temporarily_unavailable", "server_error", "AADSTS50196", "AADSTS90033", "AADSTS90055")
_SIGN_IN = {
    "7000222": ("The client secret has expired", "Create a new client secret for the application, update the account"),
    "7000215": ("The client secret is wrong", "Enter the secret's value, not its id, or create a new one"),
    "7000229": ("The application has no service principal in the tenant", "Add the application to the tenant"),
    "700016": ("The tenant does not know the client id", "Check the client id and the tenant id"),
    "700027": ("The certificate is not registered, or has expired", "Upload the certificate to the application"),
    "7000112": ("The application is disabled", "Enable the application's service principal"),
    "90002": ("There is no such tenant", "Check the tenant id"),
    "900023": ("The tenant id is none", "Check the tenant id"),
    "53003": ("A conditional access policy blocks the sign-in", "Exempt the service principal from that policy"),
}
REVEAL = (
    "In the Microsoft 365 admin center, Settings > Org settings > Services > Reports, clear 'Display concealed user, "
    "group, and site names in all reports'"
)
"""What a tenant's administrator does so that reports tell who used what."""


@contextmanager
def in_our_words(reading: str) -> Iterator[None]:
    """Raise what httpx raises as ProviderError; its error is not chained, for it holds the request."""
    try:
        yield
    except httpx.DecodingError:
        raise bad_answer(reading, "it is cut off, too large, or packed in a way that was not asked for") from None
    except httpx.RemoteProtocolError as error:
        # Of a body that ends too early httpx says so; anything else is a connection that ended before an answer.
        raise (bad_answer(reading, "it is cut off") if "body" in str(error) else unreachable(reading)) from None
    except (httpx.HTTPError, httpx.InvalidURL):
        raise unreachable(reading) from None


def unreachable(reading: str) -> ProviderError:
    """No connection, a reset one, or no answer in time."""
    return ProviderError(
        ProblemCode.UNREACHABLE,
        f"Microsoft did not answer while reading {reading}: no connection, a reset one, or no answer in time",
        "Check the account's endpoints, the proxy and the firewall; scan again",
    )


def bad_answer(reading: str, why: str) -> ProviderError:
    """An answer that cannot be relied on: what it seems to say is not kept."""
    return ProviderError(
        ProblemCode.BAD_ANSWER,
        f"Microsoft Graph's answer about {reading} cannot be used: {why}",
        "Scan again; if it persists, check what stands between Skyledger and Microsoft Graph",
    )


def other_form(reading: str, why: str) -> ProviderError:
    """An answer of another form than we know: asking again is no use."""
    problem = bad_answer(reading, why)
    return ProviderError(problem.code, problem.message, "Report it: Microsoft has changed the report", retry=False)


def denied(reading: str, permission: str) -> ProviderError:
    """The credentials are good, a permission is missing."""
    return ProviderError(
        ProblemCode.DENIED,
        f"The application lacks {permission}, which reading {reading} needs",
        f"Add the application permission {permission} of Microsoft Graph and grant admin consent",
        permission=permission,
    )


def concealed(reading: str) -> ProviderError:
    """The tenant hides who did what in its reports, so nothing can be said of anybody's use."""
    return ProviderError(
        ProblemCode.DENIED,
        f"The tenant conceals names in its usage reports (dataConcealed), so {reading} cannot be told",
        f"{REVEAL}; it takes effect within minutes, and the next scan tells the rest",
    )


def refused(answer: httpx.Response, reading: str, permission: str) -> ProviderError:
    """The ProviderError for an answer with an error status of Microsoft Graph."""
    return refused_with(answer.status_code, error_code(_body(answer)), reading, permission, retry_after(answer))


def refused_with(
    status: int, code: str | None, reading: str, permission: str, wait: float | None = None
) -> ProviderError:
    """The same of its parts, as an answer inside a batch has them."""
    if status == _UNAUTHORIZED:
        return _credentials(
            "Microsoft Graph does not accept the sign-in", "Check that the application is enabled", code
        )
    if code == _NO_PREMIUM:
        return ProviderError(
            ProblemCode.NOT_ENABLED,
            f"The tenant has no Microsoft Entra ID P1, without which {reading} are not told",
            "Nothing to do, unless the tenant should have it",
        )
    if status == _FORBIDDEN:
        return denied(reading, permission)
    if status == _TOO_MANY:
        return _throttled(reading, wait)
    if status == _TIMEOUT:
        return unreachable(reading)
    return ProviderError(
        ProblemCode.FAILED,
        f"Microsoft Graph answered with an error to reading {reading}: {status}{f' {code}' if code else ''}",
        "Scan again later; if it persists, look at the service health in the Microsoft 365 admin center",
        retry=status >= _SERVER,
    )


def sign_in_refused(answer: httpx.Response) -> ProviderError:
    """The sign-in failed: for what it says, or because the sign-in service is out of order."""
    body = _body(answer)
    text = f"{body.get('error')} {body.get('error_description')}"
    if answer.status_code == _TOO_MANY:
        return _throttled("the sign-in", retry_after(answer))
    if answer.status_code >= _SERVER or any(word in text for word in _OUTAGE):
        return ProviderError(ProblemCode.FAILED, "Microsoft Entra ID reported an error of its own", "Try again later")
    if answer.is_success or not body:
        return bad_answer("the sign-in", "it is cut off or no JSON")
    code = _SIGN_IN_CODE.search(text)
    what, remedy = _SIGN_IN.get(
        code.group(1) if code else "",
        ("Microsoft Entra ID refused the sign-in", "Check tenant id, client id and secret"),
    )
    return _credentials(what, remedy, code.group(0) if code else None)


def error_code(body: Any) -> str | None:
    """The code of an error of Microsoft Graph."""
    error = body.get("error") if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) and _NAME.fullmatch(code) else None


def unreadable_credentials(message: str, remedy: str) -> ProviderError:
    """Credentials or endpoints that cannot even be tried."""
    return ProviderError(ProblemCode.CREDENTIALS, message, remedy)


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except (ValueError, httpx.ResponseNotRead):
        return {}
    return told if isinstance(told, dict) else {}


def _credentials(what: str, remedy: str, code: str | None) -> ProviderError:
    return ProviderError(ProblemCode.CREDENTIALS, f"{what} ({code})" if code else what, remedy)


def _throttled(reading: str, wait: float | None) -> ProviderError:
    return ProviderError(
        ProblemCode.THROTTLED,
        f"Microsoft Graph throttles reading {reading}",
        "Nothing to do: Skyledger tries again later",
        retry_after=wait,
    )
