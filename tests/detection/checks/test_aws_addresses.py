"""Checks of Elastic IP addresses and network interfaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.detection.checks.aws_addresses import INTERFACE
from app.detection.checks.aws_ebs import INSTANCE
from app.detection.checks.aws_ec2 import EIP
from app.detection.facts import Subject
from app.records import RelationshipKind
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

PRICES = {"eip.hour": ("0.005", PriceUnit.HOUR)}
Around = Mapping[tuple[RelationshipKind, str], list[Subject]]


def address(*, since: float = 90, **properties: Any) -> Subject:
    plain = {"publicIpv4Pool": "amazon"}
    return subject(EIP, "eipalloc-1", changed_at={"associationId": ago(since)}, properties=plain | properties)


ON_INSTANCE: dict[str, Any] = {"associationId": "eipassoc-1", "instanceId": "i-1", "networkInterfaceId": "eni-1"}
ON_INTERFACE: dict[str, Any] = {"associationId": "eipassoc-1", "networkInterfaceId": "eni-1"}


def instance(status: str = "stopped", since: float = 45) -> Around:
    found = subject(INSTANCE, "i-1", status=status, properties={"stateChangedAt": ago(since).isoformat()})
    return {(RelationshipKind.ATTACHED_TO, INSTANCE): [found]}


def detached(status: str = "available", since: float | None = 45) -> Around:
    at = None if since is None else ago(since)
    return {(RelationshipKind.ATTACHED_TO, INTERFACE): [subject(INTERFACE, "eni-1", status=status, status_since=at)]}


def interface(status: str = "available", since: float = 45, **properties: Any) -> Subject:
    plain = {"requesterManaged": False, "description": "aws-K8S-i-1"}
    return subject(INTERFACE, "eni-1", status=status, status_since=ago(since), properties=plain | properties)


def idle(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case("aws.eip.idle", proves, given, expected, amount, **({"prices": PRICES} | values))


def orphan(proves: str, given: Subject, expected: Any, amount: str | None = None) -> Case:
    return Case("aws.eni.orphan", proves, given, expected, amount)


CASES = (
    idle("found", address(), FOUND, "3.6500"),
    idle("clear", address(**ON_INSTANCE), CLEAR, neighbours=instance("running")),
    idle("boundary:minAgeDays", address(since=7), CLEAR),
    idle("boundary:minAgeDays", address(since=7.01), FOUND),
    idle("on a stopped instance", address(**ON_INSTANCE), FOUND, "3.6500", neighbours=instance(), part_of="i-1"),
    idle("on an instance that was just stopped", address(**ON_INSTANCE), CLEAR, neighbours=instance(since=1)),
    idle("on an instance that was not read", address(**ON_INSTANCE), UNKNOWN),
    idle("on a detached interface", address(**ON_INTERFACE), FOUND, "3.6500", neighbours=detached()),
    idle("on an interface that was just detached", address(**ON_INTERFACE), CLEAR, neighbours=detached(since=1)),
    idle("on an interface that was always detached", address(**ON_INTERFACE), FOUND, neighbours=detached(since=None)),
    idle("just associated to it", address(since=1, **ON_INTERFACE), CLEAR, neighbours=detached()),
    idle("on an interface in use", address(**ON_INTERFACE), CLEAR, neighbours=detached("in-use")),
    idle("on an interface that was not read", address(**ON_INTERFACE), UNKNOWN),
    idle("associated to something unnamed", address(associationId="eipassoc-1"), CLEAR),
    idle("managed by a service", address(serviceManaged="alb"), CLEAR),
    idle("an address of one's own", address(publicIpv4Pool="ipv4pool-ec2-1"), CLEAR),
    idle("no price", address(), FOUND, "unknown", prices={}),
    orphan("found", interface(), FOUND, "0"),
    orphan("clear", interface("in-use"), CLEAR),
    orphan("boundary:minAgeDays", interface(since=30), CLEAR),
    orphan("boundary:minAgeDays", interface(since=30.01), FOUND),
    orphan("managed by a service", interface(requesterManaged=True), CLEAR),
    orphan("nobody knows who manages it", interface(requesterManaged=None), UNKNOWN),
    orphan("without a description", interface(description=None), FOUND),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
