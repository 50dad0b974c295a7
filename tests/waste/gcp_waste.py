"""What is wasted in the far project: check, label and what it costs a month, reckoned from list prices by hand.

Everything of the project that is not told here is a decoy: it must not be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from app.detection.catalogue import CHECKS
from tests.waste.gcp_seeding import REGION
from tests.waste.list_prices import HOURS, cents, prices

Told = tuple[str, str, Decimal | None]
"""Check, label, monthly saving in USD; None where it cannot be told."""
LEFT_OUT = {
    "gcp.advice.recommender": "It takes over what Recommender says, which has nothing to say of the far project.",
    "gcp.cud.underused": "It looks at charges, of which the far project has none: nothing of it is a resource.",
    "gcp.project.unattended": "The far project is one: as waste it would have no other that is a decoy.",
}
"""Checks that nothing is seeded for, and why."""

PARTS = {"boot-of-stopped": "stopped-machine", "data-of-stopped": "stopped-machine"}
"""What is part of something else whose saving has it in it already."""


def expected() -> dict[tuple[str, str], Decimal | None]:
    """Monthly savings by check and label."""
    parts = (*_machines(), *_capacity(), *_disks(), *_copies(), *_buckets(), *_network(), *_databases(), *_services())
    found = {(check, label): None if money is None else cents(money) for check, label, money in parts}
    assert len(found) == len(parts), "each is told once"
    return found


def all_together() -> Decimal:
    """What can be saved in all: of each resource the most, and what is part of another one not once more."""
    most: dict[str, Decimal] = {}
    for (_, label), money in expected().items():
        if label not in PARTS:
            most[label] = max(most.get(label, Decimal(0)), money or Decimal(0))
    return sum(most.values(), Decimal(0))


def known_without_metrics(key: tuple[str, str]) -> bool:
    """Whether something is waste whatever its metrics say, so that it is found without them."""
    return not CHECKS[key[0]].metrics


def price(code: str, region: str = REGION) -> Decimal:
    """A list price."""
    return prices("GCP", region)[code]


def machine(family: str, cpus: Decimal | float, gib: Decimal | float) -> Decimal:
    """What so many virtual CPUs and GiB cost for a month."""
    of_cpus = Decimal(str(cpus)) * price(f"gcp.vm.{family}.vcpu")
    return (of_cpus + Decimal(str(gib)) * price(f"gcp.vm.{family}.gib")) * HOURS


def hourly(code: str, times: int = 1, region: str = REGION) -> Decimal:
    """What costs so many times an hourly price, for a month."""
    return price(code, region) * times * HOURS


def stored(code: str, gib: int, region: str = REGION) -> Decimal:
    """What so many GiB cost for a month."""
    return price(code, region) * gib


def _machines() -> Iterator[Told]:
    local = stored("gcp.disk.local-ssd", 375)
    yield "gcp.vm.idle", "idle-machine", machine("n2", 4, 16)
    yield "gcp.vm.idle", "idle-spot-machine", None
    yield "gcp.vm.idle", "idle-with-local-disk", machine("n2", 4, 16) + local
    # A quarter of a processor is paid.
    yield "gcp.vm.idle", "idle-and-small", machine("e2", 0.25, 1)
    yield "gcp.vm.idle", "idle-custom", machine("n2.custom", 6, 20)
    # A tenth of 8 processors and a fifth of 32 GiB, and a fifth more: 1 and 7.7 fit into n2-standard-2.
    yield "gcp.vm.oversized", "large-machine", machine("n2", 8 - 2, 32 - 8)
    # 0.96 processors and 21.6 of 60 GiB fit into n1-highmem-4.
    yield "gcp.vm.oversized", "large-for-its-memory", machine("n1", 16 - 4, 60 - 26)
    yield "gcp.vm.gpu_idle", "idle-gpus", hourly("gcp.gpu.nvidia-tesla-t4", 2)
    disks = stored("gcp.disk.pd-balanced", 50) + stored("gcp.disk.pd-ssd", 200)
    yield "gcp.vm.stopped_long", "stopped-machine", disks + hourly("gcp.address.unused.hour")
    yield "gcp.disk.on_stopped_vm", "boot-of-stopped", stored("gcp.disk.pd-balanced", 50)
    yield "gcp.disk.on_stopped_vm", "data-of-stopped", stored("gcp.disk.pd-ssd", 200)


def _capacity() -> Iterator[Told]:
    yield "gcp.mig.idle", "idle-group", (4 - 1) * machine("e2", 2, 8)
    yield "gcp.reservation.idle", "unused-reservation", 10 * machine("n2", 4, 16)
    local = stored("gcp.disk.local-ssd", 375)
    yield "gcp.reservation.underused", "large-reservation", (10 - 4) * (machine("n2", 4, 16) + local)
    yield "gcp.cud.expiring", "ending-commitment", Decimal(0)


def _disks() -> Iterator[Told]:
    ssd, balanced = price("gcp.disk.pd-ssd"), price("gcp.disk.pd-balanced")
    yield "gcp.disk.unattached", "loose-disk", 500 * ssd
    # 3,000 operations and 140 MiB a second come with it.
    extra = (5000 - 3000) * price("gcp.disk.hyperdisk-balanced.iops")
    extra += (300 - 140) * price("gcp.disk.hyperdisk-balanced.throughput")
    yield "gcp.disk.unattached", "loose-hyperdisk", stored("gcp.disk.hyperdisk-balanced", 200) + extra
    yield "gcp.disk.unattached", "loose-in-two-zones", stored("gcp.disk.pd-balanced.regional", 100)
    yield "gcp.disk.unattached", "loose-in-a-pool", None
    yield "gcp.disk.overprovisioned", "fast-disk", 1000 * (ssd - balanced)
    # 2,500 is the least there is.
    yield "gcp.disk.overprovisioned", "many-operations", (20_000 - 2500) * price("gcp.disk.pd-extreme.iops")


def _copies() -> Iterator[Told]:
    yield "gcp.snapshot.orphan", "orphan-snapshot", stored("gcp.snapshot", 50)
    yield "gcp.snapshot.orphan", "orphan-of-a-name-used-again", stored("gcp.snapshot", 100, "us")
    yield "gcp.snapshot.orphan", "orphan-in-the-archive", stored("gcp.snapshot.archive", 200)
    yield "gcp.snapshot.orphan", "first-of-a-gone-disk", stored("gcp.snapshot", 80)
    yield "gcp.snapshot.old", "first-of-a-gone-disk", stored("gcp.snapshot", 80)
    yield "gcp.snapshot.orphan", "second-of-a-gone-disk", stored("gcp.snapshot", 60)
    yield "gcp.snapshot.old", "first-snapshot", stored("gcp.snapshot", 40)
    yield "gcp.image.unused", "unused-image", stored("gcp.image", 30)
    yield "gcp.image.unused", "unused-and-deprecated", stored("gcp.image", 40)


def _buckets() -> Iterator[Told]:
    standard, archive = price("gcp.storage.standard"), price("gcp.storage.archive")
    colder = standard - price("gcp.storage.nearline")
    # Half of it is taken to be cold.
    yield "gcp.storage.no_lifecycle", "large-bucket", 250 * colder
    colder_there = price("gcp.storage.standard", "us") - price("gcp.storage.nearline", "us")
    yield "gcp.storage.no_lifecycle", "large-bucket-in-many-regions", 400 * colder_there
    yield "gcp.storage.no_lifecycle", "unused-bucket-without-rules", 150 * colder
    yield "gcp.storage.inactive", "unused-bucket-without-rules", 300 * (standard - archive)
    yield "gcp.storage.inactive", "unused-bucket", 200 * (standard - archive)
    yield "gcp.storage.versions", "versions-for-ever", 300 * standard
    yield "gcp.storage.soft_delete", "deleted-for-long", 100 * standard


def _network() -> Iterator[Told]:
    yield "gcp.address.unused", "loose-address", hourly("gcp.address.unused.hour")
    yield "gcp.address.unused", "loose-global-address", None
    # There are more than five rules, so each one less saves the price of a further one.
    rule, of_all = hourly("gcp.lb.further_rule.hour"), hourly("gcp.lb.further_rule.hour", 1, "global")
    yield "gcp.lb.no_backend", "empty-pool-rule", rule
    yield "gcp.lb.idle", "empty-pool-rule", rule
    yield "gcp.lb.no_backend", "empty-https-rule", of_all
    yield "gcp.lb.no_backend", "rule-of-a-group-of-none", rule
    yield "gcp.lb.idle", "idle-https-rule", of_all
    yield "gcp.lb.idle", "idle-internal-rule", rule
    yield "gcp.nat.idle", "idle-router", None
    yield "gcp.nat.idle", "router-that-never-sent", None
    yield "gcp.vpn.idle", "idle-tunnel", hourly("gcp.vpn.tunnel.hour")
    yield "gcp.vpn.idle", "tunnel-that-is-down", hourly("gcp.vpn.tunnel.hour")
    yield "gcp.interconnect.idle", "idle-attachment", hourly("gcp.interconnect.dedicated.bps_10g.hour")
    yield "gcp.interconnect.idle", "idle-attachment-of-a-partner", None


def _database(cpus: int, gib: Decimal | int) -> Decimal:
    return (cpus * price("gcp.sql.enterprise.vcpu") + gib * price("gcp.sql.enterprise.gib")) * HOURS


def _databases() -> Iterator[Told]:
    disk = stored("gcp.sql.storage.pd_ssd", 100)
    yield "gcp.sql.idle", "idle-database", _database(4, 15) + disk
    yield "gcp.sql.idle", "idle-postgres", 2 * (_database(2, 8) + disk)
    yield "gcp.sql.ha_non_production", "idle-postgres", _database(2, 8) + disk
    yield "gcp.sql.ha_non_production", "trial-database", _database(2, 8) + disk
    # A tenth of 8 processors and a fifth of 32 GiB, and a fifth more: 2 processors and 7.75 GiB, in quarters.
    yield "gcp.sql.oversized", "large-database", _database(8 - 2, 32 - Decimal("7.75"))
    yield "gcp.redis.idle", "idle-cache", hourly("gcp.redis.basic.m1", 4)
    yield "gcp.redis.idle", "large-idle-cache", hourly("gcp.redis.basic.m2", 5)
    yield "gcp.memorystore.idle", "idle-memcache", None
    yield "gcp.bq.stale", "stale-table", stored("gcp.bq.storage.long_term", 1000, "us")
    yield "gcp.bq.stale", "stale-compressed-table", None
    # 100 slots and a fifth more, in steps of 50.
    yield "gcp.bq.slots", "idle-slots", hourly("gcp.bq.slot.enterprise", 1000 - 150, "us")
    yield "gcp.pubsub.stale", "stale-subscription", stored("gcp.pubsub.retained", 20)
    yield "gcp.pubsub.stale", "stale-with-a-short-retention", stored("gcp.pubsub.retained", 20)


def _services() -> Iterator[Told]:
    fee = hourly("gcp.gke.cluster.hour")
    yield "gcp.gke.empty", "empty-cluster", fee
    yield "gcp.gke.idle", "idle-cluster", fee + 3 * machine("e2", 4, 16)
    warm = hourly("gcp.run.idle.vcpu") + hourly("gcp.run.idle.gib")
    yield "gcp.run.min_instances_idle", "warm-service", 2 * warm
    always = hourly("gcp.run.always.vcpu", 2) + hourly("gcp.run.always.gib", 4)
    yield "gcp.run.min_instances_idle", "warm-service-at-work", always
    yield "gcp.vertex.endpoint_idle", "idle-endpoint", None
    yield "gcp.logging.retention", "long-logs", stored("gcp.logging.retention", 500)
    yield "gcp.artifact.stale", "stale-packages", stored("gcp.artifact.storage", 200)
    yield "gcp.artifact.stale", "packages-on-trial", stored("gcp.artifact.storage", 300)
