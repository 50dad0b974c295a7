"""Metrics of AWS: CloudWatch on moto, with the pages, limits and faults that AWS has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.providers.aws.metrics import READ_METRICS
from app.providers.aws.policy import required_permissions
from app.providers.aws.session import AwsConnection
from app.providers.metrics import MetricPoint, MetricQuery, MetricSeries, Statistic
from app.providers.problems import ProblemCode, ProviderError
from tests.providers.aws.cloudwatch import CloudWatch, Refusal, cloudwatch_before
from tests.providers.moto import REGION, aws_target, far_client

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
END = BEGIN + 4 * DAY
AVERAGE, MAXIMUM, SUM, COUNT = Statistic.AVERAGE, Statistic.MAXIMUM, Statistic.SUM, Statistic.SAMPLE_COUNT


@pytest.fixture
def far(moto_url: str) -> Iterator[CloudWatch]:
    with cloudwatch_before(moto_url) as found:
        yield found


@pytest.fixture
def connection(far: CloudWatch) -> Iterator[AwsConnection]:
    found = AwsConnection(aws_target(far.url), attempts=2)
    yield found
    found.close()


def cpu(instance: str, *statistics: Statistic, region: str = REGION) -> MetricQuery:
    return MetricQuery(
        resource=instance,
        region=region,
        name="CPUUtilization",
        namespace="AWS/EC2",
        statistics=frozenset(statistics or (AVERAGE,)),
        dimensions=(("InstanceId", instance),),
    )


def put(url: str, instance: str, *samples: tuple[int, float], region: str = REGION) -> None:
    """Samples of an instance's CPU, as hours since BEGIN and percent."""
    data = [
        {
            "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": instance}],
            "Timestamp": BEGIN + timedelta(hours=hours),
            "Value": value,
        }
        for hours, value in samples
    ]
    far_client(url, "cloudwatch", region).put_metric_data(Namespace="AWS/EC2", MetricData=data)


def read(connection: AwsConnection, *queries: MetricQuery, **window: Any) -> dict[str, MetricSeries]:
    """The series by resource."""
    asked = {"begin": BEGIN, "end": END, **window}
    return {one.query.resource: one for page in connection.metrics(queries, **asked) for one in page}


def problem_of(connection: AwsConnection, *queries: MetricQuery) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        read(connection, *(queries or (cpu("i-1"),)))
    assert "s3cret" not in f"{caught.value.message} {caught.value.remedy}"
    return caught.value


def test_days_are_told_and_those_without_samples_are_absent(far: CloudWatch, connection: AwsConnection) -> None:
    put(far.behind, "i-1", (0, 10), (12, 30), (48, 5), (95, 0))
    put(far.behind, "i-2", *((day * 24 + 1, 4.0) for day in range(4)))
    far.asked.clear()
    found = read(connection, cpu("i-1", AVERAGE, MAXIMUM, SUM, COUNT), cpu("i-2"), cpu("i-3"))
    assert found["i-1"].points == (
        MetricPoint(BEGIN, {AVERAGE: 20.0, MAXIMUM: 30.0, SUM: 40.0, COUNT: 2.0}),
        MetricPoint(BEGIN + 2 * DAY, {AVERAGE: 5.0, MAXIMUM: 5.0, SUM: 5.0, COUNT: 1.0}),
        MetricPoint(BEGIN + 3 * DAY, {AVERAGE: 0.0, MAXIMUM: 0.0, SUM: 0.0, COUNT: 1.0}),
    )
    assert (found["i-1"].periods, found["i-1"].complete, found["i-1"].is_cut) == (4, False, False)
    assert found["i-2"].complete
    assert found["i-2"].is_complete(AVERAGE)
    assert not found["i-2"].is_complete(MAXIMUM)
    assert (found["i-3"].points, found["i-3"].complete) == ((), False)
    (asked,) = far.asked
    assert (asked["StartTime"], asked["EndTime"]) == (BEGIN.timestamp(), END.timestamp())


def test_hours_are_told(far: CloudWatch, connection: AwsConnection) -> None:
    put(far.behind, "i-1", (0, 1), (1, 2))
    found = read(connection, cpu("i-1"), end=BEGIN + timedelta(hours=2), period_seconds=3600)["i-1"]
    assert [(point.begin, point.values[AVERAGE]) for point in found.points] == [
        (BEGIN, 1.0),
        (BEGIN + timedelta(hours=1), 2.0),
    ]
    assert found.complete


