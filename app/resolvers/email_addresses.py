"""Root fields of verifying and changing an e-mail address."""

from __future__ import annotations

import strawberry

from app.auth import email_addresses
from app.auth.names import normal_email
from app.context import Info
from app.resolvers.access import Access, Limit, mutation
from app.resolvers.sessions import origin_of
from app.schema.email_addresses import (
    ChangeEmailInput,
    ChangeEmailPayload,
    ChangeEmailResult,
    ResendVerificationInput,
    ResendVerificationPayload,
    ResendVerificationResult,
    VerifyEmailInput,
    VerifyEmailPayload,
    VerifyEmailResult,
)


@strawberry.type
class EmailAddressMutations:
    """Whose address is whose."""

    @mutation(Access.ANYONE, "Prove by the token of a mail that its address is yours.", limit=Limit(20, per=60))
    async def verify_email(self, info: Info, input: VerifyEmailInput) -> VerifyEmailResult:  # noqa: A002  (Relay's name)
        """See app.auth.email_addresses.verify_email."""
        user = await email_addresses.verify_email(info.context.runtime.authenticator, token=input.token)
        return VerifyEmailPayload(email=user["email"])

    @mutation(Access.ANYONE, "Have the mail sent again with which you verify your address.", limit=Limit(10, per=60))
    async def resend_verification(
        self,
        info: Info,
        input: ResendVerificationInput,  # noqa: A002  (Relay's name)
    ) -> ResendVerificationResult:
        """See app.auth.email_addresses.resend_verification."""
        await email_addresses.resend_verification(
            info.context.runtime.authenticator, origin_of(info), email=input.email
        )
        return ResendVerificationPayload(email=normal_email(input.email))

    @mutation(Access.SIGNED_IN, "Have a mail sent to another address, which becomes yours when you use its token.")
    async def change_email(self, info: Info, input: ChangeEmailInput) -> ChangeEmailResult:  # noqa: A002  (Relay's name)
        """See app.auth.email_addresses.change_email."""
        await email_addresses.change_email(
            info.context.runtime.authenticator,
            origin_of(info),
            info.context.signed_in(),
            password=input.password,
            new_email=input.new_email,
        )
        return ChangeEmailPayload(email=normal_email(input.new_email))
