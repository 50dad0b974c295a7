"""Plans of organizations: what they limit, what a subscription allows, and the plans that Skyledger brings along."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from app.records.months import next_month


class QuotaMetric(StrEnum):
    """What a plan limits."""

    ACCOUNTS = "ACCOUNTS"
    MEMBERS = "MEMBERS"
    API_KEYS = "API_KEYS"
    CONCURRENT_SCANS = "CONCURRENT_SCANS"
    SCANS = "SCANS"
    IMPORTS = "IMPORTS"


class QuotaPeriod(StrEnum):
    """How long what is used counts."""

    TOTAL = "TOTAL"
    DAY = "DAY"
    MONTH = "MONTH"


class SubscriptionStatus(StrEnum):
    """How an organization stands to its plan."""

    TRIAL = "TRIAL"
    ACTIVE = "ACTIVE"
    PAST_DUE = "PAST_DUE"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True)
class Quota:
    """One limit of plans; `column` is where it stands in `plans`."""

    metric: QuotaMetric
    period: QuotaPeriod
    column: str


QUOTAS = (
    Quota(QuotaMetric.ACCOUNTS, QuotaPeriod.TOTAL, "accounts"),
    Quota(QuotaMetric.MEMBERS, QuotaPeriod.TOTAL, "members"),
    Quota(QuotaMetric.API_KEYS, QuotaPeriod.TOTAL, "api_keys"),
    Quota(QuotaMetric.CONCURRENT_SCANS, QuotaPeriod.TOTAL, "concurrent_scans"),
    Quota(QuotaMetric.SCANS, QuotaPeriod.DAY, "scans_per_day"),
    Quota(QuotaMetric.SCANS, QuotaPeriod.MONTH, "scans_per_month"),
    Quota(QuotaMetric.IMPORTS, QuotaPeriod.DAY, "imports_per_day"),
    Quota(QuotaMetric.IMPORTS, QuotaPeriod.MONTH, "imports_per_month"),
)
LIMITS = tuple(quota.column for quota in QUOTAS)
# What stays and costs every day; the other metrics are work on what is there.
_GROWTH = frozenset({QuotaMetric.ACCOUNTS, QuotaMetric.MEMBERS, QuotaMetric.API_KEYS})


@dataclass(frozen=True)
class Usage:
    """How much of a quota is used. `limit` is None where there is none, `resets_at` where nothing resets it.

    `reason` says why nothing of it is allowed at present, whatever the limit.
    """

    quota: Quota
    limit: int | None
    used: int
    resets_at: datetime | None
    reason: str | None = None


@dataclass(frozen=True)
class DeliveredPlan:
    """A plan that `bootstrap` makes; a limit that is not named is none."""

    slug: str
    name: str
    price: Decimal | None
    limits: Mapping[str, int] = field(default_factory=dict)
    trial_days: int | None = None
    currency: str = "USD"


# What a single organization reaches only by a program gone wild: who sells plans lowers it, with `updatePlan`. Prices
# are those of an example.
DEFAULT_PLAN = DeliveredPlan(
    "free",
    "Free",
    Decimal(0),
    {
        "accounts": 5_000,
        "members": 1_000,
        "api_keys": 500,
        "scans_per_day": 50_000,
        "scans_per_month": 500_000,
        "imports_per_day": 10_000,
        "imports_per_month": 100_000,
    },
)
DELIVERED_PLANS = (
    DEFAULT_PLAN,
    DeliveredPlan(
        "team",
        "Team",
        Decimal(99),
        {
            "scans_per_day": 500_000,
            "scans_per_month": 5_000_000,
            "imports_per_day": 100_000,
            "imports_per_month": 1_000_000,
        },
        trial_days=14,
    ),
    DeliveredPlan("enterprise", "Enterprise", None),
)


def refusal(
    status: SubscriptionStatus, trial_ends_at: datetime | None, metric: QuotaMetric, at: datetime
) -> str | None:
    """Why a subscription in this status allows nothing of a metric at a moment; None where it does."""
    if status is SubscriptionStatus.CANCELLED:
        return "The subscription is cancelled: what is there can be read, exported and deleted, and nothing is added."
    if status is SubscriptionStatus.TRIAL and trial_ends_at is not None and trial_ends_at <= at:
        return f"The trial ended at {trial_ends_at.isoformat(timespec='seconds')}; ask for a plan to go on."
    if status is SubscriptionStatus.PAST_DUE and metric in _GROWTH:
        return "A payment is due: scans and imports go on, but nothing is added until it is paid."
    return None


def first_day(period: QuotaPeriod, at: datetime) -> date:
    """The first day (UTC) of the period that a moment lies in."""
    day = at.astimezone(UTC).date()
    return day.replace(day=1) if period is QuotaPeriod.MONTH else day


def resets_at(period: QuotaPeriod, at: datetime) -> datetime | None:
    """When the period that a moment lies in ends, in UTC; None where it never does."""
    if period is QuotaPeriod.TOTAL:
        return None
    first = first_day(period, at)
    following = next_month(first) if period is QuotaPeriod.MONTH else first + timedelta(days=1)
    return datetime.combine(following, time.min, UTC)


def subscription_period(anchor: date, day: date) -> tuple[date, date]:
    """The month-long stretch, its end exclusive, that a day lies in when the first one began on `anchor`.

    Where a month has no such day its last one stands in: from 31 January to 28 February to 31 March.
    """
    months = (day.year - anchor.year) * 12 + day.month - anchor.month
    if _months_after(anchor, months) > day:
        months -= 1
    return _months_after(anchor, months), _months_after(anchor, months + 1)


def _months_after(anchor: date, months: int) -> date:
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(year, month + 1, min(anchor.day, calendar.monthrange(year, month + 1)[1]))
