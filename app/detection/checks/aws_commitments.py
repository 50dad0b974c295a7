"""Reserved Instances and Savings Plans that are about to end.

How much of them is used is told by the charges: see the checks of charges.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from app.detection.check import Area, Check, days
from app.detection.facts import Facts, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.savings import nothing
from app.records import Provider
from app.records.detection import Confidence, Remedy, Severity

RESERVED: Final = "AWS::EC2::ReservedInstance"
PLAN: Final = "AWS::SavingsPlans::SavingsPlan"


def _expiring(facts: Facts) -> Finding | None:
    commitment = facts.subject
    if commitment.status != "active":
        return None
    ends = commitment.moment("endsAt")
    if ends is None:
        message = f"When {commitment.name} ends is not known."
        raise UnknownFactError(message)
    within = timedelta(days=float(facts.threshold("withinDays")))
    if not facts.now < ends < facts.now + within:
        return None
    is_plan = commitment.resource_type == PLAN
    hourly = commitment.text("hourlyCommitment" if is_plan else "hourlyPrice")
    return Finding(
        saving=nothing("Nothing is wasted until it ends; then what it covers costs the price on demand."),
        evidence=(
            Evidence("ends", ends.isoformat()),
            Evidence("an hour", str(hourly), commitment.text("currency")),
        ),
    )


CHECKS: Final = (
    Check(
        id="aws.commitment.expiring",
        title="Commitment that ends soon",
        description="When a Reserved Instance or a Savings Plan ends, what it covered is billed on demand from that "
        "hour on.",
        provider=Provider.AWS,
        area=Area.COMMITMENTS,
        resource_types=(RESERVED, PLAN),
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.REVIEW,
        remediation="Look at what it covers today and at what stays; queue a purchase for the moment it ends, or let "
        "it go.",
        find=_expiring,
        properties=("endsAt", "hourlyCommitment", "hourlyPrice", "currency"),
        saving="None: it prevents a bill that grows.",
        parameters=(days("withinDays", 30, "It has to end within fewer days than this."),),
        links=(
            "https://docs.aws.amazon.com/savingsplans/latest/userguide/sp-expiration.html",
            "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-reserved-instances.html",
        ),
    ),
)
