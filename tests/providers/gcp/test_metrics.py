"""Metrics of Google Cloud: what Cloud Monitoring tells, how many questions that takes, and what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.providers.gcp.cloud import GcpCloud
from app.providers.gcp.connection import GcpConnection, Patience
from app.providers.gcp.metrics import READ_METRICS
from app.providers.metrics import MetricPoint, MetricQuery, MetricSeries, Statistic
from app.providers.problems import ProblemCode, ProviderError
from tests.providers.gcp.conftest import HASTY
from tests.providers.gcp.google import NUMBER, PROJECT, TOKEN, Google
from tests.providers.gcp.monitoring import Far, Fault, Series, monitoring_on_loopback, refusal

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
END = BEGIN + 3 * DAY
CPU = "compute.googleapis.com/instance/cpu/utilization"
REQUESTS = "storage.googleapis.com/api/request_count"
LATENCIES = "run.googleapis.com/request_latencies"
SCOPE = f"projects/{PROJECT}"
INSTANCE = "resource.labels.instance_id"
AVERAGE, MAXIMUM, MINIMUM = Statistic.AVERAGE, Statistic.MAXIMUM, Statistic.MINIMUM
SUM, COUNT, P95, P99 = Statistic.SUM, Statistic.SAMPLE_COUNT, Statistic.P95, Statistic.P99


@pytest.fixture
def far() -> Iterator[Far]:
    with monitoring_on_loopback() as found:
        yield found


@pytest.fixture
def connection(google: Google, far: Far) -> Iterator[GcpConnection]:
    found = GcpCloud(HASTY).connect(google.target(monitoring=far.url))
    yield found
    found.close()


def samples(*told: tuple[float, float]) -> list[tuple[datetime, float]]:
    """Samples as hours since BEGIN and values."""
    return [(BEGIN + timedelta(hours=hours), value) for hours, value in told]


def machine(number: int, *told: tuple[float, float]) -> Series:
    return Series(CPU, "gce_instance", {INSTANCE: str(number), "metric.labels.name": f"vm-{number}"}, samples(*told))


def bucket(method: str, *told: tuple[float, int], name: str = "logs") -> Series:
    labels = {"resource.labels.bucket_name": name, "metric.labels.method": method}
    return Series(REQUESTS, "gcs_bucket", labels, samples(*told))


def cpu(number: int, *statistics: Statistic, **parts: Any) -> MetricQuery:
    return MetricQuery(
        resource=f"//compute.googleapis.com/projects/{PROJECT}/zones/z/instances/vm-{number}",
        region="us-central1",
        name=CPU,
        namespace="gce_instance",
        statistics=frozenset(statistics or (AVERAGE,)),
        dimensions=((INSTANCE, str(number)),),
        **parts,
    )


def requests(*statistics: Statistic, **labels: str) -> MetricQuery:
    dimensions = tuple((f"metric.labels.{name}", value) for name, value in labels.items())
    bucket_name = ("resource.labels.bucket_name", "logs")
    return MetricQuery("//storage/logs", "us", REQUESTS, frozenset(statistics), None, (*dimensions, bucket_name))


def read(connection: GcpConnection, *queries: MetricQuery, **window: Any) -> list[MetricSeries]:
    asked = {"begin": BEGIN, "end": END, **window}
    return [one for page in connection.metrics(queries, **asked) for one in page]


def problem_of(connection: GcpConnection, *queries: MetricQuery) -> ProviderError:
    """The problem that reading ends with; it does not tell what the far side wrote."""
    with pytest.raises(ProviderError) as caught:
        read(connection, *(queries or (cpu(1),)))
    assert caught.value.__cause__ is None
    for secret in ("s3cret", TOKEN):
        assert secret not in f"{caught.value.message} {caught.value.remedy}"
    return caught.value


def test_days_are_told_and_those_without_samples_are_absent(far: Far, connection: GcpConnection) -> None:
    far.known[SCOPE] = [machine(1, (1, 0.1), (24, 0.3), (49, 0.0)), machine(2, (1, 0.9))]
    (found,) = read(connection, cpu(1, AVERAGE, MINIMUM, MAXIMUM, COUNT))
    assert found.points == (
        MetricPoint(BEGIN, {AVERAGE: 0.2, MINIMUM: 0.1, MAXIMUM: 0.3, COUNT: 2.0}),
        MetricPoint(BEGIN + 2 * DAY, {AVERAGE: 0.0, MINIMUM: 0.0, MAXIMUM: 0.0, COUNT: 1.0}),
    )
    assert (found.periods, found.complete, found.not_offered) == (3, False, frozenset())
    assert [path for path, _ in far.asked] == [f"/v3/{SCOPE}/timeSeries"] * 4
    params = next(params for _, params in far.asked if params["aggregation.perSeriesAligner"] == ["ALIGN_MEAN"])
    assert params == {
        "filter": [f'metric.type = "{CPU}" AND resource.type = "gce_instance" AND {INSTANCE} = "1"'],
        "interval.startTime": ["2026-11-01T00:00:00Z"],
        "interval.endTime": ["2026-11-04T00:00:00Z"],
        "aggregation.alignmentPeriod": ["86400s"],
        "aggregation.perSeriesAligner": ["ALIGN_MEAN"],
        "aggregation.crossSeriesReducer": ["REDUCE_MEAN"],
        "aggregation.groupByFields": [INSTANCE],
        "view": ["FULL"],
        "pageSize": ["20000"],
    }


def test_a_whole_window_is_complete(far: Far, connection: GcpConnection) -> None:
    far.known[SCOPE] = [machine(1, (1, 0.1), (25, 0.1), (72, 0.1))]
    (found,) = read(connection, cpu(1))
    assert found.complete
    (hourly,) = read(connection, cpu(1), end=BEGIN + timedelta(hours=2), period_seconds=3600)
    assert [point.begin for point in hourly.points] == [BEGIN]


def test_many_machines_are_asked_about_in_one_question(far: Far, connection: GcpConnection) -> None:
    numbers = range(10**15, 10**15 + 250)
    far.known[SCOPE] = [machine(number, (1, number - 10**15)) for number in numbers]
    pages = list(connection.metrics([cpu(number) for number in numbers], BEGIN, END))
    assert [len(page) for page in pages] == [95, 95, 60]
    assert len(far.asked) == 3
    assert all(len(params["filter"][0]) <= 2048 for _, params in far.asked)
    found = [one for page in pages for one in page]
    assert [one.query for one in found] == [cpu(number) for number in numbers]
    assert [one.points[0].values[AVERAGE] for one in found] == [float(number) for number in range(250)]


def test_pages_are_joined_also_inside_a_series(far: Far, connection: GcpConnection) -> None:
    far.known[SCOPE] = [machine(number, (1, 0.1), (25, 0.2), (49, 0.3)) for number in (1, 2, 3)]
    far.page = 2
    found = read(connection, cpu(1), cpu(2), cpu(3))
    assert all(one.complete for one in found)
    assert [params.get("pageToken") for _, params in far.asked] == [None, ["2"], ["4"], ["6"], ["8"]]


def test_series_of_one_resource_become_one(far: Far, connection: GcpConnection) -> None:
    far.known[SCOPE] = [
        bucket("Read", (1, 5), (2, 6)),
        bucket("Write", (1, 10), (25, 1)),
        bucket("Read", (1, 99), name="other"),
    ]
    (found,) = read(connection, requests(SUM, COUNT, MAXIMUM))
    assert [point.values for point in found.points] == [
        {SUM: 21.0, COUNT: 3.0, MAXIMUM: 10.0},
        {SUM: 1.0, COUNT: 1.0, MAXIMUM: 1.0},
    ]
    (reads,) = read(connection, requests(SUM, method="Read"))
    assert [point.values for point in reads.points] == [{SUM: 11.0}]


def latencies(code: str, *told: tuple[float, float]) -> Series:
    labels = {"resource.labels.service_name": "web", "metric.labels.response_code": code}
    return Series(LATENCIES, "cloud_run_revision", labels, samples(*told), is_distribution=True)


def latency(*statistics: Statistic, **labels: str) -> MetricQuery:
    dimensions = tuple((f"metric.labels.{name}", value) for name, value in labels.items())
    service = ("resource.labels.service_name", "web")
    return MetricQuery("//run/web", "us", LATENCIES, frozenset(statistics), dimensions=(*dimensions, service))


def test_percentiles_of_several_series_are_not_one(far: Far, connection: GcpConnection) -> None:
    told = [(hour / 2, float(hour)) for hour in range(1, 41)]
    far.known[SCOPE] = [latencies("200", *told), latencies("500", (1, 9000.0))]
    far.page = 1
    one, all_of_them = read(connection, latency(P95, P99, response_code="200"), latency(P95))
    assert [point.values for point in one.points] == [{P95: 38.0, P99: 39.0}]
    assert one.not_offered == frozenset()
    assert (all_of_them.points, all_of_them.not_offered) == ((), frozenset({P95}))


def test_a_percentile_that_google_does_not_compute_is_not_offered(far: Far, connection: GcpConnection) -> None:
    far.known[SCOPE] = [machine(1, (1, 0.1), (25, 0.1), (49, 0.1))]
    (found,) = read(connection, cpu(1, P95, AVERAGE))
    assert found.not_offered == {P95}
    assert (found.is_complete(AVERAGE), found.complete) == (True, False)
    assert [point.values for point in found.points] == [{AVERAGE: 0.1}] * 3


def test_an_unknown_metric_is_not_offered(far: Far, connection: GcpConnection) -> None:
    far.known[SCOPE] = [machine(1, (1, 0.1))]
    unknown, found = read(connection, requests(SUM), cpu(1))
    assert (unknown.points, unknown.not_offered) == ((), frozenset({SUM}))
    assert len(found.points) == 1


def test_what_is_no_number_is_not_offered(far: Far, connection: GcpConnection) -> None:
    interval = {"startTime": "2026-11-02T00:00:00Z", "endTime": "2026-11-02T00:00:00.000000000Z"}
    points = [{"interval": interval, "value": {"distributionValue": {"count": "1"}}}]
    series = {"metric": {}, "resource": {"labels": {"instance_id": "1"}}, "points": points}
    far.faults = [Fault(body=json.dumps({"timeSeries": [series]}))]
    (found,) = read(connection, cpu(1))
    assert (found.points, found.not_offered) == ((), frozenset({AVERAGE}))


def test_projects_of_an_organization_are_named_by_the_query(google: Google, far: Far) -> None:
    far.known = {"projects/one": [machine(1, (1, 0.1))], "projects/two": [machine(1, (1, 0.2))]}
    connection = GcpCloud(HASTY).connect(google.target("organizations/42", monitoring=far.url))
    found = read(connection, cpu(1, account="one"), cpu(1, account="two"))
    connection.close()
    assert [one.points[0].values[AVERAGE] for one in found] == [0.1, 0.2]


def test_values_are_quoted(far: Far, connection: GcpConnection) -> None:
    far.known[SCOPE] = [bucket('a"b\\c é', (1, 1)), bucket("other", (1, 2))]
    (found,) = read(connection, requests(SUM, method='a"b\\c é'))
    assert [point.values for point in found.points] == [{SUM: 1.0}]


def test_a_dimension_has_to_be_a_label(connection: GcpConnection) -> None:
    query = MetricQuery("r", "us", CPU, frozenset({SUM}), dimensions=(('x" OR "', "1"),))
    with pytest.raises(ValueError, match=r"neither resource\.labels"):
        connection.metrics([query], BEGIN, END)


def test_an_answer_with_errors_of_its_own_is_not_complete(far: Far, connection: GcpConnection) -> None:
    far.faults = [Fault(body=json.dumps({"executionErrors": [{"code": 4, "message": "s3cret"}]}))]
    (found,) = read(connection, cpu(1))
    assert (found.is_cut, found.complete, found.not_offered) == (True, False, frozenset())


def test_throttled_for_a_moment(far: Far, connection: GcpConnection) -> None:
    far.known[SCOPE] = [machine(1, (1, 0.1))]
    far.faults = [refusal(429, reason="RATE_LIMIT_EXCEEDED"), Fault(503), Fault(reset=True)]
    assert len(read(connection, cpu(1))[0].points) == 1
    assert len(far.asked) == 4


@pytest.fixture
def quick(google: Google, far: Far) -> Iterator[GcpConnection]:
    """A connection that soon gives up."""
    found = GcpCloud(Patience(call=0.3, tries=0.1, first_wait=0.02)).connect(google.target(monitoring=far.url))
    yield found
    found.close()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(503), ProblemCode.UNREACHABLE),
        (Fault(reset=True), ProblemCode.UNREACHABLE),
        (Fault(late=True), ProblemCode.UNREACHABLE),
        (Fault(500, "s3cret"), ProblemCode.FAILED),
        (refusal(400), ProblemCode.FAILED),
        (refusal(404), ProblemCode.FAILED),
        (Fault(400, '{"error": "s3cret"}'), ProblemCode.FAILED),
        (refusal(401, reason="ACCESS_TOKEN_EXPIRED"), ProblemCode.CREDENTIALS),
        (Fault(302, headers={"Location": "http://127.0.0.1:1/s3cret"}), ProblemCode.FAILED),
        (Fault(body='{"timeSeries": ['), ProblemCode.BAD_ANSWER),
        (Fault(body="[]"), ProblemCode.BAD_ANSWER),
        (Fault(body='{"timeSeries": [{}]}'), ProblemCode.BAD_ANSWER),
    ],
)
def test_errors_of_the_far_side(far: Far, quick: GcpConnection, fault: Fault, code: ProblemCode) -> None:
    far.faults = [fault] * 99
    assert problem_of(quick).code is code


def test_throttled_for_too_long(far: Far, quick: GcpConnection) -> None:
    far.faults = [refusal(429, reason="RATE_LIMIT_EXCEEDED", wait=30)] * 99
    problem = problem_of(quick)
    assert (problem.code, problem.retry_after) == (ProblemCode.THROTTLED, 30)
    assert "the quota of monitoring.googleapis.com" in problem.remedy


def test_denied(far: Far, connection: GcpConnection) -> None:
    far.faults = [refusal(403, reason="IAM_PERMISSION_DENIED", permission=READ_METRICS)] * 2
    problem = problem_of(connection)
    assert (problem.code, problem.permission) == (ProblemCode.DENIED, READ_METRICS)
    assert problem.message == f"The permission {READ_METRICS} is missing to read {CPU}."


def test_an_api_that_is_off(far: Far, connection: GcpConnection) -> None:
    told = {"service": "monitoring.googleapis.com", "consumer": f"projects/{NUMBER}"}
    far.faults = [refusal(403, "", 0, "SERVICE_DISABLED", **told)]
    problem = problem_of(connection)
    assert problem.code is ProblemCode.NOT_ENABLED
    assert f"gcloud services enable monitoring.googleapis.com --project {NUMBER}" in problem.remedy


def test_a_page_repeated(far: Far, connection: GcpConnection) -> None:
    far.faults = [Fault(body=json.dumps({"nextPageToken": token})) for token in ("a", "b", "a")]
    problem = problem_of(connection)
    assert (problem.code, problem.message) == (
        ProblemCode.BAD_ANSWER,
        f"Google's answer about {CPU} repeats a page.",
    )
    assert len(far.asked) == 3


def test_signs_in_once_for_the_inventory_and_the_metrics(google: Google, far: Far, connection: GcpConnection) -> None:
    far.known[SCOPE] = [machine(1, (1, 0.1))]
    connection.verify()
    read(connection, cpu(1))
    assert len(google.assertions) == 1


def test_nothing_is_asked_before_it_is_wanted(far: Far, connection: GcpConnection) -> None:
    connection.metrics([cpu(1)], BEGIN, END)
    assert far.asked == []


def test_verify_names_the_permission_for_metrics(google: Google, connection: GcpConnection) -> None:
    google.held.remove(READ_METRICS)
    assert connection.verify().missing_permissions == (READ_METRICS,)
