"""DynamoDB: tables with provisioned capacity that is not used, or hardly."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, days, percent
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB, exact, has_lived, unused
from app.detection.savings import Part, difference, hours, whole
from app.records import Provider
from app.records.detection import Confidence, PriceUnit, Remedy, Severity

TABLE: Final = "AWS::DynamoDB::Table"
_HOUR_SECONDS: Final = 3600
_OF_TABLE: Final = (("TableName", "name"),)
_OF_INDEXES: Final = (*_OF_TABLE, ("GlobalSecondaryIndexName", "properties.globalIndexNames"))
_READ: Final = "ConsumedReadCapacityUnits"
_WRITTEN: Final = "ConsumedWriteCapacityUnits"
_PROPERTIES: Final = (
    "billingMode",
    "readCapacityUnits",
    "writeCapacityUnits",
    "tableClass",
    "sizeBytes",
    "globalIndexes",
    "globalIndexNames",
)


def _metric(key: str, name: str, daily: Daily, dimensions: tuple[tuple[str, str], ...] = _OF_TABLE) -> Metric:
    return Metric(key, name, daily, "AWS/DynamoDB", dimensions, silent_at_zero=True)


def _units(table: Subject, read: Decimal, written: Decimal) -> list[Part]:
    """So many units of capacity at all hours."""
    end = ".ia" if table.text("tableClass") == "STANDARD_INFREQUENT_ACCESS" else ""
    return [
        hours(f"dynamodb.rcu{end}", "RCU hours", read),
        hours(f"dynamodb.wcu{end}", "WCU hours", written),
    ]


def _all_parts(table: Subject) -> list[Part]:
    read, written = table.number("readCapacityUnits"), table.number("writeCapacityUnits")
    size = table.number("sizeBytes")
    for index in table.items("globalIndexes"):
        read += index.get("readCapacityUnits") or 0
        written += index.get("writeCapacityUnits") or 0
        size += index.get("sizeBytes") or 0
    end = ".ia" if table.text("tableClass") == "STANDARD_INFREQUENT_ACCESS" else ""
    storage = Part(f"dynamodb.storage{end}", size / GIB, PriceUnit.GIB_MONTH, "GiB")
    return [*_units(table, read, written), storage]


def _is_judged(facts: Facts) -> bool:
    table = facts.subject
    return table.status == "ACTIVE" and table.text("billingMode") == "PROVISIONED" and has_lived(facts)


def _unused(facts: Facts) -> Finding | None:
    table = facts.subject
    if not _is_judged(facts):
        return None
    keys = ("read", "written", "readOfIndexes") if table.items("globalIndexNames") else ("read", "written")
    shown = unused(facts, *keys, unit="capacity units")
    return None if shown is None else Finding(whole(facts, *_all_parts(table)), shown)


def _needed(facts: Facts, key: str, provisioned: Decimal) -> tuple[Decimal, Decimal]:
    """The busiest hour's units a second, and how many would do: a fifth more where few are used, else what is there."""
    peak = exact(facts.usage(key).maximum) / _HOUR_SECONDS
    if peak * 100 >= provisioned * facts.threshold("usedPercent"):
        return peak, provisioned
    return peak, min(provisioned, (peak * Decimal("1.2")).to_integral_value() + 1)


def _overprovisioned(facts: Facts) -> Finding | None:
    table = facts.subject
    if not _is_judged(facts):
        return None
    read, written = table.number("readCapacityUnits"), table.number("writeCapacityUnits")
    most_read, read_then = _needed(facts, "peakRead", read)
    most_written, written_then = _needed(facts, "peakWritten", written)
    if (read_then, written_then) == (read, written):
        return None
    return Finding(
        saving=difference(facts, now=_units(table, read, written), then=_units(table, read_then, written_then)),
        evidence=(
            Evidence("provisioned", f"{read:f} RCU, {written:f} WCU"),
            Evidence("busiest hours", f"{most_read:.1f} RCU, {most_written:.1f} WCU"),
        ),
        target=f"{read_then:f} RCU, {written_then:f} WCU",
    )


_check = partial(
    Check,
    provider=Provider.AWS,
    area=Area.DATABASE,
    resource_types=(TABLE,),
    properties=_PROPERTIES,
    prices=("dynamodb.rcu", "dynamodb.wcu", "dynamodb.storage", "dynamodb.*.ia"),
    links=(
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html",
        "https://aws.amazon.com/dynamodb/pricing/provisioned/",
    ),
)

CHECKS: Final = (
    _check(
        id="aws.dynamodb.unused",
        title="Table with provisioned capacity that nobody reads or writes",
        description="Provisioned capacity is paid by the hour, whether it is used or not.",
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Switch the table to on-demand, which costs nothing while it is not used; if nobody misses it, "
        "export it to S3 and delete it.",
        find=_unused,
        saving="Capacity of the table and its indexes, and their storage.",
        parameters=(days(LOOKBACK_DAYS, 30, "How many days have to pass without a read or write.", most=90),),
        metrics=(
            _metric("read", _READ, Daily.SUM),
            _metric("written", _WRITTEN, Daily.SUM),
            _metric("readOfIndexes", _READ, Daily.SUM, _OF_INDEXES),
        ),
    ),
    _check(
        id="aws.dynamodb.overprovisioned",
        title="Table with much more provisioned capacity than it uses",
        description="Even the busiest hour uses a small part of the capacity that is paid for.",
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Lower the capacity to the one told as the target, let auto scaling set it, or go on-demand.",
        find=_overprovisioned,
        saving="Price of the capacity less the price of what the busiest hour needs and a fifth more.",
        parameters=(
            percent("usedPercent", 40, "The busiest hour has to use less than this of the capacity."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=(
            _metric("peakRead", _READ, Daily.PEAK_HOUR),
            _metric("peakWritten", _WRITTEN, Daily.PEAK_HOUR),
        ),
    ),
)
