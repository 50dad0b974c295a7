"""Signing up, in and out: each act that starts, renews or ends a session."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.authenticator import Authenticator
from app.auth.failed_sign_ins import Way
from app.auth.identity_mails import MailKind, ask_for_mail
from app.auth.mail_requests import end_change_of_email
from app.auth.names import checked_name, normal_email
from app.auth.noted_acts import note_act
from app.auth.notices import reach_changed
from app.auth.passkey_ceremonies import authentication_options
from app.auth.passwords import check_policy
from app.auth.throttle import Attempt
from app.auth.tokens import CHALLENGE_PREFIX, REFRESH_PREFIX, is_opaque_token, new_opaque_token, token_hash
from app.errors import (
    AuthenticationError,
    BadUserInputError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
)
from app.models import Session, now
from app.records import Principal
from app.repositories import passkeys, second_factors, sessions, single_sign_on, users

CHALLENGE_LIFE = timedelta(minutes=5)
_LONGEST_USER_AGENT = 300
_PASSKEY_CHALLENGE_BYTES = 32

Result = TypeVar("Result")


class BeganBy(StrEnum):
    """What a session began by."""

    PASSWORD = "PASSWORD"  # noqa: S105  (a name)
    SINGLE_SIGN_ON = "SINGLE_SIGN_ON"


class SecondFactorMethod(StrEnum):
    """By what a log-in can be completed."""

    PASSKEY = "PASSKEY"
    TOTP = "TOTP"
    RECOVERY_CODE = "RECOVERY_CODE"


@dataclass(frozen=True)
class Origin:
    """Where a request comes from, as the server saw it."""

    client_address: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True)
class SignIn:
    """A started or renewed session with its tokens, which are shown this once. `user` is the user's row."""

    user: RowMapping
    session_id: UUID
    access_token: str = field(repr=False)
    expires_at: datetime
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime


@dataclass(frozen=True)
class Challenge:
    """A log-in that waits for its second factor. The token is shown this once.

    `passkey_options` is what the browser is asked of the passkeys; None where there are none.
    """

    token: str = field(repr=False)
    expires_at: datetime
    methods: tuple[SecondFactorMethod, ...]
    passkey_options: Mapping[str, Any] | None


@dataclass(frozen=True)
class ElsewhereOnly:
    """A log-in whose password was right, of somebody whose organization asks for single sign-on."""


async def register(
    authenticator: Authenticator,
    origin: Origin,
    *,
    email: str,
    name: str,
    password: str,
    within: Callable[[AsyncSession, UUID], Awaitable[object]] | None = None,
    email_is_verified: bool = False,
) -> SignIn:
    """Make a user and sign them in. `within(session, user_id)` is the last act of the same transaction.

    They get a mail to verify their address, unless it is known to be theirs or no mail is sent here.

    Raises BadUserInputError, ConflictError for an address that has an account, and RateLimitedError when this
    network address has asked for too many such.
    """
    email = normal_email(email)
    name = checked_name(name, ("input", "name"))
    check_policy(password, email)
    attempt = await authenticator.throttle.begin(None, origin.client_address)
    password_hash = await in_turn(authenticator, attempt, authenticator.passwords.hash(password))
    gets_mail = not email_is_verified and await _may_mail(authenticator, email, origin)
    async with authenticator.database.system() as session:
        user = await users.add_user(
            session, email=email, name=name, password_hash=password_hash, email_is_verified=email_is_verified
        )
        if user is None:
            message = "This e-mail address has an account already; log in with it, or register another address."
            raise ConflictError(message)
        sign_in = await start_session(authenticator, session, user, origin)
        if gets_mail:
            await ask_for_mail(session, MailKind.VERIFY_EMAIL, email=email, user_id=user["id"])
        if within is not None:
            await within(session, user["id"])
    await authenticator.throttle.succeeded(attempt)
    return sign_in


async def log_in(
    authenticator: Authenticator, origin: Origin, *, email: str, password: str
) -> SignIn | Challenge | ElsewhereOnly:
    """Start a session, or give the challenge that `complete_log_in` takes where a second factor is on.

    An unknown address and a wrong password get the same AuthenticationError after the same work.

    Raises BadUserInputError for what cannot be an address, RateLimitedError after too many failures.
    """
    email = normal_email(email)
    attempt = await authenticator.throttle.begin(email, origin.client_address)
    async with authenticator.database.system() as session:
        user = await users.sign_in_row(session, email)
    stored = user["password_hash"] if user is not None else None
    verdict = await in_turn(authenticator, attempt, authenticator.passwords.verify(password, stored))
    if user is None or stored is None or not verdict.correct:
        if user is not None:
            authenticator.failed_sign_ins.count(user["id"], Way.PASSWORD)
        raise _wrong_credentials()
    async with authenticator.database.system() as session:
        if not await users.lock_password(session, user["id"], stored):
            raise _wrong_credentials()  # it was changed in the meantime
        if verdict.new_hash is not None:
            await users.set_password_hash(session, user["id"], verdict.new_hash)
        if await single_sign_on.is_required_of(session, user["id"], email):
            outcome: SignIn | Challenge | ElsewhereOnly = ElsewhereOnly()
        else:
            outcome = await begin_session(authenticator, session, user, origin)
    await authenticator.throttle.succeeded(attempt)
    return outcome


