"""Checks of machines and scale sets of another size or licence than they need."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.az_facts import MACHINE, SCALE_SET, SUBSCRIPTION
from app.detection.checks.az_machine_sizes import Size, next_smaller, size_of, smallest
from app.detection.checks.az_machine_types import SQL_MACHINE
from app.detection.facts import Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "az.vm.standard_d8s_v5.linux": ("0.40", PriceUnit.HOUR),
    "az.vm.standard_d8s_v5.windows": ("0.80", PriceUnit.HOUR),
    "az.vm.standard_d4s_v5.linux": ("0.20", PriceUnit.HOUR),
    "az.vm.standard_d2s_v5.linux": ("0.10", PriceUnit.HOUR),
    "az.vm.standard_d8s_v4.linux": ("0.42", PriceUnit.HOUR),
    "az.vm.standard_d8as_v5.linux": ("0.36", PriceUnit.HOUR),
    "az.sqlvm.standard": ("0.10", PriceUnit.HOUR),
}
GIB = 2.0**30
MEMBER = (RelationshipKind.MEMBER_OF, SUBSCRIPTION)


def profile(system: str) -> dict[str, Any]:
    return {"osDisk": {"osType": system}}


def machine(size: str = "Standard_D8s_v5", state: str = "running", system: str = "Linux", **values: Any) -> Subject:
    given = {name: values.pop(name) for name in ("created_at",) if name in values}
    properties = {"hardwareProfile": {"vmSize": size}, "storageProfile": profile(system)}
    return subject(MACHINE, "/vms/vm", status=f"PowerState/{state}", properties=properties | values, **given)


def group(count: int = 4, size: str = "Standard_D8s_v5", system: str = "Linux", **values: Any) -> Subject:
    given = {name: values.pop(name) for name in ("created_at", "tags") if name in values}
    properties = {
        "sku": {"name": size, "capacity": count},
        "virtualMachineProfile": {"storageProfile": profile(system)} | values,
    }
    return subject(SCALE_SET, "/scalesets/web", status="Succeeded", properties=properties, **given)


def offer(quota: str = "EnterpriseAgreement_2014-09-01") -> dict[tuple[RelationshipKind, str], list[Subject]]:
    found = subject(SUBSCRIPTION, "/subscriptions/s", properties={"subscriptionPolicies": {"quotaId": quota}})
    return {MEMBER: [found]}


def used(cpu: float = 10, free_gib: float = 28) -> dict[str, Usage | None]:
    return {"cpu": flat(cpu, 30), "freeMemory": flat(free_gib * GIB, 30)}


def oversized(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": machine(), "prices": PRICES, "usages": used()}
    return Case("az.vm.oversized", proves, expected=expected, amount=amount, **(plain | values))


def old(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case("az.vm.old_generation", proves, given, expected, amount, **({"prices": PRICES} | values))


def windows(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "neighbours": offer()}
    return Case("az.vm.no_ahb", proves, given, expected, amount, **(plain | values))


def sql(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    licence, edition = values.pop("licence", "PAYG"), values.pop("edition", "Standard")
    given = subject(SQL_MACHINE, "/sql/vm", properties={"sqlServerLicenseType": licence, "sqlImageSku": edition})
    size, quota = values.pop("size", "Standard_D8s_v5"), values.pop("quota", "PayAsYouGo_2014-09-01")
    attached = [machine(size, values.pop("state", "running"))]
    neighbours = {(RelationshipKind.ATTACHED_TO, MACHINE): attached} | offer(quota)
    plain: dict[str, Any] = {"prices": PRICES, "neighbours": neighbours}
    return Case("az.vm.sql_no_ahb", proves, given, expected, amount, **(plain | values))


def underused(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": group(), "prices": PRICES, "usages": used()}
    return Case("az.vmss.underused", proves, expected=expected, amount=amount, **(plain | values))


CASES = (
    # 8 virtual CPUs and 32 GiB, of which 0.8 and 4 are used: 2 and 8 would do.
    oversized("found", FOUND, "219.0000", target="standard_d2s_v5"),
    oversized("clear", CLEAR, usages=used(cpu=80)),
    oversized("boundary:cpuPercent", CLEAR, usages=used(cpu=40)),
    oversized("boundary:cpuPercent", FOUND, "146.0000", usages=used(cpu=39), target="standard_d4s_v5"),
    oversized("boundary:memoryPercent", CLEAR, usages=used(free_gib=32 * 0.6)),
    oversized("boundary:memoryPercent", FOUND, usages=used(free_gib=32 * 0.61), target="standard_d4s_v5"),
    oversized("missing:cpu", UNKNOWN, usages=used() | {"cpu": None}),
    oversized("missing:freeMemory", UNKNOWN, usages=used() | {"freeMemory": flat(None, 30)}),
    oversized("the smallest already", CLEAR, subject=machine("Standard_D2s_v5"), usages=used(free_gib=7)),
    oversized("a size that is not known", UNKNOWN, subject=machine("Standard_B2ms")),
    oversized("deallocated", CLEAR, subject=machine(state="deallocated")),
    oversized("spot", CLEAR, subject=machine(priority="Spot")),
    oversized("of a scale set", CLEAR, subject=machine(virtualMachineScaleSet={"id": "/s"})),
    oversized("younger than the window", CLEAR, subject=machine(created_at=ago(20))),
    old("found", machine("Standard_D8s_v4"), FOUND, "43.8000", target="standard_d8as_v5"),
    old("clear", machine(), CLEAR),
    old("no prices", machine("Standard_D8s_v4"), FOUND, "unknown", prices={}, target="standard_d8as_v5"),
    old(
        "counted sizes, by their memory",
        machine("Standard_DS12_v2"),
        FOUND,
        "unknown",
        prices={},
        target="standard_d8ads_v5",
    ),
    old("of a scale set", machine("Standard_D8s_v4", virtualMachineScaleSet={"id": "/S"}), FOUND, part_of="/s"),
    old("deallocated", machine("Standard_D8s_v4", "deallocated"), CLEAR),
    windows("found", machine(system="Windows"), FOUND, "292.0000"),
    windows("clear", machine(), CLEAR),
    windows("with the benefit", machine(system="Windows", licenseType="Windows_Server"), CLEAR),
    windows("deallocated", machine(system="Windows", state="deallocated"), CLEAR),
    windows("for tests", machine(system="Windows"), CLEAR, neighbours=offer("MSDNDevTest_2014-09-01")),
    windows("an offer that was not read", machine(system="Windows"), UNKNOWN, neighbours={}),
    windows("a scale set", group(3, system="Windows"), FOUND, "876.0000"),
    windows("an empty scale set", group(0, system="Windows"), CLEAR),
    windows("a set with the benefit", group(system="Windows", licenseType="Windows_Server"), CLEAR),
    windows("no system", machine(storageProfile={}), UNKNOWN),
    sql("found", FOUND, "584.0000", part_of="/vms/vm"),
    sql("clear", CLEAR, licence="AHUB"),
    sql("four virtual CPUs at least", FOUND, "292.0000", size="Standard_D2s_v5"),
    sql("a free edition", CLEAR, edition="Developer"),
    sql("deallocated", CLEAR, state="deallocated"),
    sql("for tests", CLEAR, quota="MSDNDevTest_2014-09-01"),
    sql("a machine that was not read", UNKNOWN, neighbours=offer()),
    # 12.5 % of the memory of four machines: one machine would do.
    underused("found", FOUND, "876.0000", target="1 machines"),
    underused("clear", CLEAR, usages=used(cpu=80)),
    underused("boundary:cpuPercent", CLEAR, usages=used(cpu=40)),
    underused("boundary:cpuPercent", FOUND, "584.0000", usages=used(cpu=39), target="2 machines"),
    underused("boundary:memoryPercent", CLEAR, usages=used(free_gib=32 * 0.6)),
    underused("boundary:memoryPercent", FOUND, usages=used(free_gib=32 * 0.61)),
    underused("missing:cpu", UNKNOWN, usages=used() | {"cpu": None}),
    underused("missing:freeMemory", UNKNOWN, usages=used() | {"freeMemory": None}),
    underused("one machine", CLEAR, subject=group(1)),
    underused("nodes of Kubernetes", CLEAR, subject=group(tags={"aks-managed-poolName": "users"})),
    underused("spot", CLEAR, subject=group(priority="Spot")),
    underused("younger than the window", CLEAR, subject=group(created_at=ago(20))),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()


def test_sizes() -> None:
    large = size_of("standard_e96ads_v5")
    assert large is not None
    assert large == Size(large.name, "eads_v5", Decimal(96), Decimal(672))
    smaller = next_smaller(large)
    assert smaller is not None
    assert smaller == Size("standard_e64ads_v5", "eads_v5", Decimal(64), Decimal(512))
    counted = size_of("standard_ds13_v2")
    assert counted is not None
    assert counted == Size(counted.name, "ds_v2", Decimal(8), Decimal(56))
    assert size_of("standard_d3s_v5") is None
    assert size_of("basic_a1") is None
    assert smallest("ds_v5", large.cpus, large.gib) is None
    tiny = size_of("standard_d2s_v5")
    assert tiny is not None
    assert next_smaller(tiny) is None
