"""What of a restated month still counts although nobody delivers it any more, and how it is removed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.clients import register
from tests.costs.deliveries import ROLL_UPS
from tests.sourcing.conftest import importing
from tests.sourcing.importing import Importing, focus_file

__all__ = ["importing"]  # fixtures

DELETE = """mutation ($input: DeleteBillingPeriodInput!) { deleteBillingPeriod(input: $input) { __typename
  ... on DeleteBillingPeriodPayload { billingPeriod { billingAccountId billingPeriodStart status chargeCount
    supersededAt billedCost { amount currency } costImport { id } } }
  ... on UserError { code message path } } }"""
ASK = """query ($slug: String!) { organization(slug: $slug) {
  costs(period: {start: "2026-10-01", end: "2026-11-01"}) { total coverage { missingDays } }
  billingPeriods { nodes { billingAccountId chargeCount } } } }"""


def both(acme: str, other: str) -> bytes:
    """A month of the accounts acme (4 charges) and other (3)."""
    return focus_file(4, acme) + focus_file(3, other, account="other").partition(b"\n")[2]


def left_out(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [note for note in found["conformanceNotes"] if note["kind"] == "not delivered again"]


async def delete(importing: Importing, **values: Any) -> dict[str, Any]:
    """The answer to `deleteBillingPeriod`."""
    person = importing.sender.person
    given = {
        "organizationId": person.organization_id,
        "dataset": "default",
        "billingAccountId": "other",
        "billingPeriodStart": "2026-10-01T00:00:00Z",
    }
    answer = await importing.sender.graphql.data(DELETE, {"input": given | values}, token=person.token)
    found: dict[str, Any] = answer["deleteBillingPeriod"]
    return found


async def asked(importing: Importing) -> dict[str, Any]:
    """What October costs, and which billing periods there are."""
    person = importing.sender.person
    found: dict[str, Any] = (await importing.sender.graphql.data(ASK, {"slug": person.slug}, token=person.token))[
        "organization"
    ]
    return found


async def test_an_account_that_a_restated_month_lacks_is_told(importing: Importing) -> None:
    assert left_out(await importing.imported(both("1", "10"))) == []
    restated = await importing.imported(focus_file(4, "2"))
    assert (restated["state"], await importing.total()) == ("SUCCEEDED", (Decimal(38), 7))
    (note,) = left_out(restated)
    assert (note["column"], note["rows"]) == ("BillingAccountId", 3)
    assert note["detail"] == (
        "2026-10 of other was delivered before and is not in this delivery; its 30 USD billed still count: "
        "`deleteBillingPeriod` removes them, a delivery with the account takes their place"
    )
    assert len(left_out(await importing.imported(focus_file(4, "3")))) == 1, "as long as it counts"
    assert left_out(await importing.imported(both("3", "11"))) == []


async def test_accounts_that_come_alone_have_nothing_to_do_with_each_other(importing: Importing) -> None:
    for account, amount in (("acme", "1"), ("other", "2"), ("acme", "3")):
        assert left_out(await importing.imported(focus_file(4, amount, account))) == []
    assert left_out(await importing.imported(focus_file(4, "5", "acme", 9))) == []
    assert left_out(await importing.imported(both("1", "10"), dataset="b")) == []
    assert left_out(await importing.imported(focus_file(4, "9"))) == [], "of another dataset"


async def test_a_deleted_period_is_gone_from_charges_and_sums(importing: Importing) -> None:
    former = await importing.imported(both("1", "10"))
    await importing.imported(focus_file(4, "2"))
    assert (await asked(importing))["costs"]["total"] == "38"
    answer = await delete(importing)
    assert answer["__typename"] == "DeleteBillingPeriodPayload", answer
    gone = answer["billingPeriod"]
    assert (gone["billingAccountId"], gone["status"], gone["chargeCount"]) == ("other", "SUPERSEDED", 3)
    assert gone["billedCost"] == {"amount": "30", "currency": "USD"}
    assert gone["supersededAt"] is not None
    assert former["state"] == "SUCCEEDED"
    after = await asked(importing)
    assert after["costs"]["total"] == "8"
    assert after["billingPeriods"]["nodes"] == [{"billingAccountId": "acme", "chargeCount": 4}]
    assert await importing.total() == (Decimal(8), 4)
    for table in ROLL_UPS:
        ((billed, charges),) = await importing.rows(f"SELECT sum(billed_cost), sum(charge_count) FROM {table}")  # noqa: S608
        assert (billed, charges) == (Decimal(8), 4), table
    ((data,),) = await importing.rows(
        "SELECT data ->> 'billedCost' FROM activity_events WHERE kind = 'BILLING_PERIOD_DELETED'"
    )
    assert data == "30"
    assert left_out(await importing.imported(focus_file(4, "4"))) == []


async def test_what_was_deleted_may_be_delivered_again(importing: Importing) -> None:
    await importing.imported(both("1", "10"))
    assert (await delete(importing))["__typename"] == "DeleteBillingPeriodPayload"
    assert (await importing.imported(both("1", "10")))["state"] == "SUCCEEDED"
    assert await importing.total() == (Decimal(34), 7)


@pytest.mark.parametrize(
    "values",
    [
        {"dataset": "b"},
        {"billingAccountId": "nobody"},
        {"billingAccountId": None},
        {"billingPeriodStart": "2026-09-01T00:00:00Z"},
    ],
)
async def test_what_does_not_count_is_not_found(importing: Importing, values: dict[str, Any]) -> None:
    await importing.imported(both("1", "10"))
    answer = await delete(importing, **values)
    assert (answer["__typename"], answer["code"]) == ("NotFound", "NOT_FOUND")
    assert "`billingPeriods` lists" in answer["message"]
    assert await importing.total() == (Decimal(34), 7)


async def test_a_stranger_deletes_nothing(importing: Importing) -> None:
    await importing.imported(both("1", "10"))
    stranger = await register(importing.sender.graphql, "Eve")
    values = {
        "organizationId": importing.sender.person.organization_id,
        "dataset": "default",
        "billingAccountId": "other",
        "billingPeriodStart": "2026-10-01",
    }
    answer = await importing.sender.graphql.data(DELETE, {"input": values}, token=stranger.token)
    assert answer["deleteBillingPeriod"]["__typename"] == "NotFound"
    own = {"input": values | {"organizationId": stranger.organization_id}}
    assert (await importing.sender.graphql.data(DELETE, own, token=stranger.token))["deleteBillingPeriod"][
        "__typename"
    ] == "NotFound"
    assert await importing.total() == (Decimal(34), 7)
