"""Mailboxes of Microsoft 365: shared ones with licences or too full, and those that nobody reads."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, Parameter, days, percent
from app.detection.checks.m365_facts import (
    GRAPH,
    LEARN,
    PRICING,
    SEATS,
    USER,
    gigabytes,
    idle_days,
    last_day,
    names_of,
    paid,
    reported,
    seats,
    shown,
)
from app.detection.facts import Facts, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import required
from app.detection.savings import by_prices, unknown
from app.records import Provider
from app.records.detection import Confidence, Remedy, Severity

_FREE_GIB: Final = Decimal(50)
"""What a shared mailbox may hold without a licence."""
_LARGE: Final = "EXCHANGEENTERPRISE"
_MAIL_ALONE: Final = frozenset({"exchangearchive_addon", "exchangedeskless", "exchangeenterprise", "exchangestandard"})
"""Plans that are nothing but a mailbox."""
_OTHERS: Final = ("onedrive", "sharepoint", "skypeforbusiness", "yammer", "teams")


def _shared_licensed(facts: Facts) -> Finding | None:
    user, licenses = facts.subject, names_of(paid(facts.subject))
    if not licenses or user.text("mailboxPurpose") != "shared":
        return None
    record = reported(facts, "mailbox")
    size = gigabytes(record, user)
    if not isinstance(record.get("hasArchive"), bool):
        message = f"Whether the mailbox of {user.native_id} has an archive is not known."
        raise UnknownFactError(message)
    if record["hasArchive"] or size >= facts.threshold("maxGiB"):
        return None
    return Finding(
        saving=by_prices(facts, *seats(licenses)),
        evidence=(Evidence("mailbox", "shared"), Evidence("size", f"{size:f}", "GiB"), shown(licenses)),
    )


def _shared_full(facts: Facts) -> Finding | None:
    user = facts.subject
    if user.items("licenses"):
        return None
    record = reported(facts, "mailbox")
    size = gigabytes(record, user)
    if size < _FREE_GIB * facts.threshold("fullPercent") / 100 or required(user, "mailboxPurpose") != "shared":
        return None
    if idle_days(facts, "mailbox", "lastActiveOn", since=user.created_at) <= facts.threshold(MIN_AGE_DAYS):
        return None
    return Finding(
        saving=by_prices(facts, *seats([_LARGE])),
        evidence=(
            Evidence("size", f"{size:f}", "GiB"),
            Evidence("last activity", last_day(record, "lastActiveOn")),
        ),
    )


def _unread(facts: Facts) -> Finding | None:
    user, licenses = facts.subject, names_of(paid(facts.subject))
    if not licenses or user.status != "enabled" or user.text("userType") == "Guest":
        return None
    most = facts.threshold(MIN_AGE_DAYS)
    if idle_days(facts, "mailbox", "lastActiveOn", since=user.created_at) <= most:
        return None
    services = reported(facts, "services")
    if idle_days(facts, "services", "exchange", since=user.created_at) <= most:
        return None  # the two reports do not agree
    if idle_days(facts, "services", *_OTHERS) > most:
        return None  # who uses nothing at all is found by the sign-ins
    alone = [name for name in licenses if name.lower() in _MAIL_ALONE]
    why = "The mailbox is part of a larger plan; what a plan without one costs depends on what else is needed."
    return Finding(
        saving=by_prices(facts, *seats(alone)) if alone else unknown(why),
        evidence=(
            Evidence("last activity of the mailbox", last_day(reported(facts, "mailbox"), "lastActiveOn")),
            Evidence("last use of other services", last_day(services, *_OTHERS)),
            shown(licenses),
        ),
    )


_check = partial(
    Check,
    provider=Provider.MICROSOFT_365,
    area=Area.LICENSES,
    resource_types=(USER,),
    prices=(SEATS,),
)
_SHARED: Final = ("MailboxSettings.Read", "Reports.Read.All")
_ABOUT_SHARED: Final = LEARN + "admin/email/about-shared-mailboxes"

CHECKS: Final = (
    _check(
        id="m365.mailbox.shared_licensed",
        title="Shared mailbox with a licence that it does not need",
        description="A shared mailbox of less than 50 GiB without an archive needs no licence.",
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.REASSIGN,
        remediation="Check in Exchange that the mailbox is on no litigation hold, which needs a licence; then take "
        "the licence away.",
        find=_shared_licensed,
        properties=("licenses", "mailboxPurpose", "mailbox"),
        saving="The prices of its seats.",
        parameters=(Parameter("maxGiB", _FREE_GIB, "GiB", "The mailbox has to be smaller than this."),),
        permissions=_SHARED,
        links=(_ABOUT_SHARED, GRAPH + "reportroot-getmailboxusagedetail"),
    ),
    _check(
        id="m365.mailbox.shared_over_quota",
        title="Shared mailbox that is full and that nobody uses",
        description="At 50 GiB a shared mailbox stops to receive, unless a licence is bought for it.",
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.REVIEW,
        remediation="Export what has to be kept and delete the rest, or the mailbox, rather than buy a licence.",
        find=_shared_full,
        properties=("licenses", "mailboxPurpose", "mailbox"),
        saving="The price of the licence that need not be bought: Exchange Online Plan 2.",
        parameters=(
            percent("fullPercent", 90, "So much of 50 GiB has to be used at least."),
            days(MIN_AGE_DAYS, 90, "How long ago the last activity has to be.", most=179),
        ),
        permissions=_SHARED,
        links=(_ABOUT_SHARED, PRICING),
    ),
    _check(
        id="m365.mailbox.inactive",
        title="Mailbox that its user does not read",
        description="The user uses other services and not the mailbox: a plan without one may do.",
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Ask the user where mail goes. Take the plan of the mailbox away, or change to one without it; "
        "keep in mind that others may still write to it.",
        find=_unread,
        properties=("userType", "licenses", "mailbox", "services"),
        saving="The price of the seat where the plan is nothing but a mailbox; else not known.",
        parameters=(days(MIN_AGE_DAYS, 90, "How long ago the last activity has to be.", most=179),),
        permissions=("Reports.Read.All",),
        links=(GRAPH + "reportroot-getmailboxusagedetail", PRICING),
    ),
)
