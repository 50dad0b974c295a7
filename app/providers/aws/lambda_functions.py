"""Reads Lambda: functions and the concurrency that is kept ready for them. Environment variables are never kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import TAG_PERMISSION, Asking, read_each, tags_of
from app.providers.aws.reading import moment, paged, placed_in, plain
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Service

_GONE: Final = frozenset({"ResourceNotFoundException"})


def functions(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Functions; each costs a call, for no list tells of provisioned concurrency."""
    client = connection.client("lambda", region)
    asking = Asking(client)
    for page in paged(client, "list_functions", "Functions"):
        tagged = tags_of(connection, region, [function["FunctionArn"] for function in page])
        yield from read_each(page, partial(_function, asking, region, tagged), _GONE)


def _function(
    asking: Asking, region: str, tagged: Mapping[str, Mapping[str, str]], function: Mapping[str, Any]
) -> FoundResource:
    function_arn, name = function["FunctionArn"], function["FunctionName"]
    network = function.get("VpcConfig") or {}
    answers = asking.about()
    ready = answers.all(
        "list_provisioned_concurrency_configs",
        "ProvisionedConcurrencyConfigs",
        ("provisionedConcurrency", "provisionedConcurrencyResources"),
        FunctionName=name,
    )
    return FoundResource(
        service="AWSLambda",
        resource_type="AWS::Lambda::Function",
        native_id=function_arn,
        name=name,
        region=region,
        status=function.get("State"),
        tags=tagged.get(function_arn, {}),
        properties=answers.known(
            {
                "arn": function_arn,
                "runtime": function.get("Runtime"),
                "architectures": function.get("Architectures") or ["x86_64"],
                "packageType": function.get("PackageType"),
                "memoryMb": function.get("MemorySize"),
                "timeoutSeconds": function.get("Timeout"),
                "ephemeralStorageMb": (function.get("EphemeralStorage") or {}).get("Size"),
                "codeSizeBytes": function.get("CodeSize"),
                "layers": [layer["Arn"] for layer in function.get("Layers") or ()],
                "snapStart": (function.get("SnapStart") or {}).get("ApplyOn", "None"),
                "lastModifiedAt": plain(moment(function.get("LastModified"))),
                "logGroup": (function.get("LoggingConfig") or {}).get("LogGroup"),
                "provisionedConcurrency": [_provisioned(configuration) for configuration in ready],
                # What their metrics call them.
                "provisionedConcurrencyResources": [f"{name}:{_qualifier(configuration)}" for configuration in ready],
            }
        ),
        relations=placed_in(network.get("VpcId"), network.get("SubnetIds") or ()),
    )


def _provisioned(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "qualifier": _qualifier(configuration),
        "requested": configuration.get("RequestedProvisionedConcurrentExecutions"),
        "allocated": configuration.get("AllocatedProvisionedConcurrentExecutions"),
        "status": configuration.get("Status"),
    }


def _qualifier(configuration: Mapping[str, Any]) -> str:
    return str(configuration["FunctionArn"]).rpartition(":")[2]


SERVICE: Final = Service(
    "lambda",
    (
        Collector(
            ("AWS::Lambda::Function",),
            ("lambda:ListFunctions", "lambda:ListProvisionedConcurrencyConfigs", TAG_PERMISSION),
            functions,
        ),
    ),
)
