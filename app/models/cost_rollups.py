"""Roll-ups of charges: what dashboards read in place of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column

from app.models.base import Base


class Amounts(MappedAsDataclass, kw_only=True):
    """Mixin of the roll-ups: sums over charges, null where no charge had the metric."""

    organization_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-1)
    billed_cost: Mapped[Decimal] = mapped_column(sort_order=1)
    effective_cost: Mapped[Decimal | None] = mapped_column(sort_order=1)
    list_cost: Mapped[Decimal | None] = mapped_column(sort_order=1)
    contracted_cost: Mapped[Decimal | None] = mapped_column(sort_order=1)
    charge_count: Mapped[int] = mapped_column(BigInteger, sort_order=1)


class CostDaily(Amounts, Base, kw_only=True):
    """Charges of a day by cost dimension."""

    __tablename__ = "cost_daily"
    __table_args__ = (Index(None, "organization_id", "import_period_id"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    cost_dim_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    import_period_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class ServiceDaily(Amounts, Base, kw_only=True):
    """Charges of a day by summary dimension."""

    __tablename__ = "service_daily"
    __table_args__ = (Index(None, "organization_id", "import_period_id"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    summary_dim_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    import_period_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class TagDaily(Amounts, Base, kw_only=True):
    """Charges of a day by promoted tags and summary dimension; `allocation_id` 0 has none of the promoted keys."""

    __tablename__ = "tag_daily"
    __table_args__ = (Index(None, "organization_id", "import_period_id"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    allocation_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    summary_dim_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    import_period_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class ResourceMonthly(Amounts, Base, kw_only=True):
    """Charges of a month by resource and currency; the month is its first day."""

    __tablename__ = "resource_monthly"
    __table_args__ = (
        Index(None, "organization_id", "import_period_id"),
        Index(
            "ix_resource_monthly_effective",
            "organization_id",
            "month",
            "billing_currency",
            text("effective_cost DESC NULLS LAST"),
            "resource_dim_id",
        ),
        Index("ix_resource_monthly_resource", "organization_id", "resource_dim_id", "month"),
    )

    month: Mapped[date] = mapped_column(primary_key=True)
    resource_dim_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    billing_currency: Mapped[str] = mapped_column(primary_key=True)
    import_period_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class CostMonth(Base, kw_only=True):
    """What an import found out about a calendar month as a whole.

    `shared_resources`: some resource has charges from several import periods, so `resource_monthly` must be summed by
    resource before it is ranked.
    """

    __tablename__ = "cost_months"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    shared_resources: Mapped[bool]


class ProviderDaily(Amounts, Base, kw_only=True):
    """Charges of a day by provider, merged over imports; "" stands for unknown, for keys hold no nulls."""

    __tablename__ = "provider_daily"

    day: Mapped[date] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)
    service_provider_name: Mapped[str] = mapped_column(primary_key=True)
    charge_category: Mapped[str] = mapped_column(primary_key=True)
    billing_currency: Mapped[str] = mapped_column(primary_key=True)


class ServiceMonthly(Amounts, Base, kw_only=True):
    """Charges of a month by service, merged over imports; "" stands for unknown."""

    __tablename__ = "service_monthly"

    month: Mapped[date] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)
    service_provider_name: Mapped[str] = mapped_column(primary_key=True)
    service_category: Mapped[str] = mapped_column(primary_key=True)
    service_name: Mapped[str] = mapped_column(primary_key=True)
    charge_category: Mapped[str] = mapped_column(primary_key=True)
    billing_currency: Mapped[str] = mapped_column(primary_key=True)


class SummaryMonthly(Amounts, Base, kw_only=True):
    """Charges of a month by summary dimension, merged over imports."""

    __tablename__ = "summary_monthly"

    month: Mapped[date] = mapped_column(primary_key=True)
    summary_dim_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class TagTotalDaily(Amounts, Base, kw_only=True):
    """Charges of a day by promoted tags, merged over imports and services; "" stands for unknown."""

    __tablename__ = "tag_total_daily"

    day: Mapped[date] = mapped_column(primary_key=True)
    allocation_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    charge_category: Mapped[str] = mapped_column(primary_key=True)
    billing_currency: Mapped[str] = mapped_column(primary_key=True)


class TagServiceDaily(Amounts, Base, kw_only=True):
    """Charges of a day by promoted tags and service, merged over imports; "" stands for unknown."""

    __tablename__ = "tag_service_daily"

    day: Mapped[date] = mapped_column(primary_key=True)
    allocation_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    service_name: Mapped[str] = mapped_column(primary_key=True)
    charge_category: Mapped[str] = mapped_column(primary_key=True)
    billing_currency: Mapped[str] = mapped_column(primary_key=True)
