"""`organization.costs` through the graph: whole answers, steps, periods, filters, and what it refuses."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from app.context import Runtime
from app.costs.analysis.periods import today
from app.database import Database
from app.records.cost_analysis import CostMeasure, CostPeriodName, DateRange
from app.schema.costs import asked_on
from app.schema.node import parse_id
from tests.clients import GraphQL, register
from tests.costs.analysis.store import charge
from tests.house.statements import counted
from tests.resolvers.cost_report_caller import COSTS, OCTOBER, SERVICE, olga, refused, report


async def test_a_report_in_full(graphql: GraphQL, runtime: Runtime) -> None:
    person = await olga(
        graphql,
        runtime,
        [
            charge(date(2026, 10, 1), "6.10", sub_account_id="111"),
            charge(date(2026, 10, 20), "3.90", service_name="Amazon S3"),
            charge(date(2026, 10, 20), "2", service_name="AWS Lambda", effective_cost=None),
            charge(date(2026, 10, 31), "10", service_name="VM", billing_currency="EUR"),
            charge(date(2026, 10, 31), "5", service_name="VM", billing_currency="JPY"),
            charge(date(2026, 9, 30), "8"),
        ],
        rates=[("EUR", "USD", date(2026, 10, 31), Decimal("1.1"))],
    )
    found = await report(
        graphql, person, granularity="MONTH", groupBy=SERVICE, compare="PREVIOUS_PERIOD", topN=2,
        metrics=["EFFECTIVE_COST", "BILLED_COST"],
    )  # fmt: skip
    assert (found["start"], found["end"], found["currency"]) == ("2026-10-01", "2026-11-01", "USD")
    assert (found["previousStart"], found["previousEnd"]) == ("2026-09-01", "2026-10-01")
    assert Decimal(found["total"]) == Decimal("21.00")
    assert [(one["metric"], Decimal(one["amount"])) for one in found["amounts"]] == [
        ("EFFECTIVE_COST", Decimal("21.00")),
        ("BILLED_COST", Decimal("23.00")),
    ]
    unrated = "No currency rate converts JPY of the period; `setCurrencyRates` sets one."
    assert found["change"] == {
        "previous": "8", "amount": None, "ratio": None, "reason": unrated, "previousUnconverted": [],
    }  # fmt: skip
    assert found["unconverted"] == [{"currency": "JPY", "amount": "5"}]
    assert found["incomplete"] == [{"metric": "EFFECTIVE_COST", "chargeCount": 1}]
    assert (found["rollups"], found["notes"]) == (["SERVICE_MONTHLY"], [])
    assert [(group["key"], Decimal(group["total"]), group["share"]) for group in found["groups"]] == [
        ("VM", Decimal("11.0"), "0.523810"),
        ("Amazon EC2", Decimal("6.10"), "0.290476"),
    ]
    assert found["groups"][0]["unconverted"] == [{"currency": "JPY", "amount": "5"}]
    assert found["groups"][1]["change"] == {"previous": "8", "amount": "-1.90", "ratio": "-0.237500", "reason": None}
    assert found["groups"][0]["change"]["reason"] == unrated
    assert found["groups"][1]["keys"] == [{"dimension": "SERVICE_NAME", "tag": None, "value": "Amazon EC2"}]
    assert Decimal(found["other"]["total"]) == Decimal("3.90")
    assert [(one["start"], Decimal(one["amount"]), one["chargeCount"]) for one in found["points"]] == [
        ("2026-10-01", Decimal("21.00"), 5)
    ]
    assert found["points"][0]["unconverted"] == [{"currency": "JPY", "amount": "5"}]


async def test_the_same_report_is_of_whoever_asks(graphql: GraphQL, runtime: Runtime) -> None:
    """What a report asks is kept by its arguments: its answer is of the organization, in the currency of that one."""
    day = date(2026, 10, 5)
    ours = await olga(graphql, runtime, [charge(day, "3", billing_currency="EUR"), charge(day, "1")])
    theirs = await olga(graphql, runtime, [charge(day, "7"), charge(day, "2", service_name="VM")], name="Otto")
    daily = {"granularity": "DAY", "groupBy": SERVICE, "topN": 1}
    for _ in range(2):
        first, second = await report(graphql, ours, **daily), await report(graphql, theirs, **daily)
        assert (first["currency"], first["total"], first["chargeCount"]) == ("USD", "1", 2)
        assert (second["currency"], second["total"], second["chargeCount"]) == ("USD", "9", 2)
        assert [group["key"] for group in second["groups"]] == ["Amazon EC2"]
        assert second["other"]["total"] == "2"
    async with runtime.database.write(parse_id(ours.organization_id).id) as session:
        await session.execute(text("UPDATE organizations SET currency = 'EUR'"))
    in_euro = await report(graphql, ours, **daily)
    assert (in_euro["currency"], in_euro["total"]) == ("EUR", "3")
    assert (await report(graphql, theirs, **daily))["total"] == "9"


def test_a_named_period_is_that_of_the_day() -> None:
    def of(day: date) -> DateRange | None:
        return asked_on(day, CostPeriodName.LAST_MONTH, None, None, (CostMeasure.EFFECTIVE_COST,))[0]

    october, november = (DateRange(date(2026, month, 1), date(2026, month + 1, 1)) for month in (10, 11))
    assert (of(date(2026, 11, 30)), of(date(2026, 12, 1))) == (october, november)
    assert of(date(2026, 11, 30)) == october


async def test_quantities_in_unlike_units_have_no_sum(graphql: GraphQL, runtime: Runtime) -> None:
    day = date(2026, 10, 1)
    person = await olga(
        graphql,
        runtime,
        [
            charge(day, "1", consumed_quantity=Decimal(24), consumed_unit="Hours"),
            charge(day, "1", consumed_quantity=Decimal(6), consumed_unit="Hours"),
            charge(day, "1", consumed_quantity=Decimal("1.5"), consumed_unit="GB", service_name="Amazon S3"),
            charge(day, "1", consumed_quantity=Decimal(7), service_name="AWS Lambda"),
            charge(day, "1", service_name="Support"),
        ],
    )
    quantity = {"metrics": ["CONSUMED_QUANTITY", "BILLED_COST"], "granularity": "DAY"}
    found = await report(graphql, person, **quantity, where={"serviceName": {"notIn": ["AWS Lambda"]}})
    several = "Quantities in several units, such as `GB` and `Hours`, have no sum: group by the unit, or choose one in "
    assert (found["total"], found["reason"]) == (None, f"{several}`where`.")
    assert found["amounts"] == [
        {"metric": "CONSUMED_QUANTITY", "amount": None, "unit": None, "reason": f"{several}`where`."},
        {"metric": "BILLED_COST", "amount": "4", "unit": None, "reason": None},
    ]
    assert (found["points"][0]["amount"], found["points"][0]["reason"]) == (None, f"{several}`where`.")
    unsaid = "Some of the charges with a quantity do not say its unit, so that it has no sum: group by the unit."
    by_service = await report(graphql, person, **quantity, groupBy=SERVICE, compare="PREVIOUS_PERIOD")
    amounts = {group["key"]: group["amounts"][0] for group in by_service["groups"]}
    assert [(one["amount"], one["unit"], one["reason"]) for one in amounts.values()] == [
        ("30", "Hours", None),
        (None, None, unsaid),
        ("1.5", "GB", None),
        (None, None, "None of the charges has this amount."),
    ]
    by_unit = await report(graphql, person, **quantity, groupBy=[{"dimension": "CONSUMED_UNIT"}])
    assert [(group["key"], group["total"]) for group in by_unit["groups"]] == [
        ("Hours", "30"),
        (None, None),
        ("GB", "1.5"),
    ]
    hours = await report(graphql, person, **quantity, where={"consumedUnit": {"eq": "Hours"}})
    assert hours["total"] == "30"


async def test_a_point_for_each_step_and_zero_is_not_unknown(graphql: GraphQL, runtime: Runtime) -> None:
    person = await olga(graphql, runtime, [charge(date(2026, 10, 5), "1"), charge(date(2026, 10, 20), "2")])
    period = {"start": "2026-09-30", "end": "2026-11-05"}
    found = await report(graphql, person, period=period, granularity="WEEK")
    assert [(one["start"], one["end"], one["amount"], one["chargeCount"]) for one in found["points"]] == [
        ("2026-09-30", "2026-10-05", "0", 0),  # the first four days of October are in the delivered billing period
        ("2026-10-05", "2026-10-12", "1", 1),
        ("2026-10-12", "2026-10-19", "0", 0),
        ("2026-10-19", "2026-10-26", "2", 1),
        ("2026-10-26", "2026-11-02", None, None),  # delivered on the 20th: nothing is known of these
        ("2026-11-02", "2026-11-05", None, None),
    ]
    august = await report(graphql, person, period={"start": "2026-08-01", "end": "2026-09-01"}, groupBy=SERVICE)
    assert (august["total"], august["groups"], august["notes"]) == (None, [], [])
    assert august["reason"] == "Nothing was imported for any day of the period."


async def test_named_periods(graphql: GraphQL, runtime: Runtime) -> None:
    day = today()
    person = await olga(graphql, runtime, [charge(day, "1"), charge(day.replace(day=1) - timedelta(days=1), "2")])
    for name, total in (("MONTH_TO_DATE", "1"), ("LAST_MONTH", "2"), ("ALL_TIME", "3"), ("LAST_30_DAYS", None)):
        found = await report(graphql, person, period={"name": name})
        if total is not None:
            assert found["total"] == total, name
        assert found["start"] < found["end"]
    query = (
        "query ($slug: String!) { organization(slug: $slug) { monthToDateCost { start cost { amount currency } } } }"
    )
    answer = await graphql.data(query, {"slug": person.slug}, token=person.token)
    assert answer["organization"]["monthToDateCost"] == {
        "start": day.replace(day=1).isoformat(),
        "cost": {"amount": "1", "currency": "USD"},
    }


async def test_filters(graphql: GraphQL, runtime: Runtime) -> None:
    person = await olga(
        graphql,
        runtime,
        [
            charge(date(2026, 10, 1), "1", region_id="eu-1", tags={" Team": "web"}),
            charge(date(2026, 10, 2), "2", region_id="us-1", tags={"team": "data"}),
            charge(date(2026, 10, 3), "4", charge_category="Tax", service_name=None),
            charge(date(2026, 10, 4), "-8", charge_category="Credit", charge_class="Correction"),
        ],
        promoted=("team",),
    )
    for where, total in (
        ({"regionId": {"in": ["eu-1", "us-1"]}}, 3),
        ({"regionId": {"exists": False}}, -4),
        ({"regionId": {"notIn": ["eu-1"]}}, -2),
        ({"serviceName": {"contains": "ec2"}, "chargeCategory": {"eq": "Usage"}}, 3),
        ({"chargeClass": {"eq": "Correction"}}, -8),
        ({"effectiveCost": {"gt": "0"}}, 7),
        ({"effectiveCost": {"lt": "0"}}, -8),
        ({"tags": [{"key": "TEAM", "eq": "web"}]}, 1),
        ({"tags": [{"key": "team", "exists": True}]}, 3),
        ({"chargePeriodEnd": {"lte": "2026-10-03T00:00:00Z"}}, 3),
        ({"billingPeriodStart": {"gte": "2026-10-02T00:00:00Z"}}, 0),
    ):
        assert Decimal((await report(graphql, person, where=where))["total"]) == total, where
    found = await report(graphql, person, groupBy=[{"tag": "Team"}, {"dimension": "REGION_ID"}])
    assert [[key["value"] for key in group["keys"]] for group in found["groups"]] == [
        ["data", "us-1"],
        ["web", "eu-1"],
        [None, None],
    ]


async def test_what_cannot_be_answered_is_told(graphql: GraphQL, runtime: Runtime) -> None:
    person = await olga(graphql, runtime, [charge(date(2026, 10, 1), "1")])
    assert "end after it starts" in await refused(graphql, person, period={"start": "2026-10-01", "end": "2026-10-01"})
    assert "either a `name`" in await refused(graphql, person, period={"name": "LAST_MONTH", "start": "2026-10-01"})
    assert "steps" in await refused(
        graphql, person, period={"start": "2020-01-01", "end": "2026-01-01"}, granularity="DAY"
    )
    assert "`topN` is 1001" in await refused(graphql, person, topN=1001)
    assert "from 1 to 13" in await refused(
        graphql, person, period={"start": "2025-11-01", "end": "2026-11-02"}, granularity="DAY", topN=500
    )
    assert "one of `dimension`" in await refused(graphql, person, groupBy=[{}])
    assert "twice" in await refused(graphql, person, groupBy=[{"tag": "team"}, {"tag": "Team"}])
    assert "at most 10" in await refused(graphql, person, groupBy=[{"tag": f"t{n}"} for n in range(11)])
    assert "pricing currencies" in await refused(graphql, person, metrics=["PRICING_CURRENCY_EFFECTIVE_COST"])
    assert "ISO 4217" in await refused(graphql, person, currency="XXX")
    assert "Costs of teams" in await refused(graphql, person, groupBy=[{"dimension": "TEAM"}, {"tag": "x"}])
    assert "`where.tags`" in await refused(graphql, person, where={"tags": [{"key": "a\x00b", "exists": True}]})


async def test_statements_do_not_grow_with_groups_and_steps(graphql: GraphQL, runtime: Runtime) -> None:
    days = [date(2026, 10, 1) + timedelta(days=number) for number in range(30)]
    charges = [charge(day, "1", service_name=f"service {number % 20}") for number, day in enumerate(days)]
    person = await olga(graphql, runtime, charges)
    numbers = []
    for variables in ({"topN": 1}, {"topN": 20}, {"topN": 20, "granularity": "DAY"}):
        with counted(runtime.database) as statements:
            await report(graphql, person, groupBy=SERVICE, **variables)
        numbers.append(len([one for one in statements if "cost_import_periods" in one or "WITH facts" in one]))
        assert not any("service 1" in one for one in statements), "values are parameters"
    assert numbers == [2, 1, 1], "what the imports say is asked first where it was never asked"


async def test_a_stranger_sees_nothing(graphql: GraphQL, runtime: Runtime, database: Database) -> None:
    person = await olga(graphql, runtime, [charge(date(2026, 10, 1), "1")])
    stranger = await register(graphql, "Stranger")
    answer = await graphql(COSTS, {"slug": person.slug, "period": OCTOBER}, token=stranger.token)
    assert answer["data"]["organization"] is None
    async with database.read(UUID(int=1)) as session:
        assert (await session.execute(text("SELECT count(*) FROM charges"))).scalar() == 0
