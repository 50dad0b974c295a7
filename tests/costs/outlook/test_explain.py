"""Why: contributions that add up to the excess."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from app.costs.outlook.anomalies import Anomaly, Direction, find_anomalies
from app.costs.outlook.explain import Explanation, explain
from app.costs.outlook.series import DailySeries, exact_sum

MONDAY = date(2026, 1, 5)


def daily(*amounts: int | str, start: date = MONDAY) -> DailySeries:
    return DailySeries(start, tuple(Decimal(amount) for amount in amounts))


def anomaly_of(*amounts: int | str) -> Anomaly:
    anomalies = find_anomalies(daily(*amounts))
    assert isinstance(anomalies, list)
    assert len(anomalies) == 1
    return anomalies[0]


def test_the_causes_of_a_spike() -> None:
    # 10 a day are 6 + 3 + 1; the day of 40 is 26 + 3 + 0.5, a new part of 10, and 0.5 that is in no part.
    parts = {
        "compute": daily(*[6] * 28, 26),
        "storage": daily(*[3] * 28, 3),
        "network": daily(*[1] * 28, "0.5"),
        "training": daily(*[0] * 28, 10),
    }
    why = explain(anomaly_of(*[10] * 28, 40), parts, top=3)
    assert [(one.key, one.expected, one.actual, one.excess, one.share, one.is_new) for one in why.contributions] == [
        ("compute", Decimal(6), Decimal(26), Decimal(20), Decimal("0.6667"), False),
        ("training", Decimal(0), Decimal(10), Decimal(10), Decimal("0.3333"), True),
    ]
    assert (why.others, why.other_count, why.unexplained) == (Decimal("-0.5"), 2, Decimal("0.5"))
    assert adds_up(why)


def adds_up(why: Explanation[str]) -> bool:
    return exact_sum([*(one.excess for one in why.contributions), why.others, why.unexplained]) == why.excess


def test_a_drop_is_explained_by_what_fell() -> None:
    parts = {"rose": daily(*[1] * 28, 2), "fell": daily(*[9] * 28, 2)}
    why = explain(anomaly_of(*[10] * 28, 4), parts)
    assert [(one.key, one.excess, one.share) for one in why.contributions] == [("fell", Decimal(-7), Decimal("1.1667"))]
    assert (why.others, why.unexplained) == (Decimal(1), Decimal(0))


def test_only_the_top_is_listed() -> None:
    parts = {f"part {number}": daily(*[1] * 28, 1 + number) for number in range(5)}
    why = explain(anomaly_of(*[5] * 28, 15), parts, top=2)
    assert [one.key for one in why.contributions] == ["part 4", "part 3"]
    assert (why.others, why.other_count, why.unexplained) == (Decimal(3), 3, Decimal(0))


def test_a_part_with_a_short_past_is_judged_by_its_median() -> None:
    parts = {"young": daily(2, 4, 3, 10, start=MONDAY + timedelta(25)), "later": daily(5, start=MONDAY + timedelta(90))}
    why = explain(anomaly_of(*[10] * 28, 30), parts)
    assert [(one.key, one.expected, one.excess) for one in why.contributions] == [("young", Decimal(3), Decimal(7))]
    assert why.unexplained == 13


def test_a_purchase_of_every_month_start_is_no_cause() -> None:
    amounts = [10] * 87
    commitment = [0] * 87
    for day in (27, 55, 86):
        amounts[day], commitment[day] = 110, 100
    amounts[86] = 310
    parts = {"commitment": daily(*commitment), "compute": daily(*[10] * 86, 210)}
    why = explain(anomaly_of(*amounts), parts)
    assert [(one.key, one.excess) for one in why.contributions] == [("compute", Decimal(200))]
    assert why.others == 0


def test_no_parts_leave_all_unexplained() -> None:
    why: Explanation[str] = explain(anomaly_of(*[10] * 28, 30), {})
    assert (why.contributions, why.other_count) == ((), 0)
    assert (why.others, why.unexplained) == (Decimal(0), Decimal(20))


money = st.decimals(-(10**12), 10**12, places=9)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text(max_size=3), st.tuples(st.integers(-5, 40), st.lists(money, max_size=40)), max_size=6),
    money,
    st.integers(0, 4),
)
def test_contributions_always_add_up(parts: dict[str, tuple[int, list[Decimal]]], excess: Decimal, top: int) -> None:
    anomaly = Anomaly(
        start=MONDAY + timedelta(28),
        end=MONDAY + timedelta(31),
        expected=Decimal(0),
        actual=excess,
        excess=excess,
        score=Decimal(5),
        direction=Direction.INCREASE if excess > 0 else Direction.DECREASE,
        days=(),
    )
    series = {key: DailySeries(MONDAY + timedelta(offset), tuple(values)) for key, (offset, values) in parts.items()}
    why = explain(anomaly, series, top=top)
    assert adds_up(why)
    assert len(why.contributions) <= top
    assert len(why.contributions) + why.other_count == len(parts)
    assert all(one.excess == one.actual - one.expected for one in why.contributions)
