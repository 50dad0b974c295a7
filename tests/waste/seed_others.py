"""Models, brokers, keys and other services that are paid by the hour or the month: waste, and what only looks so."""

from __future__ import annotations

from typing import Any

from tests.waste.far_missing import KEYS_USED, PROTECTED
from tests.waste.seeding import OLD, Seeding, arn, now

ROLE = arn("iam", "role/service", "")


def seed(to: Seeding) -> None:
    """Fill the account."""
    to.ago(OLD)
    _models(to)
    _warehouses(to)
    _brokers(to)
    _clusters(to)
    _keys(to)
    _edge(to)
    _trails(to)


def _models(to: Seeding) -> None:
    client = to.client("sagemaker")
    for label, values in (("running-notebook", {}), ("tidy-notebook", {"LifecycleConfigName": "stops-it"})):
        if values:
            client.create_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName="stops-it")
        made = client.create_notebook_instance(
            NotebookInstanceName=label, InstanceType="ml.t3.medium", RoleArn=ROLE, **values
        )
        to.ids[label] = made["NotebookInstanceArn"]
    client.create_model(
        ModelName="model", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "example.com/model", "ModelDataUrl": ""}
    )
    variant = {"VariantName": "all", "ModelName": "model", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName="one", ProductionVariants=[variant])
    for label, calls in (("idle-endpoint", 0), ("used-endpoint", 5)):
        made = client.create_endpoint(EndpointName=label, EndpointConfigName="one")
        to.ids[label] = made["EndpointArn"]
        if calls:
            to.metric("AWS/SageMaker", "Invocations", calls, EndpointName=label, VariantName="all")


def _warehouses(to: Seeding) -> None:
    for label, idle in (("idle-emr", 1), ("busy-emr", 0)):
        made = to.client("emr").run_job_flow(
            Name=label,
            Instances={
                "InstanceCount": 3,
                "MasterInstanceType": "m5.xlarge",
                "SlaveInstanceType": "m5.xlarge",
                "KeepJobFlowAliveWhenNoSteps": True,
            },
            JobFlowRole="EMR_EC2_DefaultRole",
            ServiceRole="EMR_DefaultRole",
        )
        to.ids[label] = made["ClusterArn"]
        to.metric("AWS/ElasticMapReduce", "IsIdle", idle, JobFlowId=made["JobFlowId"])


def _brokers(to: Seeding) -> None:
    for label, connections in (("idle-broker", 0), ("used-broker", 4)):
        made = to.client("mq").create_broker(
            BrokerName=label,
            EngineType="RABBITMQ",
            EngineVersion="3.13",
            HostInstanceType="mq.m5.large",
            DeploymentMode="SINGLE_INSTANCE",
            AutoMinorVersionUpgrade=True,
            PubliclyAccessible=False,
            Users=[{"Username": "someone", "Password": "a-password-of-tests"}],
        )
        to.ids[label] = made["BrokerArn"]
        to.metric("AWS/AmazonMQ", "ConnectionCount", connections, Broker=label)
    for label, cpu in (("idle-replication", 1), ("busy-replication", 50)):
        made = to.client("dms").create_replication_instance(
            ReplicationInstanceIdentifier=label,
            ReplicationInstanceClass="dms.t3.medium",
            AllocatedStorage=50,
            MultiAZ=False,
        )
        to.ids[label] = made["ReplicationInstance"]["ReplicationInstanceArn"]
        to.metric("AWS/DMS", "CPUUtilization", cpu, ReplicationInstanceIdentifier=label)
    for label, sent in (("idle-transfer", 0), ("used-transfer", 5000)):
        server = to.client("transfer").create_server(Protocols=["SFTP"])["ServerId"]
        to.ids[label] = arn("transfer", f"server/{server}")
        if sent:
            to.metric("AWS/Transfer", "BytesIn", sent, ServerId=server)


