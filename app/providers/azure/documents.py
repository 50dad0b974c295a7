"""A document of Azure turned into a found resource: no secrets, bounded in size."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.providers.azure.kinds import Kind, first_text, native_id, relations, values
from app.providers.base import FoundResource

LARGEST = 64 * 1024
"""Bytes of a resource's properties as JSON."""
_OUTSIDE = ("sku", "kind", "zones", "managedBy", "resourceGroup")
"""What Azure tells beside `properties` and the catalogue's conditions look at."""
_SECRET = re.compile(
    r"(password|passphrase|secrets?|customdata|userdata|connectionstrings?|tokens?|sasur[il]|credentials?|keydata"
    r"|(?<!partition)keys|(shared|service|access|account|api|master|primary|secondary|instrumentation|authorization"
    r"|private|storage|function|admin)key|protectedsettings|appsettings|environmentvariables|parametervalues)$",
    re.IGNORECASE,
)
"""Ends of names whose values are, or may be, secrets."""
_UNSAFE = frozenset({"configurations", "extensionprofile", "commandtoexecute"})
"""Names under which customers put secrets of their own: HDInsight's storage keys, scripts run on virtual machines."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def found_resource(
    kind: Kind, document: Mapping[str, Any], created_times: Mapping[str, datetime] | None = None
) -> FoundResource:
    """The resource that a document of Resource Graph, or one made like it, describes."""
    key = native_id(document)
    status = first_text(document, *kind.status)
    created = moment_of(first_text(document, kind.created)) if kind.created else None
    used = moment_of(first_text(document, kind.last_used)) if kind.last_used and status in kind.when_idle else None
    zones = [str(zone) for zone in values(document, "zones[]")]
    tags = document.get("tags")
    return FoundResource(
        service=kind.service,
        resource_type=kind.resource_type,
        native_id=key,
        name=str(document.get("name") or key.rpartition("/")[2]),
        region=str(document.get("location") or "").lower().replace(" ", "") or None,
        availability_zone=zones[0] if len(zones) == 1 else None,
        status=status,
        tags={str(name): "" if value is None else str(value) for name, value in tags.items()}
        if isinstance(tags, dict)
        else {},
        properties=_properties(document),
        created_at=created or (created_times or {}).get(key),
        last_used_at=used,
        relations=relations(kind, document),
    )


def without_secrets(value: Any) -> Any:
    """The value less every entry whose name is that of a secret."""
    if isinstance(value, dict):
        return {
            str(name): without_secrets(inner)
            for name, inner in value.items()
            if str(name).lower() not in _UNSAFE and not _SECRET.search(str(name))
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value


def _properties(document: Mapping[str, Any]) -> dict[str, Any]:
    """Azure's own properties and what it tells beside them."""
    told = document.get("properties")
    properties: dict[str, Any] = without_secrets(told if isinstance(told, dict) else {})
    for name in _OUTSIDE:
        value = next(values(document, name), None)
        if value not in (None, "", []):
            properties[name] = without_secrets(value)
    return _bounded(properties)


def _bounded(properties: dict[str, Any]) -> dict[str, Any]:
    """The properties in at most 64 KiB of JSON: the largest entries are left out, and named in `leftOut`."""
    size = _size(properties)
    if size <= LARGEST:
        return properties
    left_out: list[str] = []
    for name in sorted(properties, key=lambda name: _size(properties[name]), reverse=True):
        left_out.append(name)
        kept = {key: value for key, value in properties.items() if key not in left_out}
        kept["leftOut"] = sorted(left_out)
        if _size(kept) <= LARGEST:
            return kept
    return {"leftOut": []}


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def moment_of(text: str | None) -> datetime | None:
    """A moment of Azure's in UTC; None for none, and for the year 1 that stands for "never"."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        told = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return told if told > _EPOCH else None
