"""What is read of a tenant, and what becomes of it where some of it may not be read."""

from __future__ import annotations

import logging

import pytest

from app.providers.base import FoundResource, Relation
from app.providers.m365.cloud import M365Cloud
from app.providers.m365.connection import M365Connection
from app.providers.m365.devices import DEVICE
from app.providers.m365.groups import GROUP, TEAM
from app.providers.m365.storage import DRIVE, SITE
from app.providers.m365.subscriptions import SKU, SUBSCRIPTION
from app.providers.m365.users import DELETED_USER, USER
from app.providers.problems import ProblemCode, ProviderError
from app.records import RelationshipKind
from tests.providers.azure.arm_server import Answer, Fault
from tests.providers.m365.conftest import Connect, collector, read
from tests.providers.m365.graph_server import ALL_ROLES, GraphServer
from tests.providers.m365.tenant import ADA, COPILOT, E3, HASH, REFRESHED, user
from tests.providers.m365.tenant import SITE as SITE_ID
from tests.providers.m365.tenant import TEAM as TEAM_ID

REPORTS = ["activations", "apps", "calls", "copilot", "mailbox", "services"]


def told(connection: M365Connection, resource_type: str) -> tuple[dict[str, FoundResource], ProviderError]:
    """What is found all the same, and the problem that is told along."""
    found: dict[str, FoundResource] = {}
    try:
        for page in collector(resource_type).pages(connection, "global"):
            found |= {one.name: one for one in page}
    except ProviderError as problem:
        return found, problem
    pytest.fail("no problem was told")


def without(*roles: str) -> tuple[str, ...]:
    return tuple(role for role in ALL_ROLES if role not in roles)


def test_licences_and_their_subscriptions(connect: Connect) -> None:
    connection = connect()
    sku = read(connection, SKU)["SPE_E3"]
    assert (sku.native_id, sku.region, sku.status) == (f"/subscribedSkus/{E3}", "global", "Enabled")
    assert (sku.properties["enabledUnits"], sku.properties["consumedUnits"]) == (25, 3)
    assert [plan["name"] for plan in sku.properties["servicePlans"]] == [
        "EXCHANGE_S_ENTERPRISE",
        "EXCHANGE_S_FOUNDATION",
    ]
    subscription = read(connection, SUBSCRIPTION)["SPE_E3"]
    assert subscription.properties["nextLifecycleAt"] == "2026-12-10T00:00:00+00:00"
    assert subscription.relations == (Relation(RelationshipKind.MEMBER_OF, sku.native_id),)


def test_users_know_their_licences_sign_ins_and_use(connect: Connect) -> None:
    users = read(connect(), USER)
    ada, bea = users["ada@contoso.com"], users["bea@contoso.com"]
    assert (ada.native_id, ada.status) == (f"/users/{ADA}", "enabled")
    assert [one["sku"] for one in ada.properties["licenses"]] == ["Microsoft_365_Copilot", "SPE_E3"]
    assert ada.properties["licenses"][1]["assignedAt"] == "2025-01-01T00:00:00+00:00"
    assert ada.properties["lastSignInAt"] == "2026-11-20T08:00:00+00:00"
    assert ada.properties["services"] == {
        "refreshedOn": REFRESHED,
        "periodDays": 180,
        "exchange": "2026-11-19",
        "onedrive": "2026-11-18",
        "teams": "2026-11-20",
    }
    assert ada.properties["apps"]["windows"] is True
    assert ada.properties["mailbox"]["hasArchive"] is True
    assert ada.properties["calls"] == {"refreshedOn": REFRESHED, "periodDays": 90, "calls": 5, "meetings": 6}
    assert ada.properties["copilot"] == {"refreshedOn": REFRESHED, "periodDays": 180, "lastActiveOn": "2026-11-18"}
    assert [one["product"] for one in ada.properties["activations"]["products"]] == [
        "MICROSOFT 365 APPS FOR ENTERPRISE",
        "VISIO ONLINE PLAN 2",
    ]
    assert {relation.target for relation in ada.relations} == {f"/subscribedSkus/{one}" for one in (E3, COPILOT)}
    assert bea.properties["services"] == {"refreshedOn": REFRESHED, "periodDays": 180}
    assert "calls" not in bea.properties  # not in the report, which is no zero
    assert "unreadable" not in bea.properties
    assert users["info@contoso.com"].properties["mailboxPurpose"] == "shared"
    assert "mailboxPurpose" not in ada.properties  # nobody's account that signs in and has a licence is asked for


