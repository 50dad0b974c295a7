"""What is wasted in the tenant: check, label and what it costs a month, by the organization's own prices, by hand.

Everything of the tenant that is not told here is a decoy: it must not be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tests.waste.list_prices import cents, prices
from tests.waste.m365_plans import seat

Told = tuple[str, str, Decimal | None]
"""Check, label, monthly saving in USD; None where it cannot be told."""
STORAGE_DISCOUNT = Decimal(10)
"""Percent that the organization pays less for extra storage of SharePoint."""
BY_SIGN_INS = {"m365.user.inactive_licensed", "m365.guest.inactive"}
BY_PURPOSES = {"m365.user.disabled_licensed"}
BY_REPORTS = {
    *("m365.apps.not_activated", "m365.copilot.unused", "m365.visio.unused", "m365.project.unused"),
    *("m365.licence.downgrade_e5", "m365.licence.downgrade_web_only"),
    *("m365.mailbox.inactive", "m365.mailbox.shared_licensed", "m365.mailbox.shared_over_quota"),
    *("m365.onedrive.departed", "m365.sharepoint.inactive_site", "m365.teams.inactive", "m365.group.inactive"),
}
ONE_SIGNAL = ("m365.user.inactive_licensed", "fine_services")
"""Has not signed in for long; that services were used all the same only a report tells."""


def expected() -> dict[tuple[str, str], Decimal | None]:
    """Monthly savings by check and label."""
    parts = (*_users(), *_products(), *_guests(), *_plans(), *_content())
    found = {(f"m365.{check}", label): None if money is None else cents(money) for check, label, money in parts}
    assert len(found) == len(parts), "each is told once"
    return found


def counted_once() -> Decimal:
    """All of it, each seat once: of a user or a plan the most that a check tells; a renewal is part of its plan."""
    most: dict[str, Decimal] = {}
    for (check, label), money in expected().items():
        if check != "m365.subscription.expiring":
            most[label] = max(money or Decimal(0), most.get(label, Decimal(0)))
    return sum(most.values(), Decimal(0))


def _users() -> Iterator[Told]:
    yield "user.inactive_licensed", "gone_quiet", seat("SPE_E3") + seat("VISIOCLIENT")
    yield "user.inactive_licensed", "never_came", seat("EXCHANGEENTERPRISE")
    yield "user.inactive_licensed", "never_used", seat("EXCHANGESTANDARD")
    yield "user.disabled_licensed", "leaver", seat("SPE_E3")
    yield "user.disabled_licensed", "leaver_without_mail", seat("VISIOCLIENT")
    yield "user.deleted_licensed", "deleted", seat("SPE_E5")
    yield "licence.overlap", "two_mailboxes", seat("EXCHANGESTANDARD")
    yield "licence.overlap", "bi_twice", seat("POWER_BI_PRO")
    yield "mailbox.shared_licensed", "shared", seat("EXCHANGEENTERPRISE")
    yield "mailbox.shared_over_quota", "full", seat("EXCHANGEENTERPRISE")
    yield "mailbox.inactive", "unread", seat("EXCHANGESTANDARD")
    yield "mailbox.inactive", "unread_in_suite", None


def _products() -> Iterator[Told]:
    yield "copilot.unused", "copilot_idle", seat("Microsoft_365_Copilot")
    yield "copilot.unused", "copilot_never", seat("Microsoft_365_Copilot")
    yield "visio.unused", "visio_never", seat("VISIOCLIENT")
    yield "project.unused", "project_never", None
    yield "apps.not_activated", "apps_never", seat("O365_BUSINESS")
    smaller = seat("ENTERPRISEPACK") - seat("STANDARDPACK")
    yield "apps.not_activated", "suite_on_web", smaller
    yield "licence.downgrade_web_only", "suite_on_web", smaller
    yield "apps.not_activated", "e5_without_apps", None
    yield "licence.downgrade_web_only", "web_only", seat("SPE_E3") - seat("SPE_F1")
    yield "licence.downgrade_e5", "e5_silent", seat("SPE_E5") - seat("SPE_E3")


def _guests() -> Iterator[Told]:
    yield "guest.licensed", "guest_licensed", seat("SPE_E3")
    yield "guest.inactive", "guest_gone", Decimal(0)
    yield "guest.inactive", "guest_never", Decimal(0)


def _plans() -> Iterator[Told]:
    yield "licence.unassigned", "plan VISIOCLIENT", 7 * seat("VISIOCLIENT")
    yield "licence.unassigned", "plan Teams_Premium_(for_Departments)", 4 * seat("Teams_Premium_(for_Departments)")
    yield "licence.unassigned", "plan PROJECTPROFESSIONAL", None
    # Of the seven seats the first renewal has five, the second what is left of them.
    yield "subscription.expiring", "visio_first", 5 * seat("VISIOCLIENT")
    yield "subscription.expiring", "visio_second", 2 * seat("VISIOCLIENT")
    yield "subscription.expiring", "project", None
    yield "subscription.trial", "trial", Decimal(0)


def _content() -> Iterator[Told]:
    listed = prices("MICROSOFT_365", "global")
    yield "onedrive.departed", "drive_of_gone", Decimal("120.50") * listed["m365.archive.storage"]
    yield "onedrive.departed", "drive_of_unlicensed", Decimal("40.25") * listed["m365.archive.storage"]
    paid = listed["m365.sharepoint.storage"] * (100 - STORAGE_DISCOUNT) / 100
    yield "sharepoint.inactive_site", "site_old", 10 * paid
    yield "sharepoint.inactive_site", "site_never", Decimal("20.50") * paid
    yield "teams.inactive", "team_idle", Decimal(0)
    yield "teams.inactive", "team_ownerless", Decimal(0)
    yield "group.inactive", "group_idle", Decimal(0)
    yield "group.inactive", "group_never", Decimal(0)
    yield "group.ownerless", "group_never", Decimal(0)
    yield "group.ownerless", "group of team_ownerless", Decimal(0)
    yield "device.stale", "device", Decimal(0)
    yield "device.stale", "device_never", Decimal(0)
