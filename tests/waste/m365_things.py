"""What the tenant has beside its users: plans, subscriptions, drives, sites, groups, teams and devices."""

from __future__ import annotations

from typing import Any

from tests.providers.azure.arm_server import TENANT
from tests.waste.m365_plans import PLANS
from tests.waste.m365_tenant import Tenant, native_uuid, size_of

SPARE = {"VISIOCLIENT": 7, "Teams_Premium_(for_Departments)": 4, "PROJECTPROFESSIONAL": 1}
"""Seats that nobody has, and that are paid for."""
NOT_PAID = {"FLOW_FREE": 10_000, "SPE_F1": 10, "STANDARDPACK": 25, "SHAREPOINTSTORAGE": 500}
"""Seats that nobody has, and that nobody pays for: free, suspended, on trial, or no seats at all."""
SUSPENDED = "SPE_F1"
SITE = "https://contoso.sharepoint.com/sites/"
DRIVE = "https://contoso-my.sharepoint.com/personal/"


def seed(tenant: Tenant) -> None:
    """All of it; after the users, who have the seats."""
    for part in (_plans, _subscriptions, _drives, _sites, _groups, _devices):
        part(tenant)


def _plans(tenant: Tenant) -> None:
    foundation = {"servicePlanId": native_uuid("f"), "servicePlanName": "EXCHANGE_S_FOUNDATION", "appliesTo": "Company"}
    for name, plan in PLANS.items():
        tenant.ids[f"plan {name}"] = f"/subscribedSkus/{plan.id}"
        consumed = tenant.consumed[name]
        enabled = consumed + SPARE.get(name, 0) + NOT_PAID.get(name, 0)
        services = [
            {"servicePlanId": native_uuid(one), "servicePlanName": one, "appliesTo": "User"} for one in plan.services
        ]
        tenant.lists["/subscribedSkus"].append(
            {
                "id": f"{TENANT}_{plan.id}",
                "skuId": plan.id,
                "skuPartNumber": name,
                "appliesTo": plan.applies_to,
                "capabilityStatus": "Suspended" if name == SUSPENDED else "Enabled",
                "consumedUnits": consumed,
                "prepaidUnits": {"enabled": enabled, "suspended": 0, "warning": 0, "lockedOut": 0},
                "servicePlans": [*services, foundation],
            }
        )


def _subscriptions(tenant: Tenant) -> None:
    _subscription(tenant, "visio_first", "VISIOCLIENT", 10, 5)
    _subscription(tenant, "visio_second", "VISIOCLIENT", 29.99, 5)
    _subscription(tenant, "fine_visio_later", "VISIOCLIENT", 30.01, 5)
    _subscription(tenant, "fine_teams_later", "Teams_Premium_(for_Departments)", 200, 4)
    _subscription(tenant, "fine_e3_assigned", "SPE_E3", 5, 100)
    _subscription(tenant, "fine_ended", "VISIOCLIENT", 5, 5, status="Suspended")
    _subscription(tenant, "project", "PROJECTPROFESSIONAL", 1, 50)
    _subscription(tenant, "trial", "STANDARDPACK", 29.99, 25, isTrial=True)
    _subscription(tenant, "fine_trial_later", "STANDARDPACK", 30.01, 25, isTrial=True)
    _subscription(tenant, "fine_trial_ended", "STANDARDPACK", 5, 25, isTrial=True, status="Suspended")


def _subscription(tenant: Tenant, label: str, plan: str, ends_in: float, seats: int, **parts: Any) -> None:
    usual = {"isTrial": False, "status": "Enabled", "createdDateTime": tenant.ago(300)}
    tenant.put(
        "/directory/subscriptions",
        label,
        "/directory/subscriptions",
        skuId=PLANS[plan].id,
        skuPartNumber=plan,
        totalLicenses=seats,
        nextLifecycleDateTime=tenant.ago(-ends_in),
        commerceSubscriptionId=native_uuid(f"commerce {label}"),
        ownerTenantId=TENANT,
        **(usual | parts),
    )


