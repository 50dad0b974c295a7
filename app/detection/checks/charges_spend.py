"""What bills alone tell of spend that nobody can place, that grew, or that is paid for something out of date."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Parameter, days, percent
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.savings import nothing, paid, unknown
from app.records.detection import ChargeSubject, Confidence, Remedy, Severity

FOCUS: Final = "https://focus.finops.org/focus-columns/"
_HUNDRED: Final = Decimal(100)
_EARLIER_DAYS: Final = 31
_SATURDAY: Final = 5


def amount(name: str, default: int, description: str) -> Parameter:
    """A threshold in money, in the currency that is billed."""
    return Parameter(name, Decimal(default), "in the billing currency", description)


def _share(part: Decimal, whole: Decimal) -> Decimal:
    return _HUNDRED * part / whole if whole > 0 else Decimal(0)


def _untagged(facts: Facts) -> Finding | None:
    untagged, tagged = facts.spent("untagged"), facts.spent("tagged")
    share = _share(untagged, untagged + tagged)
    if share <= facts.threshold("mostUntagged"):
        return None
    return Finding(
        saving=nothing("Tags save nothing by themselves: they tell whose the spend is."),
        evidence=(
            Evidence("untagged", f"{untagged:f}", facts.known_charges().currency),
            Evidence("all usage", f"{untagged + tagged:f}", facts.known_charges().currency),
            Evidence("share", f"{share:.1f}", "percent"),
        ),
    )


def _credits_end(facts: Facts) -> Finding | None:
    recent, earlier = (
        -facts.spent("credits"),
        -facts.spent("credits", _EARLIER_DAYS, int(facts.threshold(LOOKBACK_DAYS))),
    )
    given = facts.known_charges().amounts.get("credits", {}).values()
    if earlier <= 0 or sum(one < 0 for one in given) < facts.threshold("leastDays"):
        return None
    before, now = earlier / _EARLIER_DAYS, recent / facts.threshold(LOOKBACK_DAYS)
    drop = _HUNDRED * (before - now) / before
    if drop <= facts.threshold("mostDrop"):
        return None
    return Finding(
        saving=nothing("Nothing is wasted: the bill grows by what credits no longer pay."),
        evidence=(
            Evidence("credits a day, before", f"{before:.4f}", facts.known_charges().currency),
            Evidence("credits a day, now", f"{now:.4f}", facts.known_charges().currency),
            Evidence("drop", f"{drop:.1f}", "percent"),
        ),
    )


def _corrected(facts: Facts) -> Finding | None:
    (charged, _), (refunded, _) = facts.spent_in_month("charged"), facts.spent_in_month("refunded")
    if charged - refunded <= facts.threshold("leastAmount"):
        return None
    return Finding(
        saving=nothing("What was corrected is to be checked against the invoices; it saves nothing by itself."),
        evidence=(
            Evidence("charged afterwards", f"{charged:f}", facts.known_charges().currency),
            Evidence("refunded afterwards", f"{-refunded:f}", facts.known_charges().currency),
            Evidence("invoiced in the month before", str(facts.known_charges().end)),
        ),
    )


def _transfer(facts: Facts) -> Finding | None:
    moved, total = facts.spent("transfer"), facts.spent("total")
    share = _share(moved, total)
    if moved <= 0 or share <= facts.threshold("mostShare"):
        return None
    return Finding(
        saving=unknown("How much of the transfer can be avoided is not told by its charges."),
        evidence=(
            Evidence("transfer between zones and regions", f"{moved:f}", facts.known_charges().currency),
            Evidence("share of all usage", f"{share:.1f}", "percent"),
            Evidence("days", f"{facts.threshold(LOOKBACK_DAYS):f}", f"up to {facts.known_charges().end}"),
        ),
    )


def _surcharge(facts: Facts) -> Finding | None:
    surcharge = facts.spent("surcharge")
    if surcharge <= 0:
        return None
    return Finding(
        saving=paid(facts, "surcharge"),
        evidence=(
            Evidence("surcharge", f"{surcharge:f}", facts.known_charges().currency),
            Evidence("days", f"{facts.threshold(LOOKBACK_DAYS):f}", f"up to {facts.known_charges().end}"),
        ),
    )


def _growth(facts: Facts) -> Finding | None:
    (last, last_days), (before, before_days) = facts.spent_in_month("cost"), facts.spent_in_month("cost", 1)
    if before <= 0:
        return None
    growth = _HUNDRED * (last * before_days / (before * last_days) - 1)
    if growth <= facts.threshold("mostGrowth") or last - before <= facts.threshold("leastIncrease"):
        return None
    currency = facts.known_charges().currency
    return Finding(
        saving=nothing("Growth is no waste by itself; it is to be explained."),
        evidence=(
            Evidence("last month", f"{last:f}", currency),
            Evidence("the month before", f"{before:f}", currency),
            Evidence("growth a day", f"{growth:.1f}", "percent"),
        ),
    )


def _always_on(facts: Facts) -> Finding | None:
    each = facts.spent_by_day("cost")
    weekend = [cost for day, cost in each if day.weekday() >= _SATURDAY]
    week = [cost for day, cost in each if day.weekday() < _SATURDAY]
    if not weekend or not week or sum(week) <= 0:
        return None
    flatness = _share(sum(weekend, Decimal(0)) / len(weekend), sum(week, Decimal(0)) / len(week))
    if flatness < facts.threshold("leastFlatness"):
        return None
    currency = facts.known_charges().currency
    return Finding(
        saving=unknown("Which of its resources could be stopped at night, its charges do not tell."),
        evidence=(
            Evidence("cost", f"{sum(cost for _, cost in each):f}", currency),
            Evidence("a weekend day against a working day", f"{flatness:.1f}", "percent"),
            Evidence("days", str(len(each)), f"up to {facts.known_charges().end}"),
        ),
    )


def _days(default: int, most: int) -> Parameter:
    return days(LOOKBACK_DAYS, default, "So many days before the last complete one are summed.", most=most)


def _check(id_: str, title: str, description: str, remediation: str, **more: object) -> Check:
    """A check of the charges of any provider."""
    values: dict[str, object] = {
        "provider": None,
        "area": Area.OPERATIONS,
        "resource_types": (),
        "severity": Severity.LOW,
        "remedy": Remedy.REVIEW,
        "saving": "None: it is worth knowing.",
        "links": (FOCUS,),
        "confidence": Confidence.LIKELY,
    }
    told = {"id": id_, "title": title, "description": description, "remediation": remediation}
    return Check(**{**values, **told, **more})  # type: ignore[arg-type]


CHECKS: Final = (
    _check(
        "focus.spend.untagged",
        "Spend without tags",
        "Usage that has none of the organization's promoted tag keys cannot be given to a team. It is looked at where "
        "any key is promoted.",
        "Tag what costs most first: group the account's costs by resource where the tag is missing. Have tags required "
        "where resources are made.",
        find=_untagged,
        confidence=Confidence.OBVIOUS,
        parameters=(_days(30, 31), percent("mostUntagged", 20, "More than this part of the usage has no such tag.")),
        links=(FOCUS, "https://www.finops.org/framework/capabilities/allocation/"),
        charges=ChargeSubject.TAGGING,
        kinds=("untagged", "tagged"),
    ),
    _check(
        "focus.credits.expiring",
        "Credits that run out",
        "Credits reduced the bill day by day and now reduce it much less: what they paid is billed from now on. When "
        "credits expire is in no charge.",
        "Look at the end date of the credits in the provider's console; plan for the full price, or stop what was only "
        "run on credits.",
        find=_credits_end,
        confidence=Confidence.POSSIBLE,
        severity=Severity.MEDIUM,
        parameters=(
            _days(7, 31),
            percent("mostDrop", 50, "They have become less by more than this part."),
            days("leastDays", 7, "Credits that came on fewer days than this are single ones.", most=62),
        ),
        charges=ChargeSubject.CREDIT,
        kinds=("credits",),
    ),
    _check(
        "focus.charges.corrected",
        "Corrections of closed months",
        "Charges of the class Correction change months that were invoiced before: reports of those months that were "
        "handed on are no longer right.",
        "Compare the corrections with the invoices, ask the provider for the reason, and tell whoever was charged.",
        find=_corrected,
        confidence=Confidence.OBVIOUS,
        severity=Severity.INFORMATIONAL,
        parameters=(amount("leastAmount", 10, "What was charged and refunded in a month comes to more than this."),),
        charges=ChargeSubject.CORRECTION,
        kinds=("charged", "refunded"),
    ),
    _check(
        "focus.transfer.share",
        "Much transfer between zones and regions",
        "Data that moves between zones or regions is billed by the GiB, often on both sides. It is told by the names "
        "of what was priced.",
        "Keep what talks much in one zone, use endpoints and caches, compress, and read from copies in the same zone.",
        find=_transfer,
        area=Area.NETWORK,
        saving="Not known: how much of it can be avoided depends.",
        parameters=(_days(7, 14), percent("mostShare", 10, "It is more than this part of all usage.")),
        charges=ChargeSubject.TRANSFER,
        kinds=("transfer", "total"),
    ),
    _check(
        "focus.support.extended",
        "Surcharge for an old version",
        "Extended support is billed on top for versions that have reached their end. It is told by the names of what "
        "was priced.",
        "Upgrade to a version in standard support: try it on a copy first, then in a maintenance window.",
        find=_surcharge,
        confidence=Confidence.OBVIOUS,
        severity=Severity.HIGH,
        remedy=Remedy.UPGRADE,
        saving="Effective cost of the surcharge in the window, for a month.",
        parameters=(_days(7, 14),),
        links=(
            FOCUS,
            "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/extended-support.html",
            "https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html",
        ),
        charges=ChargeSubject.SURCHARGE,
        kinds=("surcharge",),
    ),
    _check(
        "focus.service.growth",
        "Service whose cost grew",
        "A service of an account cost a day much more in the last whole month than in the one before.",
        "Group the service's costs by resource and compare both months; give the account a budget for it.",
        find=_growth,
        confidence=Confidence.OBVIOUS,
        severity=Severity.MEDIUM,
        parameters=(
            Parameter("mostGrowth", Decimal(30), "percent", "A day cost more than this more than the month before."),
            amount("leastIncrease", 50, "The month cost more than this more than the one before."),
        ),
        charges=ChargeSubject.SERVICE,
        kinds=("cost",),
    ),
    _check(
        "focus.nonprod.always_on",
        "Test environment that runs day and night",
        "A service with a promoted tag that says it is not for production costs as much on weekend days as on working "
        "days: it is never switched off.",
        "Stop it outside working hours with a schedule; 60 of 168 hours a week are enough for most.",
        find=_always_on,
        area=Area.COMPUTE,
        confidence=Confidence.POSSIBLE,
        severity=Severity.MEDIUM,
        remedy=Remedy.SCHEDULE,
        saving="Not known: two thirds of what can be stopped.",
        parameters=(
            _days(28, 35),
            Parameter("leastFlatness", Decimal(90), "percent", "A weekend day costs at least this part of others."),
        ),
        charges=ChargeSubject.ENVIRONMENT,
        kinds=("cost",),
    ),
)
