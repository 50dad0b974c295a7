"""What checks of Microsoft 365 read alike: seats and their prices, and what a usage report says as of its day."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence
from app.detection.savings import Part
from app.records.detection import PriceUnit

USER: Final = "microsoft.graph/users"
DELETED_USER: Final = "microsoft.graph/deletedUsers"
SKU: Final = "microsoft.graph/subscribedSkus"
SUBSCRIPTION: Final = "microsoft.graph/directorySubscriptions"
SEATS: Final = "m365.seat.*"
LEARN: Final = "https://learn.microsoft.com/microsoft-365/"
GRAPH: Final = "https://learn.microsoft.com/graph/api/"
PRICING: Final = "https://www.microsoft.com/microsoft-365/enterprise/microsoft365-plans-and-pricing"
NEVER_DAYS: Final = "neverUsedDays"
_STALE_DAYS: Final = 10
"""Reports lag two days or three; one that is older than this says nothing of today."""
_NOT_IN_A_CODE: Final = re.compile(r"[^a-z0-9._+-]")
_FREE: Final = frozenset(
    {
        "ccibots_privprev_viral",
        "dynamics_365_for_operations_activity_viral",
        "flow_free",
        "forms_pro",
        "microsoft_business_center",
        "microsoft_teams_exploratory_dept",
        "power_bi_standard",
        "powerapps_dev",
        "powerapps_viral",
        "rightsmanagement_adhoc",
        "rmsbasic",
        "smb_apps",
        "stream",
        "teams_commercial_trial",
        "teams_exploratory",
        "windows_store",
    }
)
"""Plans that nothing is paid for: https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference."""


def is_paid(sku: str) -> bool:
    """Whether a plan is one that something is paid for."""
    return sku.lower() not in _FREE


def paid(subject: Subject) -> list[Mapping[str, Any]]:
    """The licences of a user that something is paid for. Raises UnknownFactError."""
    return [one for one in subject.items("licenses") if is_paid(str(one["sku"]))]


def names_of(licenses: Iterable[Mapping[str, Any]]) -> list[str]:
    """The plans of some licences."""
    return sorted({str(one["sku"]) for one in licenses})


def code_of(sku: str) -> str:
    """The code of a plan's price, such as `m365.seat.spe_e3`."""
    return f"m365.seat.{_NOT_IN_A_CODE.sub('_', sku.lower())}"


def seats(skus: Iterable[str], count: Decimal | int = 1) -> list[Part]:
    """So many seats of each of some plans."""
    return [Part(code_of(sku), Decimal(count), PriceUnit.SEAT_MONTH, f"seats of {sku}") for sku in skus]


def shown(licenses: Sequence[str]) -> Evidence:
    """Plans as evidence."""
    return Evidence("licences", ", ".join(licenses))


def licensed_since(subject: Subject, license_: Mapping[str, Any]) -> datetime:
    """Since when a user has a licence, at the latest."""
    told = license_.get("assignedAt")
    since = datetime.fromisoformat(str(told)) if told else None
    return max(
        moment for moment in (since, subject.created_at, None if since else subject.first_seen_at) if moment is not None
    )


def reported(facts: Facts, name: str) -> Mapping[str, Any]:
    """What a usage report says of the resource. Raises UnknownFactError where it is not in it, or it is too old."""
    record = facts.subject.record(name)
    if facts.age_days(refreshed(facts, record, name)) > _STALE_DAYS:
        message = f"The report on `{name}` of {facts.subject.native_id} is of {record['refreshedOn']}."
        raise UnknownFactError(message)
    return record


def refreshed(facts: Facts, record: Mapping[str, Any], name: str) -> datetime:
    """Of when a report is. Raises UnknownFactError."""
    moment = _midnight(record.get("refreshedOn"))
    if moment is None:
        message = f"Of when the report on `{name}` of {facts.subject.native_id} is, is not known."
        raise UnknownFactError(message)
    return moment


def idle_days(
    facts: Facts, name: str, *parts: str, since: datetime | None = None, of: Mapping[str, Any] | None = None
) -> Decimal:
    """How many days had passed without use when the report was made, counted from `since` at the earliest.

    `parts` are the days of last use in the report. Where there is none, the report saw no use in its whole time, so
    the last one was before that. Raises UnknownFactError.
    """
    record = reported(facts, name) if of is None else of
    until = refreshed(facts, record, name)
    days = [moment for part in parts if (moment := _midnight(record.get(part))) is not None]
    if days:
        return _days(max(days), until)
    most = Decimal(int(record["periodDays"]) + 1)
    return most if since is None else max(Decimal(0), min(most, _days(since, until)))


def last_day(record: Mapping[str, Any], *parts: str) -> str:
    """The last day of use in a report, for evidence."""
    days = [str(record[part]) for part in parts if record.get(part)]
    return max(days, default=f"none in {record['periodDays']} days before {record['refreshedOn']}")


def gigabytes(record: Mapping[str, Any], subject: Subject) -> Decimal:
    """How much is stored, in GiB. Raises UnknownFactError."""
    size = record.get("storageBytes")
    if not isinstance(size, int):
        message = f"How much {subject.native_id} stores is not known."
        raise UnknownFactError(message)
    return (Decimal(size) / 2**30).quantize(Decimal("0.01"))


def _days(begin: datetime, end: datetime) -> Decimal:
    return Decimal((end - begin).total_seconds()) / 86_400


def _midnight(value: Any) -> datetime | None:
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
