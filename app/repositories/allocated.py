"""SQL that shares a month's roll-up out to teams: as a statement that stores it, and as one that only tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.records.costs import CostMetric
from app.records.months import next_month

METRICS = tuple(metric.value for metric in CostMetric)
SHARE_DIGITS = 12
"""Digits behind the point of a part; more where the amount itself has more."""
SLICE_DAYS = 8
# Until the transaction ends. With the 4 MB of old a million rows spill to disk, and take twice as long.
_MEMORY = text("SET LOCAL work_mem = '64MB'")
_SUMS = ", ".join(f"sum({metric}) AS {metric}" for metric in METRICS)
_AMOUNTS = f"{', '.join(METRICS)}, charge_count"
# What the rules make of the days: day, dimension, rule and team, which is null where several teams bear it. Summed by
# class of tags first: joined with all three at once, a million rows took three times as long.
_MATCHED = f"""
    tag_class AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:tag_ids AS bigint[]), CAST(:tag_classes AS integer[])) AS t(id, class)),
    dim_class AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:dim_ids AS bigint[]), CAST(:dim_classes AS integer[])) AS d(id, class)),
    outcome AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:outcome_tags AS integer[]), CAST(:outcome_dims AS integer[]),
            CAST(:outcome_rules AS uuid[]), CAST(:outcome_teams AS uuid[]))
            AS o(tag_class, dim_class, rule_id, team_id)),
    spent AS MATERIALIZED (
        SELECT r.day, r.summary_dim_id, t.class, {_SUMS}, sum(charge_count)::bigint AS charge_count
        FROM tag_daily r JOIN tag_class t ON t.id = r.allocation_id
        WHERE r.organization_id = :organization_id AND r.day >= :first AND r.day < :end
        GROUP BY r.day, r.summary_dim_id, t.class),
    matched AS MATERIALIZED (
        SELECT p.day, p.summary_dim_id, o.rule_id, o.team_id, {_SUMS}, sum(charge_count)::bigint AS charge_count
        FROM spent p
        JOIN dim_class d ON d.id = p.summary_dim_id
        JOIN outcome o ON o.tag_class = p.class AND o.dim_class = d.class
        GROUP BY p.day, p.summary_dim_id, o.rule_id, o.team_id)
"""  # noqa: S608  (made of constants)


def _quotient(metric: str) -> str:
    """Whole units of a part, and what is left of a unit: exact, as div() and the products of numerics are."""
    return f"""
        GREATEST(scale(m.{metric}), {SHARE_DIGITS}) AS {metric}_digits,
        abs(m.{metric}) * ('1e' || GREATEST(scale(m.{metric}), {SHARE_DIGITS}))::numeric AS {metric}_units"""


def _share(metric: str) -> str:
    """The part of a team: its whole units, and one more for the largest remainders until the sum is whole."""
    part = f"div({metric}_units * weight, total)"
    rest = f"{metric}_units * weight - {part} * total"
    left = f"{metric}_units - sum({part}) OVER whole"
    rank = f"row_number() OVER (PARTITION BY day, summary_dim_id, rule_id ORDER BY {rest} DESC, ordinal)"
    return f"""
        CASE WHEN {metric} IS NOT NULL THEN
            trim_scale(sign({metric}) * ({part} + CASE WHEN {rank} <= {left} THEN 1 ELSE 0 END)
                * ('1e-' || {metric}_digits)::numeric) END AS {metric}"""


# Everything that is allocated in the month. A charge that is split counts with the first target only.
_ALLOCATED = f"""
    weighed AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:part_rules AS uuid[]), CAST(:part_currencies AS text[]), CAST(:part_teams AS uuid[]),
            CAST(:part_weights AS numeric[]), CAST(:part_totals AS numeric[]), CAST(:part_ordinals AS integer[]))
            AS w(rule_id, currency, team_id, weight, total, ordinal)),
    parted AS (
        SELECT m.day, m.summary_dim_id, m.rule_id, w.team_id, w.weight, w.total, w.ordinal, {_AMOUNTS},
            {", ".join(_quotient(metric) for metric in METRICS)}
        FROM matched m
        JOIN summary_dims s ON s.organization_id = :organization_id AND s.id = m.summary_dim_id
        JOIN weighed w ON w.rule_id = m.rule_id AND w.currency = s.billing_currency
        WHERE m.team_id IS NULL),
    allocated AS (
        SELECT day, team_id, summary_dim_id, rule_id, false AS shared, {_AMOUNTS} FROM matched WHERE team_id IS NOT NULL
        UNION ALL
        SELECT day, team_id, summary_dim_id, rule_id, true, {", ".join(_share(metric) for metric in METRICS)},
            CASE WHEN ordinal = 1 THEN charge_count ELSE 0 END
        FROM parted WINDOW whole AS (PARTITION BY day, summary_dim_id, rule_id))
