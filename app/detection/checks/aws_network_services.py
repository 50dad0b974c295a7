"""Network Firewall, Global Accelerator, Transfer Family and Storage Gateway: paid by the hour, used or not."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, days
from app.detection.facts import Facts
from app.detection.finding import Finding
from app.detection.reckoning import required, unused
from app.detection.savings import hours, nothing, whole
from app.records import Provider
from app.records.detection import Confidence, Remedy, Saving, Severity

FIREWALL: Final = "AWS::NetworkFirewall::Firewall"
ACCELERATOR: Final = "AWS::GlobalAccelerator::Accelerator"
TRANSFER: Final = "AWS::Transfer::Server"
GATEWAY: Final = "AWS::StorageGateway::Gateway"
_ACCELERATORS_AT: Final = "us-west-2"
"""Where CloudWatch keeps their metrics.

https://docs.aws.amazon.com/global-accelerator/latest/dg/cloudwatch-monitoring.html
"""
_ZONES: Final = (
    ("FirewallName", "name"),
    ("AvailabilityZone", "properties.zones"),
    ("Engine", "=Stateless"),
)
_BY_GATEWAY: Final = (("GatewayId", "properties.gatewayId"), ("GatewayName", "name"))


def _firewall_idle(facts: Facts) -> Finding | None:
    firewall = facts.subject
    if firewall.status != "READY":
        return None
    shown = unused(facts, "packets", unit="packets")
    if shown is None:
        return None
    count = Decimal(len(firewall.items("endpoints")))
    return Finding(whole(facts, hours("networkfirewall.endpoint", "endpoint hours", count)), shown)


def _accelerator_idle(facts: Facts) -> Finding | None:
    # One that is switched off is paid for as well.
    shown = unused(facts, "flows", unit="new flows")
    return None if shown is None else Finding(whole(facts, hours("globalaccelerator.hour", "hours")), shown)


def _transfer_idle(facts: Facts) -> Finding | None:
    # A server that is stopped is paid for as well.
    shown = unused(facts, "bytesIn", "bytesOut", unit="bytes")
    if shown is None:
        return None
    count = Decimal(len(facts.subject.items("protocols")))
    return Finding(whole(facts, hours("transfer.protocol", "protocol hours", count)), shown)


def _gateway_saving(facts: Facts) -> Saving:
    if required(facts.subject, "gatewayType") == "FILE_FSX_SMB":
        return whole(facts, hours("storagegateway.fsx", "hours"))
    actual = whole(facts)
    why = "What goes through a gateway is billed, and the machine that it runs on by whoever runs it."
    return actual if actual.reason is None else nothing(why)


def _gateway_idle(facts: Facts) -> Finding | None:
    if facts.subject.text("state") != "RUNNING":
        return None
    shown = unused(facts, "uploaded", "downloaded", unit="bytes")
    return None if shown is None else Finding(_gateway_saving(facts), shown)


_check = partial(Check, provider=Provider.AWS, remedy=Remedy.DELETE)

CHECKS: Final = (
    _check(
        id="aws.networkfirewall.idle",
        title="Network firewall that no packet comes to",
        description="Each endpoint of a firewall is paid by the hour, whether routes lead to it or not.",
        area=Area.NETWORK,
        resource_types=(FIREWALL,),
        severity=Severity.HIGH,
        confidence=Confidence.POSSIBLE,
        remediation="Look whether a route table leads to its endpoints. If none does, delete the firewall; its policy "
        "and rules stay.",
        find=_firewall_idle,
        properties=("endpoints", "zones"),
        prices=("networkfirewall.endpoint",),
        saving="The hours of all endpoints.",
        parameters=(days(LOOKBACK_DAYS, 14, "How many days have to pass without a packet.", most=90),),
        metrics=(Metric("packets", "ReceivedPackets", Daily.SUM, "AWS/NetworkFirewall", _ZONES, silent_at_zero=True),),
        links=(
            "https://docs.aws.amazon.com/network-firewall/latest/developerguide/monitoring-cloudwatch.html",
            "https://aws.amazon.com/network-firewall/pricing/",
        ),
    ),
    _check(
        id="aws.globalaccelerator.idle",
        title="Accelerator without traffic",
        description="An accelerator is paid by the hour, also while it is switched off.",
        area=Area.NETWORK,
        resource_types=(ACCELERATOR,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remediation="Make sure that no DNS record names its addresses, switch it off, then delete it. Its addresses "
        "do not come back.",
        find=_accelerator_idle,
        properties=("acceleratorId",),
        prices=("globalaccelerator.hour",),
        saving="Its hours.",
        parameters=(days(LOOKBACK_DAYS, 14, "How many days have to pass without a new flow.", most=90),),
        metrics=(
            Metric(
                "flows",
                "NewFlowCount",
                Daily.SUM,
                "AWS/GlobalAccelerator",
                (("Accelerator", "properties.acceleratorId"),),
                silent_at_zero=True,
                region=_ACCELERATORS_AT,
            ),
        ),
        links=(
            "https://docs.aws.amazon.com/global-accelerator/latest/dg/cloudwatch-monitoring.html",
            "https://aws.amazon.com/global-accelerator/pricing/",
        ),
    ),
    _check(
        id="aws.transfer.idle",
        title="Transfer server that moves no files",
        description="Each protocol of a server is paid by the hour until the server is deleted, stopped or not.",
        area=Area.OPERATIONS,
        resource_types=(TRANSFER,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remediation="Ask the partners who have users on it, then delete the server; or remove protocols not needed.",
        find=_transfer_idle,
        properties=("protocols",),
        prices=("transfer.protocol",),
        saving="The hours of all its protocols.",
        parameters=(days(LOOKBACK_DAYS, 30, "How many days have to pass without a byte.", most=90),),
        metrics=tuple(
            Metric(key, name, Daily.SUM, "AWS/Transfer", (("ServerId", "name"),), silent_at_zero=True)
            for key, name in (("bytesIn", "BytesIn"), ("bytesOut", "BytesOut"))
        ),
        links=(
            "https://docs.aws.amazon.com/transfer/latest/userguide/monitoring.html",
            "https://aws.amazon.com/aws-transfer-family/pricing/",
        ),
    ),
    _check(
        id="aws.storagegateway.idle",
        title="Storage gateway that moves nothing",
        description="A gateway runs on a machine of yours, and may keep volumes and tapes that nobody reads.",
        area=Area.STORAGE,
        resource_types=(GATEWAY,),
        severity=Severity.LOW,
        confidence=Confidence.LIKELY,
        remediation="Find out who mounts its shares or volumes; delete the gateway, then the machine it runs on.",
        find=_gateway_idle,
        properties=("gatewayId", "gatewayType", "state"),
        prices=("storagegateway.fsx",),
        saving="Its own charges, or its hours where it is one for FSx.",
        parameters=(days(LOOKBACK_DAYS, 30, "How many days have to pass without a byte.", most=90),),
        metrics=(
            Metric("uploaded", "CloudBytesUploaded", Daily.SUM, "AWS/StorageGateway", _BY_GATEWAY),
            Metric("downloaded", "CloudBytesDownloaded", Daily.SUM, "AWS/StorageGateway", _BY_GATEWAY),
        ),
        links=(
            "https://docs.aws.amazon.com/filegateway/latest/files3/monitoring-file-gateway.html",
            "https://aws.amazon.com/storagegateway/pricing/",
        ),
    ),
)
