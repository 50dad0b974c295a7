"""What a check is: code that looks at one resource, with everything said about it that a reader or a planner needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from app.providers.opinions import OpinionSource
from app.records import Provider, RelationshipKind
from app.records.conditions import Condition
from app.records.detection import ChargeSubject, Confidence, Remedy, Severity

if TYPE_CHECKING:
    from app.detection.facts import Facts
    from app.detection.finding import Finding

MINIMUM_SAVING = Decimal(1)
"""A month, in the organization's currency: what would save less is left out unless a check or a rule says otherwise."""
SMALL_FEE = Decimal(0)
"""The same for checks of what has a small fee each, such as secrets at 0.40 USD: with 1 none would ever be found."""
MIN_AGE_DAYS = "minAgeDays"
LOOKBACK_DAYS = "lookbackDays"


class Area(StrEnum):
    """What part of a cloud a check is about."""

    COMPUTE = "COMPUTE"
    STORAGE = "STORAGE"
    NETWORK = "NETWORK"
    DATABASE = "DATABASE"
    CONTAINERS = "CONTAINERS"
    ANALYTICS = "ANALYTICS"
    AI = "AI"
    LICENSES = "LICENSES"
    OPERATIONS = "OPERATIONS"
    COMMITMENTS = "COMMITMENTS"


class Daily(StrEnum):
    """What the provider makes of the samples of one day."""

    AVERAGE = "AVERAGE"
    MINIMUM = "MINIMUM"
    MAXIMUM = "MAXIMUM"
    SUM = "SUM"
    P95 = "P95"
    P99 = "P99"
    PEAK_HOUR = "PEAK_HOUR"
    """The largest sum of an hour: what a rate, such as operations a second, has to be judged by."""
    P95_HOURS = "P95_HOURS"
    """What 95 % of the day's hours are below or at on average: for providers that offer no percentiles."""
    P99_HOURS = "P99_HOURS"
    """The same of 99 %: the busiest hour."""
    QUIET_HOURS = "QUIET_HOURS"
    """Which hours (UTC) had an average below the metric's `below`: 1 for the first hour, 2, 4, ... added up."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A threshold that an organization may set; `least` and `most` are allowed as well."""

    name: str
    """As in the graph, such as `minAgeDays`."""
    default: Decimal
    unit: str
    """Such as `days`, `percent`, `GiB`."""
    description: str
    least: Decimal = Decimal(0)
    most: Decimal = Decimal(1_000_000_000)


def days(name: str, default: int, description: str, *, most: int = 3650) -> Parameter:
    """A threshold in whole days."""
    return Parameter(name, Decimal(default), "days", description, most=Decimal(most))


def percent(name: str, default: int, description: str) -> Parameter:
    """A threshold in percent, 0 to 100."""
    return Parameter(name, Decimal(default), "percent", description, most=Decimal(100))


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that a check reads of its resource, one value a day.

    A dimension's value is the resource's native id (`id`), its name (`name`), the number of its account (`account`), a
    text (`=Stateless`) or one of its properties (`properties.loadBalancerDimension`). Where the property is a list,
    there is a series for each of its values, and a day's value is that of all of them: the sum of sums and of averages,
    the largest of what is largest, the smallest of what is smallest.
    `silent_at_zero` is for metrics that have no samples where nothing happened.
    """

    key: str
    """What the check calls it, such as `cpu`."""
    name: str
    daily: Daily
    namespace: str | None = None
    dimensions: tuple[tuple[str, str], ...] = ()
    silent_at_zero: bool = False
    days: int | str = LOOKBACK_DAYS
    """How many days, or the parameter that says so."""
    region: str | None = None
    """Where the provider keeps it, if not in the resource's own region."""
    below: float | None = None
    """For QUIET_HOURS: what an hour's average has to be below."""
    resource_types: tuple[str, ...] = ()
    """Which of the check's resource types have it, where not all do."""


@cache
def signature(metric: Metric) -> str:
    """Which values these are, whatever a check calls them and however many days it looks at: what is equal is one."""
    parts = [metric.namespace, metric.name, metric.daily.value, *(f"{name}={told}" for name, told in metric.dimensions)]
    parts += [f"@{metric.region}" if metric.region else None, "silent" if metric.silent_at_zero else None]
    parts.append(None if metric.below is None else f"below={metric.below:g}")
    return " ".join(part for part in parts if part)


def window_days(metric: Metric, parameters: Mapping[str, Decimal]) -> int:
    """How many days of a metric are looked at under some thresholds, at least one."""
    told = parameters[metric.days] if isinstance(metric.days, str) else metric.days
    return max(int(told), 1)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Other resources that a check looks at: those its resource names (`outgoing`), or those that name it.

    `siblings` are those that stand in the same relation to the same third one, as the snapshots of one volume. `peers`
    are all others of a type in the resource's account, in any region; their kind is MEMBER_OF.
    """

    kind: RelationshipKind
    resource_type: str
    properties: tuple[str, ...] = ()
    """Which of their properties the check reads."""
    watched: tuple[str, ...] = ()
    """Of which of these it also asks since when they are what they are."""
    outgoing: bool = False
    siblings: bool = False
    peers: bool = False
    costs: bool = False
    """Whether it also asks what they cost."""


@dataclass(frozen=True)
class Check:
    """One kind of waste. `find` is pure: facts in, a finding or None out; UnknownFactError where a fact is missing.

    It is asked only where all of `only_where` holds.
    """

    id: str
    """Stable for ever, such as `aws.ebs.unattached`."""
    title: str
    description: str
    """What is looked at and why it is waste, in a few sentences."""
    provider: Provider | None
    """None for a check of charges, whoever bills them."""
    area: Area
    resource_types: tuple[str, ...]
    """None of them for a check of charges or of advice."""
    severity: Severity
    confidence: Confidence
    remedy: Remedy
    remediation: str
    """What to do, in steps that a person can follow."""
    find: Callable[[Facts], Finding | None]
    saving: str
    """The formula in words."""
    only_where: tuple[Condition, ...] = ()
    """What every finding needs, in an order, as data: PostgreSQL sifts by it, so that few resources are looked at."""
    properties: tuple[str, ...] = ()
    """Which properties of the resource it reads: no others are given to it."""
    watched: tuple[str, ...] = ()
    """Of which of these it also asks since when they are what they are."""
    prices: tuple[str, ...] = ()
    """Codes of the prices that it asks for, `*` for any part of one: `ebs.*.storage`."""
    parameters: tuple[Parameter, ...] = ()
    metrics: tuple[Metric, ...] = ()
    neighbours: tuple[Neighbours, ...] = ()
    absence_of: tuple[str, ...] = ()
    """Resource types whose absence is an argument: they must have been read completely in the resource's region."""
    permissions: tuple[str, ...] = ()
    """What collecting it needs beyond reading the resource types themselves."""
    links: tuple[str, ...] = ()
    charges: ChargeSubject | None = None
    """What of the charges it looks at, where it looks at no resource."""
    kinds: tuple[str, ...] = ()
    """Which sums of those charges it reads: no others are given to it."""
    advice: OpinionSource | None = None
    """Whose recommendations it takes over, where it looks at nothing itself."""
    minimum_saving: Decimal = MINIMUM_SAVING
    """What its findings have to save a month where no rule says otherwise, in the organization's currency."""
    deletes: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "deletes", self.remedy is Remedy.DELETE)

    def is_for(self, provider: Provider | None) -> bool:
        """Whether it looks at anything of a provider; None stands for all."""
        return provider is None or self.provider in {None, provider}

    def parameter(self, name: str) -> Parameter:
        """One of its parameters. Raises KeyError."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)
