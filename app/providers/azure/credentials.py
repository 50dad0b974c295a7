"""Signing in to Azure: a service principal's credential and the endpoints of its cloud, made without a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from azure.core import AzureClouds
from azure.identity import AzureAuthorityHosts, CertificateCredential, ClientSecretCredential
from azure.mgmt.core.tools import get_arm_endpoints
from cryptography.exceptions import UnsupportedAlgorithm

from app.providers.azure.patience import BoundedRetryPolicy, Patience
from app.providers.base import Target
from app.providers.problems import ProblemCode, ProviderError
from app.records import ConnectionMethod

Credential = ClientSecretCredential | CertificateCredential

_SOVEREIGN = {
    "management.usgovcloudapi.net": (AzureClouds.AZURE_US_GOVERNMENT, AzureAuthorityHosts.AZURE_GOVERNMENT),
    "management.chinacloudapi.cn": (AzureClouds.AZURE_CHINA_CLOUD, AzureAuthorityHosts.AZURE_CHINA),
}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where Azure Resource Manager answers, for which scopes it takes tokens, and who issues them."""

    management: str
    scopes: tuple[str, ...]
    authority: str | None


def endpoints(overrides: Mapping[str, str]) -> Endpoints:
    """Azure's endpoints, less those that the account names itself as `management` and `authority`.

    A token for a private endpoint or an emulator is one for the public cloud; the sovereign clouds have their own.
    """
    management = _https(overrides.get("management") or overrides.get("*"))
    host = urlsplit(management or "").hostname or ""
    cloud, authority = _SOVEREIGN.get(host, (AzureClouds.AZURE_PUBLIC_CLOUD, None))
    known = get_arm_endpoints(cloud)
    return Endpoints(
        management=(management or str(known["resource_manager"])).rstrip("/"),
        scopes=tuple(known["credential_scopes"]),
        authority=_https(overrides.get("authority") or overrides.get("*")) or authority,
    )


def credential(target: Target, authority: str | None, patience: Patience) -> Credential:
    """The credential of the account's service principal. Raises ProviderError(CREDENTIALS) if it cannot be read."""
    tenant, client = target.settings.get("tenantId"), target.settings.get("clientId")
    if not tenant or not client:
        raise _unreadable(message="The tenant id or the client id is missing", remedy="Enter both")
    options = {
        **patience.transport_options(),
        **patience.retry_options(),
        "retry_policy_class": BoundedRetryPolicy,
        "longest_wait": patience.longest_wait,
    }
    if authority:
        # An authority of the customer's own is not among those that Microsoft's discovery vouches for.
        options |= {"authority": authority, "disable_instance_discovery": True}
    try:
        if target.method is ConnectionMethod.AZURE_CERTIFICATE:
            return CertificateCredential(
                str(tenant),
                str(client),
                certificate_data=target.secret.get("certificate", "").encode(),
                password=target.secret.get("certificatePassword"),
                **options,
            )
        return ClientSecretCredential(str(tenant), str(client), target.secret.get("clientSecret", ""), **options)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's text may quote what it was given.
        raise _unreadable(
            message="The tenant id, client id, secret or certificate cannot be read",
            remedy="A certificate must be PEM with its RSA private key, and the password right if the key has one",
        ) from None


def _https(url: str | None) -> str | None:
    if url and urlsplit(url).scheme != "https":
        raise _unreadable(
            message="An endpoint is no https URL", remedy="Azure tokens travel over https only: correct the endpoint"
        )
    return url


def _unreadable(message: str, remedy: str) -> ProviderError:
    return ProviderError(ProblemCode.CREDENTIALS, message, remedy)
