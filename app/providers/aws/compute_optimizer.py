"""Compute Optimizer: which resources AWS holds to be larger than they need to be, or idle, region by region.

Only what saves is told: of what is too small for its work Compute Optimizer speaks too. Of several ways out the one
that AWS ranks first and that saves is taken; its money after discounts where AWS tells that, else by list prices.
https://docs.aws.amazon.com/compute-optimizer/latest/ug/what-is-compute-optimizer.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from botocore.exceptions import EndpointConnectionError

from app.providers.aws.advised import amount, inventory_id, reader, short
from app.providers.aws.reading import moment, paged, plain
from app.providers.aws.session import AwsConnection
from app.providers.base import GLOBAL
from app.providers.opinions import FoundOpinion, OpinionSource
from app.providers.problems import ProblemCode, ProviderError
from app.records.detection import Remedy

SERVICE: Final = "compute-optimizer"
NOTHING_TO_SAVE: Final = frozenset({"Optimized", "Underprovisioned", "Unavailable"})
"""Findings of what is as it should be, too small for its work, or not known."""
Told = Mapping[str, Any]
_UNKNOWN: Final = "Compute Optimizer does not say what it expects to be saved."
_STOPPED: Final = frozenset({"EC2Instance", "AutoScalingGroup", "ECSService"})
"""What is stopped or scaled to nothing when it is idle; all else is deleted."""
_TYPES: Final = {
    "AutoScalingGroup": "AWS::AutoScaling::AutoScalingGroup",
    "DocumentDBCluster": "AWS::DocDB::DBCluster",
    "DynamoDBTable": "AWS::DynamoDB::Table",
    "EBSVolume": "AWS::EC2::Volume",
    "EC2Instance": "AWS::EC2::Instance",
    "ECSService": "AWS::ECS::Service",
    "ElastiCacheCluster": "AWS::ElastiCache::CacheCluster",
    "MemoryDBCluster": "AWS::MemoryDB::Cluster",
    "NatGateway": "AWS::EC2::NatGateway",
    "RDSDBInstance": "AWS::RDS::DBInstance",
    "SageMakerEndpoint": "AWS::SageMaker::Endpoint",
    "WorkSpaces": "AWS::WorkSpaces::Workspace",
}
"""The inventory's types of what can be idle."""


@dataclass(frozen=True)
class Kind:
    """One of Compute Optimizer's lists. `now` and `then` name what a resource is and what an option makes of it."""

    name: str
    operation: str
    key: str
    resource_type: str
    arn: str
    options: str
    now: Callable[[Told], str]
    then: Callable[[Told], str]
    finding: str = "finding"
    changes_type: Callable[[Told, Told], bool] = field(default=lambda _one, _option: False)
    """(resource, option) → whether it becomes another type instead of another size."""


def _volume(told: Told) -> str:
    size = [f"{told['volumeSize']} GiB"] if told.get("volumeSize") is not None else []
    iops = [f"{told['volumeBaselineIOPS']} IOPS"] if told.get("volumeBaselineIOPS") is not None else []
    return ", ".join([str(told["volumeType"]), *size, *iops])


def _group(told: Told) -> str:
    types = told.get("instanceType") or ", ".join(told.get("mixedInstanceTypes") or ())
    wanted = told.get("desiredCapacity")
    return types if wanted is None else f"{wanted} x {types}"


def _service(told: Told) -> str:
    return f"{told.get('cpu')} CPU units, {told.get('memory')} MiB"


def _storage(told: Told) -> str:
    iops = [f"{told['iops']} IOPS"] if told.get("iops") else []
    return ", ".join([f"{told['storageType']}", f"{told['allocatedStorage']} GiB", *iops])


