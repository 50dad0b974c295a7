"""Which services, accounts, regions and resources caused an anomaly, and by how much."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.anomalies.series import ACCOUNT, LEFT_OUT, SERVICE, SeriesName, daily_by_key
from app.costs.anomalies.spread import with_spread
from app.costs.outlook.anomalies import Anomaly
from app.costs.outlook.explain import Explanation, explain
from app.costs.outlook.series import DailySeries
from app.repositories.cost_parts import Cut, costliest_resources, daily_parts, daily_resources, long_parts

CAUSES = {"services": SERVICE, "accounts": ACCOUNT, "regions": "region_id"}
RESOURCES = "resources"
TOP = 10
_MOST_PARTS = 50
_RESOURCE_DAYS = 7
"""Resources are looked up in charges: in those of the anomaly's last week at most."""


async def explain_anomaly(
    session: AsyncSession,
    organization_id: UUID,
    name: SeriesName,
    anomaly: Anomaly,
    start: date,
    without: Sequence[SeriesName] = (),
) -> dict[str, Any]:
    """The causes of an anomaly as they are stored, by what its charges are parted by; `start`: first day looked at.

    Charges of the series in `without` are told as other anomalies. Each of the causes is
    `{contributions: [{key, name, actual, expected, excess, share, isNew}], others, otherCount, unexplained}`.
    """
    others = (*LEFT_OUT, *(other.values for other in without))
    cut = Cut(name.metric, name.currency, start, anomaly.end, name.values, others)
    fixed = {column for column, _ in name.values}
    parts: dict[str, dict[tuple[str, ...], DailySeries]] = {}
    for cause, column in CAUSES.items():
        if column not in fixed:
            found = await daily_parts(session, organization_id, cut, (column,), _MOST_PARTS)
            long = await long_parts(session, organization_id, cut, (column,))
            parts[cause] = daily_by_key(with_spread(found, long), start, anomaly.end)
    resources, names = await _resources(session, organization_id, cut, anomaly)
    parts[RESOURCES] = resources
    explanations = await asyncio.to_thread(_explain_all, anomaly, parts)
    return {cause: _stored(found, names if cause == RESOURCES else {}) for cause, found in explanations.items()}


async def _resources(
    session: AsyncSession, organization_id: UUID, cut: Cut, anomaly: Anomaly
) -> tuple[dict[tuple[str, ...], DailySeries], Mapping[str, str | None]]:
    """The resources that cost most in the anomaly and, for what ended, in the week before it."""
    latest = max(anomaly.start, anomaly.end - timedelta(_RESOURCE_DAYS))
    chosen: list[int] = []
    before = (anomaly.start - timedelta(_RESOURCE_DAYS), anomaly.start)
    for start, end in ((latest, anomaly.end), before):
        week = replace(cut, start=start, end=end)
        chosen += await costliest_resources(session, organization_id, week, _MOST_PARTS)
    if not chosen:
        return {}, {}
    found = await daily_resources(session, organization_id, cut, sorted(set(chosen)))
    parts = with_spread(found.parts, found.long)
    return daily_by_key(parts, cut.start, cut.end), found.names


def _explain_all(
    anomaly: Anomaly, parts: Mapping[str, Mapping[tuple[str, ...], DailySeries]]
) -> dict[str, Explanation[tuple[str, ...]]]:
    return {cause: explain(anomaly, of_cause, top=TOP) for cause, of_cause in parts.items() if of_cause}


def _stored(explanation: Explanation[tuple[str, ...]], names: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "contributions": [
            {
                "key": each.key[0],
                "name": names.get(each.key[0]),
                "actual": f"{each.actual:f}",
                "expected": f"{each.expected:f}",
                "excess": f"{each.excess:f}",
                "share": f"{each.share:f}",
                "isNew": each.is_new,
            }
            for each in explanation.contributions
        ],
        "others": f"{explanation.others:f}",
        "otherCount": explanation.other_count,
        "unexplained": f"{explanation.unexplained:f}",
    }
