"""Words of budgets, anomalies, unit costs and what is told of costs that cross rooms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Self


class BudgetRecurrence(StrEnum):
    """How often a budget begins anew."""

    MONTHLY = "MONTHLY"
    QUARTERLY = "QUARTERLY"
    YEARLY = "YEARLY"
    FIXED = "FIXED"


class ThresholdBasis(StrEnum):
    """What is held against a threshold of a budget."""

    ACTUAL = "ACTUAL"
    FORECAST = "FORECAST"


class AnomalyState(StrEnum):
    """What has been said of an anomaly."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    EXPECTED = "EXPECTED"
    RESOLVED = "RESOLVED"
    MERGED = "MERGED"


class AnomalySeries(StrEnum):
    """By what the series of an anomaly is cut out of all charges."""

    TOTAL = "TOTAL"
    SERVICE = "SERVICE"
    ACCOUNT = "ACCOUNT"
    SERVICE_ACCOUNT = "SERVICE_ACCOUNT"


class WatchedFigure(StrEnum):
    """What is told of when it moves, beside budgets and anomalies."""

    FORECAST = "FORECAST"
    UTILIZATION = "UTILIZATION"
    COVERAGE = "COVERAGE"
    UNIT_COST = "UNIT_COST"


class CostGranularity(StrEnum):
    """How long the stretches are that amounts are summed over. Weeks begin on Monday."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    QUARTER = "QUARTER"
    TOTAL = "TOTAL"


@dataclass(frozen=True)
class Threshold:
    """A percentage of a budget's amount, and what is held against it."""

    percent: Decimal
    basis: ThresholdBasis

    def to_json(self) -> dict[str, str]:
        """As it is stored."""
        return {"percent": f"{self.percent:f}", "basis": self.basis.value}

    @classmethod
    def from_json(cls, stored: Mapping[str, str]) -> Self:
        """Of what is stored."""
        return cls(Decimal(stored["percent"]), ThresholdBasis(stored["basis"]))
