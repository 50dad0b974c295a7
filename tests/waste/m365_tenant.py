"""A tenant of Microsoft 365 that is being filled: what Microsoft Graph tells of it, and its usage reports as of a day.

Whatever is put there is known by a label of ours, under which `ids` has its native id.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from tests.providers.azure.arm_server import TENANT
from tests.providers.m365 import tenant as columns
from tests.providers.m365.graph_server import GraphServer, Row
from tests.waste.m365_plans import PLANS

REPORT_LAG = 2
"""Days: the reports are as of the day before yesterday."""
GIB = 2**30
ORIGIN = {
    "getOffice365ActiveUserDetail": columns.SERVICES,
    "getM365AppUserDetail": columns.APPS,
    "getTeamsUserActivityUserDetail": columns.CALLS,
    "getMailboxUsageDetail": columns.MAILBOXES,
    "getOffice365ActivationsUserDetail": columns.ACTIVATIONS,
    "getSharePointSiteUsageDetail": columns.SITES,
    "getOneDriveUsageAccountDetail": columns.DRIVES,
    "getTeamsTeamActivityDetail": columns.TEAMS,
    "getOffice365GroupsActivityDetail": columns.GROUPS,
    "getMicrosoft365CopilotUsageUserDetail": (
        "Report Refresh Date,User Principal Name,Display Name,Last Activity Date,Copilot Chat Last Activity Date,"
        "Microsoft Teams Copilot Last Activity Date,Word Copilot Last Activity Date,Report Period"
    ),
}
"""The columns of each report."""
PERIODS = {"getM365AppUserDetail": 90, "getTeamsUserActivityUserDetail": 90, "getTeamsTeamActivityDetail": 90}
"""Days that a report looks back, of those that do not look back 180."""
CONCEALED = (
    *("User Principal Name", "Display Name", "Owner Display Name", "Owner Principal Name"),
    *("Site Id", "Site URL", "Team Id", "Team Name", "Group Id", "Group Display Name"),
)
"""What stands as a hash in the reports of a tenant that conceals names."""
APPS = "MICROSOFT 365 APPS FOR ENTERPRISE"


@dataclass(frozen=True)
class Use:
    """What the reports say of a user, in days between the last use and the report; None for no use in its time."""

    services: Mapping[str, int] = field(default_factory=lambda: {"Exchange": 1, "Teams": 1})
    mailbox: int | None = 1
    gib: str = "1"
    has_archive: bool = False
    copilot: int | None = 1
    apps: tuple[str, ...] = ("Windows", "Web")
    activated: tuple[str, ...] = (APPS,)
    calls: int = 3
    meetings: int = 1

    def but(self, **parts: Any) -> Use:
        """The same, with some parts otherwise."""
        return replace(self, **parts)


USED = Use()
UNUSED = Use(services={}, mailbox=None, copilot=None, calls=0, meetings=0)
"""Nobody uses it; the apps were activated once."""


class Tenant:
    """Fills the server; `write` hands over what was put there."""

    def __init__(self, server: GraphServer) -> None:
        self.server = server
        self.now = datetime.now(UTC)
        self.ids: dict[str, str] = {}
        self.lists: defaultdict[str, list[Row]] = defaultdict(list)
        self.rows: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
        self.consumed: Counter[str] = Counter()

    def ago(self, days: float) -> str:
        """A moment so many days ago, as Graph writes it."""
        return (self.now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def day(self, days: int | None) -> str:
        """A day so many days before the reports were made, as they write it."""
        return "" if days is None else str(self.now.date() - timedelta(days=REPORT_LAG + days))

    def row(self, report: str, **cells: object) -> None:
        """A row of a report."""
        period = {"Report Refresh Date": self.day(0), "Is Deleted": False, "Report Period": PERIODS.get(report, 180)}
        self.rows[report].append(period | cells)

    def person(
        self,
        label: str,
        *skus: str,
        use: Use | None = USED,
        signed_in: float | None = 1,
        born: float = 400,
        held: float = 300,
        purpose: str | None = None,
        **parts: Any,
    ) -> None:
        """A user with licences since `held` days, who last signed in so many days ago; `use` None: in no report."""
        id_ = native_uuid(label)
        name = f"{label}@contoso.com"
        self.ids[label] = f"/users/{id_}"
        self.consumed.update(skus)
        given = {"assignedByGroup": None, "state": "Active", "error": "None", "lastUpdatedDateTime": self.ago(held)}
        # An app that signs in for the user counts too; what was tried in vain is older.
        signs = {
            "lastSignInDateTime": "2020-01-01T00:00:00Z",
            "lastNonInteractiveSignInDateTime": self.ago(signed_in or 0),
        }
        user: Row = {
            "id": id_,
            "userPrincipalName": name,
            "displayName": label,
            "mail": name,
            "accountEnabled": True,
            "userType": "Member",
            "createdDateTime": self.ago(born),
            "assignedLicenses": [{"skuId": PLANS[sku].id, "disabledPlans": []} for sku in skus],
            "licenseAssignmentStates": [given | {"skuId": PLANS[sku].id} for sku in skus],
        }
        if signed_in is not None:
            user["signInActivity"] = signs
        self.lists["/users"].append(user | parts)
        if purpose:
            self.server.purposes[id_] = purpose
        if use is not None:
            self._report(name, use)

    def _report(self, name: str, use: Use) -> None:
        of = {"User Principal Name": name, "Display Name": name}
        last = {f"{service} Last Activity Date": self.day(days) for service, days in use.services.items()}
        self.row("getOffice365ActiveUserDetail", **of, **last)
        platforms = {one: "Yes" if one in use.apps else "No" for one in ("Windows", "Mac", "Mobile", "Web")}
        activated = self.day(170) if {"Windows", "Mac"} & set(use.apps) else ""
        self.row("getM365AppUserDetail", **of, **platforms, **{"Last Activation Date": activated})
        counts = {"Call Count": use.calls, "Meeting Count": use.meetings}
        self.row("getTeamsUserActivityUserDetail", **of, **counts)
        mailbox = {"Storage Used (Byte)": size_of(use.gib), "Has Archive": use.has_archive}
        self.row("getMailboxUsageDetail", **of, **mailbox, **{"Last Activity Date": self.day(use.mailbox)})
        for product in (APPS, "VISIO ONLINE PLAN 2", "PROJECT ONLINE DESKTOP CLIENT"):
            when = self.day(200) if product in use.activated else ""
            self.row(
                "getOffice365ActivationsUserDetail", **of, **{"Product Type": product, "Last Activated Date": when}
            )
        self.row("getMicrosoft365CopilotUsageUserDetail", **of, **{"Last Activity Date": self.day(use.copilot)})

    def put(self, path: str, label: str, native: str, **parts: Any) -> str:
        """An entry of a list of Graph; its id."""
        id_ = native_uuid(label)
        self.ids[label] = f"{native}/{id_}"
        self.lists[path].append({"id": id_, **parts})
        return id_

    def write(self, *, conceals: bool = False) -> None:
        """Hand over all that was put there. Names in reports are hashes where the tenant conceals them."""
        self.server.lists = {**self.lists, "/organization": [{"id": TENANT, "displayName": "Contoso"}]}
        texts = {name: self._text(name, hides=CONCEALED if conceals else ()) for name in ORIGIN}
        self.server.reports.texts = texts

    def _text(self, report: str, hides: tuple[str, ...]) -> str:
        file = io.StringIO()
        file.write("\ufeff")
        writer = csv.DictWriter(file, ORIGIN[report].split(","), restval="", extrasaction="ignore")
        writer.writeheader()
        for row in self.rows[report]:
            writer.writerow({name: hashed(cell) if name in hides and cell else cell for name, cell in row.items()})
        return file.getvalue()


def native_uuid(label: str) -> str:
    """The id that what has a label is known by, the same each time."""
    return str(uuid5(NAMESPACE_DNS, label))


def hashed(cell: object) -> str:
    """What a concealed name looks like."""
    return uuid5(NAMESPACE_DNS, str(cell)).hex.upper()


def size_of(gib: str) -> int:
    """Bytes."""
    return int(float(gib) * GIB)
