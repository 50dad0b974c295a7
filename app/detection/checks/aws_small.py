"""What costs little each and piles up: secrets, keys, health checks, distributions, web ACLs, trails, recorders."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import (
    LOOKBACK_DAYS,
    MIN_AGE_DAYS,
    SMALL_FEE,
    Area,
    Check,
    Daily,
    Metric,
    Neighbours,
    Parameter,
    days,
)
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact, has_lived
from app.detection.savings import Part, nothing, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

SECRET: Final = "AWS::SecretsManager::Secret"  # noqa: S105  (a type)
KEY: Final = "AWS::KMS::Key"
HEALTH_CHECK: Final = "AWS::Route53::HealthCheck"
DISTRIBUTION: Final = "AWS::CloudFront::Distribution"
WEB_ACL: Final = "AWS::WAFv2::WebACL"
TRAIL: Final = "AWS::CloudTrail::Trail"
RECORDER: Final = "AWS::Config::ConfigurationRecorder"
_HOME: Final = "us-east-1"
_FAST_SECONDS: Final = 10
_TRAIL_PROPERTIES: Final = ("managementEvents", "logging", "multiRegion", "organizationTrail", "ownedByAccount")
_RECORDER_PROPERTIES: Final = ("recording", "allSupported", "globalResourceTypes")


def _each_month(facts: Facts, code: str, label: str, count: int = 1) -> Saving:
    return whole(facts, Part(code, Decimal(count), PriceUnit.MONTH, label))


def _secret_unused(facts: Facts) -> Finding | None:
    secret = facts.subject
    if secret.text("owningService") is not None:
        return None  # goes with what it belongs to
    since = secret.last_used_at or secret.created_at or secret.first_seen_at
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    label = "last read" if secret.last_used_at else "never read since"
    evidence = Evidence(label, since.isoformat())
    return Finding(_each_month(facts, "secretsmanager.secret", "secret"), (evidence,))


def _key_unused(facts: Facts) -> Finding | None:
    key = facts.subject
    if key.text("state") not in {"Enabled", "Disabled"}:
        return None
    used = key.moment("lastUsedAt")
    tracked = key.moment("usageTrackedSince")
    if used is None and tracked is None:
        message = f"When {key.name} was last used is not known."
        raise UnknownFactError(message)
    since = used or max(moment for moment in (tracked, key.created_at) if moment is not None)
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    label = "last used" if used else "not used since, at the least"
    evidence = (Evidence(label, since.isoformat()), Evidence("state", str(key.text("state"))))
    return Finding(_each_month(facts, "kms.key", "key, at the least"), evidence)


def _health_check_unused(facts: Facts) -> Finding | None:
    check = facts.subject
    if check.flag("referenced") or check.text("linkedService") is not None:
        return None
    kind = check.text("checkType") or ""
    options = (
        kind.startswith("HTTPS"),
        kind.endswith("STR_MATCH"),
        check.text("intervalSeconds") == str(_FAST_SECONDS),
        check.flag("measuresLatency"),
    )
    parts = [Part("route53.health_check", Decimal(1), PriceUnit.MONTH, "check")]
    if any(options):
        parts.append(Part("route53.health_check.option", Decimal(sum(options)), PriceUnit.MONTH, "options"))
    return Finding(whole(facts, *parts), (Evidence("record sets and checks that refer to it", "none"),))


def _distribution_idle(facts: Facts) -> Finding | None:
    distribution = facts.subject
    if not distribution.flag("enabled") or distribution.flag("staging") or not has_lived(facts):
        return None
    requests = exact(facts.usage("requests").total)
    if requests >= facts.threshold("requests"):
        return None
    actual = whole(facts)
    why = "CloudFront bills requests and traffic, of which there are hardly any."
    return Finding(
        saving=actual if actual.reason is None else nothing(why),
        evidence=(Evidence("requests", f"{requests:f}"), Evidence("days", f"{facts.threshold(LOOKBACK_DAYS):f}")),
    )


def _web_acl_unused(facts: Facts) -> Finding | None:
    if facts.subject.number("resourceCount") > 0 or not facts.is_older(facts.subject.first_seen_at, MIN_AGE_DAYS):
        return None
    saving = _each_month(facts, "waf.web_acl", "web ACL, without its rules")
    return Finding(saving, (Evidence("resources it protects", "0"),))


def _rank(trail: Subject) -> tuple[bool, bool, str]:
    """Trails that should stay come first: of the organization, of all regions."""
    return (not trail.flag("organizationTrail"), not trail.flag("multiRegion"), trail.native_id)


def _copies(trail: Subject) -> bool:
    return trail.flag("managementEvents") and trail.flag("logging")


def _trail_duplicate(facts: Facts) -> Finding | None:
    trail = facts.subject
    if not trail.flag("ownedByAccount") or not _copies(trail):
        return None
    for other in facts.related(RelationshipKind.MEMBER_OF, TRAIL):
        covers = other.flag("multiRegion") or (other.region == trail.region and not trail.flag("multiRegion"))
        if covers and _copies(other) and _rank(other) < _rank(trail):
            return Finding(_by_use(facts, "Further copies are billed by the event."), (Evidence("as", other.name),))
    return None


def _by_use(facts: Facts, why: str) -> Saving:
    actual = whole(facts)
    return actual if actual.reason is None else unknown(f"{why} Only charges tell how many there are.")


def _records_globals(recorder: Subject) -> bool:
    return recorder.flag("recording") and recorder.flag("allSupported") and recorder.flag("globalResourceTypes")


def _place(recorder: Subject) -> tuple[bool, str]:
    return (recorder.region != _HOME, recorder.region or "")


def _recorder_duplicate(facts: Facts) -> Finding | None:
    recorder = facts.subject
    if not _records_globals(recorder):
        return None
    others = [each for each in facts.related(RelationshipKind.MEMBER_OF, RECORDER) if _records_globals(each)]
    first = min(others, key=_place, default=recorder)
    if _place(first) >= _place(recorder):
        return None
    evidence = (Evidence("recorded already in", str(first.region)),)
    return Finding(_by_use(facts, "Each configuration item that is recorded is billed."), evidence)


_check = partial(
    Check, provider=Provider.AWS, area=Area.OPERATIONS, severity=Severity.LOW, confidence=Confidence.LIKELY
)

CHECKS: Final = (
    _check(
        id="aws.secrets.unused",
        title="Secret that nobody reads",
        description="Each secret is paid by the month; one that nothing reads is a risk besides.",
        resource_types=(SECRET,),
        remedy=Remedy.DELETE,
        remediation="Ask its owner, then delete it with a recovery window of some weeks.",
        find=_secret_unused,
        properties=("owningService",),
        prices=("secretsmanager.secret",),
        minimum_saving=SMALL_FEE,
        saving="The price of a secret.",
        parameters=(days(MIN_AGE_DAYS, 90, "How long ago it has to have been read last."),),
        links=(
            "https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html",
            "https://aws.amazon.com/secrets-manager/pricing/",
        ),
    ),
    _check(
        id="aws.kms.unused",
        title="Key that nobody uses",
        description="Each key of one's own is paid by the month, also while it is switched off.",
        resource_types=(KEY,),
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.DELETE,
        remediation="Make sure that nothing is still encrypted with it: what is can never be read again. Switch it "
        "off for some weeks, then schedule its deletion.",
        find=_key_unused,
        properties=("state", "lastUsedAt", "usageTrackedSince"),
        prices=("kms.key",),
        minimum_saving=SMALL_FEE,
        saving="The price of a key; its rotated versions cost more.",
        parameters=(days(MIN_AGE_DAYS, 90, "How long ago its last use has to be."),),
        links=(
            "https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",
            "https://aws.amazon.com/kms/pricing/",
        ),
    ),
    _check(
        id="aws.route53.health_check_unused",
        title="Health check that no record refers to",
        description="A health check is paid by the month, with its options, whether a record looks at it or not.",
        resource_types=(HEALTH_CHECK,),
        area=Area.NETWORK,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.DELETE,
        remediation="Look whether an alarm of CloudWatch watches it. If none does, delete it.",
        find=_health_check_unused,
        properties=("referenced", "linkedService", "checkType", "intervalSeconds", "measuresLatency"),
        prices=("route53.health_check", "route53.health_check.option"),
        minimum_saving=SMALL_FEE,
        saving="The price of a check of something in AWS, and of its options; other endpoints cost more.",
        links=(
            "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-creating-deleting.html",
            "https://aws.amazon.com/route53/pricing/",
        ),
    ),
    _check(
        id="aws.cloudfront.idle",
        title="Distribution that hardly anybody asks",
        description="Without requests a distribution costs little, but what stands before and behind it does.",
        resource_types=(DISTRIBUTION,),
        area=Area.NETWORK,
        severity=Severity.INFORMATIONAL,
        remedy=Remedy.DELETE,
        remediation="Make sure that no DNS record names it, switch it off, then delete it with its web ACL and origin.",
        find=_distribution_idle,
        properties=("enabled", "staging", "distributionId"),
        saving="Its own charges; mostly none.",
        parameters=(
            Parameter("requests", Decimal(100), "requests", "It has to have fewer than this in the window."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=(
            Metric(
                "requests",
                "Requests",
                Daily.SUM,
                "AWS/CloudFront",
                (("DistributionId", "properties.distributionId"), ("Region", "=Global")),
                silent_at_zero=True,
                region=_HOME,
            ),
        ),
        links=(
            "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html",
        ),
    ),
    _check(
        id="aws.waf.unused",
        title="Web ACL that protects nothing",
        description="A web ACL is paid by the month, with each of its rules, whether it stands before anything or not.",
        resource_types=(WEB_ACL,),
        area=Area.NETWORK,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Delete it, or associate it with what it was made for.",
        find=_web_acl_unused,
        properties=("resourceCount",),
        prices=("waf.web_acl",),
        saving="The price of a web ACL; that of its rules comes on top.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long ago it has to have been seen first."),),
        links=(
            "https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-deleting.html",
            "https://aws.amazon.com/waf/pricing/",
        ),
    ),
    _check(
        id="aws.cloudtrail.duplicate",
        title="Trail that copies management events once more",
        description="The first copy of the management events of a region is free, each further one is paid.",
        resource_types=(TRAIL,),
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.CONFIGURE,
        remediation="Let one trail of all regions have the management events; take them out of the others.",
        find=_trail_duplicate,
        properties=_TRAIL_PROPERTIES,
        neighbours=(Neighbours(RelationshipKind.MEMBER_OF, TRAIL, _TRAIL_PROPERTIES, peers=True),),
        saving="Its own charges.",
        links=(
            "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-trail-manage-costs.html",
            "https://aws.amazon.com/cloudtrail/pricing/",
        ),
    ),
    _check(
        id="aws.config.global_types",
        title="Recorder that records global resources once more",
        description="Users, roles and policies are the same in all regions; each region that records them pays again.",
        resource_types=(RECORDER,),
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.CONFIGURE,
        remediation="Record global resource types in one region only.",
        find=_recorder_duplicate,
        properties=_RECORDER_PROPERTIES,
        neighbours=(Neighbours(RelationshipKind.MEMBER_OF, RECORDER, _RECORDER_PROPERTIES, peers=True),),
        saving="The configuration items of global resources, which only charges tell.",
        links=(
            "https://docs.aws.amazon.com/config/latest/developerguide/select-resources.html",
            "https://aws.amazon.com/config/pricing/",
        ),
    ),
)
