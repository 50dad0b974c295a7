"""Tables of what is watched about costs: budgets with their alerts, anomalies, business metrics, what was told."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, OrganizationOwned, new_id, now

METRICS = "metric IN ('billed_cost', 'effective_cost', 'list_cost', 'contracted_cost')"
FIGURES = "figure IN ('FORECAST', 'UTILIZATION', 'COVERAGE', 'UNIT_COST')"
STATES = "state IN ('OPEN', 'ACKNOWLEDGED', 'EXPECTED', 'RESOLVED', 'MERGED')"


class Budget(OrganizationOwned, Base, kw_only=True):
    """An amount that the charges of a scope may cost in each period.

    `scope` is as `conditions_to_json` writes it, `thresholds` a list of `{percent, basis}`.
    A FIXED budget has one period, which ends before `ends_on`; the others have periods from `starts_on` on.
    """

    __tablename__ = "budgets"
    __table_args__ = (
        UniqueConstraint("organization_id", "name"),
        CheckConstraint("recurrence IN ('MONTHLY', 'QUARTERLY', 'YEARLY', 'FIXED')", name="recurrence"),
        CheckConstraint("ends_on > starts_on AND (recurrence <> 'FIXED' OR ends_on IS NOT NULL)", name="period"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint(METRICS, name="metric"),
    )

    name: Mapped[str]
    recurrence: Mapped[str]
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    amount: Mapped[Decimal]
    currency: Mapped[str]
    metric: Mapped[str]
    scope: Mapped[dict[str, Any]]
    thresholds: Mapped[list[Any]] = mapped_column(JSONB)
    enabled: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)


class BudgetAlert(Base, kw_only=True):
    """A threshold that was crossed in a period: one row, however often that is found.

    `value` is the actual or forecast cost when it was crossed, `budget_amount` the amount then. `recovered_at` is set
    when restated charges, a lower forecast or a higher amount took it back, and emptied when it is crossed again.
    """

    __tablename__ = "budget_alerts"
    __table_args__ = (
        UniqueConstraint(
            "organization_id", "budget_id", "period_start", "basis", "percent", name="uq_budget_alerts_threshold"
        ),
        ForeignKeyConstraint(
            ["organization_id", "budget_id"], ["budgets.organization_id", "budgets.id"], ondelete="CASCADE"
        ),
        CheckConstraint("basis IN ('ACTUAL', 'FORECAST')", name="basis"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    budget_id: Mapped[UUID]
    period_start: Mapped[date]
    period_end: Mapped[date]
    basis: Mapped[str]
    percent: Mapped[Decimal]
    value: Mapped[Decimal]
    budget_amount: Mapped[Decimal]
    currency: Mapped[str]
    crossed_at: Mapped[datetime] = mapped_column(default_factory=now)
    recovered_at: Mapped[datetime | None] = mapped_column(default=None)


class BudgetForecast(Base, kw_only=True):
    """What a period of a budget is expected to cost when it is over: made by the check of costs, read by pages.

    `question` and `ground` are SHA-256: of what is asked (scope, metric, currency, period), and of the daily costs
    before `as_of` that the forecast is made of. Amounts are null where there is no forecast, with the `reason`.
    """

    __tablename__ = "budget_forecasts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "budget_id"], ["budgets.organization_id", "budgets.id"], ondelete="CASCADE"
        ),
        CheckConstraint("(reason IS NULL) = (expected IS NOT NULL)", name="reason"),
        CheckConstraint("num_nulls(expected, lower, upper) IN (0, 3)", name="amounts"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    budget_id: Mapped[UUID] = mapped_column(primary_key=True)
    period_start: Mapped[date] = mapped_column(primary_key=True)
    question: Mapped[bytes]
    ground: Mapped[bytes]
    as_of: Mapped[date]
    expected: Mapped[Decimal | None]
    lower: Mapped[Decimal | None]
    upper: Mapped[Decimal | None]
    reason: Mapped[str | None]
    made_at: Mapped[datetime] = mapped_column(default_factory=now)


class CostAnomaly(OrganizationOwned, Base, kw_only=True):
    """A stretch of days, before `ends_on`, on which a series cost another amount than its past lets expect.

    `series_key` names the series in full: its cut, metric, currency and values. `explanation` is
    `{service|account|region|resource: [{key, name, expected, actual, excess, share}]}`, `days` a list of `[day,
    expected, actual]` (empty where it was last seen before that was kept), `also_seen_in` a list of `{series,
    serviceName, subAccountId, startsOn, endsOn, excess}`. Where a restatement removes it, its state becomes RESOLVED;
    found again on days that overlap, it is the same row. Where its cause is told as another anomaly, its state becomes
    MERGED. Rows are written by one watch at a time, so that nothing is unique but the id: days move.
    """

    __tablename__ = "cost_anomalies"
    __table_args__ = (
        CheckConstraint("series IN ('TOTAL', 'SERVICE', 'ACCOUNT', 'SERVICE_ACCOUNT')", name="series"),
        CheckConstraint(STATES, name="state"),
        CheckConstraint("(state = 'MERGED') = (merged_into_id IS NOT NULL)", name="merged"),
        CheckConstraint("ends_on > starts_on", name="days"),
        CheckConstraint(METRICS, name="metric"),
    )

    series: Mapped[str]
    series_key: Mapped[str]
    metric: Mapped[str]
    billing_currency: Mapped[str]
    service_name: Mapped[str | None]
    sub_account_id: Mapped[str | None]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    expected: Mapped[Decimal]
    actual: Mapped[Decimal]
    excess: Mapped[Decimal]
    score: Mapped[Decimal]
    state: Mapped[str]
    state_reason: Mapped[str | None]
    state_changed_at: Mapped[datetime | None]
    explanation: Mapped[dict[str, Any]]
    days: Mapped[list[list[str]]] = mapped_column(JSONB)
    also_seen_in: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    first_import_id: Mapped[UUID | None]
    last_import_id: Mapped[UUID | None]
    found_at: Mapped[datetime] = mapped_column(default_factory=now)
    last_seen_at: Mapped[datetime] = mapped_column(default_factory=now)
    resolved_at: Mapped[datetime | None] = mapped_column(default=None)
    merged_into_id: Mapped[UUID | None] = mapped_column(default=None)


class BusinessMetric(OrganizationOwned, Base, kw_only=True):
    """Something that the organization counts, such as orders, to hold its costs against."""

    __tablename__ = "business_metrics"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    name: Mapped[str]
    unit: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)


class BusinessMetricValue(Base, kw_only=True):
    """How much of it there was on a day."""

    __tablename__ = "business_metric_values"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "business_metric_id"],
            ["business_metrics.organization_id", "business_metrics.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("quantity >= 0", name="quantity"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    business_metric_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    quantity: Mapped[Decimal]


class ToldFigure(Base, kw_only=True):
    """The last that was told of a figure of the costs, so that it is told once.

    `subject` is the SHA-256 of what the figure is of, such as a commitment, and `value` what was told of the days from
    `period_start` on, in `currency` where it is money. `ground` is the SHA-256 of the days that a forecast was last
    made of, told or not; others have none. A commitment has a row while it stands as underused.
    """

    __tablename__ = "told_figures"
    __table_args__ = (CheckConstraint(FIGURES, name="figure"),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    figure: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[bytes] = mapped_column(primary_key=True)
    period_start: Mapped[date]
    value: Mapped[Decimal]
    currency: Mapped[str | None]
    ground: Mapped[bytes | None]
    told_at: Mapped[datetime] = mapped_column(default_factory=now)
