"""Adds, changes and deletes cost sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.manual import checked
from app.accounts.target import no_such_account, require_connected
from app.activity.record import record
from app.costs.datasets import DEFAULT_DATASET, checked_dataset
from app.database import Database
from app.errors import BadUserInputError, ConflictError
from app.models import now
from app.records import UNSET, Actor, EventKind, NewEvent, Provider, Unset
from app.records.cost_sources import PROVIDER_OF, CostSourceKind
from app.records.cron import checked_cron, checked_time_zone
from app.repositories import cost_sources
from app.repositories.accounts import find_account
from app.repositories.cost_locks import lock_sources
from app.sourcing.schedule import queue_next
from app.sourcing.settings import FIELDS, check_interval, checked_settings, checked_since
from app.sourcing.start import absent

DEFAULT_CRON = "15 5 * * *"
MOST_TOLD = 3
"""Other sources that a message names."""
Configuration = tuple[CostSourceKind, Mapping[str, Any]]
"""The kind of a source, and what it is told in the words of the input."""

_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "name": lambda name: checked(name, "name"),
    "dataset": checked_dataset,
    "cron": checked_cron,
    "time_zone": checked_time_zone,
    "since": checked_since,
}
_TIMING = frozenset({"cron", "time_zone"})
# After a change of these, what was imported before says nothing of what there is now.
_PLACE = frozenset({"settings", "dataset"})


async def create_source(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    *,
    account_id: UUID,
    name: str,
    configuration: Configuration,
    dataset: str = DEFAULT_DATASET,
    cron: str = DEFAULT_CRON,
    time_zone: str = "UTC",
    since: str | None = None,
    enabled: bool = True,
    overlaps: bool = False,
) -> RowMapping:
    """Add a source and queue its first run at its next time.

    `overlaps` says that the account has another source already, or its charges are in the bill of another account, and
    all would count beside those of this one. Raises BadUserInputError, NotFoundError for the account, ConflictError for
    an account that is not connected or of another provider, a taken name, a second source of the account in the
    dataset, and what `overlaps` is for without it.
    """
    kind, given = configuration
    values = _checked(name=name, dataset=dataset, cron=cron, time_zone=time_zone, since=since)
    check_interval(values["cron"], values["time_zone"])
    values |= {"account_id": account_id, "kind": kind.value, "settings": checked_settings(kind, given)}
    async with database.write(organization_id) as session:
        account = await _check_account(session, organization_id, account_id, kind)
        await lock_sources(session, organization_id, account_id)
        moment = now()
        values |= {"enabled": enabled, "created_at": moment, "updated_at": moment}
        source = await cost_sources.insert_source(session, organization_id, **values)
        if source is None:
            await _refuse_alike(session, organization_id, values)
            raise _taken(values["name"])
        others = await cost_sources.other_sources(session, organization_id, account_id, source["id"])
        if others and not overlaps:
            raise _counts_twice(others)
        bills: Sequence[str] = ()
        if kind is CostSourceKind.AWS_COST_EXPLORER:
            bills = await cost_sources.bills_with(session, organization_id, account["native_id"])
        if bills and not overlaps:
            raise _is_billed(bills)
        source = await queue_next(session, source, moment)
        await _record(session, source, actor, EventKind.COST_SOURCE_CREATED, overlaps=bool(others or bills))
        return source


async def update_source(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    source_id: UUID,
    *,
    name: str | Unset = UNSET,
    configuration: Configuration | Unset = UNSET,
    dataset: str | Unset = UNSET,
    cron: str | Unset = UNSET,
    time_zone: str | Unset = UNSET,
    since: str | Unset | None = UNSET,
    enabled: bool | Unset = UNSET,
) -> RowMapping:
    """Change what is given; the next run is that of the changed source, and fetches from its new place everything.

    Raises NotFoundError, BadUserInputError, ConflictError as `create_source` does. The kind and the account stay.
    """
    values = _checked(name=name, dataset=dataset, cron=cron, time_zone=time_zone, since=since)
    if not isinstance(enabled, Unset):
        values["enabled"] = enabled
    async with database.write(organization_id) as session:
        before = await cost_sources.get_source(session, organization_id, source_id)
        if before is None:
            raise absent()
        if not isinstance(configuration, Unset):
            values["settings"] = _same_kind(before, configuration)
        after = {**before, **values}
        if _TIMING & values.keys():
            check_interval(after["cron"], after["time_zone"])
        await _refuse_alike(session, organization_id, after, source_id)
        if any(after[name] != before[name] for name in _PLACE):
            await cost_sources.forget_deliveries(session, organization_id, source_id)
        moment = now()
        source = await cost_sources.update_source(session, organization_id, source_id, **values, updated_at=moment)
        source = await queue_next(session, source, moment)
        await _record(session, source, actor, EventKind.COST_SOURCE_UPDATED)
        return source


async def delete_source(database: Database, organization_id: UUID, actor: Actor, source_id: UUID) -> RowMapping:
    """Delete a source with its runs; returns the row as it was. What was imported stays. Raises NotFoundError."""
    async with database.write(organization_id) as session:
        source = await cost_sources.get_source(session, organization_id, source_id)
        if source is None:
            raise absent()
        await cost_sources.delete_source(session, organization_id, source_id)
        await _record(session, source, actor, EventKind.COST_SOURCE_DELETED)
        return source


def _checked(**given: Any) -> dict[str, Any]:
    """The values that were given, checked. Raises BadUserInputError."""
    return {key: _CHECKS[key](value) for key, value in given.items() if not isinstance(value, Unset)}


def _same_kind(source: RowMapping, configuration: Configuration) -> dict[str, Any]:
    """Checked settings for a source of the kind. Raises BadUserInputError."""
    kind, given = configuration
    if kind.value != source["kind"]:
        wanted = FIELDS[CostSourceKind(source["kind"])]
        message = f"The source is a {source['kind']}: send `{wanted}`. For another kind create another source."
        raise BadUserInputError(message, path=("input", FIELDS[kind]))
    return checked_settings(kind, given)


async def _check_account(
    session: AsyncSession, organization_id: UUID, account_id: UUID, kind: CostSourceKind
) -> RowMapping:
    account = await find_account(session, organization_id, account_id)
    if account is None:
        raise no_such_account()
    require_connected(account)
    wanted = PROVIDER_OF[kind]
    if Provider(account["provider"]) is not wanted:
        message = f"`{FIELDS[kind]}` is for accounts of {wanted}; this one is of {account['provider']}."
        raise BadUserInputError(message, path=("input", FIELDS[kind]))
    return account


def _is_billed(bills: Sequence[str]) -> ConflictError:
    """The charges that Cost Explorer tells of an account are there in the bill of another."""
    message = (
        f"The costs of this account are there already, in the bill of {', '.join(bills)}. What Cost Explorer tells "
        "would count beside them: all reports would have the same charges twice. Use the costs that are there, or "
        "send `overlaps: true` if both are meant to count."
    )
    return ConflictError(message)


async def _refuse_alike(
    session: AsyncSession, organization_id: UUID, values: Mapping[Any, Any], source_id: UUID | None = None
) -> None:
    """Raise ConflictError where another source has the name, or the account and the dataset."""
    for other in await cost_sources.sources_alike(session, organization_id, values, source_id):
        if other["name"] == values["name"]:
            raise _taken(values["name"])
        message = (
            f"The source {other['name']!r} brings the costs of this account into the dataset {values['dataset']!r} "
            "already: two would replace each other's months. Change that one. In another `dataset` the costs of both "
            "would count."
        )
        raise ConflictError(message)


def _counts_twice(others: Sequence[RowMapping]) -> ConflictError:
    """What is said where an account would have several sources: {name, kind and dataset} of those it has."""
    told = ", ".join(f"{each['name']!r} ({each['kind']}, dataset {each['dataset']!r})" for each in others[:MOST_TOLD])
    more = f" and {len(others) - MOST_TOLD} more" if len(others) > MOST_TOLD else ""
    message = (
        f"The costs of this account are fetched already, by {told}{more}. What several sources bring counts several "
        "times: all reports would have the same bill twice. Change or delete that source, or send `overlaps: true` if "
        "this one brings other charges, or both are meant to count."
    )
    return ConflictError(message)


def _taken(name: str) -> ConflictError:
    message = f"The organization has a cost source named {name!r} already. Change that one, or take another name."
    return ConflictError(message)


async def _record(
    session: AsyncSession, source: RowMapping, actor: Actor, kind: EventKind, *, overlaps: bool = False
) -> None:
    names = {"name": "name", "kind": "kind", "dataset": "dataset", "cron": "cron", "timeZone": "time_zone"}
    data = {key: source[column] for key, column in names.items()}
    data |= {"accountId": str(source["account_id"]), "enabled": source["enabled"]}
    if overlaps:
        data["overlaps"] = True
    event = NewEvent(kind, actor, subject_type="CostSource", subject_id=source["id"], data=data)
    await record(session, source["organization_id"], event)
