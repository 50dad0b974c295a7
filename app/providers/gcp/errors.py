"""Errors of Google's libraries, told in our words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import grpc
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.rpc import error_details_pb2

from app.providers.problems import ProblemCode, ProviderError

GOOGLE_ERRORS = (api.GoogleAPIError, auth.GoogleAuthError, grpc.RpcError, OSError)
"""What a call can raise: of the API, of signing in, of the channel, of the machine."""

_UNREACHABLE = "Check the network between Skyledger and Google, and the account's endpoints; the next scan tries again."
_LATER = "Nothing has to be done: the next scan tries again. If it stays, ask Google's support."

INVENTORY = "cloudasset.googleapis.com"
"""The one API through which everything is read."""

_CLOSED = {
    "BILLING_DISABLED": ("has no billing account", "Link a billing account to the project."),
    "CONSUMER_INVALID": ("does not exist or is being deleted", "Check the project's id, or restore the project."),
    "CONSUMER_SUSPENDED": ("is suspended by Google", "See in the Google Cloud console why, and appeal there."),
}
"""Reasons for which Google lets nobody in, see https://cloud.google.com/apis/design/errors (google.api.ErrorReason)."""

_KNOWN: Mapping[type[api.GoogleAPICallError], tuple[ProblemCode, str, str]] = {
    api.Unauthorized: (
        ProblemCode.CREDENTIALS,
        "Google did not accept the access token.",
        "Check that the service account is enabled, and update the account with new credentials.",
    ),
    api.DataLoss: (ProblemCode.BAD_ANSWER, "Google's answer about {asked} was cut off.", _LATER),
    api.MethodNotImplemented: (
        ProblemCode.FAILED,
        "The endpoint does not know how to answer about {asked}.",
        "Check the account's endpoints.",
    ),
    api.NotFound: (
        ProblemCode.FAILED,
        "Google does not find {asked}.",
        "Check that the project, folder or organization still exists.",
    ),
    api.BadRequest: (
        ProblemCode.FAILED,
        "Google does not accept the question for {asked}.",
        "The type may not be offered in this inventory, or the account's id is wrong.",
    ),
}


def provider_error(
    problem: BaseException, asked: str, permission: str | None = None, api_name: str = INVENTORY
) -> ProviderError:
    """`problem` in our words. `asked` is what was asked for, `permission` what it needs, `api_name` the API."""
    cause = getattr(problem, "cause", None)
    if isinstance(problem, api.RetryError) and isinstance(cause, BaseException):
        return provider_error(cause, asked, permission, api_name)
    if isinstance(problem, auth.GoogleAuthError):
        return _sign_in_error(problem)
    if isinstance(problem, api.GoogleAPICallError):
        return _call_error(problem, asked, permission, api_name)
    return _unreachable()


def bad_answer(asked: str, why: str) -> ProviderError:
    """An answer about `asked` that cannot be used."""
    return ProviderError(ProblemCode.BAD_ANSWER, f"Google's answer about {asked} {why}.", _LATER)


def shut_down() -> ProviderError:
    """The project waits for its deletion; what the inventory still tells of it is no state of affairs."""
    return ProviderError(
        ProblemCode.DENIED,
        "The project is shut down and waits for its deletion.",
        "Restore it with `gcloud projects undelete`, or disconnect the account with `disconnectAccount`.",
    )


def no_token() -> ProviderError:
    """The token service answered, with something else than a token."""
    return ProviderError(ProblemCode.BAD_ANSWER, "Google's token service gave an answer that is no token.", _LATER)


def no_sign_in() -> ProviderError:
    """The token service is away or busy."""
    return ProviderError(ProblemCode.UNREACHABLE, "Google's token service did not answer.", _UNREACHABLE)


