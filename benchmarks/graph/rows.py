"""The made-up rows of the benchmarks' organizations: the same seed gives the same rows, as COPY takes them.

Fifty organizations with 100,000 resources: one large, one of a tenth and one of a hundredth of it, so that growth can
be measured within one data set, and the others between. A fifth as many recommendations as resources, of which a few
resources have more than a page of Q2 shows.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from app.detection.catalogue import checks_of

SEED = 20_261_123
SIZES = {"grown": 20_000, "middle": 2_000, "small": 200}
"""Organizations of which questions are asked, by slug, with their resources."""
OTHERS, RESOURCES = 47, 100_000
CURRENCY = "USD"
CLOUDS = {
    "AWS": (
        ("us-east-1", "eu-west-1", "eu-central-1"),
        (
            ("ec2", "AWS::EC2::Volume", ("in-use", "available"), 26),
            ("ec2", "AWS::EC2::Instance", ("running", "stopped"), 18),
            ("ec2", "AWS::EC2::Snapshot", ("completed",), 18),
            ("lambda", "AWS::Lambda::Function", ("Active",), 10),
            ("s3", "AWS::S3::Bucket", (None,), 8),
            ("rds", "AWS::RDS::DBInstance", ("available", "stopped"), 4),
            ("logs", "AWS::Logs::LogGroup", (None,), 8),
            ("ec2", "AWS::EC2::EIP", (None,), 4),
            ("elbv2", "AWS::ElasticLoadBalancingV2::LoadBalancer", ("active",), 4),
        ),
    ),
    "AZURE": (
        ("westeurope", "northeurope", "eastus"),
        (
            ("compute", "microsoft.compute/disks", ("Attached", "Unattached"), 35),
            ("compute", "microsoft.compute/virtualmachines", ("PowerState/running", "PowerState/deallocated"), 25),
            ("network", "microsoft.network/publicipaddresses", ("Succeeded",), 15),
            ("storage", "microsoft.storage/storageaccounts", ("available",), 15),
            ("sql", "microsoft.sql/servers/databases", ("Online", "Paused"), 10),
        ),
    ),
    "GCP": (
        ("europe-west1", "us-central1"),
        (
            ("compute", "compute.googleapis.com/Disk", ("READY",), 40),
            ("compute", "compute.googleapis.com/Instance", ("RUNNING", "TERMINATED"), 30),
            ("storage", "storage.googleapis.com/Bucket", (None,), 20),
            ("sqladmin", "sqladmin.googleapis.com/Instance", ("RUNNABLE",), 10),
        ),
    ),
}
"""Regions and kinds of resources, with their states and how many of a hundred are of the kind, by provider."""
_SHARES = (("AWS", 62), ("AZURE", 24), ("GCP", 14))
_FINDINGS = (0, 1, 3, 7)
"""How many recommendations a resource has, by these chances; 0.2 each on average."""
_CHANCES = (890, 80, 20, 10)


def made_id(moment: datetime, number: int) -> UUID:
    """A UUIDv7 of a number: in the order of the numbers, and the same each time."""
    milliseconds = int(moment.timestamp() * 1000) + number
    digest = int.from_bytes(hashlib.blake2b(f"{SEED}:{number}".encode(), digest_size=10).digest())
    high, low = digest >> 68, digest & (2**62 - 1)
    return UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low)


@dataclass(frozen=True)
class Account:
    """An account at a provider, with its share of the organization's resources."""

    id: UUID
    provider: str
    native_id: str


@dataclass
class Tenant:
    """An organization before it is stored."""

    number: int
    id: UUID
    slug: str
    size: int
    accounts: list[Account] = field(default_factory=list)


RESOURCE_COLUMNS = (
    *("organization_id", "id", "account_id", "provider", "service", "resource_type", "native_id", "name", "region"),
    *("availability_zone", "status", "tags", "properties", "provider_created_at", "content_hash", "first_seen_at"),
    *("last_seen_at", "updated_at"),
)
RECOMMENDATION_COLUMNS = (
    *("organization_id", "id", "account_id", "check_id", "subject_key", "node", "severity", "confidence", "remedy"),
    *("price_basis", "saving", "evidence", "rule_version", "saving_order", "resource_id", "monthly_saving", "currency"),
    *("converted_saving", "covers_parts", "is_counted", "state", "state_changed_at", "found_at", "last_found_at"),
)


