"""Machines, disks and groups, exactly as the inventory tells them."""

from __future__ import annotations

from datetime import UTC, datetime

from app.providers.base import FoundResource, Relation
from app.records import RelationshipKind
from tests.providers.gcp.conftest import Find
from tests.providers.gcp.google import NUMBER, PROJECT, Google, asset

LINK = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
NAME = f"//compute.googleapis.com/projects/{PROJECT}"
ZONE = "zones/us-central1-a"


def test_disk(google: Google, find: Find) -> None:
    data = {
        "name": "data-1",
        "id": "9006199254740993",
        "creationTimestamp": "2026-01-02T03:04:05.678-08:00",
        "lastAttachTimestamp": "2026-02-01T00:00:00.000-08:00",
        "lastDetachTimestamp": "2026-03-01T00:00:00.000-08:00",
        "sizeGb": "500",
        "provisionedIops": "3000",
        "physicalBlockSizeBytes": "4096",
        "status": "READY",
        "type": f"{LINK}/{ZONE}/diskTypes/pd-ssd",
        "zone": f"{LINK}/{ZONE}",
        "users": [f"{LINK}/{ZONE}/instances/web-1"],
        "sourceImage": "https://www.googleapis.com/compute/v1/projects/debian-cloud/global/images/debian-12",
        "sourceSnapshot": f"{LINK}/global/snapshots/nightly",
        "labels": {"team": "data", "env": "prod"},
        "diskEncryptionKey": {"kmsKeyName": "projects/k/keys/1", "rawKey": "s3cret"},
    }
    google.hold(asset("compute.googleapis.com/Disk", f"projects/{PROJECT}/{ZONE}/disks/data-1", data))
    assert find("compute.googleapis.com/Disk") == [
        FoundResource(
            service="compute.googleapis.com",
            resource_type="compute.googleapis.com/Disk",
            native_id=f"{NAME}/{ZONE}/disks/data-1",
            name="data-1",
            region="us-central1",
            availability_zone="us-central1-a",
            status="READY",
            tags={"team": "data", "env": "prod"},
            properties={
                "id": "9006199254740993",
                "sizeGb": 500,
                "type": "pd-ssd",
                "users": [f"{NAME}/{ZONE}/instances/web-1"],
                "lastAttachTimestamp": "2026-02-01T00:00:00.000-08:00",
                "lastDetachTimestamp": "2026-03-01T00:00:00.000-08:00",
                "provisionedIops": 3000,
                "sourceImage": "//compute.googleapis.com/projects/debian-cloud/global/images/debian-12",
                "sourceSnapshot": f"{NAME}/global/snapshots/nightly",
                "diskEncryptionKey": {"kmsKeyName": "projects/k/keys/1"},
                "project": PROJECT,
            },
            created_at=datetime(2026, 1, 2, 11, 4, 5, 678000, tzinfo=UTC),
            last_used_at=datetime(2026, 3, 1, 8, tzinfo=UTC),
            relations=(
                Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/{ZONE}/instances/web-1"),
                Relation(
                    RelationshipKind.CREATED_FROM,
                    "//compute.googleapis.com/projects/debian-cloud/global/images/debian-12",
                ),
                Relation(RelationshipKind.CREATED_FROM, f"{NAME}/global/snapshots/nightly"),
            ),
        )
    ]


def test_disks_know_the_numbers_of_their_machines(google: Google, find: Find) -> None:
    """By which metrics tell machines apart; of a machine that was not read there is none, so none at all."""
    instance = {"id": "9006199254740993", "status": "RUNNING"}
    google.hold(asset("compute.googleapis.com/Instance", f"projects/{PROJECT}/{ZONE}/instances/web-1", instance))
    for name, machines in (("own", ["web-1"]), ("shared", ["web-1", "unread"]), ("loose", [])):
        data = {"users": [f"{LINK}/{ZONE}/instances/{machine}" for machine in machines]}
        google.hold(asset("compute.googleapis.com/Disk", f"projects/{PROJECT}/{ZONE}/disks/{name}", data))
    told = {disk.name: disk.properties.get("userIds") for disk in find("compute.googleapis.com/Disk")}
    assert told == {"own": ["9006199254740993"], "shared": None, "loose": None}


def test_disk_without_a_machine(google: Google, find: Find) -> None:
    google.hold(asset("compute.googleapis.com/Disk", f"projects/{PROJECT}/{ZONE}/disks/lost", {"sizeGb": "10"}))
    (disk,) = find("compute.googleapis.com/Disk")
    assert (disk.relations, disk.last_used_at, disk.created_at, disk.status) == ((), None, None, None)
    assert disk.properties == {"sizeGb": 10, "project": PROJECT}


