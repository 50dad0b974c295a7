"""Plans of Microsoft 365 that are larger than what is used of them: Copilot, Visio, Project, apps, E5."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, Parameter, days
from app.detection.checks.m365_facts import (
    GRAPH,
    LEARN,
    PRICING,
    SEATS,
    USER,
    gigabytes,
    idle_days,
    last_day,
    licensed_since,
    names_of,
    paid,
    reported,
    seats,
    shown,
)
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.savings import by_prices, difference, unknown
from app.records import Provider
from app.records.detection import Confidence, Remedy, Saving, Severity

_COPILOT: Final = "microsoft_365_copilot"
_VISIO: Final = frozenset({"visioclient", "visio_plan2_dept"})
_PROJECT: Final = frozenset({"projectclient", "projectpremium", "projectprofessional"})
_APPS_ALONE: Final = frozenset({"o365_business", "officesubscription"})
"""Plans that are nothing but the apps."""
_WITHOUT_APPS: Final = {
    "enterprisepack": ("STANDARDPACK", 50),
    "o365_business_premium": ("O365_BUSINESS_ESSENTIALS", 50),
    "spe_e3": ("SPE_F1", 2),
}
"""For users of the web alone: the plan that does, and how many GiB its mailbox may have."""
_BUNDLES: Final = frozenset({*_WITHOUT_APPS, "enterprisepremium", "spb", "spe_e5"})
"""Plans with the apps among other things."""
_E5: Final = {"enterprisepremium": "ENTERPRISEPACK", "spe_e5": "SPE_E3"}
_APP_NAMES: Final = ("APPS", "OFFICE")
_NO_PLAN: Final = "No other plan is the same without the apps; what it would save depends on what else is needed."


def _of(facts: Facts, is_meant: Callable[[str], bool], name: str = MIN_AGE_DAYS) -> list[Mapping[str, Any]]:
    """The licences of an active user that are meant, and that the user has had for long enough."""
    user = facts.subject
    if user.status != "enabled":
        return []
    return [
        one
        for one in paid(user)
        if is_meant(str(one["sku"]).lower()) and facts.is_older(licensed_since(user, one), name)
    ]


def _copilot(facts: Facts) -> Finding | None:
    licenses = _of(facts, lambda sku: sku.startswith(_COPILOT))
    if not licenses:
        return None
    since = max(licensed_since(facts.subject, one) for one in licenses)
    if idle_days(facts, "copilot", "lastActiveOn", since=since) <= facts.threshold(MIN_AGE_DAYS):
        return None
    names = names_of(licenses)
    last = last_day(reported(facts, "copilot"), "lastActiveOn")
    return Finding(by_prices(facts, *seats(names)), (Evidence("last use of Copilot", last), shown(names)))


def _not_activated(skus: frozenset[str], *words: str) -> Callable[[Facts], Finding | None]:
    """Licences of a product that its user has activated on no device."""

    def find(facts: Facts) -> Finding | None:
        names = names_of(_of(facts, lambda sku: sku in skus))
        if not names:
            return None
        if _activated(reported(facts, "activations"), *words):
            return None
        return Finding(by_prices(facts, *seats(names)), (Evidence("activations", "0"), shown(names)))

    return find


def _activated(record: Mapping[str, Any], *words: str) -> bool:
    return any(
        one.get("lastActivatedOn") and any(word in str(one.get("product")).upper() for word in words)
        for one in record["products"]
    )


def _apps_not_activated(facts: Facts) -> Finding | None:
    licenses = _of(facts, lambda sku: sku in _APPS_ALONE or sku in _BUNDLES)
    if not licenses or _uses_apps(facts):
        return None
    names = names_of(licenses)
    alone = [name for name in names if name.lower() in _APPS_ALONE]
    evidence = (Evidence("activations of the apps", "0"), shown(names))
    if alone:
        return Finding(by_prices(facts, *seats(alone)), evidence)
    target = _WITHOUT_APPS.get(names[0].lower()) if len(names) == 1 else None
    return Finding(_step(facts, names, target), evidence, target=None if target is None else target[0])


def _uses_apps(facts: Facts) -> bool:
    """Whether the apps were ever activated, or used on a computer, by any report; one of them has to know the user."""
    found, failed = [], []
    try:
        found.append(_activated(reported(facts, "activations"), *_APP_NAMES))
    except UnknownFactError as error:
        failed.append(error)
    try:
        apps = reported(facts, "apps")
        found.append(bool(apps.get("lastActivatedOn") or apps.get("windows") or apps.get("mac")))
    except UnknownFactError as error:
        failed.append(error)
    if not found:
        raise failed[0]
    return any(found)


def _step(facts: Facts, names: list[str], target: tuple[str, int] | None) -> Saving:
    """What the step to a smaller plan saves, where there is one that fits the user's mailbox."""
    if target is None or not _fits(facts, target[1]):
        return unknown(_NO_PLAN)
    return difference(facts, now=seats(names), then=seats([target[0]]))


def _fits(facts: Facts, most: int) -> bool:
    try:
        return gigabytes(reported(facts, "mailbox"), facts.subject) < most
    except UnknownFactError:
        return False


def _web_only(facts: Facts) -> Finding | None:
    names = names_of(_of(facts, _WITHOUT_APPS.__contains__))
    if len(names) != 1:
        return None
    apps = reported(facts, "apps")
    if not _on_the_web_alone(facts.subject, apps):
        return None
    target, most = _WITHOUT_APPS[names[0].lower()]
    size = gigabytes(reported(facts, "mailbox"), facts.subject)
    if size >= most:
        return None
    return Finding(
        saving=difference(facts, now=seats(names), then=seats([target])),
        evidence=(
            Evidence("apps used on", "the web or a telephone only"),
            Evidence("days", str(apps["periodDays"])),
            Evidence("mailbox", f"{size:f}", "GiB"),
        ),
        target=target,
    )


