"""Accounts at providers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
import strawberry

import app.schema.providers  # noqa: F401  (makes Provider an enum of the graph)
from app.context import Info
from app.errors import NotFoundError
from app.execution import Made, from_rows
from app.records import AccountHealth, AccountKind, ConnectionMethod, Provider
from app.records.criteria import AccountOrderField, Direction
from app.schema.enums import graph_enum
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.filters import StringFilter
from app.schema.node import Node, global_id, node_id
from app.schema.node_costs import AccountCosts
from app.schema.opinions import AccountAdvice
from app.schema.pages import rows_page
from app.schema.paging import Connection, PageArguments, within
from app.schema.repeatable import Repeatable

MOST_CHECKS = 100
graph_enum(
    AccountKind,
    "How an account's data arrives.",
    MANUAL="Its rows are sent by `ingest…` mutations or files.",
    CONNECTED="Skyledger reads them from the provider by scans.",
)
graph_enum(
    AccountHealth,
    "How an account answered when it was last asked.",
    HEALTHY="Everything works.",
    DEGRADED="It answers, but permissions are missing, or it is slow or in trouble.",
    ERROR="The credentials do not work, or it cannot be reached.",
)
graph_enum(
    ConnectionMethod,
    "How Skyledger signs in to a connected account.",
    AWS_ROLE="It assumes a role, with the organization's external id.",
    AWS_KEYS="With an access key.",
    AZURE_SECRET="As an application, with its secret.",  # noqa: S106  (a description)
    AZURE_CERTIFICATE="As an application, with its certificate.",
    GCP_SERVICE_ACCOUNT="As a service account, with its key.",
    GCP_WORKLOAD_IDENTITY="By workload identity federation.",
    M365_SECRET="As an application of Microsoft 365, with its secret.",  # noqa: S106  (a description)
    M365_CERTIFICATE="As an application of Microsoft 365, with its certificate.",
)
graph_enum(
    AccountOrderField,
    "What accounts can be ordered by.",
    NAME="Their name.",
    CREATED_AT="When they were added to Skyledger.",
)


@strawberry.type(description="A URL that stands in for a provider's own.")
class AccountEndpoint:
    """An entry of `accounts.settings`."""

    service: str = strawberry.field(description="Which service of the provider is called there; `*` for all of them.")
    url: str = strawberry.field(description="Where it is called.")


@strawberry.type(description="How an account answered at one moment.")
class AccountCheck:
    """A row of `account_checks`, or the health columns of `accounts`."""

    state: AccountHealth = strawberry.field(description="How it was.")
    message: str | None = strawberry.field(description="What was wrong and what to do about it, where something was.")
    missing_permissions: list[str] | None = strawberry.field(
        description="Permissions that it lacks, by the provider's names; null where the provider does not tell."
    )
    response_milliseconds: int | None = strawberry.field(
        description="How long it took to answer; null where it did not, or where a scan told."
    )
    checked_at: datetime = strawberry.field(description="When that was.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> AccountCheck:
        """Make it of a row of `account_checks`."""
        return cls(
            state=AccountHealth(row["health"]),
            message=row["message"],
            missing_permissions=row["missing_permissions"],
            response_milliseconds=row["response_milliseconds"],
            checked_at=row["checked_at"],
        )

    @classmethod
    def of_account(cls, row: Mapping[Any, Any]) -> AccountCheck | None:
        """The last check, as the account keeps it; None where it was never checked."""
        if row["health"] is None:
            return None
        last = {**row, "message": row["health_message"], "checked_at": row["health_checked_at"]}
        return cls.from_row(last)


def _endpoints(settings: Mapping[str, Any]) -> list[AccountEndpoint]:
    """What `accounts.settings` has of them, in the order of services."""
    endpoints = settings.get("endpoints") or {}
    return [AccountEndpoint(service=service, url=url) for service, url in sorted(endpoints.items())]


@from_rows(
    *("provider", "kind", "native_id", "name", "created_at", "updated_at", "method", "disconnected_at"),
    "allows_tagging",
    id=node_id("Account"),
    regions=Made(("settings",), lambda settings: orjson.loads(settings).get("regions")),
    endpoints=Made(("settings",), lambda settings: _endpoints(orjson.loads(settings))),
)
@strawberry.type(description="An account, subscription, project or tenant at a provider.")
class Account(AccountCosts, AccountAdvice, Node):
    """A row of `accounts`."""

    provider: Provider = strawberry.field(description="The provider.")
    kind: AccountKind = strawberry.field(description="How the data arrives.")
    native_id: str = strawberry.field(description="The provider's own id, such as an AWS account number.")
    name: str = strawberry.field(description="Name for people.")
    created_at: datetime = strawberry.field(description="When it was added to Skyledger.")
    updated_at: datetime = strawberry.field(description="When it was last changed in Skyledger.")
    method: ConnectionMethod | None = strawberry.field(description="How Skyledger signs in; null for a manual account.")
    regions: list[str] | None = strawberry.field(description="The only regions that are read; null for all of them.")
    endpoints: list[AccountEndpoint] = strawberry.field(description="Where services are called instead, if anywhere.")
    health: AccountCheck | None = strawberry.field(
        description="How it answered when it was last asked; null for one that never was."
    )
    disconnected_at: datetime | None = strawberry.field(
        description="Since when it is disconnected; null while it is connected, and for a manual account."
    )
    allows_tagging: bool = strawberry.field(
        description="Whether Skyledger may tag in the cloud what is marked for deletion, where somebody asks for it."
    )
    key: strawberry.Private[tuple[UUID, UUID]]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Account:
        """Make it of a row."""
        return cls(
            id=global_id("Account", row["id"], row["organization_id"]),
            provider=Provider(row["provider"]),
            kind=AccountKind(row["kind"]),
            native_id=row["native_id"],
            name=row["name"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            method=ConnectionMethod(row["method"]) if row["method"] is not None else None,
            regions=row["settings"].get("regions"),
            endpoints=_endpoints(row["settings"]),
            health=AccountCheck.of_account(row),
            disconnected_at=row["disconnected_at"],
            allows_tagging=row["allows_tagging"],
            key=(row["organization_id"], row["id"]),
        )

    @strawberry.field(description="Its last checks, the newest first; the newest 1,000 are kept.")
    async def health_history(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100.")] = 25,
    ) -> list[AccountCheck]:
        """One statement for all accounts of a page."""
        rows = await info.context.loaders.account_checks(within(first, MOST_CHECKS)).load(self.key)
        return [AccountCheck.from_row(row) for row in rows]


async def accounts_of(info: Info, keys: Sequence[tuple[UUID, UUID]]) -> list[Account]:
    """The accounts of things that cannot be without one; one statement. Raises NotFoundError."""
    rows = await info.context.loaders.account_by_id.load_many(keys)
    if None in rows:  # a foreign key forbids it; the account and what it owns went while this was read
        message = "The account was deleted in the meantime; ask again."
        raise NotFoundError(message)
    return [Account.from_row(row) for row in rows if row is not None]


@strawberry.input(description="Which accounts; all conditions must hold.")
class AccountFilter:
    """Fields are named like columns of `accounts`."""

    provider: StringFilter | None = strawberry.field(default=None, description="Provider, by its enum name.")
    native_id: StringFilter | None = strawberry.field(default=None, description="The provider's own id.")
    name: StringFilter | None = strawberry.field(default=None, description="Name.")


@strawberry.input(description="Order of accounts; equal ones are ordered by id.")
class AccountOrder:
    """Field and direction."""

    field: AccountOrderField = strawberry.field(description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which end first.")


async def account_page(
    info: Info, organization_id: UUID, where: AccountFilter | None, order_by: AccountOrder | None, page: PageArguments
) -> Connection[Account]:
    """A page of an organization's accounts, by name when no order is given."""
    order = (order_by.field, order_by.direction) if order_by else (AccountOrderField.NAME, Direction.ASC)
    return await rows_page(info, info.context.loaders.accounts, Account.from_row, organization_id, where, order, page)


@strawberry.input(description="A manual account to add.")
class CreateAccountInput(Repeatable):
    """See `createAccount`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization that gets the account.")
    provider: Provider = strawberry.field(description="The provider.")
    native_id: str = strawberry.field(description="The provider's own id; 1 to 256 characters.")
    name: str | None = strawberry.field(default=None, description="Name for people; the native id when left out.")


@strawberry.type(description="The account was added.")
class CreateAccountPayload:
    """See `createAccount`."""

    account: Account = strawberry.field(description="The new account.")


CreateAccountResult = Annotated[
    CreateAccountPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("CreateAccountResult", description="What `createAccount` answers."),
]
