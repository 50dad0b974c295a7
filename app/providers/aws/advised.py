"""What the recommendations of AWS's advisers have in common: whose they are, money, and whom they are about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from app.providers.aws.errors import reading_aws
from app.providers.aws.session import AwsConnection
from app.providers.opinions import FoundOpinion, OpinionReader, OpinionSource

_BY_ID: Final = frozenset({"instance", "volume", "natgateway", "snapshot"})
"""The words of EC2's ARNs before ids by which the inventory names resources."""
_FUNCTION_PARTS: Final = 7
"""Parts of a function's ARN without a version."""


def reader(
    source: OpinionSource,
    permissions: tuple[str, ...],
    pages: Callable[[AwsConnection], Iterator[list[FoundOpinion]]],
) -> OpinionReader:
    """A reader whose errors of botocore have become problems with a remedy."""

    def guarded(connection: AwsConnection) -> Iterator[list[FoundOpinion]]:
        with reading_aws(permissions):
            yield from pages(connection)

    return OpinionReader(source, permissions, guarded)


def inventory_id(arn: str) -> str:
    """The native id by which the inventory has what an ARN names.

    The inventory has instances, volumes and NAT gateways by their ids, Auto Scaling groups by an ARN with `*` for the
    number that their members do not know, functions without a version, and all else by its ARN.
    """
    parts = arn.split(":")
    if parts[:1] != ["arn"] or len(parts) < _FUNCTION_PARTS - 1:
        return arn
    service, rest = parts[2], parts[5:]
    if service == "ec2":
        word, _, identifier = rest[0].partition("/")
        return identifier if word in _BY_ID and identifier else arn
    if service == "autoscaling" and rest[0] == "autoScalingGroup" and len(rest) > 1:
        return ":".join([*parts[:6], "*", *parts[7:]])
    if service == "lambda" and rest[0] == "function":
        return ":".join(parts[:_FUNCTION_PARTS])
    return arn


def short(native_id: str) -> str:
    """What people call a resource: the last word of an ARN."""
    return native_id.rpartition("/")[2].rpartition(":")[2]


def amount(value: Any) -> Decimal | None:
    """An amount of money as AWS tells it, a number in binary: its shortest decimal; None where there is none."""
    return None if value is None else Decimal(str(value))


def numbered(told: Mapping[str, int], key: str) -> str:
    """A key that was told so many times before, told apart from those."""
    before = told.get(key, 0)
    return key if not before else f"{key}#{before + 1}"
