"""How much resources are used, as CloudWatch tells it: many metrics in one call."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from app.providers.aws.errors import REFUSED_BY_REGION, error_code, not_enabled, reading_aws, repeated_page
from app.providers.aws.reading import moment
from app.providers.base import GLOBAL
from app.providers.metrics import Gathered, MetricQuery, MetricSeries, MetricWindow, Statistic
from app.providers.problems import ProblemCode, ProviderError

if TYPE_CHECKING:
    from app.providers.aws.session import AwsConnection

_OPERATION: Final = "GetMetricData"
READ_METRICS: Final = f"cloudwatch:{_OPERATION}"
_MOST_QUERIES: Final = 500
_MOST_POINTS: Final = 100_800
"""What one call takes and one answer holds, see the documentation of GetMetricData."""
_STATISTICS: Final = {
    Statistic.AVERAGE: "Average",
    Statistic.MINIMUM: "Minimum",
    Statistic.MAXIMUM: "Maximum",
    Statistic.SUM: "Sum",
    Statistic.SAMPLE_COUNT: "SampleCount",
    Statistic.P95: "p95",
    Statistic.P99: "p99",
}


def metric_series(
    connection: AwsConnection, queries: Sequence[MetricQuery], window: MetricWindow
) -> Iterator[list[MetricSeries]]:
    """One series for each query, those of one call at a time. Raises ProviderError; ValueError without a namespace."""
    for query in queries:
        if not query.namespace:
            message = f"{query.name} is asked for without its namespace."
            raise ValueError(message)
    return _series(connection, queries, window)


def _series(
    connection: AwsConnection, queries: Sequence[MetricQuery], window: MetricWindow
) -> Iterator[list[MetricSeries]]:
    by_region: dict[str, list[MetricQuery]] = {}
    for query in queries:
        by_region.setdefault(query.region, []).append(query)
    for region, there in by_region.items():
        for together in _calls(there, window):
            with reading_aws((READ_METRICS,)):
                told = _answered(connection, region, together, window)
            yield told


def _calls(queries: Sequence[MetricQuery], window: MetricWindow) -> Iterator[list[MetricQuery]]:
    """The queries of one call after the other.

    All statistics of a metric are in one call: AWS charges for metrics, and up to five statistics of one count once.
    """
    most = max(1, min(_MOST_QUERIES, _MOST_POINTS // window.periods))
    together: list[MetricQuery] = []
    count = 0
    for query in queries:
        if together and count + len(query.statistics) > most:
            yield together
            together, count = [], 0
        together.append(query)
        count += len(query.statistics)
    if together:
        yield together


def _answered(
    connection: AwsConnection, region: str, queries: Sequence[MetricQuery], window: MetricWindow
) -> list[MetricSeries]:
    gathered = [Gathered(query) for query in queries]
    asked = {
        f"m{number}_{_STATISTICS[statistic].lower()}": (one, statistic)
        for number, one in enumerate(gathered)
        for statistic in sorted(one.query.statistics)
    }
    status: dict[str, str] = {}
    try:
        for result in _results(connection, region, asked, window):
            one, statistic = asked[result["Id"]]
            status[result["Id"]] = result.get("StatusCode") or "Complete"
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                begin = moment(at)
                if begin is not None and math.isfinite(value):
                    one.add(begin, statistic, float(value))
    except ClientError as error:
        if _switched_off(error, connection, region):
            raise not_enabled() from None
        raise
    if "Forbidden" in status.values():
        raise _forbidden()
    for name, (one, _) in asked.items():
        # What no answer names was left out, as AWS does when a call asks for too much. Of what is still partial, or
        # failed, on the last page there is more than was told.
        one.is_cut = one.is_cut or status.get(name) != "Complete"
    return [one.series(window) for one in gathered]


def _results(
    connection: AwsConnection, region: str, asked: Mapping[str, tuple[Gathered, Statistic]], window: MetricWindow
) -> Iterator[dict[str, Any]]:
    """The results of all pages; a metric is in several of them where it does not fit into one."""
    arguments: dict[str, Any] = {
        "MetricDataQueries": [_query(name, one.query, statistic, window) for name, (one, statistic) in asked.items()],
        "StartTime": window.begin,
        "EndTime": window.end,
        "ScanBy": "TimestampAscending",
        "MaxDatapoints": _MOST_POINTS,
    }
    client = connection.client("cloudwatch", region)
    seen: set[str] = set()
    while True:
        answer = client.get_metric_data(**arguments)
        yield from answer["MetricDataResults"]
        token = answer.get("NextToken")
        if not token:
            return
        if token in seen:
            raise repeated_page(_OPERATION)
        seen.add(token)
        arguments["NextToken"] = token


def _query(name: str, query: MetricQuery, statistic: Statistic, window: MetricWindow) -> dict[str, Any]:
    metric = {
        "Namespace": query.namespace,
        "MetricName": query.name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in query.dimensions],
    }
    stat = {"Metric": metric, "Period": window.period_seconds, "Stat": _STATISTICS[statistic]}
    return {"Id": name, "MetricStat": stat, "ReturnData": True}


def _switched_off(error: ClientError, connection: AwsConnection, region: str) -> bool:
    """Whether the error only says that the region is not switched on: the credentials are good elsewhere."""
    away = region not in {GLOBAL, connection.home_region}
    return away and error_code(error) in REFUSED_BY_REGION and connection.answers()


def _forbidden() -> ProviderError:
    """CloudWatch answers the call, and denies single metrics in it."""
    return ProviderError(
        ProblemCode.DENIED,
        "AWS denied some of the metrics.",
        "Allow it in the policy of Skyledger's role or user (`skyledger permissions aws` prints the whole policy), "
        "without conditions on namespaces or accounts.",
        permission=READ_METRICS,
    )
