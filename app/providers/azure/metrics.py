"""How much resources are used, as Azure Monitor tells it: resource by resource.

`metrics:getBatch` would tell of 50 resources at once, but at another host in each region, with a token of its own: the
account's endpoint, its private link and the operator's list of hosts know Azure Resource Manager only. Resource Manager
allows 25 reads a second to each application in a subscription, which is enough for a call a day and resource.
https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpResponse

from app.providers.azure.errors import bad_answer
from app.providers.azure.kinds import type_of
from app.providers.azure.manager import ResourceManager
from app.providers.metrics import PERCENTILES, Gathered, MetricQuery, MetricSeries, MetricWindow, Statistic

_NAMES = 20
"""The most metrics that one call takes."""
_STATISTICS = {
    Statistic.AVERAGE: "Average",
    Statistic.MINIMUM: "Minimum",
    Statistic.MAXIMUM: "Maximum",
    Statistic.SUM: "Total",
    Statistic.SAMPLE_COUNT: "Count",
}
_INTERVALS = {
    60: "PT1M",
    300: "PT5M",
    900: "PT15M",
    1800: "PT30M",
    3600: "PT1H",
    21_600: "PT6H",
    43_200: "PT12H",
    86_400: "P1D",
}
_OF_SAMPLES = frozenset({Statistic.AVERAGE, Statistic.MINIMUM, Statistic.MAXIMUM})
"""What there is none of without samples, although Azure may say 0."""
_NO_SUCH_METRIC = "Failed to find metric configuration"

_Group = tuple[str, str | None, tuple[tuple[str, str], ...], frozenset[Statistic]]


def metric_series(
    manager: ResourceManager, queries: Sequence[MetricQuery], window: MetricWindow
) -> Iterator[list[MetricSeries]]:
    """One series for each query, those of one call at a time. Raises ProviderError; ValueError without an ARM id."""
    for query in queries:
        if not query.resource.startswith("/subscriptions/"):
            message = f"{query.name} is asked for of what has no ARM id."
            raise ValueError(message)
    return _series(manager, queries, window)


def _series(
    manager: ResourceManager, queries: Sequence[MetricQuery], window: MetricWindow
) -> Iterator[list[MetricSeries]]:
    groups: dict[_Group, list[Gathered]] = {}
    for query in queries:
        offered = query.statistics - PERCENTILES
        one = Gathered(query, not_offered=set(query.statistics & PERCENTILES))
        groups.setdefault((query.resource, query.namespace, query.dimensions, offered), []).append(one)
    for group, gathered in groups.items():
        for start in range(0, len(gathered), _NAMES):
            together = gathered[start : start + _NAMES]
            if group[-1]:
                _gather(manager, group, together, window)
            yield [one.series(window) for one in together]


def _gather(manager: ResourceManager, group: _Group, gathered: Sequence[Gathered], window: MetricWindow) -> None:
    """Read the metrics of one resource. One that it does not have makes Azure refuse them all: then each alone."""
    resource, _, _, statistics = group
    names = dict.fromkeys(one.query.name for one in gathered)
    reading = f"metrics of {_type(resource)}"
    answer = manager.metrics(resource, _parameters(group, names, window), _tells_no_metric, reading)
    if answer is not None:
        _keep(answer, gathered, window, reading)
    elif len(names) == 1:
        for one in gathered:
            one.refuse(statistics)
    else:
        for name in names:
            _gather(manager, group, [one for one in gathered if one.query.name == name], window)


def _parameters(group: _Group, names: Mapping[str, None], window: MetricWindow) -> dict[str, str]:
    _, namespace, dimensions, statistics = group
    asked = {
        "metricnames": ",".join(names),
        "timespan": f"{_written(window.begin)}/{_written(window.end)}",
        "interval": _INTERVALS[window.period_seconds],
        "aggregation": ",".join(_STATISTICS[statistic] for statistic in sorted(statistics)),
    }
    if namespace:
        asked["metricnamespace"] = namespace
    if dimensions:
        quoted = ((key, value.replace("'", "''")) for key, value in dimensions)
        asked["$filter"] = " and ".join(f"{key} eq '{value}'" for key, value in quoted)
    return asked


def _keep(answer: Mapping[str, Any], gathered: Sequence[Gathered], window: MetricWindow, reading: str) -> None:
    """Keep what an answer tells of each metric. Raises ProviderError(BAD_ANSWER)."""
    if answer.get("interval") != _INTERVALS[window.period_seconds]:
        raise bad_answer(reading, "it has another interval than was asked for")
    try:
        told = {str(metric["name"]["value"]).lower(): metric for metric in answer["value"]}
        for one in gathered:
            metric = told.get(one.query.name.lower())
            # Azure names a metric that it could not read, with the reason and without points.
            one.is_cut = metric is None or metric.get("errorCode", "Success") != "Success"
            if metric is not None:
                _keep_points(metric["timeseries"], one, reading)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise bad_answer(reading, "it is not of the shape that was expected") from None


def _keep_points(timeseries: Sequence[Mapping[str, Any]], one: Gathered, reading: str) -> None:
    if len(timeseries) > 1:
        raise bad_answer(reading, "it tells several series where one was asked for")
    seen: set[str] = set()
    for point in (point for series in timeseries for point in series["data"]):
        if point["timeStamp"] in seen:
            raise bad_answer(reading, "it tells a period twice")
        seen.add(point["timeStamp"])
        begin = datetime.fromisoformat(point["timeStamp"])
        for statistic, name in _STATISTICS.items():
            value = point.get(name.lower())
            nothing = point.get("count") == 0 and statistic in _OF_SAMPLES
            if value is not None and math.isfinite(value) and not nothing:
                one.add(begin, statistic, float(value))


def _tells_no_metric(response: HttpResponse) -> bool:
    """Whether the answer says that a metric is none of those that the resource has."""
    if response.status_code != 400:  # noqa: PLR2004  (Bad Request)
        return False
    error = HttpResponseError(response=response).error
    return bool(error and error.message and _NO_SUCH_METRIC in error.message)


def _type(resource: str) -> str:
    """What errors call a resource."""
    return type_of(resource)


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
