"""A tenant with one of everything that the checks of Microsoft 365 look at."""

from __future__ import annotations

from typing import Any

from tests.providers.azure.arm_server import TENANT
from tests.providers.m365.graph_server import Row, csv_of

E3 = "05e9a617-0261-4cee-bb44-138d3ef5d965"
COPILOT = "639dec6b-bb19-468b-871c-c5c441c4b0cb"
ADA, BEA, SHARED, GUEST, GONE = (f"aaaaaaaa-0000-0000-0000-00000000000{number}" for number in range(1, 6))
TEAM, STALE = "bbbbbbbb-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002"
SITE = "cccccccc-0000-0000-0000-000000000001"
HASH = "AFC1F8E0B8C2D9F0A1B2C3D4E5F60718"
REFRESHED = "2026-11-20"
SERVICES = (
    "Report Refresh Date,User Principal Name,Display Name,Is Deleted,Deleted Date,Has Exchange License,"
    "Has OneDrive License,Has SharePoint License,Has Skype For Business License,Has Yammer License,Has Teams License,"
    "Exchange Last Activity Date,OneDrive Last Activity Date,SharePoint Last Activity Date,"
    "Skype For Business Last Activity Date,Yammer Last Activity Date,Teams Last Activity Date,"
    "Exchange License Assign Date,OneDrive License Assign Date,SharePoint License Assign Date,"
    "Skype For Business License Assign Date,Yammer License Assign Date,Teams License Assign Date,Assigned Products"
)
APPS = (
    "Report Refresh Date,User Principal Name,Last Activation Date,Last Activity Date,Report Period,"
    "Windows,Mac,Mobile,Web"
)
CALLS = (
    "Report Refresh Date,User Principal Name,Last Activity Date,Is Deleted,Deleted Date,Assigned Products,"
    "Team Chat Message Count,Private Chat Message Count,Call Count,Meeting Count,Has Other Action,Report Period"
)
MAILBOXES = (
    "Report Refresh Date,User Principal Name,Display Name,Is Deleted,Deleted Date,Created Date,Last Activity Date,"
    "Item Count,Storage Used (Byte),Issue Warning Quota (Byte),Prohibit Send Quota (Byte),"
    "Prohibit Send/Receive Quota (Byte),Deleted Item Count,Deleted Item Size (Byte),Deleted Item Quota (Byte),"
    "Has Archive,Report Period"
)
ACTIVATIONS = (
    "Report Refresh Date,User Principal Name,Display Name,Product Type,Last Activated Date,Windows,Mac,"
    "Windows 10 Mobile,iOS,Android,Activated On Shared Computer"
)
SITES = (
    "Report Refresh Date,Site Id,Site URL,Owner Display Name,Is Deleted,Last Activity Date,File Count,"
    "Active File Count,Page View Count,Visited Page Count,Storage Used (Byte),Storage Allocated (Byte),"
    "Root Web Template,Owner Principal Name,Report Period"
)
DRIVES = (
    "Report Refresh Date,Site URL,Owner Display Name,Is Deleted,Last Activity Date,File Count,Active File Count,"
    "Storage Used (Byte),Storage Allocated (Byte),Owner Principal Name,Report Period"
)
TEAMS = (
    "Report Refresh Date,Team Name,Team Id,Team Type,Last Activity Date,Report Period,Active Users,Active Channels,"
    "Guests,Reactions,Meetings Organized,Post Messages,Reply Messages,Channel Messages,Urgent Messages,Mentions,"
    "Active Shared Channels,Active External Users"
)
GROUPS = (
    "Report Refresh Date,Group Display Name,Is Deleted,Owner Principal Name,Last Activity Date,Group Type,"
    "Member Count,External Member Count,Exchange Received Email Count,SharePoint Active File Count,"
    "Exchange Mailbox Total Item Count,Exchange Mailbox Storage Used (Byte),SharePoint Total File Count,"
    "SharePoint Site Storage Used (Byte),Group Id,Report Period"
)


