"""What people do with all that is kept about them: archives of it, and having their account erased."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry

from app.context import Info
from app.privacy.archive import state_of
from app.records.personal_data import PersonalExportState
from app.schema.enums import graph_enum
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.exports import DOWNLOADS
from app.schema.node import global_id
from app.schema.repeatable import Repeatable
from app.schema.scalars import BigInt

graph_enum(
    PersonalExportState,
    "How far the archive of your data is.",
    QUEUED="It waits for a worker.",
    RUNNING="A worker makes it.",
    SUCCEEDED="It can be fetched until it expires.",
    FAILED="It was given up; ask for another.",
    EXPIRED="Its time is over.",
)


@strawberry.type(description="An archive of all that is kept about you: a ZIP of JSON files, with a README.")
class PersonalExport:
    """A row of `personal_exports`."""

    id: strawberry.ID = strawberry.field(description="Opaque id.")
    state: PersonalExportState = strawberry.field(description="How far it is.")
    bytes: BigInt | None = strawberry.field(description="Its size; null until it is ready.")
    sha256: str | None = strawberry.field(description="Its SHA-256 in hexadecimal; null until it is ready.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    expires_at: datetime = strawberry.field(description="When it is deleted.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> PersonalExport:
        """Make it of a row."""
        return cls(
            id=global_id("PersonalExport", row["id"]),
            state=state_of(row),
            bytes=None if row["size"] is None else BigInt(row["size"]),
            sha256=None if row["sha256"] is None else row["sha256"].hex(),
            created_at=row["created_at"],
            expires_at=row["expires_at"],
        )

    @strawberry.field(
        description="Where to GET it: a path at the server of this graph, signed and good for fifteen minutes, in "
        "which it needs no other credential. Null until it is ready."
    )
    def url(self, info: Info) -> str | None:
        """Only the person is shown the archive at all."""
        if self.state is not PersonalExportState.SUCCEEDED:
            return None
        return f"{DOWNLOADS}{self.id}?{info.context.runtime.links.make(str(self.id))}"


@strawberry.type(description="That your account is to be erased, unless you take it back with `keepMyAccount`.")
class AccountErasure:
    """A row of `account_erasures`."""

    requested_at: datetime = strawberry.field(description="When you asked for it.")
    due_at: datetime = strawberry.field(description="When it is done.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> AccountErasure:
        """Make it of a row."""
        return cls(requested_at=row["requested_at"], due_at=row["due_at"])


@strawberry.input(description="Nothing but an idempotency key.")
class ExportMyDataInput(Repeatable):
    """See `exportMyData`."""


@strawberry.type(description="The archive is queued; `viewer { personalExports }` tells how far it is.")
class ExportMyDataPayload:
    """See `exportMyData`."""

    export: PersonalExport = strawberry.field(description="The archive.")


ExportMyDataResult = Annotated[
    ExportMyDataPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("ExportMyDataResult", description="What `exportMyData` answers."),
]


@strawberry.input(description="Proof that it is you, and that you mean it.")
class EraseMyAccountInput:
    """See `eraseMyAccount`."""

    password: str = strawberry.field(description="Your password.")
    code: str | None = strawberry.field(
        default=None, description="A code of your authenticator; needed where your second factor is on."
    )
    confirm: str = strawberry.field(description="The e-mail address of your account.")


@strawberry.type(description="Your account is to be erased, and all your sessions have ended, this one too.")
class EraseMyAccountPayload:
    """See `eraseMyAccount`."""

    erasure: AccountErasure = strawberry.field(description="When it is done.")
    ended_sessions: int = strawberry.field(description="How many sessions ended.")
    revoked_api_keys: int = strawberry.field(
        description="How many API keys of yours were revoked: those in organizations of which you are the only member."
    )
    kept_api_keys: int = strawberry.field(
        description="How many API keys that you have made stay: they belong to organizations with other members, whose "
        "admins see and revoke them."
    )


EraseMyAccountResult = Annotated[
    EraseMyAccountPayload | InvalidInput | Conflict,
    strawberry.union("EraseMyAccountResult", description="What `eraseMyAccount` answers."),
]


@strawberry.input(description="Which account stays.")
class KeepMyAccountInput:
    """See `keepMyAccount`."""

    email: str = strawberry.field(description="The e-mail address of your account.")


@strawberry.type(description="Your account stays. Revoked keys and ended sessions do not come back.")
class KeepMyAccountPayload:
    """See `keepMyAccount`."""

    kept: bool = strawberry.field(description="True.")


KeepMyAccountResult = Annotated[
    KeepMyAccountPayload | InvalidInput | Conflict,
    strawberry.union("KeepMyAccountResult", description="What `keepMyAccount` answers."),
]
