"""Checks of mailboxes of Microsoft 365."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.m365_facts import USER
from app.detection.facts import Subject
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

SEAT = PriceUnit.SEAT_MONTH
PRICES = {"m365.seat.spe_e3": ("10", SEAT), "m365.seat.exchangeenterprise": ("8", SEAT)}
GIB = 2**30


def mailbox(gib: float | None = 10, last: float | None = 200, *, archive: bool | None = False) -> dict[str, Any]:
    told: dict[str, Any] = {"refreshedOn": ago(2).date().isoformat(), "periodDays": 180, "hasArchive": archive}
    if gib is not None:
        told["storageBytes"] = int(gib * GIB)
    return told if last is None else told | {"lastActiveOn": ago(last).date().isoformat()}


def services(**last: float) -> dict[str, Any]:
    told: dict[str, Any] = {"refreshedOn": ago(2).date().isoformat(), "periodDays": 180}
    return told | {name: ago(age).date().isoformat() for name, age in last.items()}


def user(*skus: str, status: str = "enabled", born: float = 700, **properties: Any) -> Subject:
    plain: dict[str, Any] = {
        "userType": "Member",
        "licenses": [{"sku": sku, "skuId": sku} for sku in skus],
        "mailbox": mailbox(),
        "services": services(teams=3),
    }
    return subject(USER, "/users/1", status=status, created_at=ago(born), properties=plain | properties)


def shared(*skus: str, **properties: Any) -> Subject:
    return user(*skus, **({"status": "disabled", "mailboxPurpose": "shared"} | properties))


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"m365.mailbox.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


E3, MAIL = "SPE_E3", "EXCHANGEENTERPRISE"
LICENSED, FULL, UNREAD = "shared_licensed", "shared_over_quota", "inactive"
CASES = (
    case(LICENSED, "found", shared(E3), FOUND, "10.0000"),
    case(LICENSED, "clear", shared(), CLEAR),
    case(LICENSED, "boundary:maxGiB", shared(E3, mailbox=mailbox(49.99)), FOUND, "10.0000"),
    case(LICENSED, "boundary:maxGiB", shared(E3, mailbox=mailbox(50)), CLEAR),
    case(LICENSED, "archive", shared(E3, mailbox=mailbox(archive=True)), CLEAR),
    case(LICENSED, "archive is not told", shared(E3, mailbox=mailbox(archive=None)), UNKNOWN),
    case(LICENSED, "size is not told", shared(E3, mailbox=mailbox(None)), UNKNOWN),
    case(LICENSED, "own mailbox", user(E3, mailboxPurpose="user"), CLEAR),
    case(LICENSED, "purpose could not be read", user(E3, unreadable=["mailboxPurpose"]), UNKNOWN),
    case(LICENSED, "concealed", shared(E3, unreadable=["mailbox"]), UNKNOWN),
    case(LICENSED, "free plans", shared("FLOW_FREE"), CLEAR),
    case(FULL, "found", shared(mailbox=mailbox(49)), FOUND, "8.0000"),
    case(FULL, "clear", shared(mailbox=mailbox(10)), CLEAR),
    case(FULL, "boundary:fullPercent", shared(mailbox=mailbox(45)), FOUND),
    case(FULL, "boundary:fullPercent", shared(mailbox=mailbox(44.9)), CLEAR),
    case(FULL, "boundary:minAgeDays", shared(mailbox=mailbox(49, 93)), FOUND),
    case(FULL, "boundary:minAgeDays", shared(mailbox=mailbox(49, 92)), CLEAR),
    case(FULL, "never used", shared(mailbox=mailbox(49, None)), FOUND),
    case(FULL, "licensed", shared(E3, mailbox=mailbox(49)), CLEAR),
    case(FULL, "own mailbox", user(mailbox=mailbox(49), mailboxPurpose="user"), CLEAR),
    case(FULL, "not in the report", shared(mailbox=None), UNKNOWN),
    case(FULL, "purpose is not known", user(mailbox=mailbox(49)), UNKNOWN),
    case(UNREAD, "found", user(MAIL), FOUND, "8.0000"),
    case(UNREAD, "clear", user(MAIL, mailbox=mailbox(last=5)), CLEAR),
    case(UNREAD, "boundary:minAgeDays", user(MAIL, mailbox=mailbox(last=93)), FOUND),
    case(UNREAD, "boundary:minAgeDays", user(MAIL, mailbox=mailbox(last=92)), CLEAR),
    case(UNREAD, "part of a larger plan", user(E3), FOUND, "unknown"),
    case(UNREAD, "nothing is used", user(MAIL, services=services()), CLEAR),
    case(UNREAD, "another report says so", user(MAIL, services=services(exchange=5, teams=3)), CLEAR),
    case(UNREAD, "too new", user(MAIL, born=50, mailbox=mailbox(last=None)), CLEAR),
    case(UNREAD, "without licences", user(), CLEAR),
    case(UNREAD, "guest", user(MAIL, userType="Guest"), CLEAR),
    case(UNREAD, "disabled", user(MAIL, status="disabled"), CLEAR),
    case(UNREAD, "not in the report", user(MAIL, services=None), UNKNOWN),
    case(UNREAD, "concealed", user(MAIL, unreadable=["mailbox", "services"]), UNKNOWN),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
