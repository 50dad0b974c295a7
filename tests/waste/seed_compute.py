"""Instances, volumes, snapshots, images and addresses: waste, and what only looks like it."""

from __future__ import annotations

from typing import Any

from tests.waste.seeding import OLD, ZONE, Seeding


def seed(to: Seeding) -> None:
    """Fill the account."""
    to.ago(OLD)
    _volumes(to)


def _volumes(to: Seeding) -> None:
    volume(to, "loose", 500, "gp3", Iops=4000, Throughput=225)
    to.ago(3)
    volume(to, "loose_new", 500, "gp3")
    to.ago(OLD)


def volume(to: Seeding, label: str, size: int, kind: str, **values: Any) -> str:
    """A volume that is attached to nothing."""
    made = to.client("ec2").create_volume(AvailabilityZone=ZONE, Size=size, VolumeType=kind, **values)
    to.ids[label] = made["VolumeId"]
    return to.ids[label]
