"""Forecasts and commitments through the graph, and the check that watches over costs."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.config import Settings
from app.context import Runtime
from app.costs.outlook.aside import ASIDE
from app.costs.watch import CHECK_COSTS_JOB, check_costs, request_daily_checks
from app.database import Database
from app.models import now
from app.providers.calls import ProviderPool
from app.queue import enqueue
from app.repositories.jobs import JOBS
from app.scanning.tools import ScanTools
from app.sealing.vault import Vault
from app.workers.jobs import make_handlers
from tests.clients import register
from tests.costs.watch.deliveries import charge, daily, days
from tests.house.statements import counted
from tests.resolvers.company import code_of
from tests.resolvers.cost_caller import TODAY, Caller, jobs_of
from tests.resolvers.test_unit_costs import RECORD


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """Forecasts, whose libraries take as long to load as an operation may where nine people share two cores."""
    ASIDE.warm().result()


@pytest.mark.parametrize(
    ("field", "where"),
    [
        ("anomalies", {"state": {"eq": "NOPE"}}),
        ("anomalies", {"series": {"in": ["TOTAL", "NOPE"]}}),
        ("billingPeriods", {"finality": {"eq": "NOPE"}}),
        ("costImports", {"state": {"eq": "NOPE"}}),
    ],
)
async def test_a_word_that_is_no_value_of_the_enum_is_refused(
    caller: Caller, field: str, where: dict[str, Any]
) -> None:
    kinds = {
        "anomalies": "CostAnomalyFilter",
        "billingPeriods": "BillingPeriodFilter",
        "costImports": "CostImportFilter",
    }
    document = f"""query ($slug: String!, $where: {kinds[field]}) {{ organization(slug: $slug) {{
      {field}(where: $where) {{ totalCount }} }} }}"""
    answer = await caller.graphql(document, {"slug": caller.person.slug, "where": where}, token=caller.person.token)
    assert answer.get("data") is None
    assert "NOPE" in answer["errors"][0]["message"]


async def test_a_forecast(caller: Caller, runtime: Runtime) -> None:
    document = """query ($slug: String!, $days: Int!, $where: CostFilter, $interval: Decimal) {
      organization(slug: $slug) { costForecast(days: $days, where: $where, interval: $interval) {
        reason currency points { day expected lower upper } total { start end expected lower upper }
        monthEnd { start end expected } monthEndReason interval method historyDays error { origins mape coverage }
        widened unconverted { amount currency } } } }"""
    empty = (await caller.read(document, days=30))["costForecast"]
    assert (empty["reason"], empty["points"], empty["monthEnd"]) == ("Nothing was imported yet.", [], None)
    await caller.deliveries.deliver([*daily(TODAY - timedelta(120), TODAY, lambda day: 100 + day.weekday())])
    with counted(runtime.database) as statements:
        found = (await caller.read(document, days=30))["costForecast"]
    async with asyncio.timeout(60):
        while "still being computed" in (found["reason"] or ""):  # by a process that had to start
            found = (await caller.read(document, days=30))["costForecast"]
    assert found["reason"] is None
    assert len(found["points"]) == 30
    assert all(Decimal(p["lower"]) <= Decimal(p["expected"]) <= Decimal(p["upper"]) for p in found["points"])
    assert Decimal(found["points"][0]["expected"]) == pytest.approx(103, abs=5)
    assert sum(Decimal(point["expected"]) for point in found["points"]) == Decimal(found["total"]["expected"])
    assert found["points"][0]["day"] == (TODAY - timedelta(2)).isoformat()  # two days are still arriving
    assert Decimal(found["error"]["mape"]) < Decimal("0.05")
    with counted(runtime.database) as again:
        assert (await caller.read(document, days=30))["costForecast"] == found
    assert len(again) == len(statements)
    none = (await caller.read(document, days=30, where={"serviceName": {"eq": "S3"}}))["costForecast"]
    assert none["reason"] == "There are no such charges in the last half year."
    yen = daily(TODAY - timedelta(120), TODAY, lambda _: 7, BillingCurrency="JPY", ServiceName="Athena")
    await caller.deliveries.deliver([*yen], dataset="yen")
    none = (await caller.read(document, days=30, where={"serviceName": {"eq": "Athena"}}))["costForecast"]
    assert none["reason"] == "No rate converts charges in JPY into USD: `setCurrencyRates` sets one."
    for values, path in (({"days": 366}, ["days"]), ({"days": 5, "interval": "0.2"}, ["interval"])):
        answer = await caller.graphql(document, {"slug": caller.person.slug, **values}, token=caller.person.token)
        assert code_of(answer) == "BAD_USER_INPUT", path


async def test_commitments(caller: Caller, runtime: Runtime) -> None:
    figure = "{ value reason }"
    document = f"""query ($slug: String!, $period: CostPeriodInput!) {{ organization(slug: $slug) {{
      commitments(period: $period) {{ commitments {{ commitmentDiscountId commitmentDiscountType provider
        purchased {{ amount currency }} usedQuantity {figure} purchasedQuantity {figure}
        use {{ usedEffectiveCost {figure} utilization {figure} listSavings {figure} }} }}
        coverage {{ currency coverage {figure} listCoverage {figure} contractedCoverage {figure}
          coveredListCost {figure} standardContractedCost {figure} }} commitmentCount reason }} }} }}"""
    day = TODAY - timedelta(5)

    def plan(name: str) -> dict[str, Any]:
        return charge(
            day,
            "3",
            CommitmentDiscountId=name,
            CommitmentDiscountStatus="Used",
            CommitmentDiscountType="RI",
            CommitmentDiscountCategory="Usage",
            CommitmentDiscountQuantity="24",
            CommitmentDiscountUnit="Hour",
            PricingCategory="Committed",
            ListCost="5",
        )

    numbers = []
    month = day.replace(day=1)
    until = day + timedelta(1) if month == TODAY.replace(day=1) else TODAY.replace(day=1)
    known = (until - max(month, TODAY - timedelta(20))).days  # of a month that is over, all of it
    for names in (["ri-1"], ["ri-1", "ri-2", "ri-3"]):
        await caller.deliveries.deliver([*map(plan, names), charge(day, "3", CommitmentDiscountUnit="")])
        period = {"start": (TODAY - timedelta(20)).isoformat(), "end": TODAY.isoformat()}
        with counted(runtime.database) as statements:
            report = (await caller.read(document, period=period))["commitments"]
        numbers.append(len(statements))
        assert {each["commitmentDiscountId"] for each in report["commitments"]} == set(names)
        for each in report["commitments"]:
            assert each["purchased"] == {"amount": "0", "currency": "USD"}
            assert (each["usedQuantity"]["value"], each["purchasedQuantity"]["value"]) == ("24", "0")
            use = {name: each["use"][name]["value"] for name in ("usedEffectiveCost", "utilization", "listSavings")}
            assert {name: Decimal(value) for name, value in use.items()} == {
                "usedEffectiveCost": 3,
                "utilization": 1,
                "listSavings": 2,
            }
        (coverage,) = report["coverage"]
        share = Decimal(3 * len(names)) / Decimal(3 * len(names) + 3)
        assert Decimal(coverage["coverage"]["value"]) == share
        at_list = Decimal(5 * len(names)) / Decimal(5 * len(names) + 3)
        assert Decimal(coverage["listCoverage"]["value"]) == round(at_list, 4)
        assert Decimal(coverage["contractedCoverage"]["value"]) == share
        assert Decimal(coverage["coveredListCost"]["value"]) == 5 * len(names)
        assert Decimal(coverage["standardContractedCost"]["value"]) == 3
        reason = f"Charges were imported for {known} of these 20 days." if known < 20 else None
        assert (report["commitmentCount"], report["reason"]) == (len(names), reason)
    none = await caller.read(document, period={"start": "2020-01-01", "end": "2020-02-01"})
    assert none["commitments"] == {
        "commitments": [],
        "coverage": [],
        "commitmentCount": 0,
        "reason": "Nothing was imported for these days.",
    }
    assert numbers[0] == numbers[1]


async def test_what_has_moved_is_told_in_the_activity_once(caller: Caller) -> None:
    """A commitment that is used by half, and twice as many orders each month at the same cost."""
    first = TODAY - timedelta(150)
    of_plan = {"CommitmentDiscountId": "ri-1", "ResourceId": "ri-1", "PricingCategory": "Committed"}
    halves = [
        row
        for status in ("Used", "Unused")
        for row in daily(TODAY - timedelta(20), TODAY, lambda _: 5, CommitmentDiscountStatus=status, **of_plan)
    ]
    await caller.deliveries.deliver([*daily(first, TODAY, lambda _: 100), *halves])
    values = [
        {"day": day.isoformat(), "quantity": str(2 ** (12 * (day.year - first.year) + day.month))}
        for day in days(first, TODAY)
    ]
    organization = {"organizationId": caller.person.organization_id}
    made = await caller.act(RECORD, **organization, name="orders", unit="pieces", values=values)
    for _ in range(2):
        await caller.checked()
    document = """query ($slug: String!) { organization(slug: $slug) { activity(first: 100) { nodes {
      kind actor { kind } subjectType subjectId data } } } }"""
    nodes = (await caller.read(document))["activity"]["nodes"]
    told = [node for node in nodes if node["kind"].startswith(("COMMITMENT_", "UNIT_COST_", "BUSINESS_METRICS_"))]
    assert sorted((node["kind"], node["actor"]["kind"]) for node in told) == [
        ("BUSINESS_METRICS_RECORDED", "USER"),
        ("COMMITMENT_UNDERUSED", "SYSTEM"),
        ("UNIT_COST_MOVED", "SYSTEM"),
    ]
    by_kind = {node["kind"]: node for node in told}
    metric = ("BusinessMetric", made["metric"]["id"])
    recorded, moved = by_kind["BUSINESS_METRICS_RECORDED"], by_kind["UNIT_COST_MOVED"]
    assert [(node["subjectType"], node["subjectId"]) for node in (recorded, moved)] == [metric, metric]
    assert recorded["data"] == {"name": "orders", "unit": "pieces", "added": 150, "changed": 0}
    assert Decimal(moved["data"]["unitCost"]) < Decimal(moved["data"]["previous"])
    assert by_kind["COMMITMENT_UNDERUSED"]["data"]["utilization"] == "0.5000"


async def test_the_clock_asks_for_a_check_of_who_has_something_to_check(caller: Caller, database: Database) -> None:
    await register(caller.graphql, "Idle")
    await caller.create()
    before = await jobs_of(caller)
    assert await request_daily_checks(database) == 1
    assert await jobs_of(caller) == before + 1


async def test_one_check_does_for_all_that_wait(caller: Caller, database: Database) -> None:
    await caller.create()
    await caller.create(name="other")
    organization_id = caller.organization_id
    async with database.write(organization_id) as session:
        later = await enqueue(session, CHECK_COSTS_JOB, organization_id, wake_at=now() + timedelta(hours=1))
        another = await enqueue(session, "run_scan", organization_id)
    await caller.checked()
    async with database.read(organization_id) as session:
        jobs = (await session.execute(JOBS.select())).mappings().all()
    waiting = {row["id"] for row in jobs if row["state"] == "QUEUED"}
    assert waiting == {later, another}
    assert [row["state"] for row in jobs if row["id"] not in waiting] == ["SUCCEEDED"] * 2


def test_workers_know_the_check(settings: Settings) -> None:
    tools = ScanTools(Vault.from_settings(settings), ProviderPool(1))
    assert make_handlers(tools)[CHECK_COSTS_JOB] is check_costs
