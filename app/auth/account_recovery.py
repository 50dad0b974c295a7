"""Giving an account to who has proved to own its address, when whoever made it had not."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.identity_mails import LIVES
from app.auth.sessions import end_other_sessions
from app.repositories import identity_mails, passkeys, second_factors, users


async def start_anew(session: AsyncSession, user_id: UUID) -> None:
    """Take away every way in that was there before: sessions, password, second factors, and tokens in mails."""
    await end_other_sessions(session, user_id, None, "ADDRESS_PROVED_BY_ANOTHER")
    await users.set_password_hash(session, user_id, None)
    await passkeys.delete_passkeys(session, user_id)
    await second_factors.delete_factor(session, user_id)
    await second_factors.end_challenges(session, user_id)
    for kind in LIVES:
        await identity_mails.use_mails(session, user_id, kind)
