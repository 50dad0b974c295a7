"""Cost Explorer as rows of FOCUS: exact amounts, pages, months, and what goes wrong."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Item:
    """What one account has of a service and a record type on a day."""

    date: str
    end: str
    service: str
    account: str
    record_type: str
    billed: str
    effective: str | None
    estimated: bool = False

    def value(self, dimension: str) -> str:
        return {"SERVICE": self.service, "LINKED_ACCOUNT": self.account, "RECORD_TYPE": self.record_type}[dimension]


FIRST, SECOND = ("2026-11-01", "2026-11-02"), ("2026-11-02", "2026-11-03")
S3, LAMBDA = "Amazon Simple Storage Service", "AWS Lambda"
ITEMS = (
    Item(*FIRST, S3, "111111111111", "Usage", "0.0000300172", "0.0000300172"),
    Item(*FIRST, "Tax", "111111111111", "Tax", "12.10", "12.10"),
    Item(*SECOND, LAMBDA, "222222222222", "Usage", "-1.5", None, estimated=True),
)
EVERYTHING = (
    *ITEMS,
    *(
        Item(*SECOND, S3, "111111111111", record_type, f"{number}.0000000{number}", f"{number}.5")
        for number, record_type in enumerate(
            (
                "DiscountedUsage",
                "SavingsPlanCoveredUsage",
                "SavingsPlanNegation",
                "RIFee",
                "Fee",
                "Savings Plan Recurring Fee",
                "SavingsPlanUpfrontFee",
                "Credit",
                "Refund",
                "BundledDiscount",
                "EdpDiscount",
                "Something of next year",
            ),
            start=1,
        )
    ),
)
NAMES = [{"Value": "111111111111", "Attributes": {"description": "Production"}}]


def asked(question: dict[str, Any], items: Iterable[Item]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """The days or months of the answer, with their groups."""
    chosen = question.get("Filter", {}).get("Dimensions", {"Key": "RECORD_TYPE", "Values": None})
    assert chosen["Key"] == "RECORD_TYPE"
    monthly = question["Granularity"] == "MONTHLY"
    found: dict[tuple[str, str], dict[tuple[str, ...], list[Item]]] = {}
    for item in items:
        if chosen["Values"] is None or item.record_type in chosen["Values"]:
            period = tuple(question["TimePeriod"].values()) if monthly else (item.date, item.end)
            keys = tuple(item.value(each["Key"]) for each in question.get("GroupBy", ()))
            found.setdefault(period, {}).setdefault(keys, []).append(item)
    for (start, end), groups in found.items():
        yield (
            (start, end),
            {
                "TimePeriod": {"Start": start, "End": end},
                "Groups": [{"Keys": [*keys], "Metrics": metrics(group)} for keys, group in groups.items()],
                "Estimated": any(item.estimated for group in groups.values() for item in group),
            },
        )


def metrics(items: Sequence[Item]) -> dict[str, dict[str, str]]:
    told = {"UnblendedCost": str(sum(Decimal(item.billed) for item in items))}
    effective = [Decimal(item.effective) for item in items if item.effective is not None]
    if effective:
        told["AmortizedCost"] = str(sum(effective))
    return {name: {"Amount": amount, "Unit": "USD"} for name, amount in told.items()}


class Explorer:
    """The far side: answers what is asked about its items, a day a page, and keeps the questions."""

    def __init__(self, items: Sequence[Item] = ITEMS) -> None:
        self.questions: list[dict[str, Any]] = []
        self.items = items
        self.repeats = False

    def __call__(self, name: str, body: str) -> Told | None:
        assert name == "GetCostAndUsage"
        question = json.loads(body)
        assert len(question["GroupBy"]) <= 2, "Cost Explorer groups by no more"
        self.questions.append(question)
        pages = [part for _, part in asked(question, self.items)]
        place = int(question.get("NextPageToken", 0))
        answer: dict[str, Any] = {"ResultsByTime": pages[place : place + 1], "DimensionValueAttributes": NAMES}
        if place + 1 < len(pages) or (self.repeats and place):
            answer["NextPageToken"] = str(place if self.repeats and place else place + 1)
        return Told(json.dumps(answer), headers=JSON)


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


def fetched(explorer: Explorer, folder: Path, **settings: Any) -> list[dict[str, str]]:
    """The rows of the current month."""
    with in_front("http://127.0.0.1:1", explorer) as front:
        source = made(front.url, **settings)
        (path,) = source.fetch(next(source.deliveries(NOW.replace(day=1, hour=0))), folder, never)
        source.close()
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_month_becomes_rows_of_focus_with_exact_amounts(tmp_path: Path) -> None:
    explorer = Explorer()
    found = fetched(explorer, tmp_path)
    found.sort(key=lambda row: (row["ChargePeriodStart"], row["ServiceName"]))
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
    types, *questions = explorer.questions
    assert [each["Key"] for each in types["GroupBy"]] == ["RECORD_TYPE"]
    assert {each["TimePeriod"]["Start"] + each["TimePeriod"]["End"] for each in explorer.questions} == {
        "2026-11-012026-11-23"
    }
    assert {(each["Granularity"], *each["Metrics"]) for each in questions} == {
        ("DAILY", "UnblendedCost", "AmortizedCost")
    }
    assert {tuple(group["Key"] for group in each["GroupBy"]) for each in questions} == {("SERVICE", "LINKED_ACCOUNT")}
    assert [(each["Filter"]["Dimensions"]["Values"], each.get("NextPageToken")) for each in questions] == [
        (["Tax"], None),
        (["Usage"], None),
        (["Usage"], "1"),
    ]


def test_record_types_are_categories_of_focus_and_sums_are_those_of_the_whole(tmp_path: Path) -> None:
    explorer = Explorer(EVERYTHING)
    found = fetched(explorer, tmp_path)
    (whole,) = [
        part for _, part in asked({"Granularity": "MONTHLY", "TimePeriod": {"Start": "", "End": ""}}, EVERYTHING)
    ]
    (total,) = whole["Groups"]
    for column, metric in (("BilledCost", "UnblendedCost"), ("EffectiveCost", "AmortizedCost")):
        told = sum(Decimal(row[column]) for row in found if row[column])
        assert told == Decimal(total["Metrics"][metric]["Amount"]), column
    billed: dict[str, Decimal] = {}
    for row in found:
        billed[row["ChargeCategory"]] = billed.get(row["ChargeCategory"], Decimal(0)) + Decimal(row["BilledCost"])
    assert billed == {
        "Usage": Decimal("0.0000300172") + Decimal("-1.5") + Decimal("6.00000006"),
        "Purchase": Decimal("22.00000022"),
        "Tax": Decimal("12.10"),
        "Credit": Decimal("8.00000008"),
        "Adjustment": Decimal("30.000000111"),
        "": Decimal("12.000000012"),
    }
    first_pages = [each for each in explorer.questions if "NextPageToken" not in each]
    assert len(first_pages) == 7, "0.07 USD, however many accounts there are"


def test_a_month_without_charges_is_one_question(tmp_path: Path) -> None:
    explorer = Explorer(())
    assert fetched(explorer, tmp_path) == []
    assert len(explorer.questions) == 1


def test_net_costs_are_asked_for_where_they_are_wanted(tmp_path: Path) -> None:
    explorer = Explorer()
    found = fetched(explorer, tmp_path, netCosts=True)
    assert explorer.questions[-1]["Metrics"] == ["UnblendedCost", "NetAmortizedCost"]
    assert {row["EffectiveCost"] for row in found} == {""}, "what is not told is not guessed"


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
    explorer.repeats = True
    with in_front("http://127.0.0.1:1", explorer) as front:
        source = made(front.url)
        with pytest.raises(ProviderError, match="the same page twice"):
            source.fetch(next(source.deliveries(NOW.replace(day=1, hour=0))), tmp_path, never)
        source.close()
    assert len(explorer.questions) == 4, "which record types, taxes, usage, usage again"


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
