"""What AWS itself recommends, against a far side of its wire formats, in its documented shapes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.providers.aws import compute_optimizer, cost_optimization_hub
from app.providers.aws.advised import inventory_id
from app.providers.aws.cloud import AwsCloud
from app.providers.opinions import FoundOpinion, OpinionReader
from app.providers.problems import ProblemCode, ProviderError
from app.records.detection import Remedy
from tests.providers.aws.answering import DENIED, Answer, answering, connected
from tests.providers.moto import ACCOUNT, REGION

HUB, OPTIMIZER = cost_optimization_hub.READER, compute_optimizer.READER
WHEN = datetime(2026, 11, 21, 6, tzinfo=UTC)
ENROLLED = {"ListEnrollmentStatuses": {"items": [{"accountId": ACCOUNT, "status": "Active"}]}}
OPTED_IN = {"GetEnrollmentStatus": {"status": "Active", "memberAccountsEnrolled": False}}
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:resize"
DATABASE = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders"
SERVICE = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/web/front"
GROUP = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:8f6c:autoScalingGroupName/workers"
GATEWAY = f"arn:aws:ec2:{REGION}:{ACCOUNT}:natgateway/nat-1"
REGIONS = f"""<?xml version="1.0" encoding="UTF-8"?>
<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><regionInfo>
  <item><regionName>{REGION}</regionName><optInStatus>opt-in-not-required</optInStatus></item>
</regionInfo></DescribeRegionsResponse>"""
LISTS = (
    *("EC2Instance", "AutoScalingGroup", "EBSVolume", "LambdaFunction", "ECSService", "RDSDatabase"),
    "Idle",
)


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def hub(action: str, kind: str, resource: str | None, saving: float | None = 12.345, **values: Any) -> dict[str, Any]:
    """A recommendation as the API reference shows it."""
    told = {
        "recommendationId": f"id-of-today-{action}-{resource}",
        "accountId": ACCOUNT,
        "region": REGION,
        "resourceArn": resource,
        "currentResourceType": kind,
        "recommendedResourceType": kind,
        "estimatedMonthlySavings": saving,
        "estimatedSavingsPercentage": 40.0,
        "currencyCode": "USD",
        "implementationEffort": "Low",
        "restartNeeded": True,
        "actionType": action,
        "rollbackPossible": True,
        "currentResourceSummary": "t3.large",
        "recommendedResourceSummary": "t3.medium",
        "lastRefreshTimestamp": WHEN.timestamp(),
        "recommendationLookbackPeriodInDays": 14,
        "source": "ComputeOptimizer",
        **values,
    }
    return {name: value for name, value in told.items() if value is not None}


def saving(value: float, currency: str = "USD") -> dict[str, Any]:
    money = {"currency": currency, "value": value}
    return {"savingsOpportunityPercentage": 30.0, "estimatedMonthlySavings": money}


def optimizer(**lists: Answer) -> dict[str, Answer]:
    """All of Compute Optimizer's lists, most of them empty."""
    empty: dict[str, Answer] = {f"Get{name}Recommendations": {"errors": []} for name in LISTS}
    return {**OPTED_IN, "DescribeRegions": REGIONS, **empty, **lists}


def told(reader: OpinionReader, answers: dict[str, Answer]) -> list[FoundOpinion]:
    """All that an adviser says; what it keeps can be kept as JSON, and no two have one name."""
    with answering(**answers) as far_side, connected(far_side.url) as connection:
        found = [opinion for page in reader.pages(connection) for opinion in page]
    json.dumps([opinion.details for opinion in found])
    assert len({opinion.native_id for opinion in found}) == len(found)
    return found


def refused(reader: OpinionReader, answers: dict[str, Answer]) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        told(reader, answers)
    return raised.value


def test_both_are_read() -> None:
    assert AwsCloud().advisers() == (HUB, OPTIMIZER)


