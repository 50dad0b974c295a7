"""Checks of Network Firewall, Global Accelerator, Transfer Family and Storage Gateway."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_network_services import ACCELERATOR, FIREWALL, GATEWAY, TRANSFER
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "networkfirewall.endpoint": ("0.4", PriceUnit.HOUR),
    "globalaccelerator.hour": ("0.02", PriceUnit.HOUR),
    "transfer.protocol": ("0.3", PriceUnit.HOUR),
    "storagegateway.fsx": ("0.7", PriceUnit.HOUR),
}


def firewall(status: str = "READY", seen: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {"endpoints": ["vpce-1", "vpce-2"], "zones": ["us-east-1a", "us-east-1b"]}
    return subject(FIREWALL, "arn:firewall", status=status, first_seen_at=ago(seen), properties=plain | properties)


def accelerator(born: float = 300) -> Subject:
    return subject(ACCELERATOR, "arn:accelerator", region="global", status="DEPLOYED", created_at=ago(born))


def server(status: str = "ONLINE", seen: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {"protocols": ["SFTP", "FTPS"]}
    return subject(TRANSFER, "s-1", status=status, first_seen_at=ago(seen), properties=plain | properties)


def gateway(**properties: Any) -> Subject:
    plain = {"gatewayId": "sgw-1", "gatewayType": "FILE_S3", "state": "RUNNING"}
    return subject(GATEWAY, "arn:gateway", status="ACTIVE", properties=plain | properties)


def use(length: int, **most: float | None) -> dict[str, Usage | None]:
    return {key: flat(value, length) for key, value in most.items()}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.{check}.idle", proves, given, expected, amount, **({"prices": PRICES} | values))


FSX = gateway(gatewayType="FILE_FSX_SMB")
CASES = (
    case("networkfirewall", "found", firewall(), FOUND, "584.0000", usages=use(14, packets=0)),
    case("networkfirewall", "clear", firewall(), CLEAR, usages=use(14, packets=1)),
    case("networkfirewall", "missing:packets", firewall(), UNKNOWN, usages=use(14, packets=None)),
    case("networkfirewall", "being made", firewall("PROVISIONING"), CLEAR),
    case("networkfirewall", "too new", firewall(seen=13), CLEAR),
    case("networkfirewall", "endpoints not read", firewall(endpoints=None), UNKNOWN, usages=use(14, packets=0)),
    case("globalaccelerator", "found", accelerator(), FOUND, "14.6000", usages=use(14, flows=0)),
    case("globalaccelerator", "clear", accelerator(), CLEAR, usages=use(14, flows=1)),
    case("globalaccelerator", "missing:flows", accelerator(), UNKNOWN, usages=use(14, flows=None)),
    case("globalaccelerator", "too new", accelerator(born=13), CLEAR),
    case("transfer", "found", server(), FOUND, "438.0000", usages=use(30, bytesIn=0, bytesOut=0)),
    case("transfer", "stopped", server("OFFLINE"), FOUND, "438.0000", usages=use(30, bytesIn=0, bytesOut=0)),
    case("transfer", "clear", server(), CLEAR, usages=use(30, bytesIn=0, bytesOut=1)),
    case("transfer", "missing:bytesIn", server(), UNKNOWN, usages=use(30, bytesIn=None, bytesOut=0)),
    case("transfer", "missing:bytesOut", server(), UNKNOWN, usages=use(30, bytesIn=0, bytesOut=None)),
    case("transfer", "too new", server(seen=29), CLEAR),
    case("storagegateway", "found", FSX, FOUND, "511.0000", usages=use(30, uploaded=0, downloaded=0)),
    case("storagegateway", "nothing to pay", gateway(), FOUND, "0", usages=use(30, uploaded=0, downloaded=0)),
    case("storagegateway", "clear", gateway(), CLEAR, usages=use(30, uploaded=1, downloaded=0)),
    case("storagegateway", "missing:uploaded", gateway(), UNKNOWN, usages=use(30, uploaded=None, downloaded=0)),
    case("storagegateway", "missing:downloaded", gateway(), UNKNOWN, usages=use(30, uploaded=0, downloaded=None)),
    case("storagegateway", "not connected", gateway(state="OFFLINE"), CLEAR),
    case(
        "storagegateway",
        "what it keeps is charged",
        gateway(),
        FOUND,
        "30.4375",
        usages=use(30, uploaded=0, downloaded=0),
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(30), "USD", 30),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
