"""Credentials of a GCP account, from JSON that a tenant sent: read with suspicion, made into Google's own objects.

Google's library does what such a file says: it calls its URLs, reads its files, runs its programs. So only the few
forms are accepted that reach Google's own token services, and only the keys that are needed are passed on.
See https://cloud.google.com/docs/authentication/external/externally-sourced-credentials
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from google.auth import aws, exceptions
from google.auth.external_account import Credentials as ExternalCredentials
from google.oauth2 import service_account

from app.providers.base import Target
from app.providers.gcp.endpoints import token_endpoint
from app.providers.problems import ProblemCode, ProviderError
from app.records import ConnectionMethod

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
"""Cloud Asset Inventory knows no narrower scope; what may be read is decided by the role."""

GoogleCredentials = service_account.Credentials | ExternalCredentials

# A URL is held to the one service it is for: under other hosts of googleapis.com, such as storage, anybody can have
# an address of his own. Regional (.rep) and private (.p) names of the services are Google's too.
_TOKEN_SERVICES = {
    "token_uri": ("oauth2", r"/token"),
    "token_url": ("sts", r"/v1/token"),
    "token_info_url": ("sts", r"/v1/introspect"),
    "service_account_impersonation_url": (
        "iamcredentials",
        r"/v1/projects/-/serviceAccounts/[A-Za-z0-9._@%:-]+:generateAccessToken",
    ),
}
_METADATA_HOSTS = ("http://169.254.169.254", "http://[fd00:ec2::254]")
_AWS_SOURCE = {
    "environment_id": ("aws1",),
    "region_url": tuple(f"{host}/latest/meta-data/placement/availability-zone" for host in _METADATA_HOSTS),
    "url": tuple(f"{host}/latest/meta-data/iam/security-credentials" for host in _METADATA_HOSTS),
    "imdsv2_session_token_url": tuple(f"{host}/latest/api/token" for host in _METADATA_HOSTS),
    "regional_cred_verification_url": (
        "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    ),
}
_AWS_TOKEN_TYPE = "urn:ietf:params:aws:token-type:aws4_request"  # noqa: S105  (a name)
_DANGEROUS_SOURCES = {
    "executable": "would run a program on Skyledger's machine",
    "file": "would read a file of Skyledger's machine",
    "certificate": "would read a file of Skyledger's machine",
    "url": "would call an address inside Skyledger's network",
}
_NEW_KEY = "Download a new JSON key of the service account (IAM & Admin, Service accounts, Keys) and connect with it."
_NEW_CONFIG = (
    "Make the configuration with `gcloud iam workload-identity-pools create-cred-config … --aws`, or connect with a "
    "service-account key."
)


def credentials_of(target: Target) -> GoogleCredentials:
    """The credentials of a connection, made without a call. Raises ProviderError(CREDENTIALS), which tells no value."""
    endpoint = target.endpoints.get("token")
    token = token_endpoint(endpoint) if endpoint else None
    if target.method is ConnectionMethod.GCP_WORKLOAD_IDENTITY:
        given = _parsed(target.secret.get("workloadIdentity"))
        _accept(_against_workload_identity(given, token), _NEW_CONFIG)
        return _workload_identity(given, token)
    given = _parsed(target.secret.get("serviceAccount"))
    _accept(_against_service_account(given, token), _NEW_KEY)
    return _service_account(given, token)


def caller_of(credentials: GoogleCredentials) -> str:
    """Whom Google sees: the service account's address, or the workload identity pool."""
    found: str | None = credentials.service_account_email
    if found is None and isinstance(credentials, ExternalCredentials):
        found = str(credentials.info.get("audience", ""))
    return found or ""


def _parsed(text: str | None) -> Mapping[str, Any]:
    """The JSON object; an empty one for anything else."""
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _accept(reasons: Iterator[str], remedy: str) -> None:
    """Nothing, unless there is a reason against the credentials."""
    for why in reasons:
        raise ProviderError(ProblemCode.CREDENTIALS, why, remedy)


def _against_service_account(given: Mapping[str, Any], token: str | None) -> Iterator[str]:
    if given.get("type") != "service_account":
        yield "This is not the JSON key of a service account: there is no `type` that says `service_account`."
    yield from _against_texts(given, "client_email", "private_key", *(() if token else ("token_uri",)))
    yield from _against_urls(given, token, "token_uri")


