"""How the far side of Google Cloud is filled: assets as the inventory tells them, and days that are all alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zlib import crc32

from tests.providers.gcp.google import NUMBER, PROJECT, TOKEN, Google, asset
from tests.providers.gcp.monitoring import Far, Fault, Series, refusal, terms_of
from tests.waste.gcp_documented import undocumented

REGION = "us-central1"
"""The region of which the most prices are delivered."""
ZONE = f"{REGION}-a"
GLOBAL = "global"
OLD = 150
"""Days: older than any check asks for."""
GIB = 2**30
COMPUTE = "compute.googleapis.com"
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Used:
    """What a metric tells of a resource: always the same, or these 24 values each day. Labels as in a filter."""

    metric: str
    resource: str
    labels: dict[str, str]
    values: float | Sequence[float]


@dataclass(frozen=True)
class Seed:
    """One asset, `path` being its name without the host; `label` is what the table of waste calls it."""

    label: str
    kind: str
    path: str
    data: dict[str, Any]
    location: str = ZONE
    used: tuple[Used, ...] = ()

    @property
    def native_id(self) -> str:
        """The name in the inventory, which writes `locations` for the zones of clusters."""
        name: str = self.document["name"]
        return name.replace("/zones/", "/locations/") if name.startswith("//container.") else name

    @property
    def document(self) -> dict[str, Any]:
        """What Cloud Asset Inventory tells."""
        return asset(self.kind, self.path, self.data, self.location)


def ago(days: float) -> str:
    """A moment in the past, as Google writes it."""
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def milliseconds(days: float) -> str:
    """A moment in the past, as BigQuery writes it."""
    return str(int((NOW - timedelta(days=days)).timestamp() * 1000))


def number(name: str) -> str:
    """The number that Google gave to something."""
    return str(10**18 + crc32(name.encode()))


def place_of(location: str) -> str:
    """A location as paths of Compute Engine have it."""
    if location == GLOBAL:
        return GLOBAL
    return f"{'zones' if location[-2] == '-' else 'regions'}/{location}"


def path_of(collection: str, name: str, location: str = ZONE) -> str:
    """A path of Compute Engine without the host."""
    return f"projects/{PROJECT}/{place_of(location)}/{collection}/{name}"


def link(collection: str, name: str, location: str = ZONE) -> str:
    """A link to something of Compute Engine."""
    return f"https://www.googleapis.com/compute/v1/{path_of(collection, name, location)}"


def compute(
    kind: str,
    collection: str,
    name: str,
    data: dict[str, Any],
    location: str = ZONE,
    *used: Used,
    born: float = OLD,
) -> Seed:
    """Something of Compute Engine."""
    path = path_of(collection, name, location)
    plain = {"id": number(name), "name": name, "creationTimestamp": ago(born)}
    return Seed(name, f"{COMPUTE}/{kind}", path, plain | data, location, used)


@dataclass(frozen=True)
class Steady(Series):
    """Samples at each full hour, day after day the same."""

    samples: list[tuple[datetime, float]] = field(default_factory=list)
    day: tuple[float, ...] = ()

    def within(self, begin: datetime, end: datetime) -> list[float]:
        """One value for each hour."""
        if len(self.day) == 1:
            return list(self.day) * int((end - begin) / timedelta(hours=1))
        return [self.day[(begin.hour + hour) % 24] for hour in range(int((end - begin) / timedelta(hours=1)))]


@dataclass
class Documented(Far):
    """Cloud Monitoring that knows the metrics which Google documents, and refuses whatever it does not."""

    wrong: list[str] = field(default_factory=list)
    """What was asked for and is not documented."""

    def answer(self, target: str, token: str) -> Fault:
        """The answer to `GET /v3/{scope}/timeSeries`."""
        if self.faults or token != f"Bearer {TOKEN}":
            return super().answer(target, token)
        params = parse_qs(urlsplit(target).query)
        terms = terms_of(params["filter"][0])
        metric = terms.pop("metric.type")[0]
        resource = terms.pop("resource.type", [None])[0]
        aligner = params["aggregation.perSeriesAligner"][0]
        why = undocumented(metric, resource, list(terms))
        if why is None and "PERCENTILE" in aligner:
            why = f"{metric} is no distribution: {aligner}."
        if why is not None:
            self.wrong.append(why)
            return refusal(400, f"The supplied filter does not specify a valid combination. {why}")
        if not any(series.metric == metric for of_scope in self.known.values() for series in of_scope):
            return Fault(body=json.dumps({"unit": "1"}))
        return super().answer(target, token)

    def learn(self, used: Iterable[Used]) -> None:
        """Hold what is told of resources; a project has two names."""
        told = [_steady(each) for each in used]
        for scope in (f"projects/{PROJECT}", f"projects/{NUMBER}"):
            self.known.setdefault(scope, []).extend(told)


def _steady(used: Used) -> Steady:
    day = tuple(used.values) if isinstance(used.values, Sequence) else (used.values,)
    why = undocumented(used.metric, used.resource, list(used.labels))
    if why is not None or len(day) not in {1, 24}:
        message = why or f"{used.metric} needs one value, or 24"
        raise ValueError(message)
    return Steady(used.metric, used.resource, used.labels, day=day)


def fill(google: Google, monitoring: Documented, seeds: Iterable[Seed]) -> dict[str, str]:
    """Hold all of it; native ids by label."""
    ids: dict[str, str] = {}
    for seed in seeds:
        if seed.label in ids:
            message = f"there are two of {seed.label}"
            raise ValueError(message)
        ids[seed.label] = seed.native_id
        google.hold(seed.document)
        monitoring.learn(seed.used)
    return ids
