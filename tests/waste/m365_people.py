"""Users of the tenant: who wastes a licence, and beside each somebody who nearly does."""

from __future__ import annotations

from typing import Any

from tests.waste.m365_plans import PLANS
from tests.waste.m365_tenant import APPS, UNUSED, USED, Tenant, native_uuid

VISIO, PROJECT = "VISIO ONLINE PLAN 2", "PROJECT ONLINE DESKTOP CLIENT"
COPILOT = "Microsoft_365_Copilot"
EARLY = "fine_deleted_early"
DELETED = "/directory/deletedItems/microsoft.graph.user"


def seed(tenant: Tenant) -> None:
    """All of them."""
    for part in (_sign_ins, _disabled, _mailboxes, _products, _apps, _larger_plans, _guests, _overlaps, _deleted):
        part(tenant)


def _sign_ins(tenant: Tenant) -> None:
    drawn = UNUSED.but(activated=(APPS, VISIO))
    tenant.person("gone_quiet", "SPE_E3", "VISIOCLIENT", signed_in=90.01, use=drawn)
    tenant.person("never_came", "EXCHANGEENTERPRISE", signed_in=None, born=30.01, use=None)
    # The report is two days old, and begins at midnight.
    tenant.person("never_used", "EXCHANGESTANDARD", signed_in=None, born=34, use=UNUSED)
    tenant.person("fine_quiet", "SPE_E3", signed_in=89.99, use=UNUSED)
    tenant.person("fine_services", "EXCHANGEENTERPRISE", signed_in=200, use=USED.but(services={"Exchange": 90}))
    tenant.person("fine_new_hire", "SPE_E3", signed_in=None, born=29.99, held=29, use=None)
    tenant.person("fine_free", "FLOW_FREE", signed_in=200, use=None)
    tenant.person("fine_unlicensed", signed_in=200, use=None)


def _disabled(tenant: Tenant) -> None:
    tenant.person("leaver", "SPE_E3", accountEnabled=False, purpose="user", use=UNUSED)
    tenant.person("leaver_without_mail", "VISIOCLIENT", accountEnabled=False, mail=None, use=None)
    tenant.person("fine_room", "EXCHANGESTANDARD", accountEnabled=False, purpose="room")
    tenant.person("fine_leaver", accountEnabled=False, purpose="user", use=UNUSED)
    tenant.person("fine_free_leaver", "FLOW_FREE", accountEnabled=False, purpose="user", use=UNUSED)


def _mailboxes(tenant: Tenant) -> None:
    disabled: dict[str, Any] = {"accountEnabled": False, "signed_in": None}
    tenant.person("shared", "EXCHANGEENTERPRISE", use=USED.but(gib="49.99"), purpose="shared", **disabled)
    tenant.person("fine_shared_large", "EXCHANGEENTERPRISE", use=USED.but(gib="50"), purpose="shared", **disabled)
    archived = USED.but(has_archive=True)
    tenant.person("fine_shared_archive", "EXCHANGEENTERPRISE", use=archived, purpose="shared", **disabled)
    tenant.person("full", use=UNUSED.but(gib="45", mailbox=91), purpose="shared", **disabled)
    tenant.person("fine_nearly_full", use=UNUSED.but(gib="44.99", mailbox=91), purpose="shared", **disabled)
    tenant.person("fine_full_and_used", use=UNUSED.but(gib="45", mailbox=90), purpose="shared", **disabled)
    tenant.person("fine_full_own", use=UNUSED.but(gib="60"), purpose="user")
    teams = {"Teams": 1}
    tenant.person("unread", "EXCHANGESTANDARD", use=USED.but(services=teams, mailbox=91))
    tenant.person("unread_in_suite", "SPE_E3", use=USED.but(services=teams, mailbox=None))
    tenant.person("fine_read", "EXCHANGESTANDARD", use=USED.but(services=teams, mailbox=90))
    # One report says that mail was read, the other that it was not.
    tenant.person("fine_disputed", "EXCHANGESTANDARD", use=USED.but(services=teams | {"Exchange": 90}, mailbox=91))


