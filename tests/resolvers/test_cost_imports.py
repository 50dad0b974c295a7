"""Imports of costs in the graph: what can be asked of them, who may, and at what price in SQL."""

from __future__ import annotations

from typing import Any

import pytest

from app.context import Runtime
from app.schema.node import global_id, parse_id
from tests.clients import GraphQL, register
from tests.house.statements import counted
from tests.sourcing.conftest import importing
from tests.sourcing.importing import Importing, focus_file

__all__ = ["importing"]  # fixtures

LIST = """query ($slug: String!, $where: CostImportFilter, $first: Int, $after: String, $last: Int, $before: String) {
  organization(slug: $slug) {
    costImports(where: $where, first: $first, after: $after, last: $last, before: $before) {
      totalCount pageInfo { hasNextPage hasPreviousPage endCursor startCursor }
      nodes { id state dataset counts { added } periods { chargeCount } rejects { totalCount nodes { line } }
        source { kind uploads { fileName } } } } } }"""
PERIODS = """query ($slug: String!, $where: BillingPeriodFilter, $first: Int, $after: String) {
  organization(slug: $slug) { billingPeriods(where: $where, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { dataset billingAccountId billingPeriodStart billingPeriodEnd status finality chargeCount
      billedCost { amount currency } unknownMetrics { metric charges } costImport { id state }
      superseded { chargeCount billedCost { amount } status costImport { id } } } } } }"""
REJECTS = """query ($id: ID!, $first: Int, $after: String, $last: Int, $before: String) { node(id: $id) {
  ... on CostImport { rejects(first: $first, after: $after, last: $last, before: $before) {
    totalCount pageInfo { hasNextPage hasPreviousPage endCursor startCursor }
    nodes { file line column value } } } } }"""


async def ask(importing: Importing, document: str, **variables: Any) -> dict[str, Any]:
    """The organization's part of an answer."""
    person = importing.sender.person
    answer = await importing.sender.graphql.data(document, {"slug": person.slug, **variables}, token=person.token)
    (found,) = answer["organization"].values()
    result: dict[str, Any] = found
    return result


async def test_imports_are_listed_newest_first_and_filtered(importing: Importing) -> None:
    await importing.imported(focus_file(3, "1"), dataset="a")
    await importing.imported(b"PK\x03\x04", "broken.csv", dataset="a")
    await importing.started(await importing.sent(focus_file(4, "1")), dataset="b")
    page = await ask(importing, LIST)
    assert [(node["dataset"], node["state"]) for node in page["nodes"]] == [
        ("b", "QUEUED"),
        ("a", "FAILED"),
        ("a", "SUCCEEDED"),
    ]
    assert page["nodes"][0]["source"] == {"kind": "UPLOAD", "uploads": [{"fileName": "costs.csv"}]}
    for where, count in (
        ({"dataset": {"eq": "a"}}, 2),
        ({"state": {"in": ["QUEUED", "FAILED"]}}, 2),
        ({"dataset": {"eq": "a"}, "state": {"eq": "QUEUED"}}, 0),
    ):
        found = await ask(importing, LIST, where=where)
        assert (found["totalCount"], len(found["nodes"])) == (count, count)


