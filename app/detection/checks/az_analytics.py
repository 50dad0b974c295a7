"""Clusters and pools for analysis that are paid by the hour and do little."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Parameter, days, percent
from app.detection.checks.az_facts import LEARN, PRICING, capacity, each_of, number, sku, told
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact, has_lived, unused
from app.detection.savings import Part, difference, hours, whole
from app.records import Provider
from app.records.detection import Confidence, Remedy, Severity

POOL: Final = "microsoft.synapse/workspaces/sqlpools"
KUSTO: Final = "microsoft.kusto/clusters"
HDINSIGHT: Final = "microsoft.hdinsight/clusters"
_UNITS: Final = "az.synapse.dwu100"
_NAME: Final = re.compile(r"dw(\d+)c")
_STEPS: Final = tuple(
    map(Decimal, (100, 200, 300, 400, 500, 1000, 1500, 2000, 2500, 3000, 5000, 6000, 7500, 10_000, 15_000, 30_000))
)
_HEADROOM: Final = Decimal("1.2")
_USED: Final = Metric("used", "DWUUsedPercent", Daily.P95_HOURS)
_QUERIES: Final = Metric("queries", "QueryDuration", Daily.MAXIMUM, silent_at_zero=True)
_REQUESTS: Final = Metric("requests", "GatewayRequests", Daily.SUM, silent_at_zero=True)


def _pool_underused(facts: Facts) -> Finding | None:
    pool = facts.subject
    if pool.status != "Online" or not has_lived(facts):
        return None
    found = _NAME.fullmatch(sku(pool))
    if found is None:
        message = f"The size {sku(pool)} is not in the catalogue."
        raise UnknownFactError(message)
    size, used = Decimal(found[1]), exact(facts.usage("used").maximum)
    if used >= facts.threshold("usedPercent"):
        return None
    # One that does nothing at all is better paused.
    needed = size * used / 100 * _HEADROOM
    target = Decimal(0) if used == 0 else next(step for step in _STEPS if step >= needed)
    if target >= size:
        return None
    less = hours(_UNITS, "hundreds of data warehouse units less, all hours", (size - target) / 100)
    stays = [hours(_UNITS, "hundreds of data warehouse units that stay, all hours", target / 100)]
    return Finding(
        saving=difference(facts, now=[less], then=(), beside=stays),
        evidence=(
            Evidence("size", sku(pool)),
            Evidence("used, p95 of the busiest day", f"{used:.1f}", "%"),
            Evidence("days", str(facts.usage("used").days)),
        ),
        target=f"DW{target}c" if target else "paused",
    )


def _kusto_idle(facts: Facts) -> Finding | None:
    cluster = facts.subject
    if cluster.status != "Running":
        return None
    shown = unused(facts, "queries", unit="ms, the longest query")
    if shown is None:
        return None
    count = capacity(cluster, otherwise=1)
    return Finding(whole(facts, hours(f"az.adx.{sku(cluster)}", "hours of its instances", count)), shown)


def _hdinsight_idle(facts: Facts) -> Finding | None:
    cluster = facts.subject
    if cluster.status != "Running":
        return None
    shown = unused(facts, "requests", unit="requests", upto=facts.threshold("requestsPerDay"))
    return None if shown is None else Finding(whole(facts, *_nodes(cluster)), shown)


def _nodes(cluster: Subject) -> list[Part]:
    roles = each_of(cluster.record("computeProfile"), "roles")
    parts = []
    for role in roles:
        size = told(role, "hardwareProfile", "vmSize")
        if size is None:
            message = f"The nodes of {cluster.native_id} are not known."
            raise UnknownFactError(message)
        label = f"hours of {told(role, 'name') or 'nodes'}"
        parts.append(hours(f"az.hdinsight.{size.lower()}", label, number(cluster, role, "targetInstanceCount")))
    return parts


_check = partial(Check, provider=Provider.AZURE, area=Area.ANALYTICS)
CHECKS: Final = (
    _check(
        id="az.synapse.underused",
        title="Dedicated SQL pool that is larger than it has to be",
        description="It is not paused and uses a small part of its data warehouse units.",
        resource_types=(POOL,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Scale it to the size told as the target at a quiet hour: queries are stopped. Pause it at nights "
        "and weekends if nobody asks it then.",
        find=_pool_underused,
        properties=("sku",),
        prices=(_UNITS,),
        saving="Hours of the units that are not needed, a fifth of room left; all of them where it does nothing.",
        parameters=(
            percent("usedPercent", 20, "95 % of each day has to use less than this of its units."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=(_USED,),
        links=(
            PRICING + "synapse-analytics/",
            LEARN + "synapse-analytics/sql-data-warehouse/sql-data-warehouse-manage-compute-overview",
        ),
    ),
    _check(
        id="az.adx.idle",
        title="Data Explorer cluster that nobody asks",
        description="It runs and has not answered a single query.",
        resource_types=(KUSTO,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.STOP,
        remediation="Ask who fills it and for what. Stop it, or let it stop by itself when nobody uses it; delete it "
        "if nobody misses it.",
        find=_kusto_idle,
        properties=("sku",),
        prices=("az.adx.*",),
        saving="All hours of its instances.",
        parameters=(days(LOOKBACK_DAYS, 7, "How many days have to pass without a query.", most=90),),
        metrics=(_QUERIES,),
        links=(PRICING + "data-explorer/", "https://learn.microsoft.com/azure/data-explorer/auto-stop-clusters"),
    ),
    _check(
        id="az.hdinsight.idle",
        title="HDInsight cluster without work",
        description="Hardly anything came in through its gateway, yet the hours of all its nodes are paid. A cluster "
        "cannot be paused.",
        resource_types=(HDINSIGHT,),
        severity=Severity.HIGH,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.DELETE,
        remediation="Ask its owner whether jobs are started on it from inside the network, which the gateway does not "
        "see. Make sure that its data and metastores are outside of it, then delete it; make one when there is work.",
        find=_hdinsight_idle,
        properties=("computeProfile",),
        prices=("az.hdinsight.*",),
        saving="All hours of its nodes.",
        parameters=(
            Parameter("requestsPerDay", Decimal(0), "requests", "No day may have more."),
            days(LOOKBACK_DAYS, 7, "How many days are looked at.", most=90),
        ),
        metrics=(_REQUESTS,),
        links=(PRICING + "hdinsight/", LEARN + "hdinsight/hdinsight-delete-cluster"),
    ),
)
