"""How much resources are used, as Azure Monitor tells it: resource by resource.

`metrics:getBatch` would tell of 50 resources at once, but at another host in each region, with a token of its own: the
account's endpoint, its private link and the operator's list of hosts know Azure Resource Manager only. Resource Manager
allows 25 reads a second to each application in a subscription, which is enough for a call a day and resource.
https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling

Some metrics are told in some periods only: the capacity of a storage account by the hour, sessions of a bastion by 5 or
15 minutes. Azure refuses other periods and names these; the longest that fits is asked for, and put together here.
https://learn.microsoft.com/azure/azure-monitor/reference/metrics-index
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpResponse

from app.providers.azure.errors import bad_answer
from app.providers.azure.kinds import type_of
from app.providers.azure.manager import ResourceManager
from app.providers.metrics import PERCENTILES, Gathered, MetricQuery, MetricSeries, MetricWindow, Statistic
from app.providers.problems import ProblemCode, ProviderError

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
_TOGETHER: Mapping[Statistic, Callable[[Sequence[float]], float]] = {
    Statistic.AVERAGE: fmean,
    Statistic.MINIMUM: min,
    Statistic.MAXIMUM: max,
    Statistic.SUM: math.fsum,
    Statistic.SAMPLE_COUNT: math.fsum,
}
"""What shorter periods of equal length come to together."""
_OF_SAMPLES = frozenset({Statistic.AVERAGE, Statistic.MINIMUM, Statistic.MAXIMUM})
"""What there is none of without samples, although Azure may say 0."""
_NO_SUCH_METRIC = "Failed to find metric configuration"
_GRAINS = re.compile(r"allowed time grains: ([\d:.,]+) between metrics")
_GRAIN = re.compile(r"(?:(\d+)\.)?(\d\d):(\d\d):(\d\d)")
_DAY, _HOUR, _MINUTE = 86_400, 3600, 60
_BAD_REQUEST = 400
_MOST_BAD_QUESTIONS = 10
"""Calls whose questions are not taken, after which no others are asked."""

Grains = MutableMapping[tuple[str, str], int]
"""Seconds of the periods in which metrics are told, by resource type and name, where Azure refused others."""
_Group = tuple[str, str | None, tuple[tuple[str, str], ...], frozenset[Statistic]]


class _BadQuestionError(Exception):
    """Azure does not take what it is asked of one resource: nothing about others follows from that."""

    def __init__(self, problem: ProviderError) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who is asked, for which window, and what is known of periods."""

    manager: ResourceManager
    window: MetricWindow
    grains: Grains


def metric_series(
    manager: ResourceManager, queries: Sequence[MetricQuery], window: MetricWindow, grains: Grains
) -> Iterator[list[MetricSeries]]:
    """One series for each query, those of one call at a time; what is learned of periods is noted in `grains`.

    Raises ProviderError; ValueError without an ARM id. Where Azure does not take a question about one resource, the
    others are asked before that is raised, until too many were not taken.
    """
    for query in queries:
        if not query.resource.startswith("/subscriptions/"):
            message = f"{query.name} is asked for of what has no ARM id."
            raise ValueError(message)
    return _series(_Reader(manager, window, grains), queries)


def _series(reader: _Reader, queries: Sequence[MetricQuery]) -> Iterator[list[MetricSeries]]:
    groups: dict[_Group, list[Gathered]] = {}
    for query in queries:
        offered = query.statistics - PERCENTILES
        one = Gathered(query, not_offered=set(query.statistics & PERCENTILES))
        groups.setdefault((query.resource, query.namespace, query.dimensions, offered), []).append(one)
    calls = [(group, some[start : start + _NAMES]) for group, some in groups.items() for start in _starts(some)]
    problems: list[ProviderError] = []
    for group, gathered in calls:
        try:
            if group[-1]:
                _gather(reader, group, gathered)
        except _BadQuestionError as error:
            problems.append(error.problem)
            if len(problems) >= _MOST_BAD_QUESTIONS:
                break
        else:
            yield [one.series(reader.window) for one in gathered]
    if problems:
        raise problems[0]


def _starts(gathered: Sequence[Gathered]) -> range:
    return range(0, len(gathered), _NAMES)


def _gather(reader: _Reader, group: _Group, gathered: Sequence[Gathered]) -> None:
    """Read the metrics of one resource, those that are told in the same periods together."""
    period, kind = reader.window.period_seconds, type_of(group[0])
    alike: dict[int, list[Gathered]] = {}
    for one in gathered:
        grain = reader.grains.get((kind, one.query.name), period)
        # What was learned for a longer period may not fit into this one.
        alike.setdefault(grain if period % grain == 0 else period, []).append(one)
    for grain, some in alike.items():
        _read(reader, group, some, grain)


