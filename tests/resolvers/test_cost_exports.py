"""`exportCosts` from the mutation to the bytes: who may ask, who may fetch, whole and in ranges."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import timedelta
from typing import Any

import pytest

from app.context import Runtime
from app.costs.exports.files import ExportTools
from app.costs.exports.run import run_export
from app.costs.exports.start import RUN_EXPORT_JOB
from app.schema.node import global_id, parse_id
from tests.clients import GraphQL, Person, register
from tests.costs.deliveries import COSTS, deliver, rows_of, sum_of
from tests.resolvers.company import company, create_key
from tests.workers.probes import run_every

EXPORT = """
mutation ($input: ExportCostsInput!) {
  exportCosts(input: $input) {
    __typename
    ... on ExportCostsPayload { export { id state rows bytes sha256 url fileName createdBy { name } } }
    ... on UserError { code message path }
  }
}
"""
FOUND = """
query ($id: ID!) {
  node(id: $id) { ... on CostExport {
    id state rows bytes sha256 url fileName omittedColumns message focusVersion format
  } }
}
"""
LISTED = """
query ($slug: String!, $first: Int) {
  organization(slug: $slug) { costExports(first: $first) { totalCount nodes { id state createdBy { name } } } }
}
"""
OCTOBER = {"start": "2026-10-01", "end": "2026-11-01"}


async def asked(graphql: GraphQL, person: Person, **more: Any) -> dict[str, Any]:
    variables = {"input": {"organizationId": person.organization_id, "period": OCTOBER, **more}}
    answer = (await graphql.data(EXPORT, variables, token=person.token))["exportCosts"]
    assert answer["__typename"] == "ExportCostsPayload", answer
    export: dict[str, Any] = answer["export"]
    return export


async def work(runtime: Runtime) -> None:
    """Run every export that waits."""
    tools = ExportTools(runtime.exports, timedelta(days=runtime.settings.export_retention_days))
    redis_url = str(runtime.settings.redis_url)
    await run_every(runtime.database, redis_url, RUN_EXPORT_JOB, lambda job: run_export(job, tools))


async def test_a_file_is_asked_for_made_and_fetched(graphql: GraphQL, runtime: Runtime) -> None:
    person = await register(graphql)
    await deliver(runtime.database, parse_id(person.organization_id).id, COSTS)
    where = {"serviceCategory": {"eq": "Databases"}}
    export = await asked(graphql, person, focusVersion="V1_2", format="CSV", where=where)
    assert (export["state"], export["url"], export["createdBy"]) == ("QUEUED", None, {"name": "Ada"})
    assert export["fileName"] == "focus-1.2-20261001-20261101.csv"
    token = {"authorization": f"Bearer {person.token}"}
    early = await graphql.client.get(f"/exports/{export['id']}", headers=token)
    assert (early.status_code, early.json()["errors"][0]["extensions"]["code"]) == (409, "CONFLICT")

    await work(runtime)
    export = (await graphql.data(FOUND, {"id": export["id"]}, token=person.token))["node"]
    expected = [
        row
        for row in rows_of(COSTS)
        if row["ServiceCategory"] == "Databases" and row["ChargePeriodStart"].startswith("2026-10")
    ]
    assert (export["state"], export["rows"], export["omittedColumns"]) == ("SUCCEEDED", len(expected), [])
    response = await graphql.client.get(export["url"], headers=token)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == f'attachment; filename="{export["fileName"]}"'
    assert response.headers["etag"] == f'"{export["sha256"]}"'
    assert response.headers["cache-control"] == "private, no-store"
    assert len(response.content) == export["bytes"]
    assert hashlib.sha256(response.content).hexdigest() == export["sha256"]
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert (len(rows), sum_of(rows, "BilledCost")) == (len(expected), sum_of(expected, "BilledCost"))

    head = await graphql.client.head(export["url"], headers=token)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(export["bytes"]), b"")
    part = await graphql.client.get(export["url"], headers={**token, "range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, response.content[10:20])
    listed = await graphql.data(LISTED, {"slug": person.slug}, token=person.token)
    assert listed["organization"]["costExports"]["nodes"] == [
        {"id": export["id"], "state": "SUCCEEDED", "createdBy": {"name": "Ada"}}
    ]


async def test_who_may_fetch(graphql: GraphQL, runtime: Runtime) -> None:
    made = await company(graphql)
    variables = {"input": {"organizationId": made.organization_id, "period": OCTOBER}}
    answer = await graphql.data(EXPORT, variables, token=made.token("MEMBER"))
    await work(runtime)
    url = f"/exports/{answer['exportCosts']['export']['id']}"
    _, reader = await create_key(graphql, made, "ORGANIZATION_READ")
    _, feeder = await create_key(graphql, made, "COSTS_INGEST")
    for headers, status in (
        ({}, 401),
        ({"authorization": "Bearer nonsense"}, 401),
        ({"authorization": f"Bearer {made.stranger.token}"}, 404),
        ({"x-api-key": feeder}, 403),
        ({"x-api-key": reader}, 200),
        ({"authorization": f"Bearer {made.token('VIEWER')}"}, 200),
    ):
        response = await graphql.client.get(url, headers=headers)
        assert response.status_code == status, headers
    token = {"authorization": f"Bearer {made.token('VIEWER')}"}
    own = parse_id(made.organization_id).id
    absent = (global_id("CostExport", own, own), made.organization_id, "nonsense", "x" * 201)
    for id_ in absent:
        response = await graphql.client.get(f"/exports/{id_}", headers=token)
        assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")
    assert (await graphql.client.post(url, headers=token)).status_code == 405
    assert (await graphql.client.options(url)).headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_file_that_is_gone_is_told_of(graphql: GraphQL, runtime: Runtime) -> None:
    person = await register(graphql)
    export = await asked(graphql, person)
    await work(runtime)
    key = parse_id(export["id"])
    folder = runtime.settings.data_dir / "uploads" / "exports"
    (folder / str(key.organization_id) / str(key.id)).unlink()
    response = await graphql.client.get(f"/exports/{export['id']}", headers={"authorization": f"Bearer {person.token}"})
    assert response.status_code == 409
    assert "ask for the export again" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"period": {"start": "2026-10-01", "end": "2026-10-01"}}, ["input", "period"]),
        ({"dataset": " "}, ["input", "dataset"]),
        ({"where": {"serviceName": {"in": ["x"] * 201}}}, ["input", "where", "serviceName", "in"]),
    ],
)
async def test_what_cannot_be_is_refused(graphql: GraphQL, more: dict[str, Any], path: list[str]) -> None:
    person = await register(graphql)
    variables = {"input": {"organizationId": person.organization_id, "period": OCTOBER, **more}}
    answer = (await graphql.data(EXPORT, variables, token=person.token))["exportCosts"]
    assert (answer["__typename"], answer["path"]) == ("InvalidInput", path)
