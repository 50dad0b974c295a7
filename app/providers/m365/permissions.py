"""Application permissions of Microsoft Graph that Skyledger needs, and which of them a token has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

READ_USERS: Final = "User.Read.All"
READ_SIGN_INS: Final = "AuditLog.Read.All"
READ_REPORTS: Final = "Reports.Read.All"
READ_REPORT_SETTINGS: Final = "ReportSettings.Read.All"
READ_ORGANIZATION: Final = "Organization.Read.All"
READ_GROUPS: Final = "Group.Read.All"
READ_TEAM_SETTINGS: Final = "TeamSettings.Read.All"
READ_DEVICES: Final = "Device.Read.All"
READ_MAILBOX_SETTINGS: Final = "MailboxSettings.Read"

ROLE_IDS: Final = {
    READ_USERS: "df021288-bdef-4463-88db-98f22de89214",
    READ_SIGN_INS: "b0afded3-3588-46d8-8b3d-9842eff778da",
    READ_REPORTS: "230c1aed-a721-4c5d-9cb4-a90514e508ef",
    READ_REPORT_SETTINGS: "ee353f83-55ef-4b78-82da-555bfa2b4b95",
    READ_ORGANIZATION: "498476ce-e0fe-48b0-b801-37ba7e2685c6",
    READ_GROUPS: "5b567255-7703-4780-807c-7be8301ae99b",
    READ_TEAM_SETTINGS: "242607bd-1d2c-432c-82eb-bdb27baa23ab",
    READ_DEVICES: "7438b122-aefc-4978-80ed-43db9fcc7715",
    READ_MAILBOX_SETTINGS: "40f97065-369a-49f4-947c-6a255697ae91",
}
"""Ids of the application roles, the same in every tenant: https://learn.microsoft.com/graph/permissions-reference."""
GRAPH_APP: Final = "00000003-0000-0000-c000-000000000000"
_OF_DIRECTORY: Final = frozenset({READ_USERS, READ_ORGANIZATION, READ_GROUPS, READ_DEVICES})
_DIRECTORY: Final = ("Directory.Read.All", "Directory.ReadWrite.All")


def missing(needed: Iterable[str], roles: Sequence[str]) -> tuple[str, ...]:
    """Those of the needed permissions that no role gives, in the order given."""
    return tuple(name for name in needed if not _is_given(name, roles))


def _is_given(name: str, roles: Sequence[str]) -> bool:
    """Whether a role gives it, or one that lets in more of the same."""
    enough = {name, name.replace(".Read", ".ReadWrite")}
    if name in _OF_DIRECTORY:
        enough.update(_DIRECTORY)
    return not enough.isdisjoint(roles)
