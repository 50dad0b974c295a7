"""Root fields of getting another password."""

from __future__ import annotations

import strawberry

from app.auth import password_changes
from app.auth.names import normal_email
from app.context import Info
from app.resolvers.access import Access, Limit, mutation
from app.resolvers.sessions import origin_of
from app.schema.password_changes import (
    ChangePasswordInput,
    ChangePasswordPayload,
    ChangePasswordResult,
    RequestPasswordResetInput,
    RequestPasswordResetPayload,
    RequestPasswordResetResult,
    ResetPasswordInput,
    ResetPasswordPayload,
    ResetPasswordResult,
)


@strawberry.type
class PasswordChangeMutations:
    """Another password, by a mail or by the old one."""

    @mutation(Access.ANYONE, "Have a mail sent with which you set another password.", limit=Limit(10, per=60))
    async def request_password_reset(
        self,
        info: Info,
        input: RequestPasswordResetInput,  # noqa: A002  (Relay's name)
    ) -> RequestPasswordResetResult:
        """See app.auth.password_changes.request_password_reset."""
        await password_changes.request_password_reset(
            info.context.runtime.authenticator, origin_of(info), email=input.email
        )
        return RequestPasswordResetPayload(email=normal_email(input.email))

    @mutation(
        Access.ANYONE,
        "Set another password by the token of a mail. All sessions end; a second factor stays.",
        limit=Limit(20, per=60),
    )
    async def reset_password(
        self,
        info: Info,
        input: ResetPasswordInput,  # noqa: A002  (Relay's name)
    ) -> ResetPasswordResult:
        """See app.auth.password_changes.reset_password."""
        ended = await password_changes.reset_password(
            info.context.runtime.authenticator, token=input.token, new_password=input.new_password
        )
        return ResetPasswordPayload(ended_sessions=ended)

    @mutation(Access.SIGNED_IN, "Set another password by the old one. Your other sessions end.")
    async def change_password(
        self,
        info: Info,
        input: ChangePasswordInput,  # noqa: A002  (Relay's name)
    ) -> ChangePasswordResult:
        """See app.auth.password_changes.change_password."""
        ended = await password_changes.change_password(
            info.context.runtime.authenticator,
            origin_of(info),
            info.context.signed_in(),
            current_password=input.current_password,
            new_password=input.new_password,
        )
        return ChangePasswordPayload(ended_sessions=ended)
