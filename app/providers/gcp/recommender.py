"""Google's own recommendations, recommender by recommender in the places where there is something to recommend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from app.providers.base import GLOBAL
from app.providers.gcp.assets import Asset, at, cluster_name, every, inner, moment, pick, region_of
from app.providers.gcp.connection import INVENTORY_PERMISSIONS, GcpConnection
from app.providers.gcp.errors import bad_answer
from app.providers.gcp.kinds import bounded
from app.providers.gcp.recommenders import RECOMMENDERS, UNATTENDED, Recommender, Where
from app.providers.opinions import FoundOpinion, OpinionReader, OpinionSource
from app.providers.problems import ProblemCode, ProviderError
from app.records.detection import HOURS_A_MONTH

PERMISSIONS: Final = tuple(sorted({each.permission for each in RECOMMENDERS if each.permission}))
_OPEN: Final = frozenset({"ACTIVE", "CLAIMED"})
"""The states in which a recommendation still waits: CLAIMED is that somebody is about to follow it."""
_OF_ONE: Final = frozenset({ProblemCode.DENIED, ProblemCode.FAILED})
"""Problems of one recommender, after which the others are still read."""
_KEPT: Final = (
    "recommenderSubtype",
    "priority",
    "stateInfo.state",
    "primaryImpact.category",
    "primaryImpact.costProjection",
    "additionalImpact.category",
    "additionalImpact.costProjection",
    "xorGroupId",
)
_TARGETS: Final = frozenset({"/machineType", "/settings/tier"})
"""What of a resource is replaced by another size."""
_TYPES_OF_THEIR_OWN: Final = {
    "compute.googleapis.com/RegionDisk": "/regions/",
    "compute.googleapis.com/GlobalAddress": "/global/",
}
"""What the inventory tells apart and recommenders do not, by a part of the name."""
_NANO: Final = Decimal(10**9)
_SECONDS_A_MONTH: Final = HOURS_A_MONTH * 3600
_HIDDEN: Final = "Google tells no amount: the caller may not see costs, or there is none yet."
_UNCLEAR: Final = "Google's amount cannot be understood."
_PROJECT: Final = "//cloudresourcemanager.googleapis.com/projects/"


def reader() -> OpinionReader:
    """The reader of all recommenders."""
    return OpinionReader(OpinionSource.GCP_RECOMMENDER, (*INVENTORY_PERMISSIONS, *PERMISSIONS), _pages)


def is_unattended(connection: GcpConnection, project: str) -> bool:
    """Whether Google recommends to remove a project, given by number or id. Raises ProviderError."""
    pages = connection.recommendations(project, "global", UNATTENDED.id, UNATTENDED.permission)
    return any(at(one, "recommenderSubtype") in UNATTENDED.subtypes for page in pages for one in page if _is_open(one))


@dataclass
class _Places:
    """Where there is something of a type: projects by number and locations; and which id a number belongs to."""

    found: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def add(self, asset: Asset) -> None:
        """Note where an asset is."""
        number = asset.project_number
        own_id = asset.data.get("projectId") or asset.project
        if number and isinstance(own_id, str) and not own_id.isdecimal():
            self.ids[number] = own_id
        project = number or asset.project
        if project:
            self.found.setdefault(asset.type, set()).add((project, asset.location or GLOBAL))

    def of(self, recommender: Recommender) -> list[tuple[str, str]]:
        """The projects and locations that a recommender is asked about."""
        found = set().union(*(self.found.get(name, ()) for name in recommender.resource_types))
        if recommender.where is Where.GLOBAL:
            return sorted({(project, GLOBAL) for project, _ in found})
        if recommender.where is Where.REGION:
            return sorted({(project, region_of(location)) for project, location in found})
        return sorted(found)

    def name(self, told: str) -> str:
        """A resource's name as the inventory has it: of a project by its number, of anything else by the id of it."""
        told = told.replace("//sqladmin.googleapis.com/", "//cloudsql.googleapis.com/", 1)
        told = told.replace("//storage.googleapis.com/projects/_/buckets/", "//storage.googleapis.com/", 1)
        before, found, rest = told.partition("/projects/")
        project, slash, path = rest.partition("/")
        if told.startswith(_PROJECT):
            numbers = {own_id: number for number, own_id in self.ids.items()}
            return f"{before}{found}{numbers.get(project, project)}{slash}{path}"
        return cluster_name(f"{before}{found}{self.ids.get(project, project)}{slash}{path}")


def _pages(connection: GcpConnection) -> Iterator[list[FoundOpinion]]:
    """All open recommendations. What one recommender refuses is told at the end, after those of the others."""
    places = _Places()
    for page in connection.pages(tuple(sorted({name for each in RECOMMENDERS for name in each.resource_types}))):
        for asset in page:
            places.add(asset)
        yield []  # so that a page, which has a time limit, is not the whole inventory
    problems: list[ProviderError] = []
    for recommender in RECOMMENDERS:
        try:
            for project, location in places.of(recommender):
                pages = _said(connection, recommender, project, location, places)
                yield from [_one_of_each(pages)] if recommender.is_purchase else pages
        except ProviderError as problem:
            if problem.code not in _OF_ONE:
                raise
            problems.append(problem)
    if problems:
        raise _together(problems)