"""  # noqa: S608  (made of constants)
_TAG_SETS = text("""
    SELECT used.id, coalesce(a.tags, '{}') AS tags
    FROM (SELECT DISTINCT allocation_id AS id FROM tag_daily
          WHERE organization_id = :organization_id AND day >= :first AND day < :end) AS used
    LEFT JOIN allocation_sets a ON a.organization_id = :organization_id AND a.id = used.id
""")
_DIMS = text("""
    SELECT s.* FROM summary_dims s
    WHERE s.organization_id = :organization_id AND s.id IN (
        SELECT summary_dim_id FROM tag_daily WHERE organization_id = :organization_id AND day >= :first AND day < :end)
""")
_BASES = text(f"""
    WITH {_MATCHED}
    SELECT m.team_id, CASE WHEN m.team_id IS NULL THEN m.rule_id END AS rule_id, s.billing_currency AS currency,
        sum(m.effective_cost) AS cost
    FROM matched m JOIN summary_dims s ON s.organization_id = :organization_id AND s.id = m.summary_dim_id
    WHERE m.team_id IS NULL OR m.team_id = ANY(CAST(:teams AS uuid[]))
    GROUP BY 1, 2, 3
""")  # noqa: S608  (made of constants)
# Nothing is there that could be in conflict; without the clause Citus refuses to insert what comes from unnest().
_STORE = text(f"""
    WITH {_MATCHED}, {_ALLOCATED}
    INSERT INTO allocated_daily (organization_id, day, team_id, summary_dim_id, rule_id, shared, {_AMOUNTS})
    SELECT :organization_id, day, team_id, summary_dim_id, rule_id, shared, {_AMOUNTS} FROM allocated
    ORDER BY day, team_id, summary_dim_id, rule_id
    ON CONFLICT DO NOTHING
""")  # noqa: S608  (made of constants)
_TELL = text(f"""
    WITH {_MATCHED}, {_ALLOCATED}
    SELECT a.team_id, s.billing_currency AS currency, {_SUMS}
    FROM allocated a JOIN summary_dims s ON s.organization_id = :organization_id AND s.id = a.summary_dim_id
    GROUP BY a.team_id, s.billing_currency
""")  # noqa: S608  (made of constants)
_BY_TEAM = text(f"""
    INSERT INTO team_daily (organization_id, day, team_id, shared, billing_currency, {_AMOUNTS})
    SELECT :organization_id, a.day, a.team_id, a.shared, s.billing_currency, {_SUMS}, sum(a.charge_count)
    FROM allocated_daily a
    JOIN summary_dims s ON s.organization_id = a.organization_id AND s.id = a.summary_dim_id
    WHERE a.organization_id = :organization_id AND a.day >= :first AND a.day < :end
    GROUP BY a.day, a.team_id, a.shared, s.billing_currency
    ORDER BY a.day, a.team_id, a.shared, s.billing_currency
