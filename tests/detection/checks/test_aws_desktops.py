"""Checks of WorkSpaces and AppStream."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_desktops import DESKTOP, FLEET
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "workspaces.standard.windows.80_50.always_on": ("35", PriceUnit.MONTH),
    "workspaces.standard.windows.80_50.auto_stop": ("10", PriceUnit.MONTH),
    "workspaces.standard.windows.80_50.auto_stop.hour": ("0.3", PriceUnit.HOUR),
    "appstream.stream.standard.medium": ("0.1", PriceUnit.HOUR),
    "appstream.stopped": ("0.025", PriceUnit.HOUR),
}


def desktop(status: str = "AVAILABLE", used: float | None = 60, seen: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {
        "runningMode": "ALWAYS_ON",
        "computeType": "STANDARD",
        "operatingSystem": "WINDOWS_SERVER_2022",
        "rootVolumeGigabytes": 80,
        "userVolumeGigabytes": 50,
        "lastConnectedAt": None if used is None else ago(used).isoformat(),
        "userName": "ada",
    }
    return subject(DESKTOP, "arn:ws", status=status, first_seen_at=ago(seen), properties=plain | properties)


def fleet(status: str = "RUNNING", born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {
        "instanceType": "stream.standard.medium",
        "fleetType": "ALWAYS_ON",
        "desiredInstances": 2,
    }
    return subject(FLEET, "arn:fleet", status=status, created_at=ago(born), properties=plain | properties)


def connected(hours: float | None) -> dict[str, Usage | None]:
    """So many hours in 30 days."""
    return {"connected": flat(None if hours is None else hours / 24 / 30, 30)}


def in_use(most: float | None) -> dict[str, Usage | None]:
    return {"inUse": flat(most, 14)}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


CASES = (
    case("workspaces.unused", "found", desktop(), FOUND, "35.0000"),
    case("workspaces.unused", "clear", desktop(used=1), CLEAR),
    case("workspaces.unused", "boundary:minAgeDays", desktop(used=30), CLEAR),
    case("workspaces.unused", "boundary:minAgeDays", desktop(used=30.01), FOUND),
    case("workspaces.unused", "never used", desktop(used=None), FOUND, "35.0000"),
    case("workspaces.unused", "not used yet", desktop(used=None, seen=20), CLEAR),
    case("workspaces.unused", "stops by itself", desktop("STOPPED", runningMode="AUTO_STOP"), FOUND, "10.0000"),
    case("workspaces.unused", "being removed", desktop("TERMINATING"), CLEAR),
    case("workspaces.unused", "connections could not be read", desktop(unreadable=["lastConnectedAt"]), UNKNOWN),
    case("workspaces.unused", "own licence", desktop(operatingSystem="WINDOWS_11"), FOUND, "unknown"),
    case(
        "workspaces.unused",
        "charges before prices",
        desktop(),
        FOUND,
        "30.4375",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(30), "USD", 30),
    ),
    # 30 hours for 9.
    case("workspaces.auto_stop", "found", desktop(), FOUND, "16.0000", target="AUTO_STOP", usages=connected(30)),
    case("workspaces.auto_stop", "clear", desktop(), CLEAR, usages=connected(160)),
    case("workspaces.auto_stop", "boundary:hoursPerMonth", desktop(), CLEAR, usages=connected(80.1)),
    case("workspaces.auto_stop", "boundary:hoursPerMonth", desktop(), FOUND, usages=connected(79.9)),
    case("workspaces.auto_stop", "missing:connected", desktop(), UNKNOWN, usages=connected(None)),
    case("workspaces.auto_stop", "stops already", desktop(runningMode="AUTO_STOP"), CLEAR),
    case("workspaces.auto_stop", "stopped", desktop("STOPPED"), CLEAR),
    case("workspaces.auto_stop", "too new", desktop(seen=29), CLEAR),
    case("appstream.idle", "found", fleet(), FOUND, "146.0000", usages=in_use(0)),
    case("appstream.idle", "clear", fleet(), CLEAR, usages=in_use(1)),
    case("appstream.idle", "missing:inUse", fleet(), UNKNOWN, usages=in_use(None)),
    case("appstream.idle", "stopped", fleet("STOPPED"), CLEAR),
    case("appstream.idle", "too new", fleet(born=13), CLEAR),
    case("appstream.idle", "on demand", fleet(fleetType="ON_DEMAND"), FOUND, "36.5000", usages=in_use(0)),
    case("appstream.idle", "no size", fleet(desiredInstances=None), UNKNOWN, usages=in_use(0)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
