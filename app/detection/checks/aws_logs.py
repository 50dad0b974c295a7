"""Log groups of CloudWatch that keep too much, or that nothing writes to any more."""

from __future__ import annotations

from decimal import Decimal
from math import ceil
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Parameter, days
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB, quiet_days
from app.detection.savings import Part, part, portion, whole
from app.records import Provider
from app.records.conditions import Below, NoText, Older, Since
from app.records.detection import Confidence, PriceUnit, Remedy, Severity

LOG_GROUP: Final = "AWS::Logs::LogGroup"
_STORAGE: Final = "logs.storage"
_KEEP_DAYS: Final = "keepDays"
_INCOMING: Final = Metric(
    "incoming", "IncomingBytes", Daily.SUM, "AWS/Logs", (("LogGroupName", "name"),), silent_at_zero=True
)
_PRICING: Final = "https://aws.amazon.com/cloudwatch/pricing/"
_RETENTION: Final = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html"


def _stored(facts: Facts) -> Part:
    return Part(_STORAGE, facts.subject.number("storedBytes") / GIB, PriceUnit.GIB_MONTH, "GiB")


def _no_retention(facts: Facts) -> Finding | None:
    group = facts.subject
    stored, since = _stored(facts), group.created_at or group.first_seen_at
    # Whole days: by the hour, the amount would be another one at each look.
    keep, age = facts.threshold(_KEEP_DAYS), ceil(facts.age_days(since))
    if stored.quantity <= facts.threshold("gibibytes"):
        return None
    return Finding(
        saving=portion(part(facts, stored), 1 - keep / age, "share that is older than what is kept"),
        evidence=(
            Evidence("retention", "for ever"),
            Evidence("stored", f"{stored.quantity:.1f}", "GiB"),
            Evidence("made at", since.isoformat()),
        ),
        target=f"{keep:f} days",
    )


def _stale(facts: Facts) -> Finding | None:
    stored = _stored(facts)
    if stored.quantity == 0:
        return None
    evidence = quiet_days(facts, "incoming", unit="bytes written")
    return Finding(
        saving=whole(facts, stored),
        evidence=(*evidence, Evidence("stored", f"{stored.quantity:.1f}", "GiB")),
    )


CHECKS: Final = (
    Check(
        id="aws.logs.no_retention",
        title="Log group that keeps everything for ever",
        description="Without a retention a log group grows for ever, and what it stores is paid each month.",
        provider=Provider.AWS,
        area=Area.OPERATIONS,
        resource_types=(LOG_GROUP,),
        severity=Severity.LOW,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.CONFIGURE,
        remediation="Ask how long these logs have to be kept, by law or for finding faults. Set that as the retention; "
        "export to S3 first what has to be kept for years.",
        find=_no_retention,
        only_where=(NoText("retentionDays"), Older(_KEEP_DAYS, Since.CREATED)),
        properties=("retentionDays", "storedBytes"),
        prices=(_STORAGE,),
        saving="Of what is stored the share that is older than what would be kept, as if it had grown evenly.",
        parameters=(
            Parameter("gibibytes", Decimal(1), "GiB", "It has to store more than this."),
            days(_KEEP_DAYS, 90, "How many days of logs would be kept."),
        ),
        links=(_PRICING, _RETENTION),
    ),
    Check(
        id="aws.logs.stale",
        title="Log group that nothing writes to any more",
        description="No event came for long, so what wrote here is gone; what it left is paid each month.",
        provider=Provider.AWS,
        area=Area.OPERATIONS,
        resource_types=(LOG_GROUP,),
        severity=Severity.LOW,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Make sure that what wrote here is gone and nobody has to keep its logs. Then delete the group, or "
        "set a retention that empties it.",
        find=_stale,
        only_where=(Older(LOOKBACK_DAYS, Since.CREATED, or_equal=True), Below(("incoming",))),
        properties=("storedBytes",),
        prices=(_STORAGE,),
        saving="All that is stored.",
        parameters=(days(LOOKBACK_DAYS, 90, "How many days are looked at.", most=455),),
        metrics=(_INCOMING,),
        links=(
            _PRICING,
            "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html",
        ),
    ),
)