def test_percentiles_are_asked_for_by_name(far: CloudWatch, connection: AwsConnection) -> None:
    def percentile(told: dict[str, Any]) -> dict[str, Any]:
        for result in told["MetricDataResults"]:
            result |= {"Timestamps": [BEGIN.timestamp()], "Values": [95.0 if result["Id"].endswith("p95") else 99.0]}
        return told

    far.faults = [percentile]
    found = read(connection, cpu("i-1", Statistic.P95, Statistic.P99))["i-1"]
    assert found.points == (MetricPoint(BEGIN, {Statistic.P95: 95.0, Statistic.P99: 99.0}),)
    assert [query["MetricStat"]["Stat"] for query in far.asked[0]["MetricDataQueries"]] == ["p95", "p99"]
    assert found.not_offered == frozenset()


def test_at_most_500_metrics_are_in_a_call_and_those_of_one_resource_stay_together(
    far: CloudWatch, connection: AwsConnection
) -> None:
    names = [f"i-{number}" for number in range(401)]
    put(far.behind, "i-0", (0, 1))
    put(far.behind, "i-400", (0, 2))
    far.asked.clear()
    pages = list(connection.metrics([cpu(name, AVERAGE, MAXIMUM, SUM) for name in names], BEGIN, END))
    assert [len(page) for page in pages] == [166, 166, 69]
    assert [len(asked["MetricDataQueries"]) for asked in far.asked] == [498, 498, 207]
    found = {one.query.resource: one for page in pages for one in page}
    assert list(found) == names
    assert found["i-0"].points[0].values == {AVERAGE: 1.0, MAXIMUM: 1.0, SUM: 1.0}
    assert found["i-400"].points[0].values == {AVERAGE: 2.0, MAXIMUM: 2.0, SUM: 2.0}


def test_a_call_asks_for_no_more_points_than_an_answer_holds(far: CloudWatch, connection: AwsConnection) -> None:
    # 63 days by the hour are 1,512 points: 66 metrics have 99,792.
    queries = [cpu(f"i-{number}") for number in range(100)]
    list(connection.metrics(queries, END - timedelta(days=63), END, 3600))
    assert [len(asked["MetricDataQueries"]) for asked in far.asked] == [66, 34]


def test_pages_are_joined(far: CloudWatch, connection: AwsConnection) -> None:
    for name in ("i-1", "i-2", "i-3"):
        put(far.behind, name, *((day * 24, float(day)) for day in range(4)))
    far.page = 3
    far.asked.clear()
    found = read(connection, *(cpu(name) for name in ("i-1", "i-2", "i-3", "i-4")))
    assert [asked.get("NextToken") for asked in far.asked] == [None, "3", "6", "9"]
    for name in ("i-1", "i-2", "i-3"):
        assert [point.values[AVERAGE] for point in found[name].points] == [0.0, 1.0, 2.0, 3.0]
        assert found[name].complete


def test_each_region_is_asked_for_its_own(far: CloudWatch, connection: AwsConnection) -> None:
    put(far.behind, "i-1", (0, 1))
    put(far.behind, "i-2", (0, 2), region="us-east-1")
    found = read(connection, cpu("i-1"), cpu("i-2", region="global"), cpu("i-3", region="us-west-2"))
    assert [found[name].points[0].values[AVERAGE] for name in ("i-1", "i-2")] == [1.0, 2.0]
    assert found["i-3"].points == ()


def test_nothing_is_asked_before_it_is_wanted(far: CloudWatch, connection: AwsConnection) -> None:
    pages = connection.metrics([cpu("i-1"), cpu("i-2", region="us-east-1")], BEGIN, END)
    assert far.asked == []
    next(pages)
    assert len(far.asked) == 1
    assert list(connection.metrics([], BEGIN, END)) == []


@pytest.mark.parametrize("status", ["PartialData", "InternalError", None])
def test_what_was_not_told_to_the_end_is_not_complete(
    far: CloudWatch, connection: AwsConnection, status: str | None
) -> None:
    def unfinished(told: dict[str, Any]) -> dict[str, Any]:
        """The first metric is told in part, or left out with a message; the second is whole."""
        first, second = told["MetricDataResults"]
        if status is None:
            messages = [{"Code": "MaxMetricsExceeded", "Value": "Maximum number of allowed metrics exceeded"}]
            return {"MetricDataResults": [second], "Messages": messages}
        return {"MetricDataResults": [first | {"StatusCode": status}, second]}

    for name in ("i-1", "i-2"):
        put(far.behind, name, *((day * 24, 1.0) for day in range(4)))
    far.faults = [unfinished]
    found = read(connection, cpu("i-1"), cpu("i-2"))
    assert (found["i-1"].is_cut, found["i-1"].complete) == (True, False)
    assert (found["i-2"].is_cut, found["i-2"].complete) == (False, True)


