"""The cost store: deliveries, interned dimensions and lean charges, under FOCUS's names in snake case."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column

from app.models.base import Base, OrganizationOwned, now


class CostImport(OrganizationOwned, Base, kw_only=True):
    """One delivery: a file, a folder of parts, an upload, an export of a source or a batch sent inline.

    `conformance` holds the gaps that were found, as a list of objects; `rejected` counts rows of which the first ones
    stand in `import_rejects`. `bytes_read` of `bytes_total` is how far it is.
    """

    __tablename__ = "cost_imports"
    __table_args__ = (
        Index(None, "organization_id", "dataset", "sha256"),
        Index(None, "created_at", "state"),  # figures over the whole platform
        CheckConstraint("mode IN ('REPLACE', 'APPEND')", name="mode"),
        CheckConstraint(
            "state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'UNCHANGED', 'REJECTED', 'FAILED', 'CANCELLED')", name="state"
        ),
    )

    dataset: Mapped[str]
    mode: Mapped[str]
    state: Mapped[str]
    source: Mapped[dict[str, Any]]
    billing_currency: Mapped[str | None] = mapped_column(default=None)
    focus_version: Mapped[str | None] = mapped_column(default=None)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    bytes_total: Mapped[int | None] = mapped_column(BigInteger, default=None)
    bytes_read: Mapped[int] = mapped_column(BigInteger, default=0)
    received: Mapped[int] = mapped_column(BigInteger, default=0)
    added: Mapped[int] = mapped_column(BigInteger, default=0)
    unchanged: Mapped[int] = mapped_column(BigInteger, default=0)
    rejected: Mapped[int] = mapped_column(BigInteger, default=0)
    conformance: Mapped[list[Any]] = mapped_column(JSONB, default_factory=list)
    message: Mapped[str | None] = mapped_column(default=None)
    job_id: Mapped[UUID | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)


class CostImportPeriod(Base, kw_only=True):
    """What one delivery says of one billing period of one billing account: the unit that a later delivery replaces.

    `first_day` and `last_day` (inclusive) are those on which its charges start; totals are in `billing_currency`, which
    is null where its charges have several. `unknown` counts the charges without a metric, by the metric's column;
    `last_line` is the highest line number given so far where rows are appended.
    """

    __tablename__ = "cost_import_periods"
    __table_args__ = (
        Index(
            "uq_cost_import_periods_active",
            "organization_id",
            "dataset",
            "billing_account_id",
            "billing_period_start",
            unique=True,
            postgresql_where=text("status = 'ACTIVE'"),
        ),
        Index(None, "organization_id", "import_id"),
        CheckConstraint("status IN ('ACTIVE', 'SUPERSEDED')", name="status"),
        CheckConstraint("finality IN ('PROVISIONAL', 'FINAL')", name="finality"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    import_id: Mapped[UUID]
    dataset: Mapped[str]
    billing_account_id: Mapped[str]
    billing_period_start: Mapped[date]
    billing_period_end: Mapped[date]
    status: Mapped[str]
    finality: Mapped[str]
    first_day: Mapped[date]
    last_day: Mapped[date]
    charge_count: Mapped[int] = mapped_column(BigInteger)
    last_line: Mapped[int] = mapped_column(BigInteger)
    billing_currency: Mapped[str | None]
    billed_cost: Mapped[Decimal]
    unknown: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    superseded_at: Mapped[datetime | None] = mapped_column(default=None)


class ImportReject(Base, kw_only=True):
    """A row, or a line that is no row, that was not taken, and why. `line_number` is that of its file."""

    __tablename__ = "import_rejects"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    file_name: Mapped[str | None]
    line_number: Mapped[int] = mapped_column(BigInteger)
    column_name: Mapped[str | None]
    value: Mapped[str | None]
    reason: Mapped[str]


class Interned(MappedAsDataclass, kw_only=True):
    """Mixin of the dimensions: `id` is a 64-bit hash of the content, so equal content is one row; 0 is never used."""

    organization_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, sort_order=-1, autoincrement=False)


class SummaryDim(Interned, Base, kw_only=True):
    """What dashboards ask for most: who bills whom for which service, in which currency."""

    __tablename__ = "summary_dims"

    provider: Mapped[str]
    service_provider_name: Mapped[str | None]
    billing_account_id: Mapped[str | None]
    billing_account_name: Mapped[str | None]
    sub_account_id: Mapped[str | None]
    sub_account_name: Mapped[str | None]
    service_category: Mapped[str | None]
    service_name: Mapped[str | None]
    charge_category: Mapped[str | None]
    billing_currency: Mapped[str]


class CostDim(Interned, Base, kw_only=True):
    """A summary dimension and all else that many charges share."""

    __tablename__ = "cost_dims"
    __table_args__ = (Index(None, "organization_id", "summary_dim_id"),)

    summary_dim_id: Mapped[int] = mapped_column(BigInteger)
    billing_account_type: Mapped[str | None]
    sub_account_type: Mapped[str | None]
    host_provider_name: Mapped[str | None]
    invoice_issuer_name: Mapped[str | None]
    provider_name: Mapped[str | None]
    publisher_name: Mapped[str | None]
    invoice_id: Mapped[str | None]
    service_subcategory: Mapped[str | None]
    region_id: Mapped[str | None]
    region_name: Mapped[str | None]
    charge_class: Mapped[str | None]
    charge_frequency: Mapped[str | None]
    pricing_category: Mapped[str | None]
    pricing_currency: Mapped[str | None]
    commitment_discount_category: Mapped[str | None]
    commitment_discount_id: Mapped[str | None]
    commitment_discount_name: Mapped[str | None]
    commitment_discount_status: Mapped[str | None]
    commitment_discount_type: Mapped[str | None]
    commitment_discount_unit: Mapped[str | None]
    capacity_reservation_id: Mapped[str | None]
    capacity_reservation_status: Mapped[str | None]


class SkuDim(Interned, Base, kw_only=True):
    """What was priced, and how."""

    __tablename__ = "sku_dims"

    charge_description: Mapped[str | None]
    sku_id: Mapped[str | None]
    sku_meter: Mapped[str | None]
    sku_price_details: Mapped[dict[str, Any] | None]
    sku_price_id: Mapped[str | None]
    pricing_unit: Mapped[str | None]
    consumed_unit: Mapped[str | None]
    list_unit_price: Mapped[Decimal | None]
    contracted_unit_price: Mapped[Decimal | None]
    pricing_currency_list_unit_price: Mapped[Decimal | None]
    pricing_currency_contracted_unit_price: Mapped[Decimal | None]


class ResourceDim(Interned, Base, kw_only=True):
    """The resource that caused charges. `resource_key` is its id as the inventory writes it (`resources.native_id`)."""

    __tablename__ = "resource_dims"
    __table_args__ = (Index(None, "organization_id", "resource_key"), Index(None, "organization_id", "resource_id"))

    resource_id: Mapped[str | None]
    resource_name: Mapped[str | None]
    resource_type: Mapped[str | None]
    availability_zone: Mapped[str | None]
    resource_key: Mapped[str | None]


class TagSet(Interned, Base, kw_only=True):
    """Tags as delivered. `allocation_id` is the allocation set that the promoted keys among them make; 0 is none."""

    __tablename__ = "tag_sets"
    __table_args__ = (Index(None, "organization_id", "allocation_id"),)

    tags: Mapped[dict[str, Any]]
    allocation_id: Mapped[int] = mapped_column(BigInteger)


class AllocationSet(Interned, Base, kw_only=True):
    """Values of the promoted tag keys, under the keys' normal form."""

    __tablename__ = "allocation_sets"

    tags: Mapped[dict[str, Any]]


