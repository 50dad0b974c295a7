"""Checks of GKE and Cloud Run."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.gcp_containers import CLUSTER, RUN_SERVICE
from app.detection.checks.gcp_values import INSTANCE
from app.detection.facts import Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "gcp.gke.cluster.hour": ("0.10", PriceUnit.HOUR),
    "gcp.vm.n2.vcpu": ("0.03", PriceUnit.HOUR),
    "gcp.vm.n2.gib": ("0.005", PriceUnit.HOUR),
    "gcp.run.idle.vcpu": ("0.01", PriceUnit.HOUR),
    "gcp.run.idle.gib": ("0.01", PriceUnit.HOUR),
    "gcp.run.always.vcpu": ("0.06", PriceUnit.HOUR),
    "gcp.run.always.gib": ("0.01", PriceUnit.HOUR),
}
ALL_READ = frozenset({INSTANCE})


def cluster(nodes: int | None = None, *, born: float = 300, **properties: Any) -> Subject:
    plain = {"location": "us-central1-a", "nodePools": [{"name": "p"}]} | (
        {} if nodes is None else {"currentNodeCount": nodes}
    )
    status = properties.pop("status", "RUNNING")
    return subject(CLUSTER, "main", status=status, created_at=ago(born), properties=plain | properties)


def nodes(*kinds: str, spot: bool = False) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    scheduling = {"provisioningModel": "SPOT" if spot else "STANDARD"}
    found = [
        subject(INSTANCE, f"node-{number}", properties={"machineType": kind, "scheduling": scheduling})
        for number, kind in enumerate(kinds)
    ]
    return {(RelationshipKind.MEMBER_OF, INSTANCE): found}


TWO = nodes("n2-standard-4", "n2-standard-4")


def cpu(share: float | None) -> dict[str, Usage | None]:
    return {"cpu": None if share is None else flat(share, 7)}


def service(least: int | None = 2, born: float = 300, **properties: Any) -> Subject:
    plain = {
        "minInstanceCount": least,
        "cpuIdle": True,
        "limits": {"cpu": "1000m", "memory": "512Mi"},
        "location": "europe-west1",
    }
    return subject(RUN_SERVICE, "api", created_at=ago(born), properties=plain | properties)


def requests(each: float | None = 0) -> dict[str, Usage | None]:
    return {"requests": None if each is None else flat(each, 14)}


def any_node(busiest: float | None = 0) -> dict[str, Usage | None]:
    return {"nodes": None if busiest is None else flat(busiest, 7)}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "complete_types": ALL_READ}
    return Case(f"gcp.{check}", proves, given, expected, amount, **(plain | values))


CASES = (
    case("gke.empty", "found", cluster(), FOUND, "73.0000", usages=any_node()),
    case("gke.empty", "clear", cluster(), CLEAR, neighbours=TWO, usages=any_node()),
    case("gke.empty", "boundary:minAgeDays", cluster(born=7), CLEAR, usages=any_node()),
    case("gke.empty", "boundary:minAgeDays", cluster(born=7.01), FOUND, usages=any_node()),
    case("gke.empty", "missing:nodes", cluster(), UNKNOWN, usages=any_node(None)),
    case("gke.empty", "Google counts nodes", cluster(3), CLEAR, usages=any_node()),
    case("gke.empty", "nodes of late", cluster(), CLEAR, usages=any_node(0.01)),
    case("gke.empty", "Autopilot", cluster(autopilot={"enabled": True}), CLEAR, usages=any_node()),
    case("gke.empty", "being made", cluster(status="PROVISIONING"), CLEAR, usages=any_node()),
    case("gke.empty", "machines were not read", cluster(), UNKNOWN, complete_types=frozenset(), usages=any_node()),
    # 73 for the cluster and 146 for each node.
    case("gke.idle", "found", cluster(2), FOUND, "365.0000", neighbours=TWO, usages=cpu(0.03)),
    case("gke.idle", "clear", cluster(2), CLEAR, neighbours=TWO, usages=cpu(0.6)),
    case("gke.idle", "boundary:cpuPercent", cluster(2), CLEAR, neighbours=TWO, usages=cpu(0.1)),
    case("gke.idle", "boundary:cpuPercent", cluster(2), FOUND, neighbours=TWO, usages=cpu(0.099)),
    case("gke.idle", "missing:cpu", cluster(2), UNKNOWN, neighbours=TWO, usages=cpu(None)),
    case("gke.idle", "new", cluster(2, born=5), CLEAR, neighbours=TWO, usages=cpu(0)),
    case("gke.idle", "Autopilot", cluster(2, autopilot={"enabled": True}), CLEAR, usages=cpu(0)),
    case("gke.idle", "nodes were not read", cluster(2), FOUND, "unknown", usages=cpu(0)),
    case("gke.idle", "Spot", cluster(1), FOUND, "unknown", neighbours=nodes("n2-standard-4", spot=True), usages=cpu(0)),
    case("gke.idle", "an unknown type", cluster(1), FOUND, "unknown", neighbours=nodes("x9-mega-2"), usages=cpu(0)),
    # Two instances of 1 virtual CPU and half a GiB.
    case("run.min_instances_idle", "found", service(), FOUND, "21.9000", usages=requests()),
    case("run.min_instances_idle", "clear", service(), CLEAR, usages=requests(5)),
    case("run.min_instances_idle", "missing:requests", service(), UNKNOWN, usages=requests(None)),
    case("run.min_instances_idle", "none is kept", service(0), CLEAR, usages=requests()),
    case("run.min_instances_idle", "new", service(born=5), CLEAR, usages=requests()),
    case("run.min_instances_idle", "always on", service(cpuIdle=False), FOUND, "94.9000", usages=requests()),
    case(
        "run.min_instances_idle",
        "larger",
        service(1, limits={"cpu": "2", "memory": "4Gi"}),
        FOUND,
        "43.8000",
        usages=requests(),
    ),
    case("run.min_instances_idle", "what Cloud Run gives", service(limits=None), FOUND, "21.9000", usages=requests()),
    case(
        "run.min_instances_idle",
        "a size that cannot be read",
        service(limits={"cpu": "many"}),
        FOUND,
        "unknown",
        usages=requests(),
    ),
    case("run.min_instances_idle", "number not known", service(None), UNKNOWN, usages=requests()),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
