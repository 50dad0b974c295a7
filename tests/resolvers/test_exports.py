"""`startExport` from the mutation to the bytes: rows of JSON and of Parquet, who may fetch, cancelling, refusals."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from datetime import timedelta
from typing import Any

import polars as pl

from app.context import Runtime
from app.costs.exports.files import ExportTools
from app.exporting.run import BulkTools, run_export
from app.exporting.start import RUN_EXPORT_JOB
from app.repositories.jobs import JOBS
from app.resolvers.export_graph import ExportGraph
from tests.clients import GraphQL, Person, register
from tests.workers.probes import job_row, make_runner

START = """
mutation ($input: StartExportInput!) {
  startExport(input: $input) {
    __typename
    ... on StartExportPayload { export { id state rows progress url fileName query variables createdBy { name } } }
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
  node(id: $id) { ... on Export { id state rows bytes progress sha256 url error fileName } }
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
    handlers = {RUN_EXPORT_JOB: lambda job: run_export(job, tools)}
    runner = make_runner(runtime.database, str(runtime.settings.redis_url), handlers)
    async with runtime.database.system() as session:
        ids = (await session.execute(JOBS.select().where(JOBS.c.kind == RUN_EXPORT_JOB))).mappings().all()
    for job in ids:
        await runner.run(job["id"])
        assert (await job_row(runtime.database, job["id"]))["state"] == "SUCCEEDED"


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