KINDS: Final = (
    Kind(
        name="EC2Instance",
        operation="get_ec2_instance_recommendations",
        key="instanceRecommendations",
        resource_type="AWS::EC2::Instance",
        arn="instanceArn",
        options="recommendationOptions",
        now=lambda one: str(one["currentInstanceType"]),
        then=lambda option: str(option["instanceType"]),
    ),
    Kind(
        name="AutoScalingGroup",
        operation="get_auto_scaling_group_recommendations",
        key="autoScalingGroupRecommendations",
        resource_type="AWS::AutoScaling::AutoScalingGroup",
        arn="autoScalingGroupArn",
        options="recommendationOptions",
        now=lambda one: _group(one["currentConfiguration"]),
        then=lambda option: _group(option["configuration"]),
    ),
    Kind(
        name="EBSVolume",
        operation="get_ebs_volume_recommendations",
        key="volumeRecommendations",
        resource_type="AWS::EC2::Volume",
        arn="volumeArn",
        options="volumeRecommendationOptions",
        now=lambda one: _volume(one["currentConfiguration"]),
        then=lambda option: _volume(option["configuration"]),
        changes_type=lambda one, option: (
            one["currentConfiguration"]["volumeType"] != option["configuration"]["volumeType"]
        ),
    ),
    Kind(
        name="LambdaFunction",
        operation="get_lambda_function_recommendations",
        key="lambdaFunctionRecommendations",
        resource_type="AWS::Lambda::Function",
        arn="functionArn",
        options="memorySizeRecommendationOptions",
        now=lambda one: f"{one['currentMemorySize']} MB",
        then=lambda option: f"{option['memorySize']} MB",
    ),
    Kind(
        name="ECSService",
        operation="get_ecs_service_recommendations",
        key="ecsServiceRecommendations",
        resource_type="AWS::ECS::Service",
        arn="serviceArn",
        options="serviceRecommendationOptions",
        now=lambda one: _service(one["currentServiceConfiguration"]),
        then=_service,
    ),
    Kind(
        name="RDSDBInstance",
        operation="get_rds_database_recommendations",
        key="rdsDBRecommendations",
        resource_type="AWS::RDS::DBInstance",
        arn="resourceArn",
        options="instanceRecommendationOptions",
        now=lambda one: str(one["currentDBInstanceClass"]),
        then=lambda option: str(option["dbInstanceClass"]),
        finding="instanceFinding",
    ),
    Kind(
        name="RDSDBInstanceStorage",
        operation="get_rds_database_recommendations",
        key="rdsDBRecommendations",
        resource_type="AWS::RDS::DBInstance",
        arn="resourceArn",
        options="storageRecommendationOptions",
        now=lambda one: _storage(one["currentStorageConfiguration"]),
        then=lambda option: _storage(option["storageConfiguration"]),
        finding="storageFinding",
        changes_type=lambda one, option: (
            one["currentStorageConfiguration"]["storageType"] != option["storageConfiguration"]["storageType"]
        ),
    ),
)
IDLE: Final = "get_idle_recommendations"
PERMISSIONS: Final = (
    f"{SERVICE}:GetEnrollmentStatus",
    f"{SERVICE}:GetAutoScalingGroupRecommendations",
    f"{SERVICE}:GetEBSVolumeRecommendations",
    f"{SERVICE}:GetEC2InstanceRecommendations",
    f"{SERVICE}:GetECSServiceRecommendations",
    f"{SERVICE}:GetIdleRecommendations",
    f"{SERVICE}:GetLambdaFunctionRecommendations",
    f"{SERVICE}:GetRDSDatabaseRecommendations",
)
_LINK: Final = "https://docs.aws.amazon.com/compute-optimizer/latest/ug/what-is-compute-optimizer.html"


def _pages(connection: AwsConnection) -> Iterator[list[FoundOpinion]]:
    _see_enrolled(connection.client(SERVICE, GLOBAL))
    for region in connection.regions():
        client = connection.client(SERVICE, region)
        try:
            yield from _of_region(client, connection.account, region)
        except EndpointConnectionError as error:
            if connection.offers(str(error.kwargs.get("endpoint_url", ""))) is not False:
                raise  # it is there and could not be reached


def _see_enrolled(client: Any) -> None:
    """Raise ProviderError unless the account has opted in: one that has not has nothing to be told."""
    answer = client.get_enrollment_status()
    status = answer.get("status")
    if status == "Active":
        return
    if status == "Pending":
        raise ProviderError(
            ProblemCode.NOT_ENABLED,
            "Compute Optimizer is being switched on for the account.",
            "Nothing to do: its first recommendations are there within 24 hours.",
        )
    raise ProviderError(
        ProblemCode.NOT_ENABLED,
        "The account has not opted in to Compute Optimizer.",
        "Opt in in the Compute Optimizer console, of the organization's management account for all accounts together, "
        "or call UpdateEnrollmentStatus; it is free, and the first recommendations are there within 24 hours.",
    )


