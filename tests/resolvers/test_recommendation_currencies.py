"""What recommendations save is never told in another currency than it is in."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from app.config import Settings
from app.context import Runtime
from app.costs.watch import CHECK_COSTS_JOB
from app.database import Database
from app.providers.calls import ProviderPool
from app.recommendations.everywhere import look_everywhere
from app.recommendations.jobs import LOOK_JOB
from app.records.recommendations import LOOK_EVERYWHERE_JOB
from app.scanning.tools import ScanTools
from app.schema.node import parse_id
from app.sealing.vault import Vault
from app.workers.jobs import make_handlers
from tests.clients import GraphQL, register
from tests.resolvers.cost_caller import Job
from tests.resolvers.test_recommendations import VOLUMES, Caller

CHANGE = """mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { __typename } }"""
SET = """mutation ($input: SetCurrencyRatesInput!) { setCurrencyRates(input: $input) { __typename } }"""
DROP = """mutation ($input: DeleteCurrencyRatesInput!) { deleteCurrencyRates(input: $input) { __typename } }"""


@pytest.fixture
async def caller(graphql: GraphQL, runtime: Runtime, owner: Database) -> Caller:
    made = Caller(graphql, await register(graphql, "Rita"), runtime.database, owner)
    await made.ingest(*VOLUMES)
    await made.look()
    return made


async def change(caller: Caller, document: str, **values: Any) -> None:
    """Change something of the organization."""
    sent = {"organizationId": caller.person.organization_id, **values}
    answer = await caller.graphql.data(document, {"input": sent}, token=caller.person.token)
    assert all(one["__typename"].endswith("Payload") for one in answer.values()), answer


async def queued(caller: Caller) -> list[str]:
    """The kinds of jobs that wait."""
    async with caller.database.read(parse_id(caller.person.organization_id).id) as session:
        return list((await session.execute(text("SELECT kind FROM jobs ORDER BY kind"))).scalars())


async def told(caller: Caller) -> tuple[str, str, int, Any]:
    """(currency, potential, how many are unknown, the dearest one's saving in the organization's currency)."""
    read = await caller.read(where={"checkId": {"eq": "aws.ebs.unattached"}})
    summary, dearest = read["savingsSummary"], read["recommendations"]["nodes"][0]
    assert dearest["saving"]["monthly"]["currency"] == "USD"
    return summary["currency"], summary["potential"], summary["unknownCount"], dearest["saving"]["converted"]


async def test_another_currency_of_the_organization(caller: Caller) -> None:
    assert await told(caller) == ("USD", "130.0000", 1, {"amount": "80.0000", "currency": "USD"})
    await change(caller, CHANGE, currency="JPY")
    assert await told(caller) == ("JPY", "0", 4, None), "unknown without a rate, and never 130 yen"
    assert await queued(caller) == [LOOK_EVERYWHERE_JOB]

    rate = {"fromCurrency": "USD", "toCurrency": "JPY", "validFrom": "2026-01-01", "rate": "150"}
    later = {"fromCurrency": "USD", "toCurrency": "JPY", "validFrom": "2100-01-01", "rate": "999"}
    await change(caller, SET, rates=[rate, later], source="a bank")
    assert await told(caller) == ("JPY", "19500.0000", 1, {"amount": "12000.0000", "currency": "JPY"})
    await change(caller, DROP, fromCurrency="USD", toCurrency="JPY")
    assert await told(caller) == ("JPY", "0", 4, None)
    await change(caller, CHANGE, currency="USD", name="Acme")
    assert await told(caller) == ("USD", "130.0000", 1, {"amount": "80.0000", "currency": "USD"})


async def test_another_name_is_no_reason_to_look(caller: Caller) -> None:
    await change(caller, CHANGE, name="Acme")
    assert await queued(caller) == []


async def test_everything_is_looked_at_again(caller: Caller) -> None:
    organization_id = parse_id(caller.person.organization_id).id
    await look_everywhere(Job(organization_id, caller.database))
    await look_everywhere(Job(organization_id, caller.database))
    assert await queued(caller) == [CHECK_COSTS_JOB, CHECK_COSTS_JOB, LOOK_JOB], "a look that waits is enough"


def test_workers_know_the_job(settings: Settings) -> None:
    tools = ScanTools(Vault.from_settings(settings), ProviderPool(1))
    assert make_handlers(tools)[LOOK_EVERYWHERE_JOB] is look_everywhere
