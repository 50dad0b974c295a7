"""Cost sources: where costs are fetched from, when, and how the runs went that fetched them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.errors import NotFoundError
from app.loaders.scans import Asked
from app.providers.problems import ProblemCode
from app.records import Permission
from app.records.cost_sources import CostSourceKind, CostSourceRunState, CostSourceStepKind, CostSourceStepState
from app.records.criteria import Direction, ScanOrderField, ScheduleOrderField
from app.schema.accounts import Account
from app.schema.enums import graph_enum
from app.schema.filters import IDFilter, StringFilter
from app.schema.node import Node, global_id
from app.schema.organization_part import OrganizationPart
from app.schema.pages import rows_page
from app.schema.paging import After, Before, Connection, First, Last, PageArguments, within
from app.schema.scans import milliseconds

MOST_RUNS = 100
graph_enum(
    CostSourceKind,
    "What delivers the costs of an account.",
    AWS_DATA_EXPORT="An export of AWS Data Exports in a bucket of S3.",
    AWS_COST_EXPLORER="AWS Cost Explorer: by day, service, linked account and category; no resources, no prices.",
    AZURE_EXPORT="An export of Azure Cost Management in blob storage.",
    BIGQUERY="A table or view with the columns of FOCUS in BigQuery.",
)
graph_enum(
    CostSourceRunState,
    "How far a run of a cost source is.",
    QUEUED="A worker will take it as soon as one is free.",
    RUNNING="A worker looks, fetches and imports.",
    SUCCEEDED="All that the source has is imported.",
    PARTIAL="Some periods are imported; the steps say which are not, and why.",
    FAILED="Nothing was imported; what had been imported before stays.",
    CANCELLED="It ended before it was done.",
)
graph_enum(
    CostSourceStepKind,
    "What a step of a run does.",
    DISCOVER="Looks which billing periods the source has, and whether they are complete.",
    FETCH="Fetches the files of one billing period, and checks lengths and checksums.",
    IMPORT="Hands the files to the importer, which takes the whole period or nothing.",
)
graph_enum(
    CostSourceStepState,
    "How far a step of a run is.",
    RUNNING="It is being done.",
    SUCCEEDED="It is done.",
    SKIPPED="There was nothing to do.",
    FAILED="It could not be done; `problems` say why.",
    CANCELLED="The run ended before it was done.",
)


@strawberry.type(description="An export of AWS Data Exports: FOCUS or CUR 2.0, gzip CSV or Parquet.")
class AwsDataExportSettings:
    """Settings of AWS_DATA_EXPORT."""

    bucket: str = strawberry.field(description="The bucket that it is delivered to.")
    prefix: str = strawberry.field(description="The export's folder, which holds `data` and `metadata`.")
    region: str | None = strawberry.field(description="The bucket's region, where it was given.")


@strawberry.type(description="AWS Cost Explorer.")
class AwsCostExplorerSettings:
    """Settings of AWS_COST_EXPLORER."""

    net_costs: bool = strawberry.field(description="Whether EffectiveCost is AWS's NetAmortizedCost.")


@strawberry.type(description="An export of Azure Cost Management: CSV, gzip CSV or Parquet.")
class AzureExportSettings:
    """Settings of AZURE_EXPORT."""

    storage_account: str = strawberry.field(description="The storage account that it is delivered to.")
    container: str = strawberry.field(description="The container in it.")
    path: str = strawberry.field(description="The export's folder, which holds folders such as 20261001-20261031.")


@strawberry.type(description="A table or view with the columns of FOCUS in BigQuery.")
class BigQuerySettings:
    """Settings of BIGQUERY."""

    table: str = strawberry.field(description="The table or view: project.dataset.table.")
    job_project: str | None = strawberry.field(description="The project that pays for queries, where it was given.")
    location: str | None = strawberry.field(description="The dataset's location, where it was given.")
    most_gigabytes: int | None = strawberry.field(
        description="Gigabytes that one query may read; null for 200, which cost about 1.25 USD."
    )


CostSourceSettings = Annotated[
    AwsDataExportSettings | AwsCostExplorerSettings | AzureExportSettings | BigQuerySettings,
    strawberry.union("CostSourceSettings", description="What a source is told, by its kind; never a secret."),
]


@strawberry.type(description="One thing that a step has checked.")
class CostSourceCheck:
    """An entry of `checks` of a step."""

    name: str = strawberry.field(description="What was checked, such as `disk` or `rows`.")
    passed: bool = strawberry.field(description="Whether it was as it should be.")
    message: str = strawberry.field(description="What was found.")


@strawberry.type(description="What went wrong in a step, and what to do about it.")
class CostSourceProblem:
    """An entry of `problems` of a step."""

    code: ProblemCode = strawberry.field(description="What kind of problem it is.")
    message: str = strawberry.field(description="What happened.")
    remedy: str = strawberry.field(description="What to do.")
    permission: str | None = strawberry.field(description="The permission that is missing, by the provider's name.")


@strawberry.type(description="One step of a run. Counts are null where the step has none or does not know.")
class CostSourceStep:
    """An entry of `steps` of a run."""

    kind: CostSourceStepKind = strawberry.field(description="What it does.")
    state: CostSourceStepState = strawberry.field(description="How far it is.")
    billing_period: str | None = strawberry.field(description="The month that it is about, such as 2026-10.")
    deliveries: int | None = strawberry.field(description="Billing periods that were found.")
    parts: int | None = strawberry.field(description="Files that were fetched.")
    bytes: float | None = strawberry.field(description="Their bytes, a whole number.")
    rows: int | None = strawberry.field(description="Rows that were read.")
    added: int | None = strawberry.field(description="Charges that are new.")
    rejected: int | None = strawberry.field(description="Rows that could not be used.")
    import_id: strawberry.ID | None = strawberry.field(description="Global id of the import that took the files.")
    checks: list[CostSourceCheck] = strawberry.field(description="What was checked, at most 100.")
    problems: list[CostSourceProblem] = strawberry.field(description="What went wrong, at most 20.")
    started_at: datetime = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")

    @classmethod
    def from_entry(cls, step: Mapping[str, Any], organization_id: UUID) -> CostSourceStep:
        """Make it of an entry."""
        counts, import_id = step["counts"], step["importId"]
        return cls(
            kind=CostSourceStepKind(step["kind"]),
            state=CostSourceStepState(step["state"]),
            billing_period=step["delivery"],
            deliveries=counts.get("deliveries"),
            parts=counts.get("parts"),
            bytes=counts.get("bytes"),
            rows=counts.get("rows"),
            added=counts.get("added"),
            rejected=counts.get("rejected"),
            import_id=global_id("CostImport", UUID(import_id), organization_id) if import_id else None,
            checks=[CostSourceCheck(**each) for each in step["checks"]],
            problems=[CostSourceProblem(**(each | {"code": ProblemCode(each["code"])})) for each in step["problems"]],
            started_at=datetime.fromisoformat(step["startedAt"]),
            finished_at=datetime.fromisoformat(step["finishedAt"]) if step["finishedAt"] else None,
        )


@strawberry.type(description="One look at a source: what was new was fetched and imported.")
class CostSourceRun(Node):
    """A row of `cost_source_runs`."""

    state: CostSourceRunState = strawberry.field(description="How far it is.")
    deliveries: int = strawberry.field(description="Billing periods that the source has.")
    unchanged: int = strawberry.field(description="Those that had been imported before, just as they are now.")
    imported: int = strawberry.field(description="Those that this run has imported.")
    fetched_bytes: float = strawberry.field(description="Bytes of all files that were fetched, a whole number.")
    steps: list[CostSourceStep] = strawberry.field(description="What was done, in its order; at most 241 steps.")
    failure: str | None = strawberry.field(description="Why not all went well; null where it did.")
    remedy: str | None = strawberry.field(description="What to do about it.")
    queued_at: datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime | None = strawberry.field(description="When a worker began.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    source_key: strawberry.Private[tuple[UUID, UUID]]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> CostSourceRun:
        """Make it of a row."""
        organization_id = row["organization_id"]
        return cls(
            id=global_id("CostSourceRun", row["id"], organization_id),
            state=CostSourceRunState(row["state"]),
            deliveries=row["deliveries"],
            unchanged=row["unchanged"],
            imported=row["imported"],
            fetched_bytes=row["fetched_bytes"],
            steps=[CostSourceStep.from_entry(step, organization_id) for step in row["steps"]],
            failure=row["failure"],
            remedy=row["remedy"],
            queued_at=row["queued_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            source_key=(organization_id, row["cost_source_id"]),
        )

    @strawberry.field(description="The source.")
    async def source(self, info: Info) -> CostSource:
        """One statement for all runs of a page."""
        row = await info.context.loaders.cost_source_by_id.load(self.source_key)
        if row is None:  # a foreign key forbids it; both went while this was read
            message = "The source was deleted in the meantime; ask again."
            raise NotFoundError(message)
        return CostSource.from_row(row)

    @strawberry.field(description="How long it took, or has taken until now, in milliseconds; null before it begins.")
    def duration_milliseconds(self) -> int | None:
        """From its two moments."""
        return milliseconds(self.started_at, self.finished_at)


MostRuns = Annotated[int, strawberry.argument(description="How many at most, 1 to 100.")]


@strawberry.type(description="Where the costs of an account are fetched from, and when.")
class CostSource(Node):
    """A row of `cost_sources`."""

    name: str = strawberry.field(description="Name for people; unique in the organization.")
    kind: CostSourceKind = strawberry.field(description="What delivers the costs.")
    settings: CostSourceSettings = strawberry.field(description="Where exactly they are.")
    dataset: str = strawberry.field(description="The stream of rows that the costs go into.")
    cron: str = strawberry.field(description="A cron expression: minute, hour, day of month, month, day of week.")
    time_zone: str = strawberry.field(description="The IANA time zone in which the expression is read.")
    since: str | None = strawberry.field(
        description="The first month that is wanted, such as 2026-01; null for 13 months before the current one."
    )
    enabled: bool = strawberry.field(description="Whether it runs by itself.")
    next_run_at: datetime | None = strawberry.field(description="When it runs next; null when it does not.")
    last_run_at: datetime | None = strawberry.field(description="When its last run ended.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    key: strawberry.Private[tuple[UUID, UUID]]
    account_key: strawberry.Private[tuple[UUID, UUID]]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> CostSource:
        """Make it of a row."""
        organization_id, kind = row["organization_id"], CostSourceKind(row["kind"])
        return cls(
            id=global_id("CostSource", row["id"], organization_id),
            name=row["name"],
            kind=kind,
            settings=_settings(kind, row["settings"]),
            dataset=row["dataset"],
            cron=row["cron"],
            time_zone=row["time_zone"],
            since=row["since"],
            enabled=row["enabled"],
            next_run_at=row["next_run_at"],
            last_run_at=row["last_run_at"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            key=(organization_id, row["id"]),
            account_key=(organization_id, row["account_id"]),
        )

    @strawberry.field(description="The account with whose credentials they are fetched.")
    async def account(self, info: Info) -> Account:
        """One statement for all sources of a page."""
        row = await info.context.loaders.account_by_id.load(self.account_key)
        if row is None:  # a foreign key forbids it; both went while this was read
            message = "The account was deleted in the meantime; ask again."
            raise NotFoundError(message)
        return Account.from_row(row)

    @strawberry.field(description="Its newest runs, the newest first; `Organization.costSourceRuns` has all of them.")
    async def runs(self, info: Info, first: MostRuns = 10) -> list[CostSourceRun] | None:
        """One statement for all sources of a page."""
        asked = Asked(*self.key, (within(first, MOST_RUNS),))
        rows = await info.context.loaders.newest_cost_source_runs.load(asked)
        return [CostSourceRun.from_row(row) for row in rows]


def _settings(kind: CostSourceKind, stored: Mapping[str, Any]) -> CostSourceSettings:
    if kind is CostSourceKind.AWS_DATA_EXPORT:
        return AwsDataExportSettings(bucket=stored["bucket"], prefix=stored["prefix"], region=stored.get("region"))
    if kind is CostSourceKind.AWS_COST_EXPLORER:
        return AwsCostExplorerSettings(net_costs=bool(stored.get("netCosts")))
    if kind is CostSourceKind.AZURE_EXPORT:
        return AzureExportSettings(
            storage_account=stored["storageAccount"], container=stored["container"], path=stored["path"]
        )
    most_bytes = stored.get("mostBytes")
    return BigQuerySettings(
        table=stored["table"],
        job_project=stored.get("jobProject"),
        location=stored.get("location"),
        most_gigabytes=None if most_bytes is None else most_bytes // 10**9,
    )


@strawberry.input(description="Which runs; all conditions must hold.")
class CostSourceRunFilter:
    """Fields are named like columns of `cost_source_runs`."""

    cost_source_id: IDFilter | None = strawberry.field(default=None, description="The source that was run.")
    state: StringFilter | None = strawberry.field(default=None, description="How far it is, by its enum name.")


@strawberry.type
class OrganizationCostSources(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(description="Where its costs are fetched from, by name.")
    async def cost_sources(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[CostSource] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        page = PageArguments(first, after, last, before)
        order = (ScheduleOrderField.NAME, Direction.ASC)
        return await rows_page(info, info.context.loaders.cost_sources, CostSource.from_row, key, None, order, page)

    @strawberry.field(description="Runs of its cost sources, the newest first; 200 of each source are kept.")
    async def cost_source_runs(
        self,
        info: Info,
        where: Annotated[CostSourceRunFilter | None, strawberry.argument(description="Which runs.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[CostSourceRun] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        page = PageArguments(first, after, last, before)
        order = (ScanOrderField.QUEUED_AT, Direction.DESC)
        return await rows_page(
            info, info.context.loaders.cost_source_runs, CostSourceRun.from_row, key, where, order, page
        )
