"""Azure Monitor of the far subscription: it knows the metrics that are documented, each in the periods it is told in.

https://learn.microsoft.com/azure/azure-monitor/reference/metrics-index
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.providers.azure.arm_server import Answer, failure
from tests.providers.azure.monitor import grain_refusal

_PERIODS = {
    "PT5M": timedelta(minutes=5),
    "PT15M": timedelta(minutes=15),
    "PT1H": timedelta(hours=1),
    "P1D": timedelta(days=1),
}
_ALL = tuple(_PERIODS)
_HOUR = timedelta(hours=1)
_DISK = ("Read Operations", "Write Operations", "Read Bytes", "Write Bytes")
METRICS: Mapping[str, tuple[str, ...]] = {
    "microsoft.compute/virtualmachines": (
        *("Percentage CPU", "Available Memory Bytes"),
        *("Network In Total", "Network Out Total"),
    ),
    "microsoft.compute/virtualmachinescalesets": ("Percentage CPU", "Available Memory Bytes"),
    "microsoft.compute/disks": tuple(f"Composite Disk {name}/sec" for name in _DISK),
    "microsoft.network/applicationgateways": ("TotalRequests",),
    "microsoft.network/natgateways": ("ByteCount",),
    "microsoft.network/virtualnetworkgateways": ("TunnelAverageBandwidth", "P2SConnectionCount"),
    "microsoft.network/expressroutecircuits": ("BitsInPerSecond", "BitsOutPerSecond"),
    "microsoft.network/azurefirewalls": ("DataProcessed", "ApplicationRuleHit", "NetworkRuleHit"),
    "microsoft.network/bastionhosts": ("sessions",),
    "microsoft.network/privateendpoints": ("PEBytesIn", "PEBytesOut"),
    "microsoft.cdn/profiles": ("RequestCount",),
    "microsoft.storage/storageaccounts": ("Transactions", "UsedCapacity"),
    "microsoft.web/serverfarms": ("CpuPercentage", "MemoryPercentage"),
    "microsoft.sql/servers/databases": (
        *("connection_successful", "cpu_percent", "dtu_consumption_percent"),
        *("physical_data_read_percent", "log_write_percent"),
    ),
    "microsoft.sql/managedinstances": ("avg_cpu_percent", "storage_space_used_mb"),
    "microsoft.dbforpostgresql/flexibleservers": ("active_connections", "cpu_percent"),
    "microsoft.dbformysql/flexibleservers": ("active_connections", "cpu_percent"),
    "microsoft.documentdb/databaseaccounts": ("NormalizedRUConsumption",),
    "microsoft.cache/redis": ("connectedclients", "operationsPerSecond"),
    "microsoft.synapse/workspaces/sqlpools": ("DWUUsedPercent",),
    "microsoft.kusto/clusters": ("QueryDuration",),
    "microsoft.hdinsight/clusters": ("GatewayRequests",),
    "microsoft.machinelearningservices/workspaces/onlineendpoints": ("RequestsPerMinute",),
    "microsoft.cognitiveservices/accounts": ("AzureOpenAIProvisionedManagedUtilizationV2",),
}
"""Of each type those that are read."""
PERIODS: Mapping[str, tuple[str, ...]] = {
    "UsedCapacity": ("PT1H",),
    "sessions": ("PT5M", "PT15M"),
    "GatewayRequests": ("PT1H", "P1D"),
    "NormalizedRUConsumption": ("PT5M", "PT1H", "P1D"),
}
"""Of metrics that are not told in all of the periods that are asked for here."""
_AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Average": lambda values: math.fsum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
    "Total": math.fsum,
}


@dataclass(frozen=True)
class _Series:
    """Samples at the full hours: the same ones each day, those of the last day that is asked for being `hours`."""

    hours: tuple[float, ...]
    grows: float

    def at(self, moment: datetime, end: datetime) -> float:
        days = (end.date() - moment.date()).days - 1
        return self.hours[moment.hour % len(self.hours)] - self.grows * days


class FarMonitor:
    """Answers what is asked of metrics; `asked` are the questions."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.not_taken: set[str] = set()
        """Ids of resources about which no question is taken."""
        self._series: dict[tuple[str, str], _Series] = {}

    def add(self, native_id: str, metrics: Mapping[str, float | Sequence[float]], grows: float) -> None:
        """Samples of a resource. Raises ValueError for a metric that is not documented of its type."""
        for name, told in metrics.items():
            hours = (float(told),) if isinstance(told, int | float) else tuple(map(float, told))
            if name not in METRICS[_type(native_id)] or len(hours) not in {1, 24}:
                message = f"{name} of {native_id} is not documented, or has neither one sample nor 24"
                raise ValueError(message)
            self._series[native_id, name] = _Series(hours, grows)

    def __call__(self, resource: str, query: dict[str, str]) -> Answer:
        """The answer to `GET {resource}/providers/microsoft.insights/metrics`."""
        self.asked.append((resource, query))
        if resource.lower() in self.not_taken:
            return Answer({"code": "BadRequest", "message": "Metrics of the resource cannot be read."}, 400)
        names = query["metricnames"].split(",")
        documented = METRICS[_type(resource)]
        missing = next((name for name in names if name not in documented), None)
        if missing is not None:
            words = (
                f"Failed to find metric configuration for provider: X, metric: {missing}, Valid metrics: {documented}"
            )
            return Answer({"code": "BadRequest", "message": words}, 400)
        if len(names) > 20:
            return failure(400, "BadRequest", "Requested metrics count exceeds 20.")
        common = [name for name in _ALL if all(name in PERIODS.get(metric, _ALL) for metric in names)]
        if query["interval"] not in common:
            return grain_refusal(names, common, query["interval"])
        told = [self._metric(resource.lower(), name, query) for name in names]
        return Answer({"timespan": query["timespan"], "interval": query["interval"], "value": told})

    def _metric(self, resource: str, name: str, query: Mapping[str, str]) -> dict[str, Any]:
        series = self._series.get((resource, name))
        begin, end = (datetime.fromisoformat(text) for text in query["timespan"].split("/"))
        step, wanted = _PERIODS[query["interval"]], query["aggregation"].split(",")
        data = []
        while series is not None and begin < end:
            # A sample at each full hour: shorter periods have one or none.
            count = max(step // _HOUR, 1) if begin.minute == 0 else 0
            values = [series.at(begin + hour * _HOUR, end) for hour in range(count)]
            point = {each.lower(): _AGGREGATIONS[each](values) for each in wanted if values}
            data.append({"timeStamp": begin.strftime("%Y-%m-%dT%H:%M:%SZ"), **point})
            begin += step
        timeseries = [{"metadatavalues": [], "data": data}] if series is not None else []
        return {"name": {"value": name}, "errorCode": "Success", "timeseries": timeseries}


def _type(resource: str) -> str:
    namespace, *rest = resource.lower().rpartition("/providers/")[2].split("/")
    return "/".join([namespace, *rest[::2]])
