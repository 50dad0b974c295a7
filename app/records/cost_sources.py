"""Enums of cost sources: where costs are fetched from, and how far one fetching is."""

from __future__ import annotations

from enum import StrEnum

from app.records import Provider


class CostSourceKind(StrEnum):
    """What delivers the costs of an account."""

    AWS_DATA_EXPORT = "AWS_DATA_EXPORT"
    AWS_COST_EXPLORER = "AWS_COST_EXPLORER"
    AZURE_EXPORT = "AZURE_EXPORT"
    BIGQUERY = "BIGQUERY"


PROVIDER_OF = {
    CostSourceKind.AWS_DATA_EXPORT: Provider.AWS,
    CostSourceKind.AWS_COST_EXPLORER: Provider.AWS,
    CostSourceKind.AZURE_EXPORT: Provider.AZURE,
    CostSourceKind.BIGQUERY: Provider.GCP,
}
"""Whose account a source of the kind belongs to."""


class CostSourceRunState(StrEnum):
    """How far a run of a cost source is. The first two are under way, the others final."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class CostSourceStepKind(StrEnum):
    """What a step of a run does."""

    DISCOVER = "DISCOVER"
    FETCH = "FETCH"
    IMPORT = "IMPORT"


class CostSourceStepState(StrEnum):
    """How far a step of a run is."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