async def refresh_session(authenticator: Authenticator, origin: Origin, *, refresh_token: str) -> SignIn:
    """Trade a refresh token for new tokens of its session.

    Each is good for one use: whoever presents a used one, thief or victim, ends the session for both, with no
    exception for a quick second try. Raises AuthenticationError.
    """
    if not is_opaque_token(refresh_token, REFRESH_PREFIX):
        message = "`refreshToken` is not one that logIn or refreshSession gives."
        raise BadUserInputError(message, path=("input", "refreshToken"))
    hashed = token_hash(refresh_token)
    sign_in = None
    async with authenticator.database.system() as session:
        found = await sessions.lock_refresh_token(session, hashed)
        if found is not None and found["used_at"] is not None:
            await _revoke(session, found["user_id"], found["session_id"], "REFRESH_TOKEN_REUSED", by_person=False)
        elif found is not None and found["revoked_at"] is None and found["expires_at"] > now():
            await sessions.use_refresh_token(session, hashed)
            sign_in = await _renew(authenticator, session, found, origin)
    # Raised outside the transaction, so that the revocation stays.
    if sign_in is None:
        message = "The refresh token is used, expired or revoked; log in again."
        raise AuthenticationError(message)
    return sign_in


async def log_out(authenticator: Authenticator, principal: Principal, *, everywhere: bool) -> int:
    """End the caller's session, or all sessions of the user; returns how many. ForbiddenError for keys.

    With all of them ends a change of address that waits.
    """
    if principal.user_id is None:
        message = "A key has no session to end; end an API key with revokeApiKey."
        raise ForbiddenError(message)
    async with authenticator.database.system() as session:
        if everywhere:
            await end_change_of_email(session, principal.user_id)
        return await _revoke(session, principal.user_id, None if everywhere else principal.session_id, "LOGGED_OUT")


async def revoke_session(authenticator: Authenticator, principal: Principal, session_id: UUID) -> None:
    """End one of the caller's own sessions. Raises NotFoundError alike for an absent, an ended and a foreign one.

    Whoever ends another than this one fears who has it: a change of address that waits ends too.
    """
    user_id = person(principal)
    async with authenticator.database.system() as session:
        if session_id != principal.session_id:
            await end_change_of_email(session, user_id)
        ended = await _revoke(session, user_id, session_id, "REVOKED")
    if not ended:
        message = "There is no such session of yours, or it has ended."
        raise NotFoundError(message)


async def revoke_other_sessions(
    authenticator: Authenticator, principal: Principal, used_before: datetime | None = None
) -> int:
    """End the caller's sessions but this one, with `used_before` those last used before then; returns how many.

    A change of address that waits ends too, whichever session has asked for it: nobody has noted that.
    """
    user_id = person(principal)
    async with authenticator.database.system() as session:
        await end_change_of_email(session, user_id)
        return await end_other_sessions(session, user_id, principal.session_id, "REVOKED", used_before)


async def end_other_sessions(
    session: AsyncSession, user_id: UUID, keep: UUID | None, reason: str, used_before: datetime | None = None
) -> int:
    """End all sessions of a user but one, within a transaction; returns how many."""
    ended = await sessions.revoke_other_sessions(
        session, user_id=user_id, keep=keep, reason=reason, used_before=used_before
    )
    if ended:
        note_act(session, user_id, endedSessions=len(ended), reason=reason)
    reach_changed(session, *ended)
    return len(ended)


def person(principal: Principal) -> UUID:
    """The user behind a principal. Raises ForbiddenError for keys."""
    if principal.user_id is None:
        message = "Only a person who is signed in can do this, not a key."
        raise ForbiddenError(message)
    return principal.user_id


async def _may_mail(authenticator: Authenticator, email: str, origin: Origin) -> bool:
    """Whether a new account gets its mail at once; who registers many cannot send mail to as many strangers."""
    if not authenticator.settings.sends_mail:
        return False
    try:
        await authenticator.mails.begin(email, origin.client_address)
    except RateLimitedError:
        return False
    return True


async def in_turn(authenticator: Authenticator, attempt: Attempt, work: Awaitable[Result]) -> Result:
    """The outcome of work with a password; a try that was turned away does not count."""
    try:
        return await work
    except RateLimitedError:  # the threads are busy: that is not the caller's failure
        await authenticator.throttle.withdraw(attempt)
        raise


