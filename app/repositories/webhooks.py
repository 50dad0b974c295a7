"""SQL of webhooks and of what they are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Webhook, WebhookAttempt, WebhookDelivery, new_id, now
from app.records.webhooks import DeliveryState

WEBHOOKS: Table = Webhook.__table__  # type: ignore[assignment]
DELIVERIES: Table = WebhookDelivery.__table__  # type: ignore[assignment]
ATTEMPTS: Table = WebhookAttempt.__table__  # type: ignore[assignment]

_BEHIND = text("""
    SELECT webhooks.organization_id, webhooks.id FROM webhooks
    JOIN activity_heads ON activity_heads.organization_id = webhooks.organization_id
        AND activity_heads.last_sequence > webhooks.place
    WHERE webhooks.state = 'ENABLED' LIMIT :limit
""")
# Each goes to one worker, also where two of them send for one webhook for a moment.
_CLAIM = text("""
    WITH due AS MATERIALIZED (
        SELECT id FROM webhook_deliveries
        WHERE organization_id = :organization_id AND webhook_id = :webhook_id AND state = 'PENDING'
            AND next_attempt_at <= now() AND (claimed_until IS NULL OR claimed_until < now())
        ORDER BY next_attempt_at, id LIMIT :limit FOR UPDATE SKIP LOCKED)
    UPDATE webhook_deliveries SET claimed_until = now() + make_interval(secs => :seconds)
    FROM due WHERE webhook_deliveries.organization_id = :organization_id AND webhook_deliveries.id = due.id
    RETURNING webhook_deliveries.*
""")
_NEXT_DUE = text("""
    SELECT min(greatest(next_attempt_at, coalesce(claimed_until, next_attempt_at))) FROM webhook_deliveries
    WHERE organization_id = :organization_id AND webhook_id = :webhook_id AND state = 'PENDING'
""")


async def insert_webhook(session: AsyncSession, organization_id: UUID, values: Mapping[str, Any]) -> RowMapping:
    """Add a webhook."""
    statement = insert(WEBHOOKS).values(organization_id=organization_id, **values).returning(WEBHOOKS)
    row: RowMapping = (await session.execute(statement)).mappings().one()
    return row


async def count_webhooks(session: AsyncSession, organization_id: UUID) -> int:
    """How many an organization has."""
    statement = select(func.count()).select_from(WEBHOOKS).where(WEBHOOKS.c.organization_id == organization_id)
    return int((await session.execute(statement)).scalar_one())


async def get_webhook(session: AsyncSession, organization_id: UUID, webhook_id: UUID) -> RowMapping | None:
    """One webhook."""
    statement = select(WEBHOOKS).where(WEBHOOKS.c.organization_id == organization_id, WEBHOOKS.c.id == webhook_id)
    return (await session.execute(statement)).mappings().one_or_none()


async def lock_webhook(
    session: AsyncSession, organization_id: UUID, webhook_id: UUID, *, or_none: bool = False
) -> RowMapping | None:
    """One webhook that nobody else changes until the transaction ends; with `or_none` none that somebody does now."""
    statement = select(WEBHOOKS).where(WEBHOOKS.c.organization_id == organization_id, WEBHOOKS.c.id == webhook_id)
    statement = statement.with_for_update(key_share=True, skip_locked=or_none)
    return (await session.execute(statement)).mappings().one_or_none()


async def change_webhook(
    session: AsyncSession, organization_id: UUID, webhook_id: UUID, values: Mapping[str, Any]
) -> RowMapping:
    """Write columns of a webhook."""
    statement = update(WEBHOOKS).where(WEBHOOKS.c.organization_id == organization_id, WEBHOOKS.c.id == webhook_id)
    row: RowMapping = (await session.execute(statement.values(**values).returning(WEBHOOKS))).mappings().one()
    return row


async def delete_webhook(session: AsyncSession, organization_id: UUID, webhook_id: UUID) -> None:
    """Delete a webhook with its deliveries."""
    await session.execute(
        delete(WEBHOOKS).where(WEBHOOKS.c.organization_id == organization_id, WEBHOOKS.c.id == webhook_id)
    )


async def webhooks_behind(session: AsyncSession, limit: int) -> list[tuple[UUID, UUID]]:
    """Enabled webhooks (organization, id) whose organization has events that were not looked at. System role."""
    return [(row.organization_id, row.id) for row in await session.execute(_BEHIND, {"limit": limit})]


async def add_deliveries(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add deliveries, but for events that the webhook has one of."""
    if rows:
        await session.execute(upsert(DELIVERIES).values(list(rows)).on_conflict_do_nothing())