def test_disk_in_two_zones(google: Google, find: Find) -> None:
    path = f"projects/{PROJECT}/regions/us-central1/disks/twin"
    data = {"sizeGb": "200", "replicaZones": [f"{LINK}/zones/us-central1-a", f"{LINK}/zones/us-central1-b"]}
    google.hold(asset("compute.googleapis.com/RegionDisk", path, data, "us-central1"))
    (disk,) = find("compute.googleapis.com/RegionDisk")
    assert (disk.native_id, disk.region, disk.availability_zone) == (
        f"//compute.googleapis.com/{path}",
        "us-central1",
        None,
    )
    assert disk.properties == {
        "sizeGb": 200,
        "replicaZones": ["us-central1-a", "us-central1-b"],
        "project": PROJECT,
    }


def test_snapshot(google: Google, find: Find) -> None:
    data = {
        "diskSizeGb": "500",
        "storageBytes": "123456789",
        "sourceDisk": f"{LINK}/{ZONE}/disks/data-1",
        "status": "READY",
        "storageLocations": ["us"],
        "autoCreated": True,
        "creationTimestamp": "2025-06-01T00:00:00Z",
    }
    google.hold(asset("compute.googleapis.com/Snapshot", f"projects/{PROJECT}/global/snapshots/s", data, "us"))
    (snapshot,) = find("compute.googleapis.com/Snapshot")
    assert snapshot.native_id == f"{NAME}/global/snapshots/s"
    assert snapshot.region == "us"
    assert snapshot.created_at == datetime(2025, 6, 1, tzinfo=UTC)
    assert snapshot.relations == (Relation(RelationshipKind.CREATED_FROM, f"{NAME}/{ZONE}/disks/data-1"),)
    assert snapshot.properties == {
        "diskSizeGb": 500,
        "storageBytes": 123456789,
        "sourceDisk": f"{NAME}/{ZONE}/disks/data-1",
        "storageLocations": ["us"],
        "autoCreated": True,
        "project": PROJECT,
    }


def test_image(google: Google, find: Find) -> None:
    data = {
        "diskSizeGb": "20",
        "archiveSizeBytes": "5000000000",
        "family": "web",
        "sourceSnapshot": f"{LINK}/global/snapshots/s",
        "deprecated": {"state": "DEPRECATED", "replacement": "x"},
        "rawDisk": {"source": "https://storage.example/s3cret"},
        "status": "READY",
    }
    google.hold(asset("compute.googleapis.com/Image", f"projects/{PROJECT}/global/images/i", data, "global"))
    (image,) = find("compute.googleapis.com/Image")
    assert (image.region, image.status, image.name) == ("global", "READY", "i")
    assert image.relations == (Relation(RelationshipKind.CREATED_FROM, f"{NAME}/global/snapshots/s"),)
    assert image.properties == {
        "diskSizeGb": 20,
        "archiveSizeBytes": 5000000000,
        "family": "web",
        "sourceSnapshot": f"{NAME}/global/snapshots/s",
        "deprecated": {"state": "DEPRECATED"},
        "project": PROJECT,
    }


def test_template(google: Google, find: Find) -> None:
    image = "https://www.googleapis.com/compute/v1/projects/acme-images/global/images/web-7"
    data = {
        "properties": {
            "machineType": "e2-medium",
            "metadata": {"items": [{"key": "startup-script", "value": "s3cret"}]},
            "disks": [
                {"boot": True, "initializeParams": {"sourceImage": image, "diskSizeGb": "10"}},
                {"type": "SCRATCH"},
            ],
        }
    }
    path = f"projects/{PROJECT}/global/instanceTemplates/web"
    google.hold(asset("compute.googleapis.com/InstanceTemplate", path, data, "global"))
    (template,) = find("compute.googleapis.com/InstanceTemplate")
    named = "//compute.googleapis.com/projects/acme-images/global/images/web-7"
    assert template.relations == (Relation(RelationshipKind.CREATED_FROM, named),)
    assert template.properties == {
        "properties": {"machineType": "e2-medium", "disks": [{"initializeParams": {"sourceImage": named}}, {}]},
        "project": PROJECT,
    }


