"""Cost sources through the graph: what may be named, what is shown, and how runs are told."""

from __future__ import annotations

from typing import Any

import pytest

from app.context import Runtime
from app.database import Database
from app.providers.calls import ProviderPool
from app.repositories import cost_sources
from app.scanning.tools import ScanTools
from app.schema.node import parse_id
from app.sourcing.tools import SourceTools
from app.workers.jobs import make_handlers
from tests.accounts.clouds import connected, settings
from tests.clients import GraphQL, Person, register
from tests.house.statements import counted
from tests.providers.moto import far_client
from tests.sourcing.works import BUCKET, FOLDER, Recorder, Works, focus
from tests.workers.probes import make_runner

__all__ = ["settings"]  # fixtures

SOURCE = """id name kind dataset cron timeZone since enabled nextRunAt lastRunAt account { id }
  settings { __typename ... on AwsDataExportSettings { bucket prefix region }
    ... on AwsCostExplorerSettings { netCosts } }"""
FAILED = "... on UserError { code message path }"
CREATE = f"""mutation ($input: CreateCostSourceInput!) {{ createCostSource(input: $input) {{
  __typename ... on CreateCostSourcePayload {{ costSource {{ {SOURCE} }} }} {FAILED} }} }}"""
UPDATE = f"""mutation ($input: UpdateCostSourceInput!) {{ updateCostSource(input: $input) {{
  __typename ... on UpdateCostSourcePayload {{ costSource {{ {SOURCE} }} }} {FAILED} }} }}"""
RUN = f"""mutation ($input: RunCostSourceInput!) {{ runCostSource(input: $input) {{
  __typename ... on RunCostSourcePayload {{ started run {{ id state }} }} {FAILED} }} }}"""
RUN_PARTS = """state deliveries unchanged imported fetchedBytes failure remedy source { id } durationMilliseconds
  steps { kind state billingPeriod deliveries parts bytes rows added rejected importId
    checks { name passed message } problems { code message remedy permission } startedAt finishedAt }"""


async def act(graphql: GraphQL, document: str, person: Person, **values: Any) -> dict[str, Any]:
    (result,) = (await graphql.data(document, {"input": values}, token=person.token)).values()
    found: dict[str, Any] = result
    return found


async def account_of(graphql: GraphQL, person: Person, url: str) -> str:
    found: str = (await connected(graphql, person.token, person.organization_id, url))["id"]
    return found


async def test_a_source_is_made_changed_and_shown(graphql: GraphQL, moto_url: str) -> None:
    olga = await register(graphql, "Olga")
    account = await account_of(graphql, olga, moto_url)
    given = {"organizationId": olga.organization_id, "accountId": account, "name": "focus"}
    made = await act(graphql, CREATE, olga, **given, awsDataExport={"bucket": "acme-costs", "prefix": "finops/focus/"})
    assert made["__typename"] == "CreateCostSourcePayload", made
    source = made["costSource"]
    assert source.pop("nextRunAt") is not None
    assert source == {
        "id": source["id"],
        "name": "focus",
        "kind": "AWS_DATA_EXPORT",
        "dataset": "default",
        "cron": "15 5 * * *",
        "timeZone": "UTC",
        "since": None,
        "enabled": True,
        "lastRunAt": None,
        "account": {"id": account},
        "settings": {
            "__typename": "AwsDataExportSettings",
            "bucket": "acme-costs",
            "prefix": "finops/focus",
            "region": None,
        },
    }
    changes = {"cron": "0 */6 * * *", "timeZone": "Europe/Berlin", "since": "2026-01", "enabled": False}
    changed = await act(graphql, UPDATE, olga, id=source["id"], **changes)
    assert changed["costSource"] == source | changes | {"nextRunAt": None}
    lifted = await act(graphql, UPDATE, olga, id=source["id"], since=None)
    assert lifted["costSource"]["since"] is None
    query = f"query ($id: ID!) {{ node(id: $id) {{ ... on CostSource {{ {SOURCE} }} }} }}"
    assert (await graphql.data(query, {"id": source["id"]}, token=olga.token))["node"] == lifted["costSource"]


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({}, "0 places are named; name exactly one of `awsDataExport`"),
        ({"awsCostExplorer": {}, "azureExport": {"storageAccount": "a", "container": "b"}}, "2 places are named"),
        ({"bigQuery": {"table": "acme.b.c"}}, "`bigQuery` is for accounts of GCP; this one is of AWS."),
        ({"awsDataExport": {"bucket": "s3://a", "prefix": ""}}, "`bucket` must be a bucket's name"),
    ],
)
async def test_exactly_one_place_is_named_and_it_is_the_accounts(
    graphql: GraphQL, moto_url: str, places: dict[str, Any], message: str
) -> None:
    olga = await register(graphql, "Olga")
    account = await account_of(graphql, olga, moto_url)
    given = {"organizationId": olga.organization_id, "accountId": account, "name": "focus"}
    told = await act(graphql, CREATE, olga, **given, **places)
    assert (told["__typename"], told["code"]) == ("InvalidInput", "BAD_USER_INPUT")
    assert message in told["message"]


async def test_a_second_source_of_an_account_needs_a_word_that_both_count(graphql: GraphQL, moto_url: str) -> None:
    olga = await register(graphql, "Olga")
    account = await account_of(graphql, olga, moto_url)
    given = {"organizationId": olga.organization_id, "accountId": account}
    export = {"bucket": "acme-costs", "prefix": "focus"}
    await act(graphql, CREATE, olga, **given, name="export", awsDataExport=export)
    second = given | {"name": "explorer", "awsCostExplorer": {}, "dataset": "explorer"}
    refused = await act(graphql, CREATE, olga, **second)
    assert (refused["__typename"], "the same bill twice" in refused["message"]) == ("Conflict", True)
    made = await act(graphql, CREATE, olga, **second, overlaps=True)
    assert made["__typename"] == "CreateCostSourcePayload"


