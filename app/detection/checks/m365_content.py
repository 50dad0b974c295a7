"""Drives, sites, teams, groups and devices of Microsoft 365 that nobody uses or owns any more."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, Neighbours, Parameter, days
from app.detection.checks.m365_facts import GRAPH, LEARN, SKU, gigabytes, idle_days, last_day, reported
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import required
from app.detection.savings import Part, by_prices, nothing
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

DRIVE: Final = "microsoft.graph/drives"
SITE: Final = "microsoft.graph/sites"
TEAM: Final = "microsoft.graph/teams"
GROUP: Final = "microsoft.graph/groups"
DEVICE: Final = "microsoft.graph/devices"
_ARCHIVE: Final = "m365.archive.storage"
_STORAGE: Final = "m365.sharepoint.storage"
_EXTRA_STORAGE: Final = "sharepointstorage"
_MEMBER: Final = RelationshipKind.MEMBER_OF
_SKUS: Final = Neighbours(_MEMBER, SKU, ("skuPartNumber", "enabledUnits"), peers=True)
_LAST: Final = "lastActiveOn"


def _departed(facts: Facts) -> Finding | None:
    drive = facts.subject
    state = required(drive, "ownerState")
    if state == "licensed" or idle_days(facts, "use", _LAST) <= facts.threshold(MIN_AGE_DAYS):
        return None
    record = reported(facts, "use")
    size = gigabytes(record, drive)
    return Finding(
        saving=by_prices(facts, Part(_ARCHIVE, size, PriceUnit.GIB_MONTH, "GiB")),
        evidence=(
            Evidence("owner", "has no licence" if state == "unlicensed" else "is gone"),
            Evidence("last activity", last_day(record, _LAST)),
            Evidence("size", f"{size:f}", "GiB"),
        ),
    )


def _inactive_site(facts: Facts) -> Finding | None:
    site = facts.subject
    record = reported(facts, "use")
    size = gigabytes(record, site)
    if size <= facts.threshold("minGiB") or idle_days(facts, "use", _LAST) <= facts.threshold(MIN_AGE_DAYS):
        return None
    return Finding(
        saving=_of_site(facts, size),
        evidence=(Evidence("last activity", last_day(record, _LAST)), Evidence("size", f"{size:f}", "GiB")),
    )


def _of_site(facts: Facts, size: Decimal) -> Saving:
    """What the site's storage costs: something only where storage is bought beyond what the licences bring."""
    for sku in facts.related(_MEMBER, SKU):
        if required(sku, "skuPartNumber").lower() == _EXTRA_STORAGE and sku.number("enabledUnits") > 0:
            return by_prices(facts, Part(_STORAGE, size, PriceUnit.GIB_MONTH, "GiB"))
    facts.none_other(SKU)
    return nothing("No storage is bought beyond what the licences bring.")


def _owners(subject: Subject) -> int:
    return int(subject.number("owners"))


def _inactive_team(facts: Facts) -> Finding | None:
    team = facts.subject
    if team.flag("isArchived"):
        return None
    if idle_days(facts, "activity", _LAST, since=team.created_at) <= facts.threshold(MIN_AGE_DAYS):
        return None
    owners = _owners(team)
    return Finding(
        saving=nothing("A team costs nothing but the storage of its site."),
        evidence=(
            Evidence("last activity", last_day(reported(facts, "activity"), _LAST)),
            Evidence("owners", str(owners)),
        ),
        confidence=Confidence.POSSIBLE if owners else Confidence.LIKELY,
    )


def _is_unified(group: Subject) -> bool:
    return "Unified" in group.items("groupTypes")


def _inactive_group(facts: Facts) -> Finding | None:
    group = facts.subject
    if not _is_unified(group) or group.flag("isTeam"):
        return None
    if idle_days(facts, "activity", _LAST, since=group.created_at) <= facts.threshold(MIN_AGE_DAYS):
        return None
    last = last_day(reported(facts, "activity"), _LAST)
    return Finding(
        saving=nothing("A group costs nothing but the storage of its site and mailbox."),
        evidence=(Evidence("last activity", last), Evidence("owners", str(_owners(group)))),
    )


def _ownerless(facts: Facts) -> Finding | None:
    group = facts.subject
    if not _is_unified(group) or group.text("onPremisesSyncEnabled") == "True" or _owners(group) > 0:
        return None
    return Finding(saving=nothing("It is about who is asked."), evidence=(Evidence("owners", "0"),))


def _stale_device(facts: Facts) -> Finding | None:
    device = facts.subject
    last = device.moment("lastSignInAt")
    since = last or device.created_at or device.first_seen_at
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=nothing("A registered device costs nothing; its user's licence counts up to the devices it allows."),
        evidence=(
            Evidence("last sign-in" if last else "no sign-in since", since.isoformat()),
            Evidence("operating system", device.text("operatingSystem") or "not told"),
        ),
    )


