"""An AWS account in moto with something of more than forty types in it, and what scans are to say of each."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from typing import Any

from tests.providers.moto import REGION, far_client

ZONE = f"{REGION}a"
ROLE_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "*"}, "Action": "sts:AssumeRole"}],
    }
)


@dataclass
class Seeded:
    """What was put there: native ids by a name of ours, and the relations that follow."""

    url: str
    ids: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A plain client in the one region."""
        return far_client(self.url, service)


def seed(url: str) -> Seeded:
    """Fill the account in one region."""
    made = Seeded(url)
    for part in (_network, _compute, _storage, _balancers, _databases, _containers, _serverless, _analytics, _security):
        part(made)
    return made


def _network(made: Seeded) -> None:
    ec2, ids = made.client("ec2"), made.ids
    ids["vpc"] = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    for name, zone, block in (("subnet", "a", "10.1.0.0/20"), ("subnet_b", "b", "10.1.16.0/20")):
        made.ids[name] = ec2.create_subnet(VpcId=ids["vpc"], CidrBlock=block, AvailabilityZone=f"{REGION}{zone}")[
            "Subnet"
        ]["SubnetId"]
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=ids["vpc"])
    ids["group"] = group["GroupId"]
    ids["address"] = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ids["nat"] = ec2.create_nat_gateway(SubnetId=ids["subnet"], AllocationId=ids["address"])["NatGateway"][
        "NatGatewayId"
    ]
    ids["interface"] = ec2.create_network_interface(SubnetId=ids["subnet"])["NetworkInterface"]["NetworkInterfaceId"]
    ids["endpoint"] = ec2.create_vpc_endpoint(
        VpcId=ids["vpc"], ServiceName=f"com.amazonaws.{REGION}.ssm", VpcEndpointType="Interface"
    )["VpcEndpoint"]["VpcEndpointId"]
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    ids["attachment"] = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway, VpcId=ids["vpc"], SubnetIds=[ids["subnet"]]
    )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    customer = ec2.create_customer_gateway(BgpAsn=65_000, PublicIp="198.51.100.7", Type="ipsec.1")
    ids["vpn"] = ec2.create_vpn_connection(
        CustomerGatewayId=customer["CustomerGateway"]["CustomerGatewayId"], TransitGatewayId=gateway, Type="ipsec.1"
    )["VpnConnection"]["VpnConnectionId"]


def _compute(made: Seeded) -> None:
    ec2, ids = made.client("ec2"), made.ids
    first = ec2.run_instances(
        ImageId="ami-12345678", MinCount=1, MaxCount=1, InstanceType="t3.micro", SubnetId=ids["subnet"]
    )["Instances"][0]
    ids["base"] = first["InstanceId"]
    ids["image"] = ec2.create_image(InstanceId=ids["base"], Name="golden")["ImageId"]
    web = ec2.run_instances(
        ImageId=ids["image"],
        MinCount=1,
        MaxCount=1,
        InstanceType="m5.large",
        SubnetId=ids["subnet"],
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "web"}]}],
    )["Instances"][0]
    ids["web"] = web["InstanceId"]
    ids["template"] = ec2.create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": ids["image"], "InstanceType": "t3.micro"}
    )["LaunchTemplate"]["LaunchTemplateId"]
    ids["host"] = ec2.allocate_hosts(AvailabilityZone=ZONE, InstanceType="c5.large", Quantity=1)["HostIds"][0]
    made.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="workers",
        LaunchTemplate={"LaunchTemplateId": ids["template"]},
        MinSize=1,
        MaxSize=2,
        VPCZoneIdentifier=ids["subnet"],
    )


def _storage(made: Seeded) -> None:
    ec2, ids = made.client("ec2"), made.ids
    ids["snapshot_source"] = ec2.create_volume(AvailabilityZone=ZONE, Size=20, VolumeType="gp2")["VolumeId"]
    ids["snapshot"] = ec2.create_snapshot(VolumeId=ids["snapshot_source"])["SnapshotId"]
    ids["volume"] = ec2.create_volume(
        AvailabilityZone=ZONE, Size=100, VolumeType="gp3", Iops=4000, SnapshotId=ids["snapshot"]
    )["VolumeId"]
    ec2.attach_volume(VolumeId=ids["volume"], InstanceId=ids["web"], Device="/dev/sdf")
    ids["loose"] = ec2.create_volume(AvailabilityZone=ZONE, Size=500, VolumeType="gp3")["VolumeId"]
    made.client("s3").create_bucket(Bucket="skyledger-logs", CreateBucketConfiguration={"LocationConstraint": REGION})
    ids["bucket"] = "skyledger-logs"
    efs = made.client("efs")
    ids["files"] = efs.create_file_system(CreationToken="one")["FileSystemArn"]
    made.client("fsx").create_file_system(
        FileSystemType="LUSTRE", StorageCapacity=1200, SubnetIds=[ids["subnet"]], StorageType="SSD"
    )


