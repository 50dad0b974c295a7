"""Network services paid by the hour: Network Firewall, Global Accelerator, Direct Connect."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import GONE, Answers, Asking, read_each
from app.providers.aws.errors import not_enabled
from app.providers.aws.reading import arn, moment, paged, placed_in, tags
from app.providers.base import GLOBAL, Collector, FoundResource, Service

_FIREWALL: Final = "AWS::NetworkFirewall::Firewall"
_ACCELERATOR: Final = "AWS::GlobalAccelerator::Accelerator"
_CONNECTION: Final = "AWS::DirectConnect::Connection"
_ACCELERATOR_REGION: Final = "us-west-2"
"""The only region whose endpoint answers for accelerators.

https://docs.aws.amazon.com/general/latest/gr/global_accelerator.html
"""
_PAGE: Final = 100
_DELETED: Final = frozenset({"deleted", "deleting", "rejected"})
_FIREWALL_DESCRIBED: Final = ("deleteProtection", "endpoints", "firewallPolicyArn", "status", "tags", "vpcId", "zones")
_INTERFACES: Final = ("virtualInterfaceCount", "availableVirtualInterfaceCount")


def _firewalls(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("network-firewall", region)
    asking = Asking(client)
    for page in paged(client, "list_firewalls", "Firewalls"):
        yield from read_each(page, partial(_firewall, asking, region), GONE)


def _firewall(asking: Asking, region: str, firewall: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    native_id = firewall["FirewallArn"]
    answer = answers.one("describe_firewall", _FIREWALL_DESCRIBED, FirewallArn=native_id)
    described, status = answer.get("Firewall", {}), answer.get("FirewallStatus", {})
    attachments = [state.get("Attachment") or {} for state in (status.get("SyncStates") or {}).values()]
    return FoundResource(
        service="AWSNetworkFirewall",
        resource_type=_FIREWALL,
        native_id=native_id,
        name=firewall["FirewallName"],
        region=region,
        status=status.get("Status"),
        tags=tags(described.get("Tags")),
        properties=answers.known(
            {
                "arn": native_id,
                "vpcId": described.get("VpcId"),
                "firewallPolicyArn": described.get("FirewallPolicyArn"),
                "deleteProtection": described.get("DeleteProtection"),
                # An hour is paid for each endpoint.
                "endpoints": sorted(one["EndpointId"] for one in attachments if one.get("EndpointId")),
                # Metrics are kept by zone.
                "zones": sorted(status.get("SyncStates") or ()),
                "transitGatewayAttachmentId": firewall.get("TransitGatewayAttachmentId"),
            }
        ),
        relations=placed_in(
            described.get("VpcId"), [subnet["SubnetId"] for subnet in described.get("SubnetMappings") or ()]
        ),
    )


def _accelerators(connection: Any, _region: str) -> Iterator[list[FoundResource]]:
    if connection.partition != "aws":
        # Elsewhere the credentials are strangers to this endpoint: it would call them wrong.
        raise not_enabled()
    client = connection.client("globalaccelerator", _ACCELERATOR_REGION)
    asking = Asking(client)
    for page in paged(client, "list_accelerators", "Accelerators", MaxResults=_PAGE):
        yield from read_each(page, partial(_accelerator, asking), GONE)


def _accelerator(asking: Asking, accelerator: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    native_id = accelerator["AcceleratorArn"]
    listeners = answers.all("list_listeners", "Listeners", ("listenerCount",), AcceleratorArn=native_id)
    return FoundResource(
        service="AWSGlobalAccelerator",
        resource_type=_ACCELERATOR,
        native_id=native_id,
        name=accelerator["Name"],
        region=GLOBAL,
        status=accelerator.get("Status"),
        tags=tags(answers.one("list_tags_for_resource", ("tags",), ResourceArn=native_id).get("Tags")),
        properties=answers.known(
            {
                "arn": native_id,
                "acceleratorId": native_id.rpartition("/")[2],
                "enabled": accelerator.get("Enabled"),
                "dnsName": accelerator.get("DnsName"),
                "ipAddressType": accelerator.get("IpAddressType"),
                "ipAddresses": [
                    address for one in accelerator.get("IpSets", ()) for address in one.get("IpAddresses", ())
                ],
                "listenerCount": len(listeners),
                "lastModifiedAt": moment(accelerator.get("LastModifiedTime")),
            }
        ),
        created_at=moment(accelerator.get("CreatedTime")),
    )


def _connections(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("directconnect", region)
    asking = Asking(client)
    interfaces: _Interfaces | None = None
    for page in paged(client, "describe_connections", "connections"):
        live = [found for found in page if found["connectionState"] not in _DELETED]
        if live and interfaces is None:
            interfaces = _Interfaces(asking.about())
        yield [_connection(connection, asking, interfaces, region, found) for found in live if interfaces]


class _Interfaces:
    """How many virtual interfaces, and of those available, each connection or group of connections (LAG) has."""

    def __init__(self, answers: Answers) -> None:
        self.by_state: dict[str, dict[str, int]] = {}
        for found in answers.all("describe_virtual_interfaces", "virtualInterfaces", _INTERFACES):
            state = found.get("virtualInterfaceState", "unknown")
            if state not in _DELETED:
                states = self.by_state.setdefault(found["connectionId"], {})
                states[state] = states.get(state, 0) + 1
        self.unreadable = tuple(answers.unreadable)

    def count(self, *owners: str | None, state: str | None = None) -> int:
        """Those of the owners, of one state or of all."""
        counted = [self.by_state.get(owner, {}) for owner in owners if owner]
        return sum(number for states in counted for told, number in states.items() if state in {None, told})


def _connection(
    connection: Any, asking: Asking, interfaces: _Interfaces, region: str, found: dict[str, Any]
) -> FoundResource:
    identifier = found["connectionId"]
    native_id = arn(connection, "directconnect", region, f"dxcon/{identifier}")
    owners = (identifier, found.get("lagId"))
    return FoundResource(
        service="AWSDirectConnect",
        resource_type=_CONNECTION,
        native_id=native_id,
        name=found.get("connectionName") or identifier,
        region=region,
        status=found["connectionState"],
        tags=tags(found.get("tags")),
        properties=asking.about(*interfaces.unreadable).known(
            {
                "arn": native_id,
                "connectionId": identifier,
                "location": found.get("location"),
                "bandwidth": found.get("bandwidth"),
                "partnerName": found.get("partnerName"),
                "lagId": found.get("lagId"),
                # Those of the group that the connection belongs to are its own as well.
                "virtualInterfaceCount": interfaces.count(*owners),
                "availableVirtualInterfaceCount": interfaces.count(*owners, state="available"),
            }
        ),
    )


SERVICES: Final = (
    Service(
        name="network-firewall",
        collectors=(
            Collector(
                resource_types=(_FIREWALL,),
                permissions=("network-firewall:ListFirewalls", "network-firewall:DescribeFirewall"),
                pages=_firewalls,
            ),
        ),
    ),
    Service(
        name="globalaccelerator",
        is_global=True,
        collectors=(
            Collector(
                resource_types=(_ACCELERATOR,),
                permissions=(
                    "globalaccelerator:ListAccelerators",
                    "globalaccelerator:ListListeners",
                    "globalaccelerator:ListTagsForResource",
                ),
                pages=_accelerators,
            ),
        ),
    ),
    Service(
        name="directconnect",
        collectors=(
            Collector(
                resource_types=(_CONNECTION,),
                permissions=("directconnect:DescribeConnections", "directconnect:DescribeVirtualInterfaces"),
                pages=_connections,
            ),
        ),
    ),
)
