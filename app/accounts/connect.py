"""Connecting accounts: the credentials are tried first, and nothing is stored unless all of them work."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.credentials import REGIONS, Credentials, checked_regions
from app.accounts.endpoints import ENDPOINTS, checked_endpoints, with_sign_in
from app.accounts.health import check_of, health_columns, health_of_verification
from app.accounts.manual import checked
from app.accounts.target import seal_secret
from app.accounts.trial import InputPlaces, told_settings, try_credentials
from app.accounts.verify import Answer, Threads
from app.activity.record import record
from app.database import Database
from app.errors import BadUserInputError, ConflictError
from app.models import now
from app.providers.base import Target
from app.quotas import check_count
from app.records import Actor, EventKind, NewEvent, Provider
from app.records.plans import QuotaMetric
from app.repositories.account_checks import add_check
from app.repositories.accounts import ACCOUNTS, connect_account, connected_native_ids, nested_account
from app.repositories.selection import by_keys
from app.sealing.vault import Vault

MOST_AT_ONCE = 50
_LISTS = frozenset({"subscriptions", "projects"})
_TOLD = {"provider": "provider", "nativeId": "native_id", "name": "name", "method": "method", "health": "health"}


@dataclass(frozen=True)
class NewConnection:
    """What is to be connected: `native_ids` are subscriptions or projects, none where the credentials tell it.

    `ids_path` is where in the input they stand. `regions` and `endpoints` (service, URL) are as they were sent;
    `hosts` are those that the operator allows besides the provider's own.
    """

    credentials: Credentials
    native_ids: tuple[str, ...] = ()
    ids_path: tuple[str, ...] = ("input",)
    name: str | None = None
    regions: Sequence[str] | None = None
    endpoints: Sequence[tuple[str, str]] = ()
    hosts: tuple[str, ...] = ()

    def place_of(self, number: int) -> tuple[str, ...]:
        """Where in the input one of the native ids stands; empty where the credentials tell it."""
        if not self.native_ids:
            return ()
        return (*self.ids_path, str(number)) if self.ids_path[-1] in _LISTS else self.ids_path

    def settings(self) -> dict[str, Any]:
        """All settings. Raises BadUserInputError at the wrong one."""
        settings = dict(self.credentials.settings)
        provider = self.credentials.provider
        if self.regions is not None:
            settings[REGIONS] = checked_regions(provider, self.regions)
        if self.endpoints:
            settings[ENDPOINTS] = checked_endpoints(provider, self.endpoints, self.hosts)
        return with_sign_in(settings, self.credentials.method, self.hosts)


async def connect_accounts(
    database: Database, vault: Vault, threads: Threads, organization_id: UUID, actor: Actor, new: NewConnection
) -> list[RowMapping]:
    """Try the credentials for each account, then store them all, in the order of the native ids.

    A manual or disconnected account with the same native id becomes this one and keeps its rows. Raises
    BadUserInputError where credentials do not work, ConflictError where an account is connected already, or as a part
    of another one, QuotaExceededError.
    """
    native_ids, settings = _checked_ids(new), new.settings()
    name = None if new.name is None else checked(new.name, "name")
    if name is not None and len(native_ids) > 1:
        message = "`name` names one account; leave it out for several, and name them with `updateAccount`."
        raise BadUserInputError(message, path=("input", "name"))
    provider = new.credentials.provider
    known = [native_id for native_id in native_ids if native_id]
    async with database.read(organization_id) as session:
        _refuse_connected(provider, await connected_native_ids(session, organization_id, provider, known))
    answers = await _try_all(threads, organization_id, new, settings, native_ids)
    found = {
        native_id or answer.verification.native_id: answer
        for native_id, answer in zip(native_ids, answers, strict=True)
    }
    async with database.write(organization_id) as session:
        # In the order of their ids: two calls with the same ones would otherwise wait for each other.
        rows = {
            native_id: await _store(session, vault, organization_id, new, settings, native_id, found[native_id], name)
            for native_id in sorted(found)
        }
        await check_count(session, organization_id, QuotaMetric.ACCOUNTS, len(found))
        await record(session, organization_id, *(_event(rows[native_id], actor) for native_id in found))
        # After the lock of the activity's head: of two calls at a time the second one sees what the first has stored.
        _refuse_nested(await nested_account(session, organization_id, provider, list(found)))
        ids = [rows[native_id]["id"] for native_id in found]
        stored = {row["id"]: row for row in await by_keys(session, ACCOUNTS, organization_id, "id", ids)}
        return [stored[id_] for id_ in ids]


def _checked_ids(new: NewConnection) -> tuple[str, ...]:
    if new.credentials.provider in {Provider.AWS, Provider.MICROSOFT_365}:
        return (new.credentials.native_id or "",)  # keys, and a tenant's domain, tell it when they are tried
    if not 1 <= len(new.native_ids) <= MOST_AT_ONCE:
        message = f"`{new.ids_path[-1]}` must have 1 to {MOST_AT_ONCE} entries."
        raise BadUserInputError(message, path=new.ids_path)
    if len(set(new.native_ids)) < len(new.native_ids):
        message = f"`{new.ids_path[-1]}` has an entry twice."
        raise BadUserInputError(message, path=new.ids_path)
    return new.native_ids


async def _try_all(
    threads: Threads,
    organization_id: UUID,
    new: NewConnection,
    settings: Mapping[str, Any],
    native_ids: Sequence[str],
) -> list[Answer]:
    """What each account told. Raises the first error, at its id where others show that the credentials work."""
    credentials = new.credentials
    places = [new.place_of(number) for number in range(len(native_ids))]
    tries = (
        try_credentials(
            threads,
            organization_id,
            Target(credentials.provider, credentials.method, native_id, settings, credentials.secret),
            InputPlaces(credentials.path, place, endpoints_sent=bool(new.endpoints)),
            new_credentials=True,
        )
        for native_id, place in zip(native_ids, places, strict=True)
    )
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
    for outcome, place in zip(outcomes, places, strict=True):
        if isinstance(outcome, BadUserInputError) and answers:
            raise BadUserInputError(outcome.message, path=place)
        if isinstance(outcome, BaseException):
            raise outcome
    return answers


async def _store(
    session: AsyncSession,
    vault: Vault,
    organization_id: UUID,
    new: NewConnection,
    settings: Mapping[str, Any],
    native_id: str,
    answer: Answer,
    name: str | None,
) -> RowMapping:
    provider = new.credentials.provider
    health = health_of_verification(answer.verification, answer.seconds)
    moment = now()
    values = {
        "provider": provider.value,
        "native_id": native_id,
        "name": name or answer.verification.name or native_id,
        "method": new.credentials.method.value,
        "settings": {**settings, **told_settings(answer.verification)},
        **health_columns(health, moment),
    }
    row = await connect_account(session, organization_id, values, name=name)
    if row is None:
        raise _connected(provider, native_id)
    await seal_secret(session, vault, organization_id, row["id"], new.credentials.secret)
    await add_check(session, organization_id, check_of(row["id"], health, moment))
    return row


def _event(row: RowMapping, actor: Actor) -> NewEvent:
    data = {name: row[column] for name, column in _TOLD.items()}
    return NewEvent(EventKind.ACCOUNT_CONNECTED, actor, subject_type="Account", subject_id=row["id"], data=data)


def _refuse_connected(provider: Provider, native_ids: Sequence[str]) -> None:
    if native_ids:
        raise _connected(provider, native_ids[0])


def _refuse_nested(nested: RowMapping | None) -> None:
    if nested is not None:
        message = (
            f"{nested['part']} is part of {nested['whole']}: with both of them connected all that it has would be "
            "counted twice. Connect only one, or disconnect the other with `disconnectAccount` first."
        )
        raise ConflictError(message)


def _connected(provider: Provider, native_id: str) -> ConflictError:
    return ConflictError(
        f"The {provider} account {native_id} is connected already. Change it with `updateAccount`, or disconnect it "
        "with `disconnectAccount` first."
    )
