"""Starts scans: in one transaction the scan of each account, its event, and the job that runs it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.providers import registry
from app.queue import enqueue
from app.records import AccountKind, Actor, EventKind, NewEvent, Provider
from app.repositories import scans
from app.repositories.accounts import ACCOUNTS
from app.scanning.progress import scan_changed
from app.scanning.tools import Clouds

RUN_SCAN_JOB = "run_scan"
MOST_ACCOUNTS = 1_000
MOST_SERVICES = 200
MOST_REGIONS = 200
# AWS eu-central-1, Azure westeurope, GCP europe-west1. Only regions that the account says it has are ever called.
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_REGION = 40

ServiceNames = Mapping[Provider, tuple[str, ...]]


@dataclass(frozen=True)
class Started:
    """Rows of `scans`: those that are queued now, and those under way of accounts that had one already."""

    scans: list[RowMapping]
    already_running: list[RowMapping]


@dataclass(frozen=True)
class Scope:
    """What is to be scanned; None stands for all there is."""

    account_ids: Sequence[UUID] | None = None
    regions: Sequence[str] | None = None
    services: Sequence[str] | None = None


async def start_scans(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    *,
    account_ids: Sequence[UUID] | None = None,
    regions: Sequence[str] | None = None,
    services: Sequence[str] | None = None,
    clouds: Clouds = registry.cloud,
) -> Started:
    """Queue a scan of each account that has none under way; without `account_ids` of every connected account.

    Raises NotFoundError for an account that is not there, ConflictError for one that is not connected or where none
    is, BadUserInputError for names that cannot be used.
    """
    scope = checked_scope(account_ids, regions, services)
    names = await service_names(database, organization_id, scope, clouds)
    async with database.write(organization_id) as session:
        accounts = await _accounts(session, organization_id, scope)
        return await start_in(session, organization_id, actor, accounts, scope, names)


def checked_scope(
    account_ids: Sequence[UUID] | None, regions: Sequence[str] | None, services: Sequence[str] | None
) -> Scope:
    """The scope without repetitions. Raises BadUserInputError for an empty or too long list, or a wrong region."""
    for name, given, most in (
        ("accountIds", account_ids, MOST_ACCOUNTS),
        ("services", services, MOST_SERVICES),
        ("regions", regions, MOST_REGIONS),
    ):
        if given is not None and not 1 <= len(given) <= most:
            message = f"`{name}` has {len(given)} entries; give 1 to {most:,}, or leave it out for all."
            raise BadUserInputError(message, path=("input", name))
    return Scope(
        None if account_ids is None else list(dict.fromkeys(account_ids)),
        None if regions is None else _checked_regions(regions),
        None if services is None else list(dict.fromkeys(services)),
    )


def _checked_regions(regions: Sequence[str]) -> list[str]:
    for region in regions:
        if len(region) > _LONGEST_REGION or not _REGION.fullmatch(region):
            message = f"{region[:_LONGEST_REGION]!r} is no name of a region; they look like `eu-central-1`."
            raise BadUserInputError(message, path=("input", "regions"))
    return list(dict.fromkeys(regions))


async def service_names(database: Database, organization_id: UUID, scope: Scope, clouds: Clouds) -> ServiceNames:
    """The names of services by provider, of the providers that the scope reaches; {} where it names no service.

    Raises BadUserInputError for a name that none of these providers has.
    """
    if scope.services is None:
        return {}
    async with database.read(organization_id) as session:
        statement = select(ACCOUNTS.c.provider).distinct().where(*_connected(organization_id, scope))
        # With nothing connected yet, such as before a first schedule, any cloud's name is as good.
        providers = [Provider(name) for name in await session.scalars(statement)] or registry.CLOUDS
    # In a thread: the SDKs take up to seconds to import.
    found = {provider: await asyncio.to_thread(_names, clouds, provider) for provider in sorted(providers)}
    known = {name for names in found.values() for name in names}
    unknown = [name for name in scope.services if name not in known]
    if unknown:
        message = (
            f"There is no service {unknown[0]!r}. "
            + " ".join(f"{provider} has {', '.join(sorted(names))}." for provider, names in found.items())
            + " Leave `services` out for all."
        )
        raise BadUserInputError(message, path=("input", "services"))
    return found


async def start_in(
    session: AsyncSession,
    organization_id: UUID,
    actor: Actor,
    accounts: Sequence[RowMapping],
    scope: Scope,
    names: ServiceNames,
    schedule_id: UUID | None = None,
) -> Started:
    """Queue the scans in the caller's transaction, which has locked the accounts. Takes the activity head's lock."""
    wanted = {account["id"]: account for account in accounts if _has_any(account, scope, names)}
    if not wanted:
        return Started([], [])
    values = {
        "regions": scope.regions,
        "services": scope.services,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "schedule_id": schedule_id,
    }
    started = await scans.insert_scans(session, organization_id, list(wanted), values)
    busy = [id_ for id_ in wanted if id_ not in {scan["account_id"] for scan in started}]
    running = await scans.scans_under_way(session, organization_id, busy) if busy else []
    if started:
        jobs = {
            scan["id"]: await enqueue(session, RUN_SCAN_JOB, organization_id, {"scanId": str(scan["id"])})
            for scan in started
        }
        started = await scans.set_jobs(session, organization_id, jobs)
        for scan in started:
            scan_changed(session, organization_id, scan["id"])
        events = [_event(scan, wanted[scan["account_id"]], actor) for scan in started]
        await record(session, organization_id, *events)
    return Started(list(started), list(running))


async def connected_accounts(session: AsyncSession, organization_id: UUID, scope: Scope) -> Sequence[RowMapping]:
    """The connected accounts of the scope, locked against being disconnected until the transaction ends."""
    statement = select(ACCOUNTS).where(*_connected(organization_id, scope)).order_by(ACCOUNTS.c.id)
    return (await session.execute(statement.with_for_update(read=True))).mappings().all()


async def _accounts(session: AsyncSession, organization_id: UUID, scope: Scope) -> Sequence[RowMapping]:
    accounts = await connected_accounts(session, organization_id, scope)
    if scope.account_ids is None:
        if not accounts:
            message = "The organization has no connected account. Connect one with `connectAccount` first."
            raise ConflictError(message)
        return accounts
    missing = set(scope.account_ids) - {account["id"] for account in accounts}
    if missing:
        statement = select(ACCOUNTS).where(ACCOUNTS.c.organization_id == organization_id, ACCOUNTS.c.id.in_(missing))
        others = (await session.execute(statement.order_by(ACCOUNTS.c.id))).mappings().all()
        if len(others) < len(missing):
            message = "There is no such account within your reach."
            raise NotFoundError(message)
        raise ConflictError(_not_connected(others[0]))
    return accounts


def _connected(organization_id: UUID, scope: Scope) -> list[Any]:
    conditions = [
        ACCOUNTS.c.organization_id == organization_id,
        ACCOUNTS.c.kind == AccountKind.CONNECTED.value,
        ACCOUNTS.c.disconnected_at.is_(None),
    ]
    if scope.account_ids is not None:
        conditions.append(ACCOUNTS.c.id.in_(scope.account_ids))
    return conditions


def _not_connected(account: RowMapping) -> str:
    if account["disconnected_at"] is not None:
        reason = "is disconnected; connect it again with `connectAccount` to scan it."
    else:
        reason = "is a manual account, filled by the rows that are sent; connect it with `connectAccount` to scan it."
    return f"The account {account['name']!r} {reason}"


def _names(clouds: Clouds, provider: Provider) -> tuple[str, ...]:
    return tuple(service.name for service in clouds(provider).services())


def _has_any(account: RowMapping, scope: Scope, names: ServiceNames) -> bool:
    """Whether the account's provider has one of the named services: the others have nothing to scan."""
    if scope.services is None:
        return True
    return not set(scope.services).isdisjoint(names.get(Provider(account["provider"]), ()))


def _event(scan: RowMapping, account: RowMapping, actor: Actor) -> NewEvent:
    data = {
        "scanId": str(scan["id"]),
        "accountId": str(account["id"]),
        "provider": account["provider"],
        "nativeId": account["native_id"],
        "name": account["name"],
    }
    if scan["schedule_id"] is not None:
        data["scheduleId"] = str(scan["schedule_id"])
    return NewEvent(EventKind.SCAN_STARTED, actor, subject_type="Scan", subject_id=scan["id"], data=data)