def test_instance(google: Google, find: Find) -> None:
    data = {
        "id": "8006199254740991",
        "status": "TERMINATED",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "lastStartTimestamp": "2026-01-01T00:00:10Z",
        "lastStopTimestamp": "2026-09-01T12:00:00Z",
        "machineType": f"{LINK}/{ZONE}/machineTypes/n2-standard-4",
        "cpuPlatform": "Intel Cascade Lake",
        "scheduling": {"preemptible": False, "provisioningModel": "STANDARD", "nodeAffinities": ["x"]},
        "guestAccelerators": [
            {"acceleratorType": f"{LINK}/{ZONE}/acceleratorTypes/nvidia-tesla-t4", "acceleratorCount": 1}
        ],
        "disks": [{"source": f"{LINK}/{ZONE}/disks/boot", "boot": True, "diskSizeGb": "20", "licenses": ["l"]}],
        "networkInterfaces": [
            {
                "name": "nic0",
                "network": f"{LINK}/global/networks/default",
                "subnetwork": f"{LINK}/regions/us-central1/subnetworks/apps",
                "networkIP": "10.0.0.2",
                "accessConfigs": [{"natIP": "34.1.2.3", "networkTier": "PREMIUM", "type": "ONE_TO_ONE_NAT"}],
            }
        ],
        "metadata": {
            "items": [
                {"key": "startup-script", "value": "export PASSWORD=s3cret"},
                {"key": "created-by", "value": f"projects/{NUMBER}/{ZONE}/instanceGroupManagers/gke-pool"},
            ]
        },
        "labels": {
            "goog-k8s-cluster-name": "main",
            "goog-k8s-cluster-location": "us-central1-a",
        },
    }
    google.hold(asset("compute.googleapis.com/Instance", f"projects/{PROJECT}/{ZONE}/instances/web-1", data))
    (instance,) = find("compute.googleapis.com/Instance")
    assert "s3cret" not in repr(instance)
    assert instance.last_used_at == datetime(2026, 9, 1, 12, tzinfo=UTC)
    assert instance.properties == {
        "id": "8006199254740991",
        "machineType": "n2-standard-4",
        "cpuPlatform": "Intel Cascade Lake",
        "scheduling": {"preemptible": False, "provisioningModel": "STANDARD"},
        "guestAccelerators": [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 1}],
        "disks": [{"source": f"{NAME}/{ZONE}/disks/boot", "boot": True, "diskSizeGb": 20}],
        "networkInterfaces": [
            {
                "name": "nic0",
                "network": f"{NAME}/global/networks/default",
                "subnetwork": f"{NAME}/regions/us-central1/subnetworks/apps",
                "networkIP": "10.0.0.2",
                "accessConfigs": [{"natIP": "34.1.2.3", "networkTier": "PREMIUM"}],
            }
        ],
        "lastStartTimestamp": "2026-01-01T00:00:10Z",
        "lastStopTimestamp": "2026-09-01T12:00:00Z",
        "project": PROJECT,
    }
    assert instance.relations == (
        Relation(RelationshipKind.IN_NETWORK, f"{NAME}/global/networks/default"),
        Relation(RelationshipKind.IN_NETWORK, f"{NAME}/regions/us-central1/subnetworks/apps"),
        Relation(RelationshipKind.MEMBER_OF, f"{NAME}/{ZONE}/instanceGroupManagers/gke-pool"),
        Relation(
            RelationshipKind.MEMBER_OF,
            f"//container.googleapis.com/projects/{PROJECT}/locations/us-central1-a/clusters/main",
        ),
    )