def _drives(tenant: Tenant) -> None:
    for label, owner, last, gib in (
        ("drive_of_gone", "gone", 31, "120.50"),
        ("drive_of_unlicensed", "fine_unlicensed", None, "40.25"),
        ("fine_drive_of_gone", "gone", 30, "120.50"),
        ("fine_drive_of_licensed", "fine_quiet", None, "120.50"),
        # 19.99 GiB cost a dollar less 5 hundredths of a cent.
        ("fine_drive_small", "gone", None, "19.99"),
    ):
        tenant.ids[label] = f"/drives/{DRIVE}{label}"
        tenant.row(
            "getOneDriveUsageAccountDetail",
            **{
                "Site URL": f"{DRIVE}{label}",
                "Owner Principal Name": f"{owner}@contoso.com",
                "Last Activity Date": tenant.day(last),
                "Storage Used (Byte)": size_of(gib),
            },
        )


def _sites(tenant: Tenant) -> None:
    for label, last, gib, is_deleted in (
        ("site_old", 181, "10", False),
        ("site_never", None, "20.50", False),
        ("fine_site", 180, "100", False),
        ("fine_site_small", None, "1", False),
        ("site_deleted", None, "100", True),
    ):
        if not is_deleted:
            tenant.ids[label] = f"/sites/{native_uuid(label)}"
        tenant.row(
            "getSharePointSiteUsageDetail",
            **{
                "Site Id": native_uuid(label),
                "Site URL": f"{SITE}{label}",
                "Is Deleted": is_deleted,
                "Last Activity Date": tenant.day(last),
                "Storage Used (Byte)": size_of(gib),
            },
        )


def _groups(tenant: Tenant) -> None:
    _group(tenant, "group_idle", 181)
    _group(tenant, "group_never", None, owners=0)
    _group(tenant, "fine_group", 180)
    _group(tenant, "fine_group_new", None, born=100)
    _group(tenant, "fine_group_synced", 1, owners=0, onPremisesSyncEnabled=True)
    _group(tenant, "fine_security_group", None, owners=0, groupTypes=[])
    _team(tenant, "team_idle", 91)
    _team(tenant, "team_ownerless", None, owners=0)
    _team(tenant, "fine_team", 90)
    _team(tenant, "fine_team_new", None, born=80)
    _team(tenant, "fine_team_archived", None)
    tenant.server.archived = frozenset({native_uuid("fine_team_archived")})


def _group(tenant: Tenant, label: str, last: int | None, *, owners: int = 1, born: float = 400, **parts: Any) -> None:
    usual = {
        "displayName": label,
        "groupTypes": ["Unified"],
        "securityEnabled": False,
        "mailEnabled": True,
        "visibility": "Private",
        "createdDateTime": tenant.ago(born),
        "resourceProvisioningOptions": [],
        "onPremisesSyncEnabled": None,
        "owners": [{"id": native_uuid("leaver")}] * owners,
    }
    id_ = tenant.put("/groups", label, "/groups", **(usual | parts))
    cells = {"Group Id": id_, "Group Display Name": label, "Last Activity Date": tenant.day(last)}
    tenant.row("getOffice365GroupsActivityDetail", **cells)


def _team(tenant: Tenant, label: str, last: int | None, *, owners: int = 1, born: float = 400) -> None:
    _group(tenant, label, 1, owners=owners, born=born, resourceProvisioningOptions=["Team"])
    tenant.ids[f"group of {label}"] = tenant.ids[label]
    tenant.ids[label] = f"/teams/{native_uuid(label)}"
    cells = {"Team Id": native_uuid(label), "Team Name": label, "Last Activity Date": tenant.day(last)}
    tenant.row("getTeamsTeamActivityDetail", **cells)


def _devices(tenant: Tenant) -> None:
    for label, signed_in in (("device", 180.01), ("device_never", None), ("fine_device", 179.99), ("fine_phone", 1)):
        tenant.put(
            "/devices",
            label,
            "/devices",
            deviceId=native_uuid(f"device {label}"),
            displayName=label,
            accountEnabled=True,
            approximateLastSignInDateTime=None if signed_in is None else tenant.ago(signed_in),
            registrationDateTime=tenant.ago(200),
            operatingSystem="Windows",
            operatingSystemVersion="10.0.26100",
            trustType="AzureAd",
            isManaged=True,
            isCompliant=True,
        )
