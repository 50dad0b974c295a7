"""What an account has committed itself to: reserved instances of EC2, savings plans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from app.providers.aws.reading import arn, moment, paged, plain, tags
from app.providers.base import GLOBAL, Collector, FoundResource, Service

_RESERVED: Final = "AWS::EC2::ReservedInstance"
_PLAN: Final = "AWS::SavingsPlans::SavingsPlan"
_RESERVED_STATES: Final = ("active", "payment-pending", "queued")
_PLAN_STATES: Final = ("active", "payment-pending", "pending-return", "queued")


def _reserved_instances(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("ec2", region)
    listed = client.describe_reserved_instances(Filters=[{"Name": "state", "Values": list(_RESERVED_STATES)}])
    yield [_reserved(connection, region, found) for found in listed.get("ReservedInstances", ())]


def _reserved(connection: Any, region: str, found: dict[str, Any]) -> FoundResource:
    identifier = found["ReservedInstancesId"]
    native_id = arn(connection, "ec2", region, f"reserved-instances/{identifier}")
    return FoundResource(
        service="AmazonEC2",
        resource_type=_RESERVED,
        native_id=native_id,
        name=f"{found['InstanceCount']} x {found['InstanceType']}",
        region=region,
        availability_zone=found.get("AvailabilityZone"),
        status=found["State"],
        tags=tags(found.get("Tags")),
        properties=plain(
            {
                "arn": native_id,
                "reservedInstancesId": identifier,
                "instanceType": found["InstanceType"],
                "instanceCount": found["InstanceCount"],
                "productDescription": found.get("ProductDescription"),
                "tenancy": found.get("InstanceTenancy"),
                "scope": found.get("Scope"),
                "offeringClass": found.get("OfferingClass"),
                "offeringType": found.get("OfferingType"),
                "termSeconds": found.get("Duration"),
                "startsAt": moment(found.get("Start")),
                "endsAt": moment(found.get("End")),
                "currency": found.get("CurrencyCode"),
                "upfrontPrice": found.get("FixedPrice"),
                "usagePrice": found.get("UsagePrice"),
                "hourlyPrice": sum(
                    charge["Amount"]
                    for charge in found.get("RecurringCharges", ())
                    if charge.get("Frequency") == "Hourly"
                ),
            }
        ),
        created_at=moment(found.get("Start")),
    )


def _plans(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("savingsplans", region)
    for page in paged(client, "describe_savings_plans", "savingsPlans", states=list(_PLAN_STATES)):
        yield [_plan(plan) for plan in page]


def _plan(plan: dict[str, Any]) -> FoundResource:
    native_id = plan["savingsPlanArn"]
    starts = moment(plan.get("start"))
    return FoundResource(
        service="ComputeSavingsPlans",
        resource_type=_PLAN,
        native_id=native_id,
        name=plan.get("description") or plan["savingsPlanId"],
        region=GLOBAL,
        status=plan["state"],
        tags=tags(plan.get("tags")),
        properties=plain(
            {
                "arn": native_id,
                "savingsPlanId": plan["savingsPlanId"],
                "offeringId": plan.get("offeringId"),
                "planType": plan.get("savingsPlanType"),
                "paymentOption": plan.get("paymentOption"),
                "productTypes": plan.get("productTypes") or [],
                "instanceFamily": plan.get("ec2InstanceFamily"),
                "appliesInRegion": plan.get("region"),
                "currency": plan.get("currency"),
                # Exact decimal text, as AWS writes it.
                "hourlyCommitment": plan.get("commitment"),
                "upfrontPayment": plan.get("upfrontPaymentAmount"),
                "recurringPayment": plan.get("recurringPaymentAmount"),
                "termSeconds": plan.get("termDurationInSeconds"),
                "startsAt": starts,
                "endsAt": moment(plan.get("end")),
                "returnableUntil": moment(plan.get("returnableUntil")),
            }
        ),
        created_at=starts,
    )


SERVICES: Final = (
    Service(
        name="reserved-instances",
        collectors=(
            Collector(
                resource_types=(_RESERVED,), permissions=("ec2:DescribeReservedInstances",), pages=_reserved_instances
            ),
        ),
    ),
    Service(
        name="savingsplans",
        is_global=True,
        collectors=(
            Collector(resource_types=(_PLAN,), permissions=("savingsplans:DescribeSavingsPlans",), pages=_plans),
        ),
    ),
)
