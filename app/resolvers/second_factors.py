"""Root fields of the second factor."""

from __future__ import annotations

import strawberry

from app.auth import second_factor
from app.context import Info
from app.resolvers.access import Access, Limit, mutation
from app.resolvers.sessions import origin_of, tokens_of, viewer_of
from app.schema.second_factors import (
    CompleteLogInInput,
    CompleteLogInPayload,
    CompleteLogInResult,
    ConfirmTotpInput,
    ConfirmTotpPayload,
    ConfirmTotpResult,
    DisableTotpInput,
    DisableTotpPayload,
    DisableTotpResult,
    EnrollTotpInput,
    EnrollTotpPayload,
    EnrollTotpResult,
    RegenerateRecoveryCodesInput,
    RegenerateRecoveryCodesPayload,
    RegenerateRecoveryCodesResult,
)
from app.schema.viewer import Viewer


@strawberry.type
class SecondFactorMutations:
    """Switching an authenticator on and off, and logging in with it."""

    @mutation(
        Access.ANYONE,
        "Sign in with the second factor, after `logIn` has answered with a challenge.",
        limit=Limit(20, per=60),
    )
    async def complete_log_in(
        self,
        info: Info,
        input: CompleteLogInInput,  # noqa: A002  (Relay's name)
    ) -> CompleteLogInResult:
        """See app.auth.second_factor.complete_log_in."""
        sign_in = await second_factor.complete_log_in(
            info.context.runtime.authenticator,
            info.context.runtime.vault,
            origin_of(info),
            challenge=input.challenge,
            code=input.code,
            recovery_code=input.recovery_code,
            passkey=input.passkey,
        )
        return CompleteLogInPayload(**tokens_of(sign_in), viewer=await viewer_of(info, sign_in))

    @mutation(Access.SIGNED_IN, "Make the secret of an authenticator. It counts after `confirmTotp`.")
    async def enroll_totp(self, info: Info, input: EnrollTotpInput) -> EnrollTotpResult:  # noqa: A002  (Relay's name)
        """See app.auth.second_factor.enroll_totp."""
        made = await second_factor.enroll_totp(
            info.context.runtime.authenticator,
            info.context.runtime.vault,
            origin_of(info),
            info.context.signed_in(),
            password=input.password,
        )
        return EnrollTotpPayload(secret=made.secret, otpauth_uri=made.otpauth_uri)

    @mutation(Access.SIGNED_IN, "Switch your second factor on by a first code.")
    async def confirm_totp(self, info: Info, input: ConfirmTotpInput) -> ConfirmTotpResult:  # noqa: A002  (Relay's name)
        """See app.auth.second_factor.confirm_totp."""
        codes = await second_factor.confirm_totp(
            info.context.runtime.authenticator,
            info.context.runtime.vault,
            origin_of(info),
            info.context.signed_in(),
            code=input.code,
        )
        return ConfirmTotpPayload(recovery_codes=codes)

    @mutation(Access.SIGNED_IN, "Switch your second factor off.")
    async def disable_totp(self, info: Info, input: DisableTotpInput) -> DisableTotpResult:  # noqa: A002  (Relay's name)
        """See app.auth.second_factor.disable_totp."""
        principal = info.context.signed_in()
        await second_factor.disable_totp(
            info.context.runtime.authenticator,
            info.context.runtime.vault,
            origin_of(info),
            principal,
            password=input.password,
            code=input.code,
        )
        return DisableTotpPayload(viewer=Viewer.of(info, principal))

    @mutation(Access.SIGNED_IN, "Make new recovery codes, in the place of those that you have.")
    async def regenerate_recovery_codes(
        self,
        info: Info,
        input: RegenerateRecoveryCodesInput,  # noqa: A002  (Relay's name)
    ) -> RegenerateRecoveryCodesResult:
        """See app.auth.second_factor.regenerate_recovery_codes."""
        codes = await second_factor.regenerate_recovery_codes(
            info.context.runtime.authenticator,
            info.context.runtime.vault,
            origin_of(info),
            info.context.signed_in(),
            password=input.password,
            code=input.code,
        )
        return RegenerateRecoveryCodesPayload(recovery_codes=codes)
