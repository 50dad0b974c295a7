"""Which types of assets are read together: each service is one step of a scan, each collector one question or two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from app.providers.base import Collector, FoundResource, Relation, Service
from app.providers.gcp import compute, data, network, platform, projects
from app.providers.gcp.assets import Asset, every
from app.providers.gcp.connection import INVENTORY_PERMISSIONS, GcpConnection
from app.providers.gcp.kinds import Kind
from app.records import RelationshipKind

_INSTANCE = compute.INSTANCE.resource_type
# Several types in one question: the quota is 100 questions a minute for each project that credentials belong to.
_BACKENDS = (network.BACKEND_SERVICE, network.REGION_BACKEND_SERVICE, network.TARGET_POOL)
_SERVERS = (
    compute.INSTANCE,
    compute.INSTANCE_TEMPLATE,
    compute.INSTANCE_GROUP,
    compute.INSTANCE_GROUP_MANAGER,
    compute.AUTOSCALER,
)
_DISKS = (compute.DISK, compute.REGION_DISK, compute.SNAPSHOT, compute.IMAGE)


def services() -> tuple[Service, ...]:
    """What can be read of Google Cloud. All of it is global: one question covers every region."""
    return (
        _service(
            "compute",
            _servers_and_disks(),
            _collector(compute.RESERVATION, compute.COMMITMENT),
            _collector(network.ADDRESS, network.GLOBAL_ADDRESS),
            _collector(
                network.FORWARDING_RULE,
                network.GLOBAL_FORWARDING_RULE,
                network.TARGET_HTTP_PROXY,
                network.TARGET_HTTPS_PROXY,
                network.TARGET_SSL_PROXY,
                network.TARGET_TCP_PROXY,
                network.TARGET_INSTANCE,
                network.URL_MAP,
            ),
            _collector(network.NETWORK, network.SUBNETWORK, network.ROUTER),
            _collector(
                network.VPN_TUNNEL, network.VPN_GATEWAY, network.TARGET_VPN_GATEWAY, network.INTERCONNECT_ATTACHMENT
            ),
        ),
        _service("sqladmin", _collector(data.SQL_INSTANCE)),
        _service("storage", _collector(data.BUCKET)),
        _service("bigquery", _collector(data.DATASET, data.TABLE)),
        _service("bigqueryreservation", _collector(data.SLOT_RESERVATION, data.CAPACITY_COMMITMENT)),
        _service("redis", _collector(data.REDIS)),
        _service("memcache", _collector(data.MEMCACHE)),
        _service("pubsub", _collector(data.TOPIC, data.SUBSCRIPTION)),
        _service("container", _collector(platform.CLUSTER, platform.NODE_POOL)),
        _service("run", _collector(platform.RUN_SERVICE)),
        _service("aiplatform", _collector(platform.MODEL_ENDPOINT)),
        _service("logging", _collector(platform.LOG_BUCKET)),
        _service("artifactregistry", _collector(platform.PACKAGE_REPOSITORY)),
        _service("cloudresourcemanager", projects.collector()),
    )


def _service(name: str, *collectors: Collector) -> Service:
    return Service(name, collectors, is_global=True)


def _collector(*kinds: Kind) -> Collector:
    by_type = {kind.resource_type: kind for kind in kinds}

    def pages(connection: GcpConnection, _region: str) -> Iterator[list[FoundResource]]:
        for page in connection.pages(tuple(by_type)):
            yield [by_type[asset.type].found(asset) for asset in page]

    return Collector(tuple(by_type), INVENTORY_PERMISSIONS, pages)


def _servers_and_disks() -> Collector:
    """Machines and groups of them, after the load balancers that name them and before the disks that name machines.

    Google tells it the other way round: a backend service names its groups, a target pool its machines. It is the
    machine or the group that is behind, so these names are remembered while the second question is read. A disk names
    its machines, and metrics know these by their numbers: so those are remembered too.
    """
    backends = {kind.resource_type: kind for kind in _BACKENDS}
    servers = {kind.resource_type: kind for kind in _SERVERS}
    disks = {kind.resource_type: kind for kind in _DISKS}

    def pages(connection: GcpConnection, _region: str) -> Iterator[list[FoundResource]]:
        fronts: dict[str, list[str]] = {}
        for page in connection.pages(tuple(backends)):
            for asset in page:
                for path in ("backends.group", "instances"):
                    for told in every(asset.data, path):
                        if name := asset.full_name(told):
                            fronts.setdefault(name, []).append(asset.name)
            yield [backends[asset.type].found(asset) for asset in page]
        numbers: dict[str, str] = {}
        for page in connection.pages(tuple(servers)):
            numbers |= {asset.name: str(asset.data.get("id", "")) for asset in page if asset.type == _INSTANCE}
            yield [_behind(servers[asset.type].found(asset), asset, fronts) for asset in page]
        for page in connection.pages(tuple(disks)):
            yield [_of_machines(disks[asset.type].found(asset), asset, numbers) for asset in page]

    return Collector((*backends, *servers, *disks), INVENTORY_PERMISSIONS, pages)


def _of_machines(found: FoundResource, asset: Asset, numbers: Mapping[str, str]) -> FoundResource:
    """`found` with the numbers of the machines that it is attached to, if all of them are known."""
    users = [numbers.get(asset.full_name(told) or "", "") for told in every(asset.data, "users")]
    return replace(found, properties={**found.properties, "userIds": users}) if users and all(users) else found


def _behind(found: FoundResource, asset: Asset, fronts: Mapping[str, list[str]]) -> FoundResource:
    """`found` with what it is behind. A managed group's manager is behind what its group is behind."""
    group = asset.full_name(asset.data.get("instanceGroup"))
    names = [*fronts.get(asset.name, ()), *(fronts.get(group, ()) if group else ())]
    behind = tuple(Relation(RelationshipKind.BEHIND, name) for name in dict.fromkeys(names))
    return replace(found, relations=(*found.relations, *behind)) if behind else found