def _clusters(to: Seeding) -> None:
    eks, subnets = to.client("eks"), [to.ids["subnet"], to.ids["subnet_b"]]
    for label, version in (("empty-cluster", "1.99"), ("used-cluster", "1.99"), ("old-cluster", "1.21")):
        made = eks.create_cluster(name=label, version=version, roleArn=ROLE, resourcesVpcConfig={"subnetIds": subnets})
        to.ids[label] = made["cluster"]["arn"]
        if label != "empty-cluster":
            eks.create_nodegroup(clusterName=label, nodegroupName="nodes", subnets=subnets, nodeRole=ROLE)
    for label, operations in (("idle_lustre", 0), ("used_lustre", 50)):
        made = to.client("fsx").create_file_system(
            FileSystemType="LUSTRE",
            StorageCapacity=1200,
            SubnetIds=subnets[:1],
            StorageType="SSD",
            LustreConfiguration={"DeploymentType": "SCRATCH_2"},
        )["FileSystem"]
        to.ids[label] = made["ResourceARN"]
        for name in ("DataReadOperations", "DataWriteOperations"):
            to.metric("AWS/FSx", name, operations, FileSystemId=made["FileSystemId"])


def _keys(to: Seeding) -> None:
    for label, used in (("unused_key", None), ("used_key", 1)):
        made = to.client("kms").create_key(Description=label)["KeyMetadata"]
        to.ids[label] = made["Arn"]
        told: dict[str, Any] = {"TrackingStartDate": now()}
        if used:
            to.ago(used)
            told["KeyLastUsage"] = {"Operation": "Encrypt", "Timestamp": now()}
        KEYS_USED[made["KeyId"]] = told
    to.ago(OLD)


def _edge(to: Seeding) -> None:
    route53 = to.client("route53")
    checked = {"Type": "HTTPS", "IPAddress": "198.51.100.7", "Port": 443}
    for label, latency in (("unused_check", True), ("used_check", True), ("cheap_check", False)):
        config = {**checked, "MeasureLatency": latency} if latency else {**checked, "Type": "HTTP", "Port": 80}
        made = route53.create_health_check(CallerReference=label, HealthCheckConfig=config)["HealthCheck"]
        to.ids[label] = f"arn:aws:route53:::healthcheck/{made['Id']}"
        if label == "used_check":
            _refer(route53, made["Id"])
    waf, seen = to.client("wafv2"), {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False}
    for label in ("unused-acl", "used-acl"):
        made = waf.create_web_acl(
            Name=label, Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig={**seen, "MetricName": label}
        )
        to.ids[label] = made["Summary"]["ARN"]
    PROTECTED[to.ids["used-acl"]] = [to.ids["busy_alb"]]
    for label, requests in (("idle_distribution", 0), ("used_distribution", 50)):
        made = to.client("cloudfront").create_distribution(DistributionConfig=_distribution(label))["Distribution"]
        to.ids[label] = made["ARN"]
        if requests:
            to.metric("AWS/CloudFront", "Requests", requests, DistributionId=made["Id"], Region="Global")


def _refer(route53: Any, check: str) -> None:
    zone = route53.create_hosted_zone(Name="shop.example", CallerReference="one")["HostedZone"]["Id"]
    record = {
        "Name": "www.shop.example",
        "Type": "A",
        "TTL": 60,
        "SetIdentifier": "one",
        "Weight": 1,
        "HealthCheckId": check,
        "ResourceRecords": [{"Value": "198.51.100.7"}],
    }
    changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def _distribution(label: str) -> dict[str, Any]:
    origin = {"Id": "one", "DomainName": "shop.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    behavior = {"TargetOriginId": "one", "ViewerProtocolPolicy": "allow-all", "MinTTL": 0}
    forwarded = {"QueryString": False, "Cookies": {"Forward": "none"}}
    return {
        "CallerReference": label,
        "Comment": label,
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {**behavior, "ForwardedValues": forwarded},
    }


def _trails(to: Seeding) -> None:
    client = to.client("cloudtrail")
    for label in ("first-trail", "second-trail"):
        made = client.create_trail(Name=label, S3BucketName="small-bucket", IsMultiRegionTrail=True)
        client.start_logging(Name=label)
        to.ids[label] = made["TrailARN"]
