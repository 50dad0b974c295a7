"""What a provider itself recommends: read as it says it, in one shape for all, to stand beside our own findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from app.records.detection import Remedy


class OpinionSource(StrEnum):
    """Which of a provider's advisers says so."""

    COST_OPTIMIZATION_HUB = "COST_OPTIMIZATION_HUB"
    COMPUTE_OPTIMIZER = "COMPUTE_OPTIMIZER"
    AZURE_ADVISOR = "AZURE_ADVISOR"
    GCP_RECOMMENDER = "GCP_RECOMMENDER"


@dataclass(frozen=True, slots=True)
class FoundOpinion:
    """One recommendation of a provider. Moments are in UTC; `details` holds plain JSON values, as it has them.

    `monthly_saving` is what the provider expects of a month of 730 hours, in `currency`; both are None, with the cause
    in `saving_reason`, where it does not say.
    """

    source: OpinionSource
    native_id: str
    """Unique in the source and account, the same for as long as the provider repeats it."""
    kind: str
    """The provider's own word for what it is about, such as `Rightsize`, an Advisor type id or a recommender's id."""
    remedy: Remedy
    title: str
    """What is to be done, in a few words."""
    resource_native_id: str | None = None
    """As the inventory names it; None where it is about no single resource."""
    resource_type: str | None = None
    """As the inventory names it."""
    region: str | None = None
    target: str | None = None
    """What to change to, such as `t4g.medium`."""
    monthly_saving: Decimal | None = None
    currency: str | None = None
    saving_reason: str | None = None
    lookback_days: int | None = None
    refreshed_at: datetime | None = None
    """When the provider last worked it out."""
    link: str | None = None
    """A page of the provider's console or documentation about it."""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OpinionReader:
    """Reads all recommendations of one adviser; `pages` holds one page in memory at a time.

    A reader that ends without an error has told all that the adviser says of the account. Raises ProviderError: not
    enrolled and not allowed are problems to be told, never an answer without recommendations.
    """

    source: OpinionSource
    permissions: tuple[str, ...]
    pages: Callable[[Any], Iterator[list[FoundOpinion]]]
    """The provider's own connection → pages."""
