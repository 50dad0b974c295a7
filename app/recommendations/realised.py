"""Measures what was saved by what is resolved: what its resource cost a day before, less what it cost after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zlib import crc32

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.known_days import known_days
from app.database import Database
from app.models import now
from app.recommendations.charged import AccountKey
from app.recommendations.realised_costs import Costs, about_of
from app.recommendations.realised_windows import Resolved, Windows, windows_of
from app.records.cost_analysis import CostDimension, DateRange
from app.repositories import realised
from app.repositories.cost_coverage import payers_by_values
from app.repositories.cost_series import ImportedDays, imported_days, rates_into
from app.repositories.organizations import organizations_by_id

PAGE = 500
"""Resources whose savings are measured together, in one transaction that reads and one that writes."""
_MICRO = Decimal("0.000001")
_UNKNOWN_PART = "The charges of some days before it was resolved are not known."
Part = dict[str, Any]
"""What some days cost: `{start, end, days, cost, basis, reason}`, of days after with `saved`; amounts are texts.

`days` are those that are known, `basis` tells one state of what was imported of them from another.
"""


@dataclass(frozen=True)
class _Ground:
    """What measuring rests on."""

    currency: str
    until: date
    """The first day whose charges are still arriving."""
    imported: Sequence[ImportedDays]
    payers: Mapping[AccountKey, frozenset[str]]
    begins: Mapping[AccountKey, date]
    """The first day of which charges of an account's billing accounts were imported."""
    rates: int
    """Tells one state of the currency rates from another."""

    def basis(self, days: DateRange) -> str:
        """What tells the state of the deliveries that may say something of some days; each new one has a higher id."""
        of_days = [
            one.id
            for one in self.imported
            if min(one.period_start, one.first_day) < days.end
            and days.start < max(one.period_end, one.last_day + timedelta(1))
        ]
        return f"{max(of_days, default=0)}/{len(of_days)}/{self.currency}/{self.rates}"


async def measure_realised(
    database: Database, organization_id: UUID, hold: Callable[[AsyncSession], Awaitable[None]]
) -> int:
    """Measure all that is resolved and proved; returns how many measurements changed. Idempotent.

    What was measured of days is read again only where something was imported of them since.
    """
    async with database.read(organization_id) as session:
        ground = await _ground(session, organization_id)
    if ground is None:
        return 0
    async with database.write(organization_id) as session:
        await hold(session)
        await realised.forget_realised(session, organization_id)
    changed, after = 0, UUID(int=0)
    while True:
        async with database.read(organization_id, one_state=True) as session:
            rows = await realised.resolved_after(session, organization_id, after, PAGE)
            measured = await _measure(session, organization_id, ground, rows)
        if not rows:
            return changed
        after = rows[-1]["resource_id"] or rows[-1]["id"]
        if measured:
            async with database.write(organization_id) as session:
                await hold(session)
                await realised.write_realised(session, measured)
        changed += len(measured)


async def _ground(session: AsyncSession, organization_id: UUID) -> _Ground | None:
    organizations = await organizations_by_id(session, [organization_id])
    imported = await imported_days(session, organization_id)
    known = known_days(imported, now().date())
    if not organizations or known is None:
        return None
    first: dict[str, date] = {}
    for one in imported:
        payer = one.billing_account[1]
        first[payer] = min(first.get(payer, one.first_day), one.first_day)
    payers = await payers_by_values(session, organization_id, (CostDimension.PROVIDER, CostDimension.ACCOUNT))
    owners = {(key[0], key[1]): one for key, one in payers.items() if key[0] is not None and key[1] is not None}
    begins = {
        key: max(first[one] for one in each if one in first) for key, each in owners.items() if each & first.keys()
    }
    currency = organizations[0]["currency"]
    rates = await rates_into(session, organization_id, [currency])
    stamp = crc32(" ".join(f"{of} {since} {rate.normalize()}" for of, _, since, rate in sorted(rates)).encode())
    return _Ground(currency, known.settled_until, imported, owners, begins, stamp)


async def _measure(
    session: AsyncSession, organization_id: UUID, ground: _Ground, rows: Sequence[RowMapping]
) -> list[dict[str, Any]]:
    """The measurements that differ from what is stored."""
    windows = windows_of([_resolved(row, ground) for row in rows], ground.until)
    costs = Costs(ground.currency, ground.payers)
    for row in rows:
        for days in _days_of(windows[row["id"]]):
            if _stored(row, days, ground) is None:
                costs.ask(row, days)
    await costs.read(session, organization_id)
    measured = [_measured(organization_id, row, windows[row["id"]], ground, costs) for row in rows]
    return [new for row, new in zip(rows, measured, strict=True) if _differs(row, new)]


def _resolved(row: RowMapping, ground: _Ground) -> Resolved:
    created = row["provider_created_at"]
    return Resolved(
        id=row["id"],
        about=about_of(row),
        last_found_on=row["last_found_at"].date(),
        resolved_on=row["resolved_at"].date(),
        converted=row["converted_saving"],
        created_on=None if created is None else created.date(),
        begins_on=ground.begins.get((row["provider"], row["native_id"])),
    )


def _days_of(windows: Windows) -> list[DateRange]:
    return [] if windows.before is None or not windows.after else [windows.before, *windows.after]


def _stored(row: RowMapping, days: DateRange, ground: _Ground) -> Part | None:
    """What was measured of the same days by what is imported now."""
    for part in (row["before"], *(row["after"] or ())):
        wanted = (days.start.isoformat(), days.end.isoformat(), ground.basis(days))
        if part is not None and (part["start"], part["end"], part["basis"]) == wanted:
            found: Part = part
            return found
    return None


def _part(row: RowMapping, days: DateRange, ground: _Ground, costs: Costs) -> Part:
    """What some days cost, as it was read now or before."""
    stored = _stored(row, days, ground)
    if stored is not None:
        return {name: value for name, value in stored.items() if name != "saved"}
    found = costs.of(row, days)
    return {
        "start": days.start.isoformat(),
        "end": days.end.isoformat(),
        "days": found.days,
        "cost": None if found.amount is None else f"{found.amount:f}",
        "basis": ground.basis(days),
        "reason": found.reason,
    }


def _measured(
    organization_id: UUID, row: RowMapping, windows: Windows, ground: _Ground, costs: Costs
) -> dict[str, Any]:
    before, after = None, []
    daily = amount = None
    reason = windows.reason
    if windows.before is not None and windows.after:
        before = _part(row, windows.before, ground, costs)
        after = [_part(row, days, ground, costs) for days in windows.after]
        known = [part for part in after if part["cost"] is not None and part["days"]]
        if before["cost"] is None or not before["days"]:
            reason = before["reason"] or _UNKNOWN_PART
        elif not known:
            reason = next((part["reason"] for part in after if part["reason"]), _UNKNOWN_PART)
        else:
            a_day = Decimal(before["cost"]) / before["days"]
            for part in known:
                part["saved"] = f"{(a_day * part['days'] - Decimal(part['cost'])).quantize(_MICRO):f}"
            amount = sum((Decimal(part["saved"]) for part in known), Decimal(0))
            daily = (amount / sum(part["days"] for part in known)).quantize(_MICRO)
    return {
        "organization_id": organization_id,
        "recommendation_id": row["id"],
        "currency": ground.currency,
        "before": before,
        "after": after,
        "daily": daily,
        "amount": amount,
        "reason": reason,
        "measured_at": now(),
    }


def _differs(row: RowMapping, new: Mapping[str, Any]) -> bool:
    return any(row[name] != new[name] for name in ("currency", "before", "after", "daily", "amount", "reason"))
