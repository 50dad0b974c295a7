"""SQL of second factors: sealed secrets, recovery codes, challenges. All of it is the system role's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, func, insert, select, union_all, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import LogInChallenge, Passkey, RecoveryCode, TotpFactor, now

FACTORS: Table = TotpFactor.__table__  # type: ignore[assignment]
CODES: Table = RecoveryCode.__table__  # type: ignore[assignment]
CHALLENGES: Table = LogInChallenge.__table__  # type: ignore[assignment]
_PASSKEYS: Table = Passkey.__table__  # type: ignore[assignment]


async def has_factor(session: AsyncSession, user_id: UUID) -> bool:
    """Whether a user has a second factor that is on, an authenticator or a passkey."""
    on = select(FACTORS.c.user_id).where(FACTORS.c.user_id == user_id, FACTORS.c.confirmed_at.is_not(None))
    statement = union_all(on, select(_PASSKEYS.c.user_id).where(_PASSKEYS.c.user_id == user_id))
    return (await session.execute(statement)).first() is not None


async def lock_factor(session: AsyncSession, user_id: UUID) -> RowMapping | None:
    """A user's factor, on or not, locked: a second use of one code waits and then sees it used."""
    statement = select(FACTORS).where(FACTORS.c.user_id == user_id).with_for_update()
    return (await session.execute(statement)).mappings().one_or_none()


async def put_unconfirmed_factor(
    session: AsyncSession, user_id: UUID, *, key_id: str, wrapped_key: bytes, sealed: bytes
) -> bool:
    """Store a sealed secret in the place of one that was never confirmed; False where a factor is on."""
    values = {
        "key_id": key_id,
        "wrapped_key": wrapped_key,
        "sealed": sealed,
        "created_at": now(),
        "confirmed_at": None,
        "last_step": None,
    }
    statement = upsert(FACTORS).values(user_id=user_id, **values)
    statement = statement.on_conflict_do_update(
        index_elements=[FACTORS.c.user_id], set_=values, where=FACTORS.c.confirmed_at.is_(None)
    )
    return (await session.execute(statement.returning(FACTORS.c.user_id))).first() is not None


async def confirm_factor(session: AsyncSession, user_id: UUID) -> None:
    """Switch a factor on."""
    await session.execute(update(FACTORS).where(FACTORS.c.user_id == user_id).values(confirmed_at=now()))


async def use_step(session: AsyncSession, user_id: UUID, step: int) -> None:
    """Note that the code of a time step was used: neither it nor an older one is good again."""
    await session.execute(update(FACTORS).where(FACTORS.c.user_id == user_id).values(last_step=step))


async def delete_factor(session: AsyncSession, user_id: UUID) -> None:
    """Switch an authenticator off and forget it; the recovery codes too where it was the last second factor."""
    await session.execute(delete(FACTORS).where(FACTORS.c.user_id == user_id))
    if not await has_factor(session, user_id):
        await delete_recovery_codes(session, user_id)


async def delete_recovery_codes(session: AsyncSession, user_id: UUID) -> None:
    """Forget all recovery codes of a user."""
    await session.execute(delete(CODES).where(CODES.c.user_id == user_id))


async def replace_recovery_codes(session: AsyncSession, user_id: UUID, hashes: Collection[bytes]) -> None:
    """Put these codes in the place of all that a user has."""
    await session.execute(delete(CODES).where(CODES.c.user_id == user_id))
    rows = [{"user_id": user_id, "code_hash": each, "created_at": now(), "used_at": None} for each in hashes]
    await session.execute(insert(CODES), rows)


async def use_recovery_code(session: AsyncSession, user_id: UUID, code_hash: bytes) -> bool:
    """Use a code up; False when there is none that is unused. Of two at a time one gets it."""
    statement = update(CODES).where(
        CODES.c.user_id == user_id, CODES.c.code_hash == code_hash, CODES.c.used_at.is_(None)
    )
    return (await session.execute(statement.values(used_at=now()).returning(CODES.c.user_id))).first() is not None


