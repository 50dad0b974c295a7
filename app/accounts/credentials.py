"""Credentials as callers send them, checked and brought into the one form in which they are sealed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from app.accounts.external_id import aws_external_id
from app.accounts.google import Google, service_account, workload_identity
from app.errors import BadUserInputError
from app.providers.gcp.token_files import FOLDER
from app.records import ConnectionMethod, Provider

REGIONS = "regions"
MOST_REGIONS = 50
LONGEST_SECRET = 16_384
_ROLE = re.compile(r"arn:aws(-cn|-us-gov|-eusc)?:iam::(\d{12}):role/[\w+=,.@/-]{1,512}", re.ASCII)
_ACCESS_KEY_ID = re.compile(r"\w{16,128}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,8}(-[a-z]{2,16}){1,3}-\d{1,2}")
_DOMAIN = re.compile(r"(?=.{4,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+", re.IGNORECASE)


@dataclass(frozen=True)
class Credentials:
    """Checked credentials of one method.

    `settings` is no secret. `path` is where in the input they stand, to tell when they do not work. `native_id` is
    the account that they name themselves, if they do.
    """

    provider: Provider
    method: ConnectionMethod
    settings: Mapping[str, Any]
    secret: Mapping[str, str] = field(repr=False)
    path: tuple[str, ...]
    native_id: str | None = None


@dataclass(frozen=True)
class AwsCredentials:
    """A role's ARN, with its external id or without, or keys."""

    role_arn: str | None = None
    external_id: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)

    def check(self, organization_id: UUID) -> Credentials:
        """Exactly one of role and keys. Raises BadUserInputError at the wrong field."""
        keys = (self.access_key_id, self.secret_access_key, self.session_token)
        if (self.role_arn is None) is (keys == (None, None, None)):
            raise _bad(("aws",), "Send either `roleArn` or `accessKeyId` with `secretAccessKey`.")
        return self._role(organization_id) if self.role_arn is not None else self._keys()

    def _role(self, organization_id: UUID) -> Credentials:
        arn = (self.role_arn or "").strip()
        found = _ROLE.fullmatch(arn)
        if found is None:
            raise _bad(("aws", "roleArn"), "`roleArn` must look like arn:aws:iam::123456789012:role/Skyledger.")
        own = aws_external_id(organization_id)
        if self.external_id is not None and self.external_id.strip() != own:
            message = (
                f"The external id of this organization is {own}: put it into the role's trust policy "
                "(`sts:ExternalId`), and leave `externalId` out or send that one."
            )
            raise _bad(("aws", "externalId"), message)
        settings = {"roleArn": arn, "externalId": own}
        place = ("input", "aws", "roleArn")
        return Credentials(Provider.AWS, ConnectionMethod.AWS_ROLE, settings, {}, place, found.group(2))

    def _keys(self) -> Credentials:
        if self.external_id is not None:
            raise _bad(("aws", "externalId"), "`externalId` goes with `roleArn` only.")
        key_id = (self.access_key_id or "").strip()
        if not _ACCESS_KEY_ID.fullmatch(key_id):
            raise _bad(("aws", "accessKeyId"), "`accessKeyId` must have 16 to 128 letters and digits.")
        secret = {
            "accessKeyId": key_id,
            "secretAccessKey": _secret(self.secret_access_key, "aws", "secretAccessKey"),
        }
        if self.session_token is not None:
            secret["sessionToken"] = _secret(self.session_token, "aws", "sessionToken")
        return Credentials(Provider.AWS, ConnectionMethod.AWS_KEYS, {}, secret, ("input", "aws", "accessKeyId"))


@dataclass(frozen=True)
class AzureCredentials:
    """An application of a tenant, with a secret or a certificate."""

    PLACE: ClassVar[str] = "azure"
    PROVIDER: ClassVar[Provider] = Provider.AZURE
    METHODS: ClassVar[tuple[ConnectionMethod, ConnectionMethod]] = (
        ConnectionMethod.AZURE_SECRET,
        ConnectionMethod.AZURE_CERTIFICATE,
    )
    """With a secret, and with a certificate."""

    tenant_id: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)
    certificate_password: str | None = field(default=None, repr=False)

    def check(self, organization_id: UUID) -> Credentials:  # noqa: ARG002  (the same for every provider)
        """Exactly one of secret and certificate. Raises BadUserInputError at the wrong field."""
        tenant = self.tenant_id.strip().lower()
        if not is_uuid(tenant) and not _DOMAIN.fullmatch(tenant):
            raise _bad((self.PLACE, "tenantId"), "`tenantId` must be the tenant's id (a UUID) or one of its domains.")
        client = self.client_id.strip().lower()
        if not is_uuid(client):
            raise _bad((self.PLACE, "clientId"), "`clientId` must be the application's id (a UUID).")
        settings = {"tenantId": tenant, "clientId": client}
        if (self.client_secret is None) is (self.certificate is None):
            raise _bad((self.PLACE,), "Send either `clientSecret` or `certificate`.")
        if self.client_secret is not None:
            secret = {"clientSecret": _secret(self.client_secret, self.PLACE, "clientSecret")}
            place = ("input", self.PLACE, "clientSecret")
            return Credentials(self.PROVIDER, self.METHODS[0], settings, secret, place, self._account(tenant))
        return self._certificate(settings)

    def _account(self, tenant: str) -> str | None:  # noqa: ARG002  (an account of Azure is none of its tenant)
        """The account that is named along."""
        return None

    def _certificate(self, settings: Mapping[str, str]) -> Credentials:
        text = _secret(self.certificate, self.PLACE, "certificate")
        if "-----BEGIN CERTIFICATE-----" not in text or "PRIVATE KEY-----" not in text:
            message = "`certificate` must be PEM text with the certificate and its private key."
            raise _bad((self.PLACE, "certificate"), message)
        secret = {"certificate": text}
        if self.certificate_password is not None:
            secret["certificatePassword"] = _secret(self.certificate_password, self.PLACE, "certificatePassword")
        place = ("input", self.PLACE, "certificate")
        account = self._account(settings["tenantId"])
        return Credentials(self.PROVIDER, self.METHODS[1], settings, secret, place, account)