def _products(tenant: Tenant) -> None:
    tenant.person("copilot_idle", "SPE_E3", COPILOT, use=USED.but(copilot=31))
    tenant.person("copilot_never", COPILOT, held=34, use=USED.but(copilot=None))
    tenant.person("fine_copilot", COPILOT, use=USED.but(copilot=30))
    tenant.person("fine_copilot_new", COPILOT, held=31.5, use=USED.but(copilot=None))
    tenant.person("visio_never", "VISIOCLIENT", held=60.01)
    tenant.person("fine_visio", "VISIOCLIENT", use=USED.but(activated=(VISIO,)))
    tenant.person("fine_visio_new", "VISIOCLIENT", held=59.99)
    tenant.person("project_never", "PROJECTPROFESSIONAL", held=60.01)
    tenant.person("fine_project", "PROJECTPROFESSIONAL", use=USED.but(activated=(PROJECT,)))
    tenant.person("fine_project_new", "PROJECTPROFESSIONAL", held=59.99)


def _apps(tenant: Tenant) -> None:
    nowhere = USED.but(apps=(), activated=())
    tenant.person("apps_never", "O365_BUSINESS", held=60.01, use=nowhere)
    tenant.person("suite_on_web", "ENTERPRISEPACK", use=nowhere.but(apps=("Web", "Mobile"), gib="49.99"))
    tenant.person("e5_without_apps", "SPE_E5", use=nowhere)
    tenant.person("fine_apps_new", "O365_BUSINESS", held=59.99, use=nowhere)
    tenant.person("fine_apps_used", "O365_BUSINESS", use=USED.but(activated=()))
    tenant.person("fine_apps_activated", "O365_BUSINESS", use=USED.but(apps=("Web",)))


def _larger_plans(tenant: Tenant) -> None:
    web = USED.but(apps=("Web",), gib="1.99")
    tenant.person("web_only", "SPE_E3", held=90.01, use=web)
    tenant.person("fine_web_large", "SPE_E3", use=web.but(gib="2"))
    tenant.person("fine_web_and_mac", "SPE_E3", use=web.but(apps=("Web", "Mac")))
    tenant.person("fine_web_new", "SPE_E3", held=89.99, use=web)
    silent = USED.but(calls=0, meetings=0)
    tenant.person("e5_silent", "SPE_E5", held=90.01, use=silent)
    tenant.person("fine_e5_meets", "SPE_E5", use=silent.but(meetings=1))
    tenant.person("fine_e5_new", "SPE_E5", held=89.99, use=silent)


def _guests(tenant: Tenant) -> None:
    guest: dict[str, Any] = {"userType": "Guest"}
    tenant.person("guest_licensed", "SPE_E3", **guest)
    tenant.person("guest_gone", signed_in=90.01, use=None, **guest)
    tenant.person("guest_never", signed_in=None, born=30.01, use=None, **guest)
    tenant.person("fine_guest", signed_in=89.99, use=None, **guest)
    tenant.person("fine_guest_invited", signed_in=None, born=29.99, use=None, **guest)
    tenant.person("fine_guest_free", "FLOW_FREE", use=None, **guest)
    tenant.person("fine_guest_disabled", signed_in=200, accountEnabled=False, use=None, **guest)


def _overlaps(tenant: Tenant) -> None:
    tenant.person("two_mailboxes", "SPE_E3", "EXCHANGESTANDARD")
    tenant.person("bi_twice", "SPE_E5", "POWER_BI_PRO")
    tenant.person("fine_bi", "SPE_E3", "POWER_BI_PRO")
    without_mail = {"skuId": PLANS["SPE_E3"].id, "disabledPlans": [native_uuid("EXCHANGE_S_ENTERPRISE")]}
    beside = {"skuId": PLANS["EXCHANGEENTERPRISE"].id, "disabledPlans": []}
    tenant.person("fine_mail_off", "SPE_E3", "EXCHANGEENTERPRISE", assignedLicenses=[without_mail, beside])


def _deleted(tenant: Tenant) -> None:
    """One seat of E5 and one of Office 365 E3 are consumed by nobody who is there, and each was two users'."""
    tenant.consumed.update(SPE_E5=1, ENTERPRISEPACK=1)
    for label, sku, days in (
        ("deleted", "SPE_E5", 2.01),
        (EARLY, "SPE_E5", 20),
        ("fine_deleted_now", "ENTERPRISEPACK", 1.99),
        ("fine_deleted_before", "ENTERPRISEPACK", 20),
        ("fine_deleted_free", "FLOW_FREE", 20),
        ("fine_deleted_clean", "EXCHANGESTANDARD", 20),
    ):
        tenant.put(
            DELETED,
            label,
            "/directory/deletedItems",
            userPrincipalName=f"{native_uuid(label).replace('-', '')}{label}@contoso.com",
            displayName=label,
            userType="Member",
            createdDateTime=tenant.ago(400),
            deletedDateTime=tenant.ago(days),
            assignedLicenses=[{"skuId": PLANS[sku].id, "disabledPlans": []}],
        )
