"""BigQuery, caches and queues: tables that nobody changes, slots and caches that nobody uses, messages nobody reads."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Final

from app.detection.check import (
    LOOKBACK_DAYS,
    MIN_AGE_DAYS,
    Area,
    Check,
    Daily,
    Metric,
    Neighbours,
    days,
    percent,
)
from app.detection.checks.gcp_values import at, number, window
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB, exact, has_lived, latest, required, unused
from app.detection.savings import Part, difference, hours, part, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

TABLE: Final = "bigquery.googleapis.com/Table"
DATASET: Final = "bigquery.googleapis.com/Dataset"
SLOTS: Final = "bigqueryreservation.googleapis.com/Reservation"
REDIS: Final = "redis.googleapis.com/Instance"
MEMCACHE: Final = "memcache.googleapis.com/Instance"
SUBSCRIPTION: Final = "pubsub.googleapis.com/Subscription"
_LONG_TERM: Final = "gcp.bq.storage.long_term"
_RETAINED: Final = "gcp.pubsub.retained"
_ALLOCATED: Final = Metric(
    "allocated",
    "bigquery.googleapis.com/slots/total_allocated_for_reservation",
    Daily.P95_HOURS,
    "bigquery_project",
    (("resource.labels.location", "properties.metricLocations"),),
    silent_at_zero=True,
)
"""Of the reservation that the project's queries use in a place: no label says which one that is."""
_CLIENTS: Final = Metric(
    "clients",
    "redis.googleapis.com/clients/connected",
    Daily.MAXIMUM,
    "redis_instance",
    (("resource.labels.instance_id", "properties.path"),),
)
_OPERATIONS: Final = Metric(
    "operations",
    "memcache.googleapis.com/node/operation_count",
    Daily.SUM,
    "memcache_node",
    (("resource.labels.instance_id", "name"),),
)
_SUBSCRIPTION_ID: Final = (("resource.labels.subscription_id", "name"),)
_QUEUE: Final = "pubsub.googleapis.com/subscription"
_OLDEST: Final = Metric(
    "oldest", f"{_QUEUE}/oldest_unacked_message_age", Daily.MAXIMUM, "pubsub_subscription", _SUBSCRIPTION_ID, days=7
)
_BACKLOG: Final = Metric(
    "backlog", f"{_QUEUE}/backlog_bytes", Daily.AVERAGE, "pubsub_subscription", _SUBSCRIPTION_ID, days=7
)
_SENT: Final = Metric(
    "sent", f"{_QUEUE}/sent_message_count", Daily.SUM, "pubsub_subscription", _SUBSCRIPTION_ID, silent_at_zero=True
)
_STEP: Final = 50
"""Slots are reserved in steps of so many."""
_HEADROOM: Final = Decimal("1.2")
_STEPS_OF_REDIS: Final = ((4, "m1"), (10, "m2"), (35, "m3"), (100, "m4"))
_LARGEST_REDIS: Final = "m5"
"""GiB of an instance up to which a price holds: https://cloud.google.com/memorystore/docs/redis/pricing."""
_MIB_A_GIB: Final = 1024
_DAY_SECONDS: Final = 86_400
_WEEK_SECONDS: Final = Decimal(7 * _DAY_SECONDS)
_NEARLY: Final = Decimal("0.9")


def _stale_table(facts: Facts) -> Finding | None:
    table = facts.subject
    changed = table.last_used_at
    if table.text("type") not in {"TABLE", None} or table.text("expirationTime") or changed is None:
        return None
    if not facts.is_older(changed, MIN_AGE_DAYS):
        return None
    evidence = (Evidence("changed last", changed.isoformat()),)
    return Finding(saving=_cost_of_table(facts), evidence=evidence)


def _cost_of_table(facts: Facts) -> Saving:
    """What was not changed for 90 days is paid at the price of long-term storage."""
    datasets = facts.related(RelationshipKind.MEMBER_OF, DATASET)
    if facts.cost is None and any(each.text("storageBillingModel") == "PHYSICAL" for each in datasets):
        return unknown("Its dataset is paid by compressed bytes, which the inventory does not tell.")
    if facts.subject.text("numBytes") is None:
        return whole(facts) if facts.cost is not None else unknown("How large it is was not told.")
    size = facts.subject.number("numBytes") / GIB
    return whole(facts, Part(_LONG_TERM, size, PriceUnit.GIB_MONTH, "GiB"))


