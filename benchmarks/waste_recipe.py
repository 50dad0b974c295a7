"""A made-up company on AWS whose waste is looked for: resources as scans store them, their usage and their charges.

The same numbers give the same company. Its mix is that of an ordinary one (a quarter volumes, a seventh instances); of
each kind some are waste. `only` makes all resources of one kind, which is the worst for checks of that kind.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from app.detection.catalogue import checks_of
from app.detection.check import Daily, Metric, signature, window_days
from app.detection.rule import default_rule

ORGANIZATION = UUID(int=1)
ACCOUNTS = tuple(UUID(int=10 + number) for number in range(5))
REGIONS = ("us-east-1", "eu-west-1", "eu-central-1")
INSTANCE, VOLUME, SNAPSHOT = "AWS::EC2::Instance", "AWS::EC2::Volume", "AWS::EC2::Snapshot"
Properties = dict[str, Any]
Relations = list[tuple[str, str]]
_IDLE_OF_TEN = 1
_VARIANTS = 24


@dataclass
class Made:
    """One resource before it is stored; `number` decides on its account and region."""

    kind: str
    native_id: str
    number: int
    status: str | None
    properties: Properties
    relations: Relations = field(default_factory=list)
    is_idle: bool = False


def account_number(account_id: UUID) -> str:
    """What AWS calls an account."""
    return f"{account_id.int:012}"


def _id(prefix: str, number: int) -> str:
    return f"{prefix}-{hashlib.blake2b(f'{prefix}{number}'.encode(), digest_size=9).hexdigest()[:17]}"


def _happens(chance: random.Random, percent: int) -> bool:
    return chance.randrange(100) < percent


def _instance(number: int, chance: random.Random, _: Mapping[str, int]) -> Made:
    stopped = _happens(chance, 8)
    moment = (datetime.now(UTC) - timedelta(days=chance.randrange(2, 400))).isoformat()
    properties = {
        "instanceType": chance.choice(("m7g.large", "c6i.xlarge", "m5.large", "t3.medium", "r5.2xlarge")),
        "platformDetails": "Linux/UNIX",
        "tenancy": "default",
        "architecture": "x86_64",
        "imageId": _id("ami", number % 400),
        "launchTime": moment,
        "stateChangedAt": moment if stopped else None,
        "vpcId": _id("vpc", number % 40),
        "subnetId": _id("subnet", number % 200),
        "cpuOptions": {"coreCount": 2, "threadsPerCore": 1, "amdSevSnp": None},
        "securityGroups": [{"groupId": _id("sg", number % 90 + each), "groupName": "web"} for each in range(3)],
        "blockDevices": [{"deviceName": "/dev/sda", "volumeId": _id("vol", number), "deleteOnEnd": True}],
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2, "state": "applied"},
    }
    status = "stopped" if stopped else "running"
    idle = chance.randrange(10) < _IDLE_OF_TEN
    return Made(INSTANCE, _id("i", number), number, status, properties, [("IN_NETWORK", _id("vpc", number % 40))], idle)


def _volume(number: int, chance: random.Random, counts: Mapping[str, int]) -> Made:
    attached = _happens(chance, 92) and counts.get(INSTANCE, 0) > 0
    instance = _id("i", number % max(counts.get(INSTANCE, 0), 1))
    kind = chance.choices(("gp3", "gp2", "io2", "st1"), (70, 24, 3, 3))[0]
    properties = {
        "volumeType": kind,
        "sizeGiB": chance.choice((8, 20, 100, 500, 1000)),
        "iops": chance.choice((3000, 3000, 6000)),
        "throughputMiBps": 125 if kind == "gp3" else None,
        "attachments": [{"instanceId": instance, "device": "/dev/sda", "state": "attached"}] if attached else [],
        "encrypted": True,
        "kmsKeyId": f"arn:aws:kms:us-east-1:111122223333:key/{_id('key', number % 30)}",
        "snapshotId": _id("snap", number),
        "multiAttachEnabled": False,
    }
    status, relations = ("in-use", [("ATTACHED_TO", instance)]) if attached else ("available", [])
    idle = chance.randrange(10) < _IDLE_OF_TEN
    return Made(VOLUME, _id("vol", number), number, status, properties, relations, idle)


def _snapshot(number: int, _: random.Random, counts: Mapping[str, int]) -> Made:
    volume = _id("vol", number % max(int(counts.get(VOLUME, 0) * 1.2), 1))  # some are of volumes that are gone
    properties = {"volumeSizeGiB": 100, "storageTier": "standard", "volumeId": volume, "encrypted": True}
    return Made(SNAPSHOT, _id("snap", number), number, "completed", properties, [("CREATED_FROM", volume)])


def _interface(number: int, chance: random.Random, counts: Mapping[str, int]) -> Made:
    used = _happens(chance, 95)
    relations: Relations = [("ATTACHED_TO", _id("i", number % max(counts.get(INSTANCE, 0), 1)))] if used else []
    properties = {"requesterManaged": False, "description": "", "privateIpAddress": "10.0.0.1", "macAddress": "02:00"}
    status = "in-use" if used else "available"
    return Made("AWS::EC2::NetworkInterface", _id("eni", number), number, status, properties, relations)


def _address(number: int, chance: random.Random, counts: Mapping[str, int]) -> Made:
    instance = _id("i", number % max(counts.get(INSTANCE, 0), 1))
    used = _happens(chance, 85)
    properties = {"associationId": _id("eipassoc", number), "instanceId": instance} if used else {}
    relations = [("ATTACHED_TO", instance)] if used else []
    return Made("AWS::EC2::EIP", _id("eipalloc", number), number, None, dict(properties), relations)


def _bucket(number: int, chance: random.Random, _: Mapping[str, int]) -> Made:
    rules = [{"id": "expire", "status": "Enabled"}] if _happens(chance, 70) else []
    properties = {
        "lifecycleRules": rules,
        "incompleteUploads": [],
        "abortsIncompleteUploads": bool(rules),
        "versioning": chance.choice(("Enabled", "Disabled")),
        "expiresNoncurrentVersions": bool(rules),
    }
    return Made("AWS::S3::Bucket", _id("bucket", number), number, None, properties)


def _function(number: int, chance: random.Random, _: Mapping[str, int]) -> Made:
    properties = {"architectures": ["x86_64"], "memoryMb": chance.choice((128, 512, 1024)), "runtime": "python3.13"}
    idle = chance.randrange(10) < _IDLE_OF_TEN
    return Made("AWS::Lambda::Function", _id("fn", number), number, "Active", properties, [], idle)


def _log_group(number: int, chance: random.Random, _: Mapping[str, int]) -> Made:
    properties = {"retentionDays": chance.choice((None, 30)), "storedBytes": chance.randrange(2**33)}
    idle = chance.randrange(10) < _IDLE_OF_TEN
    return Made("AWS::Logs::LogGroup", _id("logs", number), number, None, properties, [], idle)


def _database(number: int, chance: random.Random, _: Mapping[str, int]) -> Made:
    properties = {
        "instanceClass": chance.choice(("db.m5.large", "db.r6g.xlarge")),
        "engine": "postgres",
        "engineVersion": "16.4",
        "engineLifecycleSupport": "open-source-rds-extended-support",
        "licenseModel": "postgresql-license",
        "multiAz": False,
        "storageType": "gp3",
        "allocatedStorageGib": 200,
        "iops": 3000,
        "storageThroughputMibps": 125,
    }
    idle = chance.randrange(10) < _IDLE_OF_TEN
    return Made("AWS::RDS::DBInstance", _id("db", number), number, "available", properties, [], idle)


def _balancer(number: int, chance: random.Random, _: Mapping[str, int]) -> Made:
    properties = {"loadBalancerType": "application", "loadBalancerDimension": f"app/{_id('lb', number)}/50"}
    idle = chance.randrange(10) < _IDLE_OF_TEN
    native_id = f"arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/{_id('lb', number)}"
    return Made("AWS::ElasticLoadBalancingV2::LoadBalancer", native_id, number, "active", properties, [], idle)


def _target_group(number: int, _: random.Random, counts: Mapping[str, int]) -> Made:
    balancers = max(counts.get("AWS::ElasticLoadBalancingV2::LoadBalancer", 0), 1)
    native_id = f"arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/{_id('lb', number % balancers)}"
    properties = {"registeredTargets": 2, "targetStates": {"healthy": 2}, "port": 80, "protocol": "HTTP"}
    relations = [("BEHIND", native_id)]
    return Made("AWS::ElasticLoadBalancingV2::TargetGroup", _id("tg", number), number, None, properties, relations)


def _table(number: int, chance: random.Random, _: Mapping[str, int]) -> Made:
    properties: Properties = {
        "billingMode": chance.choice(("PAY_PER_REQUEST", "PROVISIONED")),
        "readCapacityUnits": 50,
        "writeCapacityUnits": 50,
        "tableClass": "STANDARD",
        "sizeBytes": 10**9,
        "globalIndexes": [],
        "globalIndexNames": [],
    }
    return Made("AWS::DynamoDB::Table", _id("table", number), number, "ACTIVE", properties)


def _group(number: int, _: random.Random, __: Mapping[str, int]) -> Made:
    rules = [{"protocol": "tcp", "from": 443, "to": 443, "ranges": ["10.0.0.0/8"]}]
    return Made("AWS::EC2::SecurityGroup", _id("sg", number), number, None, {"ingress": rules, "vpcId": "vpc-1"})


Maker = Callable[[int, random.Random, Mapping[str, int]], Made]
MIX: tuple[tuple[str, float, Maker], ...] = (
    (INSTANCE, 0.15, _instance),
    (VOLUME, 0.25, _volume),
    (SNAPSHOT, 0.13, _snapshot),
    ("AWS::EC2::NetworkInterface", 0.12, _interface),
    ("AWS::EC2::EIP", 0.015, _address),
    ("AWS::S3::Bucket", 0.03, _bucket),
    ("AWS::Lambda::Function", 0.08, _function),
    ("AWS::Logs::LogGroup", 0.09, _log_group),
    ("AWS::RDS::DBInstance", 0.02, _database),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", 0.015, _balancer),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", 0.02, _target_group),
    ("AWS::DynamoDB::Table", 0.02, _table),
    ("AWS::EC2::SecurityGroup", 0.06, _group),
)


def company(resources: int, only: str | None = None) -> Iterator[Made]:
    """All resources of a company of a size."""
    shares = {kind: (share if only is None else float(kind == only)) for kind, share, _ in MIX}
    counts = {kind: round(resources * share) for kind, share in shares.items()}
    for kind, _, make in MIX:
        for number in range(counts[kind]):
            yield make(number, random.Random(f"{kind}{number}"), counts)  # noqa: S311  (no secret)


def record(made: Made, id_: UUID, moment: datetime) -> tuple[Any, ...]:
    """A resource as COPY takes it, in the order of `COLUMNS`."""
    chance = random.Random(made.native_id)  # noqa: S311  (no secret)
    seen = moment - timedelta(days=chance.randrange(1, 500))
    tags = {"Name": f"{made.native_id[:12]}", "team": f"team-{made.number % 30}", "costCenter": "4711"}
    tags["env"] = chance.choices(("prod", "dev", "test"), (6, 3, 1))[0]
    region = REGIONS[made.number % 97 % len(REGIONS)]
    return (
        ORGANIZATION,
        id_,
        ACCOUNTS[made.number % len(ACCOUNTS)],
        "AWS",
        made.kind.split("::")[1],
        made.kind,
        made.native_id,
        tags["Name"],
        region,
        f"{region}a",
        made.status,
        orjson.dumps(tags).decode(),
        orjson.dumps(made.properties).decode(),
        seen,
        b"0" * 16,
        seen,
        moment - EARLIER,
        moment - EARLIER,
    )


COLUMNS = (
    *("organization_id", "id", "account_id", "provider", "service", "resource_type", "native_id", "name", "region"),
    *("availability_zone", "status", "tags", "properties", "provider_created_at", "content_hash", "first_seen_at"),
    *("last_seen_at", "updated_at"),
)
EARLIER = timedelta(hours=12)
"""How long ago everything was stored: a look behind the first one does not take it for new."""
USAGE_COLUMNS = ("organization_id", "resource_id", "metric", "first_day", "daily", "samples", "read_at")


class Usages:
    """How much resources are used, of the metrics that checks ask for; from a store of made-up courses."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment
        self.metrics = {kind: self._metrics(kind) for kind, _, _ in MIX}
        self.courses: dict[tuple[str, bool, int], list[float]] = {}

    def _metrics(self, kind: str) -> dict[str, tuple[Metric, int]]:
        found: dict[str, tuple[Metric, int]] = {}
        for check in checks_of(kind):
            parameters = default_rule(check).parameters
            for metric in check.metrics:
                if not metric.resource_types or kind in metric.resource_types:
                    key, days = signature(metric), window_days(metric, parameters)
                    found[key] = (metric, max(days, found[key][1] if key in found else 0))
        return found

    def records(self, made: Made, id_: UUID) -> Iterator[tuple[Any, ...]]:
        """The rows of a resource as COPY takes them; what is stopped was not measured."""
        if made.status in {"stopped", "available"} and made.kind in {INSTANCE, VOLUME}:
            return
        for key, (metric, days) in self.metrics[made.kind].items():
            values = self._course(key, metric, days, idle=made.is_idle, variant=made.number % _VARIANTS)
            first: date = (self.moment - timedelta(days=days)).date()
            yield (ORGANIZATION, id_, key, first, values, [24] * days, self.moment - EARLIER)

    def _course(self, key: str, metric: Metric, days: int, *, idle: bool, variant: int) -> list[float]:
        place = (key, idle, variant)
        if place not in self.courses:
            chance = random.Random(str(place))  # noqa: S311  (no secret)
            if metric.daily is Daily.QUIET_HOURS:
                course = [float(0b111111111111 if idle else 0)] * days
            elif "Utilization" in metric.name or "percent" in metric.name:
                course = [chance.uniform(0.5, 4) if idle else chance.uniform(20, 90) for _ in range(days)]
            else:
                course = [0.0 if idle else chance.uniform(1e6, 1e9) for _ in range(days)]
            self.courses[place] = course
        return self.courses[place]


