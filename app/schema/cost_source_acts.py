"""Inputs and answers of the mutations on cost sources."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.costs.datasets import DEFAULT_DATASET
from app.schema.cost_sources import CostSource, CostSourceRun
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.repeatable import Repeatable
from app.sourcing.change import DEFAULT_CRON


@strawberry.input(description="An export of AWS Data Exports: FOCUS 1.0 or 1.2, gzip CSV or Parquet.")
class AwsDataExportInput:
    """See AwsDataExportSettings."""

    bucket: str = strawberry.field(description="The bucket that it is delivered to, without `s3://`.")
    prefix: str = strawberry.field(
        description="The export's folder, which holds `data` and `metadata`: the prefix of the export and its name."
    )
    region: str | None = strawberry.field(
        default=None, description="The bucket's region; found out by itself when left out, where the account may."
    )


@strawberry.input(
    description="AWS Cost Explorer: each question costs 0.01 USD. A run asks at most seven for each month that may "
    "have changed, and more where an answer has several pages."
)
class AwsCostExplorerInput:
    """See AwsCostExplorerSettings."""

    net_costs: bool = strawberry.field(
        default=False,
        description="Take EffectiveCost from AWS's NetAmortizedCost, which has the discounts of a private pricing "
        "agreement in it, instead of AmortizedCost.",
    )


@strawberry.input(description="An export of Azure Cost Management of the type FOCUS: CSV, gzip CSV or Parquet.")
class AzureExportInput:
    """See AzureExportSettings."""

    storage_account: str = strawberry.field(description="Name of the storage account that it is delivered to.")
    container: str = strawberry.field(description="The container in it.")
    path: str = strawberry.field(
        default="",
        description="The export's folder, which holds folders such as 20261001-20261031. Only whole months and months "
        "to date are imported; other date ranges, such as weeks, are told as a problem.",
    )


@strawberry.input(description="A table or view with the columns of FOCUS in BigQuery.")
class BigQueryInput:
    """See BigQuerySettings."""

    table: str = strawberry.field(description="The table or view: project.dataset.table.")
    job_project: str | None = strawberry.field(
        default=None, description="Id of the project that pays for queries; the account's own when left out."
    )
    location: str | None = strawberry.field(
        default=None, description="The dataset's location, such as `EU`, where it is neither `US` nor `EU`."
    )
    most_gigabytes: int | None = strawberry.field(
        default=None,
        description="Gigabytes that one query may read, 1 to 1,000,000; 200 when left out. A larger one is not made.",
    )


@strawberry.input(description="A source to fetch costs from. Name exactly one of the four places.")
class CreateCostSourceInput(Repeatable):
    """See `createCostSource`."""

    account_id: strawberry.ID = strawberry.field(description="A connected account; its credentials are used.")
    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    name: str = strawberry.field(description="Name for people, 1 to 256 characters; unique in the organization.")
    aws_data_export: AwsDataExportInput | None = strawberry.field(default=None, description="For an account of AWS.")
    aws_cost_explorer: AwsCostExplorerInput | None = strawberry.field(
        default=None, description="For an account of AWS that has no export."
    )
    azure_export: AzureExportInput | None = strawberry.field(default=None, description="For an account of Azure.")
    big_query: BigQueryInput | None = strawberry.field(default=None, description="For an account of GCP.")
    dataset: str = strawberry.field(
        default=DEFAULT_DATASET,
        description="The stream of rows that the costs go into, 1 to 100 characters; an account has one source for "
        "each. What is in several datasets counts several times, see `overlaps`.",
    )
    overlaps: bool = strawberry.field(
        default=False,
        description="That the account may have this source beside another one, or beside the bill of another account "
        "that has its charges. Without it that is refused, for the same bill would count twice: give it where this one "
        "brings other charges, or both are meant to count.",
    )
    cron: str = strawberry.field(
        default=DEFAULT_CRON,
        description="When it runs: minute, hour, day of month, month, day of week; at most once an hour.",
    )
    time_zone: str = strawberry.field(default="UTC", description="IANA time zone, such as `Europe/Berlin`.")
    since: str | None = strawberry.field(
        default=None, description="The first month that is wanted, such as 2026-01; 13 months back when left out."
    )
    enabled: bool = strawberry.field(default=True, description="Whether it runs by itself.")


@strawberry.type(description="The source was made; it runs at its next time, or by `runCostSource` at once.")
class CreateCostSourcePayload:
    """See `createCostSource`."""

    cost_source: CostSource = strawberry.field(description="The new source.")


CreateCostSourceResult = Annotated[
    CreateCostSourcePayload | InvalidInput | NotFound | Conflict,
    strawberry.union("CreateCostSourceResult", description="What `createCostSource` answers."),
]


@strawberry.input(
    description="What to change about a source; what is left out stays. Its account and its kind cannot change. After "
    "a change of its place or dataset the next run fetches everything."
)
class UpdateCostSourceInput:
    """See `updateCostSource`."""

    id: strawberry.ID = strawberry.field(description="The source.")
    name: strawberry.Maybe[str] = strawberry.field(description="New name.")
    aws_data_export: AwsDataExportInput | None = strawberry.field(default=None, description="New place, all of it.")
    aws_cost_explorer: AwsCostExplorerInput | None = strawberry.field(default=None, description="New choice.")
    azure_export: AzureExportInput | None = strawberry.field(default=None, description="New place, all of it.")
    big_query: BigQueryInput | None = strawberry.field(default=None, description="New place, all of it.")
    dataset: strawberry.Maybe[str] = strawberry.field(description="New dataset; what is in the old one stays there.")
    cron: strawberry.Maybe[str] = strawberry.field(description="New cron expression.")
    time_zone: strawberry.Maybe[str] = strawberry.field(description="New IANA time zone.")
    since: strawberry.Maybe[str | None] = strawberry.field(description="New first month; null for 13 months back.")
    enabled: strawberry.Maybe[bool] = strawberry.field(description="Whether it runs by itself.")


@strawberry.type(description="The source is as you want it.")
class UpdateCostSourcePayload:
    """See `updateCostSource`."""

    cost_source: CostSource = strawberry.field(description="The source as it is now.")


UpdateCostSourceResult = Annotated[
    UpdateCostSourcePayload | InvalidInput | NotFound | Conflict,
    strawberry.union("UpdateCostSourceResult", description="What `updateCostSource` answers."),
]


@strawberry.input(description="A source to delete, with its runs. What was imported stays.")
class DeleteCostSourceInput:
    """See `deleteCostSource`."""

    id: strawberry.ID = strawberry.field(description="The source.")


@strawberry.type(description="The source is gone; a run of it ends within seconds.")
class DeleteCostSourcePayload:
    """See `deleteCostSource`."""

    cost_source: CostSource = strawberry.field(description="The source as it was.")


DeleteCostSourceResult = Annotated[
    DeleteCostSourcePayload | InvalidInput | NotFound,
    strawberry.union("DeleteCostSourceResult", description="What `deleteCostSource` answers."),
]


@strawberry.input(description="A source to run now.")
class RunCostSourceInput(Repeatable):
    """See `runCostSource`."""

    id: strawberry.ID = strawberry.field(description="The source.")
    refetch: bool = strawberry.field(
        default=False, description="Fetch everything again, whatever was imported before; not while a run is under way."
    )


@strawberry.type(description="A run of the source is under way.")
class RunCostSourcePayload:
    """See `runCostSource`."""

    run: CostSourceRun = strawberry.field(description="The run.")
    started: bool = strawberry.field(description="Whether it was started now; false where one was under way.")


RunCostSourceResult = Annotated[
    RunCostSourcePayload | InvalidInput | NotFound | Conflict,
    strawberry.union("RunCostSourceResult", description="What `runCostSource` answers."),
]
