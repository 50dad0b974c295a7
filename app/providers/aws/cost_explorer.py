"""Fetches costs by day, service, linked account and category from AWS Cost Explorer, as rows of FOCUS.

A question groups by two dimensions at most and costs 0.01 USD. So the first one asks which record types the month has,
and one more for each ChargeCategory among them has the rest: seven at most, however many accounts there are. Never by
resource: that takes thousands of questions and knows 14 days only.
https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from app.providers.aws.errors import reading_aws, repeated_page
from app.providers.aws.session import AwsConnection
from app.providers.base import GLOBAL
from app.providers.cost_exports import (
    Delivery,
    ExportSettings,
    Part,
    Stop,
    StoppedError,
    next_month,
    own_disk,
    part_path,
    reading_costs,
)
from app.providers.problems import ProblemCode, ProviderError

PERMISSIONS: Final = ("ce:GetCostAndUsage",)
KEPT_MONTHS: Final = 13
"""Whole months that Cost Explorer tells, beside the current one."""
SETTLED: Final = timedelta(days=10)
"""After the end of a month until its bill is final; support fees come on the 6th or 7th."""
COLUMNS: Final = (
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "BillingAccountId",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeCategory",
    "ChargeDescription",
    "ServiceName",
    "SubAccountId",
    "SubAccountName",
    "ProviderName",
    "PublisherName",
    "InvoiceIssuerName",
    "x_Estimated",
)
_GROUPS: Final = [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}]
_RECORD_TYPE: Final = "RECORD_TYPE"
_NAME: Final = "AWS"
_CATEGORIES: Final = {
    "Usage": (
        "Usage",
        "DiscountedUsage",
        "SavingsPlanCoveredUsage",
        # Takes the on-demand price of covered usage off again: without it covered usage would be billed twice.
        "SavingsPlanNegation",
    ),
    "Purchase": (
        "Fee",
        "RIFee",
        "Recurring",
        "Upfront",
        "Support",
        "SavingsPlanRecurringFee",
        "SavingsPlanUpfrontFee",
    ),
    "Tax": ("Tax",),
    # FOCUS has a refund in the category of what is refunded. Cost Explorer does not tell that, nor what a discount is
    # taken from: they are left to the category of all that has no other.
    "Credit": ("Credit",),
    "Adjustment": (
        "Refund",
        "Discount",
        "BundledDiscount",
        "DistributorDiscount",
        "EdpDiscount",
        "PrivateRateDiscount",
        "RiVolumeDiscount",
        "SppDiscount",
    ),
}
"""FOCUS's ChargeCategory of the record types, which are named like the line item types of reports on cost and usage.

