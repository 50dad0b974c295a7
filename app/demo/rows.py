"""The demo's estate and bills as files, with the columns that imports take."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

import orjson

from app.costs.providers import resource_key
from app.demo.charges import COLUMNS, Bill, charges
from app.demo.estate import ACCOUNTS, Resource
from app.demo.stored import stored

RESOURCE_COLUMNS = (
    "provider",
    "account_id",
    "account_name",
    "service",
    "resource_type",
    "resource_id",
    "resource_name",
    "region",
    "availability_zone",
    "status",
    "tags",
    "properties",
    "created_at",
)


def resources_csv(resources: list[Resource]) -> bytes:
    """The inventory."""
    return _csv(RESOURCE_COLUMNS, map(_resource_row, resources))


def charges_csv(resources: list[Resource], bill: Bill) -> bytes:
    """The charges of a bill, in FOCUS 1.2."""
    return _csv(COLUMNS, charges(resources, bill))


def _resource_row(resource: Resource) -> dict[str, str]:
    provider, account_id, account_name, _ = ACCOUNTS[resource.account]
    found = stored(resource)
    return {
        "provider": provider,
        "account_id": account_id,
        "account_name": account_name,
        "service": resource.kind.service,
        "resource_type": resource.kind.inventory_type,
        "resource_id": resource_key(resource.id),
        "resource_name": resource.name,
        "region": resource.region[0],
        "availability_zone": resource.zone,
        "status": found.status,
        "tags": orjson.dumps(resource.tags).decode() if resource.tags else "",
        "properties": orjson.dumps(found.properties).decode(),
        "created_at": resource.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[column] for column in columns] for row in rows)  # DictWriter takes twice as long
    return text.getvalue().encode()
