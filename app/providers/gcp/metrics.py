"""How much resources are used, as Cloud Monitoring tells it: one metric of many resources in one question."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.api_core.retry import Retry

from app.providers.gcp.assets import moment
from app.providers.gcp.endpoints import GrpcEndpoint
from app.providers.gcp.errors import bad_answer
from app.providers.gcp.rest import RestApi, Sign
from app.providers.metrics import Gathered, MetricQuery, MetricSeries, MetricWindow, Statistic

MONITORING = "monitoring.googleapis.com"
READ_METRICS = "monitoring.timeSeries.list"

_TOGETHER = 100
"""Resources in one question."""
_FILTER = 2048
"""Characters that a filter may have where Google tells a limit, see MetricThreshold of the same API."""
_POINTS = 20_000
"""Points in an answer: about 4 MB of JSON. A series may go on in the next one."""
_BAD_REQUEST, _NOT_FOUND = 400, 404
_ALIGNERS = {
    Statistic.AVERAGE: ("ALIGN_MEAN", "REDUCE_MEAN"),
    Statistic.MINIMUM: ("ALIGN_MIN", "REDUCE_MIN"),
    Statistic.MAXIMUM: ("ALIGN_MAX", "REDUCE_MAX"),
    Statistic.SUM: ("ALIGN_SUM", "REDUCE_SUM"),
    Statistic.SAMPLE_COUNT: ("ALIGN_COUNT", "REDUCE_SUM"),
    Statistic.P95: ("ALIGN_PERCENTILE_95", None),
    Statistic.P99: ("ALIGN_PERCENTILE_99", None),
}
"""How a series is made daily, and how several series of one resource become one: percentiles cannot.

The mean of several series counts each alike, however many samples it has.
"""
_LABEL = re.compile(r"(resource|metric)\.labels\.([A-Za-z0-9_]+)")
_REFUSED_ALIGNER = "aggregation.perSeriesAligner had an invalid value"
_NO_SUCH_METRIC = "Cannot find metric"

_Values = tuple[str, ...]
_Group = tuple[str, str, str | None, tuple[str, ...], frozenset[Statistic]]


class _NotOfferedError(Exception):
    """Google has no such metric, or not this statistic of it."""


@dataclass(slots=True)
class _Question:
    """Queries about one metric by the values of their labels; `labels` are those that tell resources apart."""

    scope: str
    name: str
    namespace: str | None
    labels: tuple[str, ...]
    statistics: frozenset[Statistic]
    asked: dict[_Values, list[Gathered]] = field(default_factory=dict)

    @property
    def filter(self) -> str:
        """What is asked for, in Google's language."""
        terms = [f"metric.type = {json.dumps(self.name)}"]
        if self.namespace:
            terms.append(f"resource.type = {json.dumps(self.namespace)}")
        for place, label in enumerate(self.labels):
            values = [json.dumps(value, ensure_ascii=False) for value in sorted({found[place] for found in self.asked})]
            terms.append(f"{label} = {values[0]}" if len(values) == 1 else f"{label} = one_of({', '.join(values)})")
        return " AND ".join(terms)

    def gathered(self) -> Iterator[Gathered]:
        """What was gathered for each query."""
        for several in self.asked.values():
            yield from several


