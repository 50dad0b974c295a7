"""Charges: the FOCUS rows of an organization, under FOCUS's own column names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import strawberry

from app.context import Info
from app.records import Provider
from app.records.charge_ids import encode_charge_id
from app.schema.accounts import Account
from app.schema.node import Node, global_id
from app.schema.resources import Resource
from app.schema.scalars import JSONObject


@strawberry.type(
    description="One FOCUS 1.4 row. Amounts are exact decimals in `billingCurrency`; ends are exclusive. The id lasts "
    "until the billing period is imported again."
)
class Charge(Node):
    """A row of the view `focus_charges`; the fields from `allocated_method_details` on are the columns of FOCUS."""

    dataset: str = strawberry.field(description="The stream of rows it arrived in, as its sender named it.")
    provider: Provider = strawberry.field(
        description="Whose charge it is, read from the names of its providers; OTHER where none of them is known."
    )
    resource_key: str | None = strawberry.field(
        description="Its ResourceId as the inventory writes it, by which `resource` is found."
    )
    ingested_at: datetime = strawberry.field(description="When it arrived in Skyledger.")
    extra: JSONObject = strawberry.field(description="Columns that FOCUS does not know, under `x_` names.")
    allocated_method_details: JSONObject | None = strawberry.field(
        description="How a shared cost was split, element by element, as the provider explains it."
    )
    allocated_method_id: str | None = strawberry.field(
        description="Identifier of the method by which a shared cost was split."
    )
    allocated_resource_id: str | None = strawberry.field(
        description="Identifier of the resource that received a share of a shared cost."
    )
    allocated_resource_name: str | None = strawberry.field(
        description="Name of the resource that received a share of a shared cost."
    )
    allocated_tags: JSONObject | None = strawberry.field(
        description="Tags of the resource that received a share of a shared cost."
    )
    availability_zone: str | None = strawberry.field(
        description="Isolated location inside the region in which the resource or service ran."
    )
    billed_cost: Decimal = strawberry.field(
        description="What is invoiced for this charge, after all reductions, in the billing currency."
    )
    billing_account_id: str | None = strawberry.field(
        description="Identifier of the account that receives the invoice."
    )
    billing_account_name: str | None = strawberry.field(description="Name of the account that receives the invoice.")
    billing_account_type: str | None = strawberry.field(
        description="The provider's word for the kind of billing account."
    )
    billing_currency: str = strawberry.field(
        description="ISO 4217 code of the currency of all cost amounts of this charge."
    )
    billing_period_end: datetime | None = strawberry.field(description="End of the invoicing period, exclusive.")
    billing_period_start: datetime | None = strawberry.field(description="Start of the invoicing period, inclusive.")
    capacity_reservation_id: str | None = strawberry.field(
        description="Identifier of the reserved capacity that this charge belongs to."
    )
    capacity_reservation_status: str | None = strawberry.field(
        description="Whether the reserved capacity was used or left unused."
    )
    charge_category: str | None = strawberry.field(
        description="What the charge is: usage, a purchase, tax, a credit or an adjustment."
    )
    charge_class: str | None = strawberry.field(
        description="Correction when the charge mends an already invoiced period, otherwise null."
    )
    charge_description: str | None = strawberry.field(
        description="What was bought and how it was priced, in the provider's own words."
    )
    charge_frequency: str | None = strawberry.field(
        description="How often the charge comes: once, repeatedly, or with usage."
    )
    charge_period_end: datetime = strawberry.field(description="End of the time the charge covers, exclusive.")
    charge_period_start: datetime = strawberry.field(description="Start of the time the charge covers, inclusive.")
    commitment_discount_category: str | None = strawberry.field(
        description="Whether the commitment is to an amount spent or to an amount used."
    )
    commitment_discount_id: str | None = strawberry.field(
        description="Identifier of the commitment (reservation, savings plan) that this charge uses or buys."
    )
    commitment_discount_name: str | None = strawberry.field(description="Name of the commitment.")
    commitment_discount_quantity: Decimal | None = strawberry.field(
        description="How much of the commitment the charge buys or consumes."
    )
    commitment_discount_status: str | None = strawberry.field(
        description="Whether this part of the commitment was used or left unused."
    )
    commitment_discount_type: str | None = strawberry.field(
        description="The provider's word for the kind of commitment."
    )
    commitment_discount_unit: str | None = strawberry.field(description="Unit of the commitment quantity.")
    commitment_program_eligibility_details: JSONObject | None = strawberry.field(
        description="Which commitment programs the charge could draw on, as a JSON object."
    )
    consumed_quantity: Decimal | None = strawberry.field(
        description="How much was used, in the consumed unit; null where nothing was used."
    )
    consumed_unit: str | None = strawberry.field(description="Unit of the consumed quantity.")
    contract_applied: JSONObject | None = strawberry.field(
        description="Which contract commitments applied to the charge and by how much."
    )
    contracted_cost: Decimal | None = strawberry.field(
        description="Cost at the negotiated unit price, before commitments: contracted unit price times quantity."
    )
    contracted_unit_price: Decimal | None = strawberry.field(
        description="Negotiated price of one pricing unit, before commitments."
    )
    effective_cost: Decimal | None = strawberry.field(
        description="Cost with upfront and recurring commitment fees spread over what they cover."
    )
    host_provider_name: str | None = strawberry.field(
        description="Name of the provider whose infrastructure the service runs on."
    )
    invoice_detail_id: str | None = strawberry.field(
        description="Identifier of the invoice line that contains this charge."
    )
    invoice_id: str | None = strawberry.field(
        description="Identifier of the invoice that contains this charge; null until it is issued."
    )
    invoice_issuer_name: str | None = strawberry.field(description="Name of the company that issues the invoice.")
    list_cost: Decimal | None = strawberry.field(
        description="Cost at the public list price: list unit price times quantity."
    )
    list_unit_price: Decimal | None = strawberry.field(description="Public list price of one pricing unit.")
    pricing_category: str | None = strawberry.field(
        description="Pricing model of the charge: standard, dynamic, committed or other."
    )
    pricing_currency: str | None = strawberry.field(
        description="Currency in which prices are set; may be a virtual one such as credits or tokens."
    )
    pricing_currency_contracted_unit_price: Decimal | None = strawberry.field(
        description="Negotiated price of one pricing unit in the pricing currency."
    )
    pricing_currency_effective_cost: Decimal | None = strawberry.field(
        description="Effective cost in the pricing currency."
    )
    pricing_currency_list_unit_price: Decimal | None = strawberry.field(
        description="Public list price of one pricing unit in the pricing currency."
    )
    pricing_quantity: Decimal | None = strawberry.field(description="Quantity that is multiplied by the unit prices.")
    pricing_unit: str | None = strawberry.field(description="Unit in which prices are set.")
    region_id: str | None = strawberry.field(
        description="The provider's identifier of the region in which the resource or service ran."
    )
    region_name: str | None = strawberry.field(description="Name of the region.")
    resource_id: str | None = strawberry.field(
        description="The provider's identifier of the resource that caused the charge."
    )
    resource_name: str | None = strawberry.field(description="Name of the resource.")
    resource_type: str | None = strawberry.field(description="The provider's word for the kind of resource.")
    service_category: str | None = strawberry.field(
        description="Broad class of the service, from the closed list of FOCUS."
    )
    service_name: str | None = strawberry.field(description="Name of the service that was bought.")
    service_provider_name: str | None = strawberry.field(description="Name of the company that sold the service.")
    service_subcategory: str | None = strawberry.field(
        description="Finer class of the service, each with one parent service category."
    )
    sku_id: str | None = strawberry.field(
        description="Identifier of the item in the provider's price list, whatever its price."
    )
    sku_meter: str | None = strawberry.field(description="What is metered for this item of the price list.")
    sku_price_details: JSONObject | None = strawberry.field(
        description="Properties of the item that bear on its price, such as cores or storage class."
    )
    sku_price_id: str | None = strawberry.field(description="Identifier of the exact price used for the charge.")
    sub_account_id: str | None = strawberry.field(
        description="Identifier of the account, subscription or project below the billing account."
    )
    sub_account_name: str | None = strawberry.field(
        description="Name of the account, subscription or project below the billing account."
    )
    sub_account_type: str | None = strawberry.field(description="The provider's word for the kind of sub-account.")
    tags: JSONObject | None = strawberry.field(description="Tags of the resource, keys and values as delivered.")
    provider_name: str | None = strawberry.field(
        description="Seller of the service in FOCUS 1.3 and earlier; ServiceProviderName took its place."
    )
    publisher_name: str | None = strawberry.field(
        description="Maker of the service in FOCUS 1.3 and earlier; removed in 1.4."
    )
    organization_id: strawberry.Private[UUID]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Charge:
        """Make it of a row, whose columns have the names of the fields."""
        values = {name: row[name] for name in cls.__annotations__ if name in row}
        values["provider"] = Provider(row["provider"])
        values["extra"] = JSONObject(row["extra"] or {})
        id_ = encode_charge_id(row["import_period_id"], row["charge_period_start"], row["line_no"])
        return cls(id=global_id("Charge", id_, row["organization_id"]), **values)

    @strawberry.field(
        description="The resource in the inventory with this ResourceId, in the charge's own account where the "
        "inventory has that; null where there is none, or where it is not certain which of several it is."
    )
    async def resource(self, info: Info) -> Resource | None:
        """One statement for all charges of a page, and one for their accounts."""
        native_id = self.resource_key or self.resource_id
        if native_id is None:
            return None
        found = await info.context.loaders.resources_by_native_id.load((self.organization_id, native_id))
        account = await self._account(info) if found else None
        if account is not None:
            own: Sequence[Mapping[Any, Any]] = [row for row in found if row["account_id"] == account["id"]]
        else:
            own = self._of_own_provider(found)
        return Resource.from_row(own[0]) if len(own) == 1 else None

    @strawberry.field(
        description="The provider's account in the inventory with this SubAccountId, or BillingAccountId where it has "
        "no sub account; null where there is none, or where it is not certain which of several it is."
    )
    async def account(self, info: Info) -> Account | None:
        """One statement for all charges of a page."""
        row = await self._account(info)
        return None if row is None else Account.from_row(row)

    async def _account(self, info: Info) -> Mapping[Any, Any] | None:
        native_id = self.sub_account_id or self.billing_account_id
        if native_id is None:
            return None
        found = await info.context.loaders.accounts_by_native_id.load((self.organization_id, native_id))
        own = self._of_own_provider(found)
        return own[0] if len(own) == 1 else None

    def _of_own_provider(self, rows: Sequence[Mapping[Any, Any]]) -> Sequence[Mapping[Any, Any]]:
        """Those of the charge's provider; all of them where the charge names none that the inventory knows."""
        if self.provider is Provider.OTHER:
            return rows
        return [row for row in rows if row["provider"] == self.provider]
