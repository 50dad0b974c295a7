"""Plain boto3 as a contestant: lists EC2 with the calls that a scan of it makes, and throws the pages away.

`python -m benchmarks.plain_boto3 URL REGION` lists once for each line of its standard input, one call after the other
as a step of a scan does, and tells of each time in a line of JSON: seconds on the clock, and how many pages there
were. Its client is made before the clock starts.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import boto3

PAGE = 1000
LISTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("describe_regions", {"AllRegions": False}),
    ("describe_instances", {"MaxResults": PAGE}),
    ("describe_launch_template_versions", {"Versions": ["$Default", "$Latest"], "MaxResults": 200}),
    ("describe_launch_templates", {"MaxResults": 200}),
    ("describe_hosts", {"MaxResults": 500}),
    ("describe_capacity_reservations", {"MaxResults": PAGE}),
    ("describe_volumes", {"MaxResults": PAGE}),
    ("describe_snapshots", {"OwnerIds": ["self"], "MaxResults": PAGE}),
    (
        "describe_images",
        {"Owners": ["self"], "IncludeDeprecated": True, "IncludeDisabled": True, "MaxResults": PAGE},
    ),
    ("describe_vpcs", {"MaxResults": PAGE}),
    ("describe_subnets", {"MaxResults": PAGE}),
    ("describe_security_groups", {"MaxResults": PAGE}),
    ("describe_route_tables", {"MaxResults": 100}),
    ("describe_network_interfaces", {"MaxResults": PAGE}),
    ("describe_addresses", {}),
    ("describe_nat_gateways", {"MaxResults": PAGE}),
    ("describe_vpc_endpoints", {"MaxResults": PAGE}),
    ("describe_transit_gateway_attachments", {"MaxResults": PAGE}),
    ("describe_vpn_connections", {}),
    ("describe_client_vpn_endpoints", {"MaxResults": PAGE}),
)
"""Operations and arguments; that a scan asks for the very same is checked by `benchmarks.scan`."""


def list_all(client: Any) -> int:
    """Read every page of every list; how many they were."""
    pages = 0
    for operation, arguments in LISTS:
        if client.can_paginate(operation):
            for _ in client.get_paginator(operation).paginate(**arguments):
                pages += 1
        else:
            getattr(client, operation)(**arguments)
            pages += 1
    return pages


def main(url: str, region: str) -> None:
    """List once for each line that comes."""
    client = boto3.client(
        "ec2",
        region_name=region,
        endpoint_url=url,
        aws_access_key_id="plain",
        aws_secret_access_key="plain",  # noqa: S106 - any will do for moto
    )
    for _ in sys.stdin:
        start = time.perf_counter()
        pages = list_all(client)
        sys.stdout.write(json.dumps({"seconds": time.perf_counter() - start, "pages": pages}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
