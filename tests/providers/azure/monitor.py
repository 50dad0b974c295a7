"""Azure Monitor of the far side: computes metrics of samples, and refuses what Azure refuses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.providers.azure.arm_server import Answer, failure

_INTERVALS = {
    "PT5M": timedelta(minutes=5),
    "PT15M": timedelta(minutes=15),
    "PT1H": timedelta(hours=1),
    "P1D": timedelta(days=1),
}
_WRITTEN = {"PT5M": "00:05:00", "PT15M": "00:15:00", "PT1H": "01:00:00", "P1D": "1.00:00:00"}
"""How refusals write the periods."""
_TERM = re.compile(r"(\w+) eq '((?:[^']|'')*)'")


@dataclass(frozen=True)
class Sample:
    """One measured value; `dimensions` say of which part."""

    at: datetime
    value: float
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass
class Monitor:
    """Samples by resource (lower case) and metric; `grains` are the only periods in which some metrics are told."""

    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    grains: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __call__(self, resource: str, query: dict[str, str]) -> Answer:
        """The answer to `GET {resource}/providers/microsoft.insights/metrics`."""
        self.asked.append(query)
        known = self.samples.get(resource.lower())
        if known is None:
            return failure(404, "ResourceNotFound", "The resource was not found.")
        names = query["metricnames"].split(",")
        if len(names) > 20:
            return failure(400, "BadRequest", "Requested metrics count exceeds 20.")
        missing = next((name for name in names if name not in known), None)
        if missing is not None:
            valid = ",".join(known)
            words = f"Failed to find metric configuration for provider: X, metric: {missing}, Valid metrics: {valid}"
            # This service does not wrap its errors as others do.
            return Answer({"code": "BadRequest", "message": words}, 400)
        common = set(_INTERVALS).intersection(*(self.grains.get(name, _INTERVALS) for name in names))
        if query["interval"] not in common:
            return grain_refusal(names, [name for name in _INTERVALS if name in common], query["interval"])
        return Answer(
            {
                "timespan": query["timespan"],
                "interval": query["interval"],
                "value": [self._metric(name, known[name], query) for name in names],
            }
        )

    def _metric(self, name: str, samples: list[Sample], query: dict[str, str]) -> dict[str, Any]:
        wanted = {(key, value.replace("''", "'")) for key, value in _TERM.findall(query.get("$filter", ""))}
        found = [sample for sample in samples if wanted <= set(sample.dimensions)]
        begin, end = (datetime.fromisoformat(text) for text in query["timespan"].split("/"))
        step = _INTERVALS[query["interval"]]
        data = []
        while begin < end:
            values = [sample.value for sample in found if begin <= sample.at < begin + step]
            data.append({"timeStamp": begin.strftime("%Y-%m-%dT%H:%M:%SZ")} | _computed(values, query["aggregation"]))
            begin += step
        series = {"metadatavalues": [{"name": {"value": key}, "value": value} for key, value in wanted], "data": data}
        return {"name": {"value": name}, "errorCode": "Success", "timeseries": [series] if found else []}


def grain_refusal(names: Sequence[str], common: Sequence[str], asked: str) -> Answer:
    """What Azure says to a period in which one of the metrics is not told."""
    allowed, metrics = ",".join(_WRITTEN[name] for name in common), ",".join(names)
    words = f"Commonly allowed time grains: {allowed} between metrics: {metrics}, can not support requested time grain:"
    words += f" {_WRITTEN[asked]} please adjust your interval parameter to use one of the common grains, TraceId: {{0}}"
    return Answer({"code": "BadRequest", "message": words}, 400)


def _computed(values: list[float], aggregation: str) -> dict[str, float]:
    """The aggregations that are asked for; of no values there is none, except that there are none."""
    asked = aggregation.split(",")
    if not values:
        return {"count": 0, "average": 0.0} if "Count" in asked else {}
    told = {
        "Average": sum(values) / len(values),
        "Minimum": min(values),
        "Maximum": max(values),
        "Total": sum(values),
        "Count": len(values),
    }
    return {name.lower(): told[name] for name in asked}
