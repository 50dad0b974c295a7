"""Bills held against the inventory: what is paid for and not there, and what is there and never billed."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from app.detection.check import Area, Check, percent
from app.detection.checks.charges_spend import FOCUS, amount
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.savings import nothing, paid_in_month
from app.records.detection import ChargeSubject, Confidence, Remedy, Severity

_HUNDRED: Final = Decimal(100)


def _unlisted(facts: Facts) -> Finding | None:
    cost, _ = facts.spent_in_month("cost")
    if cost <= facts.threshold("leastCost"):
        return None
    for resource_type in facts.subject.items("types"):
        facts.none_other(resource_type)
    return Finding(
        saving=paid_in_month(facts, "cost"),
        evidence=(
            Evidence("cost of the last whole month", f"{cost:f}", facts.known_charges().currency),
            Evidence("others of its kind in the inventory", ", ".join(facts.subject.items("types"))),
        ),
    )


def _unbilled(facts: Facts) -> Finding | None:
    (there, _), (unbilled, _) = facts.spent_in_month("resources"), facts.spent_in_month("unbilled")
    if not 0 < unbilled < there:  # where none is billed, the type is free or its bill names no resources
        return None
    share = _HUNDRED * unbilled / there
    if share <= facts.threshold("mostUnbilled"):
        return None
    return Finding(
        saving=nothing("What has no charge costs nothing, or its cost is told elsewhere."),
        evidence=(
            Evidence("resources", f"{there:f}"),
            Evidence("without a charge", f"{unbilled:f}"),
            Evidence("share", f"{share:.1f}", "percent"),
        ),
    )


CHECKS: Final = (
    Check(
        id="focus.resource.unlisted",
        title="Charges of a resource that the inventory does not have",
        description="A resource is charged for to this day and no scan has found it, though others of its kind were "
        "found and its account was read completely since: nobody looks after it.",
        provider=None,
        area=Area.OPERATIONS,
        resource_types=(),
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.REVIEW,
        remediation="Look for the resource by its id in the provider's console. Where it is needed, find out why scans "
        "do not see it; where it is not, delete it.",
        find=_unlisted,
        saving="All that it cost in the last whole month.",
        parameters=(amount("leastCost", 1, "It cost more than this in the last whole month."),),
        properties=("types",),
        absence_of=("*",),
        links=(FOCUS,),
        charges=ChargeSubject.UNLISTED_RESOURCE,
        kinds=("cost",),
    ),
    Check(
        id="focus.resource.unbilled",
        title="Resources without charges",
        description="Of the resources of a type that an account has, some are billed and many are not: their cost is "
        "missing from reports by resource.",
        provider=None,
        area=Area.OPERATIONS,
        resource_types=(),
        severity=Severity.INFORMATIONAL,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.REVIEW,
        remediation="See whether the export names resources, and whether those without charges are stopped or free.",
        find=_unbilled,
        saving="None: it is worth knowing.",
        parameters=(percent("mostUnbilled", 50, "More than this part of them has no charge."),),
        links=(FOCUS,),
        charges=ChargeSubject.UNBILLED_TYPE,
        kinds=("resources", "unbilled"),
    ),
)
