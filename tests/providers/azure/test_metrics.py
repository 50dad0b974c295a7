"""Metrics of Azure: what Azure Monitor tells of a resource, and what it does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.providers.azure.cloud import AzureCloud
from app.providers.azure.connection import AzureConnection
from app.providers.metrics import MetricPoint, MetricQuery, MetricSeries, Statistic
from app.providers.problems import ProblemCode, ProviderError
from tests.providers.azure.arm_server import METRICS, READ_METRICS, Answer, ArmServer, Fault, failure
from tests.providers.azure.conftest import Connect
from tests.providers.azure.monitor import Monitor, Sample
from tests.providers.azure.rows import VM, identity

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
END = BEGIN + 3 * DAY
CPU = "Percentage CPU"
AVERAGE, MAXIMUM, MINIMUM = Statistic.AVERAGE, Statistic.MAXIMUM, Statistic.MINIMUM
SUM, COUNT, P95 = Statistic.SUM, Statistic.SAMPLE_COUNT, Statistic.P95


def samples(*told: tuple[float, float], **dimensions: str) -> list[Sample]:
    """Samples as hours since BEGIN and values."""
    parts = tuple(sorted(dimensions.items()))
    return [Sample(BEGIN + timedelta(hours=hours), value, parts) for hours, value in told]


@pytest.fixture
def monitor(azure: ArmServer) -> Monitor:
    """A machine that was off for a day, and had no network."""
    made = Monitor({VM.lower(): {CPU: samples((1, 10), (2, 30), (49, 4)), "Network In Total": []}})
    azure.monitor = made
    return made


def asking(name: str = CPU, *statistics: Statistic, resource: str = VM, **parts: Any) -> MetricQuery:
    return MetricQuery(resource.lower(), "westeurope", name, frozenset(statistics or (AVERAGE,)), **parts)


def read(connection: AzureConnection, *queries: MetricQuery, **window: Any) -> list[MetricSeries]:
    asked = {"begin": BEGIN, "end": END, **window}
    return [one for page in connection.metrics(queries, **asked) for one in page]


def fails(connect: Connect, *queries: MetricQuery) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        read(connect(), *(queries or (asking(),)))
    assert raised.value.__cause__ is None
    return raised.value


def test_days_are_told_and_those_without_samples_are_absent(monitor: Monitor, connect: Connect) -> None:
    (found,) = read(connect(), asking(CPU, AVERAGE, MINIMUM, MAXIMUM, SUM))
    assert found.points == (
        MetricPoint(BEGIN, {AVERAGE: 20.0, MINIMUM: 10.0, MAXIMUM: 30.0, SUM: 40.0}),
        MetricPoint(BEGIN + 2 * DAY, {AVERAGE: 4.0, MINIMUM: 4.0, MAXIMUM: 4.0, SUM: 4.0}),
    )
    assert (found.periods, found.complete, found.is_cut, found.not_offered) == (3, False, False, frozenset())
    (asked,) = monitor.asked
    assert asked == {
        "api-version": "2024-02-01",
        "metricnames": CPU,
        "timespan": "2026-11-01T00:00:00Z/2026-11-04T00:00:00Z",
        "interval": "P1D",
        "aggregation": "Average,Maximum,Minimum,Total",
    }


def test_no_samples_have_a_count_and_no_average(monitor: Monitor, connect: Connect) -> None:
    (found,) = read(connect(), asking(CPU, AVERAGE, COUNT))
    assert [point.values for point in found.points] == [
        {AVERAGE: 20.0, COUNT: 2.0},
        {COUNT: 0.0},
        {AVERAGE: 4.0, COUNT: 1.0},
    ]
    assert (found.is_complete(COUNT), found.is_complete(AVERAGE)) == (True, False)
    assert len(monitor.asked) == 1


def test_a_whole_window_is_complete(monitor: Monitor, connect: Connect) -> None:
    monitor.samples[VM.lower()][CPU] += samples((25, 1))
    (found,) = read(connect(), asking())
    assert found.complete
    (hourly,) = read(connect(), asking(), end=BEGIN + timedelta(hours=2), period_seconds=3600)
    assert [point.begin for point in hourly.points] == [BEGIN + timedelta(hours=1)]
    assert not hourly.complete


def test_percentiles_are_not_offered(monitor: Monitor, connect: Connect) -> None:
    only, both = read(connect(), asking(CPU, P95, Statistic.P99), asking(CPU, P95, MAXIMUM))
    assert (only.points, only.not_offered) == ((), frozenset({P95, Statistic.P99}))
    assert both.not_offered == {P95}
    assert [point.values for point in both.points] == [{MAXIMUM: 30.0}, {MAXIMUM: 4.0}]
    assert not both.complete
    assert [asked["aggregation"] for asked in monitor.asked] == ["Maximum"]


def test_metrics_of_one_resource_are_asked_for_together(monitor: Monitor, connect: Connect) -> None:
    names = [f"Metric {number}" for number in range(25)]
    monitor.samples[VM.lower()] = {name: samples((1, float(number))) for number, name in enumerate(names)}
    found = read(connect(), *(asking(name) for name in names))
    assert [one.query.name for one in found] == names
    assert [one.points[0].values[AVERAGE] for one in found] == [float(number) for number in range(25)]
    assert [len(asked["metricnames"].split(",")) for asked in monitor.asked] == [20, 5]


def test_a_metric_that_a_resource_lacks_does_not_lose_the_others(monitor: Monitor, connect: Connect) -> None:
    cpu, network, lacking = read(connect(), asking(), asking("Network In Total"), asking("Credits"))
    assert len(cpu.points) == 2
    assert (network.points, network.not_offered) == ((), frozenset())
    assert (lacking.points, lacking.not_offered, lacking.complete) == ((), frozenset({AVERAGE}), False)
    assert len(monitor.asked) == 4


def test_metrics_that_are_told_in_short_periods_only_are_put_together(monitor: Monitor, connect: Connect) -> None:
    bastion = identity("Microsoft.Network/bastionHosts", "jump")
    monitor.samples[bastion.lower()] = {"sessions": samples((1, 2), (1.1, 4), (26, 1)), "pingmesh": samples((1, 1))}
    monitor.grains["sessions"] = ("PT5M", "PT15M")
    connection = connect()
    told, other = read(connection, asking("sessions", SUM, resource=bastion), asking("pingmesh", resource=bastion))
    assert told.points == (MetricPoint(BEGIN, {SUM: 6.0}), MetricPoint(BEGIN + DAY, {SUM: 1.0}))
    assert (told.not_offered, told.is_cut, told.query.name) == (frozenset(), False, "sessions")
    assert len(other.points) == 1
    assert [asked["interval"] for asked in monitor.asked] == ["P1D", "PT15M", "P1D"]
    (again,) = read(connection, asking("sessions", AVERAGE, MINIMUM, MAXIMUM, SUM, COUNT, resource=bastion))
    assert again.points[0].values == {AVERAGE: 3.0, MINIMUM: 2.0, MAXIMUM: 4.0, SUM: 6.0, COUNT: 2.0}
    assert monitor.asked[-1]["interval"] == "PT15M"
    assert len(monitor.asked) == 4


def test_metrics_of_other_periods_do_not_keep_the_others_from_being_told(monitor: Monitor, connect: Connect) -> None:
    account = identity("Microsoft.Storage/storageAccounts", "logs")
    monitor.samples[account.lower()] = {"UsedCapacity": samples((1, 8), (2, 4)), "Egress": samples((1, 7))}
    monitor.grains["UsedCapacity"] = ("PT1H",)
    queries = [asking(name, resource=account) for name in ("UsedCapacity", "Egress")]
    connection = connect()
    for _ in range(2):
        capacity, egress = read(connection, *queries)
        assert (capacity.points[0].values, egress.points[0].values) == ({AVERAGE: 6.0}, {AVERAGE: 7.0})
    together = ["UsedCapacity,Egress", "UsedCapacity", "UsedCapacity", "Egress", "UsedCapacity", "Egress"]
    assert [asked["metricnames"] for asked in monitor.asked] == together


def test_a_metric_that_is_told_in_longer_periods_only_is_not_offered(monitor: Monitor, connect: Connect) -> None:
    monitor.grains[CPU] = ("P1D",)
    (found,) = read(connect(), asking(), end=BEGIN + DAY, period_seconds=3600)
    assert (found.points, found.not_offered) == ((), frozenset({AVERAGE}))
    assert len(monitor.asked) == 1


def test_a_resource_that_is_gone_has_no_points(monitor: Monitor, connect: Connect) -> None:
    gone = identity("Microsoft.Compute/virtualMachines", "gone")
    lost, found = read(connect(), asking(resource=gone), asking())
    assert (lost.points, lost.complete) == ((), False)
    assert len(found.points) == 2
    assert len(monitor.asked) == 2


def test_dimensions_are_filtered_by(monitor: Monitor, connect: Connect) -> None:
    account = identity("Microsoft.Storage/storageAccounts", "logs")
    monitor.samples[account.lower()] = {
        "Transactions": samples((1, 5), ApiName="it's") + samples((1, 7), ApiName="PutBlob")
    }
    query = asking("Transactions", SUM, resource=account, dimensions=(("ApiName", "it's"),), namespace="Blobs")
    (found,) = read(connect(), query)
    assert found.points == (MetricPoint(BEGIN, {SUM: 5.0}),)
    assert monitor.asked[0]["$filter"] == "ApiName eq 'it''s'"
    assert monitor.asked[0]["metricnamespace"] == "Blobs"


def test_names_with_signs_reach_azure_as_they_are(monitor: Monitor, connect: Connect) -> None:
    odd = identity("Microsoft.Compute/virtualMachines", "a b (1)#2")
    monitor.samples[odd.lower()] = {"Disk Read Operations/Sec & more": samples((1, 1))}
    (found,) = read(connect(), asking("Disk Read Operations/Sec & more", resource=odd))
    assert len(found.points) == 1


def test_throttling_is_waited_for(azure: ArmServer, monitor: Monitor, connect: Connect) -> None:
    azure.faults = [Fault(METRICS, failure(429, "TooManyRequests", "Slow down."))]
    azure.faults[0].answer.headers["Retry-After"] = "1"
    assert len(read(connect(), asking())[0].points) == 2
    azure.faults = [Fault(METRICS, Answer({}, 429, {"Retry-After": "900"}), times=9)]
    error = fails(connect)
    assert (error.code, error.retry_after) == (ProblemCode.THROTTLED, 900)
    assert len(monitor.asked) == 1


def test_denied(azure: ArmServer, monitor: Monitor, connect: Connect) -> None:
    azure.roles = [{"actions": ["*/read"], "notActions": [READ_METRICS]}]
    error = fails(connect)
    assert (error.code, error.permission) == (ProblemCode.DENIED, READ_METRICS)
    assert "metrics of microsoft.compute/virtualmachines" in error.message
    assert monitor.asked == []


@pytest.mark.usefixtures("monitor")
def test_another_bad_request_is_no_missing_metric(azure: ArmServer, connect: Connect) -> None:
    azure.faults = [Fault(METRICS, Answer({"code": "BadRequest", "message": "Invalid time interval input."}, 400))]
    error = fails(connect)
    assert (error.code, error.retry) == (ProblemCode.FAILED, False)
    assert "400 BadRequest" in error.message


def test_a_bad_request_about_one_resource_does_not_keep_others_from_being_told(
    azure: ArmServer, monitor: Monitor, connect: Connect
) -> None:
    odd, other = (identity("Microsoft.Compute/virtualMachines", name) for name in ("odd", "other"))
    monitor.samples |= {odd.lower(): {CPU: samples((1, 1))}, other.lower(): {CPU: samples((1, 1))}}
    bad = Answer({"code": "BadRequest", "message": "The resource is not onboarded."}, 400)
    azure.faults = [Fault("virtualmachines/odd/", bad, times=99)]
    told: list[MetricSeries] = []
    pages = connect().metrics([asking(resource=each) for each in (odd, VM, other)], BEGIN, END)
    with pytest.raises(ProviderError, match="400 BadRequest"):
        told.extend(one for page in pages for one in page)
    assert [(one.query.resource, len(one.points)) for one in told] == [(VM.lower(), 2), (other.lower(), 1)]


def test_questions_that_azure_never_takes_are_not_asked_for_ever(
    azure: ArmServer, monitor: Monitor, connect: Connect
) -> None:
    azure.faults = [Fault(METRICS, Answer({"code": "BadRequest", "message": "No."}, 400), times=99)]
    machines = [identity("Microsoft.Compute/virtualMachines", f"machine-{number}") for number in range(15)]
    with pytest.raises(ProviderError, match="400 BadRequest"):
        read(connect(), *(asking(resource=machine) for machine in machines))
    assert azure.faults[0].times == 99 - 10
    assert monitor.asked == []


@pytest.mark.usefixtures("monitor")
def test_a_metric_that_azure_could_not_read_is_not_complete(azure: ArmServer, connect: Connect) -> None:
    told = {"interval": "P1D", "value": [{"name": {"value": CPU}, "errorCode": "InternalError", "timeseries": []}]}
    azure.faults = [Fault(METRICS, Answer(told)), Fault(METRICS, Answer({"interval": "P1D", "value": []}))]
    for _ in range(2):
        (found,) = read(connect(), asking())
        assert (found.points, found.is_cut, found.complete) == ((), True, False)


def answer(*points: dict[str, Any], interval: str = "P1D", series: int = 1) -> Answer:
    timeseries = [{"data": list(points)}] * series
    return Answer({"interval": interval, "value": [{"name": {"value": CPU}, "timeseries": timeseries}]})


POINT = {"timeStamp": "2026-11-01T00:00:00Z", "average": 1.0}


@pytest.mark.usefixtures("monitor")
@pytest.mark.parametrize(
    ("told", "why"),
    [
        (answer(POINT, POINT), "it tells a period twice"),
        (answer(POINT, series=2), "it tells several series"),
        (answer(POINT, interval="PT1H"), "another interval"),
        (answer({"average": 1.0}), "not of the shape"),
        (answer(POINT | {"average": "much"}), "not of the shape"),
        (answer(POINT | {"timeStamp": "yesterday"}), "not of the shape"),
        (answer(POINT | {"timeStamp": "2026-11-01T00:00:00"}), "not of the shape"),
        (Answer({"interval": "P1D"}), "not of the shape"),
        (Answer(POINT, broken="truncated"), "cut off or no JSON"),
    ],
)
def test_an_answer_that_makes_no_sense_is_not_believed(
    azure: ArmServer, connect: Connect, told: Answer, why: str
) -> None:
    azure.faults = [Fault(METRICS, told, times=2)]
    error = fails(connect)
    assert error.code is ProblemCode.BAD_ANSWER
    assert why in error.message


@pytest.mark.usefixtures("monitor")
def test_a_reset_connection_is_tried_again(azure: ArmServer, connect: Connect) -> None:
    azure.faults = [Fault(METRICS, Answer({}, broken="reset"))]
    assert len(read(connect(), asking())[0].points) == 2


def test_only_what_has_an_arm_id_is_asked_about(connect: Connect) -> None:
    with pytest.raises(ValueError, match="no ARM id"):
        connect().metrics([asking(resource="//elsewhere/subscriptions/")], BEGIN, END)


def test_the_action_is_part_of_the_role() -> None:
    assert READ_METRICS in json.loads(AzureCloud().policy())["Actions"]


def test_who_may_not_read_metrics_is_told(azure: ArmServer, connect: Connect) -> None:
    azure.roles = [{"actions": ["*/read"], "notActions": [READ_METRICS]}]
    assert connect().verify().missing_permissions == (READ_METRICS,)
