"""Azure Advisor's recommendations about cost, by Resource Graph: those that Advisor itself shows as active.

https://learn.microsoft.com/azure/advisor/advisor-azure-resource-graph
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from app.providers.azure.connection import AzureConnection
from app.providers.azure.documents import moment_of, without_secrets
from app.providers.azure.errors import bad_answer
from app.providers.azure.kinds import first_text, type_of, values
from app.providers.azure.permissions import ALWAYS, READ_GRAPH
from app.providers.opinions import FoundOpinion, OpinionReader, OpinionSource
from app.records.detection import Remedy

_GUARDED: Final = (
    "Microsoft.Advisor/configurations/read",
    "Microsoft.Advisor/recommendations/read",
    "Microsoft.Advisor/suppressions/read",
)
"""Without which Resource Graph would tell less, and not say so."""
PERMISSIONS: Final = (*ALWAYS, READ_GRAPH, *_GUARDED)
PURCHASE: Final = "purchase:"
"""Before the type of a recommendation to buy a reservation or savings plan: that is no waste."""
_COLUMNS: Final = "project id, name, type, resourceGroup, properties | order by id asc"
SETTINGS: Final = (
    "advisorresources | where type in~ ('microsoft.advisor/configurations', 'microsoft.advisor/suppressions')"
    f" | {_COLUMNS}"
)
# What Advisor has not refreshed for a day it no longer holds to; what is tracked is a copy that says how far it got.
ADVICE: Final = (
    "advisorresources | where type in~ ('microsoft.advisor/recommendations')"
    " | where tostring(properties.category) =~ 'Cost' and todatetime(properties.lastUpdated) >= ago(1d)"
    f" and (isempty(properties.tracked) or tobool(properties.tracked) == false) | {_COLUMNS}"
)
_ABOUT: Final = "Advisor's recommendations"
_MACHINES: Final = "e10b1381-5f0a-47ff-8c7b-37bd13d7c974"
_SCALE_SETS: Final = "94aea435-ef39-493f-a547-8408092c22a7"
_REMEDIES: Final = {
    _MACHINES: Remedy.RESIZE,
    _SCALE_SETS: Remedy.RESIZE,
    "48eda464-1485-4dcf-a674-d0905df5054a": Remedy.DELETE,  # disks that are not attached
    "702b474d-698f-4029-9f9d-4782c626923e": Remedy.CHANGE_TYPE,  # snapshots in premium storage
    "201fb2fe-989f-45c1-8533-785ee8a4a08f": Remedy.CHANGE_TYPE,  # HDD disks with many transactions
    "39a8510f-5bbf-4304-9bcd-4106c996473b": Remedy.DELETE,  # App Service plans without apps
    "cc9d34f5-f9b8-4d4f-9de7-98b45c698a49": Remedy.RESIZE,  # App Service plans that are hardly used
}
"""By recommendation type; of all others a person has to see what is to be done.

