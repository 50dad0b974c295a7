"""Azure as one provider: the connection to a subscription, what can be read of it, and the role that this takes."""

from __future__ import annotations

import json

from app.providers.azure import advisor, compute, data, network, platform
from app.providers.azure.connection import AzureConnection
from app.providers.azure.patience import Patience
from app.providers.azure.permissions import READ_BLOBS, READ_METRICS
from app.providers.azure.reading import Reading
from app.providers.base import Service, Target
from app.providers.opinions import OpinionReader
from app.records import Provider

# Named as Azure names the resource provider, less `Microsoft.`.
_READINGS: dict[str, tuple[Reading, ...]] = {
    "resources": platform.RESOURCES,
    "compute": compute.COMPUTE,
    "network": network.NETWORKS,
    "storage": data.STORAGE,
    "web": platform.WEB,
    "logic": platform.LOGIC,
    "sql": data.SQL,
    "sqlvirtualmachine": compute.SQL_VIRTUAL_MACHINES,
    "dbforpostgresql": data.POSTGRESQL_SERVERS,
    "dbformysql": data.MYSQL_SERVERS,
    "documentdb": data.COSMOS_ACCOUNTS,
    "cache": data.CACHES,
    "cdn": network.CONTENT_DELIVERY,
    "containerservice": platform.CONTAINERS,
    "operationalinsights": data.LOG_WORKSPACES,
    "machinelearningservices": platform.MACHINE_LEARNING_ENDPOINTS,
    "cognitiveservices": platform.AI,
    "synapse": data.SYNAPSE_POOLS,
    "kusto": data.KUSTO_CLUSTERS,
    "hdinsight": data.HDINSIGHT_CLUSTERS,
    "databricks": data.DATABRICKS_WORKSPACES,
    "recoveryservices": data.BACKUPS,
}
_ROLE = "Skyledger Inventory Reader"
_HOW = (
    "Lets Skyledger read the inventory, the metrics and Advisor's recommendations of a subscription;"
    " it allows no change and no data, key or secret."
    " Replace <subscription id> here and below, save as role.json, then:"
    " az role definition create --role-definition role.json;"
    f" az role assignment create --assignee <client id> --role '{_ROLE}' --scope /subscriptions/<subscription id>."
    " The built-in role Reader does as well, and also lets Skyledger tell empty resource groups."
    f" A cost source also needs {READ_BLOBS} on the container of the export:"
    " az role assignment create --assignee <client id> --role 'Storage Blob Data Reader' --scope"
    " /subscriptions/<subscription id>/resourceGroups/<group>/providers/Microsoft.Storage/storageAccounts/<account>"
    "/blobServices/default/containers/<container>."
)


class AzureCloud:
    """Microsoft Azure. An account is a subscription; its inventory is read for all regions at once."""

    provider = Provider.AZURE
    metric_permissions: tuple[str, ...] = (READ_METRICS,)

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()

    def connect(self, target: Target) -> AzureConnection:
        """A connection, made without a call. Raises ProviderError(CREDENTIALS) for what cannot be read."""
        return AzureConnection(target, needed_actions(), self._patience)

    def services(self) -> tuple[Service, ...]:
        """What can be read of a subscription."""
        return tuple(
            Service(name, tuple(reading.collector() for reading in readings), is_global=True)
            for name, readings in _READINGS.items()
        )

    def advisers(self) -> tuple[OpinionReader, ...]:
        """Azure Advisor."""
        return (advisor.reader(),)

    def policy(self) -> str:
        """The role definition of least privilege as JSON; its description says how to assign it."""
        role = {
            "Name": _ROLE,
            "IsCustom": True,
            "Description": _HOW,
            "Actions": list(needed_actions()),
            "NotActions": [],
            "DataActions": [],
            "NotDataActions": [],
            "AssignableScopes": ["/subscriptions/<subscription id>"],
        }
        return json.dumps(role, indent=2)


def needed_actions() -> tuple[str, ...]:
    """All actions that the collectors, the metrics and Advisor need, each once, in order of name."""
    collectors = (reading.collector() for readings in _READINGS.values() for reading in readings)
    collected = (action for collector in collectors for action in collector.permissions)
    return tuple(sorted({READ_METRICS, *advisor.PERMISSIONS, *collected}))
