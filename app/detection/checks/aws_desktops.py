"""WorkSpaces and AppStream: desktops that nobody uses, or that need not be always on."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, Parameter, days
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact, required, unused
from app.detection.savings import Part, difference, hours, whole
from app.records import Provider
from app.records.detection import Confidence, PriceUnit, Remedy, Severity

DESKTOP: Final = "AWS::WorkSpaces::Workspace"
FLEET: Final = "AWS::AppStream::Fleet"
_DAYS: Final = 30
_MACHINE: Final = ("runningMode", "computeType", "operatingSystem", "rootVolumeGigabytes", "userVolumeGigabytes")
_RUNS: Final = frozenset({"AVAILABLE", "STOPPED"})


def _code(desktop: Subject) -> str:
    """Such as `workspaces.standard.windows.80_50`; a Windows of one's own licence is named by its version."""
    system = required(desktop, "operatingSystem").lower()
    if system.startswith("windows_server"):
        system = "windows"
    root, user = desktop.number("rootVolumeGigabytes"), desktop.number("userVolumeGigabytes")
    return f"workspaces.{required(desktop, 'computeType').lower()}.{system}.{root:f}_{user:f}"


def _monthly(desktop: Subject, mode: str) -> Part:
    return Part(f"{_code(desktop)}.{mode.lower()}", Decimal(1), PriceUnit.MONTH, "month")


def _unused(facts: Facts) -> Finding | None:
    desktop = facts.subject
    used = desktop.moment("lastConnectedAt")
    since = used or desktop.created_at or desktop.first_seen_at
    if desktop.status not in _RUNS or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    label = "last connection" if used else "no connection since"
    return Finding(
        saving=whole(facts, _monthly(desktop, required(desktop, "runningMode"))),
        evidence=(Evidence(label, since.isoformat()), Evidence("user", str(desktop.text("userName")))),
    )


def _auto_stop(facts: Facts) -> Finding | None:
    desktop = facts.subject
    if desktop.status != "AVAILABLE" or required(desktop, "runningMode") != "ALWAYS_ON":
        return None
    if facts.age_days(desktop.created_at or desktop.first_seen_at) < _DAYS:
        return None
    used = exact(facts.usage("connected").total) * 24
    if used >= facts.threshold("hoursPerMonth"):
        return None
    code = f"{_code(desktop)}.auto_stop"
    then = [
        _monthly(desktop, "auto_stop"),
        Part(f"{code}.hour", used.quantize(Decimal("0.1")), PriceUnit.HOUR, "hours connected"),
    ]
    return Finding(
        saving=difference(facts, now=[_monthly(desktop, "always_on")], then=then),
        evidence=(Evidence("connected in 30 days", f"{used:.1f}", "hours"),),
        target="AUTO_STOP",
    )


def _fleet_idle(facts: Facts) -> Finding | None:
    fleet = facts.subject
    if fleet.status != "RUNNING":
        return None
    shown = unused(facts, "inUse", unit="instances in use")
    if shown is None:
        return None
    kind, count = required(fleet, "instanceType"), fleet.number("desiredInstances")
    is_on = required(fleet, "fleetType") == "ALWAYS_ON"
    part = hours(f"appstream.{kind}", "instance hours", count)
    if not is_on:
        part = hours("appstream.stopped", "hours of stopped instances", count)
    return Finding(whole(facts, part), shown)


_check = partial(Check, provider=Provider.AWS, area=Area.COMPUTE)
_WORKSPACES: Final = "https://docs.aws.amazon.com/workspaces/latest/adminguide/"
_PRICING: Final = "https://aws.amazon.com/workspaces/family/pricing/"

CHECKS: Final = (
    _check(
        id="aws.workspaces.unused",
        title="Desktop that its user has not been seen on",
        description="A WorkSpace that is always on pays its month in full, one that stops by itself its volumes.",
        resource_types=(DESKTOP,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask the user, or the user's manager; back up what is on it, then remove the WorkSpace.",
        find=_unused,
        properties=(*_MACHINE, "lastConnectedAt", "userName"),
        prices=("workspaces.*",),
        saving="Its monthly price in the mode it runs in.",
        parameters=(days(MIN_AGE_DAYS, 30, "How long ago the last connection has to be."),),
        links=(_WORKSPACES + "delete-workspaces.html", _PRICING),
    ),
    _check(
        id="aws.workspaces.auto_stop",
        title="Desktop that is always on for few hours of work",
        description="Below about 80 hours a month it is cheaper to pay a desktop by the hour and let it stop.",
        resource_types=(DESKTOP,),
        severity=Severity.LOW,
        confidence=Confidence.LIKELY,
        remedy=Remedy.CONFIGURE,
        remediation="Change its running mode to AutoStop. Its user then waits about a minute at the first connection.",
        find=_auto_stop,
        properties=_MACHINE,
        prices=("workspaces.*",),
        saving="The price of always on less that of AutoStop: a monthly part, and the hours that were used.",
        parameters=(
            Parameter("hoursPerMonth", Decimal(80), "hours", "It has to be connected for fewer hours in 30 days."),
        ),
        metrics=(
            Metric(
                "connected",
                "UserConnected",
                Daily.AVERAGE,
                "AWS/WorkSpaces",
                (("WorkspaceId", "properties.workspaceId"),),
                days=_DAYS,
            ),
        ),
        links=(_WORKSPACES + "running-mode.html", _PRICING),
    ),
    _check(
        id="aws.appstream.idle",
        title="Fleet of AppStream that nobody uses",
        description="An always-on fleet pays its instances without sessions; an on-demand one a smaller fee for each.",
        resource_types=(FLEET,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.STOP,
        remediation="Stop the fleet, or set a scaling policy whose least capacity is zero.",
        find=_fleet_idle,
        properties=("instanceType", "fleetType", "desiredInstances"),
        prices=("appstream.*",),
        saving="The hours of its instances.",
        parameters=(days(LOOKBACK_DAYS, 14, "How many days have to pass without a session.", most=90),),
        metrics=(Metric("inUse", "InUseCapacity", Daily.MAXIMUM, "AWS/AppStream", (("Fleet", "name"),)),),
        links=(
            "https://docs.aws.amazon.com/appstream2/latest/developerguide/monitoring-with-cloudwatch.html",
            "https://aws.amazon.com/appstream2/pricing/",
        ),
    ),
)
