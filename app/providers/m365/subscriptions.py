"""Licences that a tenant has, and the subscriptions that it buys them by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.providers.base import FoundResource, Relation
from app.providers.m365.graph import Graph
from app.providers.m365.permissions import READ_ORGANIZATION
from app.providers.m365.reading import Tenant, Trouble, collector, found, moment, text_of
from app.records import RelationshipKind

SKU: Final = "microsoft.graph/subscribedSkus"
SUBSCRIPTION: Final = "microsoft.graph/directorySubscriptions"
_ABOUT: Final = "licences"


def all_skus(graph: Graph) -> list[dict[str, Any]]:
    """The SKUs of the tenant as Graph tells them. Raises ProviderError."""
    return [entry for page in graph.pages("/subscribedSkus", _ABOUT, READ_ORGANIZATION) for entry in page]


def sku_id(sku: str) -> str:
    """The native id of a SKU, by the id that licences name it by."""
    return f"/subscribedSkus/{sku.lower()}"


def _skus(_trouble: Trouble, tenant: Tenant) -> Iterator[list[FoundResource]]:
    yield [_sku(entry) for entry in all_skus(tenant.graph)]


def _sku(entry: Mapping[str, Any]) -> FoundResource:
    units = entry.get("prepaidUnits") or {}
    plans = [
        {
            "id": plan.get("servicePlanId"),
            "name": plan.get("servicePlanName"),
            "appliesTo": plan.get("appliesTo"),
        }
        for plan in entry.get("servicePlans") or ()
    ]
    properties = {
        "skuId": entry.get("skuId"),
        "skuPartNumber": entry.get("skuPartNumber"),
        "appliesTo": entry.get("appliesTo"),
        "enabledUnits": units.get("enabled"),
        "warningUnits": units.get("warning"),
        "suspendedUnits": units.get("suspended"),
        "lockedOutUnits": units.get("lockedOut"),
        "consumedUnits": entry.get("consumedUnits"),
        "servicePlans": plans,
    }
    name, status = str(entry.get("skuPartNumber") or ""), str(entry.get("capabilityStatus") or "") or None
    return found(SKU, sku_id(str(entry.get("skuId"))), name, properties, status=status)


def _subscriptions(_trouble: Trouble, tenant: Tenant) -> Iterator[list[FoundResource]]:
    for page in tenant.graph.pages("/directory/subscriptions", "subscriptions", READ_ORGANIZATION):
        yield [_subscription(entry) for entry in page]


def _subscription(entry: Mapping[str, Any]) -> FoundResource:
    properties = {
        "skuId": entry.get("skuId"),
        "skuPartNumber": entry.get("skuPartNumber"),
        "totalLicenses": entry.get("totalLicenses"),
        "isTrial": entry.get("isTrial"),
        "nextLifecycleAt": text_of(moment(entry.get("nextLifecycleDateTime"))),
        "commerceSubscriptionId": entry.get("commerceSubscriptionId"),
        "ownerTenantId": entry.get("ownerTenantId"),
    }
    relations: tuple[Relation, ...] = ()
    if entry.get("skuId"):
        relations = (Relation(RelationshipKind.MEMBER_OF, sku_id(str(entry["skuId"]))),)
    return found(
        SUBSCRIPTION,
        f"/directory/subscriptions/{entry['id']}",
        str(entry.get("skuPartNumber") or entry["id"]),
        properties,
        status=str(entry.get("status") or "") or None,
        created_at=moment(entry.get("createdDateTime")),
        relations=relations,
    )


LICENCES: Final = (
    collector(SKU, (READ_ORGANIZATION,), _skus),
    collector(SUBSCRIPTION, (READ_ORGANIZATION,), _subscriptions),
)
