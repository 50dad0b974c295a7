"""Checks of addresses, NAT gateways, VPN tunnels and interconnects."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.gcp_network import ATTACHMENT, GLOBAL_ADDRESS, ROUTER, TUNNEL
from app.detection.checks.gcp_vms import ADDRESS
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "gcp.address.unused.hour": ("0.01", PriceUnit.HOUR),
    "gcp.vpn.tunnel.hour": ("0.05", PriceUnit.HOUR),
    "gcp.interconnect.partner.bps_50m.hour": ("0.10", PriceUnit.HOUR),
}


def address(since: float = 90, *, type_: str = ADDRESS, status: str = "RESERVED", **properties: Any) -> Subject:
    plain = {"address": "34.1.2.3", "addressType": "EXTERNAL"}
    return subject(type_, "ip", status=status, status_since=ago(since), properties=plain | properties)


def router(*gateways: dict[str, Any], born: float = 300) -> Subject:
    told = {"nats": list(gateways)} if gateways else {}
    return subject(ROUTER, "r", created_at=ago(born), properties={"id": "1"} | told)


def tunnel(born: float = 300) -> Subject:
    return subject(TUNNEL, "t", status="ESTABLISHED", created_at=ago(born))


def attachment(kind: str | None = "PARTNER", born: float = 300, **properties: Any) -> Subject:
    plain = {"type": kind, "bandwidth": "BPS_50M", "adminEnabled": True}
    return subject(ATTACHMENT, "a", status="ACTIVE", created_at=ago(born), properties=plain | properties)


def traffic(megabytes: float = 0) -> dict[str, Usage | None]:
    each = flat(megabytes * 500_000, 30)
    return {"sent": each, "received": each}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"gcp.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


NAT = {"name": "out"}
CASES = (
    case("address.unused", "found", address(), FOUND, "7.3000"),
    case("address.unused", "clear", address(status="IN_USE"), CLEAR),
    case("address.unused", "boundary:minAgeDays", address(7), CLEAR),
    case("address.unused", "boundary:minAgeDays", address(7.01), FOUND),
    case("address.unused", "of the whole world", address(type_=GLOBAL_ADDRESS), FOUND, "7.3000"),
    case("address.unused", "inside", address(addressType="INTERNAL"), CLEAR),
    case("address.unused", "IPv6", address(ipVersion="IPV6"), CLEAR),
    case("address.unused", "in use all the same", address(users=["rule"]), CLEAR),
    case(
        "nat.idle",
        "found",
        router(NAT),
        FOUND,
        "30.4375",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(30), "USD", 30),
        usages={"sent": flat(0, 30)},
    ),
    case("nat.idle", "without charges", router(NAT), FOUND, "unknown", usages={"sent": flat(0, 30)}),
    case("nat.idle", "clear", router(NAT), CLEAR, usages={"sent": flat(1, 30)}),
    case("nat.idle", "missing:sent", router(NAT), UNKNOWN, usages={"sent": None}),
    case("nat.idle", "no gateway", router(), CLEAR),
    case("nat.idle", "inside", router({"name": "in", "type": "PRIVATE"}), CLEAR, usages={"sent": flat(0, 30)}),
    case("nat.idle", "new", router(NAT, born=20), CLEAR, usages={"sent": flat(0, 30)}),
    case("vpn.idle", "found", tunnel(), FOUND, "36.5000", usages=traffic()),
    case("vpn.idle", "clear", tunnel(), CLEAR, usages=traffic(500)),
    case("vpn.idle", "boundary:megabytesPerDay", tunnel(), CLEAR, usages=traffic(1)),
    case("vpn.idle", "boundary:megabytesPerDay", tunnel(), FOUND, usages=traffic(0.9)),
    case("vpn.idle", "new", tunnel(20), CLEAR, usages=traffic()),
    *(case("vpn.idle", f"missing:{key}", tunnel(), UNKNOWN, usages=traffic() | {key: None}) for key in traffic()),
    case("interconnect.idle", "found", attachment(), FOUND, "73.0000", usages=traffic()),
    case("interconnect.idle", "clear", attachment(), CLEAR, usages=traffic(500)),
    case("interconnect.idle", "boundary:megabytesPerDay", attachment(), CLEAR, usages=traffic(1)),
    case("interconnect.idle", "boundary:megabytesPerDay", attachment(), FOUND, usages=traffic(0.9)),
    *(
        case("interconnect.idle", f"missing:{key}", attachment(), UNKNOWN, usages=traffic() | {key: None})
        for key in traffic()
    ),
    case("interconnect.idle", "new", attachment(born=20), CLEAR, usages=traffic()),
    case("interconnect.idle", "of the partner", attachment("PARTNER_PROVIDER"), CLEAR, usages=traffic()),
    case("interconnect.idle", "switched off", attachment(adminEnabled=False), CLEAR, usages=traffic()),
    case("interconnect.idle", "no price", attachment("DEDICATED"), FOUND, "unknown", usages=traffic()),
    case("interconnect.idle", "no type", attachment(None), UNKNOWN, usages=traffic()),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
