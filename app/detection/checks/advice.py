"""What providers themselves recommend, taken over where no check of ours has found the same.

One check for each adviser: what is to be done is the adviser's own word on each subject. Of two advisers that speak of
the same resource the one whose check comes first here is taken over, and the other is its second opinion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from app.detection.check import Area, Check
from app.detection.facts import Facts, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.providers.opinions import FoundOpinion, OpinionSource
from app.records import Provider
from app.records.detection import Confidence, PriceBasis, Remedy, Saving, Severity

OPINION: Final = "recommendation"
"""The evidence that names the opinion by its native id."""
_SAVING: Final = "What the provider expects a month of 730 hours to cost less, as it says it."
_FORMULA: Final = "the provider's own estimate"
_SURE: Final = (
    "It is the provider's word alone, which knows nothing of what the resource is for: one signal, so it is possible."
)


def _advised(facts: Facts) -> Finding | None:
    """What the adviser says; nothing where it expects that nothing is saved, as of what is too small for its work."""
    advice = facts.advice
    if advice is None:
        return None
    if advice.unread is not None:
        raise UnknownFactError(advice.unread)
    opinion = advice.opinion
    if opinion.monthly_saving is not None and opinion.monthly_saving <= 0:
        return None
    return Finding(
        saving=_saving(opinion), evidence=tuple(_evidence(opinion)), target=opinion.target, remedy=opinion.remedy
    )


def _saving(opinion: FoundOpinion) -> Saving:
    if opinion.monthly_saving is None or opinion.currency is None:
        reason = opinion.saving_reason or "The provider does not say what it expects to be saved."
        return Saving(None, None, PriceBasis.UNKNOWN, formula=_FORMULA, reason=reason)
    return Saving(opinion.monthly_saving, opinion.currency, PriceBasis.PROVIDER, formula=_FORMULA)


def _evidence(opinion: FoundOpinion) -> Iterator[Evidence]:
    yield Evidence("said", opinion.title)
    yield Evidence("kind", opinion.kind)
    if opinion.lookback_days is not None:
        yield Evidence("looked back", str(opinion.lookback_days), "days")
    if opinion.refreshed_at is not None:
        yield Evidence("worked out", opinion.refreshed_at.isoformat())
    if opinion.link is not None:
        yield Evidence("link", opinion.link)
    yield Evidence(OPINION, opinion.native_id)


def _check(
    id_: str, source: OpinionSource, provider: Provider, name: str, about: str, remediation: str, *links: str
) -> Check:
    return Check(
        id=id_,
        title=f"Recommendation of {name}",
        description=f"{about} What no check has found is taken over as it stands; of what one has found it is a "
        f"second opinion. {_SURE}",
        provider=provider,
        area=Area.OPERATIONS,
        resource_types=(),
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.REVIEW,
        remediation=remediation,
        find=_advised,
        saving=_SAVING,
        links=links,
        advice=source,
    )


CHECKS: Final = (
    _check(
        "aws.advice.cost_optimization_hub",
        OpinionSource.COST_OPTIMIZATION_HUB,
        Provider.AWS,
        "Cost Optimization Hub",
        "Cost Optimization Hub gathers what Compute Optimizer and Cost Explorer recommend: to resize, stop, delete or "
        "upgrade resources, and to buy Reserved Instances or Savings Plans.",
        "Read the recommendation in the Billing and Cost Management console, see that the resource can do without what "
        "it takes away, then do what it says.",
        "https://docs.aws.amazon.com/cost-management/latest/userguide/cost-optimization-hub.html",
        "https://docs.aws.amazon.com/cost-management/latest/userguide/coh-estimating-savings.html",
    ),
    _check(
        "aws.advice.compute_optimizer",
        OpinionSource.COMPUTE_OPTIMIZER,
        Provider.AWS,
        "Compute Optimizer",
        "Compute Optimizer tells from two weeks of metrics or more which instances, groups, volumes, functions, "
        "services and databases are larger than they need to be, or idle.",
        "Compare the metrics that Compute Optimizer shows with the hours in which the resource is needed most, then "
        "change it to the type or size that it names, or delete what is idle.",
        "https://docs.aws.amazon.com/compute-optimizer/latest/ug/what-is-compute-optimizer.html",
        "https://docs.aws.amazon.com/compute-optimizer/latest/ug/view-idle-recommendations.html",
    ),
    _check(
        "az.advice.advisor",
        OpinionSource.AZURE_ADVISOR,
        Provider.AZURE,
        "Azure Advisor",
        "Azure Advisor's recommendations of the category Cost: to resize, shut down or delete resources, and to buy "
        "reservations or savings plans.",
        "Open the recommendation in Advisor, see that the resource can do without what it takes away, then do what it "
        "says, or dismiss it there: then it is told no more.",
        "https://learn.microsoft.com/azure/advisor/advisor-cost-recommendations",
        "https://learn.microsoft.com/azure/advisor/advisor-reference-cost-recommendations",
    ),
    _check(
        "gcp.advice.recommender",
        OpinionSource.GCP_RECOMMENDER,
        Provider.GCP,
        "GCP Recommender",
        "The recommenders of Google Cloud that are about cost: idle and oversized resources, and commitments to buy.",
        "Open the recommendation in the Recommendation Hub, see that the resource can do without what it takes away, "
        "then do what it says, or dismiss it there: then it is told no more.",
        "https://cloud.google.com/recommender/docs/recommenders",
        "https://cloud.google.com/recommender/docs/overview",
    ),
)
