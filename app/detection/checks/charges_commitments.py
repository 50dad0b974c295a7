"""Commitments and capacity reservations that are paid for and not used, as their charges tell."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, days, percent
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.savings import paid
from app.records import Provider
from app.records.detection import ChargeSubject, Confidence, Remedy, Severity

MOST_DAYS: Final = 31
USED, UNUSED = "used", "unused"
LEAST: Final = "leastUtilization"
_LOOKBACK: Final = days(LOOKBACK_DAYS, 7, "So many days before the last complete one are summed.", most=MOST_DAYS)
_HUNDRED: Final = Decimal(100)
_AZURE_GROUP: Final = re.compile(r"(/subscriptions/.+/capacityreservationgroups/[^/]+)/capacityreservations/[^/]+")


def _underused(facts: Facts) -> Finding | None:
    unused, used = facts.spent(UNUSED), facts.spent(USED)
    if unused <= 0:
        return None
    utilization = _HUNDRED * used / (used + unused)
    if utilization >= facts.threshold(LEAST):
        return None
    return _finding(facts, utilization)


def _unused(facts: Facts) -> Finding | None:
    if facts.subject.provider in _OWN or facts.spent(UNUSED) <= 0:
        return None
    unused, used = facts.spent(UNUSED), facts.spent(USED)
    return _finding(facts, _HUNDRED * used / (used + unused))


def _idle_capacity(facts: Facts) -> Finding | None:
    unused = facts.spent(UNUSED)
    if unused <= 0:
        return None
    used = facts.spent(USED)
    # Azure's empty group of reservations is found by itself, and is paid by these charges.
    group = _AZURE_GROUP.fullmatch(facts.subject.native_id)
    finding = _finding(facts, _HUNDRED * used / (used + unused))
    return replace(finding, part_of=group[1]) if group else finding


def _finding(facts: Facts, utilization: Decimal) -> Finding:
    currency, end = facts.known_charges().currency, facts.known_charges().end
    return Finding(
        saving=paid(facts, UNUSED),
        evidence=(
            Evidence("used", f"{facts.spent(USED):f}", currency),
            Evidence("unused", f"{facts.spent(UNUSED):f}", currency),
            Evidence("utilization", f"{utilization:.1f}", "percent"),
            Evidence("days", f"{facts.threshold(LOOKBACK_DAYS):f}", f"up to {end}"),
        ),
    )


def _commitment(id_: str, provider: Provider, title: str, remediation: str, *links: str) -> Check:
    """The check of one provider's commitments."""
    return Check(
        id=id_,
        title=title,
        description="What a commitment pays for is charged whether it is used or not. Charges tell how much of it "
        "found no usage, by effective cost.",
        provider=provider,
        area=Area.COMMITMENTS,
        resource_types=(),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.REVIEW,
        remediation=remediation,
        find=_underused,
        saving="Effective cost of what was left unused in the window, for a month.",
        parameters=(_LOOKBACK, percent(LEAST, 90, "Less than this part of it has to be used, by effective cost.")),
        links=links,
        charges=ChargeSubject.COMMITMENT,
        kinds=(USED, UNUSED),
    )


CHECKS: Final = (
    _commitment(
        "aws.commitment.underused",
        Provider.AWS,
        "Reserved Instance or Savings Plan that is not used up",
        "See which usage it could cover: other sizes, regions or accounts. Turn on sharing, move usage to it, exchange "
        "a convertible Reserved Instance or sell a standard one; do not renew it.",
        "https://docs.aws.amazon.com/savingsplans/latest/userguide/ce-sp-usingPR.html",
        "https://docs.aws.amazon.com/cost-management/latest/userguide/ce-default-reports.html",
    ),
    _commitment(
        "az.reservation.underused",
        Provider.AZURE,
        "Reservation or savings plan that is not used up",
        "Widen its scope to shared, move usage to the size and region that it covers, exchange or return it; turn off "
        "its automatic renewal.",
        "https://learn.microsoft.com/azure/cost-management-billing/reservations/reservation-utilization-alerts",
        "https://learn.microsoft.com/azure/cost-management-billing/reservations/exchange-and-refund-azure-reservations",
    ),
    _commitment(
        "gcp.cud.underused",
        Provider.GCP,
        "Committed use discount that is not used up",
        "Share it among all projects of its billing account, move usage to its region and machine series, merge or "
        "split it; turn off its automatic renewal.",
        "https://cloud.google.com/docs/cuds-analyze",
        "https://cloud.google.com/compute/docs/instances/committed-use-discounts-overview",
    ),
    Check(
        id="focus.commitment.unused",
        title="Commitment with an unused part",
        description="Charges with the CommitmentDiscountStatus `Unused` pay for nothing. This check is for providers "
        "whose commitments have no check of their own.",
        provider=None,
        area=Area.COMMITMENTS,
        resource_types=(),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.REVIEW,
        remediation="See which usage the commitment could cover, move usage to it, or let it end.",
        find=_unused,
        saving="Effective cost of the unused part in the window, for a month.",
        parameters=(_LOOKBACK,),
        links=("https://focus.finops.org/focus-columns/",),
        charges=ChargeSubject.COMMITMENT,
        kinds=(USED, UNUSED),
    ),
    Check(
        id="focus.capacity.unused",
        title="Capacity reservation with an unused part",
        description="Charges with the CapacityReservationStatus `Unused` pay for capacity that nothing runs on.",
        provider=None,
        area=Area.COMMITMENTS,
        resource_types=(),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.RESIZE,
        remediation="Make the reservation as large as what runs on it, move instances to it, or release it.",
        find=_idle_capacity,
        saving="Effective cost of the unused part in the window, for a month.",
        parameters=(_LOOKBACK,),
        links=("https://focus.finops.org/focus-columns/",),
        charges=ChargeSubject.CAPACITY_RESERVATION,
        kinds=(USED, UNUSED),
    ),
)
_OWN: Final = frozenset(check.provider for check in CHECKS if check.charges is ChargeSubject.COMMITMENT) - {None}
