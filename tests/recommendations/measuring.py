"""Made-up metrics, checks that read them, and resources that have them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, days
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.rule import Rule, default_rule
from app.detection.savings import nothing
from app.providers.metrics import MetricPoint, MetricQuery, MetricSeries, Statistic
from app.records import Provider
from app.records.detection import Confidence, Remedy, Severity
from app.records.usage import StoredUsage

TODAY = date(2026, 11, 22)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CPU = Metric("cpu", "CPUUtilization", Daily.MAXIMUM, "AWS/EC2", (("InstanceId", "id"),))
SILENT = Metric("requests", "Requests", Daily.SUM, "AWS/Queue", (("Queue", "name"),), silent_at_zero=True)


def day(back: int) -> date:
    """The day so many days before today."""
    return TODAY - timedelta(days=back)


def instance(native_id: str = "i-1", **values: Any) -> Subject:
    """A resource that is two years old."""
    plain: dict[str, Any] = {
        "id": UUID(int=abs(hash(native_id)) % 2**64),
        "account_id": UUID(int=11),
        "provider": Provider.AWS,
        "resource_type": "AWS::EC2::Instance",
        "name": f"name of {native_id}",
        "region": "eu-west-1",
        "status": "running",
        "first_seen_at": NOON - timedelta(days=730),
    }
    return Subject(native_id=native_id, **(plain | values))


def _find(facts: Facts) -> Finding | None:
    if facts.subject.status != "running":
        return None
    return Finding(saving=nothing("None."), evidence=(Evidence("cpu", str(facts.usage("cpu").maximum)),))


def check(id_: str = "test.idle", *metrics: Metric, lookback: int = 14, **values: Any) -> Check:
    """A check that asks for `cpu` of what is running."""
    plain: dict[str, Any] = {
        "title": "Idle",
        "description": "Idle.",
        "provider": Provider.AWS,
        "area": Area.COMPUTE,
        "resource_types": ("AWS::EC2::Instance",),
        "severity": Severity.LOW,
        "confidence": Confidence.LIKELY,
        "remedy": Remedy.STOP,
        "remediation": "Stop it.",
        "find": _find,
        "saving": "Its hours.",
        "parameters": (days(LOOKBACK_DAYS, lookback, "How many days."),),
        "metrics": metrics or (CPU,),
    }
    return Check(id=id_, **(plain | values))


def rules(*checks: Check, **changed: Decimal) -> dict[str, Rule]:
    """The rules of checks as they are delivered, with some thresholds changed."""
    found = {each.id: default_rule(each) for each in checks}
    return {id_: Rule(rule.enabled, rule.severity, {**rule.parameters, **changed}) for id_, rule in found.items()}


def stored(first: int, *values: float | None, problem: str | None = None) -> StoredUsage:
    """A row that begins so many days before today."""
    samples = [0 if value is None else 1 for value in values]
    return StoredUsage(UUID(int=2), "a metric", day(first), values, samples, NOON - timedelta(days=1), problem)


def series(query: MetricQuery, told: dict[datetime, float], periods: int, **values: Any) -> MetricSeries:
    """An answer with the same number for each statistic that was asked for."""
    points = tuple(MetricPoint(begin, dict.fromkeys(query.statistics, value)) for begin, value in sorted(told.items()))
    return MetricSeries(query, points, periods, **values)


def query_of(statistic: Statistic = Statistic.SUM) -> MetricQuery:
    """Any query."""
    return MetricQuery("i-1", "eu-west-1", "Any", frozenset({statistic}), "AWS/Any")
