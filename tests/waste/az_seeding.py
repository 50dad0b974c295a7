"""How the far subscription is filled: rows of Resource Graph in the words of Azure, and metrics beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.providers.azure.arm_server import SUBSCRIPTION
from tests.providers.azure.rows import Row, identity, row
from tests.waste.far_monitor import FarMonitor

REGION = "eastus"
"""The region of which the most prices are delivered."""
OLD = 150.0
"""Days: older than any check asks for."""
KEEP = {"keep": "yes"}
"""A tag by which the organization has some checks leave resources out."""
GIB = 2**30
Table = tuple[tuple[Any, ...], ...]
"""What is seeded, one row for a resource; a comment before the first says what the columns are."""
_CREATED_AT: Mapping[str, str] = {
    "microsoft.compute/virtualmachines": "timeCreated",
    "microsoft.compute/virtualmachinescalesets": "timeCreated",
    "microsoft.compute/disks": "timeCreated",
    "microsoft.compute/snapshots": "timeCreated",
    "microsoft.compute/capacityreservationgroups/capacityreservations": "timeCreated",
    "microsoft.compute/hostgroups/hosts": "timeCreated",
    "microsoft.sql/servers/databases": "creationDate",
    "microsoft.sql/servers/elasticpools": "creationDate",
    "microsoft.sql/managedinstances": "createTime",
    "microsoft.storage/storageaccounts": "creationTime",
    "microsoft.operationalinsights/workspaces": "createdDate",
    "microsoft.synapse/workspaces/sqlpools": "creationDate",
    "microsoft.hdinsight/clusters": "createdDate",
    "microsoft.web/connections": "createdTime",
    "microsoft.logic/workflows": "createdTime",
    "microsoft.cognitiveservices/accounts": "dateCreated",
}
"""Where the document of a resource tells when it was made; of the others Azure Resource Manager does."""


class AzureSeeding:
    """A subscription that is being filled; `ids` are native ids by a label of ours."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.tables: dict[str, list[Row]] = {"resources": [], "resourcecontainers": [], "recoveryservicesresources": []}
        self.created: dict[str, str] = {}
        self.things: dict[str, Any] = {}
        self.monitor = FarMonitor()
        self.now = datetime.now(UTC)

    def ago(self, days: float) -> str:
        """A moment so many days ago, as Azure writes it."""
        return (self.now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def add(
        self,
        resource_type: str,
        name: str,
        properties: Row | None = None,
        *,
        age: float = OLD,
        label: str = "",
        **columns: Any,
    ) -> str:
        """A resource that was made so many days ago; its id as Azure spells it. Its last name is its label."""
        told = {"provisioningState": "Succeeded", **(properties or {})}
        made_at = _CREATED_AT.get(resource_type.lower())
        if made_at is not None:
            told.setdefault(made_at, self.ago(age))
        table = columns.pop("table", "resources")
        made = row(resource_type, name, told, location=columns.pop("location", REGION), **columns)
        return self.put(made, label or str(made["name"]), table, age)

    def put(self, made: Row, label: str, table: str = "resources", age: float = OLD) -> str:
        """A row as it is."""
        if label in self.ids:
            message = f"{label} is there already"
            raise ValueError(message)
        self.tables[table].append(made)
        self.created[made["id"]] = self.ago(age)
        self.note(label, made["id"])
        return str(made["id"])

    def note(self, label: str, native_id: str) -> None:
        """A resource that is told inside another one."""
        self.ids[label] = native_id.lower()

    def measure(self, label: str, metrics: Mapping[str, float | Sequence[float]], grows: float = 0) -> None:
        """Metrics of a resource: a sample each hour, always the same or 24 each day.

        Where it `grows`, the samples are those of yesterday, and each day before had so much less.
        """
        self.monitor.add(self.ids[label], metrics, grows)


def named(kind: str, name: str) -> Row:
    """How documents name another resource of the subscription."""
    return {"id": identity(kind, name)}


def group_id(name: str) -> str:
    """The id of a resource group."""
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}"


def one_hour(value: float, others: float = 0) -> tuple[float, ...]:
    """The samples of a day of which one hour is unlike the others."""
    return (*[float(others)] * 23, float(value))
