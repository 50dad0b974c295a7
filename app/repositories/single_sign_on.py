"""SQL of single sign-on: providers of organizations, verified domains, identities, and sign-ins under way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, Table, delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import (
    Membership,
    Organization,
    Session,
    SingleSignOn,
    SingleSignOnFlow,
    SingleSignOnIdentity,
    User,
    VerifiedDomain,
    now,
)
from app.records import Role

PROVIDERS: Table = SingleSignOn.__table__  # type: ignore[assignment]
DOMAINS: Table = VerifiedDomain.__table__  # type: ignore[assignment]
IDENTITIES: Table = SingleSignOnIdentity.__table__  # type: ignore[assignment]
FLOWS: Table = SingleSignOnFlow.__table__  # type: ignore[assignment]
_MEMBERSHIPS: Table = Membership.__table__  # type: ignore[assignment]
_ORGANIZATIONS: Table = Organization.__table__  # type: ignore[assignment]
_SESSIONS: Table = Session.__table__  # type: ignore[assignment]
_USERS: Table = User.__table__  # type: ignore[assignment]


async def get_provider(session: AsyncSession, organization_id: UUID) -> RowMapping | None:
    """The provider of an organization, its client's secret sealed."""
    statement = select(PROVIDERS).where(PROVIDERS.c.organization_id == organization_id)
    return (await session.execute(statement)).mappings().one_or_none()


async def put_provider(session: AsyncSession, organization_id: UUID, values: Mapping[str, Any]) -> RowMapping:
    """Store the provider of an organization in the place of the one before; returns the row."""
    moment = now()
    row = {"organization_id": organization_id, "created_at": moment, "updated_at": moment, **values}
    statement = insert(PROVIDERS).values(row)
    statement = statement.on_conflict_do_update(
        index_elements=[PROVIDERS.c.organization_id], set_={**values, "updated_at": moment}
    )
    return (await session.execute(statement.returning(*PROVIDERS.c))).mappings().one()


async def delete_provider(session: AsyncSession, organization_id: UUID) -> bool:
    """Forget the provider, who came from there and its domains; False where there was none."""
    for table in (IDENTITIES, FLOWS, DOMAINS):
        await session.execute(delete(table).where(table.c.organization_id == organization_id))
    statement = delete(PROVIDERS).where(PROVIDERS.c.organization_id == organization_id)
    return (await session.execute(statement.returning(PROVIDERS.c.organization_id))).first() is not None


async def lock_sealed_otherwise(session: AsyncSession, organization_id: UUID, key_id: str) -> RowMapping | None:
    """The provider, locked, if its secret is under another key than this one."""
    statement = select(PROVIDERS).where(PROVIDERS.c.organization_id == organization_id, PROVIDERS.c.key_id != key_id)
    return (await session.execute(statement.with_for_update())).mappings().one_or_none()


async def rewrap_secret(session: AsyncSession, organization_id: UUID, *, key_id: str, wrapped_key: bytes) -> None:
    """Put the data key of the client's secret under another key; what it encrypts stays."""
    statement = update(PROVIDERS).where(PROVIDERS.c.organization_id == organization_id)
    await session.execute(statement.values(key_id=key_id, wrapped_key=wrapped_key))


async def verified_domains(session: AsyncSession, organization_id: UUID) -> dict[str, datetime]:
    """When each domain of an organization was verified."""
    statement = select(DOMAINS.c.domain, DOMAINS.c.verified_at).where(DOMAINS.c.organization_id == organization_id)
    return {row["domain"]: row["verified_at"] for row in (await session.execute(statement)).mappings()}


async def give_up_domains(session: AsyncSession, organization_id: UUID, keep: Collection[str]) -> None:
    """Forget the verified domains of an organization but these."""
    statement = delete(DOMAINS).where(DOMAINS.c.organization_id == organization_id, DOMAINS.c.domain.not_in(keep))
    await session.execute(statement)


async def verify_domain(session: AsyncSession, organization_id: UUID, domain: str) -> bool:
    """Note that a domain is an organization's; False where it is another's. System role."""
    values = {"domain": domain, "organization_id": organization_id, "verified_at": now()}
    await session.execute(insert(DOMAINS).values(values).on_conflict_do_nothing())
    return await organization_of_domain(session, domain) == organization_id


