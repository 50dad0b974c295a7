"""SQL of what organizations use of their quotas: counters of days and months, and counts of what there is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Table, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import ApiKey, Invitation, Membership, UsageCounter, now
from app.records.plans import QuotaMetric, QuotaPeriod
from app.repositories.accounts import ACCOUNTS
from app.repositories.scans import SCANS, UNDER_WAY

_COUNTERS: Table = UsageCounter.__table__  # type: ignore[assignment]
_MEMBERSHIPS: Table = Membership.__table__  # type: ignore[assignment]
_INVITATIONS: Table = Invitation.__table__  # type: ignore[assignment]
_API_KEYS: Table = ApiKey.__table__  # type: ignore[assignment]
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
# The rows are locked in this order until the transaction ends: who comes second adds to what the first has left.
_ADD = text("""
    INSERT INTO usage_counters (organization_id, metric, period, starts_on, used)
    SELECT :organization_id, :metric, sent.period, sent.starts_on, :units
    FROM unnest(CAST(:periods AS text[]), CAST(:days AS date[])) AS sent(period, starts_on)
    ON CONFLICT (organization_id, metric, period, starts_on) DO UPDATE SET used = usage_counters.used + excluded.used
    RETURNING period, used
""")


async def lock_quota(session: AsyncSession, organization_id: UUID, metric: QuotaMetric) -> None:
    """Be the only one who counts a metric of an organization until the transaction ends."""
    await session.execute(_LOCK, {"name": f"quota:{metric}:{organization_id}"})


async def add_use(
    session: AsyncSession,
    organization_id: UUID,
    metric: QuotaMetric,
    units: int,
    periods: Sequence[tuple[QuotaPeriod, date]],
) -> dict[QuotaPeriod, int]:
    """Add to the counters of periods, by their first days; what each has then, and nobody else adds meanwhile."""
    values = {
        "organization_id": organization_id,
        "metric": metric.value,
        "units": units,
        "periods": [period.value for period, _ in periods],
        "days": [day for _, day in periods],
    }
    return {QuotaPeriod(period): used for period, used in await session.execute(_ADD, values)}


async def counted_use(
    session: AsyncSession, organization_id: UUID, periods: Collection[tuple[QuotaPeriod, date]]
) -> dict[tuple[QuotaMetric, QuotaPeriod], int]:
    """What the counters of periods have, by their first days; a counter that is not there was never added to."""
    wanted = [(period.value, day) for period, day in periods]
    statement = select(_COUNTERS.c.metric, _COUNTERS.c.period, _COUNTERS.c.used).where(
        _COUNTERS.c.organization_id == organization_id, tuple_(_COUNTERS.c.period, _COUNTERS.c.starts_on).in_(wanted)
    )
    return {
        (QuotaMetric(metric), QuotaPeriod(period)): used for metric, period, used in await session.execute(statement)
    }


async def count_of(session: AsyncSession, organization_id: UUID, metric: QuotaMetric) -> int:
    """How many there are of what is limited in total."""
    return int((await session.execute(select(_counts(organization_id)[metric].scalar_subquery()))).scalar_one())


async def all_counts(session: AsyncSession, organization_id: UUID) -> dict[QuotaMetric, int]:
    """The same of all such metrics, in one statement."""
    counts = _counts(organization_id)
    row = (await session.execute(select(*(each.scalar_subquery() for each in counts.values())))).one()
    return {metric: int(value) for metric, value in zip(counts, row, strict=True)}


def _counts(organization_id: UUID) -> dict[QuotaMetric, Select[Any]]:
    """Connected accounts; members and the places that are offered; keys that are good; scans that have not ended."""

    def count(table: Table, *conditions: Any) -> Select[Any]:
        statement = select(func.count()).select_from(table).where(table.c.organization_id == organization_id)
        return statement.where(*conditions)

    moment = now()
    offered = count(
        _INVITATIONS,
        _INVITATIONS.c.accepted_at.is_(None),
        _INVITATIONS.c.revoked_at.is_(None),
        _INVITATIONS.c.expires_at > moment,
    )
    members = select(count(_MEMBERSHIPS).scalar_subquery() + offered.scalar_subquery())
    good = _API_KEYS.c.expires_at.is_(None) | (_API_KEYS.c.expires_at > moment)
    return {
        QuotaMetric.ACCOUNTS: count(ACCOUNTS, ACCOUNTS.c.kind == "CONNECTED", ACCOUNTS.c.disconnected_at.is_(None)),
        QuotaMetric.MEMBERS: members,
        QuotaMetric.API_KEYS: count(_API_KEYS, _API_KEYS.c.revoked_at.is_(None), good),
        QuotaMetric.CONCURRENT_SCANS: count(SCANS, SCANS.c.state.in_(UNDER_WAY)),
    }
