"""A cloud for tests of the engine: it stands where AWS stands, holds what a world says, and fails as it is told."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import orjson

from app.providers.base import GLOBAL, Cloud, Collector, FoundResource, Relation, Service, Target, Verification
from app.providers.metrics import DAY_SECONDS, MetricQuery, MetricSeries
from app.providers.opinions import OpinionReader
from app.providers.problems import ProblemCode, ProviderError
from app.records import Provider, RelationshipKind

SERVER, DISK, ADDRESS, BUCKET, TABLE = (f"Local::{word}" for word in ("Server", "Disk", "Address", "Bucket", "Table"))
SERVICES = {"compute": (SERVER, DISK), "network": (ADDRESS,), "tables": (TABLE,), "storage": (BUCKET,)}
GLOBAL_SERVICES = {"storage"}
DENIED = ProviderError(ProblemCode.DENIED, "Not allowed.", "Allow it.", permission="local:Read")
EXPIRED = ProviderError(ProblemCode.CREDENTIALS, "The keys have expired.", "Send new keys with `updateAccount`.")
NOT_ENABLED = ProviderError(ProblemCode.NOT_ENABLED, "Not switched on.", "Switch it on, or leave it.")
THROTTLED = ProviderError(ProblemCode.THROTTLED, "Too many calls.", "Wait.", retry_after=7)
HIDDEN = ProviderError(ProblemCode.DENIED, "Tags are not told.", "Allow it.", permission="local:ReadTags", listed=True)
BROKEN = ProviderError(ProblemCode.BAD_ANSWER, "Half an answer.", "Try again.")


@dataclass(eq=False)
class World:
    """What there is in a cloud, and what happens to who reads it.

    `things` maps (resource type, region) to {native id: properties}; a bucket's region is a property of it.
    `fault(resource type, region, page number)` is called before each page and may raise or wait.
    """

    regions: list[str] = field(default_factory=lambda: ["eu-west-1", "us-east-1"])
    things: dict[tuple[str, str], dict[str, dict[str, Any]]] = field(default_factory=dict)
    page_size: int = 3
    seconds: float = 0.0
    """How long a page takes."""
    fault: Callable[[str, str, int], None] = lambda *_: None
    regions_fault: ProviderError | None = None
    unread: dict[str, ProviderError] = field(default_factory=dict)
    """What a reader of the type raises after its last page."""
    endless: set[str] = field(default_factory=set)
    """Types whose pages come again and again."""
    pages_read: Counter[tuple[str, str]] = field(default_factory=Counter)

    def put(self, resource_type: str, region: str, /, *names: str, **properties: Any) -> None:
        """Let resources be there with these properties."""
        place = self.things.setdefault((resource_type, region), {})
        place.update({f"{resource_type}/{region}/{name}": {"name": name, **properties} for name in names})

    def take(self, resource_type: str, region: str, *names: str) -> None:
        """Let resources be gone."""
        for name in names:
            del self.things[resource_type, region][f"{resource_type}/{region}/{name}"]

    def save(self, path: Path) -> None:
        """Write it for another process; a fault stays behind."""
        things = [[*place, there] for place, there in self.things.items()]
        stored = {"regions": self.regions, "things": things, "page_size": self.page_size, "seconds": self.seconds}
        path.write_bytes(orjson.dumps(stored))

    @classmethod
    def load(cls, path: Path) -> World:
        """What `save` has written."""
        stored = orjson.loads(path.read_bytes())
        things = {(resource_type, region): there for resource_type, region, there in stored.pop("things")}
        return cls(things=things, **stored)


def filled_world(servers: int = 8) -> World:
    """A world with something in every place."""
    world = World()
    for region in world.regions:
        world.put(SERVER, region, *(f"server-{number}" for number in range(servers)), size="small")
        world.put(DISK, region, *(f"disk-{number}" for number in range(servers)), gibibytes=8)
        world.put(ADDRESS, region, "address-0", "address-1")
        world.put(TABLE, region, "table-0")
        world.put(BUCKET, GLOBAL, f"bucket-of-{region}", region=region)
    return world


def always(error: ProviderError, *resource_types: str) -> Callable[[str, str, int], None]:
    """A fault that every reader of these types meets."""

    def fault(resource_type: str, _region: str, _page: int) -> None:
        if resource_type in resource_types:
            raise error

    return fault


def times(count: int, error: ProviderError, resource_type: str, page: int = 1) -> Callable[[str, str, int], None]:
    """A fault that comes so many times, at that page, and then no more."""
    left, lock = [count], threading.Lock()

    def fault(read_type: str, _region: str, read_page: int) -> None:
        with lock:
            if read_type == resource_type and read_page == page and left[0]:
                left[0] -= 1
                raise error

    return fault


class LocalConnection:
    """A way into the world."""

    def __init__(self, world: World, target: Target) -> None:
        self.world = world
        self.target = target
        self.closed = False

    def verify(self) -> Verification:
        return Verification(self.target.native_id, "tester", ())

    def regions(self) -> list[str]:
        if self.world.regions_fault is not None:
            raise self.world.regions_fault
        return list(self.world.regions)

    def metrics(
        self,
        queries: Sequence[MetricQuery],
        begin: datetime,  # noqa: ARG002 - the protocol's
        end: datetime,  # noqa: ARG002 - the protocol's
        period_seconds: int = DAY_SECONDS,  # noqa: ARG002 - the protocol's
    ) -> Iterator[list[MetricSeries]]:
        """This world measures nothing, as a provider that has no figures."""
        yield [MetricSeries(query, (), periods=0) for query in queries]

    def close(self) -> None:
        self.closed = True


class LocalCloud:
    """The cloud itself, under the name of AWS."""

    provider = Provider.AWS
    metric_permissions: tuple[str, ...] = ()

    def __init__(self, world: World) -> None:
        self.world = world
        self.targets: list[Target] = []

    def connect(self, target: Target) -> LocalConnection:
        self.targets.append(target)
        return LocalConnection(self.world, target)

    def services(self) -> tuple[Service, ...]:
        return tuple(
            Service(
                name,
                tuple(
                    Collector((resource_type,), ("local:Read",), partial(_pages, resource_type))
                    for resource_type in resource_types
                ),
                is_global=name in GLOBAL_SERVICES,
            )
            for name, resource_types in SERVICES.items()
        )

    def advisers(self) -> tuple[OpinionReader, ...]:
        return ()

    def policy(self) -> str:
        return "{}"


def local_clouds(world: World) -> Callable[[Provider], Cloud]:
    """What stands in the place of the registry."""
    cloud = LocalCloud(world)
    return lambda _: cloud


def _pages(resource_type: str, connection: LocalConnection, region: str) -> Iterator[list[FoundResource]]:
    world = connection.world
    there = sorted(world.things.get((resource_type, region), {}).items())
    starts: Iterable[int] = range(0, max(len(there), 1), world.page_size)
    if resource_type in world.endless:
        starts = cycle(starts)
    for number, start in enumerate(starts, start=1):
        world.pages_read[resource_type, region] += 1
        time.sleep(world.seconds)
        world.fault(resource_type, region, number)
        yield [_found(resource_type, region, *thing) for thing in there[start : start + world.page_size]]
    if resource_type in world.unread:
        raise world.unread[resource_type]


def _found(resource_type: str, region: str, native_id: str, properties: dict[str, Any]) -> FoundResource:
    relations: tuple[Relation, ...] = ()
    if resource_type == DISK:
        server = native_id.replace(DISK, SERVER).replace("disk-", "server-")
        relations = (Relation(RelationshipKind.ATTACHED_TO, server),)
    return FoundResource(
        service="LocalService",
        resource_type=resource_type,
        native_id=native_id,
        name=properties["name"],
        region=properties.get("region", None if region == GLOBAL else region),
        status="running",
        tags={"team": "web"},
        properties={key: value for key, value in properties.items() if key not in {"name", "region"}},
        relations=relations,
    )