""")  # noqa: S608  (made of constants)
_CLEAR = tuple(
    text(f"DELETE FROM {table} WHERE organization_id = :organization_id AND day >= :first AND day < :end")  # noqa: S608
    for table in ("allocated_daily", "team_daily")
)


@dataclass(frozen=True)
class Matching:
    """What rules make of allocation sets and dimensions, as columns: see `app.costs.allocation.match.Plan`."""

    tag_classes: dict[int, int]
    dim_classes: dict[int, int]
    outcomes: Sequence[tuple[int, int, UUID, UUID | None]]

    def values(self) -> dict[str, Any]:
        """The parameters of the statements."""
        return {
            "tag_ids": list(self.tag_classes),
            "tag_classes": list(self.tag_classes.values()),
            "dim_ids": list(self.dim_classes),
            "dim_classes": list(self.dim_classes.values()),
            "outcome_tags": [outcome[0] for outcome in self.outcomes],
            "outcome_dims": [outcome[1] for outcome in self.outcomes],
            "outcome_rules": [outcome[2] for outcome in self.outcomes],
            "outcome_teams": [outcome[3] for outcome in self.outcomes],
        }


@dataclass(frozen=True)
class Bases:
    """What parts are made by.

    `shared` are the (rule, currency) pairs that match something which several teams bear, `direct` are known effective
    costs that fall to teams alone, to be summed, by (team, currency).
    """

    shared: set[tuple[UUID, str]] = field(default_factory=set)
    direct: dict[tuple[UUID, str], list[Decimal]] = field(default_factory=dict)


@dataclass
class Parts:
    """Which part of what a rule matches in a currency falls to which team: `weight` of `total`, both above 0."""

    rules: list[UUID] = field(default_factory=list)
    currencies: list[str] = field(default_factory=list)
    teams: list[UUID] = field(default_factory=list)
    weights: list[Decimal] = field(default_factory=list)
    totals: list[Decimal] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)

    def add(self, rule_id: UUID, currency: str, weights: Sequence[tuple[UUID, Decimal]], total: Decimal) -> None:
        """All parts of a rule in a currency, in the order in which equal remainders get a unit; `total` is exact."""
        for ordinal, (team_id, weight) in enumerate(weights, start=1):
            self.rules.append(rule_id)
            self.currencies.append(currency)
            self.teams.append(team_id)
            self.weights.append(weight)
            self.totals.append(total)
            self.ordinals.append(ordinal)

    def values(self) -> dict[str, Any]:
        """The parameters of the statements."""
        return {
            "part_rules": self.rules,
            "part_currencies": self.currencies,
            "part_teams": self.teams,
            "part_weights": self.weights,
            "part_totals": self.totals,
            "part_ordinals": self.ordinals,
        }


def _slices(month: date) -> list[dict[str, date]]:
    """The days of a month in parts of at most 8: a statement has 15 s, and a million rows of `tag_daily` may take 7."""
    end = next_month(month)
    begins = [month + timedelta(days=number) for number in range(0, (end - month).days, SLICE_DAYS)]
    return [{"first": begin, "end": min(begin + timedelta(days=SLICE_DAYS), end)} for begin in begins]


def _month(organization_id: UUID, month: date) -> dict[str, Any]:
    return {"organization_id": organization_id, "first": month, "end": next_month(month)}


async def _rows(session: AsyncSession, statement: TextClause, values: dict[str, Any]) -> Sequence[RowMapping]:
    return (await session.execute(statement, values)).mappings().all()


async def tag_sets_of(session: AsyncSession, organization_id: UUID, month: date) -> dict[int, dict[str, Any]]:
    """The allocation sets of a month's charges: {id: tags}, with 0 for none."""
    rows = await _rows(session, _TAG_SETS, _month(organization_id, month))
    return {row["id"]: row["tags"] for row in rows}


async def dims_of(session: AsyncSession, organization_id: UUID, month: date) -> dict[int, RowMapping]:
    """The summary dimensions of a month's charges, by id."""
    return {row["id"]: row for row in await _rows(session, _DIMS, _month(organization_id, month))}


async def bases(
    session: AsyncSession, organization_id: UUID, month: date, matching: Matching, teams: Sequence[UUID]
) -> Bases:
    """What is to be shared, and what these teams bear directly."""
    await session.execute(_MEMORY)
    found = Bases()
    values = matching.values() | {"organization_id": organization_id, "teams": list(teams)}
    for days in _slices(month):
        for row in await _rows(session, _BASES, values | days):
            key = (row["team_id"], row["currency"])
            if row["team_id"] is None:
                found.shared.add((row["rule_id"], row["currency"]))
            elif row["cost"] is not None:
                found.direct.setdefault(key, []).append(row["cost"])
    return found


async def store(session: AsyncSession, organization_id: UUID, month: date, matching: Matching, parts: Parts) -> None:
    """Write the month's rows of `allocated_daily` and `team_daily`, which `clear` has removed."""
    await session.execute(_MEMORY)
    values = matching.values() | parts.values() | {"organization_id": organization_id}
    for days in _slices(month):
        await session.execute(_STORE, values | days)
    await session.execute(_BY_TEAM, _month(organization_id, month))


async def tell(
    session: AsyncSession, organization_id: UUID, month: date, matching: Matching, parts: Parts
) -> Sequence[RowMapping]:
    """What `store` would write, summed by team and currency; writes nothing."""
    return await _rows(session, _TELL, _month(organization_id, month) | matching.values() | parts.values())


async def clear(session: AsyncSession, organization_id: UUID, month: date) -> None:
    """Remove a month from `allocated_daily` and `team_daily`."""
    for statement in _CLEAR:
        await session.execute(statement, _month(organization_id, month))
