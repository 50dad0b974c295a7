"""What is wasted in the far account: check, label and what it costs a month, reckoned from list prices by hand.

Everything of the account that is not told here is a decoy: it must not be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from app.detection.catalogue import CHECKS
from tests.waste.list_prices import HOURS, cents, prices
from tests.waste.seeding import REGION

Told = tuple[str, str, Decimal | None]
"""Check, label, monthly saving in USD; None where it cannot be told."""
WITHOUT_METRICS = {
    ("aws.ec2.graviton_candidate", "old_machine"),
    ("aws.ec2.graviton_candidate", "intel_database"),
    ("aws.efs.idle", "unmounted_files"),
}
"""Checks that read metrics of some of their resources, and not of these."""


def expected() -> dict[tuple[str, str], Decimal | None]:
    """Monthly savings by check and label."""
    parts = (*_instances(), *_storage(), *_network(), *_databases(), *_caches(), *_services(), *_others())
    found = {(check, label): None if money is None else cents(money) for check, label, money in parts}
    assert len(found) == len(parts), "each is told once"
    return found


def known_without_metrics(key: tuple[str, str]) -> bool:
    """Whether something is waste whatever its metrics say, so that it is found without them."""
    return not CHECKS[key[0]].metrics or key in WITHOUT_METRICS


def price(code: str) -> Decimal:
    """A list price."""
    return prices("AWS", REGION)[code]


def hourly(code: str, times: Decimal | int = 1) -> Decimal:
    """What costs so many times an hourly price, for a month."""
    return price(code) * times * HOURS


def _instances() -> Iterator[Told]:
    m7g, gp3 = price("ec2.m7g.{size}.linux"), price("ebs.gp3.storage")
    yield "aws.ec2.idle", "idle_machine", m7g * HOURS
    yield "aws.ec2.schedule_candidate", "office_machine", cents(2 * m7g * HOURS) * (24 - 8) * 7 / Decimal(168)
    yield "aws.ec2.oversized", "large_machine", (4 - 1) * m7g * HOURS
    m5 = price("ec2.m5.{size}.linux")
    yield "aws.ec2.previous_generation", "old_machine", (m5 - price("ec2.m6a.{size}.linux")) * HOURS
    yield "aws.ec2.graviton_candidate", "old_machine", (m5 - m7g) * HOURS
    yield "aws.ec2.stopped_long", "stopped_machine", (8 + 100) * gp3 + hourly("eip.hour")
    yield "aws.ebs.on_stopped_instance", "data_of_stopped", 100 * gp3
    yield "aws.eip.idle", "stopped_address", hourly("eip.hour")
    yield "aws.ec2.dedicated_host_empty", "empty_host", hourly("ec2.host.m5")
    yield "aws.ec2.capacity_reservation_unused", "unused_reservation", (4 - 1) * 2 * m7g * HOURS
    yield "aws.asg.underused", "idle_group", 2 * m7g * HOURS


def _storage() -> Iterator[Told]:
    gp3, io1, io2 = price("ebs.gp3.storage"), price("ebs.io1.iops"), price("ebs.io2.iops")
    gp3_iops, mibps = price("ebs.gp3.iops"), price("ebs.gp3.throughput")
    yield "aws.ebs.unattached", "loose", 500 * gp3 + (4000 - 3000) * gp3_iops + (225 - 125) * mibps
    yield "aws.ebs.gp2_to_gp3", "gp2", 400 * price("ebs.gp2.storage") - (400 * gp3 + (250 - 125) * mibps)
    tiered = 32_000 * io2 + 8_000 * price("ebs.io2.iops.tier2")
    storage = 1000 * (price("ebs.io1.storage") - price("ebs.io2.storage"))
    yield "aws.ebs.io1_to_io2", "io1", storage + 40_000 * io1 - tiered
    yield "aws.ebs.magnetic", "magnetic", None
    yield "aws.ebs.overprovisioned_iops", "fast", (12_000 - 3000) * gp3_iops
    yield "aws.ebs.idle", "idle_volume", 300 * gp3
    yield "aws.snapshot.orphan", "orphan_snapshot", 50 * price("ebs.snapshot.storage")
    yield "aws.snapshot.old", "first_snapshot", None
    yield "aws.ami.unused", "unused_image", 108 * price("ebs.snapshot.storage")


def _network() -> Iterator[Told]:
    yield "aws.eip.idle", "loose_address", hourly("eip.hour")
    yield "aws.eni.orphan", "loose_interface", Decimal(0)
    yield "aws.nat.idle", "idle_nat", hourly("nat.hour") + hourly("eip.hour")
    yield "aws.vpce.idle", "idle_endpoint", hourly("vpce.interface.hour", 2)
    yield "aws.tgw.attachment_idle", "idle_attachment", hourly("tgw.attachment.hour")
    yield "aws.vpn.idle", "down_vpn", hourly("vpn.connection.hour")
    yield "aws.client_vpn.idle", "idle_client_vpn", hourly("client_vpn.association.hour")
    yield "aws.elb.alb_no_targets", "empty_alb", hourly("elb.alb.hour")
    yield "aws.elb.nlb_no_targets", "empty_nlb", hourly("elb.nlb.hour")
    yield "aws.elb.gwlb_no_targets", "empty_gwlb", hourly("elb.gwlb.hour")
    yield "aws.elb.idle", "idle_alb", hourly("elb.alb.hour")
    yield "aws.elb.idle", "idle_nlb", hourly("elb.nlb.hour")
    yield "aws.elb.classic_unused", "empty_classic", hourly("elb.classic.hour")


def _databases() -> Iterator[Told]:
    m6g, gp2, backup = price("rds.db.m6g.{size}.postgres"), price("rds.storage.gp2"), price("rds.backup")
    yield "aws.rds.idle", "idle_database", m6g * HOURS + 100 * gp2
    yield "aws.rds.oversized", "large_database", (4 - 2) * m6g * HOURS
    # A fifth more than the 200 GiB that are used, and 1.
    yield "aws.rds.storage_overallocated", "roomy_database", (1000 - 241) * gp2
    yield "aws.rds.stopped", "stopped_database", 200 * gp2
    yield "aws.rds.extended_support", "old_database", hourly("rds.extended_support.year3", 2)
    dearer = price("rds.db.t3.medium.postgres") - price("rds.db.t4g.medium.postgres")
    yield "aws.ec2.graviton_candidate", "intel_database", dearer * HOURS
    yield "aws.rds.cluster_idle", "idle_aurora", hourly("rds.db.r6g.large.aurora-postgresql")
    yield "aws.neptune.idle", "idle_graph", hourly("neptune.db.r5.{size}")
    yield "aws.rds.snapshot_old", "old_database_snapshot", 100 * backup
    yield "aws.rds.snapshot_orphan", "orphan_database_snapshot", 100 * backup
    rcu, wcu = price("dynamodb.rcu"), price("dynamodb.wcu")
    yield "aws.dynamodb.unused", "unused_table", (100 * rcu + 50 * wcu) * HOURS
    yield "aws.dynamodb.overprovisioned", "unused_table", (99 * rcu + 49 * wcu) * HOURS
    # A fifth more than the 100 and 50 units that are used, and 1.
    yield "aws.dynamodb.overprovisioned", "large_table", ((1000 - 121) * rcu + (500 - 61) * wcu) * HOURS


def _caches() -> Iterator[Told]:
    large, xlarge = price("elasticache.cache.m6g.large.redis"), price("elasticache.cache.m6g.xlarge.redis")
    yield "aws.elasticache.idle", "idle_cache", large * HOURS
    yield "aws.elasticache.oversized", "large_cache", (xlarge - large) * HOURS
    yield "aws.elasticache.group_idle", "idle_cache_group", 2 * xlarge * HOURS
    yield "aws.elasticache.group_oversized", "large_cache_group", 2 * (xlarge - large) * HOURS
    yield "aws.redshift.idle", "idle_warehouse", hourly("redshift.ra3.xlplus", 2)
    yield "aws.redshift.underused", "large_warehouse", hourly("redshift.ra3.xlplus", 4 - 2)


def _services() -> Iterator[Told]:
    yield "aws.s3.no_lifecycle", "large-bucket", 500 * (price("s3.standard.storage") - price("s3.standard_ia.storage"))
    yield "aws.s3.noncurrent", "bucket-with-versions", None
    yield "aws.s3.mpu", "bucket-with-uploads", None
    yield "aws.logs.stale", "stale-logs", 1000 * price("logs.storage")
    yield "aws.ecr.stale_images", "stale-images", 100 * price("ecr.storage")
    yield "aws.efs.idle", "unmounted_files", 100 * price("efs.standard")
    yield "aws.efs.idle", "idle_files", 100 * price("efs.standard")
    yield "aws.efs.no_ia", "cold_files", 500 * (price("efs.standard") - price("efs.ia"))
    # Ten hours in each hour of the day, with 1 GiB each.
    time = 10 * 24 * Decimal("30.4375")
    # A fifth more than the 20 % that are used: 246 MiB of 1,024.
    yield "aws.lambda.overmemory", "large-function", time * price("lambda.duration.arm.gib") * (1024 - 246) / 1024
    dearer = price("lambda.duration.gib") - price("lambda.duration.arm.gib")
    yield "aws.ec2.graviton_candidate", "intel-function", time * dearer
    yield "aws.kinesis.idle", "idle-stream", hourly("kinesis.shard", 4)
    yield "aws.kinesis.overshard", "idle-stream", hourly("kinesis.shard", 4 - 1)
    gp3 = price("opensearch.storage.gp3")
    yield "aws.opensearch.idle", "idle-search", hourly("opensearch.m6g.large", 2) + 2 * 100 * gp3
    # A node of `large` counts as four.
    yield "aws.opensearch.extended", "old-search", hourly("opensearch.extended_support", 2 * 4)


def _others() -> Iterator[Told]:
    yield "aws.sagemaker.notebook_running", "running-notebook", hourly("sagemaker.notebook.ml.t3.medium")
    yield "aws.sagemaker.endpoint_idle", "idle-endpoint", hourly("sagemaker.endpoint.ml.m5.large")
    yield "aws.emr.idle", "idle-emr", 3 * 2 * (price("emr.m5.{size}") + price("ec2.m5.{size}.linux")) * HOURS
    yield "aws.mq.idle", "idle-broker", None
    yield "aws.dms.idle", "idle-replication", hourly("dms.t3.medium") + 50 * price("dms.storage")
    yield "aws.transfer.idle", "idle-transfer", hourly("transfer.protocol")
    yield "aws.eks.empty", "empty-cluster", hourly("eks.cluster.hour")
    yield "aws.eks.extended_support", "old-cluster", hourly("eks.extended_support.hour")
    yield "aws.fsx.idle", "idle_lustre", 1200 * price("fsx.lustre.scratch_2.ssd.storage")
    yield "aws.kms.unused", "unused_key", price("kms.key")
    options = 2 * price("route53.health_check.option")
    yield "aws.route53.health_check_unused", "unused_check", price("route53.health_check") + options
    yield "aws.route53.health_check_unused", "cheap_check", price("route53.health_check")
    yield "aws.waf.unused", "unused-acl", price("waf.web_acl")
    yield "aws.cloudfront.idle", "idle_distribution", Decimal(0)
    yield "aws.cloudtrail.duplicate", "second-trail", None