class Monitoring:
    """Reads the metrics of one project, or of those that a query names. Used by many threads at a time."""

    def __init__(self, endpoint: GrpcEndpoint, scope: str, sign: Sign, call_seconds: float, retry: Retry) -> None:
        self._api = RestApi(MONITORING, endpoint, sign, call_seconds, retry, _not_offered)
        self._scope = scope

    def series(self, queries: Sequence[MetricQuery], window: MetricWindow) -> Iterator[list[MetricSeries]]:
        """One series for each query, those of one question at a time. Raises ProviderError.

        Raises ValueError for a dimension that is no label.
        """
        for query in queries:
            for label, _ in query.dimensions:
                if not _LABEL.fullmatch(label):
                    message = f"{label} is neither resource.labels.… nor metric.labels.…"
                    raise ValueError(message)
        return self._series(queries, window)

    def close(self) -> None:
        """Let go of sockets."""
        self._api.close()

    def _series(self, queries: Sequence[MetricQuery], window: MetricWindow) -> Iterator[list[MetricSeries]]:
        for question in self._questions(queries):
            for statistic in sorted(question.statistics):
                try:
                    self._gather(question, statistic, window)
                except _NotOfferedError:
                    for one in question.gathered():
                        one.refuse([statistic])
            yield [one.series(window) for one in question.gathered()]

    def _questions(self, queries: Iterable[MetricQuery]) -> Iterator[_Question]:
        groups: dict[_Group, list[MetricQuery]] = {}
        for query in queries:
            labels = tuple(sorted(dict(query.dimensions)))
            scope = self._scope if query.account is None else f"projects/{query.account}"
            groups.setdefault((scope, query.name, query.namespace, labels, query.statistics), []).append(query)
        for group, together in groups.items():
            question = _Question(*group)
            for query in together:
                values = tuple(value for _, value in sorted(query.dimensions))
                question.asked.setdefault(values, []).append(Gathered(query))
                if len(question.asked) > 1 and (len(question.asked) > _TOGETHER or len(question.filter) > _FILTER):
                    one = question.asked[values].pop()
                    del question.asked[values]
                    yield question
                    question = _Question(*group, {values: [one]})
            yield question

    def _gather(self, question: _Question, statistic: Statistic, window: MetricWindow) -> None:
        """Read one statistic, page by page."""
        parameters = _parameters(question, statistic, window)
        labels: dict[_Values, str] = {}
        for answer in self._api.pages(f"v3/{question.scope}/timeSeries", parameters, question.name, READ_METRICS):
            try:
                _keep(answer, question, statistic, window, labels)
            except (LookupError, TypeError, ValueError, AttributeError):
                raise bad_answer(question.name, "is not of the shape that was expected") from None


def _parameters(question: _Question, statistic: Statistic, window: MetricWindow) -> list[tuple[str, str]]:
    aligner, reducer = _ALIGNERS[statistic]
    asked = [
        ("filter", question.filter),
        ("interval.startTime", _written(window.begin)),
        ("interval.endTime", _written(window.end)),
        ("aggregation.alignmentPeriod", f"{window.period_seconds}s"),
        ("aggregation.perSeriesAligner", aligner),
        ("view", "FULL"),
        ("pageSize", str(_POINTS)),
    ]
    if reducer:
        asked.append(("aggregation.crossSeriesReducer", reducer))
        asked += [("aggregation.groupByFields", label) for label in question.labels]
    return asked


def _keep(
    answer: Mapping[str, Any],
    question: _Question,
    statistic: Statistic,
    window: MetricWindow,
    labels: dict[_Values, str],
) -> None:
    """Keep what a page tells. `labels` remembers whose series came, as one may go on in the next page."""
    if answer.get("executionErrors"):
        for one in question.gathered():
            one.is_cut = True
    for series in answer.get("timeSeries") or ():
        values = tuple(_label(series, label) for label in question.labels)
        known = json.dumps([series.get("resource"), series.get("metric")], sort_keys=True)
        several = labels.setdefault(values, known) != known
        for one in question.asked.get(values, ()):
            if several or not _keep_points(series["points"], one, statistic, window):
                one.refuse([statistic])


def _keep_points(
    points: Iterable[Mapping[str, Any]], one: Gathered, statistic: Statistic, window: MetricWindow
) -> bool:
    """Keep the points; False where they are no numbers."""
    for point in points:
        told: Mapping[str, Any] = point["value"]
        number = told.get("doubleValue", told.get("int64Value"))
        if number is None:
            return False
        end = moment(point["interval"]["endTime"])
        if end is None:
            raise ValueError
        # Google tells where a period ends.
        if math.isfinite(float(number)):
            one.add(end - window.period, statistic, float(number))
    return True


def _label(series: Mapping[str, Any], label: str) -> str:
    owner, _, name = label.split(".")
    return str(series[owner]["labels"][name])


def _not_offered(status: int, message: str) -> Exception | None:
    """What Google says where it has no such metric, or not this statistic of it."""
    refused = status == _BAD_REQUEST and _REFUSED_ALIGNER in message
    unknown = status == _NOT_FOUND and message.startswith(_NO_SUCH_METRIC)
    return _NotOfferedError() if refused or unknown else None


def _written(moment_: datetime) -> str:
    return moment_.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
