"""All checks, in one flat list."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from app.detection.check import Check
from app.detection.checks import (
    advice,
    aws_addresses,
    aws_analytics,
    aws_brokers,
    aws_clusters,
    aws_commitments,
    aws_connections,
    aws_containers,
    aws_desktops,
    aws_dynamodb,
    aws_ebs,
    aws_ec2,
    aws_ec2_capacity,
    aws_ec2_types,
    aws_elasticache,
    aws_elb,
    aws_files,
    aws_gateways,
    aws_graviton,
    aws_lambda,
    aws_logs,
    aws_models,
    aws_network_services,
    aws_rds,
    aws_rds_snapshots,
    aws_redshift,
    aws_s3,
    aws_small,
    aws_snapshots,
    az_addresses,
    az_analytics,
    az_backups,
    az_balancers,
    az_capacity,
    az_copies,
    az_databases,
    az_disks,
    az_gateways,
    az_kubernetes,
    az_logs,
    az_machine_types,
    az_machines,
    az_models,
    az_network_services,
    az_orphans,
    az_plans,
    az_sql,
    az_storage,
    charges_commitments,
    charges_inventory,
    charges_spend,
    gcp_capacity,
    gcp_containers,
    gcp_data,
    gcp_disks,
    gcp_lb,
    gcp_network,
    gcp_projects,
    gcp_services,
    gcp_snapshots,
    gcp_sql,
    gcp_storage,
    gcp_vms,
    m365_content,
    m365_licences,
    m365_mailboxes,
    m365_products,
    m365_users,
)
from app.providers.opinions import OpinionSource
from app.records import Provider
from app.records.detection import ChargeSubject

ALL_CHECKS: Final[tuple[Check, ...]] = (
    *advice.CHECKS,
    *aws_addresses.CHECKS,
    *aws_analytics.CHECKS,
    *aws_brokers.CHECKS,
    *aws_clusters.CHECKS,
    *aws_commitments.CHECKS,
    *aws_connections.CHECKS,
    *aws_containers.CHECKS,
    *aws_desktops.CHECKS,
    *aws_dynamodb.CHECKS,
    *aws_ebs.CHECKS,
    *aws_ec2.CHECKS,
    *aws_ec2_capacity.CHECKS,
    *aws_ec2_types.CHECKS,
    *aws_elasticache.CHECKS,
    *aws_elb.CHECKS,
    *aws_files.CHECKS,
    *aws_gateways.CHECKS,
    *aws_graviton.CHECKS,
    *aws_lambda.CHECKS,
    *aws_logs.CHECKS,
    *aws_models.CHECKS,
    *aws_network_services.CHECKS,
    *aws_rds.CHECKS,
    *aws_rds_snapshots.CHECKS,
    *aws_redshift.CHECKS,
    *aws_s3.CHECKS,
    *aws_small.CHECKS,
    *aws_snapshots.CHECKS,
    *az_addresses.CHECKS,
    *az_analytics.CHECKS,
    *az_backups.CHECKS,
    *az_balancers.CHECKS,
    *az_capacity.CHECKS,
    *az_copies.CHECKS,
    *az_databases.CHECKS,
    *az_disks.CHECKS,
    *az_gateways.CHECKS,
    *az_kubernetes.CHECKS,
    *az_logs.CHECKS,
    *az_machine_types.CHECKS,
    *az_machines.CHECKS,
    *az_models.CHECKS,
    *az_network_services.CHECKS,
    *az_orphans.CHECKS,
    *az_plans.CHECKS,
    *az_sql.CHECKS,
    *az_storage.CHECKS,
    *charges_commitments.CHECKS,
    *charges_inventory.CHECKS,
    *charges_spend.CHECKS,
    *gcp_capacity.CHECKS,
    *gcp_containers.CHECKS,
    *gcp_data.CHECKS,
    *gcp_disks.CHECKS,
    *gcp_lb.CHECKS,
    *gcp_network.CHECKS,
    *gcp_projects.CHECKS,
    *gcp_services.CHECKS,
    *gcp_snapshots.CHECKS,
    *gcp_sql.CHECKS,
    *gcp_storage.CHECKS,
    *gcp_vms.CHECKS,
    *m365_content.CHECKS,
    *m365_licences.CHECKS,
    *m365_mailboxes.CHECKS,
    *m365_products.CHECKS,
    *m365_users.CHECKS,
)
CHECKS: Final[Mapping[str, Check]] = MappingProxyType({check.id: check for check in ALL_CHECKS})
"""By id."""


def checks_of(resource_type: str) -> tuple[Check, ...]:
    """The checks that look at a resource type."""
    return tuple(check for check in ALL_CHECKS if resource_type in check.resource_types)


def checks_of_advice(provider: Provider | None = None) -> dict[OpinionSource, Check]:
    """The checks that take over what advisers of a provider say, or of any; whose word comes first is first."""
    return {check.advice: check for check in ALL_CHECKS if check.advice is not None and check.is_for(provider)}


def checks_of_charges() -> dict[ChargeSubject, tuple[Check, ...]]:
    """The checks that look at charges, by what of them."""
    found: dict[ChargeSubject, tuple[Check, ...]] = {}
    for check in ALL_CHECKS:
        if check.charges is not None:
            found[check.charges] = (*found.get(check.charges, ()), check)
    return found