_check = partial(Check, provider=Provider.MICROSOFT_365)
_REPORTS: Final = ("Reports.Read.All",)
_OWNER: Final = "Ask its owners, or where there are none its members. "

CHECKS: Final = (
    _check(
        id="m365.onedrive.departed",
        title="OneDrive of somebody who has left",
        description="Its owner is gone or has no licence. 93 days after the licence went Microsoft archives the "
        "drive, and bills what it holds where billing is set up for it; without, it can be read no more.",
        area=Area.STORAGE,
        resource_types=(DRIVE,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Move what is needed to a site, then delete the drive; mind retention policies.",
        find=_departed,
        properties=("use", "ownerState"),
        prices=(_ARCHIVE,),
        saving="Its size at the price of archived storage.",
        parameters=(days(MIN_AGE_DAYS, 30, "How long ago the last activity has to be.", most=180),),
        permissions=_REPORTS,
        links=("https://learn.microsoft.com/sharepoint/unlicensed-onedrive-accounts",),
    ),
    _check(
        id="m365.sharepoint.inactive_site",
        title="Site that nobody uses",
        description="Its files take up storage of the tenant. That costs something where storage is bought beyond "
        "what the licences bring, and brings the day nearer on which it has to be.",
        area=Area.STORAGE,
        resource_types=(SITE,),
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.DELETE,
        remediation=_OWNER + "Archive the site, or delete it; it can be restored for 93 days.",
        find=_inactive_site,
        properties=("use",),
        prices=(_STORAGE,),
        neighbours=(_SKUS,),
        absence_of=(SKU,),
        saving="Its size at the price of extra storage, where some is bought; else nothing.",
        parameters=(
            days(MIN_AGE_DAYS, 180, "How long ago the last activity has to be.", most=180),
            Parameter("minGiB", Decimal(1), "GiB", "It has to be larger than this."),
        ),
        permissions=_REPORTS,
        links=(
            "https://learn.microsoft.com/sharepoint/manage-site-collection-storage-limits",
            GRAPH + "reportroot-getsharepointsiteusagedetail",
        ),
    ),
    _check(
        id="m365.teams.inactive",
        title="Team that nobody uses",
        description="No messages and no meetings for three months, and it is not archived.",
        area=Area.OPERATIONS,
        resource_types=(TEAM,),
        severity=Severity.INFORMATIONAL,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.REVIEW,
        remediation=_OWNER + "Archive the team, or delete it; it can be restored for 30 days.",
        find=_inactive_team,
        properties=("activity", "isArchived", "owners"),
        saving="Nothing; its site's storage is told with the site.",
        parameters=(days(MIN_AGE_DAYS, 90, "How long ago the last activity has to be.", most=90),),
        permissions=("Reports.Read.All", "TeamSettings.Read.All"),
        links=("https://learn.microsoft.com/microsoftteams/archive-or-delete-a-team",),
    ),
    _check(
        id="m365.group.inactive",
        title="Group that nobody uses",
        description="No mail, no files and no other activity for half a year.",
        area=Area.OPERATIONS,
        resource_types=(GROUP,),
        severity=Severity.INFORMATIONAL,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.DELETE,
        remediation=_OWNER + "Delete the group; it can be restored for 30 days. An expiration policy does the asking "
        "by itself.",
        find=_inactive_group,
        properties=("groupTypes", "isTeam", "activity", "owners"),
        saving="Nothing; its site's storage is told with the site.",
        parameters=(days(MIN_AGE_DAYS, 180, "How long ago the last activity has to be.", most=180),),
        permissions=_REPORTS,
        links=("https://learn.microsoft.com/entra/identity/users/groups-lifecycle",),
    ),
    _check(
        id="m365.group.ownerless",
        title="Group without an owner",
        description="Nobody can be asked whether it is needed, and nobody looks after who is in it.",
        area=Area.OPERATIONS,
        resource_types=(GROUP,),
        severity=Severity.INFORMATIONAL,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.REVIEW,
        remediation="Make one of its members its owner, or delete it. A policy for ownerless groups does the asking "
        "by itself.",
        find=_ownerless,
        properties=("groupTypes", "onPremisesSyncEnabled", "owners"),
        saving="Nothing.",
        links=(LEARN + "admin/create-groups/ownerless-groups-teams",),
    ),
    _check(
        id="m365.device.stale",
        title="Device that has not signed in for long",
        description="It may be lost or given away, and it takes one of the places that its user has.",
        area=Area.OPERATIONS,
        resource_types=(DEVICE,),
        severity=Severity.INFORMATIONAL,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Disable it, wait for a month for somebody to miss it, then delete it. Save its BitLocker keys "
        "first, which go with it.",
        find=_stale_device,
        properties=("lastSignInAt", "operatingSystem"),
        saving="Nothing.",
        parameters=(days(MIN_AGE_DAYS, 180, "How long ago the last sign-in has to be."),),
        links=("https://learn.microsoft.com/entra/identity/devices/manage-stale-devices",),
    ),
)