def test_a_page_repeated_is_refused(far: CloudWatch, connection: AwsConnection) -> None:
    def followed_by(token: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        return lambda told: {**told, "NextToken": token}

    far.faults = [followed_by(token) for token in ("1", "2", "1")]
    problem = problem_of(connection)
    assert (problem.code, problem.message) == (
        ProblemCode.BAD_ANSWER,
        "AWS named the same page twice in GetMetricData.",
    )
    assert len(far.asked) == 3


def test_throttled_for_a_moment(far: CloudWatch, connection: AwsConnection) -> None:
    put(far.behind, "i-1", (0, 1))
    far.faults = [Refusal("Throttling", message="Rate exceeded")]
    assert len(read(connection, cpu("i-1"))["i-1"].points) == 1


def test_throttled_for_too_long(far: CloudWatch, connection: AwsConnection) -> None:
    far.faults = [Refusal("Throttling")] * 9
    assert problem_of(connection).code is ProblemCode.THROTTLED


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_denied(far: CloudWatch, connection: AwsConnection, code: str) -> None:
    far.faults = [Refusal(code, 403, "s3cret")]
    problem = problem_of(connection)
    assert (problem.code, problem.permission) == (ProblemCode.DENIED, READ_METRICS)


def test_single_metrics_denied(far: CloudWatch, connection: AwsConnection) -> None:
    def forbidden(told: dict[str, Any]) -> dict[str, Any]:
        return {"MetricDataResults": [result | {"StatusCode": "Forbidden"} for result in told["MetricDataResults"]]}

    far.faults = [forbidden]
    problem = problem_of(connection)
    assert (problem.code, problem.permission) == (ProblemCode.DENIED, READ_METRICS)


def test_a_region_that_is_not_switched_on_is_no_matter_of_credentials(
    far: CloudWatch, connection: AwsConnection
) -> None:
    far.faults = [Refusal("UnrecognizedClientException", 403)] * 2
    assert problem_of(connection, cpu("i-1", region="ap-east-1")).code is ProblemCode.NOT_ENABLED
    assert problem_of(connection, cpu("i-1", region="us-east-1")).code is ProblemCode.CREDENTIALS


SHAPELESS: Sequence[dict[str, Any]] = (
    {},
    {"MetricDataResults": [{"Id": "unasked", "Timestamps": [], "Values": [], "StatusCode": "Complete"}]},
    {"MetricDataResults": [{"Id": "m0_average", "Timestamps": [0], "Values": [], "StatusCode": "Complete"}]},
)


@pytest.mark.parametrize("body", [b"", b'{"MetricDataResults": [', *(json.dumps(told).encode() for told in SHAPELESS)])
def test_answers_that_make_no_sense(far: CloudWatch, connection: AwsConnection, body: bytes) -> None:
    far.faults = [body] * 2
    assert problem_of(connection).code is ProblemCode.BAD_ANSWER


@pytest.mark.parametrize(
    ("begin", "end", "period"),
    [
        (BEGIN, BEGIN, 86_400),
        (BEGIN.replace(tzinfo=None), END, 86_400),
        (BEGIN + timedelta(hours=1), END, 86_400),
        (BEGIN, END + timedelta(minutes=1), 3600),
        (BEGIN, END, 7200),
    ],
)
def test_windows_that_are_none(connection: AwsConnection, begin: datetime, end: datetime, period: int) -> None:
    with pytest.raises(ValueError, match=r"window|period|moment"):
        connection.metrics([cpu("i-1")], begin, end, period)


def test_queries_that_are_none(connection: AwsConnection) -> None:
    with pytest.raises(ValueError, match="without its namespace"):
        connection.metrics([MetricQuery("i-1", REGION, "CPUUtilization", frozenset({SUM}))], BEGIN, END)
    with pytest.raises(ValueError, match="without statistics"):
        MetricQuery("i-1", REGION, "CPUUtilization", frozenset())
    with pytest.raises(ValueError, match="dimension twice"):
        MetricQuery("i-1", REGION, "C", frozenset({SUM}), dimensions=(("a", "1"), ("a", "2")))


def test_the_permission_is_part_of_the_policy() -> None:
    assert READ_METRICS in required_permissions(())
