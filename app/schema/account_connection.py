"""Inputs and payloads of connecting accounts. Secrets come in here and go out nowhere."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from app.accounts.change import AccountChange
from app.accounts.connect import NewConnection
from app.accounts.credentials import (
    AwsCredentials,
    AzureCredentials,
    Credentials,
    GcpCredentials,
    Microsoft365Credentials,
    SentCredentials,
    checked_subscriptions,
)
from app.accounts.google import Google, checked_gcp_scope
from app.config import Settings
from app.errors import BadUserInputError
from app.records import UNSET
from app.schema.accounts import Account
from app.schema.errors import Conflict, InvalidInput, NotFound, QuotaExceeded

SECRET = "Written only: it is sealed at once and never shown."  # noqa: S105  (a description)


class Hidden:
    """A base of inputs with secrets, which must not show them where an error is described."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


@strawberry.input(description="A service that is called at another URL than the provider's own.")
class EndpointInput:
    """See AccountEndpoint."""

    service: str = strawberry.field(
        description="Name of the service as the provider's SDK has it, such as `ec2`, `management` or `cloudasset`; "
        "`*` for all of them. A name that is never called is refused."
    )
    url: str = strawberry.field(
        description="https on a host of the provider itself, without port or path; the operator lists others in "
        "SKYLEDGER_ENDPOINT_HOSTS. Only to those Skyledger sends its own request to assume a role."
    )


@strawberry.input(description="How to sign in to AWS: either with a role or with keys.")
class AwsCredentialsInput(Hidden):
    """See AwsCredentials."""

    role_arn: str | None = strawberry.field(
        default=None,
        description="Role that Skyledger assumes. Its trust policy must ask for `Organization.awsExternalId`: a role "
        "that can be assumed with another external id is refused, and so is one of the operator's own account.",
    )
    external_id: str | None = strawberry.field(
        default=None, description="The organization's `awsExternalId`, which is also what is used when left out."
    )
    access_key_id: str | None = strawberry.field(default=None, description="Access key id, where there is no role.")
    secret_access_key: str | None = strawberry.field(default=None, description=f"Its secret. {SECRET}")
    session_token: str | None = strawberry.field(default=None, description=f"Session token of temporary keys. {SECRET}")

    __repr__ = Hidden.__repr__


@strawberry.input(description="How to sign in to Azure: as an application, with a secret or a certificate.")
class AzureCredentialsInput(Hidden):
    """See AzureCredentials."""

    tenant_id: str = strawberry.field(description="The tenant: its id or one of its domains.")
    client_id: str = strawberry.field(description="The application's (client) id.")
    client_secret: str | None = strawberry.field(default=None, description=f"A secret of the application. {SECRET}")
    certificate: str | None = strawberry.field(
        default=None, description=f"PEM text of a certificate of the application and its private key. {SECRET}"
    )
    certificate_password: str | None = strawberry.field(
        default=None, description=f"Password of that private key. {SECRET}"
    )

    __repr__ = Hidden.__repr__


@strawberry.input(description="How to sign in to Google Cloud: with a service account's key or workload identity.")
class GcpCredentialsInput(Hidden):
    """See GcpCredentials."""

    service_account: str | None = strawberry.field(
        default=None, description=f"Text of the JSON file of a service account's key. {SECRET}"
    )
    workload_identity: str | None = strawberry.field(
        default=None,
        description="Text of the JSON file of a workload identity configuration, whose token is a file in the "
        f"organization's folder of SKYLEDGER_WORKLOAD_IDENTITY_DIR. {SECRET}",
    )

    __repr__ = Hidden.__repr__


@strawberry.input(
    description="How to sign in to a tenant of Microsoft 365: as an application, with a secret or a certificate."
)
class Microsoft365CredentialsInput(AzureCredentialsInput):
    """See Microsoft365Credentials."""

    __repr__ = Hidden.__repr__


@strawberry.input(description="Subscriptions of Azure, and how to sign in to them.")
class AzureConnectionInput(AzureCredentialsInput):
    """Several accounts with the same credentials."""

    subscriptions: list[str] = strawberry.field(description="Ids of 1 to 50 subscriptions; each becomes an account.")

    __repr__ = Hidden.__repr__