async def begin_session(
    authenticator: Authenticator,
    session: AsyncSession,
    user: RowMapping,
    origin: Origin,
    *,
    provider_of: UUID | None = None,
) -> SignIn | Challenge:
    """Start a session of somebody who has proved who they are, or ask for their second factor where one is on.

    `provider_of` is the organization whose provider has told who they are; None for who came by password.
    """
    if not await second_factors.has_factor(session, user["id"]):
        return await start_session(authenticator, session, user, origin, provider_of=provider_of)
    token, expires_at = new_opaque_token(CHALLENGE_PREFIX), now() + CHALLENGE_LIFE
    known = await passkeys.passkeys_of(session, user["id"])
    asked = secrets.token_bytes(_PASSKEY_CHALLENGE_BYTES) if known else None
    await second_factors.add_challenge(
        session,
        user["id"],
        token_hash(token),
        expires_at,
        began_by=_began_by(provider_of),
        provider_organization_id=provider_of,
        passkey_challenge=asked,
    )
    has_totp = await second_factors.factor_summary(session, user["id"]) is not None
    methods = [SecondFactorMethod.PASSKEY] if known else []
    methods += [SecondFactorMethod.TOTP] if has_totp else []
    options = None if asked is None else authentication_options(authenticator.settings, asked, known)
    return Challenge(token, expires_at, (*methods, SecondFactorMethod.RECOVERY_CODE), options)


async def start_session(
    authenticator: Authenticator,
    session: AsyncSession,
    user: RowMapping,
    origin: Origin,
    *,
    provider_of: UUID | None = None,
    second_factor: SecondFactorMethod | None = None,
) -> SignIn:
    """Start a session of somebody who has proved all that they have to, in the transaction of that proof."""
    row = Session(
        user_id=user["id"],
        expires_at=now() + timedelta(days=authenticator.settings.refresh_token_days),
        began_by=_began_by(provider_of),
        provider_organization_id=provider_of,
        user_agent=_short(origin.user_agent),
        client_address=origin.client_address,
    )
    await sessions.add_session(session, row)
    factor = None if second_factor is None else second_factor.value
    note_act(session, user["id"], session_id=row.id, beganBy=row.began_by, secondFactor=factor)
    return await _tokens(authenticator, session, user, row.id, row.expires_at)


async def _renew(
    authenticator: Authenticator, session: AsyncSession, found: RowMapping, origin: Origin
) -> SignIn | None:
    user = await users.get_user(session, found["user_id"])
    if user is None:
        return None
    ended_by = await _why_not_renewed(session, user, found)
    if ended_by is not None:
        await _revoke(session, user["id"], found["session_id"], ended_by, by_person=False)
        return None
    expires_at = now() + timedelta(days=authenticator.settings.refresh_token_days)
    await sessions.extend_session(
        session, found["session_id"], expires_at, _short(origin.user_agent), origin.client_address
    )
    return await _tokens(authenticator, session, user, found["session_id"], expires_at)


async def _why_not_renewed(session: AsyncSession, user: RowMapping, found: RowMapping) -> str | None:
    """What ends a session rather than that it is renewed; None for one that still may."""
    if found["began_by"] == BeganBy.PASSWORD:
        required = await single_sign_on.is_required_of(session, user["id"], user["email"])
        return "SINGLE_SIGN_ON_REQUIRED" if required else None
    spoken_for = await single_sign_on.speaks_for(session, found["provider_organization_id"], user["id"])
    return None if spoken_for else "SINGLE_SIGN_ON_ENDED"


async def _tokens(
    authenticator: Authenticator, session: AsyncSession, user: RowMapping, session_id: UUID, expires_at: datetime
) -> SignIn:
    refresh_token = new_opaque_token(REFRESH_PREFIX)
    await sessions.add_refresh_token(session, session_id, token_hash(refresh_token))
    access_token, access_expires_at = authenticator.tokens.issue(user["id"], session_id)
    return SignIn(user, session_id, access_token, access_expires_at, refresh_token, expires_at)


async def _revoke(
    session: AsyncSession, user_id: UUID, session_id: UUID | None, reason: str, *, by_person: bool = True
) -> int:
    ended = await sessions.revoke_sessions(session, user_id=user_id, session_id=session_id, reason=reason)
    if ended:
        note_act(session, user_id, by_person=by_person, endedSessions=len(ended), reason=reason)
    reach_changed(session, *ended)
    return len(ended)


def _began_by(provider_of: UUID | None) -> str:
    return (BeganBy.PASSWORD if provider_of is None else BeganBy.SINGLE_SIGN_ON).value


def _wrong_credentials() -> AuthenticationError:
    return AuthenticationError("The e-mail address or the password is wrong.")


def _short(user_agent: str | None) -> str | None:
    return None if user_agent is None else user_agent[:_LONGEST_USER_AGENT]
