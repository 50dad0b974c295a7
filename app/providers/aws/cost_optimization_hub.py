"""Cost Optimization Hub: what AWS recommends of all resources of an account, in all its regions, and what to buy.

It is asked in its one region for the best recommendation of each resource. With `includeAllRecommendations` it would
tell all that it knows of each, of which only one can be done, and each way to pay for the same commitment: their
savings are of the same money. What else AWS knows of a resource Compute Optimizer tells.
https://docs.aws.amazon.com/cost-management/latest/userguide/cost-optimization-hub.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.providers.aws.advised import amount, inventory_id, numbered, reader, short
from app.providers.aws.reading import moment, paged
from app.providers.aws.session import AwsConnection
from app.providers.base import GLOBAL
from app.providers.opinions import FoundOpinion, OpinionSource
from app.providers.problems import ProblemCode, ProviderError
from app.records.detection import Remedy

SERVICE: Final = "cost-optimization-hub"
PERMISSIONS: Final = (f"{SERVICE}:ListEnrollmentStatuses", f"{SERVICE}:ListRecommendations")
PAGE: Final = 500
_REMEDIES: Final = {
    "Rightsize": Remedy.RESIZE,
    "ScaleIn": Remedy.RESIZE,
    "Stop": Remedy.STOP,
    "Delete": Remedy.DELETE,
    # To a newer generation, or to Arm: another type of the same thing.
    "Upgrade": Remedy.CHANGE_TYPE,
    "MigrateToGraviton": Remedy.CHANGE_TYPE,
}
"""What is to be done, by `actionType`; what is to be bought, and what is new, is to be looked at."""
_VERBS: Final = {
    "Rightsize": "Resize",
    "ScaleIn": "Scale in",
    "Stop": "Stop",
    "Delete": "Delete",
    "Upgrade": "Upgrade",
    "MigrateToGraviton": "Move to Graviton",
    "PurchaseSavingsPlans": "Buy a Savings Plan",
    "PurchaseReservedInstances": "Buy reservations",
}
_TYPES: Final = {
    "AuroraDbClusterStorage": "AWS::RDS::DBCluster",
    "DocumentDBCluster": "AWS::DocDB::DBCluster",
    "DynamoDBTable": "AWS::DynamoDB::Table",
    "EbsVolume": "AWS::EC2::Volume",
    "Ec2AutoScalingGroup": "AWS::AutoScaling::AutoScalingGroup",
    "Ec2Instance": "AWS::EC2::Instance",
    "EcsService": "AWS::ECS::Service",
    "ElastiCacheCluster": "AWS::ElastiCache::CacheCluster",
    "LambdaFunction": "AWS::Lambda::Function",
    "MemoryDBCluster": "AWS::MemoryDB::Cluster",
    "NatGateway": "AWS::EC2::NatGateway",
    "RdsDbInstance": "AWS::RDS::DBInstance",
    "RdsDbInstanceStorage": "AWS::RDS::DBInstance",
    "SageMakerEndpoint": "AWS::SageMaker::Endpoint",
    "WorkSpaces": "AWS::WorkSpaces::Workspace",
}
"""The inventory's types of the resources; a type that is not here is of something that is bought."""
_NAMED: Final = (
    "actionType",
    "currentResourceType",
    "recommendedResourceType",
    "currentResourceSummary",
    "recommendedResourceSummary",
    "implementationEffort",
    "restartNeeded",
    "rollbackPossible",
    "estimatedSavingsPercentage",
    "source",
)
_LINK: Final = "https://docs.aws.amazon.com/cost-management/latest/userguide/cost-optimization-hub.html"


def _pages(connection: AwsConnection) -> Iterator[list[FoundOpinion]]:
    if connection.partition != "aws":
        raise ProviderError(
            ProblemCode.NOT_ENABLED,
            "Cost Optimization Hub does not exist in this part of AWS.",
            "Nothing to do: it is there in the commercial regions only.",
        )
    client = connection.client(SERVICE, GLOBAL)
    _see_enrolled(client, connection.account)
    told: Counter[str] = Counter()
    # A management account is told of all its members' resources, which are theirs.
    asked = {"filter": {"accountIds": [connection.account]}, "includeAllRecommendations": False, "maxResults": PAGE}
    for page in paged(client, "list_recommendations", "items", **asked):
        yield [_opinion(one, told) for one in page]


def _see_enrolled(client: Any, account: str) -> None:
    """Raise ProviderError unless the account is enrolled: one that is not has no recommendations to be told."""
    for page in paged(client, "list_enrollment_statuses", "items", includeOrganizationInfo=False):
        if any(one.get("accountId", account) == account and one.get("status") == "Active" for one in page):
            return
    raise ProviderError(
        ProblemCode.NOT_ENABLED,
        "The account is not enrolled in Cost Optimization Hub.",
        "Enable it in the Billing and Cost Management console under Cost Optimization Hub, of the organization's "
        "management account for all accounts together, or call UpdateEnrollmentStatus; it is free, and the first "
        "recommendations are there within 24 hours.",
    )


def _opinion(one: Mapping[str, Any], told: Counter[str]) -> FoundOpinion:
    action, kind = one["actionType"], one["currentResourceType"]
    resource_type = _TYPES.get(kind)
    named = one.get("resourceArn") or one.get("resourceId")
    resource = inventory_id(named) if resource_type is not None and named else None
    saving, currency = amount(one.get("estimatedMonthlySavings")), one.get("currencyCode")
    known = saving is not None and currency is not None
    return FoundOpinion(
        source=OpinionSource.COST_OPTIMIZATION_HUB,
        native_id=_identity(one, resource, told),
        kind=action,
        remedy=_REMEDIES.get(action, Remedy.REVIEW),
        title=_title(one, resource),
        resource_native_id=resource,
        resource_type=resource_type,
        region=one.get("region"),
        target=one.get("recommendedResourceSummary"),
        monthly_saving=saving if known else None,
        currency=currency if known else None,
        saving_reason=None if known else "Cost Optimization Hub does not say what it expects to be saved.",
        lookback_days=one.get("recommendationLookbackPeriodInDays"),
        refreshed_at=moment(one.get("lastRefreshTimestamp")),
        link=_LINK,
        details={name: one[name] for name in _NAMED if one.get(name) is not None},
    )


def _identity(one: Mapping[str, Any], resource: str | None, told: Counter[str]) -> str:
    """What names a recommendation tomorrow too: AWS's own id is good for 24 hours.

    https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_CostOptimizationHub_GetRecommendation.html
    What is to be bought has no name of its own; of two alike the second that is told is the second.
    """
    parts = [one["actionType"], one["currentResourceType"], one.get("region") or GLOBAL]
    key = "|".join([*parts, resource] if resource else parts)
    found = numbered(told, key)
    told[key] += 1
    return found


def _title(one: Mapping[str, Any], resource: str | None) -> str:
    verb = _VERBS.get(one["actionType"], one["actionType"])
    about = short(resource) if resource else one["currentResourceType"]
    target = one.get("recommendedResourceSummary")
    return f"{verb} {about}: {target}" if target else f"{verb} {about}"


READER: Final = reader(OpinionSource.COST_OPTIMIZATION_HUB, PERMISSIONS, _pages)