@strawberry.input(description="Projects of Google Cloud, or a whole organization or folder, and how to sign in.")
class GcpConnectionInput(GcpCredentialsInput):
    """Several accounts with the same credentials."""

    projects: list[str] | None = strawberry.field(
        default=None, description="Ids of 1 to 50 projects; each becomes an account."
    )
    organization: str | None = strawberry.field(default=None, description="Number of an organization: one account.")
    folder: str | None = strawberry.field(default=None, description="Number of a folder: one account.")

    __repr__ = Hidden.__repr__


@strawberry.input(description="Accounts to connect: exactly one of `aws`, `azure`, `gcp` and `microsoft365`.")
class ConnectAccountInput:
    """See `connectAccount`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization that gets the accounts.")
    aws: AwsCredentialsInput | None = strawberry.field(default=None, description="An account of AWS.")
    azure: AzureConnectionInput | None = strawberry.field(default=None, description="Subscriptions of Azure.")
    gcp: GcpConnectionInput | None = strawberry.field(default=None, description="Parts of Google Cloud.")
    microsoft_365: Microsoft365CredentialsInput | None = strawberry.field(
        name="microsoft365", default=None, description="A tenant of Microsoft 365, which is one account."
    )
    name: str | None = strawberry.field(
        default=None, description="Name for people, for a single account; the provider's own when left out."
    )
    regions: list[str] | None = strawberry.field(
        default=None,
        description="The only regions of AWS to read; each must be switched on. All that are, when left out.",
    )
    endpoints: list[EndpointInput] | None = strawberry.field(
        default=None, description="Services to call elsewhere: private endpoints and emulators."
    )

    def wanted(self, organization_id: UUID, settings: Settings) -> NewConnection:
        """What is to be connected. Raises BadUserInputError at the wrong field."""
        credentials = _credentials(self, organization_id, settings)
        if credentials is None:
            raise _exactly_one()
        ids, place = self._native_ids()
        return NewConnection(
            credentials=credentials,
            native_ids=tuple(ids),
            ids_path=place,
            name=self.name,
            regions=self.regions,
            endpoints=_pairs(self.endpoints or []),
            hosts=settings.endpoint_hosts,
        )

    def _native_ids(self) -> tuple[list[str], tuple[str, ...]]:
        if self.azure is not None:
            place = ("input", "azure", "subscriptions")
            return checked_subscriptions(self.azure.subscriptions, place), place
        if self.gcp is not None:
            sent = self.gcp
            ids = checked_gcp_scope(sent.projects, sent.organization, sent.folder, ("input", "gcp"))
            scopes = {"projects": sent.projects, "organization": sent.organization, "folder": sent.folder}
            return ids, ("input", "gcp", next(name for name, value in scopes.items() if value is not None))
        return [], ("input", "aws" if self.aws is not None else "microsoft365")


@strawberry.type(description="The accounts are connected; what their health is, they tell.")
class ConnectAccountPayload:
    """See `connectAccount`."""

    accounts: list[Account] = strawberry.field(description="The accounts, in the order in which they were named.")


ConnectAccountResult = Annotated[
    ConnectAccountPayload | InvalidInput | NotFound | Conflict | QuotaExceeded,
    strawberry.union("ConnectAccountResult", description="What `connectAccount` answers."),
]


@strawberry.input(description="An account to ask whether it works.")
class VerifyAccountInput:
    """See `verifyAccount`."""

    id: strawberry.ID = strawberry.field(description="The account.")


@strawberry.type(description="The account was asked; its `health` tells what came of it.")
class VerifyAccountPayload:
    """See `verifyAccount`."""

    account: Account = strawberry.field(description="The account as it is now.")


VerifyAccountResult = Annotated[
    VerifyAccountPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("VerifyAccountResult", description="What `verifyAccount` answers."),
]


@strawberry.input(description="What to change about an account; what is left out stays.")
class UpdateAccountInput:
    """See `updateAccount`."""

    id: strawberry.ID = strawberry.field(description="The account.")
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="New name for people; 1 to 256 characters."
    )
    aws: AwsCredentialsInput | None = strawberry.field(
        default=strawberry.UNSET, description="New credentials of an account of AWS; they are tried first."
    )
    azure: AzureCredentialsInput | None = strawberry.field(
        default=strawberry.UNSET, description="New credentials of a subscription of Azure; they are tried first."
    )
    gcp: GcpCredentialsInput | None = strawberry.field(
        default=strawberry.UNSET, description="New credentials of a part of Google Cloud; they are tried first."
    )
    microsoft_365: Microsoft365CredentialsInput | None = strawberry.field(
        name="microsoft365",
        default=strawberry.UNSET,
        description="New credentials of a tenant of Microsoft 365; they are tried first.",
    )
    regions: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="The only regions of AWS to read; each must be switched on. Null for all that are.",
    )
    endpoints: list[EndpointInput] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Services to call elsewhere, all of them anew; null for none. Unless the method is AWS_ROLE, the "
        "credentials have to be sent along, so that nobody can send stored ones to a place of their own.",
    )
    allows_tagging: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether `markForDeletion(tagInCloud: true)` may tag resources of the account, which a connected "
        "account of AWS, Azure or GCP can allow. It needs permissions that are printed apart by `skyledger "
        "permissions` and that nothing else needs. When it is taken back, tags that were written stay until their "
        "recommendations are opened again, ignored or resolved. Disconnecting takes it back.",
    )

    def wanted(self, organization_id: UUID, settings: Settings) -> AccountChange:
        """What is to be changed. Raises BadUserInputError at the wrong field."""
        endpoints = self.endpoints
        return AccountChange(
            name=UNSET if self.name is None or self.name is strawberry.UNSET else self.name,
            credentials=_credentials(self, organization_id, settings) or UNSET,
            regions=UNSET if self.regions is strawberry.UNSET else self.regions,
            endpoints=UNSET if endpoints is strawberry.UNSET else _pairs(endpoints or []),
            hosts=settings.endpoint_hosts,
            allows_tagging=self.allows_tagging if isinstance(self.allows_tagging, bool) else UNSET,
        )


@strawberry.type(description="The account was changed.")
class UpdateAccountPayload:
    """See `updateAccount`."""

    account: Account = strawberry.field(description="The account as it is now.")


UpdateAccountResult = Annotated[
    UpdateAccountPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("UpdateAccountResult", description="What `updateAccount` answers."),
]


@strawberry.input(description="An account to disconnect.")
class DisconnectAccountInput:
    """See `disconnectAccount`."""

    id: strawberry.ID = strawberry.field(description="The account.")


@strawberry.type(description="The credentials are deleted and scans stop; resources, costs and history stay.")
class DisconnectAccountPayload:
    """See `disconnectAccount`."""

    account: Account = strawberry.field(description="The account as it is now.")


DisconnectAccountResult = Annotated[
    DisconnectAccountPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("DisconnectAccountResult", description="What `disconnectAccount` answers."),
]


def _credentials(
    sent: ConnectAccountInput | UpdateAccountInput, organization_id: UUID, settings: Settings
) -> Credentials | None:
    """The one of `aws`, `azure`, `gcp` and `microsoft365` that was sent, checked; None where there is none."""
    values = (sent.aws, sent.azure, sent.gcp, sent.microsoft_365)
    given = [value for value in values if value is not None and value is not strawberry.UNSET]
    if not given:
        return None
    if len(given) > 1:
        raise _exactly_one()
    endpoints = {service: url.strip().rstrip("/") for service, url in _pairs(sent.endpoints or [])}
    google = Google(settings.workload_identity_dir, endpoints.get("token"))
    return _of_input(given[0], google).check(organization_id)


def _of_input(
    sent: AwsCredentialsInput | AzureCredentialsInput | GcpCredentialsInput, google: Google
) -> SentCredentials:
    if isinstance(sent, AwsCredentialsInput):
        return AwsCredentials(
            sent.role_arn, sent.external_id, sent.access_key_id, sent.secret_access_key, sent.session_token
        )
    if isinstance(sent, AzureCredentialsInput):
        made = Microsoft365Credentials if isinstance(sent, Microsoft365CredentialsInput) else AzureCredentials
        return made(sent.tenant_id, sent.client_id, sent.client_secret, sent.certificate, sent.certificate_password)
    return GcpCredentials(sent.service_account, sent.workload_identity, google)


def _pairs(sent: list[EndpointInput]) -> list[tuple[str, str]]:
    return [(entry.service, entry.url) for entry in sent]


def _exactly_one() -> BadUserInputError:
    return BadUserInputError("Send exactly one of `aws`, `azure`, `gcp` and `microsoft365`.", path=("input",))