SETUP = (
    """INSERT INTO organizations (id, slug, name, currency, created_at, updated_at)
        VALUES ($1, 'benchmark', 'Benchmark', 'USD', now(), now())""",
    """INSERT INTO summary_dims (organization_id, id, provider, service_provider_name, billing_account_id,
            sub_account_id, sub_account_name, service_category, service_name, charge_category, billing_currency)
        SELECT $1, row_number() OVER (ORDER BY id), 'AWS', 'Amazon Web Services', 'payer', native_id, name, 'Compute',
            'Amazon EC2', 'Usage', 'USD' FROM accounts WHERE organization_id = $1""",
    """INSERT INTO cost_dims (organization_id, id, summary_dim_id, region_id, region_name, pricing_category)
        SELECT $1, id, id, 'us-east-1', 'Virginia', 'Standard' FROM summary_dims WHERE organization_id = $1""",
    """INSERT INTO sku_dims (organization_id, id, sku_id, charge_description, pricing_unit)
        VALUES ($1, 1, 'sku', 'What is sold', 'Hours')""",
    "INSERT INTO allocation_sets VALUES ($1, 1, '{}')",
    "INSERT INTO tag_sets VALUES ($1, 1, '{}', 1)",
)
# Nine of ten resources of the kinds that cost something have charges of their own.
DIMS = """
    INSERT INTO resource_dims (organization_id, id, resource_id, resource_name, resource_type, resource_key)
    SELECT $1, row_number() OVER (), native_id, name, resource_type, native_id FROM resources
    WHERE organization_id = $1 AND hashtext(native_id) % 10 <> 0
        AND resource_type NOT IN ('AWS::EC2::SecurityGroup', 'AWS::ElasticLoadBalancingV2::TargetGroup')"""
