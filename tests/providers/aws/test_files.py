"""EFS and FSx as moto tells them."""

from __future__ import annotations

from app.providers.aws import efs, fsx
from app.providers.base import FoundResource, Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import answering, read
from tests.providers.aws.in_front import Told, in_front, refused_as_json
from tests.providers.aws.network import network
from tests.providers.moto import far_client

EFS_ARN = "arn:aws:elasticfilesystem:eu-west-1:123456789012:file-system/"
FSX_ARN = "arn:aws:fsx:eu-west-1:123456789012:file-system/"
IN = RelationshipKind.IN_NETWORK


def by_name(found: list[FoundResource]) -> dict[str, FoundResource]:
    return {resource.name: resource for resource in found}


def test_efs_mounted_and_not(moto_url: str) -> None:
    vpc, subnets = network(moto_url)
    client = far_client(moto_url, "efs")
    home = client.create_file_system(
        CreationToken="home",
        PerformanceMode="generalPurpose",
        ThroughputMode="provisioned",
        ProvisionedThroughputInMibps=64,
        Encrypted=True,
        Tags=[{"Key": "Name", "Value": "home"}, {"Key": "team", "Value": "web"}],
    )["FileSystemId"]
    client.put_lifecycle_configuration(
        FileSystemId=home,
        LifecyclePolicies=[{"TransitionToIA": "AFTER_30_DAYS"}, {"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}],
    )
    for subnet in subnets:
        client.create_mount_target(FileSystemId=home, SubnetId=subnet)
    bare = client.create_file_system(CreationToken="bare")["FileSystemId"]

    found = by_name(read(moto_url, efs.SERVICE, "AWS::EFS::FileSystem"))

    mounted = found["home"]
    assert (mounted.service, mounted.native_id, mounted.status) == ("AmazonEFS", EFS_ARN + home, "available")
    assert mounted.tags == {"Name": "home", "team": "web"}
    assert mounted.created_at is not None
    assert mounted.properties == {
        "arn": EFS_ARN + home,
        "fileSystemId": home,
        "oneZone": False,
        "sizeBytes": 0,
        "sizeBytesStandard": 0,
        "sizeBytesInfrequentAccess": 0,
        "sizeBytesArchive": None,
        "performanceMode": "generalPurpose",
        "throughputMode": "provisioned",
        "provisionedThroughputMibps": 64.0,
        "mountTargets": 2,
        "mountTargetZones": ["eu-west-1a", "eu-west-1b"],
        "lifecyclePolicies": {"TransitionToIA": "AFTER_30_DAYS", "TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"},
        "encrypted": True,
    }
    assert set(mounted.relations) == {Relation(IN, vpc), Relation(IN, subnets[0]), Relation(IN, subnets[1])}
    assert found[bare].native_id == EFS_ARN + bare
    assert found[bare].relations == ()
    assert (found[bare].properties["mountTargets"], found[bare].properties["lifecyclePolicies"]) == (0, {})


def test_efs_that_keeps_its_policies_from_us_and_one_deleted_meanwhile(moto_url: str) -> None:
    _, subnets = network(moto_url)
    client = far_client(moto_url, "efs")
    locked, gone, kept = (client.create_file_system(CreationToken=token)["FileSystemId"] for token in "abc")
    client.create_mount_target(FileSystemId=locked, SubnetId=subnets[0])
    denied = refused_as_json("AccessDeniedException", 403)

    def ours(name: str, _body: str) -> Told | None:
        if name.endswith(f"/{gone}/lifecycle-configuration"):
            return refused_as_json("FileSystemNotFound", 404)
        of_locked = name.endswith(f"/{locked}/lifecycle-configuration") or f"FileSystemId={locked}" in name
        return denied if of_locked else None

    with in_front(moto_url, ours) as front:
        found = by_name(read(front.url, efs.SERVICE, "AWS::EFS::FileSystem"))

    assert sorted(found) == sorted([locked, kept])
    assert found[locked].properties["unreadable"] == ["lifecyclePolicies", "mountTargetZones"]
    assert found[locked].properties["lifecyclePolicies"] is None
    assert found[locked].properties["mountTargetZones"] is None
    assert found[locked].properties["mountTargets"] == 1
    assert "unreadable" not in found[kept].properties


def test_fsx_of_two_kinds(moto_url: str) -> None:
    _, subnets = network(moto_url)
    client = far_client(moto_url, "fsx")
    client.create_file_system(
        FileSystemType="LUSTRE",
        StorageCapacity=1200,
        SubnetIds=subnets[:1],
        LustreConfiguration={"DeploymentType": "PERSISTENT_1", "PerUnitStorageThroughput": 50},
        Tags=[{"Key": "Name", "Value": "scratch"}],
    )
    made = client.create_file_system(
        FileSystemType="WINDOWS",
        StorageCapacity=300,
        SubnetIds=subnets[:1],
        WindowsConfiguration={"ThroughputCapacity": 8},
    )["FileSystem"]

    found = by_name(read(moto_url, fsx.SERVICE, "AWS::FSx::FileSystem"))

    lustre, windows = found["scratch"], found[made["FileSystemId"]]
    identifier = lustre.properties["fileSystemId"]
    assert (lustre.service, lustre.native_id, lustre.tags) == ("AmazonFSx", FSX_ARN + identifier, {"Name": "scratch"})
    assert lustre.relations == (Relation(IN, subnets[0]),)
    assert lustre.properties == {
        "arn": FSX_ARN + identifier,
        "fileSystemId": identifier,
        "fileSystemType": "LUSTRE",
        "fileSystemTypeVersion": None,
        "deploymentType": "PERSISTENT_1",
        "storageType": None,
        "storageCapacityGib": 1200,
        "throughputCapacityMibps": None,
        "throughputPerTibMibps": 50,
        "iops": None,
        "iopsMode": None,
        "dataCompression": None,
        "backupRetentionDays": None,
    }
    assert windows.properties["throughputCapacityMibps"] == 8
    assert windows.properties["storageCapacityGib"] == 300
    assert windows.tags == {}


def test_fsx_tells_when_it_was_made_its_state_and_its_network() -> None:
    def page(identifier: str, **more: str) -> dict[str, object]:
        system = {
            "FileSystemId": identifier,
            "ResourceARN": FSX_ARN + identifier,
            "FileSystemType": "ONTAP",
            "Lifecycle": "AVAILABLE",
            "CreationTime": 1767323045.0,
            "StorageCapacity": 1024,
            "StorageType": "SSD",
            "VpcId": "vpc-1",
            "SubnetIds": ["subnet-1", "subnet-2"],
            "OntapConfiguration": {
                "DeploymentType": "MULTI_AZ_1",
                "ThroughputCapacity": 128,
                "AutomaticBackupRetentionDays": 30,
                "DiskIopsConfiguration": {"Mode": "USER_PROVISIONED", "Iops": 5000},
                "FsxAdminPassword": "never-told",
            },
        }
        return {"FileSystems": [system], **more}

    with answering(DescribeFileSystems=[page("fs-1", NextToken="two"), page("fs-2")]) as far_side:
        first, second = read(far_side.url, fsx.SERVICE, "AWS::FSx::FileSystem")

    assert [call.get("NextToken") for call in far_side.calls("DescribeFileSystems")] == [None, "two"]
    assert (first.name, second.name, first.status) == ("fs-1", "fs-2", "AVAILABLE")
    assert first.created_at is not None
    assert first.created_at.isoformat() == "2026-01-02T03:04:05+00:00"
    assert first.relations == (Relation(IN, "vpc-1"), Relation(IN, "subnet-1"), Relation(IN, "subnet-2"))
    assert (first.properties["iops"], first.properties["iopsMode"]) == (5000, "USER_PROVISIONED")
    assert first.properties["backupRetentionDays"] == 30
    assert "never-told" not in str(first)
