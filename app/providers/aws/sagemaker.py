"""Amazon SageMaker: endpoints with their variants, notebook instances, apps of Studio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import GONE, Asking, read_each
from app.providers.aws.reading import arn, moment, paged, placed_in, tags
from app.providers.base import Collector, FoundResource, Service

_CODE: Final = "AmazonSageMaker"
_ENDPOINT: Final = "AWS::SageMaker::Endpoint"
_NOTEBOOK: Final = "AWS::SageMaker::NotebookInstance"
_APP: Final = "AWS::SageMaker::App"
_PAGE: Final = 100
"""The most that a page may hold; without being told AWS puts ten in one."""
_OF_CONFIG: Final = ("variantNames", "variants")
_OF_ENDPOINT: Final = ("endpointConfigName", "async", *_OF_CONFIG)


def _endpoints(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("sagemaker", region)
    asking = Asking(client)
    for page in paged(client, "list_endpoints", "Endpoints", MaxResults=_PAGE):
        yield from read_each(page, partial(_endpoint, asking, region), GONE)


def _endpoint(asking: Asking, region: str, endpoint: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    name, native_id = endpoint["EndpointName"], endpoint["EndpointArn"]
    described = answers.one("describe_endpoint", _OF_ENDPOINT, EndpointName=name)
    configured: Mapping[str, Any] = {}
    if described:
        configured = answers.one(
            "describe_endpoint_config", _OF_CONFIG, EndpointConfigName=described["EndpointConfigName"]
        )
    variants = configured.get("ProductionVariants", ())
    running = {variant["VariantName"]: variant for variant in described.get("ProductionVariants", ())}
    return FoundResource(
        service=_CODE,
        resource_type=_ENDPOINT,
        native_id=native_id,
        name=name,
        region=region,
        status=endpoint["EndpointStatus"],
        tags=tags(answers.all("list_tags", "Tags", ("tags",), ResourceArn=native_id)),
        properties=answers.known(
            {
                "arn": native_id,
                "endpointConfigName": described.get("EndpointConfigName"),
                "async": "AsyncInferenceConfig" in described,
                "variants": [_variant(variant, running.get(variant["VariantName"], {})) for variant in variants],
                # The same names by themselves: metrics are asked for by them.
                "variantNames": [variant["VariantName"] for variant in variants],
                "lastModifiedAt": moment(endpoint.get("LastModifiedTime")),
            }
        ),
        created_at=moment(endpoint.get("CreationTime")),
    )


def _variant(configured: Mapping[str, Any], running: Mapping[str, Any]) -> dict[str, Any]:
    serverless = configured.get("ServerlessConfig") or {}
    return {
        "name": configured["VariantName"],
        "model": configured.get("ModelName"),
        "instanceType": configured.get("InstanceType"),
        "instanceCount": running.get("CurrentInstanceCount", configured.get("InitialInstanceCount")),
        "desiredInstanceCount": running.get("DesiredInstanceCount"),
        "acceleratorType": configured.get("AcceleratorType"),
        "serverlessMemoryMegabytes": serverless.get("MemorySizeInMB"),
        "serverlessProvisionedConcurrency": serverless.get("ProvisionedConcurrency"),
    }


def _notebooks(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("sagemaker", region)
    asking = Asking(client)
    for page in paged(client, "list_notebook_instances", "NotebookInstances", MaxResults=_PAGE):
        yield from read_each(page, partial(_notebook, asking, region), GONE)


def _notebook(asking: Asking, region: str, notebook: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    name, native_id = notebook["NotebookInstanceName"], notebook["NotebookInstanceArn"]
    described = answers.one(
        "describe_notebook_instance",
        ("volumeGigabytes", "directInternetAccess", "platform"),
        NotebookInstanceName=name,
    )
    return FoundResource(
        service=_CODE,
        resource_type=_NOTEBOOK,
        native_id=native_id,
        name=name,
        region=region,
        status=notebook["NotebookInstanceStatus"],
        tags=tags(answers.all("list_tags", "Tags", ("tags",), ResourceArn=native_id)),
        properties=answers.known(
            {
                "arn": native_id,
                "instanceType": notebook.get("InstanceType"),
                "volumeGigabytes": described.get("VolumeSizeInGB"),
                "directInternetAccess": described.get("DirectInternetAccess"),
                "platform": described.get("PlatformIdentifier"),
                "lifecycleConfig": notebook.get("NotebookInstanceLifecycleConfigName"),
                "lastModifiedAt": moment(notebook.get("LastModifiedTime")),
            }
        ),
        created_at=moment(notebook.get("CreationTime")),
        relations=placed_in(None, (described.get("SubnetId"),), described.get("SecurityGroups", ())),
    )


def _apps(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("sagemaker", region)
    asking = Asking(client)
    for page in paged(client, "list_apps", "Apps", MaxResults=_PAGE):
        # An app stays in the list for a day after it was deleted.
        apps = [app for app in page if app["Status"] != "Deleted"]
        yield from read_each(apps, partial(_app, connection, asking, region), GONE)


def _app(connection: Any, asking: Asking, region: str, app: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    key = {
        name: app[name] for name in ("DomainId", "UserProfileName", "SpaceName", "AppType", "AppName") if name in app
    }
    described = answers.one("describe_app", ("lastUserActivityAt",), **key)
    owner = app.get("SpaceName") or app.get("UserProfileName")
    native_id = described.get("AppArn") or arn(
        connection, "sagemaker", region, f"app/{app['DomainId']}/{owner}/{app['AppType'].lower()}/{app['AppName']}"
    )
    used = moment(described.get("LastUserActivityTimestamp"))
    return FoundResource(
        service=_CODE,
        resource_type=_APP,
        native_id=native_id,
        name=app["AppName"],
        region=region,
        status=app["Status"],
        tags=tags(answers.all("list_tags", "Tags", ("tags",), ResourceArn=native_id)),
        properties=answers.known(
            {
                "arn": native_id,
                "appType": app["AppType"],
                "domainId": app["DomainId"],
                "userProfileName": app.get("UserProfileName"),
                "spaceName": app.get("SpaceName"),
                "instanceType": app.get("ResourceSpec", {}).get("InstanceType"),
                "lastUserActivityAt": used,
            }
        ),
        created_at=moment(app.get("CreationTime")),
        last_used_at=used,
    )


SERVICE: Final = Service(
    name="sagemaker",
    collectors=(
        Collector(
            resource_types=(_ENDPOINT,),
            permissions=(
                "sagemaker:ListEndpoints",
                "sagemaker:DescribeEndpoint",
                "sagemaker:DescribeEndpointConfig",
                "sagemaker:ListTags",
            ),
            pages=_endpoints,
        ),
        Collector(
            resource_types=(_NOTEBOOK,),
            permissions=("sagemaker:ListNotebookInstances", "sagemaker:DescribeNotebookInstance", "sagemaker:ListTags"),
            pages=_notebooks,
        ),
        Collector(
            resource_types=(_APP,),
            permissions=("sagemaker:ListApps", "sagemaker:DescribeApp", "sagemaker:ListTags"),
            pages=_apps,
        ),
    ),
)
