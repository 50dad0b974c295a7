"""What we keep of each type of asset, and how it becomes a resource of the inventory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.providers.base import GLOBAL, FoundResource, Relation
from app.providers.gcp.assets import Asset, at, moment, pick, place

MAX_PROPERTIES = 64 * 1024
"""Bytes of JSON; a resource with more keeps its smaller properties."""

_CREATED = ("creationTimestamp", "createTime", "creationTime", "timeCreated", "metadata.creationTimestamp")
_STATUS = ("status", "state", "lifecycleState", "metadata.state")
_ZONES = ("gceZone", "currentLocationId", "locationId")
# JSON has no 64-bit whole numbers, so Google writes these as text; checks compute with them.
_NUMBERS = frozenset(
    {
        "acceleratorCount",
        "amount",
        "archiveSizeBytes",
        "assuredCount",
        "count",
        "currentSlots",
        "dataDiskSizeGb",
        "defaultPartitionExpirationMs",
        "defaultTableExpirationMs",
        "diskSizeGb",
        "downloadBytes",
        "expirationMs",
        "expirationTime",
        "inUseCount",
        "lastModifiedTime",
        "maxSlots",
        "maxTimeTravelHours",
        "numBytes",
        "numLongTermBytes",
        "numRows",
        "provisionedIops",
        "provisionedThroughput",
        "retentionDurationSeconds",
        "retentionPeriod",
        "sizeBytes",
        "sizeGb",
        "slotCapacity",
        "slotCount",
        "storageAutoResizeLimit",
        "storageBytes",
    }
)
_WHOLE = re.compile(r"-?\d{1,18}")


def no_relations(_: Asset) -> Iterator[Relation]:
    """For what stands alone."""
    yield from ()


def nothing_more(_: Asset) -> dict[str, Any]:
    """For what is told well enough by Google's own words."""
    return {}


@dataclass(frozen=True)
class Kind:
    """One type of asset: which parts of its data are kept as properties, and what it says about others."""

    resource_type: str
    keep: tuple[str, ...]
    """Dotted paths; see `pick`."""
    labels: tuple[str, ...] = ("labels",)
    """Paths of its labels; the first that is there counts."""
    used: tuple[str, ...] = ()
    """Paths of the moments at which it was in use; the latest counts."""
    title: str | None = None
    """Path of its name, where the last part of the resource name is none."""
    relations: Callable[[Asset], Iterator[Relation]] = no_relations
    more: Callable[[Asset], Mapping[str, Any]] = nothing_more
    """Properties that Google's data holds in another form."""

    @property
    def service(self) -> str:
        """The API that the type is of."""
        return self.resource_type.partition("/")[0]

    def found(self, asset: Asset) -> FoundResource:
        """The asset as a resource of the inventory."""
        data = asset.data
        region, zone = place(asset, next((z for path in _ZONES if (z := data.get(path))), None))
        properties = _numbers(pick(data, self.keep)) | dict(self.more(asset))
        if asset.project:
            properties["project"] = asset.project
        used = [found for path in self.used if (found := moment(at(data, path)))]
        name = at(data, self.title) if self.title else None
        return FoundResource(
            service=self.service,
            resource_type=self.resource_type,
            native_id=asset.name,
            name=name if isinstance(name, str) and name else asset.name.rpartition("/")[2],
            region=region or GLOBAL,
            availability_zone=zone,
            status=_first_text(data, _STATUS) or _text_or_none(properties.get("state")),
            tags=_tags(next((found for path in self.labels if (found := at(data, path))), None)),
            properties=bounded(properties),
            created_at=moment(_first_text(data, _CREATED)),
            last_used_at=max(used, default=None),
            relations=tuple(dict.fromkeys(self.relations(asset))),
        )


def bounded(properties: dict[str, Any]) -> dict[str, Any]:
    """The properties within MAX_PROPERTIES: the largest are left out and named under `leftOut`."""
    sizes = {key: len(json.dumps(value)) + len(key) + 8 for key, value in properties.items()}
    left_out: list[str] = []
    while sum(sizes.values()) > MAX_PROPERTIES:
        largest = max(sizes, key=lambda key: (sizes[key], key))
        del sizes[largest]
        left_out.append(largest)
    kept = {key: value for key, value in properties.items() if key in sizes}
    return kept | {"leftOut": sorted(left_out)} if left_out else kept


def _numbers(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {inner: _numbers(item, inner) for inner, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item, key) for item in value]
    return int(value) if key in _NUMBERS and isinstance(value, str) and _WHOLE.fullmatch(value) else value


def _tags(labels: object) -> dict[str, str]:
    return {key: str(value) for key, value in labels.items()} if isinstance(labels, Mapping) else {}


def _first_text(data: Mapping[str, Any], paths: tuple[str, ...]) -> str | None:
    return next((found for path in paths if (found := _text_or_none(at(data, path)))), None)


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