def test_the_hub_tells_page_by_page_what_is_of_the_account() -> None:
    pages = [
        {"items": [hub("Rightsize", "Ec2Instance", arn("ec2", "instance/i-1"))], "nextToken": "more"},
        {"items": [hub("Delete", "EbsVolume", arn("ec2", "volume/vol-1"), recommendedResourceSummary=None)]},
    ]
    with answering(**ENROLLED, ListRecommendations=pages) as far_side, connected(far_side.url) as connection:
        first, second = [opinion for page in HUB.pages(connection) for opinion in page]
        asked, further = far_side.calls("ListRecommendations")
    assert asked == {"filter": {"accountIds": [ACCOUNT]}, "includeAllRecommendations": False, "maxResults": 500}
    assert further["nextToken"] == "more"
    assert replace(first, details={}) == FoundOpinion(
        source=HUB.source,
        native_id=f"Rightsize|Ec2Instance|{REGION}|i-1",
        kind="Rightsize",
        remedy=Remedy.RESIZE,
        title="Resize i-1: t3.medium",
        resource_native_id="i-1",
        resource_type="AWS::EC2::Instance",
        region=REGION,
        target="t3.medium",
        monthly_saving=Decimal("12.345"),
        currency="USD",
        lookback_days=14,
        refreshed_at=WHEN,
        link="https://docs.aws.amazon.com/cost-management/latest/userguide/cost-optimization-hub.html",
    )
    assert (first.details["implementationEffort"], first.details["restartNeeded"]) == ("Low", True)
    assert (second.title, second.remedy, second.target) == ("Delete vol-1", Remedy.DELETE, None)


def test_what_is_to_be_bought_is_about_no_resource_and_keeps_its_name() -> None:
    def asked(today: str) -> list[FoundOpinion]:
        bought = [
            hub("PurchaseReservedInstances", "RdsReservedInstances", None, resourceId=f"{today}-{place}")
            for place in (1, 2)
        ]
        return told(HUB, {**ENROLLED, "ListRecommendations": {"items": bought}})

    found = asked("monday")
    assert [opinion.resource_native_id for opinion in found] == [None, None]
    assert {opinion.remedy for opinion in found} == {Remedy.REVIEW}
    assert [opinion.native_id for opinion in asked("tuesday")] == [opinion.native_id for opinion in found]


def test_an_amount_that_is_not_told_is_unknown() -> None:
    (found,) = told(HUB, {**ENROLLED, "ListRecommendations": {"items": [hub("Stop", "Ec2Instance", "i", None)]}})
    assert (found.monthly_saving, found.currency) == (None, None)
    assert found.saving_reason


@pytest.mark.parametrize("items", [[], [{"accountId": ACCOUNT, "status": "Inactive"}]])
def test_an_account_that_is_not_enrolled_is_told_how_to(items: list[dict[str, str]]) -> None:
    problem = refused(HUB, {"ListEnrollmentStatuses": {"items": items}})
    assert (problem.code, problem.message) == (
        ProblemCode.NOT_ENABLED,
        "The account is not enrolled in Cost Optimization Hub.",
    )
    assert "UpdateEnrollmentStatus" in problem.remedy


def test_a_missing_permission_is_named() -> None:
    problem = refused(HUB, {**ENROLLED, "ListRecommendations": DENIED})
    assert (problem.code, problem.permission) == (
        ProblemCode.DENIED,
        "cost-optimization-hub:ListRecommendations",
    )
    problem = refused(OPTIMIZER, optimizer(GetEBSVolumeRecommendations=DENIED))
    assert (problem.code, problem.permission) == (
        ProblemCode.DENIED,
        "compute-optimizer:GetEBSVolumeRecommendations",
    )


@pytest.mark.parametrize(("status", "word"), [("Inactive", "Opt in"), ("Pending", "Nothing to do")])
def test_an_account_that_has_not_opted_in_is_told_how_to(status: str, word: str) -> None:
    problem = refused(OPTIMIZER, optimizer(GetEnrollmentStatus={"status": status}))
    assert problem.code is ProblemCode.NOT_ENABLED
    assert word in problem.remedy


def test_what_compute_optimizer_could_not_tell_is_a_problem() -> None:
    errors = [{"identifier": "i-1", "code": "InternalError", "message": "later"}]
    problem = refused(OPTIMIZER, optimizer(GetIdleRecommendations={"idleRecommendations": [], "errors": errors}))
    assert problem.code is ProblemCode.FAILED
    assert "InternalError" in problem.message


