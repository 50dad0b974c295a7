"""What is asked of a provider about how much a resource is used, and what it answers: numbers by day or by hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

DAY_SECONDS = 86_400
PERIODS = (60, 300, 900, 1800, 3600, 21_600, 43_200, DAY_SECONDS)
"""Seconds; what Azure Monitor offers of them, the others take any."""


class Statistic(StrEnum):
    """What becomes of the samples of one period."""

    AVERAGE = "AVERAGE"
    MINIMUM = "MINIMUM"
    MAXIMUM = "MAXIMUM"
    SUM = "SUM"
    P95 = "P95"
    P99 = "P99"
    SAMPLE_COUNT = "SAMPLE_COUNT"


PERCENTILES = frozenset({Statistic.P95, Statistic.P99})


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """One metric of one resource.

    AWS: `resource` is only carried along; `namespace` (`AWS/EC2`), `name` (`CPUUtilization`), `dimensions`
    (`InstanceId`) and `region` say what is read. Azure: `resource` is the ARM id of what has the metric, `name` as in
    `Percentage CPU`; a namespace only where it is not the resource's type. GCP: `name` is the metric type
    (`compute.googleapis.com/instance/cpu/utilization`), `namespace` the monitored resource's type (`gce_instance`) and
    `dimensions` its labels, as `resource.labels.instance_id` or `metric.labels.…`.
    """

    resource: str
    """The native id in the inventory."""
    region: str
    """`global` for what belongs to none."""
    name: str
    statistics: frozenset[Statistic]
    namespace: str | None = None
    dimensions: tuple[tuple[str, str], ...] = ()
    """Names and values; each name once."""
    account: str | None = None
    """The project of GCP that holds the metric, where the connection is to a folder or organization of projects."""

    def __post_init__(self) -> None:
        if not self.statistics or not self.name or len(dict(self.dimensions)) != len(self.dimensions):
            message = f"{self.name or 'A metric without a name'} is asked for without statistics, or a dimension twice."
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class MetricWindow:
    """From `begin` to before `end`, in periods that begin with the day in UTC."""

    begin: datetime
    end: datetime
    period_seconds: int = DAY_SECONDS

    def __post_init__(self) -> None:
        if self.period_seconds not in PERIODS:
            message = f"A period of {self.period_seconds} s is none of {PERIODS}."
            raise ValueError(message)
        if self.begin.tzinfo is None or self.end.tzinfo is None or self.begin >= self.end:
            message = "Metrics are asked for from a moment with a time zone to a later one."
            raise ValueError(message)
        if any(moment.timestamp() % self.period_seconds for moment in (self.begin, self.end)):
            message = f"Both ends of the window must be whole periods of {self.period_seconds} s in UTC."
            raise ValueError(message)

    @property
    def periods(self) -> int:
        """How many periods there are, and so how many points a whole series has."""
        return int((self.end - self.begin).total_seconds()) // self.period_seconds

    @property
    def period(self) -> timedelta:
        """The length of a period."""
        return timedelta(seconds=self.period_seconds)

    def holds(self, begin: datetime) -> bool:
        """Whether this is where one of the periods begins."""
        return self.begin <= begin < self.end and begin.timestamp() % self.period_seconds == 0


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One period. A statistic that the provider did not tell is not in `values`, and never 0."""

    begin: datetime
    """In UTC."""
    values: Mapping[Statistic, float]


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """What was told to one query: points in the order of time, none for a period without samples."""

    query: MetricQuery
    points: tuple[MetricPoint, ...]
    periods: int
    """How many points there would be if each period had one."""
    not_offered: frozenset[Statistic] = frozenset()
    """Statistics that the provider does not have of this metric and resource; asking again is no use."""
    is_cut: bool = False
    """Whether the provider said that it does not tell all it has; asking again later may help."""

    def is_complete(self, statistic: Statistic) -> bool:
        """Whether there is a value for each period: only then does "never above …" hold for the whole window."""
        return not self.is_cut and sum(statistic in point.values for point in self.points) == self.periods

    @property
    def complete(self) -> bool:
        """Whether all statistics that were asked for are complete."""
        return all(self.is_complete(statistic) for statistic in self.query.statistics)


@dataclass(slots=True)
class Gathered:
    """Values of one query as they come, page by page and statistic by statistic."""

    query: MetricQuery
    not_offered: set[Statistic] = field(default_factory=set)
    is_cut: bool = False
    _values: dict[datetime, dict[Statistic, float]] = field(default_factory=dict)

    def add(self, begin: datetime, statistic: Statistic, value: float) -> None:
        """Keep the value of a period; a later one takes the place of an earlier one. `begin` has a time zone."""
        if begin.tzinfo is None:
            message = "A moment without a time zone could be any."
            raise ValueError(message)
        if statistic not in self.not_offered:
            self._values.setdefault(begin.astimezone(UTC), {})[statistic] = value

    def refuse(self, statistics: Iterable[Statistic]) -> None:
        """These statistics are not offered; what was told of them is dropped."""
        self.not_offered.update(statistics)
        for values in self._values.values():
            for statistic in self.not_offered & values.keys():
                del values[statistic]

    def series(self, window: MetricWindow) -> MetricSeries:
        """What has been gathered of the window's periods and the query's statistics."""
        points = tuple(
            MetricPoint(begin, kept)
            for begin, values in sorted(self._values.items())
            if window.holds(begin) and (kept := {s: v for s, v in values.items() if s in self.query.statistics})
        )
        not_offered = self.query.statistics & self.not_offered
        return MetricSeries(self.query, points, window.periods, frozenset(not_offered), self.is_cut)
