"""Dated rates by which amounts are shown in another currency."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, now


class CurrencyRate(Base, kw_only=True):
    """How much of `to_currency` one unit of `from_currency` is, from a day on until a later rate of the pair.

    A charge is converted at the newest rate on or before the last day of its calendar month.
    """

    __tablename__ = "currency_rates"
    __table_args__ = (
        CheckConstraint("rate > 0 AND rate < 'Infinity'", name="rate"),
        CheckConstraint("from_currency <> to_currency", name="pair"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    from_currency: Mapped[str] = mapped_column(primary_key=True)
    to_currency: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    rate: Mapped[Decimal]
    source: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)
