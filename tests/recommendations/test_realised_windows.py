"""Over which days savings are measured: nobody's money twice, and nothing but complete days."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.recommendations.realised_windows import (
    AFTER_DAYS,
    BEFORE_DAYS,
    NO_AFTER,
    NO_BEFORE,
    NO_SUBJECT,
    OVERTAKEN,
    SHARED,
    Resolved,
    windows_of,
)
from app.records.cost_analysis import DateRange

RESOURCE = UUID(int=7)
DAY = date(2026, 6, 15)


def resolved(number: int = 1, on: date = DAY, converted: int | None = 5, **more: Any) -> Resolved:
    amount = None if converted is None else Decimal(converted)
    return Resolved(UUID(int=number), RESOURCE, on - timedelta(1), on, amount, **more)


def test_thirty_days_before_and_the_months_after() -> None:
    (windows,) = windows_of([resolved()], date(2026, 8, 3)).values()
    assert windows.before == DateRange(date(2026, 5, 15), date(2026, 6, 14))
    assert windows.after == (
        DateRange(date(2026, 6, 16), date(2026, 7, 1)),
        DateRange(date(2026, 7, 1), date(2026, 8, 1)),
        DateRange(date(2026, 8, 1), date(2026, 8, 3)),
    )


@pytest.mark.parametrize("name", ["created_on", "begins_on"])
def test_days_of_which_nothing_is_known_are_not_before(name: str) -> None:
    told: dict[str, Any] = {name: date(2026, 6, 1)}
    (windows,) = windows_of([resolved(**told)], date(2026, 8, 3)).values()
    assert windows.before is not None
    assert windows.before.start == {"created_on": date(2026, 6, 2), "begins_on": date(2026, 6, 1)}[name]


def test_what_has_no_days_has_a_reason() -> None:
    def reason(one: Resolved, until: date = date(2026, 8, 3)) -> str | None:
        return windows_of([one], until)[one.id].reason

    assert reason(resolved(created_on=date(2026, 6, 14))) == NO_BEFORE
    assert reason(resolved(), DAY + timedelta(1)) == NO_AFTER
    assert reason(Resolved(UUID(int=1), None, DAY, DAY, None)) == NO_SUBJECT


def test_a_saving_ends_after_a_year() -> None:
    (windows,) = windows_of([resolved()], date(2030, 1, 1)).values()
    assert sum(days.days for days in windows.after) == AFTER_DAYS
    assert len(windows.after) == 13


def test_of_two_on_one_day_the_dearer_has_the_saving() -> None:
    found = windows_of([resolved(1, converted=5), resolved(2, converted=9), resolved(3, converted=None)], date.max)
    assert [found[UUID(int=number)].reason for number in (1, 2, 3)] == [SHARED, None, SHARED]


def test_the_next_takes_over() -> None:
    later = resolved(2, date(2026, 7, 20))
    found = windows_of([resolved(1), later], date(2026, 8, 3))
    assert found[UUID(int=1)].after[-1].end == later.before_end
    soon = resolved(3, DAY + timedelta(2))
    assert windows_of([resolved(1), soon], date(2026, 8, 3))[UUID(int=1)].reason == OVERTAKEN


def test_no_day_counts_twice_whatever_happens() -> None:
    dice = random.Random(5)  # noqa: S311  (no secret)
    for _ in range(300):
        some = [
            resolved(number, DAY + timedelta(dice.randrange(90)), dice.choice([None, 1, 2]))
            for number in range(dice.randrange(1, 6))
        ]
        until = DAY + timedelta(dice.randrange(150))
        found = windows_of(some, until)
        assert set(found) == {one.id for one in some}
        days = [days for windows in found.values() for days in windows.after]
        counted = [days.start + timedelta(each) for days in days for each in range(days.days)]
        assert len(counted) == len(set(counted))
        assert all(day < until for day in counted)
        for windows in found.values():
            assert (windows.reason is None) == bool(windows.after)
            assert windows.before is None or 0 < windows.before.days <= BEFORE_DAYS or windows.reason == NO_BEFORE