def _on_the_web_alone(user: Subject, apps: Mapping[str, Any]) -> bool:
    if not all(isinstance(apps.get(name), bool) for name in ("windows", "mac", "mobile", "web")):
        message = f"On what {user.native_id} uses the apps is not known."
        raise UnknownFactError(message)
    return (apps["web"] or apps["mobile"]) and not apps["windows"] and not apps["mac"]


def _e5(facts: Facts) -> Finding | None:
    names = names_of(_of(facts, _E5.__contains__))
    if len(names) != 1:
        return None
    record = reported(facts, "calls")
    calls, meetings = record.get("calls"), record.get("meetings")
    if not isinstance(calls, int) or not isinstance(meetings, int):
        message = f"How much {facts.subject.native_id} calls is not known."
        raise UnknownFactError(message)
    if Decimal(calls + meetings) > facts.threshold("callsAndMeetings"):
        return None
    target = _E5[names[0].lower()]
    return Finding(
        saving=difference(facts, now=seats(names), then=seats([target])),
        evidence=(
            Evidence("calls and meetings", str(calls + meetings)),
            Evidence("days", str(record["periodDays"])),
            shown(names),
        ),
        target=target,
    )


_check = partial(
    Check,
    provider=Provider.MICROSOFT_365,
    area=Area.LICENSES,
    resource_types=(USER,),
    prices=(SEATS,),
    permissions=("Reports.Read.All",),
)
_SEAT: Final = "The price of the seat."
_STEP: Final = "The price of the seat less that of the smaller plan."
_TAKE: Final = "Ask the user, then take the licence away or give it to somebody who waits for one."

CHECKS: Final = (
    _check(
        id="m365.copilot.unused",
        title="Copilot that its user does not use",
        description="Copilot is among the dearest licences, and its report tells when each user last used it.",
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.REASSIGN,
        remediation="Offer the user a training. " + _TAKE,
        find=_copilot,
        properties=("licenses", "copilot"),
        saving=_SEAT,
        parameters=(days(MIN_AGE_DAYS, 30, "How long ago the last use has to be.", most=179),),
        links=(LEARN + "admin/activity-reports/microsoft-365-copilot-usage", PRICING),
    ),
    _check(
        id="m365.visio.unused",
        title="Visio that its user has not activated",
        description="The plan is for the desktop app, which the user has activated on no device. What is drawn on the "
        "web no report tells.",
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.REASSIGN,
        remediation=_TAKE + " Most Microsoft 365 plans let everybody view diagrams, and draw simple ones on the web.",
        find=_not_activated(_VISIO, "VISIO"),
        properties=("licenses", "activations"),
        saving=_SEAT,
        parameters=(days(MIN_AGE_DAYS, 60, "For how long the user has to have the licence."),),
        links=(GRAPH + "reportroot-getoffice365activationsuserdetail", PRICING),
    ),
    _check(
        id="m365.project.unused",
        title="Project that its user has not activated",
        description="The plan is for the desktop app, which the user has activated on no device. What is planned on "
        "the web no report tells.",
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.REASSIGN,
        remediation=_TAKE + " Planner Plan 1 is enough for the web.",
        find=_not_activated(_PROJECT, "PROJECT"),
        properties=("licenses", "activations"),
        saving=_SEAT,
        parameters=(days(MIN_AGE_DAYS, 60, "For how long the user has to have the licence."),),
        links=(GRAPH + "reportroot-getoffice365activationsuserdetail", PRICING),
    ),
    _check(
        id="m365.apps.not_activated",
        title="Apps that their user has not activated",
        description="The plan has the desktop apps, which the user has activated on no device and used on no computer.",
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Ask the user. Where the web is enough, give a plan without the desktop apps.",
        find=_apps_not_activated,
        properties=("licenses", "activations", "apps", "mailbox"),
        saving="The price of the seat where the plan is nothing but the apps; else less that of the smaller plan.",
        parameters=(days(MIN_AGE_DAYS, 60, "For how long the user has to have the licence."),),
        links=(LEARN + "admin/activity-reports/microsoft-office-activations-ww", PRICING),
    ),
    _check(
        id="m365.licence.downgrade_web_only",
        title="User of the web alone in a plan with desktop apps",
        description="In three months the apps were used on the web or a telephone and on no computer, and the mailbox "
        "is small enough for the smaller plan.",
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Compare the plans: the smaller one has less space, and none of the management of devices or "
        "security of the larger one beyond its own. Then change the licence.",
        find=_web_only,
        properties=("licenses", "apps", "mailbox"),
        saving=_STEP,
        parameters=(days(MIN_AGE_DAYS, 90, "For how long the user has to have the licence."),),
        links=(LEARN + "admin/activity-reports/microsoft365-apps-usage-ww", PRICING),
    ),
    _check(
        id="m365.licence.downgrade_e5",
        title="E5 without calls and meetings",
        description="E5 is dearer than E3 for its telephone, audio conferences, Power BI and security. The user has "
        "not called or met anybody in Teams for three months; the other parts no report tells of.",
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Check that the user needs neither Power BI Pro nor the security of E5, and that no policy does; "
        "then change the licence to E3.",
        find=_e5,
        properties=("licenses", "calls"),
        saving=_STEP,
        parameters=(
            days(MIN_AGE_DAYS, 90, "For how long the user has to have the licence."),
            Parameter("callsAndMeetings", Decimal(0), "calls", "At most so many in three months."),
        ),
        links=(GRAPH + "reportroot-getteamsuseractivityuserdetail", PRICING),
    ),
)
