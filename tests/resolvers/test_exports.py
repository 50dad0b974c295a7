"""`startExport` from the mutation to the bytes: rows of JSON and of Parquet, who may fetch, cancelling, refusals."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import time
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from app.config import Settings
from app.context import Runtime
from app.costs.exports.files import ExportTools
from app.exporting.run import BulkTools, run_export
from app.exporting.start import RUN_EXPORT_JOB
from app.rate_limits import Rate, Take
from app.resolvers.export_graph import ExportGraph
from app.schema.node import global_id, parse_id
from tests.clients import GraphQL, Person, register
from tests.resolvers.company import code_of, company, create_key
from tests.workers.probes import run_every

START = """
mutation ($input: StartExportInput!) {
  startExport(input: $input) {
    __typename
    ... on StartExportPayload { export {
      id state rows progress url fileName query variables finishedAt createdBy { name }
    }  }
    ... on UserError { code message path }
  }
}
"""
CANCEL = """
mutation ($input: CancelExportInput!) {
  cancelExport(input: $input) {
    __typename
    ... on CancelExportPayload { export { id state error } }
    ... on UserError { code message path }
  }
}
"""
FOUND = """
query ($id: ID!) {
  node(id: $id) { ... on Export { id state rows bytes progress sha256 url error fileName finishedAt } }
}
"""
INGEST = """mutation ($input: IngestResourcesInput!) { ingestResources(input: $input) {
  __typename ... on UserError { message } } }"""
RESOURCES = """
query ($slug: String!, $type: String!) {
  organization(slug: $slug) {
    resources(where: {resourceType: {eq: $type}}, orderBy: {field: NAME, direction: ASC}) {
      totalCount
      nodes { ...Part account { name } firstSeenAt }
    }
  }
}
fragment Part on Resource { id name tags region }
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """What a test spends stays spent, however long it takes."""
    return settings.model_copy(update={"cost_restored": 1})


async def fill(graphql: GraphQL, person: Person, number: int) -> None:
    """Put resources into an account of one's own."""
    for start in range(0, number, 1_000):
        rows = [
            {
                "provider": "AWS",
                "accountId": "111122223333",
                "accountName": "Shop",
                "resourceId": f"vol-{index:06}",
                "resourceType": "AWS::EC2::Volume",
                "resourceName": f"volume {index:06}",
                "region": "eu-central-1",
                "tags": {"number": str(index)},
            }
            for index in range(start, min(number, start + 1_000))
        ]
        values = {"organizationId": person.organization_id, "rows": rows}
        answer = await graphql.data(INGEST, {"input": values}, token=person.token)
        assert answer["ingestResources"]["__typename"] == "IngestResourcesPayload", answer


def tools_of(runtime: Runtime) -> BulkTools:
    keep = timedelta(days=runtime.settings.export_retention_days)
    return BulkTools(ExportTools(runtime.bulk_exports, keep), ExportGraph(runtime))


async def work(runtime: Runtime) -> None:
    """Run every export that waits."""
    tools = tools_of(runtime)
    redis_url = str(runtime.settings.redis_url)
    await run_every(runtime.database, redis_url, RUN_EXPORT_JOB, lambda job: run_export(job, tools))


async def asked(graphql: GraphQL, person: Person, query: str = RESOURCES, **more: Any) -> dict[str, Any]:
    variables = {"slug": person.slug, "type": "AWS::EC2::Volume"}
    values = {"organizationId": person.organization_id, "query": query, "variables": variables, **more}
    answer = (await graphql.data(START, {"input": values}, token=person.token))["startExport"]
    assert answer["__typename"] == "StartExportPayload", answer
    export: dict[str, Any] = answer["export"]
    return export


