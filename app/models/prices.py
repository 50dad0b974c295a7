"""Tables of prices: what providers ask, how reading that went, and what organizations pay instead."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, OrganizationOwned, now


class ListedPrice(Base, kw_only=True):
    """What a provider asks for a unit of something, from a day on until before `valid_to`: the same for all tenants.

    `hash` is a SHA-256 of what the provider told; the same told again changes nothing.
    """

    __tablename__ = "prices"
    __table_args__ = (
        Index("ix_prices_provider_region", "provider", "region"),
        # NaN is greater than every number in PostgreSQL, infinity included.
        CheckConstraint("amount >= 0 AND amount < 'Infinity'", name="amount"),
        CheckConstraint("valid_to > valid_from", name="validity"),
    )

    provider: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    region: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    valid_to: Mapped[date | None]
    unit: Mapped[str]
    amount: Mapped[Decimal]
    sku: Mapped[str]
    source: Mapped[str]
    hash: Mapped[bytes]
    read_at: Mapped[datetime] = mapped_column(default_factory=now)


class PriceReading(Base, kw_only=True):
    """How reading one document of a provider's prices went, such as EC2 in a region: operators alone see it.

    `version` is its ETag or version, by which the provider is asked only for what is new. `position` is where a reading
    that was interrupted goes on; it is null when all was read.
    """

    __tablename__ = "price_readings"

    provider: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[str | None] = mapped_column(default=None)
    position: Mapped[str | None] = mapped_column(default=None)
    prices: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str | None] = mapped_column(default=None)


class PriceOverride(OrganizationOwned, Base, kw_only=True):
    """What an organization pays instead of list prices: a discount on codes of a pattern, or an amount for one code."""

    __tablename__ = "price_overrides"
    __table_args__ = (
        UniqueConstraint(
            "organization_id", "provider", "pattern", "region", "valid_from", name="uq_price_overrides_pattern"
        ),
        CheckConstraint("num_nulls(discount_percent, amount) = 1", name="terms"),
        CheckConstraint("discount_percent > 0 AND discount_percent <= 100", name="discount"),
        CheckConstraint("amount >= 0 AND amount < 'Infinity'", name="amount"),
        CheckConstraint("num_nulls(amount, currency, unit) IN (0, 3)", name="own_price"),
        CheckConstraint("valid_to > valid_from", name="validity"),
    )

    provider: Mapped[str]
    pattern: Mapped[str]
    region: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None] = mapped_column(default=None)
    discount_percent: Mapped[Decimal | None] = mapped_column(default=None)
    amount: Mapped[Decimal | None] = mapped_column(default=None)
    currency: Mapped[str | None] = mapped_column(default=None)
    unit: Mapped[str | None] = mapped_column(default=None)
    note: Mapped[str] = mapped_column(default="")
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)