@dataclass(frozen=True)
class Microsoft365Credentials(AzureCredentials):
    """The same for Microsoft 365, where the tenant is the account."""

    PLACE: ClassVar[str] = "microsoft365"
    PROVIDER: ClassVar[Provider] = Provider.MICROSOFT_365
    METHODS: ClassVar[tuple[ConnectionMethod, ConnectionMethod]] = (
        ConnectionMethod.M365_SECRET,
        ConnectionMethod.M365_CERTIFICATE,
    )

    def _account(self, tenant: str) -> str | None:
        return tenant if is_uuid(tenant) else None


@dataclass(frozen=True)
class GcpCredentials:
    """The JSON of a service account's key, or that of a workload identity configuration."""

    service_account: str | None = field(default=None, repr=False)
    workload_identity: str | None = field(default=None, repr=False)
    google: Google = field(default_factory=Google)
    """What the operator allows."""

    def check(self, organization_id: UUID) -> Credentials:
        """Exactly one of the two. Raises BadUserInputError at the wrong field."""
        if (self.service_account is None) is (self.workload_identity is None):
            raise _bad(("gcp",), "Send either `serviceAccount` or `workloadIdentity`.")
        if self.service_account is not None:
            place = ("input", "gcp", "serviceAccount")
            text = service_account(_secret(self.service_account, *place[1:]), self.google, place)
            secret = {"serviceAccount": text}
            return Credentials(Provider.GCP, ConnectionMethod.GCP_SERVICE_ACCOUNT, {}, secret, place)
        place = ("input", "gcp", "workloadIdentity")
        text = workload_identity(_secret(self.workload_identity, *place[1:]), self.google, organization_id, place)
        settings = {FOLDER: self.google.folder_of(organization_id)}
        secret = {"workloadIdentity": text}
        return Credentials(Provider.GCP, ConnectionMethod.GCP_WORKLOAD_IDENTITY, settings, secret, place)


SentCredentials = AwsCredentials | AzureCredentials | GcpCredentials


def checked_regions(provider: Provider, regions: Collection[str]) -> list[str]:
    """Names of AWS's regions, each once: they become part of host names. Raises BadUserInputError at `regions`."""
    path = ("input", REGIONS)
    if provider is not Provider.AWS:
        message = "`regions` is for AWS; the others are read as a whole."
        raise BadUserInputError(message, path=path)
    if not 1 <= len(regions) <= MOST_REGIONS:
        message = f"`regions` must name 1 to {MOST_REGIONS} regions; leave it out for all of them."
        raise BadUserInputError(message, path=path)
    for number, region in enumerate(regions):
        if not is_region(region):
            message = "This is no name of a region; they look like eu-central-1."
            raise BadUserInputError(message, path=(*path, str(number)))
    return list(dict.fromkeys(regions))


def is_region(text: str) -> bool:
    """Whether it has the form of a region's name of AWS, so that it can stand in a host name."""
    return _REGION.fullmatch(text) is not None


def checked_subscriptions(subscriptions: Sequence[str], path: tuple[str, ...]) -> list[str]:
    """Azure's ids of subscriptions, in lower case. Raises BadUserInputError."""
    found = [subscription.strip().lower() for subscription in subscriptions]
    for number, subscription in enumerate(found):
        if not is_uuid(subscription):
            message = "This is no id of a subscription, which is a UUID."
            raise BadUserInputError(message, path=(*path, str(number)))
    return found


def is_uuid(text: str) -> bool:
    """Whether it is a UUID in its usual form, in lower case."""
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None


def _secret(text: str | None, *path: str) -> str:
    """Text of 1 to 16,384 bytes without spaces around it."""
    trimmed = (text or "").strip()
    if not 1 <= len(trimmed.encode(errors="replace")) <= LONGEST_SECRET or "\x00" in trimmed:
        message = f"`{path[-1]}` must have 1 to {LONGEST_SECRET:,} bytes."
        raise _bad(path, message)
    return trimmed


def _bad(path: tuple[str, ...], message: str) -> BadUserInputError:
    return BadUserInputError(message, path=("input", *path))
