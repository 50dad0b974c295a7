"""The least that Skyledger has to be allowed in an AWS account, as the policies that AWS takes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from app.providers.aws import cost_explorer, cost_exports, tagging
from app.providers.aws.metrics import READ_METRICS
from app.providers.base import Service
from app.providers.opinions import OpinionReader
from app.providers.tagging import TAG

OF_THE_CONNECTION: Final = (
    READ_METRICS,
    "ec2:DescribeRegions",
    "iam:ListAccountAliases",
    "iam:SimulatePrincipalPolicy",
    "sts:GetCallerIdentity",
)
"""What the connection itself calls: to read metrics, find the regions, the account's name and what else is missing."""
EXTERNAL_ID: Final = "<the external id that Skyledger shows>"
COST_BUCKET: Final = "arn:aws:s3:::<the bucket of the cost export>"
PRINCIPAL: Final = "<the ARN of the principal that Skyledger runs as>"


def required_permissions(services: Iterable[Service]) -> tuple[str, ...]:
    """Every action that the connection and the collectors need, sorted, each once."""
    told = {
        permission for service in services for collector in service.collectors for permission in collector.permissions
    }
    return tuple(sorted(told | set(OF_THE_CONNECTION), key=str.lower))


def policy_document(permissions: Iterable[str], *further: dict[str, object]) -> dict[str, object]:
    """The permissions policy: one statement for all services, as one for each would not fit a managed policy.

    A managed policy takes 6,144 characters, white space not counted:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    actions = sorted(set(permissions), key=str.lower)
    statement = {"Sid": "SkyledgerReads", "Effect": "Allow", "Action": actions, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement, *further]}


def cost_statements() -> list[dict[str, object]]:
    """What cost sources need besides: whoever has none leaves it out."""
    return [
        {
            "Sid": "SkyledgerReadsCosts",
            "Effect": "Allow",
            "Action": list(cost_explorer.PERMISSIONS),
            "Resource": "*",
        },
        {
            "Sid": "SkyledgerReadsCostExports",
            "Effect": "Allow",
            "Action": list(cost_exports.PERMISSIONS),
            "Resource": [COST_BUCKET, f"{COST_BUCKET}/*"],
        },
    ]


def tagging_statement() -> dict[str, object]:
    """What tagging needs, only if Skyledger may tag what is marked for deletion: no other tag than that one."""
    return {
        "Sid": "OnlyIfSkyledgerMayTagWhatIsMarkedForDeletion",
        "Effect": "Allow",
        "Action": list(tagging.PERMISSIONS),
        "Resource": "*",
        "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": [TAG]}},
    }


def advice_statement(readers: Iterable[OpinionReader]) -> dict[str, object]:
    """What reading AWS's own recommendations needs: an account without it lacks nothing that Skyledger itself finds."""
    actions = {permission for one in readers for permission in one.permissions}
    return {
        "Sid": "SkyledgerReadsAdvice",
        "Effect": "Allow",
        "Action": sorted(actions, key=str.lower),
        "Resource": "*",
    }


def trust_document() -> dict[str, object]:
    """Who may assume the role: Skyledger's own principal, and only with the external id."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "SkyledgerAssumes",
                "Effect": "Allow",
                "Principal": {"AWS": PRINCIPAL},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
            }
        ],
    }


def printed(services: Iterable[Service], readers: Iterable[OpinionReader]) -> str:
    """The documents as one JSON object: `permissions` for the role or user, `trust` for the role.

    `costs` is a policy of its own for accounts with a cost source, `optionalTagging` one for those whose owner lets
    Skyledger tag what is marked for deletion.
    """
    permissions = policy_document(required_permissions(services), advice_statement(readers))
    documents = {
        "permissions": permissions,
        "costs": {"Version": "2012-10-17", "Statement": cost_statements()},
        "optionalTagging": {"Version": "2012-10-17", "Statement": [tagging_statement()]},
        "trust": trust_document(),
    }
    return json.dumps(documents, indent=2)
