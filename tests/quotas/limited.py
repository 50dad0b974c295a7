"""Organizations with plans of small limits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from app.database import Database
from app.models import new_id
from app.records.plans import SubscriptionStatus
from app.repositories import plans

ANCHOR = date(2026, 1, 15)
ENDED = datetime(2026, 1, 1, tzinfo=UTC)


async def limited(
    database: Database,
    organization_id: UUID,
    status: SubscriptionStatus = SubscriptionStatus.ACTIVE,
    trial_ends_at: datetime | None = None,
    **limits: Any,
) -> str:
    """Give an organization a plan of its own with these limits and no other; the plan's slug."""
    slug = f"plan-{new_id()}"
    if status is SubscriptionStatus.TRIAL and trial_ends_at is None:
        trial_ends_at = datetime.now(UTC) + timedelta(days=1)
    async with database.system() as session:
        plan = await plans.add_plan(session, {"slug": slug, "name": "Tiny", **limits})
        assert plan is not None
        values = {"plan_id": plan["id"], "status": status.value, "trial_ends_at": trial_ends_at}
        if await plans.lock_subscription(session, organization_id) is not None:
            await plans.change_subscription(session, organization_id, values)
        else:
            await plans.add_subscription(session, organization_id, {**values, "period_anchor": ANCHOR})
    return slug
