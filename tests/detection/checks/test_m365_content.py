"""Checks of drives, sites, teams, groups and devices of Microsoft 365."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.m365_content import DEVICE, DRIVE, GROUP, SITE, TEAM
from app.detection.checks.m365_facts import SKU
from app.detection.facts import Subject
from app.records import RelationshipKind
from app.records.detection import Confidence, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

PRICES = {
    "m365.archive.storage": ("0.05", PriceUnit.GIB_MONTH),
    "m365.sharepoint.storage": ("0.2", PriceUnit.GIB_MONTH),
}
READ = frozenset({SKU})


def use(last: float | None, days: int = 180, gib: float | None = 100, refreshed: float = 2) -> dict[str, Any]:
    told: dict[str, Any] = {"refreshedOn": ago(refreshed).date().isoformat(), "periodDays": days}
    if gib is not None:
        told["storageBytes"] = int(gib * 2**30)
    return told if last is None else told | {"lastActiveOn": ago(last).date().isoformat()}


def drive(state: str | None = "gone", last: float | None = 200, **more: Any) -> Subject:
    return subject(DRIVE, "/drives/1", properties={"ownerState": state, "use": use(last)} | more)


def site(last: float | None = 400, gib: float | None = 100, **more: Any) -> Subject:
    return subject(SITE, "/sites/1", properties={"use": use(last, gib=gib)} | more)


def team(last: float | None = 100, *, born: float = 700, **more: Any) -> Subject:
    plain = {"activity": use(last, 90), "isArchived": False, "owners": 1}
    return subject(TEAM, "/teams/1", created_at=ago(born), properties=plain | more)


def group(last: float | None = 200, *, born: float = 700, **more: Any) -> Subject:
    plain = {"activity": use(last), "groupTypes": ["Unified"], "isTeam": False, "owners": 1}
    return subject(GROUP, "/groups/1", created_at=ago(born), properties=plain | more)


def device(last: float | None = 200, born: float = 700, **more: Any) -> Subject:
    told = None if last is None else ago(last).isoformat()
    plain = {"lastSignInAt": told, "operatingSystem": "Windows"}
    return subject(DEVICE, "/devices/1", created_at=ago(born), properties=plain | more)


def extra(units: int) -> dict[str, Any]:
    """A tenant that has bought so much more storage."""
    properties = {"skuPartNumber": "SHAREPOINTSTORAGE", "enabledUnits": units}
    found = [subject(SKU, "/subscribedSkus/storage", properties=properties)]
    return {"neighbours": {(RelationshipKind.MEMBER_OF, SKU): found}, "complete_types": READ}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"m365.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


def least(gib: int) -> dict[str, Any]:
    return {"parameters": {"minGiB": Decimal(gib)}, "complete_types": READ}


DEPARTED, INACTIVE, TEAMS = "onedrive.departed", "sharepoint.inactive_site", "teams.inactive"
QUIET, OWNERLESS, STALE = "group.inactive", "group.ownerless", "device.stale"
CASES = (
    case(DEPARTED, "found", drive(), FOUND, "5.0000"),
    case(DEPARTED, "clear", drive("licensed"), CLEAR),
    case(DEPARTED, "boundary:minAgeDays", drive(last=33), FOUND),
    case(DEPARTED, "boundary:minAgeDays", drive(last=32), CLEAR),
    case(DEPARTED, "unlicensed", drive("unlicensed"), FOUND, "5.0000"),
    case(DEPARTED, "not used for as long as is told", drive(last=None), FOUND, "5.0000"),
    case(DEPARTED, "no price", drive(), FOUND, "unknown", prices={}),
    case(DEPARTED, "owner is not told", drive(None), UNKNOWN),
    case(DEPARTED, "old report", drive(use=use(200, refreshed=20)), UNKNOWN),
    case(DEPARTED, "size is not told", drive(use=use(200, gib=None)), UNKNOWN),
    case(INACTIVE, "found", site(), FOUND, "20.0000", **extra(10)),
    case(INACTIVE, "clear", site(5), CLEAR),
    case(INACTIVE, "boundary:minAgeDays", site(183), FOUND, complete_types=READ),
    case(INACTIVE, "boundary:minAgeDays", site(182), CLEAR, complete_types=READ),
    case(INACTIVE, "boundary:minGiB", site(gib=5.1), FOUND, **least(5)),
    case(INACTIVE, "boundary:minGiB", site(gib=5), CLEAR, **least(5)),
    case(INACTIVE, "no storage is bought", site(), FOUND, "0", complete_types=READ),
    case(INACTIVE, "none is bought any more", site(), FOUND, "0", **extra(0)),
    case(INACTIVE, "not used for as long as is told", site(None), FOUND, "20.0000", **extra(1)),
    case(INACTIVE, "licences were not read", site(), UNKNOWN),
    case(INACTIVE, "size is not told", site(gib=None), UNKNOWN),
    case(TEAMS, "found", team(), FOUND, "0", confidence=Confidence.POSSIBLE),
    case(TEAMS, "clear", team(5), CLEAR),
    case(TEAMS, "boundary:minAgeDays", team(93), FOUND),
    case(TEAMS, "boundary:minAgeDays", team(92), CLEAR),
    case(TEAMS, "not used for as long as is told", team(None), FOUND),
    case(TEAMS, "nobody owns it", team(owners=0), FOUND, "0", confidence=Confidence.LIKELY),
    case(TEAMS, "new", team(None, born=30), CLEAR),
    case(TEAMS, "archived", team(isArchived=True), CLEAR),
    case(TEAMS, "settings could not be read", team(isArchived=None, unreadable=["isArchived"]), UNKNOWN),
    case(TEAMS, "not in the report", team(activity=None), UNKNOWN),
    case(TEAMS, "concealed", team(unreadable=["activity"]), UNKNOWN),
    case(QUIET, "found", group(), FOUND, "0"),
    case(QUIET, "clear", group(5), CLEAR),
    case(QUIET, "boundary:minAgeDays", group(183), FOUND),
    case(QUIET, "boundary:minAgeDays", group(182), CLEAR),
    case(QUIET, "not used for as long as is told", group(None), FOUND),
    case(QUIET, "new", group(None, born=30), CLEAR),
    case(QUIET, "team", group(isTeam=True), CLEAR),
    case(QUIET, "group of another kind", group(groupTypes=[]), CLEAR),
    case(QUIET, "not in the report", group(activity=None), UNKNOWN),
    case(OWNERLESS, "found", group(owners=0), FOUND, "0"),
    case(OWNERLESS, "clear", group(), CLEAR),
    case(OWNERLESS, "group of another kind", group(owners=0, groupTypes=["DynamicMembership"]), CLEAR),
    case(OWNERLESS, "synchronized", group(owners=0, onPremisesSyncEnabled=True), CLEAR),
    case(OWNERLESS, "owners are not told", group(owners=None), UNKNOWN),
    case(STALE, "found", device(), FOUND, "0"),
    case(STALE, "clear", device(5), CLEAR),
    case(STALE, "boundary:minAgeDays", device(180.01), FOUND),
    case(STALE, "boundary:minAgeDays", device(180), CLEAR),
    case(STALE, "never", device(None), FOUND),
    case(STALE, "new", device(None, 30), CLEAR),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
