"""Tables of plans: what the platform offers, who is subscribed to what, and what is used in days and months."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, new_id, now


class Plan(Base, kw_only=True):
    """What organizations can subscribe to: the same for all tenants, written by operators alone.

    A limit that is null is none; a price that is null is told on request. New organizations get the default plan.
    """

    __tablename__ = "plans"
    __table_args__ = (
        Index("uq_plans_default", "is_default", unique=True, postgresql_where=text("is_default")),
        CheckConstraint("price >= 0 AND price < 'Infinity'", name="price"),
        CheckConstraint("num_nulls(price, currency) IN (0, 2)", name="currency"),
        CheckConstraint("trial_days > 0", name="trial"),
        CheckConstraint("NOT is_default OR retired_at IS NULL", name="default"),
        CheckConstraint(
            "least(accounts, members, api_keys, concurrent_scans, scans_per_day, scans_per_month, imports_per_day, "
            "imports_per_month) >= 0",
            name="limits",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    price: Mapped[Decimal | None] = mapped_column(default=None)
    currency: Mapped[str | None] = mapped_column(default=None)
    trial_days: Mapped[int | None] = mapped_column(default=None)
    accounts: Mapped[int | None] = mapped_column(default=None)
    members: Mapped[int | None] = mapped_column(default=None)
    api_keys: Mapped[int | None] = mapped_column(default=None)
    concurrent_scans: Mapped[int | None] = mapped_column(default=None)
    scans_per_day: Mapped[int | None] = mapped_column(default=None)
    scans_per_month: Mapped[int | None] = mapped_column(default=None)
    imports_per_day: Mapped[int | None] = mapped_column(default=None)
    imports_per_month: Mapped[int | None] = mapped_column(default=None)
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)
    retired_at: Mapped[datetime | None] = mapped_column(default=None)


class Subscription(Base, kw_only=True):
    """The plan of an organization. Tenants see it and begin with it; operators alone change it.

    `period_anchor` is the day on which its first monthly period began.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        Index(None, "plan_id"),
        CheckConstraint("status IN ('TRIAL', 'ACTIVE', 'PAST_DUE', 'CANCELLED')", name="status"),
        CheckConstraint("(status = 'TRIAL') = (trial_ends_at IS NOT NULL)", name="trial"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[UUID] = mapped_column(ForeignKey("plans.id"))
    status: Mapped[str]
    trial_ends_at: Mapped[datetime | None] = mapped_column(default=None)
    period_anchor: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)


class UsageCounter(Base, kw_only=True):
    """How often an organization did something on a day, or in a month from its first day on, in UTC.

    A row a metric for each day of work and one for each month: some 750 a year.
    """

    __tablename__ = "usage_counters"
    __table_args__ = (
        CheckConstraint("metric IN ('SCANS', 'IMPORTS')", name="metric"),
        CheckConstraint("period IN ('DAY', 'MONTH')", name="period"),
        CheckConstraint("used >= 0", name="used"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    starts_on: Mapped[date] = mapped_column(primary_key=True)
    used: Mapped[int]
