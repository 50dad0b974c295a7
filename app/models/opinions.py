"""Tables of what providers themselves recommend, and of how the last readings of their advisers went."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class ProviderOpinion(Base, kw_only=True):
    """One recommendation of a provider's adviser, as it was last told.

    `monthly_saving` is what the provider expects of a month, in `currency`; both are null for a `saving_reason`.
    `resource_native_id` is as the inventory names the resource, null where it is about no single one.
    """

    __tablename__ = "provider_opinions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "account_id"], ["accounts.organization_id", "accounts.id"], ondelete="CASCADE"
        ),
        Index("ix_provider_opinions_resource", "organization_id", "account_id", "resource_native_id"),
        CheckConstraint(
            "(monthly_saving IS NULL) = (currency IS NULL) AND (monthly_saving IS NULL) = (saving_reason IS NOT NULL)",
            name="saving",
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    native_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    remedy: Mapped[str]
    title: Mapped[str]
    resource_native_id: Mapped[str | None]
    resource_type: Mapped[str | None]
    region: Mapped[str | None]
    target: Mapped[str | None]
    monthly_saving: Mapped[Decimal | None]
    currency: Mapped[str | None]
    saving_reason: Mapped[str | None]
    lookback_days: Mapped[int | None]
    refreshed_at: Mapped[datetime | None]
    link: Mapped[str | None]
    details: Mapped[dict[str, Any]]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class OpinionReading(Base, kw_only=True):
    """How the last reading of one adviser of an account went.

    `problem` is `{code, message, remedy, permission}`, null after a complete reading. `completed_at` is when all that
    the adviser says was last read, null where it never was.
    """

    __tablename__ = "opinion_readings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "account_id"], ["accounts.organization_id", "accounts.id"], ondelete="CASCADE"
        ),
        CheckConstraint("problem IS NOT NULL OR completed_at IS NOT NULL", name="problem"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    read_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
