"""FOCUS in BigQuery: months, exact amounts, pages, limits, and what goes wrong."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.providers import cost_exports as room
from app.providers.cost_exports import Delivery, StoppedError
from app.providers.gcp import cost_exports
from app.providers.gcp.cost_exports import BigQueryCosts
from app.providers.problems import ProblemCode, ProviderError
from tests.providers.gcp.bigquery import COLUMNS, NAME, BigQuery, bigquery_on_loopback, row
from tests.providers.gcp.conftest import HASTY
from tests.providers.gcp.google import Google

SINCE = datetime(2026, 8, 1, tzinfo=UTC)
EXPORTED = datetime(2026, 11, 2, 3, 4, 5, 678901, tzinfo=UTC)
Make = Callable[..., BigQueryCosts]


@pytest.fixture
def far() -> Iterator[BigQuery]:
    with bigquery_on_loopback() as found:
        found.rows = [row("1.123456789", "2026-10", EXPORTED), row("-0.000000001", "2026-10", EXPORTED)]
        yield found


@pytest.fixture
def make(google: Google, far: BigQuery) -> Iterator[Make]:
    made: list[BigQueryCosts] = []

    def source(**settings: Any) -> BigQueryCosts:
        made.append(BigQueryCosts(google.target(bigquery=far.address), {"table": NAME} | settings, HASTY))
        return made[-1]

    yield source
    for each in made:
        each.close()


def never() -> bool:
    return False


def listed(source: BigQueryCosts) -> dict[str, Delivery]:
    return {each.key: each for each in source.deliveries(SINCE)}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_month_is_fetched_with_its_exact_amounts(far: BigQuery, make: Make, tmp_path: Path) -> None:
    labels = [{"Key": "team", "Value": "wéb"}, {"Key": " org", "Value": None}]
    far.rows.append(row("1234567890.5", "2026-10", EXPORTED, ResourceId='a,"b"\n', x_Labels=labels))
    far.rows.append(row("7", "2026-07", EXPORTED))
    source = make()
    (delivery,) = source.deliveries(SINCE)
    assert (delivery.key, delivery.billing_period_start) == ("2026-10", datetime(2026, 10, 1, tzinfo=UTC))
    assert (delivery.complete, delivery.replaces, delivery.updated_at) == (True, True, EXPORTED)
    assert delivery.columns == tuple(COLUMNS)
    (path,) = source.fetch(delivery, tmp_path, never)
    found = read(path)
    assert [each["BilledCost"] for each in found] == ["1.123456789", "-0.000000001", "1234567890.5"]
    assert sum(Decimal(each["BilledCost"]) for each in found) == Decimal("1234567891.623456788")
    assert {each["BillingPeriodStart"] for each in found} == {"2026-10-01T00:00:00Z"}
    assert found[2]["x_ExportTime"] == "2026-11-02T03:04:05.678901Z"
    assert [each["ResourceId"] for each in found] == ["", "", 'a,"b"\n']
    assert json.loads(found[2]["x_Labels"]) == labels
    assert json.loads(found[2]["Tags"]) == {"team": "wéb", " org": None}
    assert json.loads(found[0]["Tags"]) == {}
    dry, wet = far.questions[-2:]
    assert (dry["dryRun"], wet["dryRun"]) == (True, False)
    assert wet["values"] == {
        "since": "2026-10-01",
        "until": "2026-11-01",
        "exported": "2026-11-02 03:04:05.678901+00:00",
    }


def test_rows_come_in_pages(far: BigQuery, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_exports, "PAGE_ROWS", 4)
    far.rows = [row(str(number), "2026-10", EXPORTED) for number in range(10)]
    source = make()
    (delivery,) = source.deliveries(SINCE)
    far.pages.clear()
    (path,) = source.fetch(delivery, tmp_path, never)
    assert [each["BilledCost"] for each in read(path)] == [str(number) for number in range(10)]
    assert far.pages == [4, 4, 2]


def test_a_tag_of_the_resource_comes_before_an_inherited_one(far: BigQuery, make: Make, tmp_path: Path) -> None:
    far.columns = {name: column for name, column in far.columns.items() if name != "x_Labels"}
    fields = [{"name": "Key", "type": "STRING"}, {"name": "Value", "type": "STRING"}]
    fields.append({"name": "x_Inherited", "type": "BOOLEAN"})
    far.columns["x_Tags"] = {"type": "RECORD", "mode": "REPEATED", "fields": fields}
    tags = [("env", "prod", False), ("env", "of the organization", True), ("owner", "ada", True)]
    sent = [{"Key": key, "Value": value, "x_Inherited": inherited} for key, value, inherited in tags]
    far.rows = [row("1", "2026-10", EXPORTED, x_Tags=sent)]
    source = make()
    (delivery,) = source.deliveries(SINCE)
    (path,) = source.fetch(delivery, tmp_path, never)
    assert json.loads(read(path)[0]["Tags"]) == {"env": "prod", "owner": "ada"}


def test_a_disk_that_fills_up_ends_the_fetching(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make()
    (delivery,) = source.deliveries(SINCE)
    monkeypatch.setattr(room, "SPARE_BYTES", 2**70)
    with pytest.raises(ProviderError, match="too little room on its disk") as told:
        source.fetch(delivery, tmp_path, never)
    assert not told.value.retry
    assert not list(tmp_path.glob("*.csv"))


def test_the_same_delivery_again_is_told_by_its_checksum(far: BigQuery, make: Make, tmp_path: Path) -> None:
    source = make()
    before = listed(source)["2026-10"]
    assert listed(source)["2026-10"].checksum == before.checksum
    late = row("5", "2026-10", EXPORTED + timedelta(hours=1))
    far.rows.append(late)
    assert listed(source)["2026-10"].checksum != before.checksum, "a restated month"
    (path,) = source.fetch(before, tmp_path, never)
    assert [each["BilledCost"] for each in read(path)] == ["1.123456789", "-0.000000001"], "as it was told"


def test_a_view_without_export_time_is_told_by_its_rows_and_sum(far: BigQuery, make: Make, tmp_path: Path) -> None:
    del far.columns["x_ExportTime"]
    source = make()
    before = listed(source)["2026-10"]
    assert before.updated_at == before.billing_period_start
    (path,) = source.fetch(before, tmp_path, never)
    assert len(read(path)) == 2
    far.rows[0]["BilledCost"] = "1.123456790"
    assert listed(source)["2026-10"].checksum != before.checksum


def test_a_query_that_would_read_too_much_is_not_made(far: BigQuery, make: Make) -> None:
    far.bytes_processed = 3 * 10**9
    with pytest.raises(ProviderError, match=r"would read 3\.0 GB; the source may read 2\.0 GB") as told:
        list(make(mostBytes=2 * 10**9).deliveries(SINCE))
    assert (told.value.code, told.value.retry) == (ProblemCode.FAILED, False)
    assert "mostGigabytes" in told.value.remedy
    assert [question["dryRun"] for question in far.questions] == [True]
    assert len(listed(make())) == 1
    assert far.questions[-1]["maximumBytesBilled"] == str(200 * 10**9)


def test_queries_are_paid_for_by_the_project_that_is_named(far: BigQuery, make: Make) -> None:
    listed(make())
    assert "POST /bigquery/v2/projects/acme-prod/jobs" in far.requests
    far.requests.clear()
    listed(make(jobProject="acme-finops"))
    assert {path for path in far.requests if path.startswith("POST")} == {"POST /bigquery/v2/projects/acme-finops/jobs"}


def test_fetching_stops_when_it_is_told_to(make: Make, tmp_path: Path) -> None:
    source = make()
    (delivery,) = source.deliveries(SINCE)
    with pytest.raises(StoppedError):
        source.fetch(delivery, tmp_path, lambda: True)
    assert not list(tmp_path.glob("*.csv"))


def test_a_table_that_is_none_of_focus_is_told(far: BigQuery, make: Make) -> None:
    far.columns = {"cost": {"type": "FLOAT64"}, "BilledCost": {"type": "NUMERIC"}}
    with pytest.raises(ProviderError, match="is no table of FOCUS: it has no column billingperiodstart"):
        listed(make())


@pytest.mark.parametrize("table", ["focus", "a`; DROP", "acme.billing.focus` UNION ALL SELECT * FROM `x", "a.b.c"])
def test_names_that_are_none_never_reach_a_query(google: Google, far: BigQuery, table: str) -> None:
    with pytest.raises(ProviderError, match="no name of a table"):
        BigQueryCosts(google.target(bigquery=far.address), {"table": table}, HASTY)
    assert far.requests == []


@pytest.mark.parametrize(
    ("about", "status", "reason", "code", "message", "remedy"),
    [
        ("/tables/", 404, "notFound", ProblemCode.FAILED, f"no table or view {NAME}", "updateCostSource"),
        ("/tables/", 403, "accessDenied", ProblemCode.DENIED, f"Reading {NAME} is not allowed", "Data Viewer"),
        ("POST", 403, "accessDenied", ProblemCode.DENIED, f"Reading {NAME} is not allowed", "BigQuery Job User"),
        ("POST", 403, "quotaExceeded", ProblemCode.THROTTLED, "quota for queries is used up", "next run"),
        ("POST", 403, "rateLimitExceeded", ProblemCode.THROTTLED, "quota for queries is used up", "next run"),
        ("POST", 400, "bytesBilledLimitExceeded", ProblemCode.FAILED, "would read more", "mostGigabytes"),
        ("POST", 400, "invalidQuery", ProblemCode.FAILED, f"accept the query of {NAME}", "must not require a filter"),
        ("/tables/", 401, "authError", ProblemCode.CREDENTIALS, "did not accept the access token", "new credentials"),
        ("/tables/", 500, "backendError", ProblemCode.FAILED, "error of its own", "Run the source again"),
    ],
)
def test_what_google_refuses_is_told_with_a_remedy(
    far: BigQuery,
    make: Make,
    about: str,
    status: int,
    reason: str,
    code: ProblemCode,
    message: str,
    remedy: str,
) -> None:
    far.refusals[about] = (status, reason, "text with s3cret of the far side: bigquery.jobs.create is missing")
    with pytest.raises(ProviderError) as told:
        listed(make())
    assert told.value.code is code
    assert message in told.value.message
    assert remedy in told.value.remedy
    assert "scan" not in told.value.remedy.lower()
    assert "s3cret" not in told.value.message + told.value.remedy
    if code is ProblemCode.DENIED:
        assert told.value.permission == "bigquery.jobs.create"


def test_a_key_that_was_deleted_is_told(google: Google, make: Make) -> None:
    google.token_answers = [(400, '{"error": "invalid_grant"}')]
    with pytest.raises(ProviderError, match="refused the credentials") as told:
        listed(make())
    assert told.value.code is ProblemCode.CREDENTIALS


def test_a_page_that_is_cut_off_leaves_no_file(far: BigQuery, make: Make, tmp_path: Path) -> None:
    source = make()
    (delivery,) = source.deliveries(SINCE)
    far.broken = "/queries/"
    with pytest.raises(ProviderError) as told:
        source.fetch(delivery, tmp_path, never)
    assert told.value.code in {ProblemCode.UNREACHABLE, ProblemCode.BAD_ANSWER}
    assert not list(tmp_path.glob("*.csv"))
