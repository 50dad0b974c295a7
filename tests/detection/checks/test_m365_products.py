"""Checks of products of Microsoft 365 that are licensed and not used."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.m365_facts import USER
from app.detection.facts import Subject
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

SEAT = PriceUnit.SEAT_MONTH
PRICES = {
    "m365.seat.microsoft_365_copilot": ("30", SEAT),
    "m365.seat.visioclient": ("15", SEAT),
    "m365.seat.projectprofessional": ("25", SEAT),
    "m365.seat.officesubscription": ("12", SEAT),
    "m365.seat.spe_e5": ("50", SEAT),
    "m365.seat.spe_e3": ("30", SEAT),
    "m365.seat.spe_f1": ("8", SEAT),
    "m365.seat.enterprisepack": ("20", SEAT),
    "m365.seat.standardpack": ("9", SEAT),
}
REFRESHED = {"refreshedOn": ago(2).date().isoformat()}
GIB = 2**30


def user(sku: str, had: float = 400, *, status: str = "enabled", **more: Any) -> Subject:
    licenses = [{"sku": sku, "skuId": "1", "assignedAt": ago(had).isoformat()}]
    properties = {"licenses": licenses} | more
    return subject(USER, "/users/1", status=status, created_at=ago(700), properties=properties)


def copilot(last: float | None, had: float = 400, refreshed: float = 2, **more: Any) -> Subject:
    record: dict[str, Any] = {"refreshedOn": ago(refreshed).date().isoformat(), "periodDays": 180}
    if last is not None:
        record["lastActiveOn"] = ago(last).date().isoformat()
    return user("Microsoft_365_Copilot", had, **({"copilot": record} | more))


def activations(*products: tuple[str, bool]) -> dict[str, Any]:
    day = {"lastActivatedOn": "2025-01-01"}
    return REFRESHED | {"products": [{"product": name} | (day if is_on else {}) for name, is_on in products]}


def apps(*used: str, **more: Any) -> dict[str, Any]:
    plain = {name: name in used for name in ("windows", "mac", "mobile", "web")}
    return REFRESHED | {"periodDays": 90} | plain | more


def mailbox(gib: float) -> dict[str, Any]:
    return REFRESHED | {"periodDays": 180, "storageBytes": int(gib * GIB)}


def calls(calls: int | None, meetings: int | None = 0) -> dict[str, Any]:
    return REFRESHED | {"periodDays": 90, "calls": calls, "meetings": meetings}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"m365.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


def few(count: int) -> dict[str, Any]:
    return {"parameters": {"callsAndMeetings": Decimal(count)}}


NONE = activations()
COPILOT, VISIO, PROJECT, APPS = "copilot.unused", "visio.unused", "project.unused", "apps.not_activated"
WEB, E5 = "licence.downgrade_web_only", "licence.downgrade_e5"
CASES = (
    case(COPILOT, "found", copilot(60), FOUND, "30.0000"),
    case(COPILOT, "clear", copilot(5), CLEAR),
    # Reckoned from the day of the report, two days ago.
    case(COPILOT, "boundary:minAgeDays", copilot(33), FOUND),
    case(COPILOT, "boundary:minAgeDays", copilot(32), CLEAR),
    case(COPILOT, "never", copilot(None), FOUND, "30.0000"),
    case(COPILOT, "never, and had for a month before the report", copilot(None, 32), CLEAR),
    case(COPILOT, "new", copilot(None, 10), CLEAR),
    case(COPILOT, "old report", copilot(60, refreshed=15), UNKNOWN),
    case(COPILOT, "not in the report", copilot(60, copilot=None), UNKNOWN),
    case(COPILOT, "concealed", copilot(60, unreadable=["copilot"]), UNKNOWN),
    case(COPILOT, "disabled", copilot(60, status="disabled"), CLEAR),
    case(COPILOT, "without", user("SPE_E3"), CLEAR),
    case(VISIO, "found", user("VISIOCLIENT", activations=NONE), FOUND, "15.0000"),
    case(VISIO, "clear", user("VISIOCLIENT", activations=activations(("VISIO ONLINE PLAN 2", True))), CLEAR),
    case(VISIO, "boundary:minAgeDays", user("VISIOCLIENT", 60.01, activations=NONE), FOUND),
    case(VISIO, "boundary:minAgeDays", user("VISIOCLIENT", 60, activations=NONE), CLEAR),
    case(
        VISIO,
        "another product",
        user("VISIOCLIENT", activations=activations(("MICROSOFT 365 APPS", True), ("VISIO", False))),
        FOUND,
        "15.0000",
    ),
    case(VISIO, "not in the report", user("VISIOCLIENT"), UNKNOWN),
    case(VISIO, "concealed", user("VISIOCLIENT", unreadable=["activations"]), UNKNOWN),
    case(VISIO, "for the web alone", user("VISIOONLINE_PLAN1", activations=NONE), CLEAR),
    case(PROJECT, "found", user("PROJECTPROFESSIONAL", activations=NONE), FOUND, "25.0000"),
    case(PROJECT, "clear", user("PROJECTPROFESSIONAL", activations=activations(("PROJECT CLIENT", True))), CLEAR),
    case(PROJECT, "boundary:minAgeDays", user("PROJECTPROFESSIONAL", 60.01, activations=NONE), FOUND),
    case(PROJECT, "boundary:minAgeDays", user("PROJECTPROFESSIONAL", 60, activations=NONE), CLEAR),
    case(PROJECT, "not in the report", user("PROJECTPROFESSIONAL"), UNKNOWN),
    case(APPS, "found", user("OFFICESUBSCRIPTION", activations=NONE), FOUND, "12.0000"),
    case(APPS, "clear", user("OFFICESUBSCRIPTION", activations=activations(("MICROSOFT 365 APPS", True))), CLEAR),
    case(APPS, "boundary:minAgeDays", user("OFFICESUBSCRIPTION", 60.01, activations=NONE), FOUND),
    case(APPS, "boundary:minAgeDays", user("OFFICESUBSCRIPTION", 60, activations=NONE), CLEAR),
    case(APPS, "used on a computer", user("OFFICESUBSCRIPTION", activations=NONE, apps=apps("windows")), CLEAR),
    case(APPS, "activated long ago", user("OFFICESUBSCRIPTION", apps=apps(lastActivatedOn="2020-01-01")), CLEAR),
    case(APPS, "by the other report", user("OFFICESUBSCRIPTION", apps=apps("web")), FOUND, "12.0000"),
    case(APPS, "in neither report", user("OFFICESUBSCRIPTION"), UNKNOWN),
    case(
        APPS,
        "smaller plan",
        user("ENTERPRISEPACK", activations=NONE, mailbox=mailbox(20)),
        FOUND,
        "11.0000",
        target="STANDARDPACK",
    ),
    case(APPS, "mailbox too large", user("SPE_E3", activations=NONE, mailbox=mailbox(3)), FOUND, "unknown"),
    case(APPS, "no smaller plan", user("SPE_E5", activations=NONE), FOUND, "unknown"),
    case(APPS, "without apps", user("STANDARDPACK", activations=NONE), CLEAR),
    case(
        WEB,
        "found",
        user("ENTERPRISEPACK", apps=apps("web", "mobile"), mailbox=mailbox(20)),
        FOUND,
        "11.0000",
        target="STANDARDPACK",
    ),
    case(WEB, "clear", user("ENTERPRISEPACK", apps=apps("web", "windows"), mailbox=mailbox(20)), CLEAR),
    case(WEB, "boundary:minAgeDays", user("SPE_E3", 90.01, apps=apps("web"), mailbox=mailbox(1)), FOUND, "22.0000"),
    case(WEB, "boundary:minAgeDays", user("SPE_E3", 90, apps=apps("web"), mailbox=mailbox(1)), CLEAR),
    case(WEB, "mailbox too large", user("SPE_E3", apps=apps("web"), mailbox=mailbox(2)), CLEAR),
    case(WEB, "uses nothing", user("SPE_E3", apps=apps(), mailbox=mailbox(1)), CLEAR),
    case(WEB, "not told on what", user("SPE_E3", apps=apps("web", mac=None), mailbox=mailbox(1)), UNKNOWN),
    case(WEB, "not in the report", user("SPE_E3", mailbox=mailbox(1)), UNKNOWN),
    case(WEB, "size is not known", user("SPE_E3", apps=apps("web")), UNKNOWN),
    case(WEB, "no smaller plan", user("SPE_E5", apps=apps("web")), CLEAR),
    case(E5, "found", user("SPE_E5", calls=calls(0)), FOUND, "20.0000", target="SPE_E3"),
    case(E5, "clear", user("SPE_E5", calls=calls(5)), CLEAR),
    case(E5, "boundary:minAgeDays", user("SPE_E5", 90.01, calls=calls(0)), FOUND),
    case(E5, "boundary:minAgeDays", user("SPE_E5", 90, calls=calls(0)), CLEAR),
    case(E5, "boundary:callsAndMeetings", user("SPE_E5", calls=calls(1, 2)), FOUND, **few(3)),
    case(E5, "boundary:callsAndMeetings", user("SPE_E5", calls=calls(2, 2)), CLEAR, **few(3)),
    case(E5, "meetings count", user("SPE_E5", calls=calls(0, 1)), CLEAR),
    case(E5, "not in the report", user("SPE_E5"), UNKNOWN),
    case(E5, "not told", user("SPE_E5", calls=calls(None)), UNKNOWN),
    case(E5, "E3", user("SPE_E3", calls=calls(0)), CLEAR),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
