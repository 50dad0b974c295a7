"""Workspaces of logs that keep them for long, or pay for much of them without a commitment."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, Parameter, days
from app.detection.checks.az_facts import LEARN, PRICING, sku, told
from app.detection.facts import Facts, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.savings import Part, less, unknown
from app.records import Provider
from app.records.detection import DAYS_A_MONTH, Confidence, PriceUnit, Remedy, Severity

WORKSPACE: Final = "microsoft.operationalinsights/workspaces"
_BY_THE_GB: Final = "pergb2018"
_INGESTED: Final = "az.loganalytics.ingested"
_TIERS: Final = (100, 200, 300, 400, 500, 1000, 2000, 5000, 10_000, 25_000, 50_000)
"""GB a day that can be committed to."""


def _sprawl(facts: Facts) -> Finding | None:
    workspace = facts.subject
    kept = workspace.number("retentionInDays")
    since = workspace.created_at or workspace.first_seen_at
    # What is younger has nothing yet that would be kept for too long.
    if kept <= facts.threshold("retentionDays") or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=unknown("How much is kept beyond that, only the usage table of the workspace tells."),
        evidence=(
            Evidence("logs are kept for", f"{kept:f}", "days"),
            Evidence("SKU", told(workspace.properties.get("sku"), "name") or "not told"),
        ),
        target=f"{facts.threshold('retentionDays'):f} days",
    )


def _no_commitment(facts: Facts) -> Finding | None:
    if sku(facts.subject) != _BY_THE_GB:
        return None
    daily = _gigabytes_a_day(facts)
    if daily <= facts.threshold("gigabytesPerDay"):
        return None
    tier = max((tier for tier in _TIERS if tier <= daily), default=_TIERS[0])
    quantity = max(daily, Decimal(tier)) * DAYS_A_MONTH
    then = Part(f"az.loganalytics.commitment{tier}", quantity, PriceUnit.GIB, f"GB in the tier of {tier} GB a day")
    return Finding(
        saving=less(facts, then=[then], why="How much comes in, only its charges tell."),
        evidence=(Evidence("comes in each day, at most", f"{daily:.1f}", "GB"),),
        target=f"{tier} GB a day",
    )


def _gigabytes_a_day(facts: Facts) -> Decimal:
    """How much comes in, as its charges tell: no metric does. Raises UnknownFactError."""
    price = facts.prices.price(facts.subject.provider, _INGESTED, facts.subject.region)
    cost = facts.cost
    if cost is None or cost.days == 0 or price is None or price.amount <= 0 or price.currency != cost.currency:
        message = "How much comes in, only its charges tell together with the price of a GB in their currency."
        raise UnknownFactError(message)
    return cost.amount / cost.days / price.amount


_check = partial(
    Check,
    provider=Provider.AZURE,
    area=Area.OPERATIONS,
    resource_types=(WORKSPACE,),
    confidence=Confidence.POSSIBLE,
    remedy=Remedy.CONFIGURE,
)
_PRICES_OF_LOGS: Final = PRICING + "monitor/"
CHECKS: Final = (
    _check(
        id="az.loganalytics.sprawl",
        title="Workspace that keeps logs for long",
        description="Analytics logs are kept for 31 days without a charge, with Sentinel for 90; each further day is "
        "paid by the GB. All tables that say nothing else are kept as long as the workspace says.",
        severity=Severity.LOW,
        remediation="See in the usage table which tables are large and which of them anyone asks. Shorten what the "
        "workspace keeps, or set long-term retention for the tables that a rule makes you keep.",
        find=_sprawl,
        properties=("sku", "retentionInDays"),
        saving="What is kept beyond that; the usage table tells how much it is.",
        parameters=(
            days("retentionDays", 90, "It has to keep logs for longer than this."),
            days(MIN_AGE_DAYS, 90, "How old it has to be."),
        ),
        links=(_PRICES_OF_LOGS, LEARN + "azure-monitor/logs/data-retention-configure"),
    ),
    _check(
        id="az.loganalytics.no_commitment",
        title="Workspace that takes in much without a commitment",
        description="From 100 GB a day on, who commits to an amount pays less for each GB. How much comes in is "
        "reckoned from its charges, those for retention among them, so it is the most that it can be.",
        severity=Severity.MEDIUM,
        remediation="See in the usage table how much comes in each day. Leave out what nobody asks, then change to the "
        "commitment tier below what is left; it binds for 31 days.",
        find=_no_commitment,
        properties=("sku",),
        prices=(_INGESTED, "az.loganalytics.commitment*"),
        saving="Its charges less the price of as much in the commitment tier.",
        parameters=(
            Parameter("gigabytesPerDay", Decimal(100), "GB", "More than this has to come in each day on average."),
        ),
        links=(_PRICES_OF_LOGS, LEARN + "azure-monitor/logs/cost-logs"),
    ),
)
