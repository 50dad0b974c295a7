"""What is to be asked of a provider for a page of resources: pure, and no more than may change what checks find.

A check is run without any metric first. Where it finds, leaves out, or lacks something else without having asked for
one, no metric could change that, so none is read: what is stopped, attached or too young costs no call. Equal metrics
of several checks are one, over the longest of their windows; metrics that differ in nothing but what is made of their
samples are one query. Of what is stored only days that are missing are asked for, and the last ones, whose samples may
have come late: a metric is asked for once a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Any

from app.detection.check import Check, Daily, Metric, signature, window_days
from app.detection.evaluate import Convert, evaluate
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.rule import Rule
from app.detection.usage import NotedUsages
from app.providers.base import GLOBAL
from app.providers.metrics import DAY_SECONDS, MetricQuery, MetricWindow, Statistic
from app.records import Provider
from app.records.usage import StoredUsage

RECENT = timedelta(days=3)
"""Days for whose samples a provider may need so long are asked for again, as those of S3 storage."""
SPANS = (4, 7, 14, 30, 60, 90)
"""Windows are asked for in these lengths, in days, so that resources of different ages go into one call."""
MOST_SERIES = 200
"""Of one metric of one resource, where a property is a list."""
MOST_STATISTICS = 500
MOST_POINTS = 30_000
"""What is asked for at a time, and so how much of it is in memory: a call of CloudWatch, or a third of one by hours."""
HOUR_SECONDS = 3600
STATISTICS: Mapping[Daily, Statistic] = {
    Daily.AVERAGE: Statistic.AVERAGE,
    Daily.MINIMUM: Statistic.MINIMUM,
    Daily.MAXIMUM: Statistic.MAXIMUM,
    Daily.SUM: Statistic.SUM,
    Daily.P95: Statistic.P95,
    Daily.P99: Statistic.P99,
    Daily.PEAK_HOUR: Statistic.SUM,
    Daily.P95_HOURS: Statistic.AVERAGE,
    Daily.P99_HOURS: Statistic.AVERAGE,
    Daily.QUIET_HOURS: Statistic.AVERAGE,
}
BY_HOURS = frozenset({Daily.PEAK_HOUR, Daily.P95_HOURS, Daily.P99_HOURS, Daily.QUIET_HOURS})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A metric of a resource, and how many days of it the checks look at together."""

    subject: Subject
    metric: Metric
    days: int

    @property
    def since(self) -> date:
        """The day on which the resource was there for certain."""
        return (self.subject.created_at or self.subject.first_seen_at).astimezone(UTC).date()


@dataclass(frozen=True, slots=True)
class Ask:
    """One wanted metric with the queries that tell it, and the first of the days that are missing."""

    wanted: Wanted
    queries: tuple[MetricQuery, ...]
    begin: date


@dataclass(frozen=True, slots=True)
class Unaskable:
    """A wanted metric for which no query can be made, and why."""

    wanted: Wanted
    why: str


@dataclass(slots=True)
class Chunk:
    """Queries that are asked together: of one region and account, over one window."""

    region: str
    account: str | None
    window: MetricWindow
    asks: dict[MetricQuery, list[Ask]] = field(default_factory=dict)
    """Queries, and whom the answer to each is for."""
    statistics: int = 0

    def add(self, query: MetricQuery, asks: list[Ask]) -> None:
        """Ask one more."""
        self.asks[query] = asks
        self.statistics += len(query.statistics)

    def has_room(self, query: MetricQuery) -> bool:
        """Whether one more fits."""
        statistics = self.statistics + len(query.statistics)
        return statistics <= MOST_STATISTICS and statistics * self.window.periods <= MOST_POINTS


def needs_usage(check: Check, facts: Facts, rule: Rule, convert: Convert) -> bool:
    """Whether any metric may change what a check finds; `facts` are to have none."""
    noted = NotedUsages()
    evaluate(check, replace(facts, usages=noted), rule, convert)
    return bool(noted.asked)


def wanted_of(subject: Subject, checks: Iterable[Check], rules: Mapping[str, Rule]) -> dict[str, Wanted]:
    """The metrics that some checks read of a resource, each once, over the longest window; by signature."""
    found: dict[str, Wanted] = {}
    for check in checks:
        for asked in metrics_of(check, subject.resource_type):
            metric = rules[check.id].reads(asked)
            key, days = signature(metric), window_days(metric, rules[check.id].parameters)
            if key not in found or found[key].days < days:
                found[key] = Wanted(subject, metric, days)
    return found


def metrics_of(check: Check, resource_type: str) -> Iterator[Metric]:
    """The metrics that a check reads of a resource type."""
    return (metric for metric in check.metrics if not metric.resource_types or resource_type in metric.resource_types)


def properties_of(checks: Iterable[Check]) -> set[str]:
    """Which properties name the metrics of some checks at their providers."""
    dimensions = [dimension for check in checks for metric in check.metrics for dimension in metric.dimensions]
    found = {told.removeprefix("properties.") for _, told in dimensions if told.startswith("properties.")}
    if any(check.metrics and check.provider is Provider.GCP for check in checks):
        found.add("project")
    return found


