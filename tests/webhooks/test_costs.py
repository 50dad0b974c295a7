"""What a page of webhooks costs: lists in lists are estimated by their arguments, and no answer costs more."""

from __future__ import annotations

from typing import Any

import pytest

from app.config import Settings
from app.database import Database
from tests.webhooks.office import Office
from tests.webhooks.receiver import Answering

NEWEST = """query ($slug: String!, $n: Int!, $deliveries: Int!, $attempts: Int!) { organization(slug: $slug) {
  webhooks(first: $n) { nodes { id subscriber { name } deliveries(first: $deliveries) {
    id event { id } webhook { id } attempts(first: $attempts) { statusCode } } } } } }"""
PAGE = """query ($slug: String!, $n: Int!) { organization(slug: $slug) {
  webhookDeliveries(first: $n) { totalCount nodes { id attempts { statusCode } } } } }"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"cost_maximum": 100_000, "cost_operation": 50_000})


async def cost(office: Office, query: str, **variables: int) -> dict[str, Any]:
    answer = await office.graphql(query, {"slug": office.person.slug, **variables}, token=office.person.token)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["extensions"]["cost"]
    return found


async def test_no_answer_costs_more_than_was_estimated(office: Office, owner: Database) -> None:
    for name in ("one", "two"):
        await office.create(name=name)
    office.receiver.otherwise = Answering(500)
    for number in range(3):
        await office.note(str(number))
    await office.deliver()
    await office.wait_for_it(owner)
    await office.deliver()
    assert len(await office.behind(owner, "SELECT id FROM webhook_attempts")) == 2 * 3 * 2
    # Just enough: all that there is, with nothing to spare. The operation, the organization, and so many objects.
    full = await cost(office, NEWEST, n=2, deliveries=3, attempts=2)
    assert full["requested"] == full["actual"] == 1 + 1 + 2 * (1 + 1 + 3 * (1 + 1 + 1 + 2))
    much = await cost(office, NEWEST, n=10, deliveries=20, attempts=5)
    assert much["requested"] == 1 + 1 + 10 * (1 + 1 + 20 * (1 + 1 + 1 + 5))
    assert much["actual"] == full["actual"]
    page = await cost(office, PAGE, n=6)
    assert page["actual"] <= page["requested"]
    assert page["actual"] - page["requested"] == 6 * (2 - 10), "two attempts each, of the ten that were estimated"


async def test_too_much_is_refused_before_it_runs(office: Office) -> None:
    variables = {"slug": office.person.slug, "n": 100, "deliveries": 100, "attempts": 100}
    answer = await office.graphql(NEWEST, variables, token=office.person.token)
    (fault,) = answer["errors"]
    assert fault["extensions"]["cost"]["requested"] > 1_000_000