async def test_an_account_of_somebody_else_is_not_there(graphql: GraphQL, moto_url: str) -> None:
    olga, mallory = await register(graphql, "Olga"), await register(graphql, "Mallory")
    account = await account_of(graphql, olga, moto_url)
    given = {"organizationId": mallory.organization_id, "accountId": account, "name": "x", "awsCostExplorer": {}}
    assert (await act(graphql, CREATE, mallory, **given))["__typename"] == "NotFound"


async def test_a_run_is_told_with_its_steps(
    graphql: GraphQL, runtime: Runtime, database: Database, moto_url: str, tmp_path: Any
) -> None:
    olga = await register(graphql, "Olga")
    account = await account_of(graphql, olga, moto_url)
    far = far_client(moto_url, "s3", "us-east-1")
    far.create_bucket(Bucket=BUCKET)
    works = Works(database, runtime.vault, "", tmp_path, moto_url, far, Recorder())
    content = works.deliver("2026-10", "1")
    place = {"bucket": BUCKET, "prefix": FOLDER}
    given = {"organizationId": olga.organization_id, "accountId": account, "name": "focus", "awsDataExport": place}
    source = (await act(graphql, CREATE, olga, **given, since="2026-08"))["costSource"]
    first = await act(graphql, RUN, olga, id=source["id"])
    again = await act(graphql, RUN, olga, id=source["id"], refetch=True)
    assert (first["started"], again["started"], again["run"]) == (
        True,
        False,
        {"id": first["run"]["id"], "state": "QUEUED"},
    )

    organization_id = parse_id(olga.organization_id).id
    async with database.read(organization_id) as session:
        row = await cost_sources.get_run(session, organization_id, parse_id(first["run"]["id"]).id)
    assert row is not None
    pool = ProviderPool(4)
    tools = SourceTools(runtime.vault, pool, tmp_path / "deliveries", works.importer)
    handlers = make_handlers(ScanTools(runtime.vault, pool), sources=tools)
    await make_runner(database, "redis://127.0.0.1:1", handlers).run(row["job_id"])

    query = f"""query ($slug: String!, $id: ID!) {{ organization(slug: $slug) {{
      costSources {{ nodes {{ id lastRunAt runs(first: 1) {{ id {RUN_PARTS} }} }} totalCount }}
      costSourceRuns(where: {{costSourceId: {{eq: $id}}, state: {{eq: "SUCCEEDED"}}}}) {{ nodes {{ id }} totalCount }}
      none: costSourceRuns(where: {{state: {{eq: "FAILED"}}}}) {{ totalCount }} }} }}"""
    variables = {"slug": olga.slug, "id": source["id"]}
    found = (await graphql.data(query, variables, token=olga.token))["organization"]
    assert (found["costSourceRuns"]["totalCount"], found["none"]["totalCount"]) == (1, 0)
    (shown,) = found["costSources"]["nodes"]
    (run,) = shown["runs"]
    assert run["id"] == first["run"]["id"] == found["costSourceRuns"]["nodes"][0]["id"]
    assert (run["state"], run["imported"], run["fetchedBytes"]) == ("SUCCEEDED", 1, len(content))
    assert run["source"] == {"id": source["id"]}
    assert run["durationMilliseconds"] >= 0
    steps = [(step["kind"], step["state"], step["billingPeriod"]) for step in run["steps"]]
    assert steps == [
        ("DISCOVER", "SUCCEEDED", None),
        ("FETCH", "SUCCEEDED", "2026-10"),
        ("IMPORT", "SUCCEEDED", "2026-10"),
    ]
    discover, fetch, imported = run["steps"]
    assert (discover["deliveries"], discover["parts"]) == (1, None)
    assert (fetch["parts"], fetch["bytes"]) == (1, len(content))
    assert (imported["rows"], imported["added"], imported["rejected"]) == (2, 2, 0)
    assert parse_id(imported["importId"]).type_name == "CostImport"
    assert shown["lastRunAt"] is not None
    assert content == focus("2026-10", "1")


async def test_the_number_of_statements_does_not_grow_with_the_page(
    graphql: GraphQL, runtime: Runtime, moto_url: str
) -> None:
    olga = await register(graphql, "Olga")
    account = await account_of(graphql, olga, moto_url)
    query = f"""query ($slug: String!, $first: Int!) {{ organization(slug: $slug) {{
      costSources(first: $first) {{ nodes {{ {SOURCE} runs {{ {RUN_PARTS} }} }} totalCount }}
      costSourceRuns(first: $first) {{ nodes {{ {RUN_PARTS} }} totalCount }} }} }}"""
    for number in range(5):
        given = {"organizationId": olga.organization_id, "accountId": account, "name": f"source {number}"}
        made = await act(
            graphql, CREATE, olga, **given, awsCostExplorer={"netCosts": True}, dataset=f"d{number}", overlaps=True
        )
        await act(graphql, RUN, olga, id=made["costSource"]["id"])
    await graphql.data(query, {"slug": olga.slug, "first": 1}, token=olga.token)  # the caller is known from now on
    seen = []
    for first in (1, 5):
        with counted(runtime.database) as statements:
            answer = await graphql.data(query, {"slug": olga.slug, "first": first}, token=olga.token)
        assert len(answer["organization"]["costSources"]["nodes"]) == first
        seen.append(len(statements))
    assert seen[1] <= seen[0]
