"""Groups and teams: who owns them, and when they were last used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from app.providers.base import FoundResource, Relation
from app.providers.m365.graph import Document
from app.providers.m365.permissions import READ_GROUPS, READ_REPORTS, READ_TEAM_SETTINGS
from app.providers.m365.reading import Tenant, Trouble, collector, found, moment
from app.providers.m365.reports import Report, Row, by_key, day, known, number, window
from app.records import RelationshipKind

GROUP: Final = "microsoft.graph/groups"
TEAM: Final = "microsoft.graph/teams"
_COLUMNS: Final = (
    "id,displayName,groupTypes,securityEnabled,mailEnabled,visibility,createdDateTime,resourceProvisioningOptions"
    ",onPremisesSyncEnabled"
)
_GROUPS: Final = f"/groups?$select={_COLUMNS}&$expand=owners($select=id)&$top=100"
_TEAMS: Final = (
    "/groups?$filter=resourceProvisioningOptions/any(x:x eq 'Team')"
    "&$select=id,displayName,visibility,createdDateTime&$expand=owners($select=id)&$top=100"
)
_OF_GROUPS: Final = Report(
    "/reports/getOffice365GroupsActivityDetail(period='D180')",
    "the use of groups",
    "groupid",
    ("lastactivitydate",),
    180,
)
_OF_TEAMS: Final = Report(
    "/reports/getTeamsTeamActivityDetail(period='D90')", "the use of teams", "teamid", ("lastactivitydate",), 90
)


def _groups(trouble: Trouble, tenant: Tenant) -> Iterator[list[FoundResource]]:
    activity = trouble.told(lambda: by_key(tenant.graph, _OF_GROUPS, _group_activity))
    for page in tenant.graph.pages(_GROUPS, "groups", READ_GROUPS):
        yield [_group(entry, activity, trouble) for entry in page]


def _group_activity(row: Row) -> dict[str, Any]:
    told = {
        "lastActiveOn": day(row, "lastactivitydate"),
        "members": number(row, "membercount"),
        "guests": number(row, "externalmembercount"),
        "mailboxBytes": number(row, "exchangemailboxstorageusedbyte"),
        "siteBytes": number(row, "sharepointsitestorageusedbyte"),
    }
    return window(_OF_GROUPS, row) | known(told)


def _group(entry: Document, activity: Mapping[str, Any] | None, trouble: Trouble) -> FoundResource:
    properties = {
        "groupTypes": entry.get("groupTypes") or [],
        "securityEnabled": entry.get("securityEnabled"),
        "mailEnabled": entry.get("mailEnabled"),
        "visibility": entry.get("visibility"),
        "isTeam": "Team" in (entry.get("resourceProvisioningOptions") or ()),
        "onPremisesSyncEnabled": entry.get("onPremisesSyncEnabled"),
        "owners": _owners(entry),
        **_activity(entry, activity, trouble),
    }
    return found(
        GROUP,
        f"/groups/{entry['id']}",
        str(entry.get("displayName") or ""),
        properties,
        created_at=moment(entry.get("createdDateTime")),
    )


def _owners(entry: Document) -> int | None:
    """How many owners a group has, as far as Graph counts them; None where it does not tell."""
    owners = entry.get("owners")
    return len(owners) if isinstance(owners, list) else None


def _activity(entry: Document, activity: Mapping[str, Any] | None, trouble: Trouble) -> dict[str, Any]:
    """What the report says of a group or team; nothing where it is not in it."""
    if activity is None:
        return {"unreadable": ["activity"], "dataConcealed": trouble.is_concealed or None}
    return {"activity": activity.get(str(entry["id"]).lower())}


def _teams(trouble: Trouble, tenant: Tenant) -> Iterator[list[FoundResource]]:
    activity = trouble.told(lambda: by_key(tenant.graph, _OF_TEAMS, _team_activity))
    may_ask = True
    for page in tenant.graph.pages(_TEAMS, "teams", READ_GROUPS):
        settings = trouble.told(lambda teams=page: _settings(tenant, teams)) if may_ask else None  # type: ignore[misc]
        may_ask = settings is not None
        yield [
            _team(entry, settings[number] if settings else None, activity, trouble, may_ask=may_ask)
            for number, entry in enumerate(page)
        ]


def _settings(tenant: Tenant, teams: Sequence[Document]) -> list[Document | None]:
    paths = [f"/teams/{quote(str(team['id']))}?$select=id,isArchived" for team in teams]
    return tenant.graph.each(paths, "settings of teams", READ_TEAM_SETTINGS)


def _team_activity(row: Row) -> dict[str, Any]:
    told = {
        "lastActiveOn": day(row, "lastactivitydate"),
        "activeUsers": number(row, "activeusers"),
        "channelMessages": number(row, "channelmessages"),
        "meetings": number(row, "meetingsorganized"),
    }
    return window(_OF_TEAMS, row) | known(told)


def _team(
    entry: Document, settings: Document | None, activity: Mapping[str, Any] | None, trouble: Trouble, *, may_ask: bool
) -> FoundResource:
    used = _activity(entry, activity, trouble)
    unreadable = [*(used.pop("unreadable", None) or ()), *(() if may_ask else ("isArchived",))]
    properties = {
        "visibility": entry.get("visibility"),
        "owners": _owners(entry),
        "isArchived": settings.get("isArchived") if settings else None,
        **used,
        "unreadable": unreadable or None,
    }
    return found(
        TEAM,
        f"/teams/{entry['id']}",
        str(entry.get("displayName") or ""),
        properties,
        created_at=moment(entry.get("createdDateTime")),
        relations=(Relation(RelationshipKind.MEMBER_OF, f"/groups/{entry['id']}"),),
    )


GROUPS: Final = (
    collector(GROUP, (READ_GROUPS, READ_REPORTS), _groups),
    collector(TEAM, (READ_GROUPS, READ_REPORTS, READ_TEAM_SETTINGS), _teams),
)