def test_groups_and_machines_are_behind_their_load_balancers(google: Google, find: Find) -> None:
    group = f"{ZONE}/instanceGroups/web"
    backends = [{"group": f"{LINK}/{group}", "balancingMode": "UTILIZATION", "capacityScaler": 1.0}]
    google.hold(
        asset(
            "compute.googleapis.com/BackendService",
            f"projects/{PROJECT}/global/backendServices/web",
            {"backends": backends, "protocol": "HTTP", "iap": {"oauth2ClientSecret": "s3cret"}},
            "global",
        ),
        asset(
            "compute.googleapis.com/RegionBackendService",
            f"projects/{PROJECT}/regions/us-central1/backendServices/inner",
            {"backends": backends, "loadBalancingScheme": "INTERNAL"},
            "us-central1",
        ),
        asset(
            "compute.googleapis.com/TargetPool",
            f"projects/{PROJECT}/regions/us-central1/targetPools/old",
            {"instances": [f"{LINK}/{ZONE}/instances/web-1"]},
            "us-central1",
        ),
        asset("compute.googleapis.com/InstanceGroup", f"projects/{PROJECT}/{group}", {"size": 2}),
        asset(
            "compute.googleapis.com/InstanceGroupManager",
            f"projects/{PROJECT}/{ZONE}/instanceGroupManagers/web",
            {
                "targetSize": 2,
                "instanceGroup": f"{LINK}/{group}",
                "status": {"isStable": True, "autoscaler": f"{LINK}/{ZONE}/autoscalers/web"},
            },
        ),
        asset("compute.googleapis.com/Instance", f"projects/{PROJECT}/{ZONE}/instances/web-1", {}),
    )
    fronts = (
        Relation(RelationshipKind.BEHIND, f"{NAME}/global/backendServices/web"),
        Relation(RelationshipKind.BEHIND, f"{NAME}/regions/us-central1/backendServices/inner"),
    )
    pool = Relation(RelationshipKind.BEHIND, f"{NAME}/regions/us-central1/targetPools/old")
    assert [r.relations for r in find("compute.googleapis.com/InstanceGroup")] == [fronts]
    assert [r.relations for r in find("compute.googleapis.com/InstanceGroupManager")] == [fronts]
    assert [r.relations for r in find("compute.googleapis.com/Instance")] == [(pool,)]
    (service,) = find("compute.googleapis.com/BackendService")
    assert service.properties == {
        "backends": [{"group": f"{NAME}/{group}", "balancingMode": "UTILIZATION", "capacityScaler": 1}],
        "protocol": "HTTP",
        "project": PROJECT,
    }
    (manager,) = find("compute.googleapis.com/InstanceGroupManager")
    assert manager.properties == {
        "targetSize": 2,
        "instanceGroup": f"{NAME}/{group}",
        "status": {"isStable": True, "autoscaler": f"{NAME}/{ZONE}/autoscalers/web"},
        "project": PROJECT,
    }
    (old,) = find("compute.googleapis.com/TargetPool")
    assert old.properties == {"instances": [f"{NAME}/{ZONE}/instances/web-1"], "project": PROJECT}
    (inner,) = find("compute.googleapis.com/RegionBackendService")
    assert inner.properties["loadBalancingScheme"] == "INTERNAL"


def test_autoscaler(google: Google, find: Find) -> None:
    data = {
        "target": f"{LINK}/{ZONE}/instanceGroupManagers/web",
        "recommendedSize": 2,
        "autoscalingPolicy": {"minNumReplicas": 2, "maxNumReplicas": 9, "cpuUtilization": {"utilizationTarget": 0.6}},
    }
    google.hold(asset("compute.googleapis.com/Autoscaler", f"projects/{PROJECT}/{ZONE}/autoscalers/web", data))
    (scaler,) = find("compute.googleapis.com/Autoscaler")
    assert scaler.relations == (Relation(RelationshipKind.ATTACHED_TO, f"{NAME}/{ZONE}/instanceGroupManagers/web"),)
    assert scaler.properties["autoscalingPolicy"] == data["autoscalingPolicy"]


def test_reservation_and_commitment(google: Google, find: Find) -> None:
    google.hold(
        asset(
            "compute.googleapis.com/Reservation",
            f"projects/{PROJECT}/{ZONE}/reservations/r",
            {
                "specificReservation": {
                    "count": "10",
                    "inUseCount": "3",
                    "instanceProperties": {"machineType": "n2-standard-8", "localSsds": []},
                },
                "commitment": f"{LINK}/regions/us-central1/commitments/c",
                "status": "READY",
            },
        ),
        asset(
            "compute.googleapis.com/Commitment",
            f"projects/{PROJECT}/regions/us-central1/commitments/c",
            {
                "plan": "TWELVE_MONTH",
                "endTimestamp": "2026-12-31T00:00:00Z",
                "resources": [{"type": "VCPU", "amount": "32"}],
                "status": "ACTIVE",
            },
            "us-central1",
        ),
    )
    (reservation,) = find("compute.googleapis.com/Reservation")
    assert reservation.properties == {
        "specificReservation": {
            "count": 10,
            "inUseCount": 3,
            "instanceProperties": {"machineType": "n2-standard-8", "localSsds": []},
        },
        "commitment": f"{NAME}/regions/us-central1/commitments/c",
        "project": PROJECT,
    }
    (commitment,) = find("compute.googleapis.com/Commitment")
    assert reservation.relations == (Relation(RelationshipKind.MEMBER_OF, commitment.native_id),)
    assert (commitment.status, commitment.properties) == (
        "ACTIVE",
        {
            "plan": "TWELVE_MONTH",
            "endTimestamp": "2026-12-31T00:00:00Z",
            "resources": [{"type": "VCPU", "amount": 32}],
            "project": PROJECT,
        },
    )
