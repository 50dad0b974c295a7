"""What runs without machines of one's own, and what keeps or sends data: waste, and what only looks like it."""

from __future__ import annotations

import io
import json
import zipfile

from moto.ecr.models import ecr_backends
from moto.efs.models import efs_backends
from moto.logs.models import logs_backends

from tests.providers.moto import ACCOUNT
from tests.waste.seeding import OLD, REGION, Seeding, arn

GIB = 1024**3
ROLE_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "*"}, "Action": "sts:AssumeRole"}],
    }
)


def seed(to: Seeding) -> None:
    """Fill the account."""
    to.ago(OLD)
    _buckets(to)
    _log_groups(to)
    _images(to)
    to.ago(OLD)
    _files(to)
    _functions(to)
    _streams(to)
    _search(to)


def _buckets(to: Seeding) -> None:
    s3 = to.client("s3")
    rule = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}}
    tidy = {
        **rule,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    for label, gib, versions, uploads, rules in (
        ("large-bucket", 1000, False, False, []),
        ("small-bucket", 50, False, False, []),
        ("tidy-bucket", 1000, True, True, [tidy]),
        ("bucket-with-versions", 50, True, False, []),
        ("bucket-with-uploads", 50, False, True, []),
    ):
        s3.create_bucket(Bucket=label)
        to.ids[label] = label
        if versions:
            s3.put_bucket_versioning(Bucket=label, VersioningConfiguration={"Status": "Enabled"})
        if uploads:
            s3.create_multipart_upload(Bucket=label, Key="unfinished")
        if rules:
            s3.put_bucket_lifecycle_configuration(Bucket=label, LifecycleConfiguration={"Rules": rules})
        where = {"BucketName": label, "StorageType": "StandardStorage"}
        to.metric("AWS/S3", "BucketSizeBytes", gib * GIB, **where)


def _log_groups(to: Seeding) -> None:
    logs = to.client("logs")
    for label, gib, incoming in (("stale-logs", 1000, 0), ("written-logs", 1000, 5000), ("empty-logs", 0, 0)):
        logs.create_log_group(logGroupName=label)
        logs.put_retention_policy(logGroupName=label, retentionInDays=365)
        logs.create_log_stream(logGroupName=label, logStreamName="one")
        logs_backends[ACCOUNT][REGION].groups[label].streams["one"].stored_bytes = gib * GIB
        to.ids[label] = arn("logs", f"log-group:{label}")
        if incoming:
            to.metric("AWS/Logs", "IncomingBytes", incoming, LogGroupName=label)


def _images(to: Seeding) -> None:
    ecr = to.client("ecr")
    for label, days in (("stale-images", OLD), ("fresh-images", 2)):
        to.ago(days)
        made = ecr.create_repository(repositoryName=label)["repository"]
        to.ids[label] = made["repositoryArn"]
        ecr.put_image(repositoryName=label, imageManifest=json.dumps(_manifest()), imageTag="one")
        for image in ecr_backends[ACCOUNT][REGION].repositories[label].images:
            image.get_image_size_in_bytes = lambda: 100 * GIB  # type: ignore[method-assign]


def _manifest() -> dict[str, object]:
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    layer = {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": 100, "digest": "sha256:1"}
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 10, "digest": "sha256:2"}
    return {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}


def _files(to: Seeding) -> None:
    efs = to.client("efs")
    backend = efs_backends[ACCOUNT][REGION]
    for label, gib, connections in (("unmounted_files", 100, None), ("idle_files", 100, 0), ("used_files", 100, 3)):
        made = efs.create_file_system(CreationToken=label)
        to.ids[label], identifier = made["FileSystemArn"], made["FileSystemId"]
        efs.put_lifecycle_configuration(
            FileSystemId=identifier, LifecyclePolicies=[{"TransitionToIA": "AFTER_30_DAYS"}]
        )
        backend.file_systems_by_id[identifier]._size_value = gib * GIB
        if connections is not None:
            efs.create_mount_target(FileSystemId=identifier, SubnetId=to.ids["subnet"])
        if connections:
            to.metric("AWS/EFS", "ClientConnections", connections, FileSystemId=identifier)
    made = efs.create_file_system(CreationToken="cold_files")
    to.ids["cold_files"] = made["FileSystemArn"]
    backend.file_systems_by_id[made["FileSystemId"]]._size_value = 1000 * GIB
    efs.create_mount_target(FileSystemId=made["FileSystemId"], SubnetId=to.ids["subnet_b"])
    to.metric("AWS/EFS", "ClientConnections", 3, FileSystemId=made["FileSystemId"])


def _functions(to: Seeding) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", "def handle(event, context): return 1")
    role = to.client("iam").create_role(RoleName="lambda", AssumeRolePolicyDocument=ROLE_POLICY)["Role"]["Arn"]
    for label, architecture, memory, duration in (
        ("large-function", "arm64", 20, 36_000_000),
        ("full-function", "arm64", 80, 36_000_000),
        ("intel-function", "x86_64", 80, 36_000_000),
        ("unused-function", "x86_64", 0, 0),
    ):
        made = to.client("lambda").create_function(
            FunctionName=label,
            Runtime="python3.11",
            Role=role,
            Handler="main.handle",
            Code={"ZipFile": packed.getvalue()},
            MemorySize=1024,
            Architectures=[architecture],
        )
        to.ids[label] = made["FunctionArn"]
        if duration:
            to.metric("AWS/Lambda", "Duration", duration, FunctionName=label)
            to.metric("LambdaInsights", "memory_utilization", memory, function_name=label)


def _streams(to: Seeding) -> None:
    for label, used in (("idle-stream", 0), ("busy-stream", 2_000_000)):
        to.client("kinesis").create_stream(StreamName=label, ShardCount=4)
        to.ids[label] = arn("kinesis", f"stream/{label}")
        if used:
            for name in ("IncomingBytes", "GetRecords.Bytes"):
                to.metric("AWS/Kinesis", name, used * 3600, StreamName=label)


def _search(to: Seeding) -> None:
    for label, version, searches, cpu in (
        ("idle-search", "OpenSearch_2.17", 0, 3),
        ("busy-search", "OpenSearch_2.17", 5, 50),
        ("old-search", "OpenSearch_2.5", 5, 50),
    ):
        made = to.client("opensearch").create_domain(
            DomainName=label,
            EngineVersion=version,
            ClusterConfig={"InstanceType": "m6g.large.search", "InstanceCount": 2},
            EBSOptions={"EBSEnabled": True, "VolumeType": "gp3", "VolumeSize": 100},
        )
        to.ids[label] = made["DomainStatus"]["ARN"]
        where = {"DomainName": label, "ClientId": ACCOUNT}
        to.metric("AWS/ES", "SearchRate", searches, **where)
        to.metric("AWS/ES", "CPUUtilization", cpu, **where)
