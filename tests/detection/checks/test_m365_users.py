"""Checks of users of Microsoft 365. The prices are round, so that the amounts can be reckoned in the head."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.m365_facts import DELETED_USER, SKU, USER
from app.detection.facts import Subject
from app.records import RelationshipKind
from app.records.detection import Confidence, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

SEAT = PriceUnit.SEAT_MONTH
PRICES = {
    "m365.seat.spe_e3": ("10", SEAT),
    "m365.seat.exchangeenterprise": ("2", SEAT),
    "m365.seat.o365_business_essentials": ("3", SEAT),
}
PLANS = {
    "SPE_E3": ["EXCHANGE_S_ENTERPRISE", "SHAREPOINTENTERPRISE", "OFFICESUBSCRIPTION"],
    "EXCHANGEENTERPRISE": ["EXCHANGE_S_ENTERPRISE"],
    "O365_BUSINESS_ESSENTIALS": ["EXCHANGE_S_STANDARD", "SHAREPOINTSTANDARD"],
    "POWER_BI_PRO": ["BI_AZURE_P2"],
}


def licences(*skus: str) -> list[dict[str, Any]]:
    return [{"sku": sku, "skuId": sku.lower(), "assignedAt": ago(400).isoformat()} for sku in skus]


def user(*skus: str, status: str = "enabled", used: float | None = 120, born: float = 700, **more: Any) -> Subject:
    plain: dict[str, Any] = {
        "userType": "Member",
        "licenses": licences(*skus),
        "lastSignInAt": None if used is None else ago(used).isoformat(),
        "services": services(None),
    }
    return subject(USER, "/users/1", status=status, created_at=ago(born), properties=plain | more)


def services(last: float | None, refreshed: float = 2) -> dict[str, Any]:
    told: dict[str, Any] = {"refreshedOn": ago(refreshed).date().isoformat(), "periodDays": 180}
    return told if last is None else told | {"teams": ago(last).date().isoformat()}


def guest(*skus: str, **more: Any) -> Subject:
    return user(*skus, userType="Guest", **more)


def deleted(
    when: float = 10,
    consumed: int | None = 21,
    assigned: int | None = 20,
    sku: str = "SPE_E3",
    later: int | None = 0,
) -> Subject:
    counts = {"consumedUnits": consumed, "assignedUsers": assigned, "deletedLater": later}
    license_ = {"sku": sku, "skuId": "e3", **counts}
    properties = {"deletedAt": ago(when).isoformat(), "licenses": [license_]}
    return subject(DELETED_USER, "/directory/deletedItems/1", status="deleted", properties=properties)


def skus(*names: str) -> dict[str, Any]:
    found = [
        subject(
            SKU,
            f"/subscribedSkus/{name.lower()}",
            properties={
                "skuPartNumber": name,
                "skuId": name.lower(),
                "servicePlans": [
                    *({"id": plan, "name": plan, "appliesTo": "User"} for plan in PLANS[name]),
                    {"id": "0", "name": "EXCHANGE_S_FOUNDATION", "appliesTo": "User"},
                    {"id": "1", "name": "INTUNE_O365", "appliesTo": "Company"},
                ],
            },
        )
        for name in names
    ]
    return {"neighbours": {(RelationshipKind.MEMBER_OF, SKU): found}}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"m365.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


INACTIVE, DISABLED, DELETED = "user.inactive_licensed", "user.disabled_licensed", "user.deleted_licensed"
LICENSED, GUEST, OVERLAP = "guest.licensed", "guest.inactive", "licence.overlap"
E3, LIKELY, POSSIBLE = "SPE_E3", Confidence.LIKELY, Confidence.POSSIBLE
WITHOUT_MAIL = [licences(E3)[0] | {"disabledPlans": ["EXCHANGE_S_ENTERPRISE"]}, *licences("EXCHANGEENTERPRISE")]
CASES = (
    case(INACTIVE, "found", user(E3), FOUND, "10.0000", confidence=LIKELY),
    case(INACTIVE, "clear", user(E3, used=5), CLEAR),
    case(INACTIVE, "boundary:minAgeDays", user(E3, used=90.01), FOUND, "10.0000"),
    case(INACTIVE, "boundary:minAgeDays", user(E3, used=90), CLEAR),
    case(INACTIVE, "boundary:neverUsedDays", user(E3, used=None, born=33), FOUND, "10.0000"),
    case(INACTIVE, "boundary:neverUsedDays", user(E3, used=None, born=30), CLEAR),
    case(INACTIVE, "two licences", user(E3, "EXCHANGEENTERPRISE"), FOUND, "12.0000"),
    case(INACTIVE, "one without a price", user(E3, "POWER_BI_PRO"), FOUND, "unknown"),
    case(INACTIVE, "free plans only", user("FLOW_FREE", "TEAMS_EXPLORATORY"), CLEAR),
    case(INACTIVE, "services are used", user(E3, services=services(20)), CLEAR),
    case(INACTIVE, "not in the report", user(E3, services=None), FOUND, "10.0000", confidence=POSSIBLE),
    case(INACTIVE, "old report", user(E3, services=services(None, 30)), FOUND, "10.0000", confidence=POSSIBLE),
    case(INACTIVE, "concealed", user(E3, unreadable=["services"]), FOUND, "10.0000", confidence=POSSIBLE),
    case(INACTIVE, "sign-ins could not be read", user(E3, used=None, unreadable=["lastSignInAt"]), UNKNOWN),
    case(INACTIVE, "disabled", user(E3, status="disabled"), CLEAR),
    case(INACTIVE, "guest", guest(E3), CLEAR),
    case(INACTIVE, "no licences known", user(E3, licenses=None), UNKNOWN),
    case(DISABLED, "found", user(E3, status="disabled"), FOUND, "10.0000"),
    case(DISABLED, "clear", user(E3), CLEAR),
    case(DISABLED, "shared mailbox", user(E3, status="disabled", mailboxPurpose="shared"), CLEAR),
    case(DISABLED, "room", user(E3, status="disabled", mailboxPurpose="room"), CLEAR),
    case(DISABLED, "own mailbox", user(E3, status="disabled", mailboxPurpose="user"), FOUND, "10.0000"),
    case(DISABLED, "purpose could not be read", user(E3, status="disabled", unreadable=["mailboxPurpose"]), UNKNOWN),
    case(DISABLED, "without licences", user(status="disabled"), CLEAR),
    case(DELETED, "found", deleted(), FOUND, "10.0000"),
    case(DELETED, "clear", deleted(consumed=20), CLEAR),
    case(DELETED, "boundary:minAgeDays", deleted(2.01), FOUND),
    case(DELETED, "boundary:minAgeDays", deleted(2), CLEAR),
    case(DELETED, "free", deleted(sku="FLOW_FREE"), CLEAR),
    case(DELETED, "the seat is that of a user who was deleted later", deleted(later=1), CLEAR),
    case(DELETED, "two seats for two users", deleted(consumed=22, later=1), FOUND, "10.0000"),
    case(DELETED, "counts are not known", deleted(assigned=None), UNKNOWN),
    case(DELETED, "read before later ones were counted", deleted(later=None), UNKNOWN),
    case(LICENSED, "found", guest(E3), FOUND, "10.0000"),
    case(LICENSED, "clear", guest(), CLEAR),
    case(LICENSED, "member", user(E3), CLEAR),
    case(GUEST, "found", guest(), FOUND, "0"),
    case(GUEST, "clear", guest(used=5), CLEAR),
    case(GUEST, "boundary:minAgeDays", guest(used=90.01), FOUND),
    case(GUEST, "boundary:minAgeDays", guest(used=90), CLEAR),
    case(GUEST, "boundary:neverUsedDays", guest(used=None, born=30.01), FOUND),
    case(GUEST, "boundary:neverUsedDays", guest(used=None, born=30), CLEAR),
    case(GUEST, "disabled", guest(status="disabled"), CLEAR),
    case(GUEST, "member", user(), CLEAR),
    case(GUEST, "sign-ins could not be read", guest(unreadable=["lastSignInAt"]), UNKNOWN),
    case(
        OVERLAP,
        "found",
        user(E3, "EXCHANGEENTERPRISE"),
        FOUND,
        "2.0000",
        target=E3,
        **skus(E3, "EXCHANGEENTERPRISE"),
    ),
    case(OVERLAP, "clear", user(E3, "POWER_BI_PRO"), CLEAR, **skus(E3, "POWER_BI_PRO")),
    case(
        OVERLAP,
        "lesser plans",
        user(E3, "O365_BUSINESS_ESSENTIALS"),
        FOUND,
        "3.0000",
        target=E3,
        **skus(E3, "O365_BUSINESS_ESSENTIALS"),
    ),
    case(
        OVERLAP,
        "two at once",
        user(E3, "O365_BUSINESS_ESSENTIALS", "EXCHANGEENTERPRISE"),
        FOUND,
        "5.0000",
        **skus(E3, "O365_BUSINESS_ESSENTIALS", "EXCHANGEENTERPRISE"),
    ),
    case(OVERLAP, "switched off in the larger", user(licenses=WITHOUT_MAIL), CLEAR, **skus(E3, "EXCHANGEENTERPRISE")),
    case(OVERLAP, "one alone", user(E3, "FLOW_FREE"), CLEAR, **skus(E3)),
    case(OVERLAP, "disabled", user(E3, "EXCHANGEENTERPRISE", status="disabled"), CLEAR),
    case(OVERLAP, "plans are not in the inventory", user(E3, "EXCHANGEENTERPRISE"), UNKNOWN, **skus(E3)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
