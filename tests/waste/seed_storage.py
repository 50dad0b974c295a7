"""Volumes, snapshots and images: waste, and what only looks like it."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import ec2_backends

from tests.providers.moto import ACCOUNT
from tests.waste.seeding import OLD, REGION, ZONE, Seeding

DEVICES = iter(f"/dev/sd{letter}" for letter in "fghijklmnop")


def seed(to: Seeding) -> None:
    """Fill the account."""
    to.ago(OLD)
    _loose(to)
    to.ago(OLD)
    _attached(to)
    _snapshots(to)
    to.ago(OLD)
    _images(to)


def volume(to: Seeding, label: str, size: int, kind: str, **values: Any) -> str:
    """A volume that is attached to nothing."""
    made = to.client("ec2").create_volume(AvailabilityZone=ZONE, Size=size, VolumeType=kind, **values)
    to.ids[label] = made["VolumeId"]
    return to.ids[label]


def attached(to: Seeding, label: str, size: int, kind: str, a_second: float, **values: Any) -> str:
    """A volume of a busy machine, with so many reads and as many writes a second."""
    made = volume(to, label, size, kind, **values)
    to.client("ec2").attach_volume(VolumeId=made, InstanceId=to.ids["busy_machine"], Device=next(DEVICES))
    for name in ("VolumeReadOps", "VolumeWriteOps"):
        to.metric("AWS/EBS", name, a_second * 3600, VolumeId=made)
    return made


def _loose(to: Seeding) -> None:
    volume(to, "loose", 500, "gp3", Iops=4000, Throughput=225)
    to.ago(3)
    volume(to, "loose_new", 500, "gp3")
    to.ago(OLD)
    stays = volume(to, "data_of_stopped", 100, "gp3")
    to.client("ec2").attach_volume(VolumeId=stays, InstanceId=to.ids["stopped_machine"], Device="/dev/sdf")


def _attached(to: Seeding) -> None:
    attached(to, "data", 200, "gp3", 100)
    attached(to, "gp2", 400, "gp2", 100)
    attached(to, "small_gp2", 20, "gp2", 100)
    attached(to, "io1", 1000, "io1", 15_000, Iops=40_000)
    attached(to, "small_io1", 200, "io1", 4_000, Iops=10_000)
    attached(to, "magnetic", 200, "standard", 100)
    attached(to, "fast", 200, "gp3", 500, Iops=12_000)
    attached(to, "fast_and_used", 200, "gp3", 2_500, Iops=6_000)
    attached(to, "idle_volume", 300, "gp3", 1 / 3600)
    attached(to, "hardly_used", 300, "gp3", 10 / 3600)


def _snapshots(to: Seeding) -> None:
    def snapshot(label: str, volume_id: str) -> None:
        to.ids[label] = to.client("ec2").create_snapshot(VolumeId=volume_id)["SnapshotId"]

    gone = volume(to, "gone", 50, "gp3")
    snapshot("orphan_snapshot", gone)
    snapshot("only_snapshot", to.ids["fast"])
    snapshot("first_snapshot", to.ids["data"])
    to.ago(20)
    snapshot("last_snapshot", to.ids["data"])
    gone_lately = volume(to, "gone_lately", 50, "gp3")
    snapshot("orphan_of_late", gone_lately)
    for each in ("gone", "gone_lately"):
        to.client("ec2").delete_volume(VolumeId=to.ids.pop(each))


def _images(to: Seeding) -> None:
    """Moto gives each image one snapshot of its own, of 15 GiB: too little to be told of."""

    def image(label: str, gib: int) -> None:
        made = to.client("ec2").create_image(InstanceId=to.ids["stopped_machine"], Name=label)
        to.ids[label] = made["ImageId"]
        ec2_backends[ACCOUNT][REGION].amis[to.ids[label]].ebs_snapshot.volume.size = gib

    image("unused_image", 108)
    image("small_image", 15)
    to.ago(30)
    image("image_of_late", 108)
