"""Charges are looked at by themselves: from an imported file to a recommendation in the graph, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from sqlalchemy import text

from app.costs.delete_period import delete_billing_period
from app.database import Database
from app.detection.catalogue import CHECKS
from app.detection.evaluate import BROKEN
from app.detection.facts import Facts
from app.detection.finding import Finding
from app.detection.rule import Rules
from app.models import Account, Scan, ScanStep, new_id, now
from app.models.allocation import PromotedTagKey
from app.pricing.book import PriceBook
from app.recommendations.charged import NO_ACCOUNT, Charged, subject_key
from app.recommendations.jobs import look_for_waste_in_charges
from app.recommendations.look import Looking, Sight
from app.records.cost_analysis import DateRange
from app.records.detection import ChargeSubject
from app.repositories import charged
from app.repositories.resources import ResourceValues
from tests.clients import GraphQL, register
from tests.costs.watch.deliveries import SYSTEM, charge, days
from tests.repositories.found import store, volume
from tests.resolvers.cost_caller import TODAY, Caller, Job

PLAN = "arn:aws:savingsplans::payer:savingsplan/1"
SETTLED = TODAY - timedelta(2)
"""The first day whose charges are still arriving: whole months end before it."""
LIST = """query ($slug: String!) { organization(slug: $slug) {
  recommendations { nodes { checkId subject state resolution isCounted check { charges provider }
    resource { id } account { nativeId kind }
    saving { monthly { amount currency } basis formula inputs } history { kind } } }
  savingsSummary { potential count } } }"""


def committed(since: date, until: date, unused: str, **more: Any) -> list[dict[str, Any]]:
    """A commitment of 10 a day, of which so much finds no usage."""
    usual = {"PricingCategory": "Committed", "CommitmentDiscountId": PLAN, "CommitmentDiscountName": "Web", **more}
    rows = []
    for day in days(since, until):
        rows.append(
            charge(day, unused, CommitmentDiscountStatus="Unused", SubAccountId="222", ResourceId=PLAN, **usual)
        )
        used = str(10 - float(unused))
        rows.append(charge(day, used, CommitmentDiscountStatus="Used", SubAccountId="111", **usual))
    return rows


async def deliver(caller: Caller, rows: Sequence[dict[str, Any]]) -> None:
    """Deliver by billing period, check costs, and look at charges, as workers do."""
    await caller.deliveries.deliver(rows)
    await look_for_waste_in_charges(Job(caller.organization_id, caller.database))


async def found(caller: Caller) -> dict[str, dict[str, Any]]:
    """Recommendations by check and subject."""
    nodes = (await caller.read(LIST))["recommendations"]["nodes"]
    return {f"{node['checkId']} {node['subject']}": node for node in nodes}


@pytest.fixture
async def caller(graphql: GraphQL, database: Database, tmp_path: Path) -> Caller:
    """Somebody whose costs can be delivered."""
    return Caller(graphql, database, await register(graphql), tmp_path)


@pytest.fixture
def month() -> date:
    """The first of 60 days that are delivered up to today."""
    return TODAY - timedelta(60)


async def test_an_unused_commitment_is_found_in_a_file_and_resolved_by_another(caller: Caller, month: date) -> None:
    await deliver(caller, committed(month, TODAY, "4"))
    node = (await found(caller))[f"aws.commitment.underused {PLAN}"]
    assert (node["state"], node["isCounted"], node["resource"]) == ("OPEN", True, None)
    assert node["account"] == {"nativeId": "222", "kind": "MANUAL"}
    assert node["check"] == {"charges": "COMMITMENT", "provider": "AWS"}
    assert node["saving"] == {
        "monthly": {"amount": "121.7500", "currency": "USD"},  # 7 * 4 / 7 * 30.4375
        "basis": "ACTUAL",
        "formula": "unused / days * 30.4375",
        "inputs": {"unused": "28", "days": "7"},
    }
    await deliver(caller, committed(month, TODAY, "4"))
    assert [each["kind"] for each in (await found(caller))[f"aws.commitment.underused {PLAN}"]["history"]] == ["FOUND"]
    await deliver(caller, committed(month, TODAY, "0.5"))
    node = (await found(caller))[f"aws.commitment.underused {PLAN}"]
    assert (node["state"], node["resolution"], node["account"]["nativeId"]) == ("RESOLVED", "CHANGED", "222")
    await deliver(caller, committed(month, TODAY, "4"))
    assert (await found(caller))[f"aws.commitment.underused {PLAN}"]["state"] == "OPEN"


async def test_sums_come_page_by_page_and_are_joined_by_hashing(
    caller: Caller, month: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charged, "_PAGE", 5)
    await caller.deliveries.deliver(committed(month, TODAY, "4"))
    week = DateRange(TODAY - timedelta(9), SETTLED)
    async with caller.database.read(caller.organization_id) as session:
        sums = charged.charged(session, caller.organization_id, ChargeSubject.COMMITMENT, week, SETTLED)
        pages = [[(row["kind"], row["day"], row["amount"]) for row in page] async for page in sums]
        joins = (await session.execute(text("SHOW enable_nestloop"))).scalar_one()
    told = [("unused", day, 4) for day in days(week.start, week.end)] + [
        ("used", day, 6) for day in days(week.start, week.end)
    ]
    assert sorted(row for page in pages for row in page) == told
    assert [len(page) for page in pages] == [5, 5, 4]
    assert joins == "off"  # where the planner has not met the organization it takes all of it for one row


async def test_days_that_are_not_known_change_nothing(caller: Caller, month: date) -> None:
    await deliver(caller, committed(month, TODAY, "4"))
    late = TODAY - timedelta(20)
    if late.month != TODAY.month:
        await delete_billing_period(
            caller.database,
            caller.organization_id,
            SYSTEM,
            dataset="bills",
            billing_account_id="payer",
            billing_period_start=TODAY.replace(day=1),
        )
    await caller.deliveries.deliver(committed(month, late, "0.5"))
    other = [charge(day, 5, BillingAccountId="other", SubAccountId="333") for day in days(month, TODAY)]
    await caller.deliveries.deliver(other, dataset="other")
    await look_for_waste_in_charges(Job(caller.organization_id, caller.database))
    assert (await found(caller))[f"aws.commitment.underused {PLAN}"]["state"] == "OPEN"


async def test_what_no_charge_names_any_more_is_resolved(caller: Caller, month: date) -> None:
    await deliver(caller, committed(month, TODAY, "4"))
    other = [row for day in days(month, TODAY) for row in (charge(day, 5), charge(day, 5, SubAccountId="222"))]
    await deliver(caller, other)
    assert (await found(caller))[f"aws.commitment.underused {PLAN}"]["resolution"] == "CHANGED"


async def test_a_check_that_breaks_on_charges_takes_nothing_else_along(database: Database, month: date) -> None:
    def breaks(facts: Facts) -> Finding | None:
        raise KeyError(facts.subject.native_id)

    sound = CHECKS["aws.commitment.underused"]
    broken = replace(sound, id="aws.commitment.broken", find=breaks)
    job = Job(new_id(), database)
    looking = Looking(
        database, new_id(), NO_ACCOUNT, PriceBook({}), job.hold, now(), lambda amount, _: amount, {}, Rules({})
    )
    sight = Sight(looking)
    for plan in (PLAN, "plan-2"):
        one = Charged(ChargeSubject.COMMITMENT, "AWS", "222", plan, "USD", DateRange(month, TODAY))
        with structlog.testing.capture_logs() as logs:
            assert sight.judge(one.gathered(NO_ACCOUNT), [broken, sound]) == []
        assert [entry["check_id"] for entry in logs] == ([broken.id] if plan == PLAN else [])
        assert all(entry["fault"].startswith("KeyError at ") and PLAN not in str(entry) for entry in logs)
    told = [(each.check_id, each.subject_key) for each in sight.outcomes]
    keys = [subject_key(ChargeSubject.COMMITMENT, "AWS", None, plan, "USD") for plan in (PLAN, "plan-2")]
    assert told == [(check.id, key) for key in keys for check in (broken, sound)]
    assert [getattr(each, "why", None) for each in sight.outcomes][::2] == [BROKEN, BROKEN]


def usage(unit: str, since: date, cost: Callable[[date], object], **columns: Any) -> list[dict[str, Any]]:
    """A charge of account `unit` on each day since then."""
    return [charge(day, cost(day), SubAccountId=unit, **columns) for day in days(since, TODAY)]


async def test_what_bills_alone_tell_is_found_in_a_file(caller: Caller) -> None:
    async with caller.database.write(caller.organization_id) as session:
        session.add(PromotedTagKey(organization_id=caller.organization_id, key="env", position=1))
    this_month = SETTLED.replace(day=1)
    last_month = (this_month - timedelta(1)).replace(day=1)
    since = (last_month - timedelta(1)).replace(day=1)
    dev = {"Tags": '{"env": "dev"}', "ServiceName": "Machines"}
    rows = [
        *usage("100", since, lambda _: 10),
        *usage("200", since, lambda _: 20, **dev),
        *usage("300", since, lambda day: -3 if day < TODAY - timedelta(10) else 0, ChargeCategory="Credit"),
        *usage("400", since, lambda _: 5, SkuMeter="DataTransfer-Regional-Bytes", ServiceName="Transfer"),
        *usage("500", since, lambda _: 2, ChargeDescription="RDS Extended Support for MySQL 5.7", ResourceId="db-1"),
        *usage("600", since, lambda day: 10 if day < last_month else 30, ServiceName="Search"),
        *usage("700", since, lambda _: 3, CapacityReservationId="cr-1", CapacityReservationStatus="Unused"),
        *usage("800", since, lambda _: 4, CommitmentDiscountId="plan-2", CommitmentDiscountStatus="Unused")[-20:],
    ]
    correction = charge(since, 25, SubAccountId="900", ChargeClass="Correction", ServiceName="Late")
    month_of = {"BillingPeriodStart": f"{last_month}T00:00:00Z", "BillingPeriodEnd": f"{this_month}T00:00:00Z"}
    await deliver(caller, [*rows, {**correction, **month_of}])
    nodes = await found(caller)
    assert {name: node["account"]["nativeId"] for name, node in nodes.items() if "untagged" not in name} == {
        "focus.nonprod.always_on Machines env=dev": "200",
        "focus.credits.expiring 300": "300",
        "focus.transfer.share 400": "400",
        "focus.support.extended db-1": "500",
        "focus.service.growth Search": "600",
        "focus.capacity.unused cr-1": "700",
        "aws.commitment.underused plan-2": "800",
        "focus.charges.corrected 900": "900",
    }
    assert {name.split()[1] for name in nodes if "untagged" in name} == {"100", "400", "500", "600", "700", "800"}
    assert nodes["focus.support.extended db-1"]["saving"]["monthly"] == {"amount": "60.8750", "currency": "USD"}
    assert nodes["focus.transfer.share 400"]["saving"]["basis"] == "UNKNOWN"
    # 4, 3 and 2 a day are wasted; all else is worth knowing.
    assert (await caller.read(LIST))["savingsSummary"]["potential"] == "273.9375"


async def test_bills_are_held_against_the_inventory(caller: Caller) -> None:
    organization_id = caller.organization_id
    account_id = await add_account(caller)
    instances = [instance(account_id, f"i-{number}") for number in range(1, 6)]
    await store(caller.database, *instances, organization=organization_id)
    async with caller.database.write(organization_id) as session:
        await session.execute(text("UPDATE resources SET first_seen_at = :then"), {"then": now() - timedelta(200)})
    since = (SETTLED.replace(day=1) - timedelta(1)).replace(day=1)
    kind = {"ResourceType": "VM", "RegionId": "us-east-1"}
    rows = [row for name in ("i-1", "i-9") for row in usage("111", since, lambda _: 1, ResourceId=name, **kind)]
    gone = [charge(since, 1, SubAccountId="111", ResourceId="i-8", **kind)]
    unread = usage("111", since, lambda _: 1, ResourceId="db-1", ResourceType="DB", RegionId="us-east-1")
    await deliver(caller, [*rows, *gone, *unread])
    nodes = await found(caller)
    assert set(nodes) == {"focus.resource.unlisted i-9", "focus.resource.unbilled AWS::EC2::Instance"}
    assert nodes["focus.resource.unlisted i-9"]["saving"]["monthly"] == {"amount": "30.4375", "currency": "USD"}
    await store(caller.database, instance(account_id, "i-9"), organization=organization_id)
    await look_for_waste_in_charges(Job(organization_id, caller.database))
    assert (await found(caller))["focus.resource.unlisted i-9"]["resolution"] == "CHANGED"


def instance(account_id: UUID, native_id: str) -> ResourceValues:
    return volume(
        native_id, account_id=account_id, resource_type="AWS::EC2::Instance", relations=(), provider_created_at=None
    )


async def add_account(caller: Caller) -> UUID:
    """An account whose instances in us-east-1 a scan has just read completely."""
    account_id, scan_id, organization_id = new_id(), new_id(), caller.organization_id
    account = Account(
        id=account_id, organization_id=organization_id, provider="AWS", kind="CONNECTED", native_id="111", name="One"
    )
    scan = Scan(
        id=scan_id,
        organization_id=organization_id,
        account_id=account_id,
        actor_kind="SYSTEM",
        state="SUCCEEDED",
        finished_at=now(),
    )
    step = ScanStep(
        organization_id=organization_id,
        scan_id=scan_id,
        service="AmazonEC2",
        region="us-east-1",
        state="SUCCEEDED",
        collected=["AWS::EC2::Instance"],
        finished_at=now(),
    )
    async with caller.database.write(organization_id) as session:
        for row in (account, scan, step):
            session.add(row)
            await session.flush()
    return account_id


PREVIEW = """query ($slug: String!, $input: PreviewDetectionRuleInput!) { organization(slug: $slug) {
  previewDetectionRule(input: $input) { resourceCount undecidedCount potentialChange
    gained { count potential }
    lost { count potential findings { subject resource { id } why account { nativeId } } } } } }"""


async def test_a_rule_is_tried_and_then_holds(caller: Caller, month: date) -> None:
    check_id, changes = "aws.commitment.underused", {"parameters": [{"name": "leastUtilization", "value": "50"}]}
    await deliver(caller, committed(month, TODAY, "4"))
    asked = {"checkId": check_id, "changes": changes}
    preview = (await caller.read(PREVIEW, input=asked))["previewDetectionRule"]
    assert preview == {
        "resourceCount": 1,
        "undecidedCount": 0,
        "potentialChange": "-121.7500",
        "gained": {"count": 0, "potential": "0"},
        "lost": {
            "count": 1,
            "potential": "121.7500",
            "findings": [{"subject": PLAN, "resource": None, "why": None, "account": {"nativeId": "222"}}],
        },
    }
    document = """mutation ($input: UpdateDetectionRuleInput!) { updateDetectionRule(input: $input) { __typename
      ... on UpdateDetectionRulePayload { looks } ... on UserError { message path } } }"""
    answer = await caller.act(document, organizationId=caller.person.organization_id, **asked)
    assert answer == {"__typename": "UpdateDetectionRulePayload", "looks": 1}
    await look_for_waste_in_charges(Job(caller.organization_id, caller.database))
    assert (await found(caller))[f"{check_id} {PLAN}"]["resolution"] == "CHANGED"


async def test_a_commitment_that_is_used_again_has_saved_what_was_unused(caller: Caller, month: date) -> None:
    await deliver(caller, committed(month, TODAY, "4"))
    used = [
        row
        for row in committed(month, TODAY, "4")
        if row["CommitmentDiscountStatus"] == "Used" or row["ChargePeriodStart"] < f"{TODAY - timedelta(20)}"
    ]
    await deliver(caller, used)
    then = now() - timedelta(20)
    async with caller.database.write(caller.organization_id) as session:
        await session.execute(
            text("""
                UPDATE recommendations SET resolved_at = :then, proved_at = :then, last_found_at = :then
                WHERE state = 'RESOLVED'
            """),
            {"then": then},
        )
    await look_for_waste_in_charges(Job(caller.organization_id, caller.database))
    document = """query ($slug: String!) { organization(slug: $slug) { recommendations { nodes {
      subject realisedSaving { daily { amount currency } reason after { knownDays } } } } } }"""
    nodes = (await caller.read(document))["recommendations"]["nodes"]
    (saving,) = [node["realisedSaving"] for node in nodes if node["subject"] == PLAN]
    assert saving["reason"] is None
    assert saving["daily"] == {"amount": "4.000000", "currency": "USD"}
    assert sum(part["knownDays"] for part in saving["after"]) >= 10
