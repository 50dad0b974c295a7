"""Credentials of a GCP account, from JSON that a tenant sent: read with suspicion, made into Google's own objects.

What such a file may say stands in `credential_files`; only the keys that are needed are passed on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from google.auth import exceptions, identity_pool
from google.auth.external_account import Credentials as ExternalCredentials
from google.oauth2 import service_account

from app.providers.base import Target
from app.providers.gcp.credential_files import against_service_account, against_workload_identity
from app.providers.gcp.endpoints import token_endpoint
from app.providers.gcp.token_files import FOLDER, read_token
from app.providers.problems import ProblemCode, ProviderError
from app.records import ConnectionMethod

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
"""Cloud Asset Inventory knows no narrower scope; what may be read is decided by the role."""

GoogleCredentials = service_account.Credentials | ExternalCredentials

_NEW_KEY = "Download a new JSON key of the service account (IAM & Admin, Service accounts, Keys) and connect with it."
_NEW_CONFIG = (
    "Make the configuration with `gcloud iam workload-identity-pools create-cred-config … --credential-source-file=…`, "
    "naming a file in the organization's folder for tokens, or connect with a service-account key."
)


class _TokenFile(identity_pool.SubjectTokenSupplier):  # type: ignore[misc, no-untyped-call, unused-ignore]
    """Gives Google's client the token: its own reader of files would follow links to anywhere."""

    def __init__(self, folder: str, source: Mapping[str, Any]) -> None:
        self._folder = folder
        self._source = source

    def get_subject_token(self, context: Any, request: Any) -> str:  # noqa: ARG002  (the SDK's signature)
        return read_token(self._folder, self._source)


def credentials_of(target: Target) -> GoogleCredentials:
    """The credentials of a connection, made without a call. Raises ProviderError(CREDENTIALS), which tells no value."""
    endpoint = target.endpoints.get("token")
    token = token_endpoint(endpoint) if endpoint else None
    if target.method is ConnectionMethod.GCP_WORKLOAD_IDENTITY:
        given, folder = _parsed(target.secret.get("workloadIdentity")), target.settings.get(FOLDER)
        _accept(against_workload_identity(given, token, folder), _NEW_CONFIG)
        return _workload_identity(given, token, str(folder))
    given = _parsed(target.secret.get("serviceAccount"))
    _accept(against_service_account(given, token), _NEW_KEY)
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


def _workload_identity(given: Mapping[str, Any], token: str | None, folder: str) -> ExternalCredentials:
    try:
        make: Any = identity_pool.Credentials
        found: ExternalCredentials = make(
            audience=given["audience"],
            subject_token_type=given["subject_token_type"],
            token_url=token or given["token_url"],
            subject_token_supplier=_TokenFile(folder, given["credential_source"]),
            service_account_impersonation_url=given.get("service_account_impersonation_url"),
            scopes=SCOPES,
        )
    except (ValueError, TypeError, exceptions.GoogleAuthError):
        why = "The workload identity configuration cannot be read."
        raise ProviderError(ProblemCode.CREDENTIALS, why, _NEW_CONFIG) from None
    return found
