"""Bills in FOCUS that hold known waste for each check of charges alone, and beside it what is just no waste.

Charges begin on the first day of the month before the last whole one, and end with yesterday.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.costs.watch.deliveries import charge, days
from tests.providers.moto import ACCOUNT

Row = dict[str, Any]
Cost = Callable[[date], str | None]
"""What a day costs; None where there is no charge."""
_SATURDAY = 5
WINDOW = 7
"""Days that most checks sum."""
AZURE = {"ServiceProviderName": "Microsoft", "BillingAccountId": "enrollment", "BillingCurrency": "USD"}
GOOGLE = {"ServiceProviderName": "Google Cloud", "BillingAccountId": "billing-1", "BillingCurrency": "EUR"}
ORACLE = {"ServiceProviderName": "Oracle", "BillingAccountId": "tenancy"}


@dataclass(frozen=True)
class Calendar:
    """The days that bills are about: from `since` to before `today`, those from `settled` on still arriving."""

    today: date

    @property
    def settled(self) -> date:
        """The first day whose charges are still arriving."""
        return self.today - timedelta(2)

    @property
    def this_month(self) -> date:
        """The month of the last complete day is not whole yet."""
        return self.settled.replace(day=1)

    @property
    def last_month(self) -> date:
        """The first day of the last whole month."""
        return (self.this_month - timedelta(1)).replace(day=1)

    @property
    def since(self) -> date:
        """The first day."""
        return (self.last_month - timedelta(1)).replace(day=1)

    def back(self, number: int) -> date:
        """So many days before the first that is still arriving."""
        return self.settled - timedelta(number)

    def rows(self, account: str, cost: str | Cost | None, **columns: Any) -> list[Row]:
        """A charge on each day, tagged for production unless it says otherwise; none on days that cost nothing."""
        usual = {"SubAccountId": account, "Tags": '{"env": "prod"}', "ResourceId": ""} | columns
        told = ((day, cost(day) if callable(cost) else cost) for day in days(self.since, self.today))
        return [charge(day, amount, **usual) for day, amount in told if amount is not None]


def bills(when: Calendar, tables: Sequence[str], logs: Sequence[str]) -> list[Row]:
    """All charges; tables and log groups are what a scan has found."""
    parts = (_commitments, _capacity, _tags, _credits, _corrections, _transfers, _surcharges, _services, _environments)
    return [row for part in parts for row in part(when)] + list(_inventory(when, tables, logs))


def _commitments(when: Calendar) -> Iterator[Row]:
    """Of ten a day so much finds no usage: the used part is charged to another account than the one that bought it."""
    for owner, plan, unused, columns in (
        ("aws-1", "sp-waste", "1.01", {}),
        ("aws-1", "sp-fine", "1.00", {}),
        ("azure-1", "/reservations/waste", "1.01", AZURE),
        ("azure-1", "/reservations/fine", "1.00", AZURE),
        ("google-1", "cud-waste", "1.01", GOOGLE),
        ("google-1", "cud-fine", "1.00", GOOGLE),
        ("oracle-1", "commit-waste", "0.05", ORACLE),
        ("oracle-1", "commit-fine", None, ORACLE),
    ):
        of = {"CommitmentDiscountId": plan, "PricingCategory": "Committed", **columns}
        yield from when.rows(owner, unused, CommitmentDiscountStatus="Unused", **of)
        used = str(10 - Decimal(unused or 0))
        yield from when.rows(f"{owner}-user", used, CommitmentDiscountStatus="Used", **of)
    ended = when.back(WINDOW)
    of = {"CommitmentDiscountId": "sp-ended", "CommitmentDiscountStatus": "Unused"}
    yield from when.rows("aws-1", until(ended, "9"), **of)
    yield from when.rows("aws-1-user", "9", **(of | {"CommitmentDiscountStatus": "Used"}))


def _capacity(when: Calendar) -> Iterator[Row]:
    for reservation, unused, used in (("cr-waste", "0.40", "5.00"), ("cr-fine", None, "5.00")):
        of = {"CapacityReservationId": reservation}
        yield from when.rows("aws-2", unused, CapacityReservationStatus="Unused", **of)
        yield from when.rows("aws-2", used, CapacityReservationStatus="Used", **of)


def _tags(when: Calendar) -> Iterator[Row]:
    for account, untagged in (("tag-waste", "2.01"), ("tag-fine", "2.00")):
        yield from when.rows(account, untagged, Tags='{"owner": "nobody promoted this"}')
        yield from when.rows(account, str(10 - Decimal(untagged)), Tags='{"team": "web"}')


def _credits(when: Calendar) -> Iterator[Row]:
    lately, few = when.back(WINDOW), days(when.back(20), when.back(14))
    of = {"ChargeCategory": "Credit"}
    yield from when.rows("credit-waste", until(lately, "-3.00", "-1.49"), **of)
    yield from when.rows("credit-fine", until(lately, "-3.00", "-1.50"), **of)
    yield from when.rows("credit-single", lambda day: "-50" if day in few else None, **of)


def _corrections(when: Calendar) -> Iterator[Row]:
    """Charges of the month before the last, which came with a later invoice."""
    for account, month, charged in (
        ("late-waste", when.last_month, "6.01"),
        ("late-fine", when.last_month, "6.00"),
        ("late-new", when.this_month, "90.00"),
    ):
        after = (month + timedelta(32)).replace(day=1)
        of = {"BillingPeriodStart": f"{month}T00:00:00Z", "BillingPeriodEnd": f"{after}T00:00:00Z"}
        of |= {"SubAccountId": account, "ChargeClass": "Correction", "ServiceName": "Late", "Tags": '{"env": "prod"}'}
        yield charge(when.since, charged, **of)
        yield charge(when.since + timedelta(1), "-4.00", **of)


def _transfers(when: Calendar) -> Iterator[Row]:
    for account, moved in (("transfer-waste", "1.01"), ("transfer-fine", "1.00")):
        yield from when.rows(account, moved, SkuMeter="EUW1-DataTransfer-Regional-Bytes")
        yield from when.rows(account, str(10 - Decimal(moved)), SkuMeter="EUW1-BoxUsage:m7g.large")


def _surcharges(when: Calendar) -> Iterator[Row]:
    lately = when.back(WINDOW)
    extended = "$0.10 per vCPU-hour, RDS Extended Support for MySQL 5.7"
    yield from when.rows("support-1", "2.40", ResourceId="db-waste", ChargeDescription=extended)
    yield from when.rows("support-1", "2.40", ResourceId="db-fine", ChargeDescription="AWS Business Support")
    upgraded = {"ResourceId": "db-upgraded", "ChargeDescription": extended}
    yield from when.rows("support-1", until(lately, "2.40"), **upgraded)
    # 0.9131 a month: too little to bother.
    yield from when.rows("support-1", "0.03", ResourceId="db-small", ChargeDescription=extended)


def _services(when: Calendar) -> Iterator[Row]:
    for service, before, after in (
        ("Waste Search", "20.00", "26.01"),
        ("Fine Search", "20.00", "26.00"),
        ("Small Search", "1.00", "2.00"),
        ("New Search", None, "30.00"),
    ):
        yield from when.rows("growth-1", until(when.last_month, before, after), ServiceName=service)


def _environments(when: Calendar) -> Iterator[Row]:
    for service, weekend, env in (
        ("Waste Machines", "9.00", "dev"),
        ("Fine Machines", "8.99", "dev"),
        ("Production Machines", "10.00", "prod"),
    ):
        of = {"ServiceName": service, "Tags": f'{{"env": "{env}"}}'}
        yield from when.rows("always-1", resting(weekend), **of)


def _inventory(when: Calendar, tables: Sequence[str], logs: Sequence[str]) -> Iterator[Row]:
    """Less than half of the tables are billed and half of the log groups; of what is billed some was not found."""
    table = {"ResourceType": "Table"}
    for name in tables[: (len(tables) - 1) // 2]:
        yield from when.rows(ACCOUNT, "1.30", ResourceId=name, **table)
    for name in logs[: len(logs) // 2]:
        yield from when.rows(ACCOUNT, "0.20", ResourceId=name, ResourceType="Log group")
    ended = when.back(WINDOW)
    yield from when.rows(ACCOUNT, "1.70", ResourceId="table-waste", **table)
    yield from when.rows(ACCOUNT, until(ended, "1.70"), ResourceId="table-ended", **table)
    yield from when.rows(ACCOUNT, "0.03", ResourceId="table-cheap", **table)
    yield from when.rows(ACCOUNT, "1.70", ResourceId="queue-fine", ResourceType="Queue")


def resting(weekend: str) -> Cost:
    """10 on working days, and another amount on the others."""
    return lambda day: weekend if day.weekday() >= _SATURDAY else "10.00"


def until(last: date, before: str | None, after: str | None = None) -> Cost:
    """One amount on days before another, and another from then on."""
    return lambda day: before if day < last else after


def effective(rows: Iterable[Row], start: date, end: date, **wanted: str) -> Decimal:
    """What charges with these values cost on days from `start` to before `end`."""
    return sum(
        (
            Decimal(row["EffectiveCost"])
            for row in rows
            if start <= date.fromisoformat(row["ChargePeriodStart"][:10]) < end
            and all(row.get(name) == value for name, value in wanted.items())
        ),
        Decimal(0),
    )


def as_file(rows: Sequence[Row]) -> bytes:
    """The rows as a file of CSV."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()
