"""The invented estate of the demo and of `samples/`: accounts, regions, teams and resources, drawn from a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from app.demo.kinds import KINDS, Kind

SEED = "kestrel-bakery-1"
Choice = TypeVar("Choice")

# The keys are used by the kinds of resources. The ids have the providers' shapes but so many zeros that none is real.
ACCOUNTS = {
    "shop": ("AWS", "000000000101", "kestrel-shop-production", "production"),
    "stage": ("AWS", "000000000102", "kestrel-shop-staging", "staging"),
    "lake": ("AWS", "000000000103", "kestrel-data", "production"),
    "office": ("AZURE", "00000000-0000-4000-8000-000000000201", "Kestrel Back Office", "production"),
    "lab": ("AZURE", "00000000-0000-4000-8000-000000000202", "Kestrel Development", "development"),
    "analytics": ("GCP", "kestrel-analytics-sample", "Kestrel Analytics", "production"),
    "trial": ("GCP", "kestrel-trial-sample", "Kestrel Trials", "development"),
}
REGIONS = {
    "AWS": (("eu-west-1", "EU (Ireland)"), ("eu-central-1", "EU (Frankfurt)"), ("us-east-1", "US East (N. Virginia)")),
    "AZURE": (("westeurope", "West Europe"), ("northeurope", "North Europe")),
    "GCP": (("europe-west1", "Belgium"), ("europe-west4", "Netherlands")),
}
TEAMS = (("storefront", "CC-1010"), ("payments", "CC-1020"), ("data", "CC-2010"), ("platform", "CC-3010"))
STOPPED_DAYS = 156
"""More than a running month and the four before it have."""
SIZES = (32, 64, 100, 128, 200, 256, 500, 512, 1024)


@dataclass
class Resource:
    """One resource; `id` is as bills write it, `size` is in GB and 0 for what has none."""

    kind: Kind
    account: str
    id: str
    name: str
    region: tuple[str, str]
    zone: str
    status: str
    variant: tuple[str, str]
    environment: str
    size: int
    created: datetime
    tags: dict[str, str] = field(default_factory=dict)
    stopped_at: datetime | None = None
    ends: date | None = None
    """The day on which it was deleted; None for what is there."""
    attached_to: Resource | None = None
    """The machine of a disk."""
    disks: list[Resource] = field(default_factory=list)
    """Those of a machine."""


def draw(*key: object) -> int:
    """A number below 2^64 that depends on the seed and the key alone: the same on every machine and release."""
    text = "/".join([SEED, *map(str, key)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def pick(choices: Sequence[Choice], *key: object) -> Choice:
    """One of the choices, by the key."""
    return choices[draw("pick", *key) % len(choices)]


def between(low: int, high: int, *key: object) -> int:
    """A whole number from low to high, both included, by the key."""
    return low + draw("between", *key) % (high - low + 1)


def estate(seen: date) -> list[Resource]:
    """All resources, by kind; of the disks some are attached to nothing.

    `seen` is the last day on which they were looked at; what stands still was stopped before the first charges of a
    demo that is made then.
    """
    resources = [make_resource(kind, number, seen) for kind in KINDS for number in range(kind.count)]
    _attach(resources)
    return resources


def make_resource(kind: Kind, number: int, seen: date, name: str | None = None) -> Resource:
    """One resource of a kind, drawn by its number: also its name, where none is told."""
    key = (kind.provider, kind.type, number)
    account = kind.accounts[number % len(kind.accounts)]
    _, account_id, _, environment = ACCOUNTS[account]
    # Most things live in the first region of their provider.
    regions = REGIONS[kind.provider]
    region = pick((regions[0], regions[0], *regions), *key, "region")
    zone = f"{region[0]}{'-' if kind.provider == 'GCP' else ''}{pick('abc', *key, 'zone')}" if kind.zonal else ""
    # Azure allows no hyphen in the name of a storage account.
    hyphen = "" if kind.type == "Storage account" else "-"
    name = name or f"{pick(kind.names, *key, 'name')}{hyphen}{number + 1:02}"
    identifier = kind.id_template.format(
        account=account_id,
        region=region[0],
        zone=zone,
        name=name,
        group=account,
        hex10=f"{draw(*key, 'id') % 16**10:010x}",
    )
    has_size = any(meter.rule == "size" for meter in kind.meters)
    resource = Resource(
        kind=kind,
        account=account,
        id=identifier,
        name=name,
        region=region,
        zone=zone,
        status=pick(kind.statuses, *key, "status"),
        variant=pick(kind.variants, *key, "variant"),
        environment=environment,
        size=pick(SIZES, *key, "size") if has_size else 0,
        created=datetime(2023, 1, 9, tzinfo=UTC) + timedelta(minutes=between(0, 1_950_000, *key, "created")),
    )
    resource.tags = dict(_tags(resource, key))
    if resource.status == "stopped":
        ago = timedelta(days=STOPPED_DAYS + between(0, 25, identifier))
        resource.stopped_at = datetime(seen.year, seen.month, seen.day, 18, tzinfo=UTC) - ago
        resource.created = min(resource.created, resource.stopped_at - timedelta(days=40))
    return resource


def _tags(resource: Resource, key: tuple[object, ...]) -> Iterator[tuple[str, str]]:
    """About one resource in six has no tags at all, and one in six lacks the cost centre."""
    if between(1, 6, *key, "tagged") == 1:
        return
    team, cost_centre = pick(TEAMS, *key, "team")
    yield "team", team
    yield "environment", resource.environment
    if between(1, 6, *key, "cost centre") > 1:
        yield "cost-center", cost_centre


def _attach(resources: list[Resource]) -> None:
    """Give each machine a disk of its account; of those left over two in three are the second ones of machines."""
    machines = [resource for resource in resources if resource.kind.subcategory == "Virtual Machines"]
    running = [one for one in machines if one.status == "running"]
    free, left = list(machines), 0
    for disk in [resource for resource in resources if resource.kind.subcategory == "Block Storage"]:
        owner = next((one for one in free if one.account == disk.account), None)
        if owner is None:
            left += 1
            if left % 3 == 0:
                continue
            owner = pick([one for one in running if one.account == disk.account], disk.id, "machine")
        else:
            free.remove(owner)
        disk.attached_to = owner
        owner.disks.append(disk)
        disk.region, zone = owner.region, disk.zone
        disk.id, disk.zone = disk.id.replace(zone, owner.zone) if zone else disk.id, owner.zone
        disk.created = owner.created
