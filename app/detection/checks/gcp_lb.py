"""Load balancers with nothing behind them, or nobody in front of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, Neighbours, Parameter, days
from app.detection.checks.gcp_values import MANAGER, last, listed
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import busiest_day, has_lived
from app.detection.savings import hours, portion, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Saving, Severity

_COMPUTE: Final = "compute.googleapis.com"
RULE: Final = f"{_COMPUTE}/ForwardingRule"
GLOBAL_RULE: Final = f"{_COMPUTE}/GlobalForwardingRule"
PROXIES: Final = tuple(f"{_COMPUTE}/Target{kind}Proxy" for kind in ("Http", "Https", "Ssl", "Tcp"))
URL_MAP: Final = f"{_COMPUTE}/UrlMap"
SERVICES: Final = (f"{_COMPUTE}/BackendService", f"{_COMPUTE}/RegionBackendService")
POOL: Final = f"{_COMPUTE}/TargetPool"
_PROXY_PARTS: Final = ("targetHttpProxies", "targetHttpsProxies", "targetSslProxies", "targetTcpProxies")
_READ: Final = (*PROXIES, URL_MAP, *SERVICES, POOL, MANAGER)
_FIRST_RULES: Final = "gcp.lb.first_rules.hour"
_FURTHER_RULE: Final = "gcp.lb.further_rule.hour"
_AT_ONE_PRICE: Final = 5
"""So many rules of a project are paid as one: https://cloud.google.com/vpc/network-pricing#lb."""
_MANAGED: Final = "_MANAGED"


def _peers(kind: str, *properties: str, watched: tuple[str, ...] = ()) -> Neighbours:
    return Neighbours(RelationshipKind.MEMBER_OF, kind, properties, watched=watched, peers=True)


_RULE_PROPERTIES: Final = ("target", "backendService", "loadBalancingScheme")
_RULES: Final = tuple(_peers(kind, *_RULE_PROPERTIES) for kind in (RULE, GLOBAL_RULE))
_CHAIN: Final = (
    *(_peers(kind, "urlMap", "service") for kind in PROXIES),
    _peers(URL_MAP, "services", "leftOut"),
    *(_peers(kind, "backends", watched=("backends",)) for kind in SERVICES),
    _peers(POOL, "instances", watched=("instances",)),
    _peers(MANAGER, "instanceGroup", "targetSize", watched=("targetSize",)),
)
_NAME: Final = ("resource.labels.forwarding_rule_name", "name")


def _traffic(key: str, name: str, namespace: str | None = None, *, only: tuple[str, ...] = ()) -> Metric:
    metric = f"loadbalancing.googleapis.com/{name}"
    return Metric(key, metric, Daily.SUM, namespace, (_NAME,), silent_at_zero=True, resource_types=only)


_METRICS: Final = (
    _traffic("requests", "https/request_count", "https_lb_rule"),
    _traffic(
        "regionalRequests", "https/external/regional/request_count", "http_external_regional_lb_rule", only=(RULE,)
    ),
    _traffic("internalRequests", "https/internal/request_count", "internal_http_lb_rule"),
    _traffic("connections", "tcp_ssl_proxy/new_connections", "tcp_ssl_proxy_rule"),
    _traffic("proxiedConnections", "l4_proxy/tcp/new_connections_count", "l4_proxy_rule"),
    _traffic("packets", "l3/external/ingress_packets_count", only=(RULE,)),
    _traffic("internalPackets", "l3/internal/ingress_packets_count", only=(RULE,)),
)
_PRICING: Final = "https://cloud.google.com/vpc/network-pricing#lb"
_DELETE: Final = (
    "Look for DNS records and partners that still name its address. Then delete the forwarding rule, its proxy, URL "
    "map and backend service, and release its address."
)


def _target(rule: Subject) -> str | None:
    """What a rule hands on to, if it is that of a load balancer: no VPN gateway, single machine or endpoint."""
    service = rule.text("backendService")
    if service:
        return service
    target = rule.text("target") or ""
    return target if {*_PROXY_PARTS, "targetPools"} & set(target.split("/")) else None


def _no_backend(facts: Facts) -> Finding | None:
    rule = facts.subject
    target = _target(rule)
    if target is None:
        return None
    for kind in _READ:
        facts.none_other(kind)
    known = {each.native_id: each for kind in _READ for each in facts.related(RelationshipKind.MEMBER_OF, kind)}
    ends = _ends(known, target)
    empty_since = _empty_since(known, ends)
    if empty_since is None:
        return None
    since = max([rule.created_at or rule.first_seen_at, *empty_since])
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=_cost(facts),
        evidence=(Evidence("hands on to", last(target)), Evidence("empty since, at the latest", since.isoformat())),
        confidence=Confidence.LIKELY if any(known[end].properties.get("backends") for end in ends) else None,
    )


def _ends(known: Mapping[str, Subject], name: str) -> list[str]:
    """Where what comes in ends: names of backends. None for a URL map that only redirects."""
    if name not in known:
        if set(name.split("/")) & {*_PROXY_PARTS, "urlMaps"}:
            message = f"{last(name)}, which it hands on to, is not in the inventory."
            raise UnknownFactError(message)
        return [name]
    found = known[name]
    if found.resource_type == URL_MAP:
        return [str(each) for each in listed(found, "services")]
    following = found.text("urlMap") or found.text("service") if found.resource_type in PROXIES else None
    return _ends(known, following) if following else [name]


