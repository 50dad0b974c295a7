"""Users of Microsoft 365 with licences that they do not use: gone, disabled, deleted, guests, or licensed twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, Neighbours, days
from app.detection.checks.m365_facts import (
    DELETED_USER,
    GRAPH,
    LEARN,
    NEVER_DAYS,
    PRICING,
    SEATS,
    SKU,
    USER,
    idle_days,
    names_of,
    paid,
    seats,
    shown,
)
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.savings import by_prices, nothing
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Severity

_MEMBER: Final = RelationshipKind.MEMBER_OF
_SERVICES: Final = ("exchange", "onedrive", "sharepoint", "skypeforbusiness", "yammer", "teams")
_OF_NOBODY: Final = frozenset({"shared", "room", "equipment"})
"""Mailboxes that have an account to which nobody signs in."""
_SKUS: Final = Neighbours(_MEMBER, SKU, ("skuPartNumber", "skuId", "servicePlans"), outgoing=True)
_EVERYWHERE: Final = "EXCHANGE_S_FOUNDATION"
"""A plan without a mailbox that nearly every other one brings along."""
_LESSER: Final = {
    "AAD_PREMIUM": "AAD_PREMIUM_P2",
    "ATP_ENTERPRISE": "THREAT_INTELLIGENCE",
    "EXCHANGE_S_DESKLESS": "EXCHANGE_S_STANDARD",
    "EXCHANGE_S_STANDARD": "EXCHANGE_S_ENTERPRISE",
    "OFFICE_BUSINESS": "OFFICESUBSCRIPTION",
    "SHAREPOINTDESKLESS": "SHAREPOINTSTANDARD",
    "SHAREPOINTSTANDARD": "SHAREPOINTENTERPRISE",
}
"""Service plans of which another one has all that they have:
https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference."""
_CONCEALED: Final = (
    "not known: the tenant conceals names in its reports; clear 'Display concealed user, group, and site names in all "
    "reports' in the Microsoft 365 admin center"
)


def _is_guest(user: Subject) -> bool:
    return user.text("userType") == "Guest"


def _signed_in(facts: Facts) -> tuple[datetime, bool] | None:
    """The last sign-in, or since when there was none, where that is long ago; and whether there was one."""
    user = facts.subject
    last = user.moment("lastSignInAt")
    since = last or user.created_at or user.first_seen_at
    return (since, last is not None) if facts.is_older(since, MIN_AGE_DAYS if last else NEVER_DAYS) else None


def _sign_in_evidence(since: datetime, *, is_known: bool) -> Evidence:
    return Evidence("last sign-in" if is_known else "no sign-in since", since.isoformat())


def _inactive(facts: Facts) -> Finding | None:
    user, licenses = facts.subject, names_of(paid(facts.subject))
    if _is_guest(user) or user.status != "enabled" or not licenses:
        return None
    told = _signed_in(facts)
    if told is None:
        return None
    idle = _idle_in_services(facts)
    if idle is not None and idle <= facts.threshold(MIN_AGE_DAYS if told[1] else NEVER_DAYS):
        return None
    signs = (_sign_in_evidence(told[0], is_known=told[1]), shown(licenses))
    saving = by_prices(facts, *seats(licenses))
    if idle is not None:
        return Finding(saving, signs, Confidence.LIKELY)
    why = _CONCEALED if user.text("dataConcealed") else "not known"
    return Finding(saving, (*signs, Evidence("use of services", why)), Confidence.POSSIBLE)


def _idle_in_services(facts: Facts) -> Decimal | None:
    """For how many days no service was used; None where no report tells."""
    try:
        return idle_days(facts, "services", *_SERVICES, since=facts.subject.created_at)
    except UnknownFactError:
        return None


def _disabled(facts: Facts) -> Finding | None:
    user, licenses = facts.subject, names_of(paid(facts.subject))
    if user.status != "disabled" or not licenses or _is_guest(user) or user.text("mailboxPurpose") in _OF_NOBODY:
        return None
    return Finding(
        saving=by_prices(facts, *seats(licenses)),
        evidence=(Evidence("account", "disabled"), shown(licenses)),
    )


def _deleted(facts: Facts) -> Finding | None:
    user = facts.subject
    when = user.moment("deletedAt")
    if when is None or not facts.is_older(when, MIN_AGE_DAYS):
        return None
    held = [one for one in paid(user) if _is_still_consumed(user, one)]
    if not held:
        return None
    counts = "; ".join(f"{one['sku']}: {one['consumedUnits']} consumed, {one['assignedUsers']} users" for one in held)
    return Finding(
        saving=by_prices(facts, *seats(names_of(held))),
        evidence=(Evidence("deleted", when.isoformat()), Evidence("seats", counts)),
    )


def _is_still_consumed(user: Subject, license_: Mapping[str, Any]) -> bool:
    """Whether more seats are consumed than the users that are there have.

    Whose these seats are nobody tells. They are taken to be those of the users that were deleted last, so that none is
    told twice, nor one that is consumed only because the counts lag.
    """
    consumed, assigned, later = (license_.get(name) for name in ("consumedUnits", "assignedUsers", "deletedLater"))
    if not isinstance(consumed, int) or not isinstance(assigned, int) or not isinstance(later, int):
        message = f"How many seats of {license_['sku']} of {user.native_id} are consumed is not known."
        raise UnknownFactError(message)
    return consumed - assigned > later


def _licensed_guest(facts: Facts) -> Finding | None:
    user, licenses = facts.subject, names_of(paid(facts.subject))
    if not _is_guest(user) or not licenses:
        return None
    return Finding(
        saving=by_prices(facts, *seats(licenses)), evidence=(Evidence("user type", "Guest"), shown(licenses))
    )


def _inactive_guest(facts: Facts) -> Finding | None:
    user = facts.subject
    if not _is_guest(user) or user.status != "enabled":
        return None
    told = _signed_in(facts)
    if told is None:
        return None
    return Finding(
        saving=nothing("A guest without a licence costs nothing, and stays a way in."),
        evidence=(_sign_in_evidence(told[0], is_known=told[1]),),
    )


def _overlap(facts: Facts) -> Finding | None:
    user = facts.subject
    licenses = paid(user)
    if user.status != "enabled" or len(licenses) < 2:  # noqa: PLR2004  (one alone overlaps with nothing)
        return None
    plans = {str(one["sku"]): _plans(facts, one) for one in licenses}
    spare, kept = _spare(plans)
    if not spare:
        return None
    return Finding(
        saving=by_prices(facts, *seats(spare)),
        evidence=(Evidence("licences that others include", ", ".join(spare)), Evidence("others", ", ".join(kept))),
        target=" + ".join(kept),
    )


def _spare(plans: Mapping[str, frozenset[str]]) -> tuple[list[str], list[str]]:
    """The licences of which the others have all plans, the smallest first, and the others."""
    spare: list[str] = []
    for name in sorted(plans, key=lambda sku: (len(plans[sku]), sku)):
        others = [plans[other] for other in plans if other != name and other not in spare]
        if plans[name] and plans[name] <= frozenset().union(*others):
            spare.append(name)
    return sorted(spare), sorted(set(plans) - set(spare))


def _plans(facts: Facts, license_: Mapping[str, Any]) -> frozenset[str]:
    """The service plans that are switched on in a licence, with those that they include."""
    sku = next((one for one in facts.related(_MEMBER, SKU) if one.text("skuId") == license_["skuId"]), None)
    if sku is None:
        message = f"The licence {license_['sku']} of {facts.subject.native_id} is not in the inventory."
        raise UnknownFactError(message)
    off = frozenset(license_.get("disabledPlans") or ())
    return _with_lesser(
        [
            str(plan["name"])
            for plan in sku.items("servicePlans")
            if plan.get("appliesTo") == "User" and plan.get("id") not in off and plan.get("name") != _EVERYWHERE
        ]
    )


def _with_lesser(names: Sequence[str]) -> frozenset[str]:
    found = set(names)
    while more := {lesser for lesser, greater in _LESSER.items() if greater in found} - found:
        found |= more
    return frozenset(found)


_check = partial(Check, provider=Provider.MICROSOFT_365, area=Area.LICENSES, saving="The prices of the seats.")
_WHO: Final = ("userType", "licenses")
_TAKE: Final = (
    "Ask the user's manager. Then take the licences away: from the user, or from the group that gives them. Data of "
    "mailbox and OneDrive is deleted some weeks after that; keep what is needed first."
)
_SIGN_IN_DAYS: Final = (
    days(MIN_AGE_DAYS, 90, "How long ago the last sign-in has to be."),
    days(NEVER_DAYS, 30, "How old an account has to be that was never signed in to."),
)
_INACTIVE_LINK: Final = (
    "https://learn.microsoft.com/entra/identity/monitoring-health/howto-manage-inactive-user-accounts"
)

CHECKS: Final = (
    _check(
        id="m365.user.inactive_licensed",
        title="Licensed user who has not signed in for long",
        description="Neither a person nor an app has signed in for the user, and no service was used.",
        resource_types=(USER,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.REASSIGN,
        remediation=_TAKE,
        find=_inactive,
        properties=(*_WHO, "lastSignInAt", "services", "dataConcealed"),
        prices=(SEATS,),
        parameters=_SIGN_IN_DAYS,
        permissions=("AuditLog.Read.All", "Reports.Read.All"),
        links=(_INACTIVE_LINK, GRAPH + "resources/signinactivity"),
    ),
    _check(
        id="m365.user.disabled_licensed",
        title="Disabled user with licences",
        description="Nobody can sign in, and the seats are paid for all the same. Shared mailboxes and rooms, whose "
        "accounts are disabled by nature, are left out.",
        resource_types=(USER,),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.REASSIGN,
        remediation="Turn the mailbox into a shared one if others need it. " + _TAKE,
        find=_disabled,
        properties=(*_WHO, "mailboxPurpose"),
        prices=(SEATS,),
        permissions=("MailboxSettings.Read",),
        links=(LEARN + "admin/manage/remove-licenses-from-users", PRICING),
    ),
    _check(
        id="m365.user.deleted_licensed",
        title="Deleted user whose seats are still consumed",
        description="The user is in the recycle bin, and more seats are consumed than the other users have: licences "
        "of a group, or a mailbox on hold, keep them.",
        resource_types=(DELETED_USER,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.REASSIGN,
        remediation="Look which group gives the licence and process it anew; release the mailbox from its hold, or "
        "make it an inactive one; delete the user for good when nothing is needed any more.",
        find=_deleted,
        properties=("deletedAt", "licenses"),
        prices=(SEATS,),
        parameters=(days(MIN_AGE_DAYS, 2, "How long ago the deletion has to be: the counts lag."),),
        links=(LEARN + "admin/add-users/delete-a-user", GRAPH + "directory-deleteditems-list"),
    ),
    _check(
        id="m365.guest.licensed",
        title="Guest with licences",
        description="Guests bring the licences of their own organization; they seldom need another.",
        resource_types=(USER,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.REASSIGN,
        remediation="Ask whoever invited the guest what the licence is for, then take it away.",
        find=_licensed_guest,
        properties=_WHO,
        prices=(SEATS,),
        links=("https://learn.microsoft.com/entra/external-id/user-properties", PRICING),
    ),
    _check(
        id="m365.guest.inactive",
        title="Guest who has not signed in for long",
        description="Access that nobody uses is access that somebody else may.",
        resource_types=(USER,),
        severity=Severity.INFORMATIONAL,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask whoever invited the guest, then delete the account; it can be restored for 30 days.",
        find=_inactive_guest,
        properties=("userType", "lastSignInAt"),
        saving="Nothing.",
        parameters=_SIGN_IN_DAYS,
        permissions=("AuditLog.Read.All",),
        links=(_INACTIVE_LINK,),
    ),
    _check(
        id="m365.licence.overlap",
        title="Licence of which another one has everything",
        description="All service plans of the licence are part of others that the user has too.",
        resource_types=(USER,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.REASSIGN,
        remediation="Take the smaller licence away from the user, or the user out of the group that gives it. Nothing "
        "is lost, for the other one has the same plans.",
        find=_overlap,
        properties=("licenses",),
        prices=(SEATS,),
        neighbours=(_SKUS,),
        saving="The prices of the seats that can be done without.",
        links=("https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference", PRICING),
    ),
)
