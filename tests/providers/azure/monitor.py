"""Azure Monitor of the far side: computes metrics of samples, and refuses what Azure refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.providers.azure.arm_server import Answer, failure

_INTERVALS = {"PT1H": timedelta(hours=1), "P1D": timedelta(days=1)}
_TERM = re.compile(r"(\w+) eq '((?:[^']|'')*)'")


@dataclass(frozen=True)
class Sample:
    """One measured value; `dimensions` say of which part."""

    at: datetime
    value: float
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass
class Monitor:
    """Samples by resource (lower case) and metric."""

    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

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
