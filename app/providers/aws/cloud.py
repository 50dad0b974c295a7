"""AWS as one of the clouds: what can be read of it, and the policy that reading it needs."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from botocore.exceptions import ClientError, EndpointConnectionError

from app.providers.aws import (
    autoscaling,
    bedrock,
    commitments,
    compute_optimizer,
    cost_optimization_hub,
    documentdb,
    dynamodb,
    ec2_compute,
    ec2_gateways,
    ec2_network,
    ec2_storage,
    ecr,
    ecs,
    edge,
    efs,
    eks,
    elasticache,
    elb,
    emr,
    fsx,
    kinesis,
    lambda_functions,
    logs,
    messaging,
    migration_services,
    network_services,
    opensearch,
    rds,
    redshift,
    s3,
    sagemaker,
    security,
    workspaces,
)
from app.providers.aws.asking import DENIED
from app.providers.aws.errors import REFUSED_BY_REGION, error_code, not_enabled, reading_aws
from app.providers.aws.metrics import READ_METRICS
from app.providers.aws.policy import printed, required_permissions
from app.providers.aws.session import AwsConnection
from app.providers.base import GLOBAL, Collector, FoundResource, Service, Target
from app.providers.opinions import OpinionReader
from app.providers.problems import ProblemCode, ProviderError
from app.records import Provider

EC2: Final = Service(
    "ec2",
    (*ec2_compute.COLLECTORS, *ec2_storage.COLLECTORS, *ec2_network.COLLECTORS, *ec2_gateways.COLLECTORS),
)


class AwsCloud:
    """Amazon Web Services: all commercial regions, China, GovCloud, by keys or by an assumed role."""

    provider = Provider.AWS
    metric_permissions: tuple[str, ...] = (READ_METRICS,)

    def connect(self, target: Target) -> AwsConnection:
        """A connection, made without a call. Raises ProviderError(CREDENTIALS) for a target without credentials."""
        return AwsConnection(target, permissions=required_permissions(self.services()))

    def services(self) -> tuple[Service, ...]:
        """Every service that is read; their collectors raise nothing but ProviderError."""
        return _services()

    def advisers(self) -> tuple[OpinionReader, ...]:
        """Those that are read; their readers raise nothing but ProviderError."""
        return (cost_optimization_hub.READER, compute_optimizer.READER)

    def policy(self) -> str:
        """The permissions policy and the trust policy, as JSON."""
        return printed(self.services(), self.advisers())


@functools.cache
def _services() -> tuple[Service, ...]:
    listed: tuple[Service, ...] = (
        EC2,
        elb.ELBV2,
        elb.ELB,
        autoscaling.SERVICE,
        lambda_functions.SERVICE,
        ecs.SERVICE,
        eks.SERVICE,
        ecr.SERVICE,
        emr.SERVICE,
        rds.SERVICE,
        *documentdb.SERVICES,
        elasticache.SERVICE,
        redshift.SERVICE,
        dynamodb.SERVICE,
        s3.SERVICE,
        efs.SERVICE,
        fsx.SERVICE,
        logs.SERVICE,
        sagemaker.SERVICE,
        bedrock.SERVICE,
        kinesis.SERVICE,
        opensearch.SERVICE,
        workspaces.SERVICE,
        *messaging.SERVICES,
        *migration_services.SERVICES,
        *network_services.SERVICES,
        *security.SERVICES,
        *edge.SERVICES,
        *commitments.SERVICES,
    )
    return tuple(
        replace(service, collectors=tuple(guarded(collector) for collector in service.collectors)) for service in listed
    )


def guarded(collector: Collector) -> Collector:
    """The same collector, whose errors of botocore have become problems with a remedy.

    Permissions that were missing for some properties are told after the last page: all resources are listed then.
    """

    def pages(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
        denied: set[str] = set()
        with reading_aws(collector.permissions):
            try:
                for page in collector.pages(connection, region):
                    yield [_without_denials(resource, denied) for resource in page]
            except (ClientError, EndpointConnectionError) as error:
                if _not_there(error, connection, region):
                    raise not_enabled() from None
                raise

        if denied:
            raise _partly_read(sorted({_as_permission(name, collector.permissions) for name in denied}))

    return replace(collector, pages=pages)


def _without_denials(resource: FoundResource, denied: set[str]) -> FoundResource:
    """The resource without what the collector noted of missing permissions, which are added to `denied`."""
    if DENIED not in resource.properties:
        return resource
    denied.update(resource.properties[DENIED])
    properties = {name: value for name, value in resource.properties.items() if name != DENIED}
    return replace(resource, properties=properties)


def _as_permission(name: str, permissions: Sequence[str]) -> str:
    """The collector's permission that is called like an operation; the name itself where none is."""
    return next((each for each in permissions if each.partition(":")[2] == name), name)


def _partly_read(denied: list[str]) -> ProviderError:
    return ProviderError(
        ProblemCode.DENIED,
        f"Some properties could not be read, for AWS denies {', '.join(denied)}.",
        "Add what is missing to the policy of Skyledger's role or user; `skyledger permissions aws` prints all of it.",
        permission=denied[0],
        listed=True,
    )


def _not_there(error: Exception, connection: AwsConnection, region: str) -> bool:
    """Whether the error only says that the region is not switched on, or that it lacks the service."""
    if isinstance(error, EndpointConnectionError):
        return connection.offers(str(error.kwargs.get("endpoint_url", ""))) is False
    away = region not in {GLOBAL, connection.home_region}
    return away and error_code(error) in REFUSED_BY_REGION and connection.answers()
