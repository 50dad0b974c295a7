"""Checks of VPNs, client VPNs and Direct Connect."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.aws_connections import CLIENT_VPN, DIRECT_CONNECT, VPN
from app.detection.facts import Subject
from app.detection.usage import Usage
from app.records.detection import Confidence, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "vpn.connection.hour": ("0.05", PriceUnit.HOUR),
    "client_vpn.association.hour": ("0.10", PriceUnit.HOUR),
    "dx.1gbps.hour": ("0.30", PriceUnit.HOUR),
    "dx.hosted.500mbps.hour": ("0.20", PriceUnit.HOUR),
}


def vpn(status: str = "available") -> Subject:
    return subject(VPN, "vpn-1", status=status)


def client_vpn(*subnets: str, status: str = "available", age: float = 90) -> Subject:
    properties = {"associatedSubnetIds": list(subnets)}
    return subject(CLIENT_VPN, "cvpn-endpoint-1", status=status, created_at=ago(age), properties=properties)


def port(status: str = "available", *, since: float = 90, **values: Any) -> Subject:
    properties = {"connectionId": "dxcon-1", "bandwidth": "1Gbps", "virtualInterfaceCount": 2}
    return subject(
        DIRECT_CONNECT,
        "arn:dx",
        status=status,
        status_since=ago(since),
        changed_at={"virtualInterfaceCount": ago(since)},
        properties=properties | values,
    )


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.{check}.idle", proves, given, expected, amount, **({"prices": PRICES} | values))


def tunnels(up: float | None = 0) -> dict[str, Usage | None]:
    return {"up": flat(up, 30)}


def people(most: float | None = 0) -> dict[str, Usage | None]:
    return {"active": flat(most, 30)}


def bits(sent: float | None = 0, received: float | None = 0) -> dict[str, Usage | None]:
    return {"sent": flat(sent, 30), "received": flat(received, 30)}


def dx(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return case("dx", proves, given, expected, amount, **({"usages": bits()} | values))


CASES = (
    case("vpn", "found", vpn(), FOUND, "36.5000", usages=tunnels()),
    case("vpn", "clear", vpn(), CLEAR, usages=tunnels(1)),
    case("vpn", "missing:up", vpn(), UNKNOWN, usages=tunnels(None)),
    case("vpn", "being made", vpn("pending"), CLEAR, usages=tunnels()),
    case("client_vpn", "found", client_vpn("subnet-1", "subnet-2"), FOUND, "146.0000", usages=people()),
    case("client_vpn", "clear", client_vpn("subnet-1"), CLEAR, usages=people(3)),
    case("client_vpn", "missing:active", client_vpn("subnet-1"), UNKNOWN, usages=people(None)),
    case("client_vpn", "in no subnet", client_vpn(), CLEAR, usages=people()),
    case("client_vpn", "waiting for a subnet", client_vpn(status="pending-associate"), CLEAR, usages=people()),
    case("client_vpn", "younger than the window", client_vpn("subnet-1", age=10), CLEAR, usages=people()),
    case("client_vpn", "subnets that were not read", subject(CLIENT_VPN, "c", status="available"), UNKNOWN),
    dx("found", port(), FOUND, "219.0000", confidence=Confidence.LIKELY),
    dx("clear", port(), CLEAR, usages=bits(1000, 0)),
    dx("missing:sent", port(), UNKNOWN, usages=bits(None, 0)),
    dx("missing:received", port(), UNKNOWN, usages=bits(0, None)),
    dx("down", port("down"), FOUND, usages={}, confidence=Confidence.OBVIOUS),
    dx("down since yesterday", port("down", since=1), CLEAR, usages={}),
    dx("no interfaces", port(virtualInterfaceCount=0), FOUND, usages={}, confidence=Confidence.OBVIOUS),
    dx("no interfaces since yesterday", port(virtualInterfaceCount=0, since=1), CLEAR, usages={}),
    dx("interfaces that were not read", port(virtualInterfaceCount=None), UNKNOWN),
    dx("ordered only", port("requested"), CLEAR, usages={}),
    dx("by a partner", port(partnerName="Example Telecom", bandwidth="500Mbps"), FOUND, "146.0000"),
    dx("bandwidth that was not read", port(bandwidth=None), UNKNOWN),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