def reports() -> dict[str, str]:
    """The reports by name."""
    ada, bea, shared = "Ada@contoso.com", "bea@contoso.com", "info@contoso.com"
    return {
        "getOffice365ActiveUserDetail": csv_of(
            SERVICES,
            f'{REFRESHED},{ada},"Lovelace, Ada",False,,True,True,True,True,True,True,'
            "2026-11-19,2026-11-18,,,,2026-11-20,,,,,,,MICROSOFT 365 E3",
            f"{REFRESHED},{bea},Bea,False,,True,True,True,True,True,True,,,,,,,,,,,,,MICROSOFT 365 E3",
            f"{REFRESHED},gone@contoso.com,Gone,True,2026-11-01,True,True,True,True,True,True,,,,,,,,,,,,,",
        ),
        "getM365AppUserDetail": csv_of(
            APPS,
            f"{REFRESHED},{ada},2026-01-07,2026-11-19,90,Yes,No,No,Yes",
            f"{REFRESHED},{bea},,,90,No,No,No,No",
        ),
        "getTeamsUserActivityUserDetail": csv_of(
            CALLS, f"{REFRESHED},{ada},2026-11-19,False,,MICROSOFT 365 E3,3,4,5,6,No,90"
        ),
        "getMailboxUsageDetail": csv_of(
            MAILBOXES,
            f"{REFRESHED},{ada},Ada,False,,2024-01-01,2026-11-19,10,2048,1,2,53687091200,0,0,0,True,180",
            f"{REFRESHED},{shared},Info,False,,2024-01-01,,10,1024,1,2,53687091200,0,0,0,False,180",
        ),
        "getOffice365ActivationsUserDetail": csv_of(
            ACTIVATIONS,
            f"{REFRESHED},{ada},Ada,MICROSOFT 365 APPS FOR ENTERPRISE,2026-01-07,1,0,0,0,0,False",
            f"{REFRESHED},{ada},Ada,VISIO ONLINE PLAN 2,,0,0,0,0,0,False",
        ),
        "getSharePointSiteUsageDetail": csv_of(
            SITES,
            f"{REFRESHED},{SITE},https://contoso.sharepoint.com/sites/old,Ada,False,2026-01-02,5,0,0,0,3221225472,"
            "27487790694400,Team Site,ada@contoso.com,180",
            f"{REFRESHED},{STALE},https://contoso.sharepoint.com/sites/gone,,True,,0,0,0,0,0,0,Team Site,,180",
        ),
        "getOneDriveUsageAccountDetail": csv_of(
            DRIVES,
            f"{REFRESHED},https://contoso-my.sharepoint.com/personal/left,Left,False,2026-01-02,5,0,107374182400,"
            "1099511627776,left@contoso.com,180",
            f"{REFRESHED},https://contoso-my.sharepoint.com/personal/ada,Ada,False,2026-11-19,5,0,1073741824,"
            "1099511627776,ada@contoso.com,180",
        ),
        "getTeamsTeamActivityDetail": csv_of(
            TEAMS, f"{REFRESHED},Platform,{TEAM},Private,2026-11-19,90,3,1,0,0,2,5,1,6,0,0,0,0"
        ),
        "getOffice365GroupsActivityDetail": csv_of(
            GROUPS,
            f"{REFRESHED},Platform,False,ada@contoso.com,2026-11-19,Private,3,0,1,1,10,100,7,200,{TEAM},180",
            f"{REFRESHED},Stale,False,,,Private,3,0,1,1,10,100,7,200,{STALE},180",
        ),
    }


def copilot_report() -> list[Row]:
    """Rows of the report that Graph tells as JSON."""
    return [
        {
            "reportRefreshDate": REFRESHED,
            "userPrincipalName": name,
            "displayName": "",
            "lastActivityDate": last,
            "copilotActivityUserDetailsByPeriod": [{"reportPeriod": 180}],
        }
        for name, last in (("Ada@contoso.com", "2026-11-18"), ("bea@contoso.com", None))
    ]


