"""Models that are paid by the hour and hardly asked: machine learning endpoints, provisioned throughput."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Neighbours, days, percent
from app.detection.checks.az_facts import LEARN, PRICING, number, sku
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact, has_lived, unused
from app.detection.savings import Part, hours, part, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceBasis, Remedy, Severity

ENDPOINT: Final = "microsoft.machinelearningservices/workspaces/onlineendpoints"
ACCOUNT: Final = "microsoft.cognitiveservices/accounts"
DEPLOYMENT: Final = "microsoft.cognitiveservices/accounts/deployments"
_PROVISIONED: Final = {
    "provisionedmanaged": "az.openai.ptu.regional",
    "globalprovisionedmanaged": "az.openai.ptu.global",
    "datazoneprovisionedmanaged": "az.openai.ptu.datazone",
}
_HEADROOM: Final = Decimal("1.2")
_STEP: Final = 5
_LEAST: Final = 15
"""Provisioned units come by the five, fifteen at least; models whose steps are larger say so when they are changed."""
_REQUESTS: Final = Metric("requests", "RequestsPerMinute", Daily.AVERAGE, silent_at_zero=True)
_USED: Final = Metric("used", "AzureOpenAIProvisionedManagedUtilizationV2", Daily.MAXIMUM)
_DEPLOYMENTS: Final = Neighbours(RelationshipKind.MEMBER_OF, DEPLOYMENT, ("sku",))


def _endpoint_idle(facts: Facts) -> Finding | None:
    if facts.subject.status != "Succeeded":
        return None
    shown = unused(facts, "requests", unit="requests a minute")
    if shown is None:
        return None
    actual = whole(facts)
    no_charges = "What its deployments run on is not read, and it has no charges of its own."
    return Finding(actual if actual.basis is PriceBasis.ACTUAL else unknown(no_charges), shown)


def _throughput_idle(facts: Facts) -> Finding | None:
    facts.none_other(DEPLOYMENT)
    deployments = [each for each in facts.related(RelationshipKind.MEMBER_OF, DEPLOYMENT) if sku(each) in _PROVISIONED]
    if not deployments or not has_lived(facts):
        return None
    # Of several deployments this is the busiest: where that has much room, all have.
    used = exact(facts.usage("used").maximum)
    if used >= facts.threshold("usedPercent"):
        return None
    spare = _spare(deployments, used)
    if not spare:
        return None
    names = ", ".join(sorted(f"{each.name}: {_units(each)}" for each in deployments))
    return Finding(
        saving=part(facts, *spare),
        evidence=(
            Evidence("provisioned units", names),
            Evidence("busiest moment of the busiest deployment", f"{used:.1f}", "%"),
            Evidence("days", str(facts.usage("used").days)),
        ),
    )


def _spare(deployments: Sequence[Subject], used: Decimal) -> list[Part]:
    parts = []
    for each in sorted(deployments, key=lambda each: each.name):
        units = _units(each)
        needed = max(math.ceil(units * used / 100 * _HEADROOM / _STEP) * _STEP, _LEAST) if used else 0
        if needed < units:
            parts.append(hours(_PROVISIONED[sku(each)], f"unit hours less of {each.name}", units - needed))
    return parts


def _units(deployment: Subject) -> int:
    return int(number(deployment, deployment.record("sku"), "capacity"))


_check = partial(Check, provider=Provider.AZURE, area=Area.AI, severity=Severity.HIGH)
CHECKS: Final = (
    _check(
        id="az.ml.endpoint_idle",
        title="Machine learning endpoint that nobody asks",
        description="The machines of its deployments are paid by the hour, and not one request came in.",
        resource_types=(ENDPOINT,),
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask its owner. Delete its deployments: the endpoint itself costs nothing and keeps its address. A "
        "serverless endpoint may do for a model that is asked at times only.",
        find=_endpoint_idle,
        saving="All that it costs, by its charges.",
        parameters=(days(LOOKBACK_DAYS, 30, "How many days have to pass without a request.", most=90),),
        metrics=(_REQUESTS,),
        links=(
            PRICING + "machine-learning/",
            LEARN + "machine-learning/how-to-view-online-endpoints-costs",
        ),
    ),
    _check(
        id="az.openai.ptu_idle",
        title="Provisioned throughput of models that is hardly used",
        description="Provisioned units are paid by the hour, however much the models are asked. Even the busiest "
        "deployment of the account used a small part of its units at its busiest moment.",
        resource_types=(ACCOUNT,),
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Lower the units of the deployments, or deploy the models with a Standard type, which is paid by "
        "tokens. Exchange or let run out a reservation for the units.",
        find=_throughput_idle,
        prices=tuple(_PROVISIONED.values()),
        saving="Hours of the units that are not needed, a fifth of room left.",
        parameters=(
            percent("usedPercent", 30, "No moment may use as much of its units as this."),
            days(LOOKBACK_DAYS, 7, "How many days are looked at.", most=90),
        ),
        metrics=(_USED,),
        neighbours=(_DEPLOYMENTS,),
        absence_of=(DEPLOYMENT,),
        permissions=("Microsoft.CognitiveServices/accounts/deployments/read",),
        links=(
            PRICING + "cognitive-services/openai-service/",
            LEARN + "ai-services/openai/concepts/provisioned-throughput",
        ),
    ),
)
