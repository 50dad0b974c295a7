"""What every provider offers, and the values that it answers with.

Providers are synchronous, as their SDKs are, and dumb: they read, and raise ProviderError. `app.providers.calls` runs
them in threads, with time limits and further tries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from app.providers.metrics import DAY_SECONDS, MetricQuery, MetricSeries
from app.providers.opinions import OpinionReader
from app.records import ConnectionMethod, Provider, RelationshipKind

GLOBAL = "global"
"""The region of what belongs to no region."""


@dataclass(frozen=True, slots=True)
class Relation:
    """How a found resource stands to another; `target` is the other's native id, which need not be found yet."""

    kind: RelationshipKind
    target: str


@dataclass(frozen=True, slots=True)
class FoundResource:
    """One resource as the provider tells it. All moments are in UTC; `properties` holds plain JSON values."""

    service: str
    """The provider's service in FOCUS's words where there are some, such as `AmazonEC2`."""
    resource_type: str
    """The provider's type as catalogue/detectors.md names it, such as `AWS::EC2::Volume`."""
    native_id: str
    """Unique in the account."""
    name: str
    region: str | None = None
    availability_zone: str | None = None
    status: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    relations: tuple[Relation, ...] = ()


@dataclass(frozen=True)
class Target:
    """What a connection is made to. `settings` is no secret, `secret` is and has no `repr`."""

    provider: Provider
    method: ConnectionMethod
    native_id: str
    settings: Mapping[str, Any]
    secret: Mapping[str, str] = field(repr=False)

    @property
    def endpoints(self) -> Mapping[str, str]:
        """URLs by service name that stand in for the provider's own; `*` stands for all services."""
        return self.settings.get("endpoints") or {}


@dataclass(frozen=True)
class Verification:
    """What one cheap call told: who we are there, and which permissions are missing.

    `missing_permissions` is None, with the reason in `note`, where the provider does not tell. `regions` are those
    that are switched on, told where the target names some; `ancestors` are the native ids of what the account is part
    of, where that is told along.
    """

    native_id: str
    caller: str
    missing_permissions: tuple[str, ...] | None
    name: str | None = None
    note: str | None = None
    regions: tuple[str, ...] | None = None
    ancestors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Collector:
    """Reads some resource types with one or few calls; `pages` holds one page in memory at a time.

    A collector that ends without an error has told all there is of its types in that region.
    """

    resource_types: tuple[str, ...]
    permissions: tuple[str, ...]
    pages: Callable[[Any, str], Iterator[list[FoundResource]]]
    """(the provider's own connection, region) → pages."""


@dataclass(frozen=True)
class Service:
    """The collectors of one service; a scan reads each service in each region as one step."""

    name: str
    """As in `startScan(services: …)`, such as `ec2`."""
    collectors: tuple[Collector, ...]
    is_global: bool = False
    """Read once, in the region `global`, whatever regions its resources are in."""


class Connection(Protocol):
    """A way into one account; used by many threads at a time."""

    def verify(self) -> Verification:
        """One cheap call. Raises ProviderError."""

    def regions(self) -> list[str]:
        """The regions that are switched on; empty where every service is global. Raises ProviderError."""

    def metrics(
        self, queries: Sequence[MetricQuery], begin: datetime, end: datetime, period_seconds: int = DAY_SECONDS
    ) -> Iterator[list[MetricSeries]]:
        """One series for each query, in any order, some at a time; nothing is asked before the first is wanted.

        `begin` and `end` (not included) are whole periods in UTC. What the provider does not tell is absent, never 0.
        Raises ProviderError; ValueError for a window or a query that makes no sense.
        """

    def close(self) -> None:
        """Let go of sockets."""


class Cloud(Protocol):
    """One provider."""

    provider: Provider
    metric_permissions: tuple[str, ...]
    """What reading metrics needs; none where there are no metrics."""

    def connect(self, target: Target) -> Connection:
        """A connection, made without a call. Raises ProviderError(CREDENTIALS) for credentials that cannot be read."""

    def services(self) -> tuple[Service, ...]:
        """What can be read of it."""

    def advisers(self) -> tuple[OpinionReader, ...]:
        """Those of its own services that recommend savings; their readers raise nothing but ProviderError."""

    def policy(self) -> str:
        """The least that Skyledger has to be allowed, printed from the collectors' permissions."""