def user(id_: str, name: str, *skus: str, **parts: Any) -> Row:
    """A user as Graph tells one."""
    states = [
        {"skuId": sku, "assignedByGroup": None, "state": "Active", "lastUpdatedDateTime": "2025-01-01T00:00:00Z"}
        for sku in skus
    ]
    plain: Row = {
        "id": id_,
        "userPrincipalName": name,
        "displayName": name.partition("@")[0],
        "mail": name,
        "accountEnabled": True,
        "userType": "Member",
        "createdDateTime": "2024-01-01T00:00:00Z",
        "department": "Sales",
        "usageLocation": "DE",
        "onPremisesSyncEnabled": None,
        "assignedLicenses": [{"skuId": sku, "disabledPlans": []} for sku in skus],
        "licenseAssignmentStates": states,
    }
    return plain | parts


def lists() -> dict[str, list[Row]]:
    """What Graph lists, by path."""
    signs = {
        "lastSignInDateTime": "2026-11-01T08:00:00Z",
        "lastNonInteractiveSignInDateTime": "2026-11-20T08:00:00Z",
        "lastSuccessfulSignInDateTime": "2026-11-19T08:00:00Z",
    }
    common = [{"servicePlanId": "2", "servicePlanName": "EXCHANGE_S_FOUNDATION", "appliesTo": "Company"}]
    units = {"enabled": 25, "suspended": 0, "warning": 1, "lockedOut": 0}
    skus = [
        {
            "id": f"{TENANT}_{sku}",
            "skuId": sku,
            "skuPartNumber": name,
            "appliesTo": "User",
            "capabilityStatus": "Enabled",
            "consumedUnits": 3,
            "prepaidUnits": units,
            "servicePlans": [{"servicePlanId": "1", "servicePlanName": plan, "appliesTo": "User"}, *common],
        }
        for sku, name, plan in (
            (E3, "SPE_E3", "EXCHANGE_S_ENTERPRISE"),
            (COPILOT, "Microsoft_365_Copilot", "M365_COPILOT_APPS"),
        )
    ]
    subscription = {
        "id": "dddddddd-0000-0000-0000-000000000001",
        "commerceSubscriptionId": "dddddddd-0000-0000-0000-000000000002",
        "createdDateTime": "2025-12-10T00:00:00Z",
        "isTrial": False,
        "nextLifecycleDateTime": "2026-12-10T00:00:00Z",
        "skuId": E3,
        "skuPartNumber": "SPE_E3",
        "status": "Enabled",
        "totalLicenses": 25,
    }
    deleted = user(GONE, f"{GONE.replace('-', '')}gone@contoso.com", E3, deletedDateTime="2026-11-10T00:00:00Z")
    groups = [
        {
            "id": id_,
            "displayName": name,
            "groupTypes": ["Unified"],
            "securityEnabled": False,
            "mailEnabled": True,
            "visibility": "Private",
            "createdDateTime": "2024-01-01T00:00:00Z",
            "resourceProvisioningOptions": options,
            "owners": [{"id": owner} for owner in owners],
        }
        for id_, name, options, owners in ((TEAM, "Platform", ["Team"], [ADA]), (STALE, "Stale", [], []))
    ]
    device = {
        "id": "eeeeeeee-0000-0000-0000-000000000001",
        "deviceId": "eeeeeeee-0000-0000-0000-000000000002",
        "displayName": "LAPTOP-1",
        "accountEnabled": True,
        "approximateLastSignInDateTime": "2026-01-02T00:00:00Z",
        "registrationDateTime": "2024-01-01T00:00:00Z",
        "operatingSystem": "Windows",
        "trustType": "AzureAd",
    }
    return {
        "/organization": [{"id": TENANT, "displayName": "Contoso"}],
        "/subscribedSkus": skus,
        "/directory/subscriptions": [subscription],
        "/users": [
            user(ADA, "ada@contoso.com", E3, COPILOT, signInActivity=signs),
            user(BEA, "bea@contoso.com", E3),
            user(SHARED, "info@contoso.com", E3, accountEnabled=False),
            user(GUEST, "carl_fabrikam.com#EXT#@contoso.com", userType="Guest", signInActivity=signs),
        ],
        "/directory/deletedItems/microsoft.graph.user": [deleted],
        "/groups": groups,
        "/devices": [device],
    }