async def test_pages_go_forwards_and_backwards(importing: Importing) -> None:
    upload_id = await importing.sent(focus_file(3, "1"))
    ids = [await importing.started(upload_id, dataset=f"d{number}") for number in range(5)][::-1]
    first = await ask(importing, LIST, first=2)
    second = await ask(importing, LIST, first=2, after=first["pageInfo"]["endCursor"])
    back = await ask(importing, LIST, last=2, before=second["pageInfo"]["startCursor"])
    assert [node["id"] for node in first["nodes"] + second["nodes"]] == ids[:4]
    assert back["nodes"] == first["nodes"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (5, True)


async def test_billing_periods_tell_what_is_in_force_and_what_was(importing: Importing) -> None:
    former = await importing.imported(focus_file(10, "1.25"))
    assert former["state"] == "SUCCEEDED"
    await importing.imported(focus_file(10, "1.50"))
    await importing.imported(focus_file(4, "2"))
    await importing.imported(focus_file(5, "3", month=9))
    await importing.imported(focus_file(5, "3", account="other"), dataset="b")
    page = await ask(importing, PERIODS)
    found = [(node["dataset"], node["billingAccountId"], node["billingPeriodStart"]) for node in page["nodes"]]
    assert found == [
        ("b", "other", "2026-10-01T00:00:00Z"),
        ("default", "acme", "2026-10-01T00:00:00Z"),
        ("default", "acme", "2026-09-01T00:00:00Z"),
    ]
    restated = page["nodes"][1]
    assert restated["status"] == "ACTIVE"
    assert (restated["billedCost"], restated["chargeCount"]) == ({"amount": "8", "currency": "USD"}, 4)
    assert [each["billedCost"]["amount"] for each in restated["superseded"]] == ["15", "12.5"]
    assert {each["status"] for each in restated["superseded"]} == {"SUPERSEDED"}
    assert page["nodes"][0]["superseded"] == page["nodes"][2]["superseded"] == []
    assert {entry["metric"]: entry["charges"] for entry in restated["unknownMetrics"]} == {
        "LIST_COST": 4,
        "CONTRACTED_COST": 4,
    }
    two = await ask(importing, PERIODS, first=2)
    rest = await ask(importing, PERIODS, first=2, after=two["pageInfo"]["endCursor"])
    assert two["nodes"] + rest["nodes"] == page["nodes"]
    only = await ask(importing, PERIODS, where={"dataset": {"eq": "b"}, "billingAccountId": {"eq": "other"}})
    assert only["nodes"] == page["nodes"][:1]


async def test_several_currencies_have_no_sum(importing: Importing) -> None:
    data = focus_file(10, "1.25").replace(b",USD,", b",EUR,", 3)
    (period,) = (await importing.imported(data))["periods"]
    assert (period["billedCost"], period["chargeCount"]) == (None, 10)


async def test_rejects_are_paged(importing: Importing, graphql: GraphQL) -> None:
    data = focus_file(20, "1.25").replace(b"1.25,1.25", b"much,1.25", 5)
    upload_id = await importing.sent(data, "october.csv")
    import_id = await importing.started(upload_id, acceptedRejectShare=1)
    await importing.work(import_id)
    pages: list[dict[str, Any]] = []
    token = importing.sender.person.token
    more: dict[str, Any] = {"first": 2}
    while True:
        answer = await graphql.data(REJECTS, {"id": import_id, **more}, token=token)
        pages.append(answer["node"]["rejects"])
        if not pages[-1]["pageInfo"]["hasNextPage"]:
            break
        more["after"] = pages[-1]["pageInfo"]["endCursor"]
    nodes = [node for page in pages for node in page["nodes"]]
    assert [(node["file"], node["line"]) for node in nodes] == [("october.csv", line) for line in range(2, 7)]
    assert {page["totalCount"] for page in pages} == {5}
    back = await graphql.data(REJECTS, {"id": import_id, "last": 2}, token=token)
    assert [node["line"] for node in back["node"]["rejects"]["nodes"]] == [5, 6]
    for wrong in ("nonsense", pages[0]["pageInfo"]["endCursor"][:-4] + "AAAA"):
        refused = await graphql(REJECTS, {"id": import_id, "after": wrong}, token=token)
        assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_statements_do_not_grow_with_the_page(importing: Importing, runtime: Runtime) -> None:
    for number in range(4):
        data = focus_file(20, f"1.{number}5", account=f"account-{number}").replace(b",USD,", b",no,", 1)
        assert (await importing.imported(data))["state"] == "SUCCEEDED"
    for document in (LIST, PERIODS):
        counts = []
        for first in (1, 4):
            with counted(runtime.database) as statements:
                page = await ask(importing, document, first=first)
            assert len(page["nodes"]) == first
            counts.append(len(statements))
        assert counts[0] == counts[1]


async def test_others_see_nothing(importing: Importing, graphql: GraphQL) -> None:
    import_id = await importing.started(await importing.sent(focus_file(3, "1")))
    bob = await register(graphql, "Bob")
    answer = await graphql.data(REJECTS, {"id": import_id}, token=bob.token)
    assert answer == {"node": None}
    upload_id = await importing.sent(focus_file(4, "1"))
    document = """mutation ($input: ImportCostsInput!) { importCosts(input: $input) {
      __typename ... on UserError { code message } } }"""
    forged = global_id("Upload", parse_id(upload_id).id, parse_id(bob.organization_id).id)
    for wrong in (upload_id, forged):
        values = {"organizationId": bob.organization_id, "uploadIds": [wrong]}
        refused = (await graphql.data(document, {"input": values}, token=bob.token))["importCosts"]
        assert (refused["__typename"], refused["code"]) == ("NotFound", "NOT_FOUND")


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"dataset": ""}, ["input", "dataset"]),
        ({"dataset": "x" * 101}, ["input", "dataset"]),
        ({"billingCurrency": "dollars"}, ["input", "billingCurrency"]),
        ({"acceptedRejectShare": 1.5}, ["input", "acceptedRejectShare"]),
        ({"acceptedRejectShare": -0.1}, ["input", "acceptedRejectShare"]),
    ],
)
async def test_input_that_cannot_be(importing: Importing, values: dict[str, Any], path: list[str]) -> None:
    answer = await importing.start(await importing.sent(b"x"), **values)
    assert (answer["__typename"], answer["path"]) == ("InvalidInput", path)


async def test_an_upload_that_is_not_complete_is_a_conflict(importing: Importing) -> None:
    url = await importing.sender.created(focus_file(10, "1"))
    answer = await importing.start(url.rpartition("/")[2])
    assert (answer["__typename"], answer["code"]) == ("Conflict", "CONFLICT")
    assert "not complete" in answer["message"]
    assert await importing.rows("SELECT count(*) FROM cost_imports") == [(0,)]
    assert await importing.rows("SELECT count(*) FROM jobs WHERE organization_id IS NOT NULL") == [(0,)]


async def test_progress_while_it_runs(importing: Importing) -> None:
    import_id = await importing.started(await importing.sent(focus_file(10, "1")))
    waiting = (await importing.found(import_id))["progress"]
    assert (waiting["ratio"], waiting["rowsPerSecond"], waiting["remainingSeconds"]) == (0, None, None)
    await importing.rows(
        "UPDATE cost_imports SET state = 'RUNNING', started_at = now() - interval '10 seconds', bytes_total = 1000, "
        "bytes_read = 250, received = 5000"
    )
    found = (await importing.found(import_id))["progress"]
    assert (found["bytesRead"], found["bytesTotal"], found["ratio"]) == (250, 1000, 0.25)
    assert found["rowsPerSecond"] == pytest.approx(500, rel=0.2)
    assert found["remainingSeconds"] == pytest.approx(30, rel=0.2)
