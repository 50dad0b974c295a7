"""SQL of what people do with all that is kept about them, and of erasing it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    RowMapping,
    Table,
    Text,
    and_,
    cast,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import (
    AccountErasure,
    ActivityEvent,
    ApiKey,
    AuditDetail,
    AuditEvent,
    Base,
    Invitation,
    Membership,
    Organization,
    PersonalExport,
    SingleSignOnFlow,
    StoredAnswer,
    User,
    now,
)
from app.records import Role
from app.records.personal_data import ARCHIVE_UNDER_WAY, HIDDEN, By, PersonalExportState, Place

ARCHIVES: Table = PersonalExport.__table__  # type: ignore[assignment]
ERASURES: Table = AccountErasure.__table__  # type: ignore[assignment]
_EVENTS: Table = ActivityEvent.__table__  # type: ignore[assignment]
_AUDIT: Table = AuditEvent.__table__  # type: ignore[assignment]
_DETAILS: Table = AuditDetail.__table__  # type: ignore[assignment]
_INVITATIONS: Table = Invitation.__table__  # type: ignore[assignment]
_KEYS: Table = ApiKey.__table__  # type: ignore[assignment]
_MEMBERSHIPS: Table = Membership.__table__  # type: ignore[assignment]
_ORGANIZATIONS: Table = Organization.__table__  # type: ignore[assignment]
_USERS: Table = User.__table__  # type: ignore[assignment]
_FLOWS: Table = SingleSignOnFlow.__table__  # type: ignore[assignment]
_ANSWERS: Table = StoredAnswer.__table__  # type: ignore[assignment]
_BATCH = 500


async def add_archive(session: AsyncSession, values: Mapping[str, Any]) -> RowMapping:
    """Add an archive that is asked for, and return its row."""
    statement = insert(ARCHIVES).values(**values).returning(ARCHIVES)
    row: RowMapping = (await session.execute(statement)).mappings().one()
    return row


async def archive_under_way(session: AsyncSession, user_id: UUID, since: datetime) -> bool:
    """Whether an archive of a person that was asked for since some moment is being made."""
    under_way = (ARCHIVES.c.state.in_(ARCHIVE_UNDER_WAY), ARCHIVES.c.created_at > since)
    statement = select(ARCHIVES.c.id).where(ARCHIVES.c.user_id == user_id, *under_way)
    return (await session.execute(statement.limit(1))).first() is not None


async def find_archive(session: AsyncSession, archive_id: UUID) -> RowMapping | None:
    """One archive."""
    return (await session.execute(select(ARCHIVES).where(ARCHIVES.c.id == archive_id))).mappings().one_or_none()


async def archives_of(session: AsyncSession, user_id: UUID, limit: int) -> Sequence[RowMapping]:
    """A person's archives, the newest first."""
    statement = select(ARCHIVES).where(ARCHIVES.c.user_id == user_id).order_by(ARCHIVES.c.created_at.desc())
    return (await session.execute(statement.limit(limit))).mappings().all()


async def change_archive(session: AsyncSession, archive_id: UUID, values: Mapping[str, Any]) -> RowMapping | None:
    """Change an archive that is under way; None where there is none."""
    statement = update(ARCHIVES).where(ARCHIVES.c.id == archive_id, ARCHIVES.c.state.in_(ARCHIVE_UNDER_WAY))
    changed = await session.execute(statement.values(**values).returning(ARCHIVES))
    row: RowMapping | None = changed.mappings().one_or_none()
    return row


async def delete_expired_archives(session: AsyncSession, before: datetime, limit: int) -> Sequence[RowMapping]:
    """Delete archives whose time is over; returns their rows, whose bytes can go."""
    chosen = select(ARCHIVES.c.id).where(ARCHIVES.c.expires_at < before).limit(limit)
    statement = delete(ARCHIVES).where(ARCHIVES.c.id.in_(chosen)).returning(ARCHIVES)
    return (await session.execute(statement)).mappings().all()


async def archives_with_bytes(session: AsyncSession, user_id: UUID, file_ids: Collection[UUID]) -> set[UUID]:
    """Those of these files that a finished archive has a right to."""
    statement = select(ARCHIVES.c.file_id).where(
        ARCHIVES.c.user_id == user_id,
        ARCHIVES.c.file_id.in_(file_ids),
        ARCHIVES.c.state == PersonalExportState.SUCCEEDED,
    )
    return set((await session.execute(statement)).scalars())


