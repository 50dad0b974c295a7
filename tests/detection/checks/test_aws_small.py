"""Checks of things that cost little each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_small import DISTRIBUTION, HEALTH_CHECK, KEY, RECORDER, SECRET, TRAIL, WEB_ACL
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "secretsmanager.secret": ("2", PriceUnit.MONTH),
    "kms.key": ("1", PriceUnit.MONTH),
    "route53.health_check": ("1", PriceUnit.MONTH),
    "route53.health_check.option": ("2", PriceUnit.MONTH),
    "waf.web_acl": ("5", PriceUnit.MONTH),
}


def secret(used: float | None = 200, born: float = 300, owner: str | None = None) -> Subject:
    last = None if used is None else ago(used)
    return subject(SECRET, "arn:secret", created_at=ago(born), last_used_at=last, properties={"owningService": owner})


def key(used: float | None = 200, tracked: float | None = 250, born: float = 300, **properties: Any) -> Subject:
    plain = {
        "state": "Enabled",
        "lastUsedAt": None if used is None else ago(used).isoformat(),
        "usageTrackedSince": None if tracked is None else ago(tracked).isoformat(),
    }
    return subject(KEY, "arn:key", created_at=ago(born), properties=plain | properties)


def health_check(**properties: Any) -> Subject:
    plain = {
        "referenced": False,
        "linkedService": None,
        "checkType": "TCP",
        "intervalSeconds": 30,
        "measuresLatency": False,
    }
    return subject(HEALTH_CHECK, "arn:check", region="global", properties=plain | properties)


def distribution(seen: float = 300, **properties: Any) -> Subject:
    plain = {"enabled": True, "staging": False}
    return subject(DISTRIBUTION, "arn:cdn", region="global", first_seen_at=ago(seen), properties=plain | properties)


def web_acl(count: int | None = 0, seen: float = 300) -> Subject:
    return subject(WEB_ACL, "arn:acl", first_seen_at=ago(seen), properties={"resourceCount": count})


def trail(name: str = "b", region: str = "us-east-1", **properties: Any) -> Subject:
    plain = {
        "managementEvents": True,
        "logging": True,
        "multiRegion": False,
        "organizationTrail": False,
        "ownedByAccount": True,
    }
    return subject(TRAIL, name, region=region, properties=plain | properties)


def recorder(region: str, **properties: Any) -> Subject:
    plain = {"recording": True, "allSupported": True, "globalResourceTypes": True}
    return subject(RECORDER, f"arn:{region}", region=region, properties=plain | properties)


def beside(kind: str, *found: Subject) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    return {(RelationshipKind.MEMBER_OF, kind): list(found)}


def requests(each: float | None, days: int = 30) -> dict[str, Usage | None]:
    return {"requests": flat(each, days)}


def week(total: float) -> dict[str, Usage | None]:
    """So many requests, all on the last of 30 days."""
    return {"requests": Usage(ago(30).date(), (0.0,) * 29 + (total,))}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


SECRETS_AND_KEYS = (
    case("secrets.unused", "found", secret(), FOUND, "2.0000"),
    case("secrets.unused", "clear", secret(used=5), CLEAR),
    case("secrets.unused", "boundary:minAgeDays", secret(used=90), CLEAR),
    case("secrets.unused", "boundary:minAgeDays", secret(used=90.01), FOUND),
    case("secrets.unused", "never read", secret(used=None), FOUND, "2.0000"),
    case("secrets.unused", "not read yet", secret(used=None, born=60), CLEAR),
    case("secrets.unused", "of another service", secret(owner="rds"), CLEAR),
    case(
        "secrets.unused",
        "a small fee",
        secret(),
        FOUND,
        "0.4000",
        prices={"secretsmanager.secret": ("0.4", PriceUnit.MONTH)},
    ),
    case("kms.unused", "found", key(), FOUND, "1.0000"),
    case("kms.unused", "clear", key(used=5), CLEAR),
    case("kms.unused", "boundary:minAgeDays", key(used=90), CLEAR),
    case("kms.unused", "boundary:minAgeDays", key(used=90.01), FOUND),
    case("kms.unused", "never since it is told", key(used=None), FOUND, "1.0000"),
    case("kms.unused", "told for some weeks", key(used=None, tracked=60), CLEAR),
    case("kms.unused", "made some weeks ago", key(used=None, born=60), CLEAR),
    case("kms.unused", "not told", key(used=None, tracked=None), UNKNOWN),
    case("kms.unused", "could not be read", key(unreadable=["lastUsedAt"]), UNKNOWN),
    case("kms.unused", "switched off", key(state="Disabled"), FOUND, "1.0000"),
    case("kms.unused", "going already", key(state="PendingDeletion"), CLEAR),
)
EDGE = (
    case("route53.health_check_unused", "found", health_check(), FOUND, "1.0000"),
    case("route53.health_check_unused", "clear", health_check(referenced=True), CLEAR),
    case("route53.health_check_unused", "of another service", health_check(linkedService="x"), CLEAR),
    case("route53.health_check_unused", "records not read", health_check(unreadable=["referenced"]), UNKNOWN),
    case(
        "route53.health_check_unused",
        "with all options",
        health_check(checkType="HTTPS_STR_MATCH", intervalSeconds=10, measuresLatency=True),
        FOUND,
        "9.0000",
    ),
    case("cloudfront.idle", "found", distribution(), FOUND, "0", usages=requests(1)),
    case("cloudfront.idle", "clear", distribution(), CLEAR, usages=requests(1000)),
    case("cloudfront.idle", "boundary:requests", distribution(), CLEAR, usages=week(100)),
    case("cloudfront.idle", "boundary:requests", distribution(), FOUND, usages=week(99)),
    case("cloudfront.idle", "missing:requests", distribution(), UNKNOWN, usages=requests(None)),
    case("cloudfront.idle", "switched off", distribution(enabled=False), CLEAR),
    case("cloudfront.idle", "for trials", distribution(staging=True), CLEAR),
    case("cloudfront.idle", "too new", distribution(seen=29), CLEAR),
    case(
        "cloudfront.idle",
        "what is charged",
        distribution(),
        FOUND,
        "20.2917",
        usages=requests(1),
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(20), "USD", 30),
    ),
    case("waf.unused", "found", web_acl(), FOUND, "5.0000"),
    case("waf.unused", "clear", web_acl(2), CLEAR),
    case("waf.unused", "boundary:minAgeDays", web_acl(seen=7), CLEAR),
    case("waf.unused", "boundary:minAgeDays", web_acl(seen=7.01), FOUND),
    case("waf.unused", "resources were not read", web_acl(None), UNKNOWN),
)
ALL = trail("z", "eu-west-1", multiRegion=True)
AUDIT = (
    case("cloudtrail.duplicate", "found", trail(), FOUND, "unknown", neighbours=beside(TRAIL, ALL)),
    case("cloudtrail.duplicate", "clear", trail(), CLEAR),
    case("cloudtrail.duplicate", "two of a region", trail(), FOUND, neighbours=beside(TRAIL, trail("a"))),
    case("cloudtrail.duplicate", "the first of two", trail("a"), CLEAR, neighbours=beside(TRAIL, trail())),
    case(
        "cloudtrail.duplicate", "of another region", trail(), CLEAR, neighbours=beside(TRAIL, trail("a", "eu-west-1"))
    ),
    case("cloudtrail.duplicate", "the one of all regions", ALL, CLEAR, neighbours=beside(TRAIL, trail("a"))),
    case(
        "cloudtrail.duplicate",
        "the organization's comes first",
        ALL,
        FOUND,
        neighbours=beside(TRAIL, trail("org", multiRegion=True, organizationTrail=True, ownedByAccount=False)),
    ),
    case("cloudtrail.duplicate", "not one's own", trail(ownedByAccount=False), CLEAR, neighbours=beside(TRAIL, ALL)),
    case(
        "cloudtrail.duplicate", "data events only", trail(managementEvents=False), CLEAR, neighbours=beside(TRAIL, ALL)
    ),
    case(
        "cloudtrail.duplicate",
        "the other one is off",
        trail(),
        CLEAR,
        neighbours=beside(TRAIL, trail("a", logging=False)),
    ),
    case("cloudtrail.duplicate", "selectors were not read", trail(unreadable=["managementEvents"]), UNKNOWN),
    case(
        "cloudtrail.duplicate",
        "what is charged",
        trail(),
        FOUND,
        "101.4583",
        neighbours=beside(TRAIL, ALL),
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(100), "USD", 30),
    ),
    case(
        "config.global_types",
        "found",
        recorder("eu-west-1"),
        FOUND,
        "unknown",
        neighbours=beside(RECORDER, recorder("us-east-1")),
    ),
    case("config.global_types", "clear", recorder("eu-west-1"), CLEAR),
    case(
        "config.global_types",
        "the one that stays",
        recorder("us-east-1"),
        CLEAR,
        neighbours=beside(RECORDER, recorder("eu-west-1")),
    ),
    case(
        "config.global_types",
        "by name elsewhere",
        recorder("eu-west-1"),
        FOUND,
        neighbours=beside(RECORDER, recorder("eu-central-1")),
    ),
    case(
        "config.global_types",
        "the other one is off",
        recorder("eu-west-1"),
        CLEAR,
        neighbours=beside(RECORDER, recorder("us-east-1", recording=False)),
    ),
    case("config.global_types", "status was not read", recorder("eu-west-1", unreadable=["recording"]), UNKNOWN),
)
CASES = (*SECRETS_AND_KEYS, *EDGE, *AUDIT)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