def _empty_since(known: Mapping[str, Subject], ends: Iterable[str]) -> list[datetime] | None:
    """Since when each backend is empty; None where one is not, or where nothing is asked for at all."""
    found: list[datetime] = []
    for name in ends:
        if name not in known:
            if "/backendServices/" in name or "/targetPools/" in name:
                message = f"{last(name)}, which it hands on to, is not in the inventory."
                raise UnknownFactError(message)
            return None  # a bucket, or what is not looked into
        backend = known[name]
        if backend.resource_type not in {*SERVICES, POOL}:
            return None
        property_ = "instances" if backend.resource_type == POOL else "backends"
        groups = _empty_groups(known, listed(backend, property_))
        if groups is None:
            return None
        found += [backend.same_since(property_), *groups]
    return found or None


def _empty_groups(known: Mapping[str, Subject], backends: Iterable[Any]) -> list[datetime] | None:
    """Since when each group is empty; None where one is not, or where there is something else, such as endpoints.

    Of groups only those with a manager are looked into: since when another one has no machines, nothing tells.
    """
    managers = {each.text("instanceGroup"): each for each in known.values() if each.resource_type == MANAGER}
    found: list[datetime] = []
    for backend in backends:
        manager = managers.get(str(backend.get("group"))) if isinstance(backend, Mapping) else None
        if manager is None or manager.number("targetSize") > 0:
            return None
        found.append(manager.same_since("targetSize"))
    return found


def _idle(facts: Facts) -> Finding | None:
    rule = facts.subject
    key = _metric_of(rule)
    if key is None or not has_lived(facts):
        return None
    most = busiest_day(facts, key)
    if most > facts.threshold("perDay"):
        return None
    unit = "packets" if key.lower().endswith("packets") else "requests or connections"
    evidence = (Evidence("busiest day", f"{most:f}", unit), Evidence("days", f"{facts.threshold(LOOKBACK_DAYS):f}"))
    return Finding(saving=_cost(facts), evidence=evidence)


def _metric_of(rule: Subject) -> str | None:
    """Which metric tells what comes in; None for what is no load balancer, or is not counted by Google."""
    target, scheme = _target(rule), rule.text("loadBalancingScheme") or "EXTERNAL"
    if target is None or scheme == "INTERNAL_SELF_MANAGED":
        return None
    is_internal, is_regional = scheme.startswith("INTERNAL"), rule.resource_type == RULE
    if "/targetHttp" in target:
        if is_internal:
            return "internalRequests"
        # The classic one counts like a global one where it is regional too, as in the Standard tier.
        return "regionalRequests" if is_regional and scheme.endswith(_MANAGED) else "requests"
    if "/targetSslProxies/" in target or "/targetTcpProxies/" in target:
        return "proxiedConnections" if scheme.endswith(_MANAGED) else "connections"
    return "internalPackets" if is_internal else "packets"


def _cost(facts: Facts) -> Saving:
    """What a rule costs: the first five of a project are paid as one, each further one apart."""
    project = _project(facts.subject)
    others = [each for kind in (RULE, GLOBAL_RULE) for each in facts.related(RelationshipKind.MEMBER_OF, kind)]
    count = 1 + sum(_target(each) is not None and _project(each) == project for each in others)
    if count > _AT_ONE_PRICE:
        return whole(facts, hours(_FURTHER_RULE, "hours"))
    saving = whole(facts, hours(_FIRST_RULES, "hours"))
    if facts.cost is not None or count == 1:
        return saving
    return portion(saving, 1 / Decimal(count), "share of the rules that are paid as one")


def _project(rule: Subject) -> str:
    return rule.native_id.partition("/projects/")[2].partition("/")[0]


CHECKS: Final = (
    Check(
        id="gcp.lb.no_backend",
        title="Load balancer with nothing behind it",
        description="Its forwarding rule ends in backend services without backends, in managed groups that are kept "
        "at no machines, or in an empty target pool: nothing can answer what comes in, yet each hour is paid. Rules "
        "that redirect, or that end in buckets or network endpoint groups, are left out.",
        provider=Provider.GCP,
        area=Area.NETWORK,
        resource_types=(RULE, GLOBAL_RULE),
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation=_DELETE,
        find=_no_backend,
        properties=_RULE_PROPERTIES,
        prices=(_FIRST_RULES, _FURTHER_RULE),
        saving="All hours of the forwarding rule; of up to five rules of a project, which are paid as one, its share.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be there and without backends."),),
        neighbours=(*_RULES, *_CHAIN),
        absence_of=_READ,
        links=(_PRICING, "https://cloud.google.com/load-balancing/docs/forwarding-rule-concepts"),
    ),
    Check(
        id="gcp.lb.idle",
        title="Load balancer that nobody uses",
        description="No request, connection or packet came in through its forwarding rule.",
        provider=Provider.GCP,
        area=Area.NETWORK,
        resource_types=(RULE, GLOBAL_RULE),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation=_DELETE,
        find=_idle,
        properties=_RULE_PROPERTIES,
        prices=(_FIRST_RULES, _FURTHER_RULE),
        saving="All hours of the forwarding rule; of up to five rules of a project, which are paid as one, its share.",
        parameters=(
            Parameter("perDay", Decimal(0), "requests", "Each day may have so many requests, connections or packets."),
            days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
        ),
        metrics=_METRICS,
        neighbours=_RULES,
        links=(_PRICING, "https://cloud.google.com/load-balancing/docs/metrics"),
    ),
)
