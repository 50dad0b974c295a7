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
from app.models import new_id
from app.providers import registry
from app.queue import enqueue_all
from app.quotas import check_count, take
from app.records import AccountKind, Actor, EventKind, NewEvent, Provider
from app.records.plans import QuotaMetric
from app.repositories import scans
from app.repositories.accounts import ACCOUNTS
from app.scanning.progress import scan_changed
from app.scanning.tools import Clouds

RUN_SCAN_JOB = "run_scan"
MOST_ACCOUNTS = 200
"""That may be named; without naming any, all connected accounts are scanned, however many."""
MOST_SERVICES = 200
MOST_REGIONS = 200
# AWS eu-central-1, Azure westeurope, GCP europe-west1. Only regions that the account says it has are ever called.
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_REGION = 40
_ROUNDS = 3

ServiceNames = Mapping[Provider, tuple[str, ...]]


@dataclass(frozen=True)
class Skipped:
    """An account (its row) that gets no scan, and why, in a sentence."""

    account: RowMapping
    reason: str


@dataclass(frozen=True)
class Started:
    """Rows of `scans`: those that are queued now, and those under way of accounts that had one already.

    Each account of the scope is in one of the three lists.
    """

    scans: list[RowMapping]
    already_running: list[RowMapping]
    skipped: list[Skipped]


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
    is, BadUserInputError for names that cannot be used, QuotaExceededError where the plan does not allow all of them.
    """
    scope = checked_scope(account_ids, regions, services)
    names = await service_names(database, organization_id, scope, clouds)
    check_services(scope, names)
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
    """The names of services by provider, of the providers that the scope reaches; {} where it names no service."""
    if scope.services is None:
        return {}
    async with database.read(organization_id) as session:
        statement = select(ACCOUNTS.c.provider).distinct().where(*_connected(organization_id, scope))
        # With nothing connected yet, such as before a first schedule, any cloud's name is as good.
        providers = [Provider(name) for name in await session.scalars(statement)] or registry.CLOUDS
    # In a thread: the SDKs take up to seconds to import.
    return {provider: await asyncio.to_thread(_names, clouds, provider) for provider in sorted(providers)}


def check_services(scope: Scope, names: ServiceNames) -> None:
    """Raise BadUserInputError for a service that none of the providers has."""
    known = {name for of_one in names.values() for name in of_one}
    unknown = [name for name in scope.services or () if name not in known]
    if unknown:
        message = (
            f"There is no service {unknown[0]!r}. "
            + " ".join(f"{provider} has {', '.join(sorted(of_one))}." for provider, of_one in names.items())
            + " Leave `services` out for all."
        )
        raise BadUserInputError(message, path=("input", "services"))


async def start_in(
    session: AsyncSession,
    organization_id: UUID,
    actor: Actor,
    accounts: Sequence[RowMapping],
    scope: Scope,
    names: ServiceNames,
    schedule_id: UUID | None = None,
) -> Started:
    """Queue the scans in the caller's transaction, which has locked the accounts. Takes the activity head's lock.

    Raises QuotaExceededError where the plan does not allow all of them.
    """
    wanted = {account["id"]: account for account in accounts if _has_any(account, scope, names)}
    skipped = [Skipped(account, _lacking(account, scope)) for account in accounts if account["id"] not in wanted]
    values = {
        "regions": scope.regions,
        "services": scope.services,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "schedule_id": schedule_id,
    }
    started: list[RowMapping] = []
    running: list[RowMapping] = []
    left = set(wanted)
    for _ in range(_ROUNDS):  # the scan of an account may end between the two statements
        if not left:
            break
        started += await scans.insert_scans(session, organization_id, {id_: new_id() for id_ in left}, values)
        left -= {scan["account_id"] for scan in started}
        running += await scans.scans_under_way(session, organization_id, list(left)) if left else []
        left -= {scan["account_id"] for scan in running}
    skipped += [Skipped(wanted[id_], "A scan of it ended at this moment. Start another.") for id_ in sorted(left)]
    if started:
        await take(session, organization_id, QuotaMetric.SCANS, len(started))
        await check_count(session, organization_id, QuotaMetric.CONCURRENT_SCANS, len(started))
        started.sort(key=lambda scan: scan["account_id"])
        arguments = {scan["job_id"]: {"scanId": str(scan["id"])} for scan in started}
        await enqueue_all(session, RUN_SCAN_JOB, organization_id, arguments)
        for scan in started:
            scan_changed(session, organization_id, scan["id"])
        events = [_event(scan, wanted[scan["account_id"]], actor) for scan in started]
        await record(session, organization_id, *events)
    return Started(started, running, skipped)


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


def _lacking(account: RowMapping, scope: Scope) -> str:
    return f"{account['provider']} has none of the services {', '.join(scope.services or ())}."


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
