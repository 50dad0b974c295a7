"""Checks of BigQuery, caches and Pub/Sub."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.gcp_data import DATASET, MEMCACHE, REDIS, SLOTS, SUBSCRIPTION, TABLE
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

GIB = 2**30
DAY = 86_400
RESERVATIONS = "//bigqueryreservation.googleapis.com/projects/acme/locations"
PRICES = {
    "gcp.bq.storage.long_term": ("0.01", PriceUnit.GIB_MONTH),
    "gcp.bq.slot.enterprise": ("0.06", PriceUnit.HOUR),
    "gcp.redis.basic.m1": ("0.05", PriceUnit.HOUR),
    "gcp.redis.basic.m5": ("0.02", PriceUnit.HOUR),
    "gcp.redis.standard.m2": ("0.06", PriceUnit.HOUR),
    "gcp.redis.replicated.m2": ("0.03", PriceUnit.HOUR),
    "gcp.memcache.vcpu": ("0.05", PriceUnit.HOUR),
    "gcp.memcache.gib": ("0.01", PriceUnit.HOUR),
    "gcp.pubsub.retained": ("0.27", PriceUnit.GIB_MONTH),
}


def table(changed: float | None = 100, **properties: Any) -> Subject:
    plain = {"type": "TABLE", "numBytes": 1000 * GIB}
    used = None if changed is None else ago(changed)
    return subject(TABLE, "t", last_used_at=used, properties=plain | properties)


def dataset(model: str | None) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    found = subject(DATASET, "d", properties={"storageBillingModel": model})
    return {(RelationshipKind.MEMBER_OF, DATASET): [found]}


def slots(held: int | None = 500, born: float = 300, edition: str | None = "ENTERPRISE") -> Subject:
    properties = {"slotCapacity": held, "edition": edition}
    return subject(SLOTS, f"{RESERVATIONS}/us/reservations/etl", created_at=ago(born), properties=properties)


def beside(*names: str) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    """Other reservations of the account."""
    return {(RelationshipKind.MEMBER_OF, SLOTS): [subject(SLOTS, name) for name in names]}


def allocated(each: float | None) -> dict[str, Usage | None]:
    return {"allocated": None if each is None else flat(each, 30)}


def redis(
    size: int = 4, tier: str | None = "BASIC", *, status: str = "READY", born: float = 300, **more: Any
) -> Subject:
    plain = {"path": "projects/acme/locations/us-east1/instances/cache", "tier": tier, "memorySizeGb": size}
    return subject(REDIS, "cache", status=status, created_at=ago(born), properties=plain | more)


def memcache(status: str = "READY", born: float = 300) -> Subject:
    plain = {"nodeCount": 3, "nodeConfig": {"cpuCount": 2, "memorySizeMb": 4096}}
    return subject(MEMCACHE, "m", status=status, created_at=ago(born), properties=plain)


def subscription(kept: str | None = "2678400s", born: float = 300, **properties: Any) -> Subject:
    plain = {"topic": "projects/acme/topics/orders", "messageRetentionDuration": kept}
    return subject(SUBSCRIPTION, "s", status="ACTIVE", created_at=ago(born), properties=plain | properties)


def queue(oldest: float | None = 20, gib: float | None = 100, sent: float | None = 0) -> dict[str, Usage | None]:
    """How old the oldest message is in days, how much waits, and how many messages were sent a day."""
    return {
        "oldest": None if oldest is None else flat(oldest * DAY, 7),
        "backlog": None if gib is None else flat(gib * GIB, 7),
        "sent": None if sent is None else flat(sent, 30),
    }


def two_weeks(key: str, each: float | None = 0) -> dict[str, Usage | None]:
    return {key: None if each is None else flat(each, 14)}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"gcp.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


CHARGES = ActualCost(Decimal(30), "USD", 30)
CLIENTS, OPERATIONS = two_weeks("clients"), two_weeks("operations")
CASES = (
    case("bq.stale", "found", table(), FOUND, "10.0000", neighbours=dataset("LOGICAL")),
    case("bq.stale", "clear", table(3), CLEAR),
    case("bq.stale", "boundary:minAgeDays", table(90), CLEAR),
    case("bq.stale", "boundary:minAgeDays", table(90.01), FOUND),
    case("bq.stale", "a view", table(type="VIEW"), CLEAR),
    case("bq.stale", "it ends by itself", table(expirationTime=1_777_593_600_000), CLEAR),
    case("bq.stale", "never told", table(None), CLEAR),
    case("bq.stale", "paid by compressed bytes", table(), FOUND, "unknown", neighbours=dataset("PHYSICAL")),
    case("bq.stale", "size not told", table(numBytes=None), FOUND, "unknown"),
    case(
        "bq.stale",
        "its charges",
        table(numBytes=None),
        FOUND,
        "30.4375",
        basis=PriceBasis.ACTUAL,
        cost=CHARGES,
        neighbours=dataset("PHYSICAL"),
    ),
    # 50 and a fifth are 60: 100 in steps of 50.
    case("bq.slots", "found", slots(), FOUND, "17520.0000", target="100 slots", usages=allocated(50)),
    case(
        "bq.slots",
        "one in another place",
        slots(),
        FOUND,
        usages=allocated(50),
        neighbours=beside(f"{RESERVATIONS}/eu/reservations/etl"),
    ),
    case(
        "bq.slots",
        "two in one place",
        slots(),
        UNKNOWN,
        usages=allocated(50),
        neighbours=beside(f"{RESERVATIONS}/us/reservations/other"),
    ),
    case("bq.slots", "clear", slots(), CLEAR, usages=allocated(400)),
    case("bq.slots", "boundary:usedPercent", slots(), CLEAR, usages=allocated(150)),
    case("bq.slots", "boundary:usedPercent", slots(), FOUND, usages=allocated(149)),
    case("bq.slots", "missing:allocated", slots(), UNKNOWN, usages=allocated(None)),
    case("bq.slots", "no use is told", slots(), UNKNOWN, usages=allocated(0)),
    case("bq.slots", "next to no use", slots(), FOUND, "19710.0000", target="50 slots", usages=allocated(1)),
    case("bq.slots", "the smallest there is", slots(50), CLEAR, usages=allocated(10)),
    case("bq.slots", "no baseline", slots(None), CLEAR, usages=allocated(0)),
    case("bq.slots", "a baseline of none", slots(0), CLEAR, usages=allocated(0)),
    case("bq.slots", "new", slots(born=20), CLEAR, usages=allocated(0)),
    case("bq.slots", "no edition", slots(edition=None), UNKNOWN, usages=allocated(1)),
    case("redis.idle", "found", redis(), FOUND, "146.0000", usages=CLIENTS),
    case("redis.idle", "clear", redis(), CLEAR, usages=two_weeks("clients", 2)),
    case("redis.idle", "missing:clients", redis(), UNKNOWN, usages=two_weeks("clients", None)),
    case("redis.idle", "new", redis(born=10), CLEAR, usages=CLIENTS),
    case("redis.idle", "being made", redis(status="CREATING"), CLEAR, usages=CLIENTS),
    case("redis.idle", "with a copy", redis(10, "STANDARD_HA"), FOUND, "438.0000", usages=CLIENTS),
    case(
        "redis.idle",
        "with replicas to read from",
        redis(10, "STANDARD_HA", readReplicasMode="READ_REPLICAS_ENABLED", replicaCount=2),
        FOUND,
        "657.0000",
        usages=CLIENTS,
    ),
    case("redis.idle", "large", redis(200), FOUND, "2920.0000", usages=CLIENTS),
    case("redis.idle", "no tier", redis(tier=None), UNKNOWN, usages=CLIENTS),
    # 6 virtual CPUs for 0.30 and 12 GiB for 0.12 an hour.
    case("memorystore.idle", "found", memcache(), FOUND, "306.6000", usages=OPERATIONS),
    case("memorystore.idle", "clear", memcache(), CLEAR, usages=two_weeks("operations", 5)),
    case("memorystore.idle", "missing:operations", memcache(), UNKNOWN, usages=two_weeks("operations", None)),
    case("memorystore.idle", "new", memcache(born=10), CLEAR, usages=OPERATIONS),
    case("memorystore.idle", "being made", memcache("CREATING"), CLEAR, usages=OPERATIONS),
    case("pubsub.stale", "found", subscription(), FOUND, "27.0000", usages=queue()),
    case("pubsub.stale", "clear", subscription(), CLEAR, usages=queue(sent=5)),
    case("pubsub.stale", "boundary:oldestDays", subscription(), CLEAR, usages=queue(7)),
    case("pubsub.stale", "boundary:oldestDays", subscription(), FOUND, usages=queue(7.1)),
    *(case("pubsub.stale", f"missing:{k}", subscription(), UNKNOWN, usages=queue() | {k: None}) for k in queue()),
    # Kept for a week, so that none gets any older.
    case("pubsub.stale", "as old as may be", subscription(None), FOUND, usages=queue(6.9)),
    case("pubsub.stale", "not so old", subscription("604800s"), CLEAR, usages=queue(6)),
    case("pubsub.stale", "detached", subscription(detached=True), CLEAR, usages=queue()),
    case("pubsub.stale", "new", subscription(born=20), CLEAR, usages=queue()),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