def _balancers(made: Seeded) -> None:
    ids, elb = made.ids, made.client("elbv2")
    ids["balancer"] = elb.create_load_balancer(
        Name="front", Subnets=[ids["subnet"], ids["subnet_b"]], Type="application"
    )["LoadBalancers"][0]["LoadBalancerArn"]
    ids["targets"] = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=ids["vpc"])["TargetGroups"][0][
        "TargetGroupArn"
    ]
    elb.register_targets(TargetGroupArn=ids["targets"], Targets=[{"Id": ids["web"]}])
    elb.create_listener(
        LoadBalancerArn=ids["balancer"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": ids["targets"]}],
    )
    made.client("elb").create_load_balancer(
        LoadBalancerName="classic",
        Listeners=[{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstanceProtocol": "HTTP", "InstancePort": 80}],
        AvailabilityZones=[ZONE],
    )


def _databases(made: Seeded) -> None:
    ids, rds = made.ids, made.client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.m5.large",
        Engine="postgres",
        AllocatedStorage=100,
        MasterUsername="admin",
        MasterUserPassword="canary-database-password",
    )
    ids["database"] = f"arn:aws:rds:{REGION}:123456789012:db:orders"
    rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="before")
    ids["database_snapshot"] = f"arn:aws:rds:{REGION}:123456789012:snapshot:before"
    rds.create_db_cluster(
        DBClusterIdentifier="ledger",
        Engine="aurora-postgresql",
        MasterUsername="admin",
        MasterUserPassword="canary-database-password",
    )
    rds.create_db_cluster_snapshot(DBClusterIdentifier="ledger", DBClusterSnapshotIdentifier="then")
    made.client("elasticache").create_cache_cluster(
        CacheClusterId="sessions", Engine="memcached", CacheNodeType="cache.t3.micro", NumCacheNodes=1
    )
    made.client("redshift").create_cluster(
        ClusterIdentifier="reports",
        NodeType="ra3.xlplus",
        MasterUsername="admin",
        MasterUserPassword="canary-database-password",
        NumberOfNodes=2,
    )
    made.client("dynamodb").create_table(
        TableName="carts",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )
    made.client("opensearch").create_domain(DomainName="search")


def _containers(made: Seeded) -> None:
    made.client("ecr").create_repository(repositoryName="shop")
    ecs = made.client("ecs")
    ecs.create_cluster(clusterName="shop")
    ecs.register_task_definition(family="shop", containerDefinitions=[{"name": "shop", "image": "shop", "memory": 64}])
    ecs.create_service(cluster="shop", serviceName="shop", taskDefinition="shop", desiredCount=1, launchType="EC2")
    eks, role = made.client("eks"), "arn:aws:iam::123456789012:role/eks"
    subnets = [made.ids["subnet"], made.ids["subnet_b"]]
    eks.create_cluster(name="shop", roleArn=role, resourcesVpcConfig={"subnetIds": subnets})
    eks.create_nodegroup(clusterName="shop", nodegroupName="nodes", subnets=subnets, nodeRole=role)


def _serverless(made: Seeded) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", "def handle(event, context): return 1")
    role = made.client("iam").create_role(RoleName="lambda", AssumeRolePolicyDocument=ROLE_POLICY)["Role"]["Arn"]
    made.client("lambda").create_function(
        FunctionName="resize",
        Runtime="python3.11",
        Role=role,
        Handler="main.handle",
        Code={"ZipFile": packed.getvalue()},
        MemorySize=1024,
        Environment={"Variables": {"TOKEN": "canary-function-variable"}},
    )
    made.client("logs").create_log_group(logGroupName="/shop/web")
    made.client("kinesis").create_stream(StreamName="clicks", ShardCount=2)


def _analytics(made: Seeded) -> None:
    made.client("emr").run_job_flow(
        Name="nightly",
        Instances={"InstanceCount": 2, "MasterInstanceType": "m5.xlarge", "KeepJobFlowAliveWhenNoSteps": True},
        JobFlowRole="EMR_EC2_DefaultRole",
        ServiceRole="EMR_DefaultRole",
    )
    made.client("sagemaker").create_notebook_instance(
        NotebookInstanceName="lab", InstanceType="ml.t3.medium", RoleArn="arn:aws:iam::123456789012:role/lab"
    )
    made.client("mq").create_broker(
        BrokerName="orders",
        EngineType="RABBITMQ",
        EngineVersion="3.13",
        HostInstanceType="mq.t3.micro",
        DeploymentMode="SINGLE_INSTANCE",
        AutoMinorVersionUpgrade=True,
        PubliclyAccessible=False,
        Users=[{"Username": "admin", "Password": "canary-database-password"}],
    )
    made.client("transfer").create_server()
    made.client("dms").create_replication_instance(
        ReplicationInstanceIdentifier="move", ReplicationInstanceClass="dms.t3.medium"
    )


def _security(made: Seeded) -> None:
    made.ids["secret"] = made.client("secretsmanager").create_secret(
        Name="shop/token", SecretString="canary-secret-value"
    )["ARN"]
    made.client("kms").create_key(Description="shop")
    made.client("wafv2").create_web_acl(
        Name="shop",
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig={"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "shop"},
    )
    made.client("cloudtrail").create_trail(Name="all", S3BucketName=made.ids["bucket"])
    made.client("route53").create_health_check(
        CallerReference="one", HealthCheckConfig={"Type": "HTTP", "IPAddress": "198.51.100.7", "Port": 80}
    )
    made.client("route53").create_hosted_zone(Name="shop.example", CallerReference="one")
    made.client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "one",
            "Comment": "shop",
            "Enabled": True,
            "Origins": {
                "Quantity": 1,
                "Items": [
                    {
                        "Id": "one",
                        "DomainName": "shop.s3.amazonaws.com",
                        "S3OriginConfig": {"OriginAccessIdentity": ""},
                    }
                ],
            },
            "DefaultCacheBehavior": {
                "TargetOriginId": "one",
                "ViewerProtocolPolicy": "allow-all",
                "MinTTL": 0,
                "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
            },
        }
    )
    made.client("config").put_configuration_recorder(
        ConfigurationRecorder={"name": "all", "roleARN": "arn:aws:iam::123456789012:role/config"}
    )