async def ask_for_erasure(session: AsyncSession, user_id: UUID, due_at: datetime) -> RowMapping:
    """Note that an account is to be erased; what was noted before stays."""
    statement = insert(ERASURES).values(user_id=user_id, requested_at=now(), due_at=due_at).on_conflict_do_nothing()
    await session.execute(statement)
    return (await session.execute(select(ERASURES).where(ERASURES.c.user_id == user_id))).mappings().one()


async def find_erasure(session: AsyncSession, user_id: UUID) -> RowMapping | None:
    """What is noted of an account that is to be erased."""
    return (await session.execute(select(ERASURES).where(ERASURES.c.user_id == user_id))).mappings().one_or_none()


async def begin_erasure(session: AsyncSession, user_id: UUID) -> None:
    """Note that an account is being erased; the first moment of it stays."""
    statement = update(ERASURES).where(ERASURES.c.user_id == user_id, ERASURES.c.begun_at.is_(None))
    await session.execute(statement.values(begun_at=now()))


async def forget_erasure(session: AsyncSession, user_id: UUID) -> None:
    """Keep an account that was to be erased."""
    await session.execute(delete(ERASURES).where(ERASURES.c.user_id == user_id))


async def due_erasures(
    session: AsyncSession, moment: datetime, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[RowMapping]:
    """`due_at` and `user_id` of accounts that are to be erased by a moment, in this order, behind one of them."""
    key = (ERASURES.c.due_at, ERASURES.c.user_id)
    statement = select(*key).where(ERASURES.c.due_at <= moment).order_by(*key).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*key) > after)
    return (await session.execute(statement)).mappings().all()


async def places_of_person(session: AsyncSession, user_id: UUID) -> Sequence[RowMapping]:
    """A person's living organizations: id, name, slug, the role, how many members and owners each has. System role."""
    counted = (
        select(
            _MEMBERSHIPS.c.organization_id,
            func.count().label("members"),
            func.count().filter(_MEMBERSHIPS.c.role == Role.OWNER.value).label("owners"),
        )
        .where(
            _MEMBERSHIPS.c.organization_id.in_(
                select(_MEMBERSHIPS.c.organization_id).where(_MEMBERSHIPS.c.user_id == user_id)
            )
        )
        .group_by(_MEMBERSHIPS.c.organization_id)
        .subquery()
    )
    own = _MEMBERSHIPS.c.user_id == user_id
    statement = (
        select(
            _ORGANIZATIONS.c.id,
            _ORGANIZATIONS.c.name,
            _ORGANIZATIONS.c.slug,
            _MEMBERSHIPS.c.role,
            _MEMBERSHIPS.c.id.label("membership_id"),
            counted.c.members,
            counted.c.owners,
        )
        .join(_MEMBERSHIPS, and_(_MEMBERSHIPS.c.organization_id == _ORGANIZATIONS.c.id, own))
        .join(counted, counted.c.organization_id == _ORGANIZATIONS.c.id)
        .where(_ORGANIZATIONS.c.deleted_at.is_(None))
        .order_by(_ORGANIZATIONS.c.id)
    )
    return (await session.execute(statement)).mappings().all()


async def rows_of_place(
    session: AsyncSession, place: Place, *, user_id: UUID, email: str, organization_id: UUID | None
) -> AsyncIterator[Sequence[RowMapping]]:
    """The rows that a place has of a person, in batches, without secrets; of the audit with its details."""
    table = Base.metadata.tables[place.table]
    shown = [
        column for column in table.columns if not isinstance(column.type, LargeBinary) and column.name not in HIDDEN
    ]
    statement = select(*shown)
    if place.table == _AUDIT.name:
        together = and_(_DETAILS.c.organization_id == _AUDIT.c.organization_id, _DETAILS.c.number == _AUDIT.c.number)
        statement = select(*shown, _DETAILS.c.client_address, _DETAILS.c.summary).select_from(
            _AUDIT.outerjoin(_DETAILS, together)
        )
    statement = statement.where(_is_of(table, place, user_id, email))
    if organization_id is not None:
        statement = statement.where(table.c.organization_id == organization_id)
    found = await session.stream(
        statement.order_by(*table.primary_key.columns), execution_options={"yield_per": _BATCH}
    )
    async for batch in found.mappings().partitions(_BATCH):
        yield batch


def _is_of(table: Table, place: Place, user_id: UUID, email: str) -> ColumnElement[bool]:
    column = table.c[place.column]
    if place.by is By.EMAIL:
        return column == email
    if place.by is By.ACTOR:
        return and_(column == user_id, table.c.actor_kind == "USER")
    return column == user_id


