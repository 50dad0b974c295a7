"""CloudWatch's answers in the far side: samples of each hour, of which any statistic of any period is made.

Moto goes through all samples for each period of each query, which takes minutes for weeks of hours, and has no
percentiles. What is denied or malformed it still answers itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

Name = tuple[str, str, frozenset[tuple[str, str]]]
SERIES: dict[Name, Sequence[float]] = {}
"""By namespace, name and dimensions: a day's 24 samples, the same on each day."""
STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Average": lambda values: math.fsum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
    "Sum": math.fsum,
    "SampleCount": len,
    "p95": lambda values: sorted(values)[math.ceil(0.95 * len(values)) - 1],
}


def get_metric_data(
    _backend: Any,
    queries: Sequence[Mapping[str, Any]],
    start_time: datetime,
    end_time: datetime,
    scan_by: str = "",  # noqa: ARG001 - moto names it
) -> list[dict[str, Any]]:
    """Takes the place of the method of moto's backend, whose shape this has."""
    return [_answer(query, start_time, end_time) for query in queries]


def _answer(query: Mapping[str, Any], start: datetime, end: datetime) -> dict[str, Any]:
    asked = query["MetricStat"]
    metric = asked["Metric"]
    dimensions = frozenset((each["Name"], each["Value"]) for each in metric.get("Dimensions", ()))
    samples = SERIES.get((metric["Namespace"], metric["MetricName"], dimensions))
    period = timedelta(seconds=int(asked["Period"]))
    moments = [start + number * period for number in range((end - start) // period)] if samples else []
    make = STATISTICS[asked["Stat"]]
    values = [make(_within(samples or (), each, period)) for each in moments]
    return {"id": query["Id"], "label": query["Id"], "values": values, "timestamps": moments, "status_code": "Complete"}


def _within(samples: Sequence[float], begin: datetime, period: timedelta) -> list[float]:
    hours = period // timedelta(hours=1)
    return [samples[(begin.hour + hour) % len(samples)] for hour in range(hours)]
