"""Root fields of cost sources."""

from __future__ import annotations

from typing import Any

import strawberry

from app.context import Info
from app.errors import BadUserInputError, NotFoundError
from app.records import UNSET, Permission
from app.records.cost_sources import CostSourceKind
from app.resolvers.access import Limit, mutation, organization_of
from app.schema.cost_source_acts import (
    CreateCostSourceInput,
    CreateCostSourcePayload,
    CreateCostSourceResult,
    DeleteCostSourceInput,
    DeleteCostSourcePayload,
    DeleteCostSourceResult,
    RunCostSourceInput,
    RunCostSourcePayload,
    RunCostSourceResult,
    UpdateCostSourceInput,
    UpdateCostSourcePayload,
    UpdateCostSourceResult,
)
from app.schema.cost_sources import CostSource, CostSourceRun
from app.schema.node import parse_id
from app.sourcing import change, start

_PLACES = {
    "aws_data_export": CostSourceKind.AWS_DATA_EXPORT,
    "aws_cost_explorer": CostSourceKind.AWS_COST_EXPLORER,
    "azure_export": CostSourceKind.AZURE_EXPORT,
    "big_query": CostSourceKind.BIGQUERY,
}
_CHANGEABLE = ("name", "dataset", "cron", "time_zone", "since", "enabled")


@strawberry.type
class CostSourceMutations:
    """Adding, changing, deleting and running cost sources."""

    @mutation(Permission.COSTS_MANAGE, "Have the costs of an account fetched by a clock.")
    async def create_cost_source(self, info: Info, input: CreateCostSourceInput) -> CreateCostSourceResult:  # noqa: A002  (Relay's name)
        """See app.sourcing.change.create_source."""
        organization_id = organization_of(input)
        account = parse_id(input.account_id, "Account", path=("input", "accountId"))
        if account.organization_id != organization_id:
            message = "There is no such account within your reach."
            raise NotFoundError(message)
        places = _places(input)
        if len(places) != 1:
            raise _one_place(len(places))
        row = await change.create_source(
            info.context.database,
            organization_id,
            info.context.signed_in().actor,
            account_id=account.id,
            name=input.name,
            configuration=places[0],
            dataset=input.dataset,
            cron=input.cron,
            time_zone=input.time_zone,
            since=input.since,
            enabled=input.enabled,
            overlaps=input.overlaps,
        )
        return CreateCostSourcePayload(cost_source=CostSource.from_row(row))

    @mutation(Permission.COSTS_MANAGE, "Change a cost source.")
    async def update_cost_source(self, info: Info, input: UpdateCostSourceInput) -> UpdateCostSourceResult:  # noqa: A002  (Relay's name)
        """See app.sourcing.change.update_source."""
        key = parse_id(input.id, "CostSource", path=("input", "id"))
        organization_id = organization_of(input)
        places = _places(input)
        if len(places) > 1:
            raise _one_place(len(places))
        changes: dict[str, Any] = {
            name: UNSET if (sent := getattr(input, name)) is None else sent.value for name in _CHANGEABLE
        }
        row = await change.update_source(
            info.context.database,
            organization_id,
            info.context.signed_in().actor,
            key.id,
            configuration=places[0] if places else UNSET,
            **changes,
        )
        return UpdateCostSourcePayload(cost_source=CostSource.from_row(row))

    @mutation(Permission.COSTS_MANAGE, "Delete a cost source.")
    async def delete_cost_source(self, info: Info, input: DeleteCostSourceInput) -> DeleteCostSourceResult:  # noqa: A002  (Relay's name)
        """See app.sourcing.change.delete_source."""
        key = parse_id(input.id, "CostSource", path=("input", "id"))
        row = await change.delete_source(
            info.context.database, organization_of(input), info.context.signed_in().actor, key.id
        )
        return DeleteCostSourcePayload(cost_source=CostSource.from_row(row))

    @mutation(
        Permission.COSTS_MANAGE,
        "Fetch from a cost source now. A worker takes the run as soon as one is free; what was imported before and has "
        "not changed is not fetched again.",
        limit=Limit(20, per=60),
    )
    async def run_cost_source(self, info: Info, input: RunCostSourceInput) -> RunCostSourceResult:  # noqa: A002  (Relay's name)
        """See app.sourcing.start.run_cost_source."""
        key = parse_id(input.id, "CostSource", path=("input", "id"))
        started = await start.run_cost_source(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            key.id,
            refetch=input.refetch,
        )
        return RunCostSourcePayload(run=CostSourceRun.from_row(started.run), started=started.started)


def _places(value: CreateCostSourceInput | UpdateCostSourceInput) -> list[change.Configuration]:
    """The places that are named, each with its kind."""
    return [(kind, vars(place)) for name, kind in _PLACES.items() if (place := getattr(value, name)) is not None]


def _one_place(count: int) -> BadUserInputError:
    message = (
        f"{count} places are named; name exactly one of `awsDataExport`, `awsCostExplorer`, `azureExport` and "
        "`bigQuery`."
    )
    return BadUserInputError(message, path=("input",))
