"""Unit costs: of the days alone on which both the cost and the quantity are known, with what they leave out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.costs.analysis.coverage import union
from app.costs.money_series import MoneySeries
from app.costs.unit_costs import UnitCost, unit_costs
from app.records.cost_analysis import AccountDays, CostCoverage, DateRange
from app.repositories.cost_series import DayCost

OCTOBER = DateRange(date(2026, 10, 1), date(2026, 11, 1))


def day(number: int) -> date:
    """A day of October."""
    return OCTOBER.start + timedelta(number - 1)


def imported(first: int, last: int, **others: tuple[int, int]) -> CostCoverage:
    """These days of October of the account a, and those of other billing accounts."""
    accounts = {
        name: DateRange(day(begin), day(end + 1)) for name, (begin, end) in {"a": (first, last), **others}.items()
    }
    return CostCoverage(
        covered=union(list(accounts.values())),
        accounts=tuple(AccountDays("bills", name, (days,)) for name, days in accounts.items()),
    )


def costs(last: int, amount: str | None, currency: str = "USD", *, first: int = 1) -> list[DayCost]:
    """The same cost on each of these days; None where no charge has the metric."""
    value = None if amount is None else Decimal(amount)
    return [DayCost(day(number), currency, value, incomplete=value is None) for number in range(first, last + 1)]


def october(of_days: list[DayCost], quantities: Mapping[int, str], delivery: CostCoverage | None = None) -> UnitCost:
    """The unit cost of October."""
    money = MoneySeries.of(of_days, "USD", lambda *_: None)
    counted = {day(number): Decimal(quantity) for number, quantity in quantities.items()}
    (found,) = unit_costs([OCTOBER], money, counted, delivery or imported(1, 31))
    return found


def test_costs_of_a_month_are_not_divided_by_the_quantities_of_ten_days() -> None:
    found = october(costs(31, "100"), dict.fromkeys(range(1, 11), "50"))
    assert (found.cost, found.quantity, found.quantity_days) == (Decimal(3100), Decimal(500), 10)
    assert (found.matched_days, found.matched_cost, found.matched_quantity) == (10, Decimal(1000), Decimal(500))
    assert found.unit_cost == Decimal(2)
    assert found.reason == (
        "Both the cost and the quantity are known on 10 of 31 days; the unit cost is that of these days."
    )


def test_quantities_of_days_that_are_not_imported_are_left_out_too() -> None:
    found = october(costs(5, "100"), dict.fromkeys(range(1, 32), "50"), imported(1, 5))
    assert (found.quantity, found.matched_days, found.matched_quantity) == (Decimal(1550), 5, Decimal(250))
    assert found.unit_cost == Decimal(2)
    assert found.reason is not None
    assert "on 5 of 31 days" in found.reason


def test_all_days_known_leave_nothing_to_say() -> None:
    found = october(costs(31, "100"), dict.fromkeys(range(1, 32), "50"))
    assert (found.unit_cost, found.reason, found.matched_days) == (Decimal(2), None, 31)


def test_an_imported_day_without_charges_cost_nothing() -> None:
    found = october(costs(30, "31"), dict.fromkeys(range(1, 32), "1"))
    assert (found.unit_cost, found.reason) == (Decimal(30), None)


def test_money_that_cannot_be_converted_is_named() -> None:
    quantities = dict.fromkeys(range(1, 32), "50")
    found = october([*costs(31, "100"), *costs(2, "7.5", "EUR")], quantities)
    assert (found.unit_cost, found.unconverted) == (Decimal(2), {"EUR": Decimal(15)})
    assert found.reason == "15.0 EUR cannot be converted into USD and are not in the cost."
    # A day that cost nothing but euros is no day whose cost is known.
    found = october([*costs(30, "100"), *costs(31, "7.5", "EUR", first=31)], quantities)
    assert (found.matched_days, found.unit_cost) == (30, Decimal(2))
    found = october(costs(31, "7.5", "EUR"), quantities)
    assert (found.cost, found.unit_cost) == (None, None)
    assert found.reason == "No rate converts these days' charges in EUR into USD."


@pytest.mark.parametrize(
    ("of_days", "quantities", "delivery", "reason"),
    [
        (costs(5, "1"), {}, None, "No quantity is recorded for these days."),
        (costs(5, "1"), {1: "0"}, None, "The quantity is 0."),
        (costs(5, "1"), {9: "5"}, imported(1, 5), "On no day both a cost and a quantity are known."),
        (costs(5, None), {1: "5"}, None, "No charge of these days has the metric."),
        (
            [*costs(5, "1"), *costs(6, None, first=6)],
            {6: "5"},
            None,
            "On no day both a cost and a quantity are known. Some charges lack the metric and are not in the cost.",
        ),
    ],
)
def test_why_it_is_unknown(
    of_days: list[DayCost], quantities: dict[int, str], delivery: CostCoverage | None, reason: str
) -> None:
    found = october(of_days, quantities, delivery)
    assert (found.unit_cost, found.change, found.reason) == (None, None, reason)


def test_nothing_imported_is_no_cost() -> None:
    nothing = MoneySeries.of([], "USD", lambda *_: None)
    (found,) = unit_costs([OCTOBER], nothing, {day(1): Decimal(5)}, CostCoverage())
    assert (found.cost, found.unit_cost, found.reason) == (None, None, "Nothing was imported for these days.")


def test_a_billing_account_that_is_not_there_to_the_end_is_told() -> None:
    """The quantity is that of all accounts: what one costs would look lower than it is."""
    found = october(costs(31, "100"), dict.fromkeys(range(1, 32), "50"), imported(1, 31, other=(1, 20)))
    assert (found.unit_cost, found.matched_days) == (Decimal(2), 31)
    assert str(found.reason).startswith("Of 11 of the 31 days the charges of some billing account were not imported")
