"""The table of charges: one typed column per FOCUS 1.4 column, under FOCUS's own names in snake case."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, OrganizationOwned, now


class Charge(OrganizationOwned, Base, kw_only=True):
    """One FOCUS row. Amounts are exact; the charge period ends before `charge_period_end`.

    `identity` is the hash of the row's content and of how many equal rows went before it in its delivery: a row sent
    again is the same row. `dataset` is the caller's name for the stream of rows within which that holds. Charges point
    to our accounts and resources by the provider's own ids, so either may arrive first.
    """

    __tablename__ = "charges"
    __table_args__ = (
        UniqueConstraint("organization_id", "dataset", "identity"),
        Index(None, "organization_id", "charge_period_start", "id"),
        Index(None, "organization_id", "sub_account_id", "charge_period_start"),
        Index(None, "organization_id", "resource_id", "charge_period_start"),
        CheckConstraint("charge_period_end > charge_period_start", name="period"),
    )

    dataset: Mapped[str]
    identity: Mapped[bytes] = mapped_column(LargeBinary)
    ingested_at: Mapped[datetime] = mapped_column(default_factory=now)
    extra: Mapped[dict[str, Any]]
    allocated_method_details: Mapped[dict[str, Any] | None]
    allocated_method_id: Mapped[str | None]
    allocated_resource_id: Mapped[str | None]
    allocated_resource_name: Mapped[str | None]
    allocated_tags: Mapped[dict[str, Any] | None]
    availability_zone: Mapped[str | None]
    billed_cost: Mapped[Decimal]
    billing_account_id: Mapped[str | None]
    billing_account_name: Mapped[str | None]
    billing_account_type: Mapped[str | None]
    billing_currency: Mapped[str]
    billing_period_end: Mapped[datetime | None]
    billing_period_start: Mapped[datetime | None]
    capacity_reservation_id: Mapped[str | None]
    capacity_reservation_status: Mapped[str | None]
    charge_category: Mapped[str | None]
    charge_class: Mapped[str | None]
    charge_description: Mapped[str | None]
    charge_frequency: Mapped[str | None]
    charge_period_end: Mapped[datetime]
    charge_period_start: Mapped[datetime]
    commitment_discount_category: Mapped[str | None]
    commitment_discount_id: Mapped[str | None]
    commitment_discount_name: Mapped[str | None]
    commitment_discount_quantity: Mapped[Decimal | None]
    commitment_discount_status: Mapped[str | None]
    commitment_discount_type: Mapped[str | None]
    commitment_discount_unit: Mapped[str | None]
    commitment_program_eligibility_details: Mapped[dict[str, Any] | None]
    consumed_quantity: Mapped[Decimal | None]
    consumed_unit: Mapped[str | None]
    contract_applied: Mapped[dict[str, Any] | None]
    contracted_cost: Mapped[Decimal | None]
    contracted_unit_price: Mapped[Decimal | None]
    effective_cost: Mapped[Decimal | None]
    host_provider_name: Mapped[str | None]
    invoice_detail_id: Mapped[str | None]
    invoice_id: Mapped[str | None]
    invoice_issuer_name: Mapped[str | None]
    list_cost: Mapped[Decimal | None]
    list_unit_price: Mapped[Decimal | None]
    pricing_category: Mapped[str | None]
    pricing_currency: Mapped[str | None]
    pricing_currency_contracted_unit_price: Mapped[Decimal | None]
    pricing_currency_effective_cost: Mapped[Decimal | None]
    pricing_currency_list_unit_price: Mapped[Decimal | None]
    pricing_quantity: Mapped[Decimal | None]
    pricing_unit: Mapped[str | None]
    region_id: Mapped[str | None]
    region_name: Mapped[str | None]
    resource_id: Mapped[str | None]
    resource_name: Mapped[str | None]
    resource_type: Mapped[str | None]
    service_category: Mapped[str | None]
    service_name: Mapped[str | None]
    service_provider_name: Mapped[str | None]
    service_subcategory: Mapped[str | None]
    sku_id: Mapped[str | None]
    sku_meter: Mapped[str | None]
    sku_price_details: Mapped[dict[str, Any] | None]
    sku_price_id: Mapped[str | None]
    sub_account_id: Mapped[str | None]
    sub_account_name: Mapped[str | None]
    sub_account_type: Mapped[str | None]
    tags: Mapped[dict[str, Any] | None]
    provider_name: Mapped[str | None]
    publisher_name: Mapped[str | None]