def _sign_in_error(problem: auth.GoogleAuthError) -> ProviderError:
    if isinstance(problem, auth.TransportError) or problem.retryable:
        return no_sign_in()
    if "No access token in response" in str(problem):
        return no_token()
    # The second argument is the answer of the token service; of it only the code is told, never the text.
    answer: Any = problem.args[1] if len(problem.args) > 1 else None
    code = answer.get("error") if isinstance(answer, dict) else None
    known = f" ({code})" if isinstance(code, str) and re.fullmatch(r"[a-z_]{1,40}", code) else ""
    return ProviderError(
        ProblemCode.CREDENTIALS,
        f"Google refused the credentials{known}.",
        "The key was deleted, disabled or has expired, or the workload identity pool does not trust Skyledger: "
        "update the account with new credentials.",
    )


def _call_error(problem: api.GoogleAPICallError, asked: str, permission: str | None, api_name: str) -> ProviderError:
    if isinstance(problem, api.Forbidden):
        return _forbidden(problem, asked, permission, api_name)
    if isinstance(problem, api.TooManyRequests):
        return _throttled(problem, asked, api_name)
    if isinstance(problem, (api.ServiceUnavailable, api.GatewayTimeout, api.Cancelled)):
        return _unreachable()
    if isinstance(problem, api.InternalServerError) and "deserializing response" in str(problem.message):
        return bad_answer(asked, "cannot be understood")
    for kind, (code, message, remedy) in _KNOWN.items():
        if isinstance(problem, kind):
            return ProviderError(code, message.format(asked=asked), remedy)
    return ProviderError(ProblemCode.FAILED, f"Google reported an error of its own about {asked}.", _LATER)


def _forbidden(problem: api.GoogleAPICallError, asked: str, permission: str | None, api_name: str) -> ProviderError:
    details = problem.metadata or {}
    consumer = _plain(details.get("consumer"), r"projects/[a-z0-9:.-]+")
    project = consumer.partition("/")[2] if consumer else None
    if problem.reason == "SERVICE_DISABLED":
        service = _plain(details.get("service"), r"[a-z0-9-]+\.googleapis\.com") or api_name
        return ProviderError(
            # Without the inventory there is nothing that could be read: that must not pass for "nothing is there".
            ProblemCode.DENIED if service == INVENTORY else ProblemCode.NOT_ENABLED,
            f"The API {service} is not enabled in the project {project or 'of the credentials'}.",
            f"Run `gcloud services enable {service} --project {project or 'PROJECT'}`; it takes a few minutes to hold.",
        )
    if problem.reason in _CLOSED:
        what, remedy = _CLOSED[problem.reason]
        return ProviderError(ProblemCode.DENIED, f"The project {project or 'of the credentials'} {what}.", remedy)
    if problem.reason == "SECURITY_POLICY_VIOLATED":
        return ProviderError(
            ProblemCode.DENIED,
            f"A VPC Service Controls perimeter does not let Skyledger read {asked}.",
            f"Add an ingress rule for the service account and {api_name} to the perimeter.",
            permission=permission,
        )
    missing = _plain(details.get("permission"), r"[A-Za-z]+(?:\.[A-Za-z]+)+") or permission
    return ProviderError(
        ProblemCode.DENIED,
        f"The permission {missing} is missing to read {asked}." if missing else f"Reading {asked} is not allowed.",
        "Bind the role that `skyledger permissions gcp` prints to the caller.",
        permission=missing,
    )


def _throttled(problem: api.GoogleAPICallError, asked: str, api_name: str) -> ProviderError:
    # The channel itself says "exhausted" of an answer that is larger than it takes.
    if "Received message larger than max" in str(problem.message):
        return bad_answer(asked, "is too large")
    waits = [d.retry_delay.ToTimedelta() for d in problem.details if isinstance(d, error_details_pb2.RetryInfo)]
    return ProviderError(
        ProblemCode.THROTTLED,
        f"Google's quota for questions about {asked} is used up.",
        f"Scan less often, or raise the quota of {api_name} in the project of the credentials.",
        retry_after=waits[0].total_seconds() if waits else None,
    )


def _unreachable() -> ProviderError:
    return ProviderError(ProblemCode.UNREACHABLE, "Google did not answer in time.", _UNREACHABLE)


def _plain(value: object, pattern: str) -> str | None:
    """A value of Google's error details if it is of the expected form: these texts are not ours."""
    return value if isinstance(value, str) and re.fullmatch(pattern, value) else None
