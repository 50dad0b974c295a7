"""Amazon OpenSearch Service: domains."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import GONE, Asking, read_each
from app.providers.aws.reading import placed_in, tags
from app.providers.base import Collector, FoundResource, Service

_DOMAIN: Final = "AWS::OpenSearchService::Domain"
_DESCRIBED_AT_ONCE: Final = 5
"""https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_DescribeDomains.html"""


def _domains(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("opensearch", region)
    asking = Asking(client)
    names = [domain["DomainName"] for domain in client.list_domain_names().get("DomainNames", ())]
    for first in range(0, len(names), _DESCRIBED_AT_ONCE):
        described = client.describe_domains(DomainNames=names[first : first + _DESCRIBED_AT_ONCE])
        yield from read_each(described["DomainStatusList"], partial(_domain, asking, region), GONE)


def _domain(asking: Asking, region: str, domain: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    native_id = domain["ARN"]
    engine, _, version = domain.get("EngineVersion", "").partition("_")
    network = domain.get("VPCOptions") or {}
    software = domain.get("ServiceSoftwareOptions") or {}
    return FoundResource(
        service="AmazonES",
        resource_type=_DOMAIN,
        native_id=native_id,
        name=domain["DomainName"],
        region=region,
        status=_status(domain),
        tags=tags(answers.all("list_tags", "TagList", ("tags",), ARN=native_id)),
        properties=answers.known(
            {
                "arn": native_id,
                # What decides about the surcharge of extended support; the dates are facts of the price list.
                "engine": engine or None,
                "engineVersion": version or None,
                "serviceSoftwareVersion": software.get("CurrentVersion"),
                "serviceSoftwareUpdateAvailable": software.get("UpdateAvailable"),
                **_nodes(domain.get("ClusterConfig") or {}),
                **_storage(domain.get("EBSOptions") or {}),
            }
        ),
        relations=placed_in(network.get("VPCId"), network.get("SubnetIds", ()), network.get("SecurityGroupIds", ())),
    )


def _status(domain: dict[str, Any]) -> str:
    """The processing status; from two flags where the region does not tell it yet."""
    told = domain.get("DomainProcessingStatus")
    if told:
        return str(told)
    if domain.get("Deleted"):
        return "Deleting"
    return "Active" if domain.get("Created", True) and not domain.get("Processing") else "Modifying"


def _nodes(cluster: dict[str, Any]) -> dict[str, Any]:
    masters, warm = bool(cluster.get("DedicatedMasterEnabled")), bool(cluster.get("WarmEnabled"))
    return {
        "instanceType": cluster.get("InstanceType"),
        "instanceCount": cluster.get("InstanceCount"),
        "dedicatedMasterType": cluster.get("DedicatedMasterType") if masters else None,
        "dedicatedMasterCount": (cluster.get("DedicatedMasterCount") or 0) if masters else 0,
        "warmType": cluster.get("WarmType") if warm else None,
        "warmCount": (cluster.get("WarmCount") or 0) if warm else 0,
        "coldStorage": bool((cluster.get("ColdStorageOptions") or {}).get("Enabled")),
        "zoneAwareness": bool(cluster.get("ZoneAwarenessEnabled")),
        "standby": bool(cluster.get("MultiAZWithStandbyEnabled")),
    }


def _storage(volumes: dict[str, Any]) -> dict[str, Any]:
    """Of each data node."""
    return {
        "ebs": bool(volumes.get("EBSEnabled")),
        "volumeType": volumes.get("VolumeType"),
        "volumeGigabytes": volumes.get("VolumeSize"),
        "volumeIops": volumes.get("Iops"),
        "volumeThroughput": volumes.get("Throughput"),
    }


SERVICE: Final = Service(
    name="opensearch",
    collectors=(
        Collector(
            resource_types=(_DOMAIN,),
            permissions=("es:ListDomainNames", "es:DescribeDomains", "es:ListTags"),
            pages=_domains,
        ),
    ),
)
