"""What the far subscription is charged, as an export of Azure has it: some resources, and commitments.

Subscriptions are named by their path there, and resources in any case of their letters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.costs.watch.deliveries import charge, days
from tests.providers.azure.arm_server import SUBSCRIPTION
from tests.waste.azure_waste import Key
from tests.waste.list_prices import cents, prices

KNOWN_DAYS = 65
"""Always more than the whole month before this one."""
A_MONTH = Decimal("30.4375")
"""Days."""
BILLED_WITH = {
    "BillingAccountId": "/providers/Microsoft.Billing/billingAccounts/1",
    "SubAccountId": f"/subscriptions/{SUBSCRIPTION}",
    "ServiceProviderName": "Microsoft",
    "RegionId": "eastus",
}
RESOURCES: Mapping[str, tuple[str, Decimal]] = {
    # Label: service, dollars a day.
    "idle_machine": ("Virtual Machines", Decimal(3)),
    "roomy_cosmos": ("Azure Cosmos DB", Decimal(10)),
    "idle_endpoint_of_model": ("Azure Machine Learning", Decimal(5)),
    "backup_of_gone_machine": ("Backup", Decimal(1)),
    "old_part_of_a_snapshot": ("Storage", Decimal("0.5")),
    "chatty_logs": ("Log Analytics", 150 * Decimal("2.30")),
    "quieter_logs": ("Log Analytics", 100 * Decimal("2.30")),
    "committed_logs": ("Log Analytics", 150 * Decimal("2.30")),
}
UNUSED, USED = "/providers/Microsoft.Capacity/reservationOrders/1", "/providers/Microsoft.Capacity/reservationOrders/2"
RESERVATIONS: Mapping[str, tuple[Decimal, Decimal]] = {
    # Id: dollars a day that are used, and that are not.
    UNUSED: (Decimal(6), Decimal(4)),
    USED: (Decimal(9), Decimal(1)),
}


def charges(ids: Mapping[str, str], today: date) -> list[dict[str, Any]]:
    """All charges up to yesterday."""
    return [row for day in days(today - timedelta(KNOWN_DAYS), today) for row in _of_day(ids, day)]


def with_charges(listed: Mapping[Key, Decimal | None]) -> dict[Key, Decimal | None]:
    """What is wasted once charges are known, given what is by list prices."""
    known = {label: cents(amount * A_MONTH) for label, (_, amount) in RESOURCES.items()}
    tier = prices("AZURE", "eastus")["az.loganalytics.commitment100"]
    return {
        **listed,
        ("az.vm.idle", "idle_machine"): known["idle_machine"],
        # A fifth more than the 19 % of the units that are used are needed.
        ("az.cosmos.overprovisioned", "roomy_cosmos"): cents(known["roomy_cosmos"] * (1 - Decimal("0.19") * 12 / 10)),
        ("az.ml.endpoint_idle", "idle_endpoint_of_model"): known["idle_endpoint_of_model"],
        ("az.vault.orphan_backup", "backup_of_gone_machine"): known["backup_of_gone_machine"],
        ("az.snapshot.old", "old_part_of_a_snapshot"): known["old_part_of_a_snapshot"],
        ("az.loganalytics.no_commitment", "chatty_logs"): known["chatty_logs"] - cents(150 * A_MONTH * tier),
        ("az.reservation.underused", UNUSED): cents(RESERVATIONS[UNUSED][1] * A_MONTH),
    }


def _of_day(ids: Mapping[str, str], day: date) -> Iterator[dict[str, Any]]:
    for label, (service, amount) in RESOURCES.items():
        spelt = ids[label].replace("/resourcegroups/", "/resourceGroups/").replace("microsoft.", "Microsoft.")
        yield charge(day, amount, **BILLED_WITH, ServiceName=service, ResourceId=spelt)
    for reservation, parts in RESERVATIONS.items():
        for status, amount in zip(("Used", "Unused"), parts, strict=True):
            told = {"CommitmentDiscountId": reservation, "CommitmentDiscountStatus": status}
            told |= {"PricingCategory": "Committed", "ResourceId": reservation, "CommitmentDiscountName": "servers"}
            yield charge(day, amount, **BILLED_WITH | told, ServiceName="Virtual Machines")
