"""A made-up account of one instance and three volumes, and what checks have to say of it, worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from app.models import now
from app.repositories.resources import ResourceValues
from tests.recommendations.looking import lone

VOLUMES = ("vol-a", "vol-b", "vol-c")
INSTANCE = "i-1"
UNATTACHED, GP3, STOPPED_VOLUME = "aws.ebs.unattached", "aws.ebs.gp2_to_gp3", "aws.ebs.on_stopped_instance"
IDLE, STOPPED = "aws.ebs.idle", "aws.ec2.stopped_long"
OF_VOLUMES = (UNATTACHED, GP3, STOPPED_VOLUME, IDLE)
CHECKS = (*OF_VOLUMES, STOPPED)
BUSY = "vol-b"
"""The only volume that is used, where it is attached."""
PRICES = {"gp2": Decimal("0.10"), "gp3": Decimal("0.08")}
"""A GiB and month in us-east-1; gp9 has none."""
KEPT_TAG = "keep"

Said = Literal["FOUND", "CLEAR", "LEFT_OUT", "UNKNOWN"]


@dataclass(frozen=True)
class Volume:
    """A volume as the cloud has it: attached to the instance or to nothing, without a type that can be read perhaps."""

    kind: str = "gp3"
    size: int = 100
    attached: bool = False
    readable: bool = True
    kept: bool = False
    """Whether it has the tag that a rule may leave out."""


@dataclass(frozen=True)
class Verdict:
    """What a check has to say of a resource; `amount` is None where the money of a finding is not known."""

    said: Said
    amount: Decimal | None = None
    part_of: str | None = None
    covers_parts: bool = False


UNKNOWN, CLEAR = Verdict("UNKNOWN"), Verdict("CLEAR")


@dataclass
class Tuned:
    """What is set for a check."""

    enabled: bool = True
    minimum: Decimal = Decimal(1)
    leaves_out_kept: bool = False
    age_days: int = 7
    """Of unattached volumes only: for how long they have to be."""


@dataclass
class Cloud:
    """What there is, and what the last complete scan has read of it.

    `since` counts the days for which each volume has been seen in its state. `instance` is its state, None for gone.
    """

    volumes: dict[str, Volume] = field(default_factory=dict)
    instance: str | None = None
    read: dict[str, Volume] = field(default_factory=dict)
    read_instance: str | None = None
    since: dict[str, int] = field(default_factory=dict)
    told_usage: set[str] = field(default_factory=set)
    """Volumes whose metrics are known up to now."""

    def scanned(self) -> None:
        """A scan has read all there is."""
        for name, volume in self.volumes.items():
            before = self.read.get(name)
            if before is None or before.attached != volume.attached:
                self.since[name] = 0
        self.read, self.read_instance = dict(self.volumes), self.instance

    def waited(self, days: int) -> None:
        """Days have passed."""
        self.since = {name: since + days for name, since in self.since.items()}

    def there(self) -> set[str]:
        """What was read."""
        return {*self.read, *([INSTANCE] if self.read_instance else [])}

    def verdicts(self, rules: Mapping[str, Tuned], before: Mapping[str, Tuned]) -> Iterator[tuple[str, str, Verdict]]:
        """What each check says of each resource that is there, under its rule and the one before that."""
        for name, volume in self.read.items():
            for check in OF_VOLUMES:
                said, earlier = (
                    _under(rule, self._of_volume(check, name, volume, rule.age_days), kept=volume.kept)
                    for rule in (rules[check], before[check])
                )
                is_stricter = rules[check].age_days != before[check].age_days and earlier.said == "FOUND"
                yield check, name, Verdict("LEFT_OUT") if said == CLEAR and is_stricter else said
        if self.read_instance:
            yield STOPPED, INSTANCE, _under(rules[STOPPED], self._of_instance(), kept=False)

    def _of_volume(self, check: str, name: str, volume: Volume, age_days: int) -> Verdict:
        part_of = INSTANCE if volume.attached else None
        whole = _found(volume, _price(volume), part_of)
        if check == UNATTACHED:
            return whole if not volume.attached and self.since[name] >= age_days else CLEAR
        if check == GP3:
            saved = _found(volume, (PRICES["gp2"] - PRICES["gp3"]) * volume.size, part_of)
            return saved if volume.kind == "gp2" or not volume.readable else CLEAR
        if not volume.attached:
            return CLEAR
        if check == IDLE:
            used = CLEAR if name == BUSY else whole
            return used if name in self.told_usage else UNKNOWN
        return {None: UNKNOWN, "stopped": whole}.get(self.read_instance, CLEAR)

    def _of_instance(self) -> Verdict:
        if self.read_instance != "stopped":
            return CLEAR
        volumes = [each for each in self.read.values() if each.attached]
        if not all(each.readable for each in volumes):
            return UNKNOWN
        prices = [_price(each) for each in volumes]
        known = [price for price in prices if price is not None]
        return Verdict("FOUND", sum(known, Decimal(0)) if len(known) == len(prices) else None, covers_parts=True)

    def resources(self, account_id: UUID) -> list[ResourceValues]:
        """All there is, as a scan would hand it over."""
        long_ago = now() - timedelta(days=400)
        common = {"account_id": account_id, "provider_created_at": long_ago.replace(microsecond=0)}
        found = [replace(_volume(name, each), **common) for name, each in self.volumes.items()]  # type: ignore[arg-type]
        if self.instance is not None:
            found.append(replace(self._instance(self.instance), **common))  # type: ignore[arg-type]
        return found

    def _instance(self, state: str) -> ResourceValues:
        devices = [{"volumeId": name} for name, each in self.volumes.items() if each.attached]
        properties = {
            "instanceType": "m7g.large",
            "platform": "Linux/UNIX",
            "tenancy": "default",
            "stateChangedAt": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
            "blockDevices": devices,
        }
        return replace(lone(INSTANCE), resource_type="AWS::EC2::Instance", status=state, tags={}, properties=properties)


def _volume(name: str, volume: Volume) -> ResourceValues:
    attachments = [{"instanceId": INSTANCE, "state": "attached"}] if volume.attached else []
    properties = {"sizeGiB": volume.size, "iops": 3000, "throughputMiBps": 125, "attachments": attachments}
    properties |= {"volumeType": volume.kind} if volume.readable else {"unreadable": ["volumeType"]}
    return lone(
        name,
        status="in-use" if volume.attached else "available",
        tags={KEPT_TAG: "yes"} if volume.kept else {},
        relations=(("ATTACHED_TO", INSTANCE),) if volume.attached else (),
        properties=properties,
    )


def _price(volume: Volume) -> Decimal | None:
    return PRICES[volume.kind] * volume.size if volume.kind in PRICES else None


def _found(volume: Volume, amount: Decimal | None, part_of: str | None) -> Verdict:
    return Verdict("FOUND", amount, part_of) if volume.readable else UNKNOWN


def _under(rule: Tuned, verdict: Verdict, *, kept: bool) -> Verdict:
    if not rule.enabled or (rule.leaves_out_kept and kept):
        return Verdict("LEFT_OUT")
    is_hygiene = verdict.covers_parts and verdict.amount == 0
    if verdict.said == "FOUND" and verdict.amount is not None and not is_hygiene and verdict.amount < rule.minimum:
        return Verdict("LEFT_OUT")
    return verdict
