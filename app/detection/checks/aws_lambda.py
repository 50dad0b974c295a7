"""Lambda functions that are given more than they use: provisioned concurrency, memory."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, days, percent
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact
from app.detection.savings import Part, hours, part, portion
from app.records import Provider
from app.records.detection import DAYS_A_MONTH, Confidence, PriceUnit, Remedy, Severity

FUNCTION: Final = "AWS::Lambda::Function"
_ARM: Final = "arm64"
_MIB_A_GIB: Final = 1024
_LEAST_MIB: Final = 128
_HEADROOM: Final = Decimal("1.2")
_HOUR_MILLISECONDS: Final = 3_600_000
_PRICING: Final = "https://aws.amazon.com/lambda/pricing/"
_UTILIZATION: Final = Metric(
    "utilization",
    "ProvisionedConcurrencyUtilization",
    Daily.MAXIMUM,
    "AWS/Lambda",
    (("FunctionName", "name"), ("Resource", "properties.provisionedConcurrencyResources")),
    silent_at_zero=True,
)
DURATION: Final = Metric(
    "duration", "Duration", Daily.SUM, "AWS/Lambda", (("FunctionName", "name"),), silent_at_zero=True
)
_MEMORY: Final = Metric(
    "memory",
    "memory_utilization",
    Daily.MAXIMUM,
    "LambdaInsights",
    (("function_name", "name"),),
    silent_at_zero=True,
)


def _code(function: Subject, thing: str) -> str:
    return f"lambda.{thing}.arm.gib" if is_arm(function) else f"lambda.{thing}.gib"


def is_arm(function: Subject) -> bool:
    """Whether a function runs on Arm."""
    return _ARM in function.items("architectures")


def running_time(facts: Facts) -> Decimal:
    """For how many GiB-hours a month a function runs, by its metric `duration`."""
    duration, gib = facts.usage("duration"), facts.subject.number("memoryMb") / _MIB_A_GIB
    return exact(duration.total) / _HOUR_MILLISECONDS * gib * DAYS_A_MONTH / duration.days


def _provisioned_concurrency_idle(facts: Facts) -> Finding | None:
    function = facts.subject
    ready = sum(int(each.get("requested") or 0) for each in function.items("provisionedConcurrency"))
    since = function.same_since("provisionedConcurrency")
    if ready == 0 or not facts.is_older(since, LOOKBACK_DAYS):
        return None
    peak = exact(facts.usage("utilization").maximum) * 100
    if peak >= facts.threshold("usedPercent"):
        return None
    gib = function.number("memoryMb") / _MIB_A_GIB
    return Finding(
        saving=part(facts, hours(_code(function, "provisioned"), "GiB-hours that are kept ready", ready * gib)),
        evidence=(
            Evidence("kept ready", str(ready), "instances of the function"),
            Evidence("most that were used", f"{peak:f}", "%"),
            Evidence("days", str(facts.usage("utilization").days)),
        ),
        target="no provisioned concurrency",
    )


def _over_memory(facts: Facts) -> Finding | None:
    function = facts.subject
    given = function.number("memoryMb")
    peak = _peak_memory(facts)
    if given <= _LEAST_MIB or peak is None or peak >= facts.threshold("memoryPercent"):
        return None
    target = max(Decimal(_LEAST_MIB), (given * peak / 100 * _HEADROOM).to_integral_value(ROUND_CEILING))
    if target >= given:
        return None
    time = Part(_code(function, "duration"), running_time(facts), PriceUnit.HOUR, "GiB-hours a month")
    return Finding(
        saving=portion(part(facts, time), 1 - target / given, "share of the memory that is not needed"),
        evidence=(
            Evidence("memory", f"{given:f}", "MiB"),
            Evidence("most that was used", f"{peak:f}", "%"),
            Evidence("days", str(facts.usage("duration").days)),
        ),
        target=f"{target:f} MiB",
    )


def _peak_memory(facts: Facts) -> Decimal | None:
    """The most memory that was used, in percent; None for a function that never ran.

    Silence of this metric means zero only where Lambda Insights is on: on each day on which the function ran there
    has to be a value. Raises UnknownFactError otherwise.
    """
    duration, memory = facts.usage("duration"), facts.usage("memory")
    if duration.maximum == 0:
        return None
    for ran, used in zip(duration.values, memory.values, strict=True):
        if ran and not used:
            message = "Lambda Insights does not tell its memory for all days on which it ran."
            raise UnknownFactError(message)
    return exact(memory.maximum)


CHECKS: Final = (
    Check(
        id="aws.lambda.provisioned_concurrency_idle",
        title="Provisioned concurrency that is hardly used",
        description="Instances of a function that are kept ready are paid by the hour, whether they are called or not.",
        provider=Provider.AWS,
        area=Area.COMPUTE,
        resource_types=(FUNCTION,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.CONFIGURE,
        remediation="Take the provisioned concurrency away, or let a schedule set it for the hours in which calls must "
        "not wait for a start.",
        find=_provisioned_concurrency_idle,
        properties=("architectures", "memoryMb", "provisionedConcurrency", "provisionedConcurrencyResources"),
        watched=("provisionedConcurrency",),
        prices=("lambda.provisioned.*",),
        saving="All hours of what is kept ready, by its memory.",
        parameters=(
            percent("usedPercent", 10, "At no time may as much as this have been used."),
            days(LOOKBACK_DAYS, 7, "How many days are looked at.", most=90),
        ),
        metrics=(_UTILIZATION,),
        links=(_PRICING, "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-concurrency.html"),
    ),
    Check(
        id="aws.lambda.overmemory",
        title="Function with more memory than it uses",
        description="The price of a call is its duration times the memory that the function is given. Memory that is "
        "used is told by Lambda Insights only. With less memory a function gets less of a processor, so it may take "
        "longer: try it.",
        provider=Provider.AWS,
        area=Area.COMPUTE,
        resource_types=(FUNCTION,),
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.RESIZE,
        remediation="Measure the function with the memory told as the target, for instance with AWS Lambda Power "
        "Tuning, and keep it where a call gets cheaper and is still fast enough.",
        find=_over_memory,
        properties=("architectures", "memoryMb"),
        prices=("lambda.duration.*",),
        saving="The share of the memory that is not needed of what its calls cost, if they take as long as before.",
        parameters=(
            percent("memoryPercent", 50, "At no time may it have used as much as this of its memory."),
            days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
        ),
        metrics=(DURATION, _MEMORY),
        links=(
            _PRICING,
            "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Lambda-Insights.html",
        ),
    ),
)