def plan(wanted: Wanted, stored: StoredUsage | None, today: date, account_number: str) -> Ask | Unaskable | None:
    """What is to be asked of a metric; None where all is known that can be by now."""
    begin = _missing_from(stored, wanted.days, today)
    if begin is None:
        return None
    try:
        return Ask(wanted, _queries(wanted, account_number), begin)
    except UnknownFactError as error:
        return Unaskable(wanted, str(error))


def _missing_from(stored: StoredUsage | None, days: int, today: date) -> date | None:
    start = today - timedelta(days=days)
    if stored is None or stored.first_day > start or stored.end <= start:
        return start
    again = stored.end - RECENT
    if stored.problem is None:
        if stored.end >= today:
            return None
    else:
        unknown = (stored.first_day + timedelta(days=n) for n, value in enumerate(stored.daily) if value is None)
        again = min(again, next((day for day in unknown if day >= start), again))
    least = next((span for span in SPANS if span >= (today - again).days), days)
    return max(start, today - timedelta(days=least))


def _queries(wanted: Wanted, account_number: str) -> tuple[MetricQuery, ...]:
    """The queries of a metric: one, or one for each value of a list. Raises UnknownFactError."""
    subject, metric = wanted.subject, wanted.metric
    if subject.provider is Provider.AZURE and not subject.native_id.startswith("/subscriptions/"):
        message = f"{subject.native_id} is no id that Azure Monitor knows."
        raise UnknownFactError(message)
    names = [name for name, _ in metric.dimensions]
    found = list(product(*(_values(subject, told, account_number) for _, told in metric.dimensions)))
    if not 1 <= len(found) <= MOST_SERIES:
        message = f"The metric is kept in {len(found)} parts, of which at least one and at most {MOST_SERIES} are read."
        raise UnknownFactError(message)
    project = subject.text("project") if subject.provider is Provider.GCP else None
    return tuple(
        MetricQuery(
            resource=subject.native_id,
            region=metric.region or subject.region or GLOBAL,
            name=metric.name,
            statistics=frozenset({STATISTICS[metric.daily]}),
            namespace=metric.namespace,
            dimensions=tuple(zip(names, values, strict=True)),
            account=project,
        )
        for values in found
    )


def _values(subject: Subject, told: str, account_number: str) -> Sequence[str]:
    """The values of a dimension. Raises UnknownFactError."""
    if told.startswith("="):
        return (told[1:],)
    name = told.removeprefix("properties.")
    if name == told:
        return ({"id": subject.native_id, "name": subject.name, "account": account_number}[told],)
    subject.text(name)  # raises where it could not be read
    value = subject.properties.get(name)
    values: Sequence[Any] = value if isinstance(value, list | tuple) else (value,)
    if any(isinstance(each, bool) or not isinstance(each, str | int) or each == "" for each in values):
        message = f"`{name}` of {subject.native_id}, by which its metrics are named, is not known."
        raise UnknownFactError(message)
    return [str(each) for each in dict.fromkeys(values)]


def chunks(asks: Iterable[Ask], today: date) -> list[Chunk]:
    """All queries of some metrics in as few calls as they fit into; those of one resource stay together."""
    found: list[Chunk] = []
    for (region, account, period, begin), queries in _grouped(asks).items():
        window = MetricWindow(_midnight(begin), _midnight(today), period)
        chunk: Chunk | None = None
        for query, theirs in queries.items():
            if chunk is None or not chunk.has_room(query):
                chunk = Chunk(region, account, window)
                found.append(chunk)
            chunk.add(query, theirs)
    return found


_Place = tuple[str, str | None, int, date]


def _grouped(asks: Iterable[Ask]) -> dict[_Place, dict[MetricQuery, list[Ask]]]:
    """Queries by region, account, period and first day; those of the same series are one with all statistics."""
    same: dict[tuple[Any, ...], list[tuple[MetricQuery, Ask]]] = {}
    for ask in asks:
        period = HOUR_SECONDS if ask.wanted.metric.daily in BY_HOURS else DAY_SECONDS
        for query in ask.queries:
            key = (query.resource, query.region, query.account, query.namespace, query.name, query.dimensions, period)
            same.setdefault(key, []).append((query, ask))
    grouped: dict[_Place, dict[MetricQuery, list[Ask]]] = {}
    for (*_, period), together in same.items():
        first = together[0][0]
        whole = MetricQuery(
            resource=first.resource,
            region=first.region,
            name=first.name,
            statistics=frozenset().union(*(query.statistics for query, _ in together)),
            namespace=first.namespace,
            dimensions=first.dimensions,
            account=first.account,
        )
        begin = min(ask.begin for _, ask in together)
        place = (first.region, first.account, period, begin)
        grouped.setdefault(place, {})[whole] = [ask for _, ask in together]
    return grouped


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
