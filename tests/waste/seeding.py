"""How the far side is filled: calls of the provider's own client, at any time in the past, and metrics beside them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from tests.providers.moto import ACCOUNT, far_client
from tests.waste import past
from tests.waste.far_cloudwatch import SERIES

REGION = "us-east-1"
"""The region of which the most prices are delivered."""
ZONE = f"{REGION}a"
OLD = 150
"""Days: older than any check asks for."""


class Seeding:
    """An account that is being filled; `ids` are native ids by a label of ours."""

    def __init__(self, url: str) -> None:
        self.ids: dict[str, str] = {}
        self.client = cache(lambda service: far_client(url, service, REGION))

    def ago(self, days: float) -> None:
        """What follows happens so many days ago."""
        past.set_ago(days)

    def metric(self, namespace: str, name: str, samples: float | Sequence[float], **dimensions: str) -> None:
        """A metric with a sample each hour: always the same, or these 24 each day."""
        values = [float(samples)] if isinstance(samples, int | float) else list(map(float, samples))
        if len(values) not in {1, 24}:
            message = f"{name} needs one sample, or 24"
            raise ValueError(message)
        SERIES[namespace, name, frozenset(dimensions.items())] = values


def arn(service: str, rest: str, region: str = REGION) -> str:
    """An ARN of the account."""
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{rest}"


def tagged(kind: str, **tags: str) -> list[dict[str, Any]]:
    """Tag specifications of EC2."""
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def now() -> datetime:
    """What the moved clock says."""
    return datetime.now(UTC)
