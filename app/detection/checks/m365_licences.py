"""Licences of Microsoft 365 that are paid for and not assigned, and subscriptions before they go on."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from functools import partial
from typing import Final

from app.detection.check import Area, Check, Neighbours, Parameter, days, percent
from app.detection.checks.m365_facts import LEARN, PRICING, SEATS, SKU, SUBSCRIPTION, is_paid, seats
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import required
from app.detection.savings import by_prices, nothing
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Severity

_MEMBER: Final = RelationshipKind.MEMBER_OF
_ENDS: Final = "endsInDays"
_UNITS: Final = ("skuPartNumber", "appliesTo", "enabledUnits", "consumedUnits")
_TERM: Final = ("isTrial", "nextLifecycleAt", "totalLicenses")
_BOUGHT_BY: Final = Neighbours(_MEMBER, SUBSCRIPTION, _TERM)
_OF_SKU: Final = Neighbours(_MEMBER, SKU, _UNITS, outgoing=True)
_BESIDE: Final = Neighbours(_MEMBER, SUBSCRIPTION, _TERM, siblings=True)


def _surplus(sku: Subject) -> Decimal:
    """How many seats nobody has; 0 of what is no plan for people, or not paid for."""
    if sku.status != "Enabled" or sku.text("appliesTo") != "User" or not is_paid(required(sku, "skuPartNumber")):
        return Decimal(0)
    return max(Decimal(0), sku.number("enabledUnits") - sku.number("consumedUnits"))


def _unassigned(facts: Facts) -> Finding | None:
    sku = facts.subject
    enabled = sku.number("enabledUnits")
    share = (enabled * facts.threshold("keepPercent") / 100).to_integral_value(ROUND_CEILING)
    surplus = _surplus(sku) - max(facts.threshold("keepSeats"), share)
    if surplus <= 0:
        return None
    bought = [one for one in facts.related(_MEMBER, SUBSCRIPTION) if one.status == "Enabled"]
    if not bought:
        facts.none_other(SUBSCRIPTION)
    elif all(one.flag("isTrial") for one in bought):
        return None
    renewals = [moment for one in bought if (moment := one.moment("nextLifecycleAt")) is not None]
    evidence = [Evidence("seats", f"{enabled:f}"), Evidence("assigned", f"{sku.number('consumedUnits'):f}")]
    if renewals:
        evidence.append(Evidence("can be given back from", min(renewals).isoformat()))
    name = required(sku, "skuPartNumber")
    return Finding(by_prices(facts, *seats([name], surplus)), tuple(evidence), covers_parts=True)


def _renews(facts: Facts, subscription: Subject) -> datetime | None:
    """When a paid subscription goes on, if that is soon."""
    when = subscription.moment("nextLifecycleAt")
    if subscription.status != "Enabled" or subscription.flag("isTrial") or when is None:
        return None
    left = -facts.age_days(when)
    return when if 0 <= left < facts.threshold(_ENDS) else None


def _expiring(facts: Facts) -> Finding | None:
    subscription = facts.subject
    when = _renews(facts, subscription)
    if when is None:
        return None
    sku = next(iter(facts.related(_MEMBER, SKU)), None)
    if sku is None:
        message = f"The licences of {subscription.native_id} are not in the inventory."
        raise UnknownFactError(message)
    # Of several that go on soon the first takes what is too much, then the next: no seat is told twice.
    before = Decimal(0)
    for other in facts.related(_MEMBER, SUBSCRIPTION):
        sooner = _renews(facts, other)
        if sooner is not None and (sooner, other.native_id) < (when, subscription.native_id):
            before += other.number("totalLicenses")
    count = min(_surplus(sku) - before, subscription.number("totalLicenses"))
    if count <= 0:
        return None
    return Finding(
        saving=by_prices(facts, *seats([required(sku, "skuPartNumber")], count)),
        evidence=(Evidence("renews", when.isoformat()), Evidence("seats that nobody has", f"{count:f}")),
        part_of=sku.native_id,
    )


def _trial(facts: Facts) -> Finding | None:
    subscription = facts.subject
    when = subscription.moment("nextLifecycleAt")
    if subscription.status != "Enabled" or not subscription.flag("isTrial") or when is None:
        return None
    if not 0 <= -facts.age_days(when) < facts.threshold(_ENDS):
        return None
    return Finding(
        saving=nothing("A trial costs nothing until it ends."),
        evidence=(
            Evidence("ends", when.isoformat()),
            Evidence("seats", f"{subscription.number('totalLicenses'):f}"),
        ),
    )


_check = partial(Check, provider=Provider.MICROSOFT_365, area=Area.LICENSES)

CHECKS: Final = (
    _check(
        id="m365.licence.unassigned",
        title="Licences that nobody has",
        description="Seats are paid for from the day they are bought, assigned or not.",
        resource_types=(SKU,),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.RESIZE,
        remediation="Keep what will be needed until the renewal, then reduce the number of seats: in the Microsoft "
        "365 admin center under Billing > Your products, or at your partner. Seats of an annual term can be given "
        "back at its renewal only.",
        find=_unassigned,
        properties=_UNITS,
        prices=(SEATS,),
        neighbours=(_BOUGHT_BY,),
        absence_of=(SUBSCRIPTION,),
        saving="The price of a seat for each that is not assigned and not to be kept; it is saved from the next "
        "renewal on.",
        parameters=(
            Parameter("keepSeats", Decimal(0), "seats", "So many seats are kept for new people."),
            percent("keepPercent", 0, "So much of all seats is kept for new people, if that is more."),
        ),
        links=(LEARN + "commerce/licenses/buy-licenses", PRICING),
    ),
    _check(
        id="m365.subscription.expiring",
        title="Subscription that renews soon with seats that nobody has",
        description="With the renewal all its seats are bought for another term.",
        resource_types=(SUBSCRIPTION,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Before the day of renewal reduce the number of seats, or switch recurring billing off, in the "
        "Microsoft 365 admin center under Billing > Your products, or at your partner.",
        find=_expiring,
        properties=_TERM,
        prices=(SEATS,),
        neighbours=(_OF_SKU, _BESIDE),
        saving="The price of a seat for each that nobody has.",
        parameters=(days(_ENDS, 30, "It renews within so many days.", most=365),),
        links=(LEARN + "commerce/subscriptions/renew-your-subscription", PRICING),
    ),
    _check(
        id="m365.subscription.trial",
        title="Trial that ends soon",
        description="With the end of a trial its users lose what they use, or somebody buys it in a hurry.",
        resource_types=(SUBSCRIPTION,),
        severity=Severity.INFORMATIONAL,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.REVIEW,
        remediation="Find out who uses it. Buy as many seats as are used, or take the licences back before it ends.",
        find=_trial,
        properties=_TERM,
        saving="Nothing: it is about not buying in a hurry.",
        parameters=(days(_ENDS, 30, "It ends within so many days.", most=365),),
        links=(LEARN + "commerce/try-or-buy-microsoft-365",),
    ),
)
