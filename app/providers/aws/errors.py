"""What AWS and its SDK report, as problems that say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from app.providers.problems import ProblemCode, ProviderError

_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AccessDeniedFault",
        "AuthorizationError",
        "AuthorizationErrorException",
        "AllAccessDisabled",
        "Forbidden",
        "ForbiddenException",
        "NotAuthorized",
        "NotAuthorizedException",
        "UnauthorizedAccess",
        "UnauthorizedException",
        "UnauthorizedOperation",
        "403",
    }
)
_CREDENTIALS: Final = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
REFUSED_BY_REGION: Final = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "UnrecognizedClientException",
    }
)
"""What a region also says that is not switched on for the account, of credentials that are good elsewhere.

https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
"""
_THROTTLED: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
        "429",
    }
)
_NOT_ENABLED: Final = frozenset(
    {
        "AccountNotSubscribed",
        "InvalidEndpoint",
        "NotSignedUp",
        "OptInRequired",
        "RegionDisabledException",
        "SubscriptionRequired",
        "SubscriptionRequiredException",
        "UnsupportedOperation",
        "UnsupportedOperationException",
        "UnsupportedRegionException",
    }
)
LACKING: Final = frozenset(
    {
        "404",
        "405",
        "501",
        "InvalidAction",
        "NotImplemented",
        "UnknownOperationException",
    }
)
"""What partitions, private endpoints and emulators answer that do not have the operation; another try is no use.