def _said(
    connection: GcpConnection, recommender: Recommender, project: str, location: str, places: _Places
) -> Iterator[list[FoundOpinion]]:
    """What one recommender says in one place."""
    for documents in connection.recommendations(project, location, recommender.id, recommender.permission):
        yield [found for one in documents if (found := _opinion(one, recommender, location, places))]


def _one_of_each(pages: Iterator[list[FoundOpinion]]) -> list[FoundOpinion]:
    """Of those that exclude each other, such as terms of a commitment, the one that saves most: it alone counts."""
    groups: dict[str, list[FoundOpinion]] = {}
    for one in (one for page in pages for one in page):
        groups.setdefault(str(one.details.get("xorGroupId") or one.native_id), []).append(one)
    return [min(group, key=lambda one: (-(one.monthly_saving or 0), one.native_id)) for group in groups.values()]


def _together(problems: list[ProviderError]) -> ProviderError:
    first = problems[0]
    return ProviderError(
        first.code,
        " ".join(dict.fromkeys(problem.message for problem in problems)),
        " ".join(dict.fromkeys(problem.remedy for problem in problems)),
        permission=next((problem.permission for problem in problems if problem.permission), None),
        retry=False,  # each was tried again already, and what the others say has been told
    )


def _is_open(document: Any) -> bool:
    return at(document, "stateInfo.state") in _OPEN


def _opinion(document: Any, recommender: Recommender, location: str, places: _Places) -> FoundOpinion | None:
    """What a recommendation says; None for one that is closed, or that is not about saving money."""
    name, subtype = at(document, "name"), str(at(document, "recommenderSubtype") or "")
    if not isinstance(name, str) or not name:
        raise bad_answer(recommender.id, "holds what is no recommendation")
    impact = _cost_impact(document)
    if not _is_open(document) or (recommender.subtypes and subtype not in recommender.subtypes):
        return None
    if impact is None and not recommender.subtypes:
        return None
    saving, currency, reason = _saving(impact)
    if saving is not None and saving < 0:
        return None
    resources = [] if recommender.is_purchase else _resources(document, recommender, places)
    resource = resources[0] if len(resources) == 1 else None
    return FoundOpinion(
        source=OpinionSource.GCP_RECOMMENDER,
        native_id=name,
        kind=recommender.id,
        remedy=recommender.remedies.get(subtype, recommender.remedy),
        title=str(at(document, "description") or subtype or recommender.id),
        resource_native_id=resource,
        resource_type=_type(resource, recommender) if resource else None,
        region=None if recommender.where is Where.GLOBAL else region_of(location),
        target=_target(document),
        monthly_saving=saving,
        currency=currency,
        saving_reason=reason,
        refreshed_at=moment(at(document, "lastRefreshTime")),
        link=recommender.link,
        details=bounded(
            pick(document, _KEPT)
            | ({"resources": resources} if len(resources) > 1 else {})
            | ({"purchase": True} if recommender.is_purchase else {})
        ),
    )


def _cost_impact(document: Any) -> Mapping[str, Any] | None:
    """What it means for the cost, which is not always what it is mostly about."""
    impacts = [at(document, "primaryImpact"), *every(document, "additionalImpact")]
    return next((one for one in impacts if isinstance(one, dict) and one.get("category") == "COST"), None)


def _saving(impact: Mapping[str, Any] | None) -> tuple[Decimal | None, str | None, str | None]:
    """Of a month of 730 hours, with its currency; or neither, and why. An increase is a saving below 0.

    Google tells what changes over a duration, mostly 30 days, below 0 where less is paid: whole units as text, and
    nanos of one. The amount in the currency of the billing account counts before the one in dollars.
    """
    told = inner(impact, "costProjection")
    money = told.get("costInLocalCurrency") or told.get("cost")
    if not isinstance(money, dict):
        return None, None, _HIDDEN
    try:
        amount = Decimal(int(money.get("units") or 0)) + Decimal(int(money.get("nanos") or 0)) / _NANO
        seconds = Decimal(str(told["duration"]).removesuffix("s"))
        currency = str(money["currencyCode"])
        saving = -amount * _SECONDS_A_MONTH / seconds
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None, None, _UNCLEAR
    if not saving.is_finite() or seconds <= 0 or not currency:
        return None, None, _UNCLEAR
    return saving, currency, None


def _operations(document: Any) -> list[Mapping[str, Any]]:
    return [one for one in every(document, "content.operationGroups.operations") if isinstance(one, dict)]


def _resources(document: Any, recommender: Recommender, places: _Places) -> list[str]:
    """What it is about, as the inventory names it: not what is only made on the way, such as a snapshot of a disk."""
    operations = _operations(document)
    of_kind = [one.get("resource") for one in operations if one.get("resourceType") in recommender.resource_types]
    told = of_kind or every(document, "targetResources") or [one.get("resource") for one in operations]
    names = [places.name(name) for name in told if isinstance(name, str) and name.startswith("//")]
    return list(dict.fromkeys(names))


def _type(name: str, recommender: Recommender) -> str:
    """The type of a resource as the inventory names it."""
    own = recommender.resource_types
    return next((one for one, part in _TYPES_OF_THEIR_OWN.items() if one in own and part in name), own[0])


def _target(document: Any) -> str | None:
    """The size to change to."""
    for one in _operations(document):
        if one.get("action") == "replace" and one.get("path") in _TARGETS and isinstance(one.get("value"), str):
            return str(one["value"]).rpartition("/")[2]
    return None
