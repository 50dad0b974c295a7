"""Accounts at providers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.records import AccountKind, Provider
from app.records.criteria import AccountOrderField, Direction
from app.schema.enums import graph_enum
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.filters import StringFilter
from app.schema.node import Node, global_id
from app.schema.pages import rows_page
from app.schema.paging import Connection, PageArguments

graph_enum(
    Provider,
    "Who runs the resource or bills the usage.",
    AWS="Amazon Web Services.",
    AZURE="Microsoft Azure.",
    GCP="Google Cloud.",
    MICROSOFT_365="Microsoft 365.",
    OPENAI="OpenAI.",
    ANTHROPIC="Anthropic.",
    GEMINI="Google Gemini.",
    OTHER="Any other provider.",
)
graph_enum(
    AccountKind,
    "How an account's data arrives.",
    MANUAL="Its rows are sent by `ingest…` mutations or files.",
    CONNECTED="Skyledger reads them from the provider by scans.",
)
graph_enum(
    AccountOrderField,
    "What accounts can be ordered by.",
    NAME="Their name.",
    CREATED_AT="When they were added to Skyledger.",
)


@strawberry.type(description="An account, subscription, project or tenant at a provider.")
class Account(Node):
    """A row of `accounts`."""

    provider: Provider = strawberry.field(description="The provider.")
    kind: AccountKind = strawberry.field(description="How the data arrives.")
    native_id: str = strawberry.field(description="The provider's own id, such as an AWS account number.")
    name: str = strawberry.field(description="Name for people.")
    created_at: datetime = strawberry.field(description="When it was added to Skyledger.")
    updated_at: datetime = strawberry.field(description="When it was last changed in Skyledger.")

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
        )


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
    return await rows_page(info.context.loaders.accounts, Account.from_row, organization_id, where, order, page)


@strawberry.input(description="A manual account to add.")
class CreateAccountInput:
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


@strawberry.input(description="What to change about an account; what is left out stays.")
class UpdateAccountInput:
    """See `updateAccount`."""

    id: strawberry.ID = strawberry.field(description="The account.")
    name: str = strawberry.field(description="New name for people; 1 to 256 characters.")


@strawberry.type(description="The account was changed.")
class UpdateAccountPayload:
    """See `updateAccount`."""

    account: Account = strawberry.field(description="The account as it is now.")


UpdateAccountResult = Annotated[
    UpdateAccountPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("UpdateAccountResult", description="What `updateAccount` answers."),
]