https://learn.microsoft.com/azure/advisor/advisor-reference-cost-recommendations
"""
_OFFER: Final = ("term", "lookbackPeriod", "scope", "displayQty", "annualSavingsAmount", "savingsCurrency")
_LOOKBACK: Final = 30
_SHUTDOWN: Final = "shutdown"
_FOR_EVER: Final = "-1"
_MONTHS_A_YEAR: Final = 12
_LINK: Final = "https://learn.microsoft.com/azure/advisor/advisor-reference-cost-recommendations"
_DIGITS: Final = re.compile(r"\d{1,4}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
Document = Mapping[str, Any]


def reader() -> OpinionReader:
    """The reader of what Advisor recommends in the category Cost."""
    return OpinionReader(OpinionSource.AZURE_ADVISOR, PERMISSIONS, _pages)


def _pages(connection: AzureConnection) -> Iterator[list[FoundOpinion]]:
    connection.require(_GUARDED, _ABOUT)
    settings = _Settings(datetime.now(UTC))
    for rows in connection.graph.pages(SETTINGS, "the settings of Advisor"):
        for row in rows:
            settings.add(row)
    purchases: dict[tuple[str | None, ...], list[FoundOpinion]] = {}
    for rows in connection.graph.pages(ADVICE, _ABOUT):
        page = []
        for row in rows:
            if settings.shows(row):
                found = _opinion(row)
                if found.kind.startswith(PURCHASE):
                    purchases.setdefault(_bought(found, row), []).append(found)
                else:
                    page.append(found)
        yield page
    yield [_one_of(alternatives) for alternatives in purchases.values()]


@dataclass
class _Settings:
    """What somebody has told Advisor not to show."""

    now: datetime
    suppressed: set[str] = field(default_factory=set)
    """Names of recommendations that are postponed or dismissed."""
    excluded: set[str] = field(default_factory=set)
    """Resource groups; the empty one stands for the subscription."""
    least_cpu: Decimal | None = None
    """Percent below which a machine counts as hardly used."""

    def add(self, row: Document) -> None:
        """Note a suppression or a configuration."""
        told = row.get("properties")
        if str(row.get("type")).lower().endswith("/suppressions"):
            expires = moment_of(first_text(told, "expirationTimeStamp"))
            parts = str(row.get("id")).lower().split("/")
            is_there = len(parts) > 3 and parts[-2] == "suppressions"  # noqa: PLR2004  (…/<name>/suppressions/<name>)
            if is_there and (_text(told, "ttl") == _FOR_EVER or (expires is not None and expires > self.now)):
                self.suppressed.add(parts[-3])
            return
        group = str(row.get("resourceGroup") or "").lower()
        if str(_text(told, "exclude")).lower() == "true":
            self.excluded.add(group)
        if not group:
            self.least_cpu = _number(_text(told, "lowCpuThreshold"))

    def shows(self, row: Document) -> bool:
        """Whether Advisor would show a recommendation."""
        group = str(row.get("resourceGroup") or "").lower()
        if str(row.get("name")).lower() in self.suppressed or self.excluded & {"", group}:
            return False
        told = row.get("properties")
        used = _number(_text(told, "extendedProperties.MaxCpuP95"))
        if str(_text(told, "recommendationTypeId")).lower() not in {_MACHINES, _SCALE_SETS} or used is None:
            return True
        return used < (100 if self.least_cpu is None else self.least_cpu)


def _opinion(row: Document) -> FoundOpinion:
    told, name = row.get("properties"), row.get("id")
    kind = (_text(told, "recommendationTypeId") or "").lower()
    if not isinstance(told, dict) or not isinstance(name, str) or not kind:
        raise bad_answer(_ABOUT, "a row is no recommendation")
    more: Any = next(values(told, "extendedProperties"), {})
    # Only reservations and savings plans have a term.
    is_purchase = bool(_text(more, "term"))
    resource = "" if is_purchase else _resource(told, name)
    saving, currency, reason = _saving(more)
    solution = first_text(told, "shortDescription.solution", "shortDescription.problem")
    return FoundOpinion(
        source=OpinionSource.AZURE_ADVISOR,
        native_id=name.lower(),
        kind=f"{PURCHASE}{kind}" if is_purchase else kind,
        remedy=Remedy.REVIEW if is_purchase else _remedy(kind, more),
        title=solution or kind,
        resource_native_id=resource or None,
        resource_type=type_of(resource) if resource else None,
        region=(first_text(more, "regionId", "region", "location") or "").lower().replace(" ", "") or None,
        target=_target(more),
        monthly_saving=saving,
        currency=currency,
        saving_reason=reason,
        lookback_days=_count(_text(more, "lookbackPeriod")),
        refreshed_at=moment_of(first_text(told, "lastUpdated")),
        link=first_text(told, "learnMoreLink") or _LINK,
        details={
            "impact": _text(told, "impact"),
            "impactedValue": _text(told, "impactedValue"),
            "problem": first_text(told, "shortDescription.problem"),
            "extendedProperties": without_secrets(more),
            **({"purchase": True} if is_purchase else {}),
        },
    )


def _bought(found: FoundOpinion, row: Document) -> tuple[str | None, ...]:
    """What a purchase is of: Advisor tells the same one for each term, look-back period and scope."""
    more = found.details["extendedProperties"]
    return (
        found.kind,
        (_text(row, "properties.resourceMetadata.resourceId") or "").lower(),
        found.region,
        found.target,
        *(_text(more, name) for name in ("reservedResourceType", "vmSize", "sku")),
    )


def _one_of(alternatives: list[FoundOpinion]) -> FoundOpinion:
    """One of several ways to buy the same, with the others in `alternatives`: together they would count many times.

    Always the same one, however the amounts change: the longest term, and 30 days of looking back before others.
    """
    first, *others = sorted(alternatives, key=_preference)
    told = [
        {name: value for name in _OFFER if (value := _text(one.details["extendedProperties"], name)) is not None}
        for one in others
    ]
    return replace(first, details={**first.details, "alternatives": told}) if told else first


def _preference(one: FoundOpinion) -> tuple[int, bool, int, str]:
    term = _count(_text(one.details["extendedProperties"], "term")) or 0
    return -term, one.lookback_days != _LOOKBACK, -(one.lookback_days or 0), one.native_id


def _resource(told: Document, name: str) -> str:
    """The resource as the inventory names it; empty for what is about a subscription or a group as a whole."""
    named = (
        first_text(told, "resourceMetadata.resourceId") or name.lower().partition("/providers/microsoft.advisor/")[0]
    )
    found = named.lower().rstrip("/")
    return found if found.startswith("/") and "/providers/" in found else ""


def _remedy(kind: str, more: Any) -> Remedy:
    is_shutdown = (_text(more, "recommendationType") or "").lower() == _SHUTDOWN
    return Remedy.STOP if is_shutdown else _REMEDIES.get(kind, Remedy.REVIEW)


def _target(more: Any) -> str | None:
    found = first_text(more, "targetSku", "displaySKU")
    return None if found is None or found.lower() == _SHUTDOWN else found


def _saving(more: Any) -> tuple[Decimal | None, str | None, str | None]:
    """Of a month, with its currency; or neither, and why.

    A month is a twelfth of `annualSavingsAmount`, and so has 730 hours. Where that is not told, `savingsAmount` is
    what Microsoft sums up as monthly savings, see https://learn.microsoft.com/azure/advisor/resource-graph-samples.
    """
    year, month = (_text(more, name) for name in ("annualSavingsAmount", "savingsAmount"))
    told = year or month
    if told is None:
        return None, None, "Advisor tells no amount."
    amount, currency = _number(told), (_text(more, "savingsCurrency") or "").upper()
    if amount is None:
        return None, None, "Advisor's amount is no number."
    if not _CURRENCY.fullmatch(currency):
        return None, None, "Advisor does not say in which currency the amount is."
    return amount / _MONTHS_A_YEAR if year else amount, currency, None


def _text(document: Any, path: str) -> str | None:
    """What stands at a path, as text: Azure writes numbers both ways. None for nothing."""
    found = next(values(document, path), None)
    return str(found).strip() or None if isinstance(found, str | int | float) else None


def _number(text: str | None) -> Decimal | None:
    try:
        found = Decimal(text or "")
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _count(text: str | None) -> int | None:
    """The number in `30`, `P30D`, `Last30Days` or `P3Y`."""
    found = _DIGITS.search(text or "")
    return int(found[0]) if found else None
