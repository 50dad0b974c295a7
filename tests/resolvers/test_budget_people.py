"""Budgets as people meet them: what they mistype, what is not there yet, and what they are told of, once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from app.costs.budgets.standing import NOT_IMPORTED, NOTHING_MEANT
from app.recommendations.everywhere import look_everywhere
from app.records.recommendations import LOOK_EVERYWHERE_JOB
from app.repositories.jobs import JOBS
from tests.costs.watch.deliveries import daily
from tests.resolvers.company import code_of
from tests.resolvers.cost_caller import CREATE, TODAY, Caller, Job, jobs_of
from tests.resolvers.test_budgets import BUDGETS, UPDATE

MONTH = TODAY.replace(day=1)
EARLIER = (MONTH - timedelta(1)).replace(day=1)
ACTIVITY = "query ($slug: String!) { organization(slug: $slug) { activity(first: 100) { nodes { kind data } } } }"

SET_RATES = """mutation ($input: SetCurrencyRatesInput!) { setCurrencyRates(input: $input) {
  ... on SetCurrencyRatesPayload { added } ... on UserError { message } } }"""
DELETE_RATES = """mutation ($input: DeleteCurrencyRatesInput!) { deleteCurrencyRates(input: $input) {
  ... on DeleteCurrencyRatesPayload { deleted } ... on UserError { message } } }"""


async def state_of(caller: Caller, **variables: Any) -> dict[str, Any]:
    """How the only budget stands."""
    (budget,) = (await caller.read(BUDGETS, **variables))["budgets"]["nodes"]
    found: dict[str, Any] = budget["state"]
    return found


async def told(caller: Caller) -> list[tuple[str, str]]:
    """What the activity says of thresholds, the oldest first: kind and percent."""
    nodes = (await caller.read(ACTIVITY))["activity"]["nodes"]
    kinds = {"BUDGET_THRESHOLD_CROSSED", "BUDGET_RECOVERED"}
    return [(node["kind"], node["data"]["percent"]) for node in reversed(nodes) if node["kind"] in kinds]


async def test_an_organization_without_costs_says_what_to_do(caller: Caller) -> None:
    await caller.create()
    await caller.checked()
    state = await state_of(caller)
    assert (state["actual"], state["reason"]) == (None, NOT_IMPORTED)
    assert (state["forecast"]["expected"], state["forecast"]["reason"]) == (None, NOT_IMPORTED)
    assert [each["crossed"] for each in state["thresholds"]] == [None] * 3


async def test_a_currency_without_a_rate_says_what_to_do(caller: Caller) -> None:
    await caller.deliveries.deliver([*daily(EARLIER, MONTH, lambda _: 10)])
    await caller.create(currency="EUR")
    await caller.checked()
    state = await state_of(caller, at=EARLIER.isoformat())
    assert state["actual"] is None
    assert state["reason"].endswith(
        "are in USD, without a rate into EUR. Give one with `setCurrencyRates`, or the budget their currency."
    )
    assert [Decimal(each["amount"]) for each in state["unconverted"]] == [10 * (MONTH - EARLIER).days]
    assert await told(caller) == []


async def test_a_rate_that_comes_later_has_budgets_checked(caller: Caller) -> None:
    await caller.deliveries.deliver([*daily(EARLIER, MONTH, lambda _: 10)])
    await caller.create(currency="EUR")
    queued = await everywhere(caller)
    rate = {"fromCurrency": "USD", "toCurrency": "EUR", "validFrom": "2026-01-01", "rate": "0.5"}
    organization = {"organizationId": caller.person.organization_id}
    assert (await caller.act(SET_RATES, **organization, rates=[rate]))["added"] == 1
    assert await everywhere(caller) == queued + 1
    assert (await caller.act(SET_RATES, **organization, rates=[rate]))["added"] == 0
    assert await everywhere(caller) == queued + 1, "what changes nothing needs no check"
    pair = {"fromCurrency": "USD", "toCurrency": "EUR"}
    assert (await caller.act(DELETE_RATES, **organization, **pair))["deleted"] == 1
    assert await everywhere(caller) == queued + 2
    checks = await jobs_of(caller)
    await look_everywhere(Job(caller.organization_id, caller.database))
    assert await jobs_of(caller) == checks + 1


async def everywhere(caller: Caller) -> int:
    """How often everything is to be looked at again, budgets among it."""
    async with caller.database.read(caller.organization_id) as session:
        return len((await session.execute(JOBS.select().where(JOBS.c.kind == LOOK_EVERYWHERE_JOB))).all())


async def test_a_filter_that_meets_nothing_says_so(caller: Caller) -> None:
    await caller.deliveries.deliver([*daily(EARLIER, MONTH, lambda _: 10)])
    await caller.create(where={"serviceName": {"eq": "Amazn EC2"}})
    state = await state_of(caller, at=EARLIER.isoformat())
    assert (state["actual"], state["reason"]) == ("0", NOTHING_MEANT)


async def test_a_mistyped_dimension_is_named(caller: Caller) -> None:
    usual = {"name": "all", "recurrence": "MONTHLY", "startsOn": "2026-01-01", "amount": "1000"}
    sent = {"organizationId": caller.person.organization_id, **usual, "where": {"servceName": {"eq": "EC2"}}}
    answer = await caller.graphql(CREATE, {"input": sent}, token=caller.person.token)
    assert code_of(answer) == "BAD_USER_INPUT"
    assert "'servceName'" in answer["errors"][0]["message"]
    assert (await caller.read(BUDGETS))["budgets"]["totalCount"] == 0


async def test_a_crossed_threshold_is_told_once_taken_back_and_told_again(caller: Caller) -> None:
    budget = (await caller.create(startsOn=EARLIER.isoformat(), amount="100", thresholds=[{"percent": "80"}]))["budget"]
    crossed, recovered = ("BUDGET_THRESHOLD_CROSSED", "80"), ("BUDGET_RECOVERED", "80")
    day = timedelta(1)
    steps: list[tuple[str, list[tuple[str, str]]]] = [
        ("90", [crossed]),
        ("90", [crossed]),
        ("95", [crossed]),
        ("70", [crossed, recovered]),
        ("81", [crossed, recovered, crossed]),
    ]
    for cost, expected in steps:
        await caller.deliveries.deliver([*daily(TODAY, TODAY + day, lambda _, cost=cost: cost)])  # type: ignore[misc]
        await caller.checked()
        assert await told(caller) == expected, cost
    await caller.act(UPDATE, id=budget["id"], amount="1000")
    await caller.checked()
    assert await told(caller) == [*steps[-1][1], recovered]
    (found,) = (await caller.read(BUDGETS))["budgets"]["nodes"]
    (alert,) = found["alerts"]
    assert (alert["percent"], alert["periodStart"]) == ("80", MONTH.isoformat())
    assert alert["recoveredAt"] is not None