class Company:
    """Makes the rows of all organizations, as of a day."""

    def __init__(self, today: date, resources: int = RESOURCES, others: int = OTHERS) -> None:
        self.moment = datetime(today.year, today.month, today.day, tzinfo=UTC)
        self.epoch = self.moment - timedelta(days=400)
        self._last = 0
        self.tenants = [self._tenant(number, *one) for number, one in enumerate(_sizes(resources, others))]

    @property
    def asked(self) -> dict[str, str]:
        """The ids of the organizations that are asked about, by slug."""
        return {tenant.slug: str(tenant.id) for tenant in self.tenants[: len(SIZES)]}

    def new_id(self) -> UUID:
        """The next id."""
        self._last += 1
        return made_id(self.epoch, self._last)

    def _tenant(self, number: int, slug: str, size: int) -> Tenant:
        tenant = Tenant(number, self.new_id(), slug, size)
        shares = [share for share in _SHARES if number < len(SIZES) or share[0] == "AWS" or number % 3 == 0]
        for provider, share in shares:
            for _ in range(max(1, share * min(size, 20_000) // 200_000)):
                account = self.new_id()
                tenant.accounts.append(Account(account, provider, f"{account.int % 10**12:012}"))
        return tenant

    def rows_of(self, tenant: Tenant) -> Iterator[tuple[tuple[Any, ...], list[tuple[Any, ...]]]]:
        """Each resource of an organization with its recommendations."""
        chance = random.Random(f"{SEED}:{tenant.slug}")  # noqa: S311  (no secret)
        for number in range(tenant.size):
            resource = self._resource(tenant, number, chance)
            found = chance.choices(_FINDINGS, _CHANCES)[0]
            yield resource, [self._finding(resource, place, chance) for place in range(found)]

    def _resource(self, tenant: Tenant, number: int, chance: random.Random) -> tuple[Any, ...]:
        account = chance.choice(tenant.accounts)
        regions, kinds = CLOUDS[account.provider]
        service, kind, states, _ = chance.choices(kinds, [one[3] for one in kinds])[0]
        region, state = chance.choice(regions), chance.choice(states)
        id_, team, env = self.new_id(), f"team-{chance.randrange(30)}", chance.choice(("prod", "prod", "test", "dev"))
        name = f"{chance.choice(_NAMES)}-{env}-{number:05}"
        native_id = f"{kind.rsplit(':', 1)[-1].rsplit('/', 1)[-1].lower()}-{id_.hex[12:]}"
        tags = {"Name": name, "team": team, "env": env, "costCenter": f"{4700 + chance.randrange(40)}"}
        properties = {
            "sizeGiB": chance.choice((8, 20, 100, 500)),
            "encrypted": True,
            "subnetId": f"subnet-{chance.randrange(200):017x}",
            "securityGroups": [f"sg-{chance.randrange(90):017x}" for _ in range(3)],
        }
        seen = self.moment - timedelta(days=chance.randrange(120, 390), microseconds=chance.randrange(10**10))
        last = self.moment - timedelta(hours=chance.randrange(1, 24), microseconds=chance.randrange(10**9))
        zone = f"{region}-{chance.choice('abc')}" if chance.randrange(4) else None
        return (
            *(tenant.id, id_, account.id, account.provider, service, kind, native_id, name, region, zone, state),
            *(_json(tags), _json(properties), seen, hashlib.blake2b(id_.bytes, digest_size=16).digest()),
            *(seen, last, last),
        )

    def _finding(self, resource: tuple[Any, ...], place: int, chance: random.Random) -> tuple[Any, ...]:
        tenant_id, id_, account_id, _, _, kind, native_id, *_ = resource
        checks = checks_of(kind)
        check = checks[place % len(checks)]
        amount = Decimal(chance.randrange(10, 90_000)).scaleb(-2) if chance.randrange(10) else None
        found = self.moment - timedelta(days=chance.randrange(1, 90), seconds=chance.randrange(86_400))
        saving = {
            "formula": check.saving,
            "inputs": {"sizeGiB": "100", "price": "0.08"},
            "reason": None if amount is not None else "No price is known for it.",
            "isHygiene": False,
        }
        evidence = [{"label": "idle since", "value": found.date().isoformat(), "unit": None}]
        return (
            *(tenant_id, self.new_id(), account_id, check.id, f"{native_id}:{place}", native_id, check.severity.value),
            *(check.confidence.value, check.remedy.value, "UNKNOWN" if amount is None else "LIST", _json(saving)),
            *(_json(evidence), 1, Decimal(-1) if amount is None else amount, id_, amount),
            *(None if amount is None else CURRENCY, amount, False, True, "OPEN", found, found, self.moment),
        )


_NAMES = ("web", "api", "worker", "billing", "search", "cache", "media", "ledger", "reports", "gateway", "auth", "etl")


def _sizes(resources: int, others: int) -> Iterator[tuple[str, int]]:
    """Slugs and sizes; those beyond the named ones differ by up to half of their mean."""
    scale = resources / RESOURCES
    for slug, size in SIZES.items():
        yield slug, max(1, round(size * scale))
    mean = (RESOURCES - sum(SIZES.values())) / OTHERS * scale
    for number in range(others):
        yield f"tenant-{number:02}", max(1, round(mean * (0.5 + number / (OTHERS - 1))))


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