def _unused_slots(facts: Facts) -> Finding | None:
    reservation = facts.subject
    held = number(reservation, "slotCapacity") if at(reservation, "slotCapacity") else Decimal(0)
    if held == 0 or not has_lived(facts):
        return None
    if any(_place(other) == _place(reservation) for other in facts.related(RelationshipKind.MEMBER_OF, SLOTS)):
        message = "There are other reservations in its place, and Google does not tell whose use it counts."
        raise UnknownFactError(message)
    used = exact(facts.usage("allocated").maximum)
    if used == 0:
        # Nothing is told where no project is assigned, and where a query asks in vain: that is no proof.
        message = "Google tells no use of its slots on any day."
        raise UnknownFactError(message)
    if used * 100 >= held * facts.threshold("usedPercent"):
        return None
    steps = (used * _HEADROOM / _STEP).to_integral_value(ROUND_CEILING)
    target = steps * _STEP
    if target >= held:
        return None
    edition = required(reservation, "edition").lower()
    now, then = (
        hours(f"gcp.bq.slot.{edition}", f"slot hours {label}", count)
        for label, count in (("as it is", held), ("to be", target))
    )
    return Finding(
        saving=difference(facts, now=[now], then=[then]),
        evidence=(
            Evidence("slots", f"{held:f}"),
            Evidence("slots used, p95 of the busiest day", f"{used:f}"),
            window(facts),
        ),
        target=f"{target:f} slots",
    )


def _place(reservation: Subject) -> str:
    """Project and location, as in the name of a reservation."""
    return reservation.native_id.partition("/reservations/")[0]


def _redis_idle(facts: Facts) -> Finding | None:
    cache = facts.subject
    evidence = unused(facts, "clients", unit="clients at a time") if cache.status == "READY" else None
    if evidence is None:
        return None
    size, tier = number(cache, "memorySizeGb"), required(cache, "tier")
    step = next((name for most, name in _STEPS_OF_REDIS if size <= most), _LARGEST_REDIS)
    kind, nodes = tier.partition("_")[0].lower(), Decimal(1)
    if at(cache, "readReplicasMode") == "READ_REPLICAS_ENABLED":
        # Then each node is paid, the first one too; else the price of Standard holds the copy.
        kind, nodes = "replicated", 1 + number(cache, "replicaCount")
    part = hours(f"gcp.redis.{kind}.{step}", "GiB hours", size * nodes)
    return Finding(
        saving=whole(facts, part),
        evidence=(Evidence("tier", tier), Evidence("memory", f"{size:f}", "GiB"), *evidence),
    )


def _memcache_idle(facts: Facts) -> Finding | None:
    cache = facts.subject
    evidence = unused(facts, "operations", unit="operations") if cache.status == "READY" else None
    if evidence is None:
        return None
    nodes = number(cache, "nodeCount")
    memory = number(cache, "nodeConfig.memorySizeMb") / _MIB_A_GIB
    parts = (
        hours("gcp.memcache.vcpu", "virtual CPU hours", number(cache, "nodeConfig.cpuCount") * nodes),
        hours("gcp.memcache.gib", "GiB hours", memory * nodes),
    )
    return Finding(saving=whole(facts, *parts), evidence=(Evidence("nodes", f"{nodes:f}"), *evidence))


def _stale_subscription(facts: Facts) -> Finding | None:
    subscription = facts.subject
    quiet = None if at(subscription, "detached") is True else unused(facts, "sent", unit="messages sent")
    if quiet is None:
        return None
    oldest = latest(facts, "oldest")
    # A message is not kept for longer than the retention, so its age never gets beyond.
    kept = _seconds(subscription.text("messageRetentionDuration")) * _NEARLY
    if oldest <= min(facts.threshold("oldestDays") * _DAY_SECONDS, kept):
        return None
    size = latest(facts, "backlog") / GIB
    topic = str(subscription.text("topic")).rpartition("/")[2]
    return Finding(
        saving=part(facts, Part(_RETAINED, size, PriceUnit.GIB_MONTH, "GiB that wait")),
        evidence=(
            Evidence("topic", topic),
            Evidence("oldest message", f"{oldest / _DAY_SECONDS:.1f}", "days"),
            Evidence("messages that wait", f"{size:.1f}", "GiB"),
            *quiet,
        ),
    )


def _seconds(told: str | None) -> Decimal:
    """A duration such as `604800s`, which is also what holds where nothing is said."""
    digits = (told or "").removesuffix("s")
    return Decimal(digits) if digits.isdecimal() else _WEEK_SECONDS