async def organization_of_domain(session: AsyncSession, domain: str) -> UUID | None:
    """Whose a verified domain is. System role."""
    statement = select(DOMAINS.c.organization_id).where(DOMAINS.c.domain == domain)
    return (await session.execute(statement)).scalar_one_or_none()


async def organization_with_provider(session: AsyncSession, slug: str) -> UUID | None:
    """The living organization of this slug, if it has a provider. System role."""
    statement = (
        select(PROVIDERS.c.organization_id)
        .join(_ORGANIZATIONS, _ORGANIZATIONS.c.id == PROVIDERS.c.organization_id)
        .where(_ORGANIZATIONS.c.slug == slug, _ORGANIZATIONS.c.deleted_at.is_(None))
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def is_required_of(session: AsyncSession, user_id: UUID, email: str) -> bool:
    """Whether an organization shuts the password's way to a user: its member, no owner, of its domain. System role."""
    places = (
        select(PROVIDERS.c.organization_id)
        .join(DOMAINS, DOMAINS.c.organization_id == PROVIDERS.c.organization_id)
        .join(_MEMBERSHIPS, _MEMBERSHIPS.c.organization_id == PROVIDERS.c.organization_id)
        .join(_ORGANIZATIONS, _ORGANIZATIONS.c.id == PROVIDERS.c.organization_id)
        .where(
            PROVIDERS.c.required,
            DOMAINS.c.domain == domain_of(email),
            _MEMBERSHIPS.c.user_id == user_id,
            _MEMBERSHIPS.c.role != Role.OWNER.value,
            _ORGANIZATIONS.c.deleted_at.is_(None),
        )
    )
    return bool((await session.execute(select(exists(places)))).scalar_one())


async def hold_still(session: AsyncSession, organization_id: UUID, *, to_change: bool = False) -> None:
    """Keep the single sign-on of an organization as it is until the transaction ends, for many at once.

    With `to_change` for one alone, who waits for all others: what begins by a provider begins before it changes, and is
    ended with it, or after, and finds it changed. Comes before the organization's own lock.
    """
    lock = "pg_advisory_xact_lock" if to_change else "pg_advisory_xact_lock_shared"
    statement = text(f"SELECT {lock}(hashtextextended(:key, 0))")
    await session.execute(statement, {"key": f"single sign-on {organization_id}"})


async def is_provider(session: AsyncSession, organization_id: UUID, issuer: str) -> bool:
    """Whether this is the provider of a living organization. System role."""
    found = _providers().where(PROVIDERS.c.organization_id == organization_id, PROVIDERS.c.issuer == issuer)
    return bool((await session.execute(select(exists(found)))).scalar_one())


async def speaks_for(session: AsyncSession, organization_id: UUID | None, user_id: UUID) -> bool:
    """Whether an organization's provider has signed a user in who is still its own to sign in.

    A member of the living organization, known there by its provider of today, with an address of a domain that is
    verified for it. System role.
    """
    spoken_for = _spoken_for().where(PROVIDERS.c.organization_id == organization_id, _USERS.c.id == user_id)
    return bool((await session.execute(select(exists(spoken_for)))).scalar_one())


async def end_unspoken_sessions(session: AsyncSession, organization_id: UUID, reason: str) -> list[UUID]:
    """End the sessions that began by an organization's provider of users for whom it does not speak (any more).

    Returns the ids of those that were alive. System role.
    """
    moment = now()
    spoken_for = (
        _spoken_for()
        .where(PROVIDERS.c.organization_id == organization_id, _USERS.c.id == _SESSIONS.c.user_id)
        .correlate(_SESSIONS)
    )
    statement = (
        update(_SESSIONS)
        .where(
            _SESSIONS.c.provider_organization_id == organization_id,
            _SESSIONS.c.revoked_at.is_(None),
            _SESSIONS.c.expires_at > moment,
            ~exists(spoken_for),
        )
        .values(revoked_at=moment, revoked_reason=reason)
    )
    return list((await session.execute(statement.returning(_SESSIONS.c.id))).scalars())


async def add_flow(session: AsyncSession, organization_id: UUID, values: Mapping[str, Any]) -> None:
    """Note that a browser is sent to the provider. System role."""
    row = {"organization_id": organization_id, "created_at": now(), **values}
    await session.execute(insert(FLOWS).values(row))


async def take_return(session: AsyncSession, state_hash: bytes, cookie_hash: bytes) -> RowMapping | None:
    """The flow with this state, if this browser began it, it is not over and nobody was back yet; it is now."""
    statement = update(FLOWS).where(
        FLOWS.c.state_hash == state_hash,
        FLOWS.c.cookie_hash == cookie_hash,
        FLOWS.c.expires_at > now(),
        FLOWS.c.returned_at.is_(None),
    )
    return (await session.execute(statement.values(returned_at=now()).returning(*FLOWS.c))).mappings().one_or_none()


async def put_identity_in_flow(
    session: AsyncSession, organization_id: UUID, state_hash: bytes, values: Mapping[str, Any]
) -> None:
    """Note who is back, and the code for it."""
    where = (FLOWS.c.organization_id == organization_id, FLOWS.c.state_hash == state_hash)
    await session.execute(update(FLOWS).where(*where).values(**values))


async def use_code(session: AsyncSession, code_hash: bytes) -> RowMapping | None:
    """The flow with this code, if it is not over and the code not used; it is now. Of two at a time one gets it."""
    statement = update(FLOWS).where(
        FLOWS.c.code_hash == code_hash, FLOWS.c.expires_at > now(), FLOWS.c.used_at.is_(None)
    )
    return (await session.execute(statement.values(used_at=now()).returning(*FLOWS.c))).mappings().one_or_none()


async def end_flows(session: AsyncSession, organization_id: UUID) -> None:
    """Forget the sign-ins under way: the provider they were sent to may be another now."""
    await session.execute(delete(FLOWS).where(FLOWS.c.organization_id == organization_id))


async def delete_expired_flows(session: AsyncSession, before: datetime, limit: int) -> int:
    """Forget up to `limit` sign-ins that ended before a moment; returns how many."""
    key = FLOWS.c.state_hash
    old = select(key).where(FLOWS.c.expires_at < before).limit(limit).with_for_update(skip_locked=True)
    return len((await session.execute(delete(FLOWS).where(key.in_(old)).returning(key))).all())


async def lock_identity(session: AsyncSession, organization_id: UUID, issuer: str, subject: str) -> UUID | None:
    """The user who is this subject of the provider. Two first sign-ins of one person wait for each other here."""
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
    await session.execute(lock, {"key": f"{organization_id} {issuer} {subject}"})
    statement = (
        update(IDENTITIES)
        .where(
            IDENTITIES.c.organization_id == organization_id,
            IDENTITIES.c.issuer == issuer,
            IDENTITIES.c.subject == subject,
        )
        .values(last_used_at=func.now())
    )
    found: UUID | None = (await session.execute(statement.returning(IDENTITIES.c.user_id))).scalar_one_or_none()
    return found


async def add_identity(session: AsyncSession, organization_id: UUID, issuer: str, subject: str, user_id: UUID) -> None:
    """Note who a subject of the provider is."""
    moment = now()
    row = {
        "organization_id": organization_id,
        "issuer": issuer,
        "subject": subject,
        "user_id": user_id,
        "created_at": moment,
        "last_used_at": moment,
    }
    await session.execute(insert(IDENTITIES).values(row))


def _providers() -> Select[tuple[UUID]]:
    """Those of living organizations."""
    return (
        select(PROVIDERS.c.organization_id)
        .join(_ORGANIZATIONS, _ORGANIZATIONS.c.id == PROVIDERS.c.organization_id)
        .where(_ORGANIZATIONS.c.deleted_at.is_(None))
    )


def _spoken_for() -> Select[tuple[UUID]]:
    """Providers with the users whom they may sign in: see `speaks_for`."""
    identity = (IDENTITIES.c.organization_id == PROVIDERS.c.organization_id) & (
        IDENTITIES.c.issuer == PROVIDERS.c.issuer
    )
    membership = (_MEMBERSHIPS.c.organization_id == PROVIDERS.c.organization_id) & (
        _MEMBERSHIPS.c.user_id == IDENTITIES.c.user_id
    )
    domain = (DOMAINS.c.organization_id == PROVIDERS.c.organization_id) & (
        DOMAINS.c.domain == func.substring(_USERS.c.email, "[^@]*$")
    )
    return (
        _providers()
        .join(IDENTITIES, identity)
        .join(_MEMBERSHIPS, membership)
        .join(_USERS, _USERS.c.id == IDENTITIES.c.user_id)
        .join(DOMAINS, domain)
    )


def domain_of(email: str) -> str:
    """The domain of an e-mail address in its normal form."""
    return email.rpartition("@")[2]