async def found(graphql: GraphQL, person: Person, export: dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = (await graphql.data(FOUND, {"id": export["id"]}, token=person.token))["node"]
    return node


async def test_all_rows_are_written_and_fetched(graphql: GraphQL, runtime: Runtime) -> None:
    person = await register(graphql)
    await fill(graphql, person, 2_345)
    export = await asked(graphql, person)
    assert (export["state"], export["rows"], export["url"]) == ("QUEUED", None, None)
    assert export["createdBy"] == {"name": "Ada"}
    await work(runtime)
    export = await found(graphql, person, export)
    assert (export["state"], export["rows"], export["progress"], export["error"]) == ("SUCCEEDED", 2_345, 1.0, None)

    response = await graphql.client.get(export["url"])  # the address is the credential
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/gzip"
    assert response.headers["content-disposition"] == f'attachment; filename="{export["fileName"]}"'
    assert len(response.content) == export["bytes"]
    assert hashlib.sha256(response.content).hexdigest() == export["sha256"]
    rows = [json.loads(line) for line in gzip.decompress(response.content).splitlines()]
    assert [row["name"] for row in rows] == [f"volume {index:06}" for index in range(2_345)]
    assert list(rows[7]) == ["id", "name", "tags", "region", "account", "firstSeenAt"]
    assert (rows[7]["tags"], rows[7]["account"]) == ({"number": "7"}, {"name": "Shop"})
    part = await graphql.client.get(export["url"], headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, response.content[10:20])
    head = await graphql.client.head(export["url"])
    assert (head.status_code, head.headers["content-length"]) == (200, str(export["bytes"]))


async def test_parquet_has_a_column_for_each_field(graphql: GraphQL, runtime: Runtime) -> None:
    person = await register(graphql)
    await fill(graphql, person, 1_234)
    export = await asked(graphql, person, format="PARQUET")
    await work(runtime)
    export = await found(graphql, person, export)
    assert (export["state"], export["error"]) == ("SUCCEEDED", None)
    frame = pl.read_parquet(io.BytesIO((await graphql.client.get(export["url"])).content))
    assert frame.columns == ["id", "name", "tags", "region", "account", "firstSeenAt"]
    assert (frame.height, frame["name"].n_unique()) == (1_234, 1_234)
    assert frame["firstSeenAt"].dtype == pl.Datetime("us", "UTC")
    assert (json.loads(frame["tags"][5]), json.loads(frame["account"][5])) == ({"number": "5"}, {"name": "Shop"})
    # A connection without rows has the same columns.
    empty = await asked(graphql, person, format="PARQUET", variables={"slug": person.slug, "type": "none"})
    await work(runtime)
    empty = await found(graphql, person, empty)
    frame = pl.read_parquet(io.BytesIO((await graphql.client.get(empty["url"])).content))
    assert (empty["rows"], frame.height, frame.columns[:2]) == (0, 0, ["id", "name"])


async def test_an_address_is_good_for_its_file_and_its_time_alone(
    graphql: GraphQL, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await register(graphql)
    await fill(graphql, person, 3)
    export, other = await asked(graphql, person), await asked(graphql, person)
    await work(runtime)
    url = (await found(graphql, person, export))["url"]
    own = parse_id(person.organization_id).id
    path, _, query = url.partition("?")
    absent = global_id("Export", own, own)
    links = runtime.links
    wrong = [
        path,
        f"{path}?{query[:-1]}",
        f"{path}?{query.replace('expires=1', 'expires=2')}",
        f"/downloads/{other['id']}?{query}",
        f"/downloads/{absent}?{query}",
        f"/downloads/{absent}?{links.make(absent)}",
        f"/downloads/{person.organization_id}?{links.make(person.organization_id)}",
        f"/downloads/..%2f..%2fsecret-key?{query}",
        f"/downloads/{path[11:]}%00?{query}",
    ]
    answers = [await graphql.client.get(each) for each in wrong]
    assert {answer.status_code for answer in answers} == {404}
    routed = [answer for answer, each in zip(answers, wrong, strict=True) if "%2f" not in each]
    assert {answer.json()["errors"][0]["message"] for answer in routed} == {
        "There is no such file, or its address is no longer good: ask the graph for `url` again."
    }
    assert (await graphql.client.get(url)).status_code == 200
    assert (await graphql.client.post(url)).status_code == 405
    assert (await graphql.client.options(url)).headers["allow"] == "GET, HEAD, OPTIONS"
    later = time.time() + 901
    monkeypatch.setattr("app.exporting.fetch.time.time", lambda: later)
    assert (await graphql.client.get(url)).status_code == 404
    again = (await found(graphql, person, export))["url"]
    assert (await graphql.client.get(again)).status_code == 200


async def test_the_file_is_for_who_asked_alone(graphql: GraphQL, runtime: Runtime) -> None:
    made = await company(graphql)
    member = made.people["MEMBER"]
    values = {"organizationId": made.organization_id, "query": RESOURCES.replace("$slug: String!, ", "")}
    values["query"] = values["query"].replace("slug: $slug", f'slug: "{made.slug}"')
    variables = {"input": {**values, "variables": {"type": "x"}}}
    export = (await graphql.data(START, variables, token=member.token))["startExport"]["export"]
    _, key = await create_key(graphql, made, "ORGANIZATION_READ")
    by_key = await graphql(START, variables, api_key=key)
    await work(runtime)
    assert (await found(graphql, member, export))["url"] is not None
    for reader in (made.people["OWNER"], made.people["VIEWER"]):
        node = await found(graphql, reader, export)
        assert (node["state"], node["url"]) == ("SUCCEEDED", None)
    assert (await graphql.data(FOUND, {"id": export["id"]}, token=made.stranger.token))["node"] is None
    own = by_key["data"]["startExport"]["export"]
    assert own["createdBy"] is None
    told = await graphql(FOUND, {"id": own["id"]}, api_key=key)
    assert told["data"]["node"]["url"] is not None


async def test_only_who_asked_or_an_administrator_cancels(graphql: GraphQL) -> None:
    made = await company(graphql)
    values = {"organizationId": made.organization_id, "query": LISTED % made.slug}
    export = (await graphql.data(START, {"input": values}, token=made.token("MEMBER")))["startExport"]["export"]
    cancel = {"input": {"id": export["id"]}}
    assert code_of(await graphql(CANCEL, cancel, token=made.token("VIEWER"))) == "FORBIDDEN"
    foreign = (await graphql.data(CANCEL, cancel, token=made.stranger.token))["cancelExport"]
    absent = {
        "input": {"id": global_id("Export", parse_id(export["id"]).id, parse_id(made.stranger.organization_id).id)}
    }
    nothing = (await graphql.data(CANCEL, absent, token=made.stranger.token))["cancelExport"]
    assert (foreign["code"], nothing["code"]) == ("NOT_FOUND", "NOT_FOUND")
    answer = (await graphql.data(CANCEL, cancel, token=made.token("ADMIN")))["cancelExport"]
    assert answer["export"]["state"] == "CANCELLED"
    again = (await graphql.data(CANCEL, cancel, token=made.token("ADMIN")))["cancelExport"]
    assert (again["code"], again["message"]) == ("CONFLICT", "The export has ended already: CANCELLED.")


LISTED = '{ organization(slug: "%s") { resources { nodes { id } } } }'


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("{", "Syntax Error"),
        ("{ organization(slug: $slug) { nothing } }", "Cannot query field 'nothing'"),
        ("mutation { logOut(input: {}) { __typename } }", "send a query"),
        ("{ viewer { user { name } } }", "begin with `organization`"),
        ("{ organization(slug: $slug) { name } }", "`name` is no connection"),
        ("{ organization(slug: $slug) { name resources { nodes { id } } } }", "selects `name`, `resources`: leave"),
        ("{ organization(slug: $slug) { resources(first: 9) { nodes { id } } } }", "`resources` has `first`: leave"),
        ("{ organization(slug: $slug) { resources { totalCount } } }", "`resources` must select its rows once"),
        ("{ organization(slug: $slug) { resources { nodes { id } edges { node { id } } } } }", "its rows once"),
        ("{ organization(slug: $slug) { resources @skip(if: false) { nodes { id } } } }", "has a directive"),
        (
            "{ organization(slug: $slug) { ...P } } fragment P on Organization { resources { nodes { id } } }",
            "fragment",
        ),
        (
            "{ organization(slug: $slug) { costImports { nodes { rejects { nodes { line } } } } } }",
            "inside a row",
        ),
        ('{ organization(slug: "elsewhere") { resources { nodes { id } } } }', "asks another organization"),
        (
            "query ($exportPageAfter: ID) { organization(id: $exportPageAfter) { resources { nodes { id } } } }",
            "`$exportPageAfter` is the export's own",
        ),
    ],
)
async def test_other_queries_are_refused(graphql: GraphQL, query: str, told: str) -> None:
    person = await register(graphql)
    text = query.replace("$slug)", f'"{person.slug}")')
    values = {"organizationId": person.organization_id, "query": text}
    answer = (await graphql.data(START, {"input": values}, token=person.token))["startExport"]
    assert (answer["__typename"], answer["path"]) == ("InvalidInput", ["input", "query"]), answer
    assert told in answer["message"]


