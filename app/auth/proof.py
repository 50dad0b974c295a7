"""Proving once more who one is, before an act that changes how one signs in."""

from __future__ import annotations

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.authenticator import Authenticator
from app.auth.sessions import Origin, in_turn, person
from app.errors import AuthenticationError, BadUserInputError, ConflictError
from app.records import Principal
from app.repositories import users


async def prove_password(
    authenticator: Authenticator, origin: Origin, principal: Principal, password: str, path: tuple[str, ...]
) -> RowMapping:
    """The caller's row, with the hash that the password was found right by.

    Counts as a log-in does. Raises BadUserInputError for a wrong password, RateLimitedError, ForbiddenError for keys.
    """
    user_id = person(principal)
    async with authenticator.database.system() as session:
        user = await users.lock_user(session, user_id)
    if user is None:
        message = "This account is gone; register again."
        raise AuthenticationError(message)
    attempt = await authenticator.throttle.begin(user["email"], origin.client_address)
    stored = user["password_hash"]
    verdict = await in_turn(authenticator, attempt, authenticator.passwords.verify(password, stored))
    if stored is None:
        message = "Your account has no password: have one set by mail with requestPasswordReset first."
        raise BadUserInputError(message, path=path)
    if not verdict.correct:
        message = "The password is wrong."
        raise BadUserInputError(message, path=path)
    await authenticator.throttle.succeeded(attempt)
    return user


async def hold_proof(session: AsyncSession, proven: RowMapping) -> None:
    """Keep a proven password as it is until the transaction ends. Raises ConflictError where it was changed since."""
    if not await users.lock_password(session, proven["id"], proven["password_hash"]):
        message = "The password was changed at the same moment; nothing was changed by this. Try again."
        raise ConflictError(message)