def test_lists_are_read_page_by_page(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.page_size = 1
    assert len(read(connect(), USER)) == 4
    assert sum("$skiptoken" in path and "/users" in path for _, path in microsoft.requests) == 3


@pytest.mark.parametrize("link", ["https://elsewhere.example/v1.0/subscribedSkus", "{url}/v1.0/subscribedSkus?again"])
def test_pages_lead_nowhere_else_and_have_an_end(microsoft: GraphServer, connect: Connect, link: str) -> None:
    body = {"value": [], "@odata.nextLink": link.replace("{url}", microsoft.url)}
    microsoft.faults = [Fault("/subscribedSkus", Answer(body), times=9)]
    with pytest.raises(ProviderError) as raised:
        read(connect(), SKU)
    assert raised.value.code is ProblemCode.BAD_ANSWER


def test_the_token_is_not_sent_to_the_host_of_the_reports(microsoft: GraphServer, connect: Connect) -> None:
    read(connect(), USER)
    asked = microsoft.reports.requests
    assert len(asked) == 5
    assert not any("authorization" in {name.lower() for name in headers} for _, headers in asked)


@pytest.mark.parametrize("place", ["http://localhost/x", "https://evil.example/x", "https://notoffice.com/x", ""])
def test_a_report_is_fetched_from_microsoft_only(microsoft: GraphServer, connect: Connect, place: str) -> None:
    microsoft.faults = [Fault("getSharePointSiteUsageDetail", Answer("", 302, {"Location": place}), times=9)]
    with pytest.raises(ProviderError) as raised:
        read(connect(), SITE)
    assert raised.value.code is ProblemCode.BAD_ANSWER


def test_a_report_that_is_cut_off_is_not_believed(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.reports.truncated = True
    with pytest.raises(ProviderError) as raised:
        read(connect(), SITE)
    assert raised.value.code is ProblemCode.BAD_ANSWER


@pytest.mark.parametrize("text", ["", "Report Refresh Date,Site Id\r\n", "<html>", "\ufeff\r\n"])
def test_a_report_of_another_form_is_not_believed(microsoft: GraphServer, connect: Connect, text: str) -> None:
    microsoft.reports.texts["getSharePointSiteUsageDetail"] = text
    with pytest.raises(ProviderError) as raised:
        read(connect(), SITE)
    assert raised.value.code is ProblemCode.BAD_ANSWER


def test_concealed_names_are_told_and_no_zeros(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.conceals = True
    users, problem = told(connect(), USER)
    assert len(users) == 4
    for each in users.values():
        assert each.properties["dataConcealed"] is True
        assert each.properties["unreadable"] == REPORTS
        assert not each.properties.keys() & set(REPORTS)
    assert (problem.code, problem.listed, problem.permission) == (ProblemCode.DENIED, True, None)
    assert "dataConcealed" in problem.message
    assert "Display concealed" in problem.remedy
    for resource_type in (SITE, DRIVE):
        found, problem = told(connect(), resource_type)
        assert (found, problem.listed) == ({}, False)


def test_hashes_in_the_place_of_names_are_noticed_without_the_setting(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.roles = without("ReportSettings.Read.All")
    texts = microsoft.reports.texts
    for name, text in texts.items():
        texts[name] = text.replace("Ada@contoso.com", HASH).replace("ada@contoso.com", HASH)
    users, problem = told(connect(), USER)
    assert "dataConcealed" in problem.message
    assert users["bea@contoso.com"].properties["unreadable"] == sorted(set(REPORTS) - {"copilot"})
    assert "copilot" in users["bea@contoso.com"].properties
    texts["getOffice365GroupsActivityDetail"] = texts["getOffice365GroupsActivityDetail"].replace(TEAM_ID, HASH)
    groups, problem = told(connect(), GROUP)
    assert groups["Platform"].properties["unreadable"] == ["activity"]
    assert groups["Platform"].properties["dataConcealed"] is True
    texts["getSharePointSiteUsageDetail"] = texts["getSharePointSiteUsageDetail"].replace(SITE_ID, "")
    found, problem = told(connect(), SITE)
    assert (found, problem.listed) == ({}, False)


def test_users_are_told_without_reports(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.roles = without("Reports.Read.All")
    users, problem = told(connect(), USER)
    assert len(users) == 4
    assert (problem.code, problem.permission, problem.listed) == (ProblemCode.DENIED, "Reports.Read.All", True)
    assert users["ada@contoso.com"].properties["unreadable"] == REPORTS
    assert users["ada@contoso.com"].properties["lastSignInAt"]


def test_users_are_told_without_sign_ins(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.roles = without("AuditLog.Read.All")
    users, problem = told(connect(), USER)
    assert (problem.code, problem.permission, problem.listed) == (ProblemCode.DENIED, "AuditLog.Read.All", True)
    assert users["ada@contoso.com"].properties["unreadable"] == ["lastSignInAt"]
    assert users["ada@contoso.com"].last_used_at is None
    microsoft.roles, microsoft.has_premium = ALL_ROLES, False
    users, problem = told(connect(), USER)
    assert (problem.code, problem.listed) == (ProblemCode.NOT_ENABLED, True)
    assert "Entra ID P1" in problem.message


def test_users_are_told_without_the_purposes_of_mailboxes(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.roles = without("MailboxSettings.Read")
    users, problem = told(connect(), USER)
    assert (problem.permission, problem.listed) == ("MailboxSettings.Read", True)
    assert users["info@contoso.com"].properties["unreadable"] == ["mailboxPurpose"]


def test_a_mailbox_without_a_licence_is_asked_for_when_it_is_large(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.lists["/users"][2]["assignedLicenses"] = []
    assert "mailboxPurpose" not in read(connect(), USER)["info@contoso.com"].properties
    assert not any("$batch" in path for _, path in microsoft.requests)
    texts = microsoft.reports.texts
    texts["getMailboxUsageDetail"] = texts["getMailboxUsageDetail"].replace(",10,1024,", ",10,50000000000,")
    assert read(connect(), USER)["info@contoso.com"].properties["mailboxPurpose"] == "shared"


def test_a_report_that_has_lost_a_column_is_told_and_the_users_with_it(
    microsoft: GraphServer, connect: Connect
) -> None:
    texts = microsoft.reports.texts
    texts["getOffice365ActiveUserDetail"] = texts["getOffice365ActiveUserDetail"].replace("Teams Last", "Teams Next")
    users, problem = told(connect(), USER)
    assert (problem.code, problem.listed) == (ProblemCode.BAD_ANSWER, True)
    assert users["ada@contoso.com"].properties["unreadable"] == ["services"]


def test_links_to_reports_are_not_logged(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        read(connect(), SITE)
    assert "download" not in caplog.text


def test_a_batch_is_asked_for_again_where_it_was_throttled(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.batched_429 = 1
    assert read(connect(), USER)["info@contoso.com"].properties["mailboxPurpose"] == "shared"
    microsoft.batched_429 = 99
    with pytest.raises(ProviderError) as raised:
        read(connect(), USER)
    assert raised.value.code is ProblemCode.THROTTLED


@pytest.mark.parametrize(
    ("resource_type", "role"),
    [
        (SKU, "Organization.Read.All"),
        (SUBSCRIPTION, "Organization.Read.All"),
        (USER, "User.Read.All"),
        (DELETED_USER, "User.Read.All"),
        (GROUP, "Group.Read.All"),
        (TEAM, "Group.Read.All"),
        (SITE, "Reports.Read.All"),
        (DRIVE, "Reports.Read.All"),
        (DEVICE, "Device.Read.All"),
    ],
)
def test_a_denied_list_is_no_empty_one(microsoft: GraphServer, connect: Connect, resource_type: str, role: str) -> None:
    microsoft.roles = without(role)
    found, problem = told(connect(), resource_type)
    assert found == {}
    assert (problem.code, problem.permission, problem.listed) == (ProblemCode.DENIED, role, False)
    assert role in collector(resource_type).permissions


def test_deleted_users_tell_whether_their_licences_are_still_consumed(connect: Connect) -> None:
    gone = read(connect(), DELETED_USER)["gone@contoso.com"]
    assert gone.properties["deletedAt"] == "2026-11-10T00:00:00+00:00"
    seats = {"sku": "SPE_E3", "skuId": E3, "consumedUnits": 3, "assignedUsers": 3, "deletedLater": 0}
    assert gone.properties["licenses"] == [seats]


def test_deleted_users_know_how_many_were_deleted_later(microsoft: GraphServer, connect: Connect) -> None:
    bin_ = microsoft.lists["/directory/deletedItems/microsoft.graph.user"]
    for number, day in ((6, "2026-11-12"), (7, "2026-11-09"), (8, "2026-11-12")):
        id_ = f"aaaaaaaa-0000-0000-0000-00000000000{number}"
        bin_.append(user(id_, f"{number}@contoso.com", E3, deletedDateTime=f"{day}T00:00:00Z"))
    microsoft.page_size = 1
    told = {name: one.properties["licenses"][0]["deletedLater"] for name, one in read(connect(), DELETED_USER).items()}
    assert told == {"8@contoso.com": 0, "6@contoso.com": 1, "gone@contoso.com": 2, "7@contoso.com": 3}


def test_groups_and_teams_know_their_owners_and_their_use(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.archived = frozenset({TEAM_ID})
    groups, teams = read(connect(), GROUP), read(connect(), TEAM)
    assert groups["Platform"].properties["owners"] == 1
    assert groups["Platform"].properties["activity"]["lastActiveOn"] == "2026-11-19"
    assert groups["Stale"].properties["owners"] == 0
    assert "lastActiveOn" not in groups["Stale"].properties["activity"]
    assert list(teams) == ["Platform"]
    assert teams["Platform"].properties["isArchived"] is True
    assert teams["Platform"].properties["activity"]["channelMessages"] == 6
    assert teams["Platform"].relations == (Relation(RelationshipKind.MEMBER_OF, f"/groups/{TEAM_ID}"),)


def test_teams_are_told_without_their_settings(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.roles = without("TeamSettings.Read.All")
    teams, problem = told(connect(), TEAM)
    assert (problem.permission, problem.listed) == ("TeamSettings.Read.All", True)
    assert teams["Platform"].properties["unreadable"] == ["isArchived"]


def test_sites_and_drives_know_their_size_and_owner(connect: Connect) -> None:
    (site,) = read(connect(), SITE).values()
    assert (site.native_id, site.name) == (f"/sites/{SITE_ID}", "https://contoso.sharepoint.com/sites/old")
    assert site.properties["use"] == {
        "refreshedOn": REFRESHED,
        "periodDays": 180,
        "lastActiveOn": "2026-01-02",
        "storageBytes": 3 * 2**30,
        "allocatedBytes": 27487790694400,
        "files": 5,
    }
    drives = {found.properties["ownerPrincipalName"]: found for found in read(connect(), DRIVE).values()}
    assert drives["left@contoso.com"].properties["ownerState"] == "gone"
    assert drives["ada@contoso.com"].properties["ownerState"] == "licensed"
    assert drives["ada@contoso.com"].relations == (Relation(RelationshipKind.MEMBER_OF, f"/users/{ADA}"),)


def test_devices_know_when_they_were_last_seen(connect: Connect) -> None:
    device = read(connect(), DEVICE)["LAPTOP-1"]
    assert device.properties["lastSignInAt"] == "2026-01-02T00:00:00+00:00"
    assert device.properties["trustType"] == "AzureAd"


def test_native_ids_are_unique_in_the_tenant(connect: Connect) -> None:
    connection = connect()
    types = [name for each in M365Cloud().services() for one in each.collectors for name in one.resource_types]
    found = [one for name in types for one in read(connection, name).values()]
    assert len(found) == len({one.native_id for one in found}) > 10
    assert {one.region for one in found} == {"global"}
