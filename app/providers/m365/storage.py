"""Sites of SharePoint and drives of OneDrive, as the usage reports list them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from app.providers.base import FoundResource, Relation
from app.providers.m365.errors import concealed
from app.providers.m365.graph import Graph
from app.providers.m365.permissions import READ_REPORT_SETTINGS, READ_REPORTS, READ_USERS
from app.providers.m365.reading import Tenant, Trouble, collector, found
from app.providers.m365.reports import Report, Row, day, known, number, read_report, user_name, window
from app.providers.m365.users import user_id
from app.records import RelationshipKind

SITE: Final = "microsoft.graph/sites"
DRIVE: Final = "microsoft.graph/drives"
_OWNER: Final = "ownerprincipalname"
_COLUMNS: Final = ("siteurl", "lastactivitydate", "storageusedbyte")
_SITES: Final = Report(
    "/reports/getSharePointSiteUsageDetail(period='D180')", "sites of SharePoint", "siteid", _COLUMNS, 180
)
_DRIVES: Final = Report(
    "/reports/getOneDriveUsageAccountDetail(period='D180')", "drives of OneDrive", _OWNER, _COLUMNS, 180
)
_PAGE: Final = 1000


def _sites(_trouble: Trouble, tenant: Tenant) -> Iterator[list[FoundResource]]:
    _refuse_concealed(tenant, _SITES)
    rows = read_report(tenant.graph, _SITES)
    while page := list(islice(rows, _PAGE)):
        yield [_site(row) for row in page]


def _site(row: Row) -> FoundResource:
    properties = {
        **_use(_SITES, row),
        "pageViews": number(row, "pageviewcount"),
        "template": row.get("rootwebtemplate") or None,
        "ownerPrincipalName": row.get(_OWNER) or None,
    }
    return found(SITE, f"/sites/{row['siteid'].strip().lower()}", row["siteurl"], properties)


def _drives(_trouble: Trouble, tenant: Tenant) -> Iterator[list[FoundResource]]:
    _refuse_concealed(tenant, _DRIVES)
    owners = _owners(tenant.graph)
    rows = read_report(tenant.graph, _DRIVES)
    while page := list(islice(rows, _PAGE)):
        yield [_drive(row, owners) for row in page]


def _drive(row: Row, owners: Mapping[str, tuple[str, str]]) -> FoundResource:
    """A drive with what its owner is today: `licensed`, `unlicensed`, or `gone`; none where the report names nobody."""
    name = user_name(row, _OWNER)
    id_, state = owners.get(name, (None, "gone"))
    properties = {
        **_use(_DRIVES, row),
        "ownerPrincipalName": name or None,
        "ownerState": state if name else None,
    }
    relations = () if id_ is None else (Relation(RelationshipKind.MEMBER_OF, user_id(id_)),)
    key = row.get("siteid", "").strip().lower() or row["siteurl"].strip().lower()
    return found(DRIVE, f"/drives/{key}", row["siteurl"], properties, relations=relations)


def _use(report: Report, row: Row) -> dict[str, Any]:
    """How much there is, and when it was last used."""
    told = {
        "lastActiveOn": day(row, "lastactivitydate"),
        "storageBytes": number(row, "storageusedbyte"),
        "allocatedBytes": number(row, "storageallocatedbyte"),
        "files": number(row, "filecount"),
    }
    return {"use": window(report, row) | known(told)}


def _owners(graph: Graph) -> dict[str, tuple[str, str]]:
    """Id and state of each user by principal name. Raises ProviderError."""
    path = "/users?$select=id,userPrincipalName,assignedLicenses&$top=999"
    return {
        str(user.get("userPrincipalName") or "").lower(): (
            str(user["id"]),
            "licensed" if user.get("assignedLicenses") else "unlicensed",
        )
        for page in graph.pages(path, "owners of drives", READ_USERS)
        for user in page
    }


def _refuse_concealed(tenant: Tenant, report: Report) -> None:
    """Without names nobody could tell what is there: what is stored stays as it is."""
    if tenant.conceals_names():
        raise concealed(report.about)


STORAGE: Final = (
    collector(SITE, (READ_REPORTS, READ_REPORT_SETTINGS), _sites),
    collector(DRIVE, (READ_REPORTS, READ_REPORT_SETTINGS, READ_USERS), _drives),
)