def _read(reader: _Reader, group: _Group, gathered: Sequence[Gathered], grain: int) -> None:
    """Read in periods of so many seconds. One metric that is not told so makes Azure refuse all: then each alone."""
    resource, _, _, statistics = group
    names = dict.fromkeys(one.query.name for one in gathered)
    reading = f"metrics of {type_of(resource)}"
    refusals: list[str] = []
    is_bad = False

    def is_refused(response: HttpResponse) -> bool:
        nonlocal is_bad
        is_bad = response.status_code == _BAD_REQUEST
        refusals.extend(_refusal(response) if is_bad else ())
        return bool(refusals)

    try:
        answer = reader.manager.metrics(resource, _parameters(group, names, reader.window, grain), is_refused, reading)
    except ProviderError as problem:
        if is_bad and problem.code is ProblemCode.FAILED:
            # The same question has the same answer.
            again = ProviderError(problem.code, problem.message, problem.remedy, retry=False)
            raise _BadQuestionError(again) from None
        raise
    if answer is not None:
        _keep(answer, gathered, reader.window, grain, reading)
    elif len(names) > 1:
        for name in names:
            _gather(reader, group, [one for one in gathered if one.query.name == name])
    elif (shorter := _longest(refusals, reader.window.period_seconds)) < grain:
        reader.grains[type_of(resource), next(iter(names))] = int(shorter)
        _gather(reader, group, gathered)
    else:
        for one in gathered:
            one.refuse(statistics)


def _parameters(group: _Group, names: Mapping[str, None], window: MetricWindow, grain: int) -> dict[str, str]:
    _, namespace, dimensions, statistics = group
    asked = {
        "metricnames": ",".join(names),
        "timespan": f"{_written(window.begin)}/{_written(window.end)}",
        "interval": _INTERVALS[grain],
        "aggregation": ",".join(_STATISTICS[statistic] for statistic in sorted(statistics)),
    }
    if namespace:
        asked["metricnamespace"] = namespace
    if dimensions:
        quoted = ((key, value.replace("'", "''")) for key, value in dimensions)
        asked["$filter"] = " and ".join(f"{key} eq '{value}'" for key, value in quoted)
    return asked


def _keep(
    answer: Mapping[str, Any], gathered: Sequence[Gathered], window: MetricWindow, grain: int, reading: str
) -> None:
    """Keep what an answer tells of each metric. Raises ProviderError(BAD_ANSWER)."""
    if answer.get("interval") != _INTERVALS[grain]:
        raise bad_answer(reading, "it has another interval than was asked for")
    try:
        told = {str(metric["name"]["value"]).lower(): metric for metric in answer["value"]}
        for one in gathered:
            metric = told.get(one.query.name.lower())
            # Azure names a metric that it could not read, with the reason and without points.
            one.is_cut = metric is None or metric.get("errorCode", "Success") != "Success"
            if metric is not None:
                _keep_points(metric["timeseries"], one, window, reading)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise bad_answer(reading, "it is not of the shape that was expected") from None


def _keep_points(timeseries: Sequence[Mapping[str, Any]], one: Gathered, window: MetricWindow, reading: str) -> None:
    """Keep the points of a metric, put together to the periods of the window where they are shorter."""
    if len(timeseries) > 1:
        raise bad_answer(reading, "it tells several series where one was asked for")
    seen: set[str] = set()
    found: dict[tuple[datetime, Statistic], list[float]] = {}
    for point in (point for series in timeseries for point in series["data"]):
        if point["timeStamp"] in seen:
            raise bad_answer(reading, "it tells a period twice")
        seen.add(point["timeStamp"])
        moment = datetime.fromisoformat(point["timeStamp"])
        begin = moment - (moment - window.begin) % window.period
        for statistic, name in _STATISTICS.items():
            value = point.get(name.lower())
            nothing = point.get("count") == 0 and statistic in _OF_SAMPLES
            if value is not None and math.isfinite(value) and not nothing:
                found.setdefault((begin, statistic), []).append(float(value))
    for (begin, statistic), values in found.items():
        one.add(begin, statistic, _TOGETHER[statistic](values))


def _refusal(response: HttpResponse) -> list[str]:
    """The words in which an answer says that the resource has no such metric, or not in such periods; else none."""
    error = HttpResponseError(response=response).error
    words = (error.message if error else None) or ""
    return [words] if _NO_SUCH_METRIC in words or _GRAINS.search(words) else []


def _longest(refusals: Sequence[str], period: int) -> float:
    """Of the periods that a refusal names, the longest of which whole ones make up a period; infinite for none."""
    named = [found[1] for words in refusals if (found := _GRAINS.search(words))]
    seconds = {_seconds(text) for names in named for text in names.split(",")}
    return max((each for each in seconds if each in _INTERVALS and period % each == 0), default=math.inf)


def _seconds(text: str) -> int:
    """A period as refusals write it, `1.00:00:00` or `00:05:00`; 0 for what is none."""
    found = _GRAIN.fullmatch(text)
    if found is None:
        return 0
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return days * _DAY + hours * _HOUR + minutes * _MINUTE + seconds


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
