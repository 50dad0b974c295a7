"""Tables of recommendations: what was found, its money, its state, the history of each, what it saved; and of looks."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, OrganizationOwned, new_id, now

RECOMMENDATION_STATES = "state IN ('OPEN', 'IGNORED', 'MARKED_FOR_DELETION', 'RESOLVED')"
PRICE_BASES = "price_basis IN ('ACTUAL', 'CONTRACTED', 'LIST', 'PROVIDER', 'UNKNOWN')"


class Recommendation(OrganizationOwned, Base, kw_only=True):
    """What one check found on one subject; the same row however often it is found, resolved and found again.

    `monthly_saving` is in `currency`, `converted_saving` in the organization's, both null where not known; `saving` is
    `{formula, inputs, reason, isHygiene}`, `evidence` a list of `{label, value, unit}`. `is_counted` tells those whose
    money no other finding counts already. `saving_order` is `converted_saving`, or -1 where that is not known.
    """

    __tablename__ = "recommendations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "account_id"], ["accounts.organization_id", "accounts.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("organization_id", "check_id", "subject_key"),
        Index(None, "organization_id", "resource_id"),
        Index(None, "organization_id", "account_id", "state"),
        Index(None, "organization_id", "saving_order", "id"),
        Index(None, "organization_id", "found_at", "id"),
        CheckConstraint(RECOMMENDATION_STATES, name="state"),
        CheckConstraint("(state = 'RESOLVED') = (resolution IS NOT NULL)", name="resolution"),
        CheckConstraint("ignored_scope IN ('FINDING', 'RESOURCE')", name="ignored_scope"),
        CheckConstraint(PRICE_BASES, name="price_basis"),
        CheckConstraint("(monthly_saving IS NULL) = (price_basis = 'UNKNOWN')", name="amount"),
    )

    account_id: Mapped[UUID]
    check_id: Mapped[str]
    subject_key: Mapped[str]
    node: Mapped[str]
    severity: Mapped[str]
    confidence: Mapped[str]
    remedy: Mapped[str]
    price_basis: Mapped[str]
    saving: Mapped[dict[str, Any]]
    evidence: Mapped[list[Any]] = mapped_column(JSONB)
    rule_version: Mapped[int]
    saving_order: Mapped[Decimal]
    resource_id: Mapped[UUID | None] = mapped_column(default=None)
    monthly_saving: Mapped[Decimal | None] = mapped_column(default=None)
    currency: Mapped[str | None] = mapped_column(default=None)
    converted_saving: Mapped[Decimal | None] = mapped_column(default=None)
    target: Mapped[str | None] = mapped_column(default=None)
    part_of: Mapped[str | None] = mapped_column(default=None)
    covers_parts: Mapped[bool] = mapped_column(default=False)
    is_counted: Mapped[bool] = mapped_column(default=True)
    state: Mapped[str] = mapped_column(default="OPEN")
    state_changed_at: Mapped[datetime] = mapped_column(default_factory=now)
    found_at: Mapped[datetime] = mapped_column(default_factory=now)
    last_found_at: Mapped[datetime] = mapped_column(default_factory=now)
    ignored_until: Mapped[date | None] = mapped_column(default=None)
    ignored_scope: Mapped[str | None] = mapped_column(default=None)
    reason: Mapped[str | None] = mapped_column(default=None)
    note: Mapped[str | None] = mapped_column(default=None)
    due_on: Mapped[date | None] = mapped_column(default=None)
    decided_by: Mapped[UUID | None] = mapped_column(default=None)
    resolution: Mapped[str | None] = mapped_column(default=None)
    resolved_at: Mapped[datetime | None] = mapped_column(default=None)
    proved_at: Mapped[datetime | None] = mapped_column(default=None)


class RecommendationHistory(Base, kw_only=True):
    """One thing that happened to a recommendation. `actor_id` is null for what the system did."""

    __tablename__ = "recommendation_history"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "recommendation_id"],
            ["recommendations.organization_id", "recommendations.id"],
            ondelete="CASCADE",
        ),
        Index(None, "organization_id", "recommendation_id", "id"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    recommendation_id: Mapped[UUID]
    kind: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]]
    happened_at: Mapped[datetime] = mapped_column(default_factory=now)


class RealisedSaving(Base, kw_only=True):
    """What charges say was saved by a recommendation that is resolved; amounts are in `currency`, null for a `reason`.

    `before` is `{start, end, days, cost, basis, reason}` of the days before, `after` a list of the same, with `saved`,
    by calendar month; days end-exclusive, `days` those of which charges are known, amounts as texts. `daily` is what
    was saved a day, `amount` all of it.
    """

    __tablename__ = "realised_savings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "recommendation_id"],
            ["recommendations.organization_id", "recommendations.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("(amount IS NULL) = (reason IS NOT NULL)", name="amount"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    recommendation_id: Mapped[UUID] = mapped_column(primary_key=True)
    currency: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[list[Any]] = mapped_column(JSONB)
    daily: Mapped[Decimal | None]
    amount: Mapped[Decimal | None]
    reason: Mapped[str | None]
    measured_at: Mapped[datetime] = mapped_column(default_factory=now)


class DeletionTag(Base, kw_only=True):
    """What became of the tag in the cloud on the resource of a recommendation that is, or was, marked for deletion.

    `due_on` is the day that the tag is to tell, null where it is to go. `may_exist` tells whether the resource may
    carry it: from before it is written until it is known not to be there. `job_id` is the job that is at it.
    """

    __tablename__ = "deletion_tags"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "recommendation_id"],
            ["recommendations.organization_id", "recommendations.id"],
            ondelete="CASCADE",
        ),
        Index(None, "organization_id", "account_id", "state"),
        CheckConstraint("state IN ('REQUESTED', 'WRITTEN', 'REMOVED', 'FAILED')", name="state"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    recommendation_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]
    state: Mapped[str]
    due_on: Mapped[date | None]
    may_exist: Mapped[bool]
    message: Mapped[str | None] = mapped_column(default=None)
    changed_at: Mapped[datetime] = mapped_column(default_factory=now)
    job_id: Mapped[UUID | None] = mapped_column(default=None)


class AccountLook(Base, kw_only=True):
    """The last look at an account that has ended: when it began, and a digest of what it rested on beside resources."""

    __tablename__ = "account_looks"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "account_id"], ["accounts.organization_id", "accounts.id"], ondelete="CASCADE"
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    looked_at: Mapped[datetime]
    ground: Mapped[str]