CHARGES = """
    INSERT INTO charges (organization_id, import_period_id, line_no, charge_period_start, charge_period_end,
        cost_dim_id, sku_dim_id, resource_dim_id, tag_set_id, detail_dim_id,
        billed_cost, effective_cost, list_cost, contracted_cost)
    SELECT $1, $2, row_number() OVER (), day, day + interval '1 day', s.id, 1, d.id, 1, 0, 0.4, 0.4, 0.4, 0.4
    FROM resource_dims d
    JOIN resources r ON r.organization_id = $1 AND r.native_id = d.resource_key
    JOIN accounts a ON a.organization_id = $1 AND a.id = r.account_id
    JOIN summary_dims s ON s.organization_id = $1 AND s.sub_account_id = a.native_id
    CROSS JOIN generate_series($3::timestamptz, $3::timestamptz + interval '27 days', interval '9 days') AS day
    WHERE d.organization_id = $1"""
MONTHLY = """
    INSERT INTO resource_monthly (organization_id, month, resource_dim_id, billing_currency, import_period_id,
        billed_cost, effective_cost, list_cost, contracted_cost, charge_count)
    SELECT $1, $3, id, 'USD', $2, amount, amount, amount, amount, 4
    FROM (SELECT id, round((hashint8(id) & 2147483647) % 9973 * 0.011, 10) AS amount
        FROM resource_dims WHERE organization_id = $1) AS dims"""
