"""Checks of licences and subscriptions of Microsoft 365. A seat of E3 costs 10 here, which it does not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.m365_facts import SKU, SUBSCRIPTION
from app.detection.facts import Subject
from app.records import RelationshipKind
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

MEMBER = RelationshipKind.MEMBER_OF
PRICES = {"m365.seat.spe_e3": ("10", PriceUnit.SEAT_MONTH)}


def sku(enabled: int = 25, consumed: int = 20, name: str = "SPE_E3", status: str = "Enabled", **more: Any) -> Subject:
    plain = {"skuPartNumber": name, "appliesTo": "User", "enabledUnits": enabled, "consumedUnits": consumed}
    return subject(SKU, "/subscribedSkus/e3", status=status, properties=plain | more)


def subscription(
    left: float | None = 20, seats: int = 25, *, status: str = "Enabled", name: str = "s1", **more: Any
) -> Subject:
    plain = {
        "isTrial": False,
        "totalLicenses": seats,
        "nextLifecycleAt": None if left is None else ago(-left).isoformat(),
    }
    return subject(SUBSCRIPTION, f"/directory/subscriptions/{name}", status=status, properties=plain | more)


def bought(*found: Subject, skus: tuple[Subject, ...] = ()) -> dict[str, Any]:
    return {"neighbours": {(MEMBER, SUBSCRIPTION): list(found), (MEMBER, SKU): list(skus)}}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"m365.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


def kept(name: str, count: int) -> dict[str, Any]:
    other = {"keepSeats": Decimal(0), "keepPercent": Decimal(0)}
    return {"parameters": other | {name: Decimal(count)}, **bought(subscription())}


UNASSIGNED, EXPIRING, TRIAL = "licence.unassigned", "subscription.expiring", "subscription.trial"
OTHER = subscription(10, 3, name="s0")
CASES = (
    case(UNASSIGNED, "found", sku(), FOUND, "50.0000", **bought(subscription())),
    case(UNASSIGNED, "clear", sku(consumed=25), CLEAR),
    case(UNASSIGNED, "boundary:keepSeats", sku(), FOUND, "10.0000", **kept("keepSeats", 4)),
    case(UNASSIGNED, "boundary:keepSeats", sku(), CLEAR, **kept("keepSeats", 5)),
    case(UNASSIGNED, "boundary:keepPercent", sku(), FOUND, "10.0000", **kept("keepPercent", 16)),
    case(UNASSIGNED, "boundary:keepPercent", sku(), CLEAR, **kept("keepPercent", 17)),
    case(UNASSIGNED, "more assigned than bought", sku(consumed=30), CLEAR),
    case(UNASSIGNED, "no price", sku(), FOUND, "unknown", prices={}, **bought(subscription())),
    case(UNASSIGNED, "not for people", sku(appliesTo="Company"), CLEAR),
    case(UNASSIGNED, "free", sku(1_000_000, 3, "FLOW_FREE"), CLEAR),
    case(UNASSIGNED, "suspended", sku(status="Suspended"), CLEAR),
    case(UNASSIGNED, "trial", sku(), CLEAR, **bought(subscription(isTrial=True))),
    case(UNASSIGNED, "trial beside", sku(), FOUND, "50.0000", **bought(subscription(isTrial=True), subscription(None))),
    case(UNASSIGNED, "no subscription", sku(), FOUND, "50.0000", complete_types=frozenset({SUBSCRIPTION})),
    case(UNASSIGNED, "subscriptions were not read", sku(), UNKNOWN),
    case(UNASSIGNED, "no count", sku(consumedUnits=None), UNKNOWN),
    case(
        UNASSIGNED,
        "a name of other signs",
        sku(name="Microsoft_365_E3_(no_Teams)"),
        FOUND,
        "15.0000",
        prices={"m365.seat.microsoft_365_e3__no_teams_": ("3", PriceUnit.SEAT_MONTH)},
        **bought(subscription()),
    ),
    case(
        EXPIRING,
        "found",
        subscription(),
        FOUND,
        "50.0000",
        part_of="/subscribedSkus/e3",
        **bought(skus=(sku(),)),
    ),
    case(EXPIRING, "clear", subscription(), CLEAR, **bought(skus=(sku(consumed=25),))),
    case(EXPIRING, "boundary:endsInDays", subscription(29.99), FOUND, "50.0000", **bought(skus=(sku(),))),
    case(EXPIRING, "boundary:endsInDays", subscription(30), CLEAR, **bought(skus=(sku(),))),
    case(EXPIRING, "no more than it has", subscription(seats=2), FOUND, "20.0000", **bought(skus=(sku(),))),
    case(EXPIRING, "after another", subscription(), FOUND, "20.0000", **bought(OTHER, skus=(sku(),))),
    case(EXPIRING, "another has it all", subscription(), CLEAR, **bought(OTHER, skus=(sku(consumed=22),))),
    case(EXPIRING, "before another", subscription(5), FOUND, "50.0000", **bought(OTHER, skus=(sku(),))),
    case(EXPIRING, "over", subscription(-1), CLEAR, **bought(skus=(sku(),))),
    case(EXPIRING, "trial", subscription(isTrial=True), CLEAR, **bought(skus=(sku(),))),
    case(EXPIRING, "ended", subscription(status="Suspended"), CLEAR, **bought(skus=(sku(),))),
    case(EXPIRING, "no end", subscription(None), CLEAR, **bought(skus=(sku(),))),
    case(EXPIRING, "free", subscription(), CLEAR, **bought(skus=(sku(name="POWER_BI_STANDARD"),))),
    case(EXPIRING, "licences are not in the inventory", subscription(), UNKNOWN),
    case(TRIAL, "found", subscription(isTrial=True), FOUND, "0"),
    case(TRIAL, "clear", subscription(), CLEAR),
    case(TRIAL, "boundary:endsInDays", subscription(29.99, isTrial=True), FOUND, "0"),
    case(TRIAL, "boundary:endsInDays", subscription(30, isTrial=True), CLEAR),
    case(TRIAL, "over", subscription(-1, isTrial=True), CLEAR),
    case(TRIAL, "not told", subscription(isTrial=None), UNKNOWN),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
