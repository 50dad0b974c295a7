"""What usage reports say of each user, joined by principal name: who used what, until when, by which report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from app.providers.m365.errors import concealed
from app.providers.m365.reading import Tenant, Trouble
from app.providers.m365.reports import Report, Row, by_key, day, flag, known, number, read_report, user_name, window

_USER: Final = "userprincipalname"
_SERVICES: Final = ("exchange", "onedrive", "sharepoint", "skypeforbusiness", "yammer", "teams")
_PLATFORMS: Final = ("windows", "mac", "mobile", "web")
_COPILOT: Final = "copilot"
SERVICES: Final = Report(
    "/reports/getOffice365ActiveUserDetail(period='D180')",
    "the use of services",
    _USER,
    ("exchangelastactivitydate", "teamslastactivitydate"),
    180,
)
APPS: Final = Report(
    "/reports/getM365AppUserDetail(period='D90')", "the use of apps", _USER, ("lastactivitydate", *_PLATFORMS), 90
)
CALLS: Final = Report(
    "/reports/getTeamsUserActivityUserDetail(period='D90')", "calls in Teams", _USER, ("callcount", "meetingcount"), 90
)
MAILBOXES: Final = Report(
    "/reports/getMailboxUsageDetail(period='D180')",
    "the use of mailboxes",
    _USER,
    ("lastactivitydate", "storageusedbyte"),
    180,
)
COPILOT: Final = Report(
    "/copilot/reports/getMicrosoft365CopilotUsageUserDetail(period='D180')",
    "the use of Copilot",
    _USER,
    ("lastactivitydate",),
    180,
)
ACTIVATIONS: Final = Report(
    "/reports/getOffice365ActivationsUserDetail", "activations", _USER, ("producttype", "lastactivateddate"), 0
)

Records = dict[str, dict[str, Any]]


@dataclass
class UserReports:
    """By property and principal name; a property whose report could not be read is in `unreadable`."""

    records: dict[str, Records] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def of(self, name: str) -> dict[str, Any]:
        """The properties of a user; none for a report in which the user does not stand."""
        key = name.strip().lower()
        return {each: records[key] for each, records in self.records.items() if key in records}


def read_user_reports(tenant: Tenant, trouble: Trouble, *, with_copilot: bool) -> UserReports:
    """Read all reports of users. What is refused or concealed is noted. Raises ProviderError for what may pass."""
    asked: dict[str, Callable[[], Records]] = {
        "services": lambda: by_key(tenant.graph, SERVICES, _services),
        "apps": lambda: by_key(tenant.graph, APPS, _apps),
        "calls": lambda: by_key(tenant.graph, CALLS, _calls),
        "mailbox": lambda: by_key(tenant.graph, MAILBOXES, _mailbox),
        "activations": lambda: _activations(tenant),
    }
    if with_copilot:
        asked[_COPILOT] = lambda: by_key(tenant.graph, COPILOT, _copilot)
    reports = UserReports()
    if tenant.conceals_names():
        trouble.note(concealed("anybody's use of services"))
        reports.unreadable = sorted(asked)
        return reports
    for name, ask in asked.items():
        records = trouble.told(ask)
        if records is None:
            reports.unreadable.append(name)
        else:
            reports.records[name] = records
    return reports


def _services(row: Row) -> dict[str, Any]:
    """The last day of activity in each service, none for a service that was not used in the report's time."""
    return window(SERVICES, row) | known({name: day(row, f"{name}lastactivitydate") for name in _SERVICES})


def _apps(row: Row) -> dict[str, Any]:
    told = {
        "lastActivatedOn": day(row, "lastactivationdate"),
        "lastActiveOn": day(row, "lastactivitydate"),
        **{name: flag(row, name) for name in _PLATFORMS},
    }
    return window(APPS, row) | known(told)


def _calls(row: Row) -> dict[str, Any]:
    told = {"calls": number(row, "callcount"), "meetings": number(row, "meetingcount")}
    return window(CALLS, row) | known(told)


def _mailbox(row: Row) -> dict[str, Any]:
    told = {
        "lastActiveOn": day(row, "lastactivitydate"),
        "storageBytes": number(row, "storageusedbyte"),
        "quotaBytes": number(row, "prohibitsendreceivequotabyte"),
        "hasArchive": flag(row, "hasarchive"),
    }
    return window(MAILBOXES, row) | known(told)


def _copilot(row: Row) -> dict[str, Any]:
    return window(COPILOT, row) | known({"lastActiveOn": day(row, "lastactivitydate")})


def _activations(tenant: Tenant) -> Records:
    """Products that users have activated on a device, one row for each user and product."""
    found: Records = {}
    for row in read_report(tenant.graph, ACTIVATIONS):
        if not user_name(row):
            continue
        refreshed = known({"refreshedOn": day(row, "reportrefreshdate")})
        record = found.setdefault(user_name(row), {**refreshed, "products": []})
        activated = day(row, "lastactivateddate")
        record["products"].append(known({"product": row["producttype"].strip(), "lastActivatedOn": activated}))
    return found