async def test_wrong_variables_are_refused(graphql: GraphQL) -> None:
    person = await register(graphql)
    values = {"organizationId": person.organization_id, "query": RESOURCES, "variables": {"slug": person.slug}}
    answer = (await graphql.data(START, {"input": values}, token=person.token))["startExport"]
    assert (answer["__typename"], answer["path"]) == ("InvalidInput", ["input", "variables"])
    assert "$type" in answer["message"]


async def test_what_the_caller_may_no_longer_see_is_not_written(graphql: GraphQL, runtime: Runtime) -> None:
    made = await company(graphql)
    query = LISTED % made.slug
    values = {"organizationId": made.organization_id, "query": query}
    member, viewer = made.people["MEMBER"], made.people["VIEWER"]
    by_member = (await graphql.data(START, {"input": values}, token=member.token))["startExport"]["export"]
    key_id, key = await create_key(graphql, made, "ORGANIZATION_READ")
    by_key = (await graphql(START, {"input": values}, api_key=key))["data"]["startExport"]["export"]
    hidden = {**values, "query": query.replace("resources", "apiKeys")}
    by_viewer = (await graphql.data(START, {"input": hidden}, token=viewer.token))["startExport"]["export"]
    remove = "mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { __typename } }"
    await graphql.data(remove, {"input": {"id": made.members["MEMBER"]}}, token=made.token("OWNER"))
    revoke = "mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { __typename } }"
    await graphql.data(revoke, {"input": {"id": key_id}}, token=made.token("OWNER"))
    await work(runtime)
    owner = made.people["OWNER"]
    ended = [await found(graphql, owner, export) for export in (by_member, by_key, by_viewer)]
    assert [each["state"] for each in ended] == ["FAILED"] * 3
    assert ended[0]["error"] == "Who asked for the export can no longer read the organization."
    assert ended[1]["error"].startswith("The sign-in or API key that asked for the export has ended.")
    assert "API_KEYS_MANAGE" in ended[2]["error"]


