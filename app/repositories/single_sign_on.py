"""SQL of single sign-on: providers of organizations, verified domains, identities, and sign-ins under way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import (
    Membership,
    Organization,
    SingleSignOn,
    SingleSignOnFlow,
    SingleSignOnIdentity,
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


def domain_of(email: str) -> str:
    """The domain of an e-mail address in its normal form."""
    return email.rpartition("@")[2]