def new_delivery(webhook: Mapping[Any, Any], kind: str, sequence: int | None) -> dict[str, Any]:
    """The row of a delivery that is due now."""
    moment = now()
    return {
        "organization_id": webhook["organization_id"],
        "id": new_id(),
        "webhook_id": webhook["id"],
        "kind": kind,
        "sequence": sequence,
        "body": None,
        "state": DeliveryState.PENDING.value,
        "attempts": 0,
        "next_attempt_at": moment,
        "created_at": moment,
    }


async def get_delivery(
    session: AsyncSession, organization_id: UUID, delivery_id: UUID, *, lock: bool = False
) -> RowMapping | None:
    """One delivery; with `lock` nobody else changes it until the transaction ends."""
    statement = select(DELIVERIES).where(
        DELIVERIES.c.organization_id == organization_id, DELIVERIES.c.id == delivery_id
    )
    if lock:
        statement = statement.with_for_update(key_share=True)
    return (await session.execute(statement)).mappings().one_or_none()


async def change_delivery(
    session: AsyncSession,
    organization_id: UUID,
    delivery_id: UUID,
    values: Mapping[str, Any],
    *,
    pending: bool = False,
) -> RowMapping | None:
    """Write columns of a delivery, with `pending` only while it is under way; None where there is none."""
    statement = update(DELIVERIES).where(
        DELIVERIES.c.organization_id == organization_id, DELIVERIES.c.id == delivery_id
    )
    if pending:
        statement = statement.where(DELIVERIES.c.state == DeliveryState.PENDING.value)
    changed = statement.values(**values).returning(DELIVERIES)
    row: RowMapping | None = (await session.execute(changed)).mappings().one_or_none()
    return row


async def claim_deliveries(
    session: AsyncSession, organization_id: UUID, webhook_id: UUID, limit: int, seconds: float
) -> Sequence[RowMapping]:
    """Take deliveries that are due, for so many seconds."""
    values = {"organization_id": organization_id, "webhook_id": webhook_id, "limit": limit, "seconds": seconds}
    return (await session.execute(_CLAIM, values)).mappings().all()


async def next_due(session: AsyncSession, organization_id: UUID, webhook_id: UUID) -> datetime | None:
    """When the next delivery of a webhook is to be sent; None where there is none."""
    values = {"organization_id": organization_id, "webhook_id": webhook_id}
    found: datetime | None = (await session.execute(_NEXT_DUE, values)).scalar_one()
    return found


async def cancel_deliveries(session: AsyncSession, organization_id: UUID, webhook_id: UUID, why: str) -> None:
    """End the deliveries of a webhook that are under way."""
    statement = update(DELIVERIES).where(
        DELIVERIES.c.organization_id == organization_id,
        DELIVERIES.c.webhook_id == webhook_id,
        DELIVERIES.c.state == DeliveryState.PENDING.value,
    )
    values = {"state": DeliveryState.CANCELLED.value, "next_attempt_at": None, "failure": why, "finished_at": now()}
    await session.execute(statement.values(**values))


async def add_attempt(session: AsyncSession, organization_id: UUID, values: Mapping[str, Any]) -> None:
    """Note a request."""
    await session.execute(insert(ATTEMPTS).values(organization_id=organization_id, id=new_id(), **values))


async def delete_old_deliveries(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` deliveries that were made before a moment and are over. System role."""
    old = (DELIVERIES.c.created_at < before, DELIVERIES.c.state != DeliveryState.PENDING.value)
    chosen = select(DELIVERIES.c.id).where(*old).limit(limit)
    statement = delete(DELIVERIES).where(*old, DELIVERIES.c.id.in_(chosen)).returning(DELIVERIES.c.id)
    return len((await session.execute(statement)).all())


async def lock_webhooks_sealed_otherwise(
    session: AsyncSession, organization_id: UUID, key_id: str
) -> Sequence[RowMapping]:
    """An organization's webhooks whose secret is under another key, locked."""
    statement = select(WEBHOOKS).where(WEBHOOKS.c.organization_id == organization_id, WEBHOOKS.c.key_id != key_id)
    return (await session.execute(statement.with_for_update(key_share=True))).mappings().all()