def instance(name: str, finding: str, *options: tuple[int, str, float]) -> dict[str, Any]:
    return {
        "instanceArn": arn("ec2", f"instance/{name}"),
        "accountId": ACCOUNT,
        "currentInstanceType": "m5.2xlarge",
        "finding": finding,
        "lookBackPeriodInDays": 14.0,
        "lastRefreshTimestamp": WHEN.timestamp(),
        "recommendationOptions": [
            {"rank": rank, "instanceType": type_, "performanceRisk": 1.0, "savingsOpportunity": saving(value)}
            for rank, type_, value in options
        ],
    }


def test_compute_optimizer_tells_what_saves_by_its_first_rank() -> None:
    far_instance = {**instance("i-far", "Overprovisioned", (1, "m5.large", 9.0)), "accountId": "210987654321"}
    pages = [
        {
            "instanceRecommendations": [
                instance("i-1", "Overprovisioned", (2, "m5.large", 90.0), (1, "m5.xlarge", 70.1)),
                instance("i-2", "Underprovisioned", (1, "m5.4xlarge", -100.0)),
                instance("i-3", "Optimized", (1, "m6g.2xlarge", 5.0)),
            ],
            "nextToken": "more",
            "errors": [],
        },
        {"instanceRecommendations": [instance("i-4", "NotOptimized", (1, "m5.4xlarge", 0.0)), far_instance]},
    ]
    (found,) = told(OPTIMIZER, optimizer(GetEC2InstanceRecommendations=pages))
    assert replace(found, details={}) == FoundOpinion(
        source=OPTIMIZER.source,
        native_id="EC2Instance|i-1",
        kind="EC2Instance",
        remedy=Remedy.RESIZE,
        title="Change i-1 from m5.2xlarge to m5.xlarge",
        resource_native_id="i-1",
        resource_type="AWS::EC2::Instance",
        region=REGION,
        target="m5.xlarge",
        monthly_saving=Decimal("70.1"),
        currency="USD",
        lookback_days=14,
        refreshed_at=WHEN,
        link="https://docs.aws.amazon.com/compute-optimizer/latest/ug/what-is-compute-optimizer.html",
    )
    assert found.details == {
        "finding": "Overprovisioned",
        "now": "m5.2xlarge",
        "performanceRisk": 1.0,
        "afterDiscounts": False,
        "resourceArn": arn("ec2", "instance/i-1"),
    }


def one(key: str, arn_name: str, named: str, finding: str = "Overprovisioned", **values: Any) -> dict[str, Any]:
    plain = {arn_name: named, "accountId": ACCOUNT, "finding": finding, "lastRefreshTimestamp": WHEN.timestamp()}
    return {key: [plain | values], "errors": []}