async def test_only_so_many_are_under_way(graphql: GraphQL, runtime: Runtime) -> None:
    person = await register(graphql)
    for _ in range(runtime.settings.exports_under_way):
        await asked(graphql, person)
    values = {"organizationId": person.organization_id, "query": LISTED % person.slug}
    answer = (await graphql.data(START, {"input": values}, token=person.token))["startExport"]
    assert (answer["code"], "3 exports under way" in answer["message"]) == ("CONFLICT", True)


async def test_each_page_is_charged_to_the_bucket_of_exports(graphql: GraphQL, runtime: Runtime) -> None:
    person = await register(graphql)
    await fill(graphql, person, 1_500)
    await asked(graphql, person)
    await work(runtime)
    viewer = await graphql.data("{ viewer { user { id } } }", token=person.token)
    settings = runtime.settings
    rate = Rate(settings.cost_maximum, settings.cost_restored)
    user_id = parse_id(viewer["viewer"]["user"]["id"]).id
    taken = await runtime.rate_limits.take([Take(f"cost-of-exports:user:{user_id}", rate, 1)])
    # 1,500 rows with their account and its name: two points each, on two pages.
    assert rate.maximum - taken.available[0] == pytest.approx(3_000, abs=2_000)


async def test_the_same_call_twice_is_one_export(graphql: GraphQL) -> None:
    person = await register(graphql)
    first = await asked(graphql, person, idempotencyKey="night 7")
    assert (await asked(graphql, person, idempotencyKey="night 7"))["id"] == first["id"]
    listed = "query ($slug: String!) { organization(slug: $slug) { exports { totalCount nodes { id state } } } }"
    answer = await graphql.data(listed, {"slug": person.slug}, token=person.token)
    assert answer["organization"]["exports"] == {"totalCount": 1, "nodes": [{"id": first["id"], "state": "QUEUED"}]}