https://docs.aws.amazon.com/cur/latest/userguide/Lineitem-columns.html
"""
_UNKNOWN: Final = ""
"""The category of a record type that is in no list: null."""


class CostExplorer:
    """Cost Explorer of one account, or of an organization where that is its management account.

    `settings`: netCosts, whether EffectiveCost is NetAmortizedCost (discounts of a private pricing agreement spread
    over what they lower) instead of AmortizedCost. Costs that Cost Explorer does not tell stay empty: unknown.
    """

    def __init__(
        self, connection: AwsConnection, settings: ExportSettings, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._connection = connection
        self._effective = "NetAmortizedCost" if settings.get("netCosts") else "AmortizedCost"
        self._clock = clock or _now

    def deliveries(self, since: datetime) -> Iterator[Delivery]:
        """One for each month that Cost Explorer still tells.

        It does not tell whether anything has changed: a month that may change is a new delivery each day, one whose
        bill is final is not.
        """
        now = self._clock()
        month = datetime(now.year, now.month, 1, tzinfo=UTC)
        for _ in range(KEPT_MONTHS + 1):
            if month < since:
                return
            end = next_month(month)
            version = "final" if now >= end + SETTLED else f"as of {now:%Y-%m-%d}"
            name = f"cost-explorer-{month:%Y-%m}.csv"
            yield Delivery(f"{month:%Y-%m}", month, (Part(name, None, version),), COLUMNS, min(now, end + SETTLED))
            month = _month_before(month)

    def fetch(self, delivery: Delivery, folder: Path, stop: Stop) -> list[Path]:
        """See app.providers.cost_exports.CostSource; the file is CSV."""
        start = delivery.billing_period_start
        (part,) = delivery.parts
        if start is None:
            message = "a delivery of Cost Explorer is one month"
            raise ValueError(message)
        path = part_path(folder, 0, part)
        growing = path.with_name(f"{path.name}.growing")
        with growing.open("w", newline="", encoding="utf-8") as file, reading_costs(), reading_aws(PERMISSIONS):
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for category, record_types in self._categories(start, stop).items():
                for answer in self._answers(start, stop, "DAILY", _GROUPS, record_types):
                    names = _account_names(answer)
                    for day in answer["ResultsByTime"]:
                        rows = [self._row(start, day, group, names, category) for group in day["Groups"]]
                        with own_disk():
                            writer.writerows(rows)
        growing.replace(path)
        return [path]

    def close(self) -> None:
        """Let go of sockets."""
        self._connection.close()

    def _categories(self, start: datetime, stop: Stop) -> dict[str, list[str]]:
        """The record types of a month, each in one category: together they are the whole month."""
        groups = [{"Type": "DIMENSION", "Key": _RECORD_TYPE}]
        found = {
            group["Keys"][0]
            for answer in self._answers(start, stop, "MONTHLY", groups)
            for month in answer["ResultsByTime"]
            for group in month["Groups"]
        }
        categories: dict[str, list[str]] = {}
        for record_type in sorted(found):
            categories.setdefault(_category(record_type), []).append(record_type)
        return categories

    def _answers(
        self,
        start: datetime,
        stop: Stop,
        granularity: str,
        groups: Sequence[Mapping[str, str]],
        record_types: Sequence[str] = (),
    ) -> Iterator[Mapping[str, Any]]:
        """The pages of a month, up to and with today: of these record types, or without any of all."""
        end = min(next_month(start).date(), self._clock().date() + timedelta(days=1))
        client, token, seen = self._connection.client("ce", GLOBAL), None, set[str]()
        while True:
            if stop():
                raise StoppedError
            more: dict[str, Any] = {"NextPageToken": token} if token else {}
            if record_types:
                more["Filter"] = {"Dimensions": {"Key": _RECORD_TYPE, "Values": list(record_types)}}
            try:
                answer = client.get_cost_and_usage(
                    TimePeriod={"Start": start.date().isoformat(), "End": end.isoformat()},
                    Granularity=granularity,
                    Metrics=["UnblendedCost", self._effective],
                    GroupBy=groups,
                    **more,
                )
            except client.exceptions.DataUnavailableException:
                raise _not_ready() from None
            yield answer
            token = answer.get("NextPageToken")
            if not token:
                return
            if token in seen:
                raise repeated_page(operation=PERMISSIONS[0])
            seen.add(token)

    def _row(
        self,
        start: datetime,
        day: Mapping[str, Any],
        group: Mapping[str, Any],
        names: Mapping[str, str],
        category: str,
    ) -> Sequence[str]:
        service, account = group["Keys"]
        billed = group["Metrics"]["UnblendedCost"]
        effective = group["Metrics"].get(self._effective) or {}
        # Two currencies in one row would be a sum of apples and pears.
        amount = effective.get("Amount") if effective.get("Unit") == billed["Unit"] else None
        return (
            billed["Amount"],
            amount or "",
            billed["Unit"],
            self._connection.account,
            _moment(start.date()),
            _moment(next_month(start).date()),
            _moment(date.fromisoformat(day["TimePeriod"]["Start"])),
            _moment(date.fromisoformat(day["TimePeriod"]["End"])),
            category,
            f"{service}, all charges of the category and the day",
            service,
            account,
            names.get(account, ""),
            _NAME,
            _NAME,
            _NAME,
            "true" if day.get("Estimated") else "false",
        )


def _category(record_type: str) -> str:
    """The ChargeCategory of a record type, whatever its capitals and blanks."""
    spelt = record_type.replace(" ", "").lower()
    for category, record_types in _CATEGORIES.items():
        if any(spelt == known.lower() for known in record_types):
            return category
    return _UNKNOWN


def _account_names(answer: Mapping[str, Any]) -> dict[str, str]:
    told = answer.get("DimensionValueAttributes") or ()
    return {each["Value"]: (each.get("Attributes") or {}).get("description", "") for each in told}


def _not_ready() -> ProviderError:
    return ProviderError(
        ProblemCode.NOT_ENABLED,
        "Cost Explorer has no data for the account.",
        "Enable Cost Explorer in the Billing console of the management account; its data is there a day later.",
    )


def _moment(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _month_before(month: datetime) -> datetime:
    return datetime(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1, tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC)
