"""The second factor: switching an authenticator (TOTP) on and off, and logging in with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.authenticator import Authenticator
from app.auth.failed_sign_ins import Way
from app.auth.identity_mails import MailKind, tell_user
from app.auth.noted_acts import note_act
from app.auth.one_time_codes import (
    matching_step,
    new_recovery_codes,
    new_totp_secret,
    otpauth_uri,
    recovery_code_hash,
)
from app.auth.passkey_ceremonies import PasskeyRefusedError, used
from app.auth.proof import hold_proof, prove_password
from app.auth.sessions import BeganBy, Origin, SecondFactorMethod, SignIn, person, start_session
from app.auth.tokens import CHALLENGE_PREFIX, is_opaque_token, token_hash
from app.config import Settings
from app.errors import AuthenticationError, BadUserInputError, ConflictError, UnavailableError
from app.records import Principal
from app.repositories import passkeys, second_factors, single_sign_on, users
from app.sealing.vault import Place, Sealed, Vault, VaultError

MOST_TRIES = 5
"""Of one challenge."""
CODE = ("input", "code")


@dataclass(frozen=True)
class Enrollment:
    """The secret of an authenticator, shown this once, as text and as what a QR code holds."""

    secret: str = field(repr=False)
    otpauth_uri: str = field(repr=False)


async def enroll_totp(
    authenticator: Authenticator, vault: Vault, origin: Origin, principal: Principal, *, password: str
) -> Enrollment:
    """Make a secret, in the place of one that was not confirmed. It counts from `confirm_totp` on.

    Raises as `prove_password` does, and ConflictError where a second factor is on.
    """
    proven = await prove_password(authenticator, origin, principal, password, ("input", "password"))
    secret = new_totp_secret()
    sealed = vault.seal(place_of(proven["id"]), {"secret": secret})
    async with authenticator.database.system() as session:
        await hold_proof(session, proven)
        if not await second_factors.put_unconfirmed_factor(
            session, proven["id"], key_id=sealed.key_id, wrapped_key=sealed.wrapped_key, sealed=sealed.sealed
        ):
            message = "Your second factor is on already; switch it off with disableTotp before you set up another."
            raise ConflictError(message)
    return Enrollment(secret, otpauth_uri(secret, proven["email"]))


async def confirm_totp(
    authenticator: Authenticator, vault: Vault, origin: Origin, principal: Principal, *, code: str
) -> list[str]:
    """Switch the second factor on by a first code; returns the recovery codes, which are shown this once.

    Raises BadUserInputError for a wrong code, RateLimitedError, ConflictError where there is nothing to confirm.
    """
    user_id = person(principal)
    attempt = await authenticator.codes.begin(str(user_id), origin.client_address)
    async with authenticator.database.system() as session:
        factor = await second_factors.lock_factor(session, user_id)
        if factor is None or factor["confirmed_at"] is not None:
            message = "There is nothing to confirm: set a second factor up with enrollTotp first, once."
            raise ConflictError(message)
        if not await _use_code(session, vault, factor, code):
            raise _wrong_code()
        await second_factors.confirm_factor(session, user_id)
        note_act(session, user_id)
        codes = await _new_codes(session, user_id)
        await _tell(session, user_id, MailKind.TOTP_ENABLED)
    await authenticator.codes.succeeded(attempt)
    return codes


async def disable_totp(
    authenticator: Authenticator,
    vault: Vault,
    origin: Origin,
    principal: Principal,
    *,
    password: str | None = None,
    code: str | None = None,
) -> None:
    """Switch the second factor off, its recovery codes with it; needs the password or a code.

    Raises BadUserInputError for neither, both or a wrong one, RateLimitedError, ConflictError where none is on.
    """
    async with _proven(authenticator, vault, origin, principal, password, code) as session:
        await second_factors.delete_factor(session, person(principal))
        note_act(session, person(principal))
        await _tell(session, person(principal), MailKind.TOTP_DISABLED)


async def regenerate_recovery_codes(
    authenticator: Authenticator,
    vault: Vault,
    origin: Origin,
    principal: Principal,
    *,
    password: str | None = None,
    code: str | None = None,
) -> list[str]:
    """Put new recovery codes in the place of all before; returns them, which are shown this once.

    Needs the password or a code, and raises as `disable_totp` does.
    """
    async with _proven(authenticator, vault, origin, principal, password, code, needs_totp=False) as session:
        note_act(session, person(principal))
        return await _new_codes(session, person(principal))


async def complete_log_in(
    authenticator: Authenticator,
    vault: Vault,
    origin: Origin,
    *,
    challenge: str,
    code: str | None = None,
    recovery_code: str | None = None,
    passkey: Mapping[str, Any] | None = None,
) -> SignIn:
    """Start the session of a log-in by its challenge and a code of the authenticator, a recovery code or a passkey.

    A challenge works once, for five minutes and five tries. Raises AuthenticationError, in the same words whatever
    was wrong, BadUserInputError for what cannot be right, RateLimitedError after too many wrong codes.
    """
    if sum(each is not None for each in (code, recovery_code, passkey)) != 1:
        message = "Give either `code` or `recoveryCode` or `passkey`."
        raise BadUserInputError(message, path=CODE)
    if not is_opaque_token(challenge, CHALLENGE_PREFIX):
        message = "`challenge` is not one that logIn gives."
        raise BadUserInputError(message, path=("input", "challenge"))
    hashed, sign_in = token_hash(challenge), None
    async with authenticator.database.system() as session:
        user_id = await second_factors.challenged_user(session, hashed)
    attempt = await authenticator.codes.begin(None if user_id is None else str(user_id), origin.client_address)
    if user_id is not None:
        async with authenticator.database.system() as session:
            tried = await second_factors.try_challenge(session, hashed, MOST_TRIES)
            if tried is not None:
                if passkey is not None:
                    user = await _passkey_holds(authenticator.settings, session, tried, passkey)
                else:
                    user = await _factor_holds(session, vault, user_id, code, recovery_code)
                if user is not None:
                    await second_factors.use_challenge(session, hashed)
                    if await _may_begin(session, tried):
                        provider_of = tried["provider_organization_id"]
                        method = _method(code, recovery_code)
                        sign_in = await start_session(
                            authenticator, session, user, origin, provider_of=provider_of, second_factor=method
                        )
    # Raised outside the transaction, so that the try stays counted.
    if sign_in is None:
        if user_id is not None:
            authenticator.failed_sign_ins.count(user_id, Way.SECOND_FACTOR)
        message = "The code is wrong, used or late, or the log-in took too long. Try the next code, or log in again."
        raise AuthenticationError(message)
    await authenticator.codes.succeeded(attempt)
    return sign_in


def _method(code: str | None, recovery_code: str | None) -> SecondFactorMethod:
    if code is not None:
        return SecondFactorMethod.TOTP
    return SecondFactorMethod.RECOVERY_CODE if recovery_code is not None else SecondFactorMethod.PASSKEY


async def _may_begin(session: AsyncSession, tried: RowMapping) -> bool:
    """Whether the provider of the first half, if there was one, is still the one who signs this user in."""
    organization_id = tried["provider_organization_id"]
    if organization_id is None:
        return bool(tried["began_by"] == BeganBy.PASSWORD)
    await single_sign_on.hold_still(session, organization_id)
    return await single_sign_on.speaks_for(session, organization_id, tried["user_id"])


async def _factor_holds(
    session: AsyncSession, vault: Vault, user_id: UUID, code: str | None, recovery_code: str | None
) -> RowMapping | None:
    """The user, if the code is theirs and was not used; it is used then."""
    user = await users.lock_user(session, user_id)
    factor = await second_factors.lock_factor(session, user_id)
    if user is None:
        return None
    if code is not None:
        if factor is None or factor["confirmed_at"] is None:
            return None
        return user if await _use_code(session, vault, factor, code) else None
    hashed = recovery_code_hash(user_id, recovery_code or "")
    if not await second_factors.use_recovery_code(session, user_id, hashed):
        return None
    await tell_user(session, user, MailKind.RECOVERY_CODE_USED)
    return user


async def _passkey_holds(
    settings: Settings, session: AsyncSession, tried: RowMapping, answer: Mapping[str, Any]
) -> RowMapping | None:
    """The user, if one of their passkeys has answered this challenge; who is locked, so that its count only rises."""
    user = await users.lock_user(session, tried["user_id"])
    if user is None or tried["passkey_challenge"] is None:
        return None
    known = await passkeys.passkeys_of(session, user["id"])
    try:
        passkey, sign_count = used(settings, answer, tried["passkey_challenge"], known)
    except PasskeyRefusedError as error:
        structlog.get_logger(__name__).info("passkey_refused", user_id=str(user["id"]), reason=str(error))
        return None
    await passkeys.note_use(session, passkey["id"], sign_count)
    return user


@asynccontextmanager
async def _proven(
    authenticator: Authenticator,
    vault: Vault,
    origin: Origin,
    principal: Principal,
    password: str | None,
    code: str | None,
    *,
    needs_totp: bool = True,
) -> AsyncIterator[AsyncSession]:
    """A transaction for what a password or a code of the factor that is on has opened."""
    user_id = person(principal)
    if (password is None) == (code is None):
        message = "Give either `password` or `code`."
        raise BadUserInputError(message, path=("input", "password"))
    proven = attempt = None
    if password is not None:
        proven = await prove_password(authenticator, origin, principal, password, ("input", "password"))
    else:
        attempt = await authenticator.codes.begin(str(user_id), origin.client_address)
    async with authenticator.database.system() as session:
        if proven is not None:
            await hold_proof(session, proven)
        factor = await second_factors.lock_factor(session, user_id)
        is_on = factor is not None and factor["confirmed_at"] is not None
        if not is_on and (needs_totp or code is not None or not await second_factors.has_factor(session, user_id)):
            message = "Your second factor is not on; set it up with enrollTotp."
            raise ConflictError(message)
        if code is not None and factor is not None and not await _use_code(session, vault, factor, code):
            raise _wrong_code()
        yield session
    if attempt is not None:
        await authenticator.codes.succeeded(attempt)


@asynccontextmanager
async def prove_code(
    authenticator: Authenticator, vault: Vault, origin: Origin, user_id: UUID, code: str | None
) -> AsyncIterator[AsyncSession]:
    """A transaction for what asks for a code beside the password, where the second factor is on.

    Raises BadUserInputError for a missing or wrong code, RateLimitedError.
    """
    attempt = None if code is None else await authenticator.codes.begin(str(user_id), origin.client_address)
    async with authenticator.database.system() as session:
        factor = await second_factors.lock_factor(session, user_id)
        if factor is not None and factor["confirmed_at"] is not None:
            if code is None:
                message = "Your second factor is on: give its `code` too."
                raise BadUserInputError(message, path=CODE)
            if not await _use_code(session, vault, factor, code):
                raise _wrong_code()
        yield session
    if attempt is not None:
        await authenticator.codes.succeeded(attempt)


async def _use_code(session: AsyncSession, vault: Vault, factor: RowMapping, code: str) -> bool:
    """Whether a code is one of the factor's that was not used; it is used then."""
    try:
        secret = vault.unseal(place_of(factor["user_id"]), sealed_of(factor))["secret"]
    except VaultError as error:
        structlog.get_logger(__name__).error("second_factor_not_opened", reason=str(error))
        message = "Second factors cannot be checked here at the moment; the operator's log says why. Try again later."
        raise UnavailableError(message) from None
    step = matching_step(secret, code, factor["last_step"])
    if step is None:
        return False
    await second_factors.use_step(session, factor["user_id"], step)
    return True


async def _new_codes(session: AsyncSession, user_id: UUID) -> list[str]:
    codes = new_recovery_codes()
    await second_factors.replace_recovery_codes(session, user_id, [recovery_code_hash(user_id, each) for each in codes])
    return codes


async def _tell(session: AsyncSession, user_id: UUID, kind: MailKind) -> None:
    user = await users.get_user(session, user_id)
    if user is not None:
        await tell_user(session, user, kind)


def place_of(user_id: UUID) -> Place:
    """Where the secret of a user's second factor is stored."""
    return Place(None, "totp_factors", "sealed", user_id)


def sealed_of(factor: RowMapping) -> Sealed:
    """What is sealed, of a row of `totp_factors`."""
    return Sealed(key_id=factor["key_id"], wrapped_key=factor["wrapped_key"], sealed=factor["sealed"])


def _wrong_code() -> BadUserInputError:
    return BadUserInputError(
        "The code is wrong or was used; wait for the next one, and see that the clock of the device is right.",
        path=CODE,
    )
