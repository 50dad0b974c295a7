"""Passkeys of the person who asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry

from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.node import global_id
from app.schema.repeatable import Repeatable
from app.schema.scalars import JSONObject


@strawberry.type(description="A passkey of yours, by which a log-in can be completed.")
class Passkey:
    """A row of `passkeys`."""

    id: strawberry.ID = strawberry.field(description="Opaque id, for `renamePasskey` and `removePasskey`.")
    name: str = strawberry.field(description="What you call it.")
    backed_up: bool = strawberry.field(description="Whether other devices of yours had it too when it was added.")
    created_at: datetime = strawberry.field(description="When it was added.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used; null for never.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Passkey:
        """Make it of a row."""
        return cls(
            id=global_id("Passkey", row["id"]),
            name=row["name"],
            backed_up=row["backed_up"],
            created_at=row["created_at"],
            last_used_at=row["last_used_at"],
        )


@strawberry.input(description="Who adds a passkey.")
class BeginPasskeyRegistrationInput:
    """See `beginPasskeyRegistration`."""

    password: str = strawberry.field(description="Your password.")


@strawberry.type(description="What to ask the browser for. Its answer is good for `addPasskey` once within 5 minutes.")
class BeginPasskeyRegistrationPayload:
    """See `beginPasskeyRegistration`."""

    options: JSONObject = strawberry.field(
        description="For `PublicKeyCredential.parseCreationOptionsFromJSON()` and `navigator.credentials.create()`."
    )


BeginPasskeyRegistrationResult = Annotated[
    BeginPasskeyRegistrationPayload | InvalidInput | Conflict,
    strawberry.union("BeginPasskeyRegistrationResult", description="What `beginPasskeyRegistration` answers."),
]


@strawberry.input(description="The passkey that the browser has made.")
class AddPasskeyInput(Repeatable):
    """See `addPasskey`."""

    name: str = strawberry.field(description="What you call it; 1 to 100 characters.")
    credential: JSONObject = strawberry.field(
        description="What `navigator.credentials.create()` gave, by its `toJSON()`."
    )


@strawberry.type(description="The passkey was added: every log-in asks for a second factor from now on.")
class AddPasskeyPayload:
    """See `addPasskey`."""

    passkey: Passkey = strawberry.field(description="The passkey.")
    recovery_codes: list[str] | None = strawberry.field(
        description="Ten codes for when the passkey is lost, each good once. Secrets, shown this once; null where a "
        "second factor was on before."
    )


AddPasskeyResult = Annotated[
    AddPasskeyPayload | InvalidInput | Conflict,
    strawberry.union("AddPasskeyResult", description="What `addPasskey` answers."),
]


@strawberry.input(description="Another name for a passkey.")
class RenamePasskeyInput:
    """See `renamePasskey`."""

    id: strawberry.ID = strawberry.field(description="One of your passkeys.")
    name: str = strawberry.field(description="What you call it; 1 to 100 characters.")


@strawberry.type(description="The passkey has another name.")
class RenamePasskeyPayload:
    """See `renamePasskey`."""

    passkey: Passkey = strawberry.field(description="The passkey as it is now.")


RenamePasskeyResult = Annotated[
    RenamePasskeyPayload | InvalidInput | NotFound,
    strawberry.union("RenamePasskeyResult", description="What `renamePasskey` answers."),
]


@strawberry.input(description="A passkey to remove.")
class RemovePasskeyInput:
    """See `removePasskey`."""

    id: strawberry.ID = strawberry.field(description="One of your passkeys.")
    password: str = strawberry.field(description="Your password.")


@strawberry.type(description="Nobody logs in with the passkey any more.")
class RemovePasskeyPayload:
    """See `removePasskey`."""

    removed_passkey_id: strawberry.ID = strawberry.field(description="Id of the passkey that was removed.")


RemovePasskeyResult = Annotated[
    RemovePasskeyPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("RemovePasskeyResult", description="What `removePasskey` answers."),
]
