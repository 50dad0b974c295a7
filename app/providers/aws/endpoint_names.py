"""What an account of AWS may say of endpoints: the names of the services, and where Skyledger itself signs in."""

from __future__ import annotations

from typing import Final

ASSUME_ROLE_AT: Final = "assumeRoleAt"
"""The setting of an account with the URL of the STS that gets calls signed with Skyledger's own credentials."""

SERVICES: Final = frozenset(
    {
        "appstream",
        "autoscaling",
        "bedrock",
        "ce",
        "cloudfront",
        "cloudtrail",
        "cloudwatch",
        "compute-optimizer",
        "config",
        "cost-optimization-hub",
        "directconnect",
        "dms",
        "dynamodb",
        "ec2",
        "ecr",
        "ecs",
        "efs",
        "eks",
        "elasticache",
        "elb",
        "elbv2",
        "emr",
        "fsx",
        "globalaccelerator",
        "iam",
        "kafka",
        "kinesis",
        "kms",
        "lambda",
        "logs",
        "memorydb",
        "mq",
        "mwaa",
        "network-firewall",
        "opensearch",
        "rds",
        "redshift",
        "resourcegroupstaggingapi",
        "route53",
        "s3",
        "sagemaker",
        "savingsplans",
        "secretsmanager",
        "storagegateway",
        "sts",
        "transfer",
        "wafv2",
        "workspaces",
    }
)
"""The clients of botocore that are made here; an endpoint for any other name would never be called."""
