"""Reserved instances and savings plans, against a far side of their wire formats."""

from __future__ import annotations

from datetime import UTC, datetime

from app.providers.aws import commitments
from app.providers.base import GLOBAL, FoundResource
from tests.providers.aws.answering import answering, read
from tests.providers.moto import REGION

RESERVED, PLANS = commitments.SERVICES
IDENTIFIER = "4b2293b4-5813-4cc8-9ce3-1957fEXAMPLE"
RESERVED_INSTANCES = f"""<?xml version="1.0" encoding="UTF-8"?>
<DescribeReservedInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>r</requestId>
  <reservedInstancesSet>
    <item>
      <reservedInstancesId>{IDENTIFIER}</reservedInstancesId>
      <instanceType>m5.large</instanceType>
      <start>2026-01-01T00:00:00.000Z</start>
      <end>2027-01-01T00:00:00.000Z</end>
      <duration>31536000</duration>
      <fixedPrice>320.0</fixedPrice>
      <usagePrice>0.0</usagePrice>
      <instanceCount>4</instanceCount>
      <productDescription>Linux/UNIX</productDescription>
      <state>active</state>
      <instanceTenancy>default</instanceTenancy>
      <currencyCode>USD</currencyCode>
      <offeringClass>standard</offeringClass>
      <offeringType>Partial Upfront</offeringType>
      <scope>Region</scope>
      <recurringCharges><item><frequency>Hourly</frequency><amount>0.0365</amount></item></recurringCharges>
      <tagSet><item><key>team</key><value>web</value></item></tagSet>
    </item>
  </reservedInstancesSet>
</DescribeReservedInstancesResponse>"""
PLAN = "arn:aws:savingsplans::123456789012:savingsplan/11111111-2222-3333-4444-555555555555"


def test_reserved_instances_with_term_and_amount() -> None:
    with answering(DescribeReservedInstances=RESERVED_INSTANCES) as far_side:
        found = read(far_side.url, RESERVED, "AWS::EC2::ReservedInstance")

    arn = f"arn:aws:ec2:eu-west-1:123456789012:reserved-instances/{IDENTIFIER}"
    assert found == [
        FoundResource(
            service="AmazonEC2",
            resource_type="AWS::EC2::ReservedInstance",
            native_id=arn,
            name="4 x m5.large",
            region=REGION,
            status="active",
            tags={"team": "web"},
            properties={
                "arn": arn,
                "reservedInstancesId": IDENTIFIER,
                "instanceType": "m5.large",
                "instanceCount": 4,
                "productDescription": "Linux/UNIX",
                "tenancy": "default",
                "scope": "Region",
                "offeringClass": "standard",
                "offeringType": "Partial Upfront",
                "termSeconds": 31536000,
                "startsAt": "2026-01-01T00:00:00+00:00",
                "endsAt": "2027-01-01T00:00:00+00:00",
                "currency": "USD",
                "upfrontPrice": 320.0,
                "usagePrice": 0.0,
                "hourlyPrice": 0.0365,
            },
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
    ]
    (asked,) = far_side.calls("DescribeReservedInstances")
    assert [asked[f"Filter.1.Value.{number}"] for number in (1, 2, 3)] == ["active", "payment-pending", "queued"]


def a_plan() -> FoundResource:
    return FoundResource(
        service="ComputeSavingsPlans",
        resource_type="AWS::SavingsPlans::SavingsPlan",
        native_id=PLAN,
        name="3 year No Upfront Compute Savings Plan",
        region="global",
        status="active",
        tags={"owner": "finance"},
        properties={
            "arn": PLAN,
            "savingsPlanId": "11111111-2222-3333-4444-555555555555",
            "offeringId": "offer-1",
            "planType": "Compute",
            "paymentOption": "No Upfront",
            "productTypes": ["EC2", "Fargate", "Lambda"],
            "instanceFamily": None,
            "appliesInRegion": None,
            "currency": "USD",
            "hourlyCommitment": "1.250",
            "upfrontPayment": "0.0",
            "recurringPayment": "1.250",
            "termSeconds": 94608000,
            "startsAt": "2025-03-01T10:00:00+00:00",
            "endsAt": "2028-02-29T09:59:59+00:00",
            "returnableUntil": None,
        },
        created_at=datetime(2025, 3, 1, 10, tzinfo=UTC),
    )


def test_savings_plans_of_all_pages_read_once_for_the_account() -> None:
    plan = {
        "offeringId": "offer-1",
        "savingsPlanId": "11111111-2222-3333-4444-555555555555",
        "savingsPlanArn": PLAN,
        "description": "3 year No Upfront Compute Savings Plan",
        "start": "2025-03-01T10:00:00.000Z",
        "end": "2028-02-29T09:59:59.000Z",
        "state": "active",
        "savingsPlanType": "Compute",
        "paymentOption": "No Upfront",
        "productTypes": ["EC2", "Fargate", "Lambda"],
        "currency": "USD",
        "commitment": "1.250",
        "upfrontPaymentAmount": "0.0",
        "recurringPaymentAmount": "1.250",
        "termDurationInSeconds": 94608000,
        "tags": {"owner": "finance"},
    }
    second = plan | {"savingsPlanArn": f"{PLAN}-2", "savingsPlanId": "2", "description": "", "state": "queued"}
    pages = [{"savingsPlans": [plan], "nextToken": "more"}, {"savingsPlans": [second]}]
    with answering(**{"POST /DescribeSavingsPlans": pages}) as far_side:
        found = read(far_side.url, PLANS, "AWS::SavingsPlans::SavingsPlan", GLOBAL)

    assert PLANS.is_global
    assert [(one.name, one.status) for one in found] == [
        ("3 year No Upfront Compute Savings Plan", "active"),
        ("2", "queued"),
    ]
    assert found[0] == a_plan()
    states = ["active", "payment-pending", "pending-return", "queued"]
    assert far_side.calls("POST /DescribeSavingsPlans") == [{"states": states}, {"states": states, "nextToken": "more"}]
