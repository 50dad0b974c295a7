"""Root fields of what people do with all that is kept about them."""

from __future__ import annotations

from datetime import timedelta

import strawberry

from app.auth.sessions import person
from app.context import Info
from app.privacy.archive import ask_for_archive
from app.privacy.erasure import ask_for_erasure, keep_account
from app.resolvers.access import Access, Limit, mutation
from app.resolvers.sessions import origin_of
from app.schema.privacy import (
    AccountErasure,
    EraseMyAccountInput,
    EraseMyAccountPayload,
    EraseMyAccountResult,
    ExportMyDataInput,
    ExportMyDataPayload,
    ExportMyDataResult,
    KeepMyAccountInput,
    KeepMyAccountPayload,
    KeepMyAccountResult,
    PersonalExport,
)


@strawberry.type
class PrivacyMutations:
    """Taking along what is kept about oneself, and having it erased."""

    @mutation(
        Access.SIGNED_IN,
        "Have an archive made of all that is kept about you, one at a time. Not with a key.",
        limit=Limit(2, per=60),
    )
    async def export_my_data(self, info: Info, input: ExportMyDataInput) -> ExportMyDataResult:  # noqa: A002  (Relay's name)
        """See app.privacy.archive.ask_for_archive."""
        del input  # it has the idempotency key alone
        row = await ask_for_archive(
            info.context.database,
            person(info.context.signed_in()),
            keep=timedelta(days=info.context.runtime.settings.export_retention_days),
        )
        return ExportMyDataPayload(export=PersonalExport.from_row(row))

    @mutation(
        Access.SIGNED_IN,
        "Have your account erased after some days, in which you can take it back by signing in. Your sessions end at "
        "once. Refused for the last owner of an organization with other members.",
        limit=Limit(5, per=60),
    )
    async def erase_my_account(self, info: Info, input: EraseMyAccountInput) -> EraseMyAccountResult:  # noqa: A002  (Relay's name)
        """See app.privacy.erasure.ask_for_erasure."""
        asked = await ask_for_erasure(
            info.context.runtime.authenticator,
            info.context.runtime.vault,
            origin_of(info),
            info.context.signed_in(),
            password=input.password,
            code=input.code,
            confirm=input.confirm,
            grace=timedelta(days=info.context.runtime.settings.erasure_days),
        )
        return EraseMyAccountPayload(
            erasure=AccountErasure.from_row(asked.row),
            ended_sessions=asked.ended_sessions,
            revoked_api_keys=asked.revoked_keys,
            kept_api_keys=asked.kept_keys,
        )

    @mutation(Access.SIGNED_IN, "Take back that your account is to be erased.", limit=Limit(5, per=60))
    async def keep_my_account(self, info: Info, input: KeepMyAccountInput) -> KeepMyAccountResult:  # noqa: A002  (Relay's name)
        """See app.privacy.erasure.keep_account."""
        await keep_account(info.context.runtime.authenticator, info.context.signed_in(), email=input.email)
        return KeepMyAccountPayload(kept=True)