async def factor_summary(session: AsyncSession, user_id: UUID) -> RowMapping | None:
    """(confirmed_at, recovery_codes_left) of a factor that is on."""
    left = select(func.count()).where(CODES.c.user_id == user_id, CODES.c.used_at.is_(None)).scalar_subquery()
    statement = select(FACTORS.c.confirmed_at, left.label("recovery_codes_left")).where(
        FACTORS.c.user_id == user_id, FACTORS.c.confirmed_at.is_not(None)
    )
    return (await session.execute(statement)).mappings().one_or_none()


async def lock_factors_sealed_otherwise(
    session: AsyncSession, key_id: str, after: UUID | None, limit: int
) -> Sequence[RowMapping]:
    """At most `limit` factors under another key than this one, of users after one, locked."""
    statement = select(FACTORS).where(FACTORS.c.key_id != key_id)
    if after is not None:
        statement = statement.where(FACTORS.c.user_id > after)
    statement = statement.order_by(FACTORS.c.user_id).limit(limit).with_for_update()
    return (await session.execute(statement)).mappings().all()


async def rewrap_factor(session: AsyncSession, user_id: UUID, *, key_id: str, wrapped_key: bytes) -> None:
    """Put the data key of a factor under another key; what it encrypts stays."""
    values = {"key_id": key_id, "wrapped_key": wrapped_key}
    await session.execute(update(FACTORS).where(FACTORS.c.user_id == user_id).values(values))


async def add_challenge(
    session: AsyncSession,
    user_id: UUID,
    token_hash: bytes,
    expires_at: datetime,
    *,
    began_by: str,
    provider_organization_id: UUID | None = None,
    passkey_challenge: bytes | None = None,
) -> None:
    """Note that a log-in waits for its second factor."""
    values = {
        "token_hash": token_hash,
        "user_id": user_id,
        "created_at": now(),
        "expires_at": expires_at,
        "began_by": began_by,
        "provider_organization_id": provider_organization_id,
        "passkey_challenge": passkey_challenge,
        "tries": 0,
    }
    await session.execute(insert(CHALLENGES).values(values))


async def challenged_user(session: AsyncSession, token_hash: bytes) -> UUID | None:
    """Whose log-in a challenge is of, over or not."""
    statement = select(CHALLENGES.c.user_id).where(CHALLENGES.c.token_hash == token_hash)
    return (await session.execute(statement)).scalar_one_or_none()


async def try_challenge(session: AsyncSession, token_hash: bytes, most_tries: int) -> RowMapping | None:
    """Count a try of a challenge and hold it until the transaction ends; None when it is over or was tried enough."""
    statement = update(CHALLENGES).where(
        CHALLENGES.c.token_hash == token_hash,
        CHALLENGES.c.used_at.is_(None),
        CHALLENGES.c.expires_at > now(),
        CHALLENGES.c.tries < most_tries,
    )
    statement = statement.values(tries=CHALLENGES.c.tries + 1)
    return (await session.execute(statement.returning(*CHALLENGES.c))).mappings().one_or_none()


async def use_challenge(session: AsyncSession, token_hash: bytes) -> None:
    """End a challenge whose log-in is complete."""
    await session.execute(update(CHALLENGES).where(CHALLENGES.c.token_hash == token_hash).values(used_at=now()))


async def end_challenges(session: AsyncSession, user_id: UUID) -> None:
    """End the log-ins of a user that wait for the second factor: their password is another one now."""
    waiting = (CHALLENGES.c.user_id == user_id, CHALLENGES.c.used_at.is_(None))
    await session.execute(update(CHALLENGES).where(*waiting).values(used_at=now()))


async def delete_expired_challenges(session: AsyncSession, before: datetime, limit: int) -> int:
    """Forget up to `limit` challenges that ended before a moment; returns how many."""
    key = CHALLENGES.c.token_hash
    old = select(key).where(CHALLENGES.c.expires_at < before).limit(limit).with_for_update(skip_locked=True)
    return len((await session.execute(delete(CHALLENGES).where(key.in_(old)).returning(key))).all())