CHECKS: Final = (
    Check(
        id="gcp.bq.stale",
        title="Table that has not changed for long",
        description="Nothing was written to the table for long. Who reads it, the inventory does not tell: ask before "
        "it goes.",
        provider=Provider.GCP,
        area=Area.ANALYTICS,
        resource_types=(TABLE,),
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.REVIEW,
        remediation="Look in INFORMATION_SCHEMA.JOBS whether any query reads it. If none does, export it to an archive "
        "bucket if it has to be kept, and delete it; or give its dataset an expiry.",
        find=_stale_table,
        properties=("type", "numBytes", "expirationTime"),
        prices=(_LONG_TERM,),
        saving="All of the table at the price of long-term storage.",
        parameters=(days(MIN_AGE_DAYS, 90, "How long ago it has to have changed last."),),
        neighbours=(Neighbours(RelationshipKind.MEMBER_OF, DATASET, ("storageBillingModel",), outgoing=True),),
        links=(
            "https://cloud.google.com/bigquery/pricing",
            "https://cloud.google.com/bigquery/docs/best-practices-storage",
        ),
    ),
    Check(
        id="gcp.bq.slots",
        title="BigQuery reservation with many more slots than it uses",
        description="The baseline of a reservation is paid whether queries run or not. What autoscaling adds is paid "
        "by use, and is not looked at. Google tells the use of the reservation that queries of its own project run in, "
        "and not which one that is: nothing is found where the project has several in one place.",
        provider=Provider.GCP,
        area=Area.ANALYTICS,
        resource_types=(SLOTS,),
        severity=Severity.HIGH,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.RESIZE,
        remediation="Lower the baseline to the slots told as the target and let autoscaling cover peaks. Slots of a "
        "capacity commitment are paid until it ends.",
        find=_unused_slots,
        properties=("slotCapacity", "edition", "metricLocations"),
        prices=("gcp.bq.slot.*",),
        saving="Price of the slots less the price of those that the busiest day needs and a fifth more.",
        parameters=(
            percent("usedPercent", 30, "95 % of the hours of each day have to need less of the slots than this."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=(_ALLOCATED,),
        neighbours=(Neighbours(RelationshipKind.MEMBER_OF, SLOTS, peers=True),),
        links=(
            "https://cloud.google.com/bigquery/pricing",
            "https://cloud.google.com/bigquery/docs/reservations-monitoring",
        ),
    ),
    Check(
        id="gcp.redis.idle",
        title="Redis instance that nobody connects to",
        description="No client was connected at any time, yet its memory is paid by the hour.",
        provider=Provider.GCP,
        area=Area.DATABASE,
        resource_types=(REDIS,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask its owner. Export what is in it if it may be needed, then delete the instance.",
        find=_redis_idle,
        properties=("path", "tier", "memorySizeGb", "replicaCount", "readReplicasMode"),
        prices=("gcp.redis.*",),
        saving="All hours of the instance, replicas included.",
        parameters=(days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),),
        metrics=(_CLIENTS,),
        links=(
            "https://cloud.google.com/memorystore/docs/redis/pricing",
            "https://cloud.google.com/memorystore/docs/redis/supported-monitoring-metrics",
        ),
    ),
    Check(
        id="gcp.memorystore.idle",
        title="Memcached instance that nobody uses",
        description="No operation was asked of any of its nodes, yet they are paid by the hour.",
        provider=Provider.GCP,
        area=Area.DATABASE,
        resource_types=(MEMCACHE,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask its owner, then delete the instance: a cache holds nothing that is not elsewhere.",
        find=_memcache_idle,
        properties=("nodeCount", "nodeConfig"),
        prices=("gcp.memcache.vcpu", "gcp.memcache.gib"),
        saving="All hours of the processors and memory of all nodes.",
        parameters=(days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),),
        metrics=(_OPERATIONS,),
        links=(
            "https://cloud.google.com/memorystore/docs/memcached/pricing",
            "https://cloud.google.com/memorystore/docs/memcached/supported-monitoring-metrics",
        ),
    ),
    Check(
        id="gcp.pubsub.stale",
        title="Subscription that nobody reads",
        description="Messages pile up and nothing was handed out: whoever read them is gone. What waits for more than "
        "a day is paid.",
        provider=Provider.GCP,
        area=Area.ANALYTICS,
        resource_types=(SUBSCRIPTION,),
        severity=Severity.LOW,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask whether its reader is to come back; messages are lost after the retention anyway. If not, "
        "delete the subscription, and the topic if it has no other.",
        find=_stale_subscription,
        properties=("detached", "messageRetentionDuration", "topic"),
        prices=(_RETAINED,),
        saving="Storage of the messages that wait.",
        parameters=(
            days("oldestDays", 7, "The oldest message has to wait for longer, or for nearly as long as any is kept."),
            days(LOOKBACK_DAYS, 30, "How many days nothing was handed out.", most=90),
        ),
        metrics=(_OLDEST, _BACKLOG, _SENT),
        links=("https://cloud.google.com/pubsub/pricing", "https://cloud.google.com/pubsub/docs/monitoring"),
    ),
)