def test_compute_optimizer_tells_of_all_kinds_of_resources() -> None:
    volume = {"volumeType": "gp2", "volumeSize": 100, "volumeBaselineIOPS": 300}
    storage = {"storageType": "io1", "allocatedStorage": 500, "iops": 9000}
    answers = optimizer(
        GetAutoScalingGroupRecommendations=one(
            "autoScalingGroupRecommendations",
            "autoScalingGroupArn",
            GROUP,
            currentConfiguration={"desiredCapacity": 4, "instanceType": "m5.large"},
            recommendationOptions=[
                {"configuration": {"desiredCapacity": 4, "instanceType": "t3.large"}, "savingsOpportunity": saving(8.0)}
            ],
        ),
        GetEBSVolumeRecommendations=one(
            "volumeRecommendations",
            "volumeArn",
            arn("ec2", "volume/vol-1"),
            "NotOptimized",
            currentConfiguration=volume,
            volumeRecommendationOptions=[
                {
                    "configuration": volume | {"volumeType": "gp3", "volumeBaselineIOPS": 3000},
                    "savingsOpportunity": saving(2.0),
                    "savingsOpportunityAfterDiscounts": saving(1.5),
                }
            ],
        ),
        GetLambdaFunctionRecommendations=one(
            "lambdaFunctionRecommendations",
            "functionArn",
            f"{FUNCTION}:$LATEST",
            "NotOptimized",
            currentMemorySize=1024,
            lookbackPeriodInDays=14.0,
            memorySizeRecommendationOptions=[{"rank": 1, "memorySize": 512, "savingsOpportunity": saving(3.0)}],
        ),
        GetECSServiceRecommendations=one(
            "ecsServiceRecommendations",
            "serviceArn",
            SERVICE,
            currentServiceConfiguration={"cpu": 1024, "memory": 4096},
            serviceRecommendationOptions=[{"cpu": 512, "memory": 1024, "savingsOpportunity": saving(20.0)}],
        ),
        GetRDSDatabaseRecommendations=one(
            "rdsDBRecommendations",
            "resourceArn",
            DATABASE,
            instanceFinding="Overprovisioned",
            storageFinding="Overprovisioned",
            currentDBInstanceClass="db.m5.xlarge",
            currentStorageConfiguration=storage,
            instanceRecommendationOptions=[{"dbInstanceClass": "db.m5.large", "savingsOpportunity": saving(110.0)}],
            storageRecommendationOptions=[{"storageConfiguration": storage | {"iops": 3000}}],
        ),
        GetIdleRecommendations={
            "idleRecommendations": [
                {
                    "resourceArn": GATEWAY,
                    "resourceId": "nat-1",
                    "resourceType": "NatGateway",
                    "accountId": ACCOUNT,
                    "finding": "Unused",
                    "findingDescription": "No active connections.",
                    "savingsOpportunity": saving(32.85),
                    "lookBackPeriodInDays": 32.0,
                },
                {
                    "resourceArn": arn("ec2", "instance/i-9"),
                    "resourceType": "EC2Instance",
                    "accountId": ACCOUNT,
                    "finding": "Idle",
                    "savingsOpportunity": saving(40.0),
                },
            ]
        },
    )
    found = told(OPTIMIZER, answers)
    group = arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/workers")
    assert [(one.resource_native_id, one.resource_type, one.remedy.value, one.target) for one in found] == [
        (group, "AWS::AutoScaling::AutoScalingGroup", "RESIZE", "4 x t3.large"),
        ("vol-1", "AWS::EC2::Volume", "CHANGE_TYPE", "gp3, 100 GiB, 3000 IOPS"),
        (FUNCTION, "AWS::Lambda::Function", "RESIZE", "512 MB"),
        (SERVICE, "AWS::ECS::Service", "RESIZE", "512 CPU units, 1024 MiB"),
        (DATABASE, "AWS::RDS::DBInstance", "RESIZE", "db.m5.large"),
        (DATABASE, "AWS::RDS::DBInstance", "RESIZE", "io1, 500 GiB, 3000 IOPS"),
        ("nat-1", "AWS::EC2::NatGateway", "DELETE", None),
        ("i-9", "AWS::EC2::Instance", "STOP", None),
    ]
    amounts = [None if one.monthly_saving is None else str(one.monthly_saving) for one in found]
    assert amounts == ["8.0", "1.5", "3.0", "20.0", "110.0", None, "32.85", "40.0"]
    assert [one.saving_reason is None for one in found] == [amount is not None for amount in amounts]
    assert [one.title for one in found] == [
        "Change workers from 4 x m5.large to 4 x t3.large",
        "Change vol-1 from gp2, 100 GiB, 300 IOPS to gp3, 100 GiB, 3000 IOPS",
        "Change resize from 1024 MB to 512 MB",
        "Change front from 1024 CPU units, 4096 MiB to 512 CPU units, 1024 MiB",
        "Change orders from db.m5.xlarge to db.m5.large",
        "Change orders from io1, 500 GiB, 9000 IOPS to io1, 500 GiB, 3000 IOPS",
        "Delete nat-1: it is unused",
        "Stop i-9: it is idle",
    ]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (arn("ec2", "instance/i-1"), str),
        (GROUP, lambda found: found.replace(":8f6c:", ":*:")),
        (f"{FUNCTION}:7", lambda found: found.removesuffix(":7")),
        (DATABASE, lambda found: found),
        (SERVICE, lambda found: found),
        ("vol-1", lambda found: found),
    ],
)
def test_arns_become_the_inventorys_ids(named: str, expected: Callable[[str], str]) -> None:
    wanted = "i-1" if expected is str else expected(named)
    assert inventory_id(named) == wanted
