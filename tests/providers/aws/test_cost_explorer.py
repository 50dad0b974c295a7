"""Cost Explorer as rows of FOCUS: exact amounts, pages, months, and what goes wrong."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.providers.aws.cost_explorer import COLUMNS, CostExplorer
from app.providers.aws.session import AwsConnection
from app.providers.cost_exports import StoppedError
from app.providers.problems import ProblemCode, ProviderError
from tests.providers.aws.in_front import Told, in_front, refused_as_json
from tests.providers.moto import ACCOUNT, aws_target

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
JSON = {"Content-Type": "application/x-amz-json-1.1"}


def day(date: str, end: str, *groups: dict[str, Any], estimated: bool = False) -> dict[str, Any]:
    return {"TimePeriod": {"Start": date, "End": end}, "Total": {}, "Groups": list(groups), "Estimated": estimated}


def group(service: str, account: str, billed: str, effective: str | None, unit: str = "USD") -> dict[str, Any]:
    metrics = {"UnblendedCost": {"Amount": billed, "Unit": unit}}
    if effective is not None:
        metrics["AmortizedCost"] = {"Amount": effective, "Unit": unit}
    return {"Keys": [service, account], "Metrics": metrics}


NAMES = [{"Value": "111111111111", "Attributes": {"description": "Production"}}]
PAGES: dict[str | None, dict[str, Any]] = {
    None: {
        "ResultsByTime": [
            day(
                "2026-11-01",
                "2026-11-02",
                group("Amazon Simple Storage Service", "111111111111", "0.0000300172", "0.0000300172"),
                group("Tax", "111111111111", "12.10", "12.10"),
            )
        ],
        "DimensionValueAttributes": NAMES,
        "NextPageToken": "second",
    },
    "second": {
        "ResultsByTime": [
            day("2026-11-02", "2026-11-03", group("AWS Lambda", "222222222222", "-1.5", None), estimated=True)
        ],
        "DimensionValueAttributes": [],
    },
}


class Explorer:
    """The far side: answers by page, and keeps the questions."""

    def __init__(self) -> None:
        self.questions: list[dict[str, Any]] = []
        self.pages = PAGES

    def __call__(self, name: str, body: str) -> Told | None:
        assert name == "GetCostAndUsage"
        question = json.loads(body)
        self.questions.append(question)
        return Told(json.dumps(self.pages[question.get("NextPageToken")]), headers=JSON)


def made(url: str, **settings: Any) -> CostExplorer:
    return CostExplorer(AwsConnection(aws_target(url), attempts=2), settings, lambda: NOW)


def never() -> bool:
    return False


def test_months_are_deliveries_and_the_last_ones_are_provisional() -> None:
    source = made("http://127.0.0.1:1")
    found = list(source.deliveries(datetime(2026, 9, 1, tzinfo=UTC)))
    assert [(each.key, each.parts[0].checksum) for each in found] == [
        ("2026-11", "as of 2026-11-22"),
        ("2026-10", "final"),
        ("2026-09", "final"),
    ]
    assert all(each.complete and each.replaces and each.columns == COLUMNS for each in found)
    assert len(list(source.deliveries(datetime(2020, 1, 1, tzinfo=UTC)))) == 14, "Cost Explorer knows no more"
    source.close()


def test_a_month_becomes_rows_of_focus_with_exact_amounts(tmp_path: Path) -> None:
    explorer = Explorer()
    with in_front("http://127.0.0.1:1", explorer) as front:
        source = made(front.url)
        delivery = next(source.deliveries(NOW.replace(day=1, hour=0)))
        (path,) = source.fetch(delivery, tmp_path, never)
        source.close()
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [
        (row["ServiceName"], row["SubAccountId"], row["SubAccountName"], row["ChargeCategory"]) for row in found
    ] == [
        ("Amazon Simple Storage Service", "111111111111", "Production", "Usage"),
        ("Tax", "111111111111", "Production", "Tax"),
        ("AWS Lambda", "222222222222", "", "Usage"),
    ]
    assert [row["BilledCost"] for row in found] == ["0.0000300172", "12.10", "-1.5"]
    assert sum(Decimal(row["BilledCost"]) for row in found) == Decimal("10.6000300172")
    assert [row["EffectiveCost"] for row in found] == ["0.0000300172", "12.10", ""], "unknown is empty, not 0"
    assert [row["x_Estimated"] for row in found] == ["false", "false", "true"]
    assert {(row["BillingPeriodStart"], row["BillingPeriodEnd"]) for row in found} == {
        ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
    }
    assert (found[2]["ChargePeriodStart"], found[2]["ChargePeriodEnd"]) == (
        "2026-11-02T00:00:00Z",
        "2026-11-03T00:00:00Z",
    )
    assert {(row["BillingAccountId"], row["BillingCurrency"], row["ProviderName"]) for row in found} == {
        (ACCOUNT, "USD", "AWS")
    }
    assert "ListCost" not in found[0]
    assert "ResourceId" not in found[0]
    first, second = explorer.questions
    assert first["TimePeriod"] == {"Start": "2026-11-01", "End": "2026-11-23"}
    assert (first["Granularity"], first["Metrics"]) == ("DAILY", ["UnblendedCost", "AmortizedCost"])
    assert [each["Key"] for each in first["GroupBy"]] == ["SERVICE", "LINKED_ACCOUNT"]
    assert second["NextPageToken"] == "second"


def test_net_costs_are_asked_for_where_they_are_wanted(tmp_path: Path) -> None:
    explorer = Explorer()
    with in_front("http://127.0.0.1:1", explorer) as front:
        source = made(front.url, netCosts=True)
        (path,) = source.fetch(next(source.deliveries(NOW.replace(day=1, hour=0))), tmp_path, never)
        source.close()
    assert explorer.questions[0]["Metrics"] == ["UnblendedCost", "NetAmortizedCost"]
    with path.open(newline="") as file:
        assert {row["EffectiveCost"] for row in csv.DictReader(file)} == {""}, "what is not told is not guessed"


def test_a_finished_month_ends_with_its_last_day(tmp_path: Path) -> None:
    explorer = Explorer()
    with in_front("http://127.0.0.1:1", explorer) as front:
        source = made(front.url)
        october = list(source.deliveries(datetime(2026, 10, 1, tzinfo=UTC)))[1]
        source.fetch(october, tmp_path, never)
        source.close()
    assert explorer.questions[0]["TimePeriod"] == {"Start": "2026-10-01", "End": "2026-11-01"}


def test_a_page_that_names_itself_as_the_next_is_told(tmp_path: Path) -> None:
    explorer = Explorer()
    explorer.pages = PAGES | {"second": PAGES["second"] | {"NextPageToken": "second"}}
    with in_front("http://127.0.0.1:1", explorer) as front:
        source = made(front.url)
        with pytest.raises(ProviderError, match="the same page twice"):
            source.fetch(next(source.deliveries(NOW.replace(day=1, hour=0))), tmp_path, never)
        source.close()
    assert len(explorer.questions) == 2


def test_fetching_stops_when_it_is_told_to(tmp_path: Path) -> None:
    source = made("http://127.0.0.1:1")
    with pytest.raises(StoppedError):
        source.fetch(next(source.deliveries(NOW.replace(day=1, hour=0))), tmp_path, lambda: True)
    source.close()


@pytest.mark.parametrize(
    ("error", "status", "code", "remedy"),
    [
        ("AccessDeniedException", 400, ProblemCode.DENIED, "skyledger permissions aws"),
        ("ExpiredTokenException", 400, ProblemCode.CREDENTIALS, "updateAccount"),
        ("LimitExceededException", 400, ProblemCode.THROTTLED, "run less often"),
        ("DataUnavailableException", 400, ProblemCode.NOT_ENABLED, "Enable Cost Explorer"),
        ("InternalFailure", 500, ProblemCode.FAILED, "Run the source again"),
    ],
)
def test_what_cost_explorer_refuses_is_told_with_a_remedy(
    tmp_path: Path, error: str, status: int, code: ProblemCode, remedy: str
) -> None:
    with in_front("http://127.0.0.1:1", lambda *_: refused_as_json(error, status)) as front:
        source = made(front.url)
        with pytest.raises(ProviderError) as told:
            source.fetch(next(source.deliveries(NOW.replace(day=1, hour=0))), tmp_path, never)
        source.close()
    assert told.value.code is code
    assert remedy in told.value.remedy
    assert "scan" not in told.value.remedy.lower()
    if code is ProblemCode.DENIED:
        assert told.value.permission == "ce:GetCostAndUsage"


@pytest.mark.parametrize("answer", ['{"ResultsByTime": [{}]}', '{"ResultsByTime": ['])
def test_an_answer_that_cannot_be_understood_is_told(tmp_path: Path, answer: str) -> None:
    with in_front("http://127.0.0.1:1", lambda *_: Told(answer, headers=JSON)) as front:
        source = made(front.url)
        with pytest.raises(ProviderError) as told:
            source.fetch(next(source.deliveries(NOW.replace(day=1, hour=0))), tmp_path, never)
        source.close()
    assert told.value.code is ProblemCode.BAD_ANSWER
    assert not list(tmp_path.glob("*.csv"))