class DetailDim(Interned, Base, kw_only=True):
    """What few charges have: split allocations, contracts, invoice lines, columns that FOCUS does not know."""

    __tablename__ = "detail_dims"

    allocated_method_details: Mapped[dict[str, Any] | None]
    allocated_method_id: Mapped[str | None]
    allocated_resource_id: Mapped[str | None]
    allocated_resource_name: Mapped[str | None]
    allocated_tags: Mapped[dict[str, Any] | None]
    contract_applied: Mapped[dict[str, Any] | None]
    commitment_program_eligibility_details: Mapped[dict[str, Any] | None]
    invoice_detail_id: Mapped[str | None]
    extra: Mapped[dict[str, Any]]


class Charge(Base, kw_only=True):
    """One FOCUS row; the charge period ends before `charge_period_end`. Partitioned by the month in which it starts.

    Points to dimensions without foreign keys (three of them cost an insert 9.8 times as much); 0 is none. `identity` is
    there where rows are appended: 16 bytes that stand for a row's content, so that one sent again is no other charge.
    """

    __tablename__ = "charges"
    __table_args__ = (
        # Without the organization, which the hash of a resource's id holds: with it in front this index took 3.7 of
        # PostgreSQL's 5.9 s for a million rows, without 2.4.
        Index("ix_charges_resource", "resource_dim_id", "charge_period_start"),
        Index(
            "uq_charges_identity",
            "organization_id",
            "identity",
            "charge_period_start",
            unique=True,
            postgresql_where=text("identity IS NOT NULL"),
        ),
        # Few charges last longer than a day: who looks for anomalies reads those by themselves.
        Index(
            "ix_charges_long",
            "organization_id",
            "charge_period_start",
            postgresql_where=text("charge_period_end - charge_period_start > '1 day'::interval"),
        ),
        {"postgresql_partition_by": "RANGE (charge_period_start)"},
    )

    # In the order in which pages are read, so that the primary key serves them; each index costs a fifth of an import.
    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    charge_period_start: Mapped[datetime] = mapped_column(primary_key=True)
    import_period_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    line_no: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    charge_period_end: Mapped[datetime]
    cost_dim_id: Mapped[int] = mapped_column(BigInteger)
    sku_dim_id: Mapped[int] = mapped_column(BigInteger)
    resource_dim_id: Mapped[int] = mapped_column(BigInteger)
    tag_set_id: Mapped[int] = mapped_column(BigInteger)
    detail_dim_id: Mapped[int] = mapped_column(BigInteger)
    billed_cost: Mapped[Decimal]
    effective_cost: Mapped[Decimal | None]
    list_cost: Mapped[Decimal | None]
    contracted_cost: Mapped[Decimal | None]
    pricing_quantity: Mapped[Decimal | None]
    consumed_quantity: Mapped[Decimal | None]
    commitment_discount_quantity: Mapped[Decimal | None]
    pricing_currency_effective_cost: Mapped[Decimal | None]
    identity: Mapped[bytes | None] = mapped_column(LargeBinary)
