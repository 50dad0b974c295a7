"""What changed: only where enough is known of both sides."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from app.costs.analysis.change import NOT_IMPORTED, Change, change_of, why_incomparable
from app.records.cost_analysis import CostAmount, CostMeasure, CostQuestion, DateRange

OCTOBER, SEPTEMBER = (DateRange(date(2026, month, 1), date(2026, month + 1, 1)) for month in (10, 9))
QUESTION = CostQuestion(OCTOBER, "USD", previous=SEPTEMBER)
HOURS = CostQuestion(OCTOBER, "USD", measures=(CostMeasure.CONSUMED_QUANTITY,), previous=SEPTEMBER)


def amount(sum_: str | None, charges: int = 1, *, units: tuple[str, ...] | None = None, **apart: str) -> CostAmount:
    money = tuple((currency, (Decimal(found),)) for currency, found in apart.items())
    return CostAmount((None if sum_ is None else Decimal(sum_),), charges, money, () if units is None else (units,))


def test_both_known() -> None:
    assert change_of(amount("12"), amount("-8"), QUESTION) == Change(Decimal(-8), Decimal(20), Decimal("2.5"), None)
    assert change_of(amount("12"), amount("0", 0), QUESTION) == Change(Decimal(0), Decimal(12), None, None)
    assert change_of(amount("12"), None, CostQuestion(OCTOBER, "USD")) is None


def test_unconverted_money_on_either_side() -> None:
    for now, before, told in (
        (amount("1", EUR="2", JPY="3"), amount("1"), "EUR and JPY of the period"),
        (amount("1"), amount("1", EUR="2"), "EUR of the compared period"),
        (amount("1", EUR="2"), amount(None, JPY="2"), "EUR of the period, JPY of the compared period"),
    ):
        found = change_of(now, before, QUESTION)
        assert found is not None
        assert (found.amount, found.ratio) == (None, None)
        assert found.reason == f"No currency rate converts {told}; `setCurrencyRates` sets one."
    nothing = change_of(amount("3", EUR="0"), amount("1"), QUESTION)
    assert nothing is not None
    assert nothing.amount == 2


def test_what_is_unknown_has_its_reason() -> None:
    for now, before, question, told in (
        (None, amount("1"), QUESTION, "Nothing was imported for any day of the period."),
        (amount("1"), None, QUESTION, "Nothing was imported for any day of the compared period."),
        (amount("1"), amount(None), QUESTION, "Of the compared period: None of the charges has this amount."),
        (amount("1", units=("Hours",)), amount("1", units=("GB",)), HOURS, "of the two periods are in unlike units"),
    ):
        found = change_of(now, before, question)
        assert found is not None
        assert found.amount is None
        assert told in (found.reason or "")
    same = change_of(amount("3", units=("Hours",)), amount("0", 0, units=()), HOURS)
    assert same is not None
    assert same.amount == 3


def test_days_that_nobody_imported_say_nothing_of_a_change() -> None:
    def told(*known: tuple[int, int, int, int]) -> str | None:
        covered = [DateRange(date(2026, *known_[:2]), date(2026, *known_[2:])) for known_ in known]
        return why_incomparable(QUESTION, covered)

    assert told((9, 1, 11, 1)) is None
    assert told((9, 1, 10, 29)) is None, "the last three days are still arriving"
    assert told((9, 1, 10, 28)) == NOT_IMPORTED.format(4, 31, "")
    assert told((9, 1, 10, 9), (10, 10, 11, 1)) == NOT_IMPORTED.format(1, 31, ""), "a gap is no end"
    assert told((9, 2, 11, 1)) == NOT_IMPORTED.format(1, 30, "compared ")
    assert told((10, 1, 11, 1)) == NOT_IMPORTED.format(30, 30, "compared ")
    today = CostQuestion(DateRange(date(2026, 10, 2), date(2026, 10, 3)), "USD", previous=SEPTEMBER)
    assert why_incomparable(today, [SEPTEMBER]) is not None, "of a day that is wholly unknown nothing is said"
    assert why_incomparable(CostQuestion(OCTOBER, "USD"), []) is None
    found = change_of(amount("12"), amount("-8"), QUESTION, "why")
    assert found == Change(Decimal(-8), None, None, "why")