A bare HTTP status stands where AWS has an error code of its own.
"""
_NAMED_PERMISSION: Final = re.compile(r"perform: ([a-z0-9-]+:[A-Za-z0-9]+)")
_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,80}")
_NOT_THERE: Final = "The service or the region is not switched on for this account."
_CUT_OFF: Final = "AWS's answer was cut off or cannot be read."
_KINDS: Final[tuple[tuple[tuple[type[Exception], ...], ProblemCode, str], ...]] = (
    (
        (
            sdk.CredentialRetrievalError,
            sdk.NoAuthTokenError,
            sdk.NoCredentialsError,
            sdk.PartialCredentialsError,
            sdk.SSOError,
            sdk.TokenRetrievalError,
        ),
        ProblemCode.CREDENTIALS,
        "There are no AWS credentials to sign with.",
    ),
    (
        (
            sdk.EndpointProviderError,
            sdk.InvalidRegionError,
            sdk.NoRegionError,
            sdk.UnknownEndpointError,
            sdk.UnknownRegionError,
            sdk.UnknownServiceError,
        ),
        ProblemCode.NOT_ENABLED,
        _NOT_THERE,
    ),
    (
        (ResponseParserError, sdk.IncompleteReadError, sdk.PaginationError, sdk.ChecksumError),
        ProblemCode.BAD_ANSWER,
        _CUT_OFF,
    ),
    ((sdk.ReadTimeoutError, sdk.ConnectTimeoutError), ProblemCode.UNREACHABLE, "AWS did not answer in time."),
    (
        (sdk.HTTPClientError, sdk.ConnectionError, OSError),
        ProblemCode.UNREACHABLE,
        "The connection to AWS could not be made or was lost.",
    ),
)
"""What exceptions of the SDK mean; the first line that fits counts."""
_JSON_PROTOCOLS: Final = frozenset({"json", "rest-json"})
_SUCCESSES: Final = 300
_SERVER_ERRORS: Final = 500


@contextmanager
def reading_aws(permissions: tuple[str, ...] = ()) -> Iterator[None]:
    """Whatever the SDK raises inside becomes a ProviderError; `permissions` are those that the reading needs.

    An answer without what a collector counts on is a bad one, never an empty one. It would be the same in another
    try: either AWS answers so, or the fault is ours.
    """
    try:
        yield
    except (sdk.BotoCoreError, sdk.ClientError, ResponseParserError, OSError) as error:
        # Not chained: the SDK's texts may hold what was signed.
        raise problem(error, permissions) from None
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProviderError(
            ProblemCode.BAD_ANSWER,
            "AWS's answer is not of the shape that was expected.",
            "Report it with the service and region: another scan will find the same.",
            retry=False,
        ) from error


def problem(error: Exception, permissions: tuple[str, ...] = ()) -> ProviderError:
    """What an exception of botocore means."""
    if isinstance(error, sdk.ClientError):
        return _refused(error, permissions)
    for kinds, code, message in _KINDS:
        if isinstance(error, kinds):
            return _of(code, message)
    return _of(ProblemCode.FAILED, f"The AWS SDK gave up: {type(error).__name__}.")


def not_enabled() -> ProviderError:
    """The service is not there in the region, or the region is not switched on."""
    return _of(ProblemCode.NOT_ENABLED, _NOT_THERE)


def cut_off() -> ProviderError:
    """An answer that ends before it is whole, or is no answer of AWS."""
    return _of(ProblemCode.BAD_ANSWER, _CUT_OFF)


def repeated_page(operation: str) -> ProviderError:
    """An answer that names itself as the next page."""
    return _of(ProblemCode.BAD_ANSWER, f"AWS named the same page twice in {operation}.")


def error_code(error: Exception) -> str:
    """AWS's code of an error, such as `Throttling`; empty where it has none."""
    if not isinstance(error, sdk.ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code", ""))


def checked_answer(http_response: Any, model: Any, **_others: Any) -> None:
    """After each call: an answer that was cut off is an error.

    botocore itself takes a JSON body that cannot be read, or no body at all, for an answer without content
    (`botocore.parsers.BaseJSONParser`), and does not compare the body with its announced length.
    """
    if http_response.status_code >= _SUCCESSES or model.has_streaming_output:
        return
    body = http_response.content
    announced = http_response.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > len(body):
        raise cut_off()
    output = model.output_shape
    is_json = model.service_model.resolved_protocol in _JSON_PROTOCOLS
    if output is None or "payload" in output.serialization:
        return
    if is_json and body and not body.rstrip().endswith(b"}"):
        raise cut_off()
    if not body and any("location" not in member.serialization for member in output.members.values()):
        raise cut_off()


def _refused(error: Any, permissions: tuple[str, ...]) -> ProviderError:
    """AWS's own error, by its code; the HTTP status decides where the code is unknown."""
    code = error_code(error)
    details = error.response.get("ResponseMetadata", {})
    named = code if _CODE.fullmatch(code) else "an error"
    if code in _DENIED:
        permission = _permission(error, permissions)
        return _of(ProblemCode.DENIED, f"AWS denied {permission or error.operation_name}.", permission=permission)
    if code in _CREDENTIALS:
        return _of(ProblemCode.CREDENTIALS, f"AWS does not accept the credentials: {named}.")
    if code in _THROTTLED:
        wait = str(details.get("HTTPHeaders", {}).get("retry-after", ""))
        return _of(
            ProblemCode.THROTTLED,
            f"AWS throttled {error.operation_name}.",
            retry_after=float(wait) if wait.isdigit() else None,
        )
    if code in _NOT_ENABLED:
        return not_enabled()
    if details.get("HTTPStatusCode", 0) >= _SERVER_ERRORS and code not in LACKING:
        return _of(ProblemCode.FAILED, f"AWS failed in {error.operation_name}: {named}.")
    retry = False if code in LACKING else None
    return _of(ProblemCode.FAILED, f"AWS answered {error.operation_name} with {named}.", retry=retry)


def _permission(error: Any, permissions: tuple[str, ...]) -> str | None:
    """The missing permission: as AWS names it, else the collector's that is called like the operation."""
    told = _NAMED_PERMISSION.search(str(error.response.get("Error", {}).get("Message", "")))
    if told:
        return told.group(1)
    for permission in permissions:
        if permission.partition(":")[2] == error.operation_name:
            return permission
    return permissions[0] if len(permissions) == 1 else None


_REMEDIES: Final[Mapping[ProblemCode, str]] = {
    ProblemCode.DENIED: (
        "Allow it in the policy of Skyledger's role or user (`skyledger permissions aws` prints the whole policy), "
        "and see that no service control policy or permissions boundary denies it."
    ),
    ProblemCode.CREDENTIALS: "Give the account new credentials: updateAccount.",
    ProblemCode.THROTTLED: "Scan again later, or fewer regions and services at a time.",
    ProblemCode.UNREACHABLE: "Check the network to AWS and the account's endpoints; then scan again.",
    ProblemCode.BAD_ANSWER: "Scan again; if it stays, check the proxies between Skyledger and AWS.",
    ProblemCode.NOT_ENABLED: "Nothing to do if it is not used; else switch it on in the AWS account.",
    ProblemCode.FAILED: "Scan again; if it stays, see AWS's health dashboard for the service and region.",
}


def _of(code: ProblemCode, message: str, **more: Any) -> ProviderError:
    return ProviderError(code, message, _REMEDIES[code], **more)
