"""`organization.costs`, and what accounts and resources cost, through the graph."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.context import Runtime
from app.costs.analysis.periods import today
from app.database import Database
from app.schema.node import parse_id
from tests.clients import GraphQL, Person, register
from tests.costs.analysis.store import Store, charge
from tests.house.statements import counted
from tests.resolvers.company import code_of

COSTS = """query ($slug: String!, $period: CostPeriodInput!, $granularity: CostGranularity! = TOTAL,
    $metrics: [CostMeasure!], $groupBy: [CostGrouping!], $where: CostFilter, $compare: CostComparison, $topN: Int,
    $currency: String) {
  organization(slug: $slug) {
    costs(period: $period, granularity: $granularity, metrics: $metrics, groupBy: $groupBy, where: $where,
        compare: $compare, topN: $topN, currency: $currency) {
      start end previousStart previousEnd currency total reason previousTotal chargeCount uncoveredDays rollups
      change { previous amount ratio reason previousUnconverted { currency amount } }
      amounts { metric amount unit reason }
      unconverted { currency amount } incomplete { metric chargeCount }
      points { start end amount chargeCount reason unconverted { currency amount } }
      groups { key total share chargeCount change { amount ratio reason } keys { dimension tag value }
        unconverted { currency amount } points { start amount } amounts { metric amount unit reason }
        reason node { __typename ... on Account { nativeId } ... on Resource { name } } }
      other { total share points { amount } }
    }
  }
}"""
OCTOBER = {"start": "2026-10-01", "end": "2026-11-01"}
SERVICE = [{"dimension": "SERVICE_NAME"}]
INGEST = """mutation ($input: IngestResourcesInput!) { ingestResources(input: $input) {
  ... on IngestResourcesPayload { added issues { reason } } } }"""


async def olga(graphql: GraphQL, runtime: Runtime, charges: Sequence[dict[str, Any]], **more: Any) -> Person:
    """Somebody whose organization, in USD, has these charges."""
    person = await register(graphql, "Olga")
    store = Store(parse_id(person.organization_id).id, **more)
    await store.fill(runtime.database, charges)
    return person


async def report(graphql: GraphQL, person: Person, **variables: Any) -> dict[str, Any]:
    values = {"slug": person.slug, "period": OCTOBER, **variables}
    found: dict[str, Any] = (await graphql.data(COSTS, values, token=person.token))["organization"]["costs"]
    return found


async def refused(graphql: GraphQL, person: Person, **variables: Any) -> str:
    values = {"slug": person.slug, "period": OCTOBER, **variables}
    answer = await graphql(COSTS, values, token=person.token)
    assert code_of(answer) == "BAD_USER_INPUT"
    message: str = answer["errors"][0]["message"]
    return message


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
    assert (found["rollups"], found["uncoveredDays"]) == (["SERVICE_MONTHLY"], 0)
    assert [(group["key"], Decimal(group["total"]), group["share"]) for group in found["groups"]] == [
        ("VM", Decimal("11.0"), "0.523810"),
        ("Amazon EC2", Decimal("6.10"), "0.290476"),
    ]
    assert found["groups"][0]["unconverted"] == [{"currency": "JPY", "amount": "5"}]
    assert found["groups"][1]["change"] == {"amount": "-1.90", "ratio": "-0.237500", "reason": None}
    assert found["groups"][0]["change"]["reason"] == unrated
    assert found["groups"][1]["keys"] == [{"dimension": "SERVICE_NAME", "tag": None, "value": "Amazon EC2"}]
    assert Decimal(found["other"]["total"]) == Decimal("3.90")
    assert [(one["start"], Decimal(one["amount"]), one["chargeCount"]) for one in found["points"]] == [
        ("2026-10-01", Decimal("21.00"), 5)
    ]
    assert found["points"][0]["unconverted"] == [{"currency": "JPY", "amount": "5"}]


async def test_a_change_is_unknown_where_one_side_could_not_be_converted(graphql: GraphQL, runtime: Runtime) -> None:
    """Of the compared period alone too; its money is told, by currency. Nothing is nothing in every currency."""
    person = await olga(
        graphql,
        runtime,
        [
            charge(date(2026, 10, 1), "6"),
            charge(date(2026, 10, 1), "0", billing_currency="GBP"),
            charge(date(2026, 9, 1), "0"),
            charge(date(2026, 10, 31), "0"),
            charge(date(2026, 9, 30), "8"),
            charge(date(2026, 9, 30), "700", billing_currency="JPY", service_name="VM"),
        ],
    )
    found = await report(graphql, person, compare="PREVIOUS_PERIOD", groupBy=SERVICE)
    assert found["change"] == {
        "previous": "8",
        "amount": None,
        "ratio": None,
        "reason": "No currency rate converts JPY of the compared period; `setCurrencyRates` sets one.",
        "previousUnconverted": [{"currency": "JPY", "amount": "700"}],
    }
    assert [(group["key"], group["change"]["amount"]) for group in found["groups"]] == [
        ("Amazon EC2", "-2"),
        ("VM", None),
    ]
    august = await report(
        graphql, person, compare="PREVIOUS_PERIOD", period={"start": "2026-09-01", "end": "2026-10-01"}
    )
    assert august["change"]["reason"] == "Nothing was imported for any day of the compared period."


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
    assert (august["total"], august["groups"], august["uncoveredDays"]) == (None, [], 31)
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
    for variables in ({"topN": 1}, {"topN": 20, "granularity": "DAY"}):
        with counted(runtime.database) as statements:
            await report(graphql, person, groupBy=SERVICE, **variables)
        numbers.append(len([one for one in statements if "cost_import_periods" in one or "WITH facts" in one]))
        assert not any("service 1" in one for one in statements), "values are parameters"
    assert numbers == [2, 2]


async def test_nodes_of_groups(graphql: GraphQL, runtime: Runtime) -> None:
    charges = [
        charge(date(2026, 10, 1), "3", sub_account_id="111", resource_id="i-1", resource_key="i-1"),
        charge(date(2026, 10, 1), "2", sub_account_id="222", resource_id="i-2", resource_key="i-2"),
    ]
    person = await olga(graphql, runtime, charges)
    await inventory(graphql, person, [("111", "i-1")])
    by_account = await report(graphql, person, groupBy=[{"dimension": "SUB_ACCOUNT_ID"}])
    assert [group["node"] for group in by_account["groups"]] == [{"__typename": "Account", "nativeId": "111"}, None]
    by_resource = await report(graphql, person, groupBy=[{"dimension": "RESOURCE_ID"}, {"dimension": "PROVIDER"}])
    assert [group["node"] for group in by_resource["groups"]] == [{"__typename": "Resource", "name": "i-1"}, None]


async def inventory(graphql: GraphQL, person: Person, resources: Sequence[tuple[str, str]]) -> None:
    rows = [
        {"provider": "AWS", "accountId": account, "resourceType": "vm", "resourceId": id_} for account, id_ in resources
    ]
    values = {"organizationId": person.organization_id, "rows": rows}
    answer = await graphql.data(INGEST, {"input": values}, token=person.token)
    assert answer["ingestResources"] == {"added": len(rows), "issues": []}


async def test_what_resources_and_accounts_cost(graphql: GraphQL, runtime: Runtime) -> None:
    """Ids that several accounts share are told apart; a page costs as many statements as one row."""

    def of(account: str, resource: str, amount: str, day: int = 5, **more: Any) -> dict[str, Any]:
        named = {"sub_account_id": account, "resource_id": resource, "resource_key": resource}
        return charge(date(2026, 10, day), amount, **(named | more))

    person = await olga(
        graphql,
        runtime,
        [
            of("111", "i-1", "1.25"),
            of("111", "i-1", "0.5", day=20, resource_name="renamed"),
            of("111", "same", "2"),
            of("222", "same", "4"),
            of("999", "i-3", "100"),
            of("111", "i-1", "1000", provider="OTHER", period=1),
            charge(date(2026, 10, 9), "8", billing_account_id="333"),
            charge(date(2026, 9, 9), "7", sub_account_id="111", resource_id="i-4", resource_key="i-4"),
        ],
    )
    await inventory(
        graphql,
        person,
        [("111", "i-1"), ("111", "same"), ("222", "same"), ("111", "i-3"), ("111", "i-4"), ("333", "x")],
    )
    query = """query ($slug: String!, $period: CostPeriodInput!, $first: Int!) { organization(slug: $slug) {
      resources(first: $first) { nodes { nativeId account { nativeId }
        costs(period: $period) { reason cost { amount currency } } monthToDateCost { reason } } }
      accounts(first: $first) { nodes { nativeId costs(period: $period) { reason cost { amount } } } } } }"""
    numbers = []
    for first in (1, 100):
        variables = {"slug": person.slug, "period": OCTOBER, "first": first}
        with counted(runtime.database) as statements:
            answer = (await graphql.data(query, variables, token=person.token))["organization"]
        numbers.append(len(statements))
    assert numbers[0] == numbers[1]
    resources = {(one["nativeId"], one["account"]["nativeId"]): one["costs"] for one in answer["resources"]["nodes"]}
    amounts = {key: one["cost"]["amount"] if one["cost"] else one["reason"] for key, one in resources.items()}
    assert amounts["same", "111"] == "2"
    assert amounts["same", "222"] == "4"
    assert amounts["i-3", "111"] == "0", "its charges are another account's"
    assert amounts["i-4", "111"] == "0", "it has charges, none of them in October"
    assert amounts["x", "333"] == ("No charge names this resource: its service bills without, or nobody imported it.")
    accounts = {one["nativeId"]: one["costs"]["cost"]["amount"] for one in answer["accounts"]["nodes"]}
    assert accounts == {"111": "3.75", "222": "4", "333": "8"}
    assert amounts["i-1", "111"] == "1.75"


async def test_rates_show_in_reports(graphql: GraphQL, runtime: Runtime) -> None:
    person = await olga(graphql, runtime, [charge(date(2026, 10, 5), "100", billing_currency="EUR")])
    assert (await report(graphql, person))["total"] is None
    assert (await report(graphql, person, currency="EUR"))["total"] == "100"
    set_ = """mutation ($input: SetCurrencyRatesInput!) { setCurrencyRates(input: $input) {
      ... on SetCurrencyRatesPayload { received added changed unchanged issues { rowNumber column reason } }
      ... on UserError { message } } }"""
    rates = [
        {"fromCurrency": "eur", "toCurrency": "USD", "validFrom": "2026-10-31", "rate": "1.10"},
        {"fromCurrency": "EUR", "toCurrency": "USD", "validFrom": "2026-11-01", "rate": "1.2"},
        {"fromCurrency": "EUR", "toCurrency": "EUR", "validFrom": "2026-11-01", "rate": "1"},
        {"fromCurrency": "EUR", "toCurrency": "USD", "validFrom": "2026-11-01", "rate": "1.3"},
        {"fromCurrency": "EUR", "toCurrency": "GBP", "validFrom": "yesterday", "rate": "1.3"},
        {"fromCurrency": "EUR", "toCurrency": "GBP", "validFrom": "2026-11-01", "rate": "-1"},
        {"toCurrency": "GBP"},
    ]
    values = {"organizationId": person.organization_id, "rates": rates}
    stored = (await graphql.data(set_, {"input": values}, token=person.token))["setCurrencyRates"]
    assert (stored["received"], stored["added"], stored["unchanged"]) == (7, 2, 0)
    assert [(issue["rowNumber"], issue["column"]) for issue in stored["issues"]] == [
        (3, "toCurrency"), (4, "validFrom"), (5, "validFrom"), (6, "rate"), (7, "fromCurrency"),
    ]  # fmt: skip
    assert Decimal((await report(graphql, person))["total"]) == 110
    again = (await graphql.data(set_, {"input": {**values, "rates": rates[:2]}}, token=person.token))[
        "setCurrencyRates"
    ]
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 2)
    listed = await rates_of(graphql, person, first=1)
    assert [one["rate"] for one in listed["nodes"]] == ["1.10"]
    rest = await rates_of(graphql, person, first=5, after=listed["pageInfo"]["endCursor"])
    assert [(one["rate"], one["validFrom"]) for one in rest["nodes"]] == [("1.2", "2026-11-01")]
    assert rest["totalCount"] == 2
    delete = """mutation ($input: DeleteCurrencyRatesInput!) { deleteCurrencyRates(input: $input) {
      ... on DeleteCurrencyRatesPayload { deleted } ... on UserError { message path } } }"""
    pair = {"organizationId": person.organization_id, "fromCurrency": "EUR", "toCurrency": "usd"}
    removed = await graphql.data(delete, {"input": {**pair, "validFrom": "2026-11-01"}}, token=person.token)
    assert removed["deleteCurrencyRates"] == {"deleted": 1}
    wrong = await graphql.data(delete, {"input": {**pair, "toCurrency": "?"}}, token=person.token)
    assert wrong["deleteCurrencyRates"]["path"] == ["input", "toCurrency"]
    async with runtime.database.read(parse_id(person.organization_id).id) as session:
        kinds = await session.scalars(text("SELECT kind FROM activity_events ORDER BY sequence"))
        assert [kind for kind in kinds if kind.startswith("CURRENCY")] == [
            "CURRENCY_RATES_SET",
            "CURRENCY_RATES_DELETED",
        ]


async def rates_of(graphql: GraphQL, person: Person, **variables: Any) -> dict[str, Any]:
    query = """query ($slug: String!, $first: Int!, $after: String) { organization(slug: $slug) {
      currencyRates(first: $first, after: $after, where: {fromCurrency: {eq: "EUR"}}) { totalCount
        pageInfo { endCursor } nodes { fromCurrency toCurrency validFrom rate source } } } }"""
    answer = await graphql.data(query, {"slug": person.slug, **variables}, token=person.token)
    found: dict[str, Any] = answer["organization"]["currencyRates"]
    return found


async def test_a_stranger_sees_nothing(graphql: GraphQL, runtime: Runtime, database: Database) -> None:
    person = await olga(graphql, runtime, [charge(date(2026, 10, 1), "1")])
    stranger = await register(graphql, "Stranger")
    answer = await graphql(COSTS, {"slug": person.slug, "period": OCTOBER}, token=stranger.token)
    assert answer["data"]["organization"] is None
    async with database.read(UUID(int=1)) as session:
        assert (await session.execute(text("SELECT count(*) FROM charges"))).scalar() == 0