async def keys_of_others(session: AsyncSession, user_id: UUID, organization_ids: Collection[UUID]) -> int:
    """How many living API keys a person has made in these organizations. System role."""
    statement = select(func.count()).where(
        _KEYS.c.created_by == user_id, _KEYS.c.organization_id.in_(organization_ids), _KEYS.c.revoked_at.is_(None)
    )
    return int((await session.execute(statement)).scalar_one())


async def revoke_keys_of(session: AsyncSession, organization_id: UUID, user_id: UUID) -> list[UUID]:
    """Revoke the living API keys that a person has made in an organization; returns their ids."""
    statement = (
        update(_KEYS)
        .where(_KEYS.c.organization_id == organization_id, _KEYS.c.created_by == user_id, _KEYS.c.revoked_at.is_(None))
        .values(revoked_at=now())
        .returning(_KEYS.c.id)
    )
    return list((await session.execute(statement)).scalars())


async def events_naming(
    session: AsyncSession, organization_id: UUID, user_id: UUID, email: str, name: str, *, by_address: bool
) -> Sequence[RowMapping]:
    """The events by or about a person whose texts hold the address or the name; `by_address` all with the address."""
    data = cast(_EVENTS.c.data, Text)
    own = or_(_EVENTS.c.actor_id == user_id, func.strpos(data, str(user_id)) > 0)
    has_email, has_name = func.strpos(data, _inside(email)) > 0, func.strpos(data, _inside(name)) > 0
    named = or_(has_email, and_(own, has_name)) if by_address else and_(own, or_(has_email, has_name))
    statement = select(_EVENTS.c.organization_id, _EVENTS.c.sequence, _EVENTS.c.data)
    statement = statement.where(_EVENTS.c.organization_id == organization_id, named)
    return (await session.execute(statement)).mappings().all()


async def set_event_data(session: AsyncSession, event: RowMapping, data: Any) -> None:
    """Replace what an event tells."""
    of_event = (_EVENTS.c.organization_id == event["organization_id"], _EVENTS.c.sequence == event["sequence"])
    await session.execute(update(_EVENTS).where(*of_event).values(data=data))


async def delete_invitations(session: AsyncSession, organization_id: UUID, email: str) -> None:
    """Delete the invitations that an address was sent."""
    of_address = (_INVITATIONS.c.organization_id == organization_id, _INVITATIONS.c.email == email)
    await session.execute(delete(_INVITATIONS).where(*of_address))


async def delete_membership_of(session: AsyncSession, organization_id: UUID, user_id: UUID) -> UUID | None:
    """End a person's membership; its id, None where there is none."""
    statement = delete(_MEMBERSHIPS).where(
        _MEMBERSHIPS.c.organization_id == organization_id, _MEMBERSHIPS.c.user_id == user_id
    )
    return (await session.execute(statement.returning(_MEMBERSHIPS.c.id))).scalar_one_or_none()


async def audit_rows_naming(
    session: AsyncSession, organization_id: UUID, user_id: UUID, email: str, name: str, *, by_address: bool
) -> Sequence[RowMapping]:
    """`number` and `summary` of the audit's rows of others' acts that hold the address or the name beside the id.

    `by_address` all that hold the address.
    """
    summary = _DETAILS.c.summary
    about, has_email = func.strpos(summary, str(user_id)) > 0, func.strpos(summary, _inside(email)) > 0
    has_name = func.strpos(summary, _inside(name)) > 0
    named = or_(has_email, and_(about, has_name)) if by_address else and_(about, or_(has_email, has_name))
    statement = (
        select(_DETAILS.c.number, summary)
        .join(
            _AUDIT,
            and_(_AUDIT.c.organization_id == _DETAILS.c.organization_id, _AUDIT.c.number == _DETAILS.c.number),
        )
        .where(
            _DETAILS.c.organization_id == organization_id,
            _AUDIT.c.actor_id.is_distinct_from(user_id),
            named,
        )
        .order_by(_DETAILS.c.number)
    )
    return (await session.execute(statement)).mappings().all()


async def delete_person(session: AsyncSession, user_id: UUID) -> None:
    """Delete a person's row, with all that hangs on it, and the answers that were kept for them. System role."""
    await session.execute(delete(_ANSWERS).where(_ANSWERS.c.principal == f"user:{user_id}"))
    email = select(_USERS.c.email).where(_USERS.c.id == user_id).scalar_subquery()
    await session.execute(delete(_FLOWS).where(_FLOWS.c.email == email))
    await session.execute(delete(_USERS).where(_USERS.c.id == user_id))


def _inside(value: str) -> str:
    """A text as it stands inside of JSON text."""
    return value.replace("\\", "\\\\").replace('"', '\\"')
