"""Assets as Cloud Asset Inventory tells them, as plain values: names of one form, whole numbers, moments in UTC."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_LINK = re.compile(
    r"https://(?:www\.googleapis\.com/(?P<api>[a-z]+)|(?P<host>[a-z]+\.googleapis\.com)(?:/[a-z]+)?)"
    r"/(?:v\d[a-z0-9]*|alpha|beta)/(?P<path>projects/.+)"
)
_TERM = re.compile(r".*/(?:machineTypes|diskTypes|acceleratorTypes)/([^/]+)|projects/[^/]+/(?:zones|regions)/([^/]+)")
_PROJECT = re.compile(r"/projects/([^/]+)")
_ZONE = re.compile(r"(?P<region>[a-z]+(?:-[a-z]+)+\d+)-[a-z0-9]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset. `data` is the resource as its own API tells it, with links as full resource names."""

    name: str
    """The full resource name, such as `//compute.googleapis.com/projects/p/zones/z/disks/d`."""
    type: str
    location: str
    data: Mapping[str, Any]
    project_number: str | None = None
    ancestors: tuple[str, ...] = ()
    """What it is part of, the nearest first, such as `projects/1`, `folders/2`, `organizations/3`."""

    @property
    def service(self) -> str:
        """The API that the type is of, such as `compute.googleapis.com`."""
        return self.type.partition("/")[0]

    @property
    def project(self) -> str | None:
        """The project's id, or its number where the name has no id."""
        found = _PROJECT.search(self.name)
        return found[1] if found else self.project_number

    def full_name(self, told: object, service: str | None = None) -> str | None:
        """The full resource name of what `told` names, as `projects/…` or in full; None if it names nothing.

        Google writes the number of the project in some places and its id in others: here it is always the id of the
        asset's own project.
        """
        if not isinstance(told, str):
            return None
        if told.startswith("projects/"):
            told = f"//{service or self.service}/{told}"
        if not told.startswith("//"):
            return None
        if self.project and self.project_number:
            told = told.replace(f"/projects/{self.project_number}/", f"/projects/{self.project}/", 1)
        return cluster_name(told)


def asset_of(message: Any) -> Asset:
    """An asset from the message's protocol buffer (`google.cloud.asset.v1.Asset`)."""
    numbers = [a.partition("/")[2] for a in message.ancestors if a.startswith("projects/")]
    return Asset(
        name=cluster_name(message.name),
        type=message.asset_type,
        location=message.resource.location.lower(),
        data=_object(message.resource.data),
        project_number=numbers[0] if numbers else None,
        ancestors=tuple(message.ancestors),
    )


def cluster_name(name: str) -> str:
    """The name with `locations` for a zone in GKE's names, which are told with `zones` in some places.

    FOCUS writes `locations` as well, and relations need one form.
    """
    return name.replace("/zones/", "/locations/", 1) if name.startswith("//container.googleapis.com/") else name


def place(asset: Asset, zone: object = None) -> tuple[str | None, str | None]:
    """Region and zone from the asset's location; (None, None) for what is in no place of its own."""
    location = asset.location
    if found := _ZONE.fullmatch(location):
        return found["region"], location
    region = None if location in {"", "global"} else location
    return region, zone if region and isinstance(zone, str) and zone.startswith(f"{region}-") else None


def region_of(location: str) -> str:
    """The region of a zone; any other location is told as it is."""
    found = _ZONE.fullmatch(location)
    return found["region"] if found else location


def moment(told: object) -> datetime | None:
    """A moment in UTC from RFC 3339 text or from milliseconds since 1970 as text; None if it is neither."""
    if not isinstance(told, str):
        return None
    try:
        if told.isdecimal():
            return _EPOCH + timedelta(milliseconds=int(told))
        found = datetime.fromisoformat(told)
    except (ValueError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def pick(data: object, paths: Iterable[str]) -> Any:
    """The parts of `data` at dotted `paths`, in the same form; a path goes through every item of a list.

    Nothing else passes: what Google adds one day, and every secret in it, stays outside.
    """
    wanted: dict[str, list[str]] = {}
    for path in paths:
        head, _, rest = path.partition(".")
        wanted.setdefault(head, []).append(rest)
    return _picked(data, wanted)


def at(data: object, path: str) -> Any:
    """The value at a dotted path of objects, or None."""
    for part in path.split("."):
        data = data.get(part) if isinstance(data, Mapping) else None
    return data


def inner(data: object, path: str) -> Mapping[str, Any]:
    """The object at a dotted path; an empty one if there is none."""
    found = at(data, path)
    return found if isinstance(found, Mapping) else {}


def every(data: object, path: str) -> list[Any]:
    """All values at a dotted path, going through lists; absent ones are left out."""
    found = [data]
    for part in path.split("."):
        values = [value.get(part) for value in found if isinstance(value, Mapping)]
        found = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [value for value in found if value is not None]


def _picked(data: object, wanted: Mapping[str, list[str]]) -> Any:
    if isinstance(data, list):
        return [_picked(item, wanted) for item in data]
    if not isinstance(data, Mapping):
        return None
    return {key: data[key] if "" in rest else pick(data[key], rest) for key, rest in wanted.items() if key in data}


def _object(struct: Any) -> dict[str, Any]:
    # The order of a protocol buffer's map changes from one reading to the next.
    return {key: _value(struct.fields[key]) for key in sorted(struct.fields)}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    read = _READ.get(kind)
    return read(getattr(value, kind)) if read else None


def _number(told: float) -> float | int | None:
    """A Struct knows no whole numbers; NaN and infinity are no JSON."""
    if not math.isfinite(told):
        return None
    return int(told) if told.is_integer() else told


def _text(told: str) -> str:
    """A link as a full resource name, or as the plain term if it leads to a list of Google's such as machine types."""
    found = _LINK.fullmatch(told) if told.startswith("https://") else None
    if found is None:
        return told
    if term := _TERM.fullmatch(found["path"]):
        return str(term[1] or term[2])
    host = found["host"] or f"{found['api']}.googleapis.com"
    return f"//{host}/{found['path']}"


_READ: Mapping[str, Callable[[Any], Any]] = {
    "string_value": _text,
    "number_value": _number,
    "bool_value": bool,
    "struct_value": _object,
    "list_value": lambda told: [_value(item) for item in told.values],
}
