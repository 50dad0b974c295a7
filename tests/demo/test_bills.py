"""The demo's bills: the same on any machine, without a gap up to this morning, whatever the day."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.costs.outlook.anomalies import find_anomalies
from app.costs.outlook.series import DailySeries
from app.demo.charges import Bill, charges
from app.demo.estate import estate
from app.demo.rows import charges_csv
from app.demo.top_up import months_due, months_of

ESTATE = estate(date(2026, 11, 22))


def effective(rows: list[dict[str, str]], column: str = "ChargePeriodStart") -> dict[str, Decimal]:
    """The sum by what a column says."""
    found: dict[str, Decimal] = {}
    for row in rows:
        found[row[column]] = found.get(row[column], Decimal(0)) + Decimal(row["EffectiveCost"])
    return found


@pytest.mark.parametrize("today", [date(2026, 12, 1), date(2028, 3, 2), date(2027, 1, 31)])
def test_every_day_up_to_this_morning_has_charges(today: date) -> None:
    days = effective([row for month in months_of(today) for row in charges(ESTATE, Bill.on(month, today))])
    first = months_of(today)[-1]
    wanted = {f"{first + timedelta(days=number)}T00:00:00Z" for number in range((today - first).days + 1)}
    assert wanted <= days.keys()
    assert max(days) == f"{today}T00:00:00Z"
    assert min(days[day] for day in wanted) > 0
    of_morning, of_day_before = days[f"{today}T00:00:00Z"], days[f"{today - timedelta(days=1)}T00:00:00Z"]
    assert Decimal("0.15") < of_morning / of_day_before < Decimal("0.4")


def test_months_of_a_demo() -> None:
    first_days = [date(2027, 1, 1), date(2026, 12, 1), date(2026, 11, 1), date(2026, 10, 1), date(2026, 9, 1)]
    assert months_of(date(2027, 1, 1)) == first_days


def test_a_bill_grows_by_the_day_and_what_was_charged_stays() -> None:
    month = date(2026, 11, 1)
    earlier, later = (effective(charges(ESTATE, Bill.on(month, day))) for day in (date(2026, 11, 5), date(2026, 11, 9)))
    past = [f"2026-11-{day:02}T00:00:00Z" for day in range(2, 5)]  # on the first lies what the invoice brings
    assert [earlier[day] for day in past] == [later[day] for day in past]
    assert earlier["2026-11-05T00:00:00Z"] < later["2026-11-05T00:00:00Z"]


def test_the_same_day_gives_the_same_file() -> None:
    month, today = date(2026, 12, 1), date(2026, 12, 2)
    assert charges_csv(ESTATE, Bill.on(month, today)) == charges_csv(estate(today), Bill.on(month, today))


def test_costs_are_unit_price_times_quantity_and_the_invoice_comes_at_the_end() -> None:
    running, whole = Bill.on(date(2026, 11, 1), date(2026, 11, 3)), Bill.on(date(2026, 11, 1), date(2026, 12, 1))
    assert (running.is_whole, whole.is_whole, whole.days) == (False, True, 30)
    rows = charges(ESTATE, running)
    for row in rows:
        if row["PricingQuantity"]:
            assert Decimal(row["ListCost"]) == Decimal(row["ListUnitPrice"]) * Decimal(row["PricingQuantity"])
    assert {row["InvoiceId"] for row in rows} == {""}
    assert {row["ChargeCategory"] for row in rows} == {"Usage", "Purchase", "Tax"}
    of_whole = charges(ESTATE, whole)
    assert {row["InvoiceId"] for row in of_whole} == {f"SAMPLE-{name}-2026-11" for name in ("AWS", "AZURE", "GCP")}
    assert {"Credit", "Adjustment"} < {row["ChargeCategory"] for row in of_whole}


@pytest.mark.parametrize("today", [date(2027, month, 3) for month in (2, 3, 6, 12)])
def test_a_storm_is_found_among_the_last_days_whatever_the_day(today: date) -> None:
    gateways = [one for one in ESTATE if one.kind.type in {"NAT gateway", "RDS database"}]  # a bill corrects the latter
    amounts: dict[date, Decimal] = {}
    for month in months_of(today):
        for row in charges(gateways, Bill.on(month, today)):
            if row["ServiceName"] == "Amazon Virtual Private Cloud":
                day = date.fromisoformat(row["ChargePeriodStart"][:10])
                amounts[day] = amounts.get(day, Decimal(0)) + Decimal(row["EffectiveCost"])
    settled = today - timedelta(days=2)
    found = find_anomalies(DailySeries.of_imported(months_of(today)[-1], settled, amounts))
    assert isinstance(found, list)
    assert [one for one in found if one.end > settled - timedelta(days=35)]


def test_what_is_due() -> None:
    today = date(2026, 11, 22)
    months = months_of(today)
    assert months_due({}, today) == months
    assert months_due(dict.fromkeys(months, today), today) == []
    # The next day the running month is due; whole months stay as they came, once that was after their end.
    assert months_due(dict.fromkeys(months, today), date(2026, 11, 23)) == [date(2026, 11, 1)]
    assert months_due(dict.fromkeys(months, today), date(2026, 12, 1)) == [date(2026, 12, 1), date(2026, 11, 1)]
    # After a long pause what it left out comes, also between what is there and what is new.
    due = months_due(dict.fromkeys(months, today), date(2027, 2, 10))
    assert due == [date(2027, 2, 1), date(2027, 1, 1), date(2026, 12, 1), date(2026, 11, 1)]
