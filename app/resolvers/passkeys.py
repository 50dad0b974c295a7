"""Root fields of passkeys."""

from __future__ import annotations

import strawberry

from app.auth import passkeys
from app.context import Info
from app.resolvers.access import Access, Limit, mutation
from app.resolvers.sessions import origin_of
from app.schema.node import parse_id
from app.schema.passkeys import (
    AddPasskeyInput,
    AddPasskeyPayload,
    AddPasskeyResult,
    BeginPasskeyRegistrationInput,
    BeginPasskeyRegistrationPayload,
    BeginPasskeyRegistrationResult,
    Passkey,
    RemovePasskeyInput,
    RemovePasskeyPayload,
    RemovePasskeyResult,
    RenamePasskeyInput,
    RenamePasskeyPayload,
    RenamePasskeyResult,
)
from app.schema.scalars import JSONObject


@strawberry.type
class PasskeyMutations:
    """Adding, naming and removing passkeys."""

    @mutation(Access.SIGNED_IN, "Begin to add a passkey of yours.", limit=Limit(20, per=60))
    async def begin_passkey_registration(
        self,
        info: Info,
        input: BeginPasskeyRegistrationInput,  # noqa: A002  (Relay's name)
    ) -> BeginPasskeyRegistrationResult:
        """See app.auth.passkeys.begin_registration."""
        options = await passkeys.begin_registration(
            info.context.runtime.authenticator, origin_of(info), info.context.signed_in(), password=input.password
        )
        return BeginPasskeyRegistrationPayload(options=JSONObject(options))

    @mutation(Access.SIGNED_IN, "Add the passkey that the browser has made.", limit=Limit(20, per=60))
    async def add_passkey(self, info: Info, input: AddPasskeyInput) -> AddPasskeyResult:  # noqa: A002  (Relay's name)
        """See app.auth.passkeys.add_passkey."""
        row, codes = await passkeys.add_passkey(
            info.context.runtime.authenticator,
            info.context.signed_in(),
            name=input.name,
            credential=input.credential,
        )
        return AddPasskeyPayload(passkey=Passkey.from_row(row), recovery_codes=codes)

    @mutation(Access.SIGNED_IN, "Give a passkey of yours another name.")
    async def rename_passkey(
        self,
        info: Info,
        input: RenamePasskeyInput,  # noqa: A002  (Relay's name)
    ) -> RenamePasskeyResult:
        """See app.auth.passkeys.rename_passkey."""
        key = parse_id(input.id, "Passkey", path=("input", "id"))
        row = await passkeys.rename_passkey(
            info.context.runtime.authenticator, info.context.signed_in(), key.id, name=input.name
        )
        return RenamePasskeyPayload(passkey=Passkey.from_row(row))

    @mutation(Access.SIGNED_IN, "Remove a passkey of yours, such as that of a device that was lost.")
    async def remove_passkey(
        self,
        info: Info,
        input: RemovePasskeyInput,  # noqa: A002  (Relay's name)
    ) -> RemovePasskeyResult:
        """See app.auth.passkeys.remove_passkey."""
        key = parse_id(input.id, "Passkey", path=("input", "id"))
        await passkeys.remove_passkey(
            info.context.runtime.authenticator,
            origin_of(info),
            info.context.signed_in(),
            key.id,
            password=input.password,
        )
        return RemovePasskeyPayload(removed_passkey_id=input.id)
