"""The tag on what is marked for deletion: ids of EC2 by EC2's own call, everything else by its ARN."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.providers.aws.errors import reading_aws
from app.providers.aws.session import AwsConnection
from app.providers.base import GLOBAL
from app.providers.problems import ProblemCode, ProviderError
from app.providers.tagging import TAG, Failures, TagChange, gone

TOGETHER: Final = 20
"""The most ARNs that one call of the tagging API takes:
https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_TagResources.html"""
PERMISSIONS: Final = (
    "airflow:TagResource",
    "airflow:UntagResource",
    "bedrock:TagResource",
    "bedrock:UntagResource",
    "cloudfront:TagResource",
    "cloudfront:UntagResource",
    "directconnect:TagResource",
    "directconnect:UntagResource",
    "dms:AddTagsToResource",
    "dms:RemoveTagsFromResource",
    "dynamodb:TagResource",
    "dynamodb:UntagResource",
    "ec2:CreateTags",
    "ec2:DeleteTags",
    "eks:TagResource",
    "eks:UntagResource",
    "elasticache:AddTagsToResource",
    "elasticache:RemoveTagsFromResource",
    "elasticfilesystem:TagResource",
    "elasticfilesystem:UntagResource",
    "elasticloadbalancing:AddTags",
    "elasticloadbalancing:RemoveTags",
    "elasticmapreduce:AddTags",
    "elasticmapreduce:RemoveTags",
    "es:AddTags",
    "es:RemoveTags",
    "fsx:TagResource",
    "fsx:UntagResource",
    "globalaccelerator:TagResource",
    "globalaccelerator:UntagResource",
    "kafka:TagResource",
    "kafka:UntagResource",
    "kinesis:AddTagsToStream",
    "kinesis:RemoveTagsFromStream",
    "kinesis:TagResource",
    "kinesis:UntagResource",
    "kms:TagResource",
    "kms:UntagResource",
    "logs:TagResource",
    "logs:UntagResource",
    "memorydb:TagResource",
    "memorydb:UntagResource",
    "mq:CreateTags",
    "mq:DeleteTags",
    "network-firewall:TagResource",
    "network-firewall:UntagResource",
    "rds:AddTagsToResource",
    "rds:RemoveTagsFromResource",
    "redshift:CreateTags",
    "redshift:DeleteTags",
    "route53:ChangeTagsForResource",
    "sagemaker:AddTags",
    "sagemaker:DeleteTags",
    "secretsmanager:TagResource",
    "secretsmanager:UntagResource",
    "storagegateway:AddTagsToResource",
    "storagegateway:RemoveTagsFromResource",
    "tag:TagResources",
    "tag:UntagResources",
    "transfer:TagResource",
    "transfer:UntagResource",
    "wafv2:TagResource",
    "wafv2:UntagResource",
    "workspaces:CreateTags",
    "workspaces:DeleteTags",
)
"""The tagging API does nothing that its caller may not do at the service itself."""
_OWN_REGIONS: Final = {"globalaccelerator": "us-west-2"}
"""Where services are asked whose ARNs name no region; all others at the home region."""
_NAMED: Final = re.compile(r"perform: ([a-z0-9-]+:[A-Za-z0-9]+)")
_GONE: Final = re.compile(r"not ?found|not exist", re.IGNORECASE)
_ID_GONE: Final = re.compile(r"NotFound|with InvalidID\b")
"""How EC2 says of an id that nothing has it, such as `InvalidVolume.NotFound` and `NatGatewayNotFound`."""
_DENIED, _NOT_FOUND, _TOO_MANY, _SERVER = 403, 404, 429, 500


class AwsTagger:
    """Tags the resources of one account."""

    together = TOGETHER

    def __init__(self, connection: AwsConnection) -> None:
        self._connection = connection

    def place(self, change: TagChange) -> object:
        """The call, the region and the day."""
        return self._is_of_ec2(change), self._region(change), change.day

    def change(self, changes: Sequence[TagChange]) -> Failures:
        """See Tagger."""
        first = changes[0]
        if self._is_of_ec2(first):
            return self._by_ids(changes)
        client = self._connection.client("resourcegroupstaggingapi", self._region(first))
        arns = [change.native_id for change in changes]
        if first.day is None:
            with reading_aws(("tag:UntagResources",)):
                told = client.untag_resources(ResourceARNList=arns, TagKeys=[TAG])
        else:
            with reading_aws(("tag:TagResources",)):
                told = client.tag_resources(ResourceARNList=arns, Tags={TAG: first.day.isoformat()})
        failed: Mapping[str, Any] = told.get("FailedResourcesMap") or {}
        return {arn: _refused(why) for arn, why in failed.items() if not (first.day is None and _is_gone(why))}

    def close(self) -> None:
        """Let go of sockets."""
        self._connection.close()

    def _by_ids(self, changes: Sequence[TagChange]) -> Failures:
        """EC2 refuses all ids for one that is not there, so each is tried alone then."""
        first = changes[0]
        client, ids = self._connection.client("ec2", self._region(first)), [change.native_id for change in changes]
        try:
            if first.day is None:
                with reading_aws(("ec2:DeleteTags",)):
                    client.delete_tags(Resources=ids, Tags=[{"Key": TAG}])
            else:
                with reading_aws(("ec2:CreateTags",)):
                    client.create_tags(Resources=ids, Tags=[{"Key": TAG, "Value": first.day.isoformat()}])
        except ProviderError as problem:
            is_about_one = problem.code is ProblemCode.DENIED or problem.code is ProblemCode.FAILED
            if is_about_one and len(changes) > 1:
                return {id_: why for change in changes for id_, why in self._by_ids([change]).items()}
            if problem.code is ProblemCode.FAILED and _ID_GONE.search(problem.message):
                return {} if first.day is None else {ids[0]: gone()}
            if is_about_one:
                return {ids[0]: problem}
            raise
        return {}

    def _is_of_ec2(self, change: TagChange) -> bool:
        return not change.native_id.startswith("arn:")

    def _region(self, change: TagChange) -> str:
        if self._is_of_ec2(change):
            return change.region or GLOBAL
        _, _, service, region, *_ = change.native_id.split(":")
        return region or _OWN_REGIONS.get(service, GLOBAL)


def _is_gone(told: Mapping[str, Any]) -> bool:
    return _GONE.search(str(told.get("ErrorMessage", ""))) is not None


def _refused(told: Mapping[str, Any]) -> ProviderError:
    """Why one ARN was refused; AWS's own text is looked at for the permission alone."""
    status, named = told.get("StatusCode", 0), _NAMED.search(str(told.get("ErrorMessage", "")))
    if status == _DENIED or named:
        permission = named[1] if named else None
        return ProviderError(ProblemCode.DENIED, "AWS denied it", "Allow it", permission=permission)
    if status == _NOT_FOUND:
        message = "AWS does not find the resource, or its service takes no tags this way"
        return ProviderError(ProblemCode.FAILED, message, "Tag it by hand", retry=False)
    if status == _TOO_MANY or status >= _SERVER:
        return ProviderError(ProblemCode.FAILED, "AWS failed or was too busy", "Try again later")
    code = told.get("ErrorCode", "")
    message = f"AWS refused the tag: {code if re.fullmatch('[A-Za-z]{1,80}', str(code)) else status}"
    return ProviderError(ProblemCode.FAILED, message, "See what tags the resource takes", retry=False)
