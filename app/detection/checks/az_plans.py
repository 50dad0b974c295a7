"""App Service plans: without apps, or larger than their apps need."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, days, percent
from app.detection.checks.az_facts import LEARN, PRICING, capacity, shown_since, sku, so_since
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact, has_lived
from app.detection.savings import Part, difference, hours, whole
from app.records import Provider
from app.records.detection import Confidence, Remedy, Severity

PLAN: Final = "microsoft.web/serverfarms"
_UNPAID: Final = frozenset({"free", "shared", "dynamic", "flexconsumption"})
"""Tiers that are not paid by the hour."""
_SCALED_BY_WORK: Final = frozenset({"elasticpremium", "workflowstandard"})
_HEADROOM: Final = Decimal("1.2")
_STEP: Final = re.compile(r"(b|s|p|i)([23])(v[23])?")
"""Sizes whose number one less is half of them."""
_CPU: Final = Metric("cpu", "CpuPercentage", Daily.P95_HOURS)
_MEMORY: Final = Metric("memory", "MemoryPercentage", Daily.P95_HOURS)
_PROPERTIES: Final = ("sku", "kind", "reserved")


def plan_part(plan: Subject, name: str | None = None, count: int | None = None) -> Part:
    """All hours of a plan's instances, as the size and number that they are or would be."""
    size = name or sku(plan)
    return hours(f"az.asp.{size}.{_system(plan)}", f"hours of {size}", _count(plan) if count is None else count)


def _count(plan: Subject) -> int:
    return int(capacity(plan, otherwise=1))


def _system(plan: Subject) -> str:
    is_linux = "linux" in (plan.text("kind") or "").lower() or plan.properties.get("reserved") is True
    return "linux" if is_linux else "windows"


def _empty(facts: Facts) -> Finding | None:
    plan = facts.subject
    if sku(plan, "tier") in _UNPAID or plan.number("numberOfSites") > 0:
        return None
    since = so_since(facts, "numberOfSites")
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    instances = Evidence("instances", f"{_count(plan)} x {sku(plan)}")
    return Finding(whole(facts, plan_part(plan)), (Evidence("apps", "0"), instances, shown_since(since)))


def _oversized(facts: Facts) -> Finding | None:
    plan = facts.subject
    if sku(plan, "tier") in {*_UNPAID, *_SCALED_BY_WORK} or plan.number("numberOfSites") == 0 or not has_lived(facts):
        return None
    cpu, memory = exact(facts.usage("cpu").maximum), exact(facts.usage("memory").maximum)
    if cpu >= facts.threshold("cpuPercent") or memory >= facts.threshold("memoryPercent"):
        return None
    target = _smaller(plan, max(cpu, memory))
    if target is None:
        return None
    size, count = target
    return Finding(
        saving=difference(facts, now=[plan_part(plan)], then=[plan_part(plan, size, count)]),
        evidence=(
            Evidence("instances", f"{_count(plan)} x {sku(plan)}"),
            Evidence("processor, p95 of the busiest day", f"{cpu:.1f}", "%"),
            Evidence("memory, p95 of the fullest day", f"{memory:.1f}", "%"),
            Evidence("days", str(facts.usage("cpu").days)),
        ),
        target=f"{count} x {size}",
    )


def _smaller(plan: Subject, used: Decimal) -> tuple[str, int] | None:
    """Fewer instances of the same size, or one of the next smaller size; None where there is no less."""
    name, count = sku(plan), _count(plan)
    fewer = max(math.ceil(count * used / 100 * _HEADROOM), 1)
    if fewer < count:
        return name, fewer
    step = _STEP.fullmatch(name)
    if count > 1 or step is None or used * 2 * _HEADROOM > 100:  # noqa: PLR2004
        return None
    return f"{step[1]}{int(step[2]) - 1}{step[3] or ''}", 1


_check = partial(Check, provider=Provider.AZURE, area=Area.COMPUTE, resource_types=(PLAN,), prices=("az.asp.*",))
_LINKS: Final = (PRICING + "app-service/linux/", LEARN + "app-service/overview-hosting-plans")
CHECKS: Final = (
    _check(
        id="az.asp.empty",
        title="App Service plan without apps",
        description="The instances of a plan are paid by the hour, whether an app runs on them or not.",
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Make sure that no deployment is about to use it, then delete the plan.",
        find=_empty,
        properties=(*_PROPERTIES, "numberOfSites"),
        watched=("numberOfSites",),
        saving="All hours of its instances.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be there and without apps."),),
        links=_LINKS,
    ),
    _check(
        id="az.asp.oversized",
        title="App Service plan that is larger than it has to be",
        description="Processor and memory of its instances are used for a small part only. Plans that grow with the "
        "work by themselves are left out.",
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Scale in to the number of instances that the target tells, or down to its size, and watch it for "
        "some days. Keep two instances where one must be able to fail.",
        find=_oversized,
        properties=(*_PROPERTIES, "numberOfSites"),
        saving="Price of its instances less the price of those that are needed, a fifth of room left.",
        parameters=(
            percent("cpuPercent", 40, "95 % of each day has to need less of the processors than this."),
            percent("memoryPercent", 40, "95 % of each day has to need less of the memory than this."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=(_CPU, _MEMORY),
        links=(*_LINKS, LEARN + "app-service/manage-scale-up"),
    ),
)
