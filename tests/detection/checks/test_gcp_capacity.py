"""Checks of groups, reservations and commitments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.gcp_capacity import AUTOSCALER, COMMITMENT, RESERVATION
from app.detection.checks.gcp_values import INSTANCE, MANAGER
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

Around = dict[tuple[RelationshipKind, str], list[Subject]]
PRICES = {
    "gcp.vm.n2.vcpu": ("0.03", PriceUnit.HOUR),
    "gcp.vm.n2.gib": ("0.005", PriceUnit.HOUR),
    "gcp.gpu.nvidia-tesla-t4": ("0.35", PriceUnit.HOUR),
    "gcp.disk.local-ssd": ("0.08", PriceUnit.GIB_MONTH),
}


def group(size: int | None = 4, born: float = 300) -> Subject:
    return subject(MANAGER, "web", created_at=ago(born), properties={"id": "1", "targetSize": size})


def scaled(
    least: int = 4, target: float | None = 0.5, kinds: tuple[str, ...] = ("n2-standard-4",), spot: bool = False
) -> Around:
    cpu = {} if target is None else {"cpuUtilization": {"utilizationTarget": target}}
    policy = {"autoscalingPolicy": {"minNumReplicas": least} | cpu}
    scheduling = {"provisioningModel": "SPOT" if spot else "STANDARD"}
    members = [subject(INSTANCE, k, properties={"machineType": k, "scheduling": scheduling}) for k in kinds]
    return {
        (RelationshipKind.ATTACHED_TO, AUTOSCALER): [subject(AUTOSCALER, "web", properties=policy)],
        (RelationshipKind.MEMBER_OF, INSTANCE): members,
    }


def load(cpu: float, capacity: float = 2) -> dict[str, Usage | None]:
    """The processors of all machines together, and what the autoscaler would fill them to."""
    return {"load": flat(cpu, 14), "capacity": flat(capacity, 14)}


def reservation(kind: str = "n2-standard-4", count: int = 10, *, born: float = 300, **properties: Any) -> Subject:
    machine = {"machineType": kind} | properties.pop("machine", {})
    plain = {"id": "1", "specificReservation": {"count": count, "instanceProperties": machine}}
    return subject(RESERVATION, "r", status="READY", created_at=ago(born), properties=plain | properties)


def used(machines: float | None) -> dict[str, Usage | None]:
    return {"used": None if machines is None else flat(machines, 7)}


def commitment(ends: float | None = 30, status: str = "ACTIVE", **properties: Any) -> Subject:
    told = None if ends is None else ago(-ends).isoformat()
    plain = {"endTimestamp": told, "resources": [{"type": "VCPU", "amount": 8}]}
    return subject(COMMITMENT, "c", status=status, properties=plain | properties)


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"gcp.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


CASES = (
    # A machine costs 146; of 4 one does, which is used by less than the half that the autoscaler fills.
    case(
        "mig.idle",
        "found",
        group(),
        FOUND,
        "438.0000",
        target="1 machines at least",
        neighbours=scaled(),
        usages=load(0.2),
    ),
    case("mig.idle", "clear", group(), CLEAR, neighbours=scaled(), usages=load(1.8)),
    case("mig.idle", "boundary:cpuPercent", group(), CLEAR, neighbours=scaled(), usages=load(0.4)),
    case("mig.idle", "boundary:cpuPercent", group(), FOUND, neighbours=scaled(), usages=load(0.39)),
    case(
        "mig.idle",
        "boundary:leastMachines",
        group(2),
        CLEAR,
        neighbours=scaled(2),
        usages=load(0.1, 1),
        parameters={"leastMachines": Decimal(2)},
    ),
    case(
        "mig.idle",
        "boundary:leastMachines",
        group(3),
        FOUND,
        "146.0000",
        neighbours=scaled(3),
        usages=load(0.1, 1.5),
        parameters={"leastMachines": Decimal(2)},
    ),
    case("mig.idle", "missing:load", group(), UNKNOWN, neighbours=scaled(), usages=load(0) | {"load": None}),
    case("mig.idle", "missing:capacity", group(), UNKNOWN, neighbours=scaled(), usages=load(0) | {"capacity": None}),
    case("mig.idle", "it grew in between", group(), CLEAR, neighbours=scaled(), usages=load(0.2, 4)),
    case("mig.idle", "larger than it has to be today", group(5), CLEAR, neighbours=scaled(), usages=load(0.2)),
    case("mig.idle", "no autoscaler", group(), CLEAR, usages=load(0.2)),
    case("mig.idle", "scaled by something else", group(), CLEAR, neighbours=scaled(target=None), usages=load(0.2)),
    case("mig.idle", "one machine", group(1), CLEAR, neighbours=scaled(1), usages=load(0.02, 0.5)),
    case("mig.idle", "new", group(born=3), CLEAR, neighbours=scaled(), usages=load(0)),
    case("mig.idle", "size not known", group(None), UNKNOWN, neighbours=scaled(), usages=load(0)),
    case("mig.idle", "machines not read", group(), FOUND, "unknown", neighbours=scaled(kinds=()), usages=load(0.2)),
    case(
        "mig.idle",
        "machines of two types",
        group(),
        FOUND,
        "unknown",
        neighbours=scaled(kinds=("n2-standard-2", "n2-standard-4")),
        usages=load(0.2),
    ),
    case("mig.idle", "Spot machines", group(), FOUND, "unknown", neighbours=scaled(spot=True), usages=load(0.2)),
    case(
        "mig.idle",
        "a type that is not known",
        group(),
        FOUND,
        "unknown",
        neighbours=scaled(kinds=("x9-mega-2",)),
        usages=load(0.2),
    ),
    case("reservation.idle", "found", reservation(), FOUND, "1460.0000", usages=used(0)),
    case("reservation.idle", "clear", reservation(), CLEAR, usages=used(1)),
    case("reservation.idle", "missing:used", reservation(), UNKNOWN, usages=used(None)),
    case("reservation.idle", "new", reservation(born=6), CLEAR, usages=used(0)),
    case("reservation.idle", "of a commitment", reservation(commitment="c"), CLEAR, usages=used(0)),
    case("reservation.idle", "number not known", reservation(specificReservation={}), UNKNOWN, usages=used(0)),
    # Two of 146, of 511 for two T4 and of 30 for 375 GiB.
    case(
        "reservation.idle",
        "with GPUs and local disks",
        reservation(
            count=2,
            machine={
                "guestAccelerators": [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 2}],
                "localSsds": [{"diskSizeGb": 375}],
            },
        ),
        FOUND,
        "1374.0000",
        usages=used(0),
    ),
    case("reservation.idle", "a type that is not known", reservation("x9-mega-2"), FOUND, "unknown", usages=used(0)),
    case(
        "reservation.idle",
        "its charges",
        reservation("x9-mega-2"),
        FOUND,
        "30.4375",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(30), "USD", 30),
        usages=used(0),
    ),
    case("reservation.underused", "found", reservation(), FOUND, "1022.0000", target="3 machines", usages=used(3)),
    case("reservation.underused", "clear", reservation(), CLEAR, usages=used(9)),
    case("reservation.underused", "not used at all", reservation(), CLEAR, usages=used(0)),
    case("reservation.underused", "boundary:usedPercent", reservation(), CLEAR, usages=used(5)),
    case("reservation.underused", "boundary:usedPercent", reservation(), FOUND, usages=used(4)),
    case("reservation.underused", "missing:used", reservation(), UNKNOWN, usages=used(None)),
    case("cud.expiring", "found", commitment(), FOUND, "0.0000"),
    case("cud.expiring", "clear", commitment(300), CLEAR),
    case("cud.expiring", "boundary:withinDays", commitment(60), CLEAR),
    case("cud.expiring", "boundary:withinDays", commitment(59.9), FOUND),
    case("cud.expiring", "renewed by itself", commitment(autoRenew=True), CLEAR),
    case("cud.expiring", "over", commitment(status="EXPIRED"), CLEAR),
    case("cud.expiring", "end not known", commitment(None), UNKNOWN),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
