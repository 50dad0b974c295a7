"""Checks of App Service plans."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.az_plans import PLAN
from app.detection.facts import Subject
from app.detection.usage import Usage
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "az.asp.p1v3.linux": ("0.10", PriceUnit.HOUR),
    "az.asp.p2v3.linux": ("0.20", PriceUnit.HOUR),
    "az.asp.p2v3.windows": ("0.30", PriceUnit.HOUR),
}


def plan(name: str = "P2v3", count: int = 1, sites: int | None = 1, **values: Any) -> Subject:
    tier, since, age = values.pop("tier", "PremiumV3"), values.pop("since", 90), values.pop("age", 200)
    properties = {
        "sku": {"name": name, "tier": tier, "capacity": count},
        "kind": "linux",
        "numberOfSites": sites,
    }
    return subject(
        PLAN,
        "/plans/p",
        created_at=ago(age),
        changed_at={"numberOfSites": ago(since)},
        properties=properties | values,
    )


def used(cpu: float = 10, memory: float = 10) -> dict[str, Usage | None]:
    return {"cpu": flat(cpu, 30), "memory": flat(memory, 30)}


def empty(proves: str, given: Subject, expected: Any, amount: str | None = None) -> Case:
    return Case("az.asp.empty", proves, given, expected, amount, prices=PRICES)


def oversized(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": plan(), "prices": PRICES, "usages": used()}
    return Case("az.asp.oversized", proves, expected=expected, amount=amount, **(plain | values))


CASES = (
    empty("found", plan(count=2, sites=0), FOUND, "292.0000"),
    empty("clear", plan(), CLEAR),
    empty("boundary:minAgeDays", plan(sites=0, since=7), CLEAR),
    empty("boundary:minAgeDays", plan(sites=0, since=7.01), FOUND),
    empty("with Windows", plan(sites=0, kind="app"), FOUND, "219.0000"),
    empty("Linux by its flag", plan(sites=0, kind=None, reserved=True), FOUND, "146.0000"),
    empty("free", plan("F1", sites=0, tier="Free"), CLEAR),
    empty("paid by use", plan("Y1", sites=0, tier="Dynamic"), CLEAR),
    empty("apps that are not told", plan(sites=None), UNKNOWN),
    empty("no price", plan("I1v2", sites=0, tier="IsolatedV2"), FOUND, "unknown"),
    oversized("found", FOUND, "73.0000", target="1 x p1v3"),
    oversized("clear", CLEAR, usages=used(cpu=80)),
    oversized("boundary:cpuPercent", CLEAR, usages=used(cpu=40)),
    oversized("boundary:cpuPercent", FOUND, usages=used(cpu=39.9)),
    oversized("boundary:memoryPercent", CLEAR, usages=used(memory=40)),
    oversized("boundary:memoryPercent", FOUND, usages=used(memory=39.9)),
    oversized("missing:cpu", UNKNOWN, usages=used() | {"cpu": None}),
    oversized("missing:memory", UNKNOWN, usages=used() | {"memory": flat(None, 30)}),
    oversized("fewer instances", FOUND, "292.0000", subject=plan(count=4), usages=used(39), target="2 x p2v3"),
    oversized("the smallest already", CLEAR, subject=plan("P1v3")),
    oversized("without apps", CLEAR, subject=plan(sites=0)),
    oversized("grows by itself", CLEAR, subject=plan("EP2", tier="ElasticPremium")),
    oversized("younger than the window", CLEAR, subject=plan(age=20)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
