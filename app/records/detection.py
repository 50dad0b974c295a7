"""Words of waste that cross rooms: how sure a finding is, what its money rests on, a price and a saving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding should worry; each is worse than those after it."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    INFORMATIONAL = "INFORMATIONAL"


class Confidence(StrEnum):
    """How sure a finding is: its state alone proves it, two signals agree, or one signal says so."""

    OBVIOUS = "OBVIOUS"
    LIKELY = "LIKELY"
    POSSIBLE = "POSSIBLE"


class Remedy(StrEnum):
    """What is to be done about a finding."""

    DELETE = "DELETE"
    STOP = "STOP"
    RESIZE = "RESIZE"
    CHANGE_TYPE = "CHANGE_TYPE"
    CONFIGURE = "CONFIGURE"
    SCHEDULE = "SCHEDULE"
    UPGRADE = "UPGRADE"
    REASSIGN = "REASSIGN"
    REVIEW = "REVIEW"


class PriceBasis(StrEnum):
    """What the money of a finding rests on, the best first."""

    ACTUAL = "ACTUAL"
    CONTRACTED = "CONTRACTED"
    LIST = "LIST"
    PROVIDER = "PROVIDER"
    """What the provider itself expects to be saved, by a reckoning of its own."""
    UNKNOWN = "UNKNOWN"


class PriceUnit(StrEnum):
    """What a price is for. GIB is 2^30 bytes, a MONTH 730 hours."""

    HOUR = "HOUR"
    MONTH = "MONTH"
    GIB_MONTH = "GIB_MONTH"
    IOPS_MONTH = "IOPS_MONTH"
    MIBPS_MONTH = "MIBPS_MONTH"
    GIB = "GIB"
    MILLION_REQUESTS = "MILLION_REQUESTS"
    SEAT_MONTH = "SEAT_MONTH"


class ChargeSubject(StrEnum):
    """Of what a check reads the charges; each has a reader of its own."""

    COMMITMENT = "COMMITMENT"
    CAPACITY_RESERVATION = "CAPACITY_RESERVATION"
    TAGGING = "TAGGING"
    CREDIT = "CREDIT"
    CORRECTION = "CORRECTION"
    TRANSFER = "TRANSFER"
    SURCHARGE = "SURCHARGE"
    SERVICE = "SERVICE"
    ENVIRONMENT = "ENVIRONMENT"
    UNLISTED_RESOURCE = "UNLISTED_RESOURCE"
    UNBILLED_TYPE = "UNBILLED_TYPE"


CASH_UNKNOWN = "Its charges of a whole month are not known, so nothing tells whether commitments cover it."
HOURS_A_MONTH = Decimal(730)
DAYS_A_MONTH = Decimal("30.4375")


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit costs; `basis` is CONTRACTED or LIST, `valid_from` and `source` say since when and who says so."""

    amount: Decimal
    currency: str
    unit: PriceUnit
    basis: PriceBasis
    valid_from: date
    source: str


@dataclass(frozen=True, slots=True)
class Saving:
    """What a month without the waste costs less. An unknown amount is None with a `reason`, never 0.

    `formula` is to be read by people; `inputs` are the figures in it, by the names that it uses, all as text.
    """

    amount: Decimal | None
    currency: str | None
    basis: PriceBasis
    formula: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None
    is_hygiene: bool = False
    """Nothing is paid for what was found; tidying it up is the reason."""
    cash: Decimal | None = None
    """How much of the amount invoices would be smaller by, if the commitments that cover the rest were left unused."""
    cash_unknown: str | None = None
    """Why `cash` is not known, where there is more to say than CASH_UNKNOWN."""

    def __post_init__(self) -> None:
        known = self.amount is not None and self.currency is not None and self.basis is not PriceBasis.UNKNOWN
        if known is (self.reason is not None):
            message = "A saving has an amount, a currency and a basis, or a reason why not."
            raise ValueError(message)
