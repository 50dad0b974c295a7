"""Currencies in reports of costs, through the graph: rates, what none converts, and nothing, which needs none."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from app.context import Runtime
from app.schema.node import parse_id
from tests.clients import GraphQL, Person
from tests.costs.analysis.store import charge
from tests.resolvers.cost_report_caller import OCTOBER, SERVICE, olga, report


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


async def test_nothing_is_nothing_in_every_currency(graphql: GraphQL, runtime: Runtime) -> None:
    """Reports, budgets and teams say the same of charges of 0 that no rate converts."""
    person = await olga(
        graphql,
        runtime,
        [
            charge(date(2026, 10, 1), "0", billing_currency="JPY"),
            charge(date(2026, 10, 2), "0", billing_currency="EUR", billed_cost=Decimal(70)),
        ],
    )
    metrics = ["EFFECTIVE_COST", "BILLED_COST"]
    found = await report(graphql, person, metrics=metrics, groupBy=[{"dimension": "BILLING_CURRENCY"}])
    no_rate = "No currency rate converts any of it; see `unconverted`."
    assert (found["total"], found["reason"]) == ("0", None)
    # What cost nothing in a currency without a rate says nothing of what did cost something there.
    assert [(one["amount"], one["reason"]) for one in found["amounts"]] == [("0", None), (None, no_rate)]
    groups = {group["key"]: group["amounts"] for group in found["groups"]}
    assert [(one["amount"], one["reason"]) for one in groups["JPY"]] == [("0", None), ("0", None)]
    assert [(one["amount"], one["reason"]) for one in groups["EUR"]] == [("0", None), (None, no_rate)]
    assert found["unconverted"] == [{"currency": "EUR", "amount": "0"}]
    only = await report(graphql, person)
    assert (only["total"], only["reason"], only["unconverted"]) == ("0", None, [])

    budget = {"name": "all", "recurrence": "MONTHLY", "startsOn": "2026-10-01", "amount": "10"}
    ids = {"organizationId": person.organization_id}
    await graphql.data(MAKE_BUDGET, {"input": {**ids, **budget, "metric": "EFFECTIVE_COST"}}, token=person.token)
    await graphql.data(MAKE_TEAM, {"input": {**ids, "name": "Web"}}, token=person.token)
    others = (await graphql.data(OTHERS, {"slug": person.slug, "period": OCTOBER}, token=person.token))["organization"]
    assert [
        one["actual"] for one in others["budgets"]["nodes"][0]["history"] if one["periodStart"] == "2026-10-01"
    ] == ["0"]
    assert others["allocation"]["cost"] == "0"
    assert [line["costs"] for line in others["allocation"]["lines"]] == [{"cost": "0", "unconverted": []}]

    await graphql.data(
        MAKE_BUDGET, {"input": {**ids, **budget, "name": "billed", "metric": "BILLED_COST"}}, token=person.token
    )
    hidden = OTHERS.replace("EFFECTIVE_COST", "BILLED_COST")
    others = (await graphql.data(hidden, {"slug": person.slug, "period": OCTOBER}, token=person.token))["organization"]
    (told,) = (one for one in others["budgets"]["nodes"][1]["history"] if one["periodStart"] == "2026-10-01")
    assert (told["actual"], "in EUR, without a rate into USD" in told["reason"]) == (None, True)
    assert others["allocation"]["cost"] is None
    (line,) = others["allocation"]["lines"]
    assert line["costs"] == {"cost": None, "unconverted": [{"currency": "EUR", "amount": "70"}]}


async def test_fees_that_were_spread_do_not_make_a_report_nothing(graphql: GraphQL, runtime: Runtime) -> None:
    """In a currency without a rate it is unknown, though an upfront fee has an effective cost of 0; each says why."""
    person = await olga(
        graphql,
        runtime,
        [
            charge(date(2026, 10, 1), "0", billed_cost=Decimal(2190)),
            charge(date(2026, 10, 1), "12"),
            charge(date(2026, 10, 2), "0", billing_currency="EUR", effective_cost=None),
        ],
    )
    found = await report(graphql, person, currency="GBP", groupBy=SERVICE, granularity="TOTAL")
    no_rate = "No currency rate converts any of it; see `unconverted`."
    assert (found["total"], found["reason"]) == (None, no_rate)
    assert [(group["total"], group["reason"]) for group in found["groups"]] == [(None, no_rate)]
    assert found["unconverted"] == [{"currency": "USD", "amount": "12"}]
    budget = {"name": "all", "recurrence": "MONTHLY", "startsOn": "2026-10-01", "amount": "10", "currency": "GBP"}
    values = {"organizationId": person.organization_id, **budget, "metric": "EFFECTIVE_COST"}
    await graphql.data(MAKE_BUDGET, {"input": values}, token=person.token)
    others = (await graphql.data(OTHERS, {"slug": person.slug, "period": OCTOBER}, token=person.token))["organization"]
    (told,) = (one for one in others["budgets"]["nodes"][0]["history"] if one["periodStart"] == "2026-10-01")
    assert told["actual"] is None
    assert told["reason"].startswith("The charges of the period are in USD, without a rate into GBP.")


MAKE_BUDGET = """mutation ($input: CreateBudgetInput!) { createBudget(input: $input) { __typename
  ... on UserError { message } } }"""
MAKE_TEAM = "mutation ($input: CreateTeamInput!) { createTeam(input: $input) { __typename } }"
OTHERS = """query ($slug: String!, $period: CostPeriodInput!) { organization(slug: $slug) {
  budgets { nodes { history(first: 100) { periodStart actual reason } } }
  allocation(period: $period, metric: EFFECTIVE_COST) { cost lines { costs { cost unconverted { currency amount } } } }
} }"""