def _against_workload_identity(given: Mapping[str, Any], token: str | None) -> Iterator[str]:
    if given.get("type") != "external_account":
        yield "This is no workload identity configuration: there is no `type` that says `external_account`."
    yield from _against_source(given.get("credential_source"))
    yield from _against_texts(given, "audience", *(() if token else ("token_url",)))
    yield from _against_urls(given, token, "token_url", "token_info_url", "service_account_impersonation_url")
    if given.get("subject_token_type") != _AWS_TOKEN_TYPE:
        yield "`subject_token_type` is not that of an AWS identity."
    if not str(given.get("audience")).startswith("//iam.googleapis.com/projects/"):
        yield "`audience` names no workload identity pool."


def _against_source(source: object) -> Iterator[str]:
    """What is wrong with a source that is not the identity of the AWS machine that Skyledger runs on."""
    if not isinstance(source, dict):
        yield "`credential_source` is missing."
        return
    if source.get("environment_id") != "aws1":
        for key, danger in _DANGEROUS_SOURCES.items():
            if key in source:
                yield f"A `credential_source` with `{key}` is not accepted: it {danger}."
        yield "`credential_source` is not the AWS kind (`environment_id` aws1)."
    if "regional_cred_verification_url" not in source:
        yield "`credential_source.regional_cred_verification_url` is missing."
    for key, value in source.items():
        if key not in _AWS_SOURCE:
            yield "`credential_source` holds more than an AWS identity needs."
        elif value not in _AWS_SOURCE[key]:
            yield f"`credential_source.{key}` is not the address that AWS has for it."


def _against_texts(given: Mapping[str, Any], *keys: str) -> Iterator[str]:
    if given.get("universe_domain", "googleapis.com") != "googleapis.com":
        yield "`universe_domain` is not googleapis.com; other universes are not supported."
    for key in keys:
        if not isinstance(given.get(key), str) or not given[key]:
            yield f"`{key}` is missing in the JSON."


def _against_urls(given: Mapping[str, Any], token: str | None, *keys: str) -> Iterator[str]:
    """What is wrong with URLs that are neither Google's own nor the account's own token endpoint."""
    for key in keys:
        value = given.get(key)
        service, path = _TOKEN_SERVICES[key]
        host = rf"{service}(?:-[a-z0-9-]+\.p|\.[a-z0-9-]+\.rep)?\.googleapis\.com"
        if value is None or (token is not None and value == token):
            continue
        if not isinstance(value, str) or not re.fullmatch(rf"https://{host}(?::443)?{path}", value):
            yield f"`{key}` is not an https address of {service}.googleapis.com{_found_host(value)}."


def _found_host(value: object) -> str:
    """What host was found instead, if it is one: a URL's other parts may hold a secret."""
    try:
        host = urlsplit(value).hostname if isinstance(value, str) else None
    except ValueError:
        host = None
    return f" (found {host})" if host and re.fullmatch(r"[a-z0-9.-]{1,100}", host) else ""


def _service_account(given: Mapping[str, Any], token: str | None) -> service_account.Credentials:
    info = {
        "client_email": given["client_email"],
        "private_key": given["private_key"],
        "token_uri": token or given["token_uri"],
    }
    if isinstance(given.get("private_key_id"), str):
        info["private_key_id"] = given["private_key_id"]
    try:
        make: Any = service_account.Credentials.from_service_account_info
        found: service_account.Credentials = make(info, scopes=SCOPES)
    except (ValueError, TypeError, exceptions.GoogleAuthError):
        why = "The private key in the JSON cannot be read."
        raise ProviderError(ProblemCode.CREDENTIALS, why, _NEW_KEY) from None
    return found


def _workload_identity(given: Mapping[str, Any], token: str | None) -> ExternalCredentials:
    try:
        make: Any = aws.Credentials
        found: ExternalCredentials = make(
            audience=given["audience"],
            subject_token_type=_AWS_TOKEN_TYPE,
            token_url=token or given["token_url"],
            credential_source=dict(given["credential_source"]),
            service_account_impersonation_url=given.get("service_account_impersonation_url"),
            scopes=SCOPES,
        )
    except (ValueError, TypeError, exceptions.GoogleAuthError):
        why = "The workload identity configuration cannot be read."
        raise ProviderError(ProblemCode.CREDENTIALS, why, _NEW_CONFIG) from None
    return found