def _of_region(client: Any, account: str, region: str) -> Iterator[list[FoundOpinion]]:
    for operation in dict.fromkeys(kind.operation for kind in KINDS):
        kinds = [kind for kind in KINDS if kind.operation == operation]
        for page in _told(client, operation, kinds[0].key, account):
            found = (_sized(kind, one, region) for one in page for kind in kinds)
            yield [opinion for opinion in found if opinion is not None]
    for page in _told(client, IDLE, "idleRecommendations", account):
        yield [_idle(one, region) for one in page]


def _told(client: Any, operation: str, key: str, account: str) -> Iterator[Sequence[Told]]:
    """The pages of a list, of the account itself. Raises ProviderError where AWS could not tell of all of it."""
    for (answer,) in paged(client, operation, "[@]"):
        if answer.get("errors"):
            code = answer["errors"][0].get("code")
            raise ProviderError(
                ProblemCode.FAILED,
                f"Compute Optimizer could not tell all that it recommends in {operation}: {code}.",
                "Scan again later; if it stays, see what Compute Optimizer's console says.",
            )
        yield [one for one in answer.get(key) or () if one.get("accountId", account) == account]


def _sized(kind: Kind, one: Told, region: str) -> FoundOpinion | None:
    """What is said of a resource's size; None where nothing is to be saved."""
    finding = one.get(kind.finding)
    options = sorted(one.get(kind.options) or (), key=lambda option: option.get("rank") or 0)
    saving = [option for option in options if (told := _amount(option)[0]) is None or told > 0]
    if finding is None or finding in NOTHING_TO_SAVE or not saving:
        return None
    option = saving[0]
    now, then = kind.now(one), kind.then(option)
    return _opinion(
        one,
        option,
        region,
        kind=kind.name,
        identity=kind.name,
        remedy=Remedy.CHANGE_TYPE if kind.changes_type(one, option) else Remedy.RESIZE,
        title=f"Change {{}} from {now} to {then}",
        arn=one[kind.arn],
        resource_type=kind.resource_type,
        target=then,
        details={
            "finding": finding,
            "now": now,
            "performanceRisk": option.get("performanceRisk"),
            "migrationEffort": option.get("migrationEffort"),
        },
    )


def _idle(one: Told, region: str) -> FoundOpinion:
    told = one["resourceType"]
    remedy = Remedy.STOP if told in _STOPPED else Remedy.DELETE
    return _opinion(
        one,
        one,
        region,
        kind=f"{told} {one['finding']}",
        identity=f"Idle|{told}",
        remedy=remedy,
        title=f"{remedy.value.capitalize()} {{}}: it is {one['finding'].lower()}",
        arn=one["resourceArn"],
        resource_type=_TYPES.get(told),
        target=None,
        details={"finding": one["finding"], "description": one.get("findingDescription")},
    )


def _opinion(
    one: Told,
    option: Told,
    region: str,
    *,
    kind: str,
    identity: str,
    remedy: Remedy,
    title: str,
    arn: str,
    resource_type: str | None,
    target: str | None,
    details: Mapping[str, Any],
) -> FoundOpinion:
    resource = inventory_id(arn)
    saving, currency = _amount(option)
    looked_back = one.get("lookBackPeriodInDays") or one.get("lookbackPeriodInDays")
    discounted = option.get("savingsOpportunityAfterDiscounts") is not None
    return FoundOpinion(
        source=OpinionSource.COMPUTE_OPTIMIZER,
        native_id=f"{identity}|{resource}",
        kind=kind,
        remedy=remedy,
        title=title.format(short(resource)),
        resource_native_id=resource,
        resource_type=resource_type,
        region=region,
        target=target,
        monthly_saving=saving,
        currency=currency,
        saving_reason=_UNKNOWN if saving is None else None,
        lookback_days=None if looked_back is None else int(looked_back),
        refreshed_at=moment(one.get("lastRefreshTimestamp")),
        link=_LINK,
        details=plain(
            {name: value for name, value in details.items() if value is not None}
            | {"afterDiscounts": discounted, "resourceArn": arn}
        ),
    )


def _amount(option: Told) -> tuple[Decimal | None, str | None]:
    """What an option saves a month, and the currency; neither where AWS does not tell both."""
    told = option.get("savingsOpportunityAfterDiscounts") or option.get("savingsOpportunity") or {}
    money = told.get("estimatedMonthlySavings") or {}
    saving, currency = amount(money.get("value")), money.get("currency")
    return (None, None) if saving is None or currency is None else (saving, currency)


READER: Final = reader(OpinionSource.COMPUTE_OPTIMIZER, PERMISSIONS, _pages)
