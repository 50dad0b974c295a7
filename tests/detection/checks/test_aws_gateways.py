"""Checks of NAT gateways, interface endpoints and attachments of transit gateways."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_gateways import ATTACHMENT, ENDPOINT, NAT
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, NOW, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "nat.hour": ("0.05", PriceUnit.HOUR),
    "eip.hour": ("0.005", PriceUnit.HOUR),
    "vpce.interface.hour": ("0.01", PriceUnit.HOUR),
    "tgw.attachment.hour": ("0.05", PriceUnit.HOUR),
}
GIGABYTE = 1e9


def nat(status: str = "available", **values: Any) -> Subject:
    properties = {"availabilityMode": "zonal", "publicIps": ["203.0.113.7"]}
    return subject(NAT, "nat-1", status=status, properties=properties | values)


def endpoint(kind: str = "Interface", *, age: float = 90, status: str = "available", **values: Any) -> Subject:
    properties = {
        "endpointType": kind,
        "serviceName": "com.amazonaws.us-east-1.ec2",
        "vpcId": "vpc-1",
        "subnetIds": ["subnet-1", "subnet-2"],
        "requesterManaged": False,
    }
    return subject(ENDPOINT, "vpce-1", status=status, created_at=ago(age), properties=properties | values)


def attachment(kind: str = "vpc", status: str = "available", **values: Any) -> Subject:
    properties = {
        "arn": "arn:aws:ec2:us-east-1:123456789012:transit-gateway-attachment/tgw-attach-1",
        "attachedResourceType": kind,
        "attachedResourceOwnerId": "123456789012",
        "transitGatewayId": "tgw-1",
    }
    return subject(ATTACHMENT, "tgw-attach-1", status=status, properties=properties | values)


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


def through(sent: float = 0, taken: float | None = None) -> dict[str, Usage | None]:
    """Gigabytes in all 30 days together."""
    each = sent if taken is None else taken
    return {"sent": flat(sent * GIGABYTE / 30, 30), "taken": flat(each * GIGABYTE / 30, 30)}


def idle_nat(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    given = values.pop("given", nat())
    return case("nat.idle", proves, given, expected, amount, **({"usages": through()} | values))


def idle_endpoint(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return case("vpce.idle", proves, given, expected, amount, **({"usages": {"bytes": flat(0, 30)}} | values))


def idle_attachment(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    quiet = {"in": flat(0, 30), "out": flat(0, 30)}
    return case("tgw.attachment_idle", proves, given, expected, amount, **({"usages": quiet} | values))


CASES = (
    # 730 hours at 0.05, and one address at 0.005.
    idle_nat("found", FOUND, "40.1500"),
    idle_nat("clear", CLEAR, usages=through(500)),
    idle_nat("boundary:gigabytes", CLEAR, usages=through(1.001)),
    idle_nat("boundary:gigabytes", FOUND, usages=through(0.999)),
    idle_nat("taken in and not sent on", CLEAR, usages=through(0, 5)),
    idle_nat("missing:sent", UNKNOWN, usages=through() | {"sent": Usage(NOW.date(), (0.0,) * 29 + (None,))}),
    idle_nat("missing:taken", UNKNOWN, usages=through() | {"taken": None}),
    idle_nat("private", FOUND, "36.5000", given=nat(publicIps=[])),
    idle_nat("being made", CLEAR, given=nat("pending")),
    idle_nat("regional", FOUND, "unknown", given=nat(availabilityMode="regional")),
    idle_nat(
        "regional, by its charges",
        FOUND,
        "30.4375",
        given=nat(availabilityMode="regional"),
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(30), "USD", 30),
    ),
    idle_endpoint("found", endpoint(), FOUND, "14.6000"),
    idle_endpoint("clear", endpoint(), CLEAR, usages={"bytes": flat(5000, 30)}),
    idle_endpoint("missing:bytes", endpoint(), UNKNOWN, usages={"bytes": None}),
    idle_endpoint("younger than the window", endpoint(age=10), CLEAR),
    idle_endpoint("of a service elsewhere", endpoint(serviceRegion="eu-west-1"), CLEAR),
    idle_endpoint("of a service of its own region", endpoint(serviceRegion="us-east-1"), FOUND),
    idle_endpoint("managed by a service", endpoint(requesterManaged=True), CLEAR),
    idle_endpoint("a gateway endpoint, which costs nothing", endpoint("Gateway"), CLEAR),
    idle_endpoint("in no subnet", endpoint(subnetIds=[]), CLEAR),
    idle_endpoint("available, however it is written", endpoint(status="Available"), FOUND),
    idle_endpoint("not accepted", endpoint(status="pendingAcceptance"), CLEAR),
    idle_attachment("found", attachment(), FOUND, "36.5000"),
    idle_attachment("clear", attachment(), CLEAR, usages={"in": flat(0, 30), "out": flat(10, 30)}),
    idle_attachment("missing:in", attachment(), UNKNOWN, usages={"in": None, "out": flat(0, 30)}),
    idle_attachment("missing:out", attachment(), UNKNOWN, usages={"in": flat(0, 30), "out": flat(None, 30)}),
    idle_attachment("paid by another account", attachment(attachedResourceOwnerId="210987654321"), CLEAR),
    idle_attachment("of a kind that is not paid", attachment("connect"), CLEAR),
    idle_attachment("not accepted", attachment(status="pendingAcceptance"), CLEAR),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
