"""Days of grace: how long rules ask to wait between marking a resource for deletion and deleting it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.detection.catalogue import CHECKS
from app.detection.rule import Rules
from app.models import now
from app.recommendations.tunings import tunings_of
from app.repositories import detection_facts


async def too_early(
    session: AsyncSession, organization_id: UUID, rows: Collection[RowMapping], due_on: date
) -> dict[UUID, str]:
    """Why recommendations cannot be marked for so early a day, by their ids."""
    tunings = await tunings_of(session, organization_id, {row["check_id"] for row in rows})
    if not tunings:
        return {}
    ids = [row["resource_id"] for row in rows if row["resource_id"] is not None]
    tags = {one["id"]: one["tags"] for one in await detection_facts.subjects(session, organization_id, ids, ())}
    rules, today = Rules(tunings), now().date()
    found: dict[UUID, str] = {}
    for row in rows:
        check = CHECKS.get(row["check_id"])
        if check is None:
            continue
        days = rules.of_place(check, row["account_id"], tags.get(row["resource_id"], {})).grace_days
        if due_on < today + timedelta(days=days):
            found[row["id"]] = (
                f"The rule asks for {days} days of grace; mark it for {today + timedelta(days=days)} or later."
            )
    return found
