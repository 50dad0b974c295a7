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
from app.accounts.endpoints import ENDPOINTS, checked_endpoints
from app.accounts.health import check_of, health_columns, health_of_verification, in_words
from app.accounts.manual import checked
from app.accounts.target import seal_secret
from app.accounts.vault import Vault
from app.accounts.verify import Answer, Threads, ask
from app.activity.record import record
from app.database import Database
from app.errors import BadUserInputError, ConflictError
from app.models import now
from app.providers.base import Target
from app.providers.problems import ProblemCode, ProviderError
from app.records import Actor, EventKind, NewEvent, Provider
from app.repositories.account_checks import add_check
from app.repositories.accounts import ACCOUNTS, connect_account, connected_native_ids
from app.repositories.selection import by_keys

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
        return settings


async def connect_accounts(
    database: Database, vault: Vault, threads: Threads, organization_id: UUID, actor: Actor, new: NewConnection
) -> list[RowMapping]:
    """Try the credentials for each account, then store them all, in the order of the native ids.

    A manual or disconnected account with the same native id becomes this one and keeps its rows. Raises
    BadUserInputError where credentials do not work, ConflictError where an account is connected already.
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
    answers = await _try_all(threads, new, settings, native_ids)
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
        await record(session, organization_id, *(_event(rows[native_id], actor) for native_id in found))
        ids = [rows[native_id]["id"] for native_id in found]
        stored = {row["id"]: row for row in await by_keys(session, ACCOUNTS, organization_id, "id", ids)}
        return [stored[id_] for id_ in ids]


async def try_credentials(
    threads: Threads, target: Target, path: tuple[str, ...], closed_path: tuple[str, ...] = ()
) -> Answer:
    """Ask the provider. Raises BadUserInputError where that does not work, or tells another account than the target's.

    The error stands at `path`, or at `closed_path` where the credentials are good and the account is closed to them.
    """
    try:
        answer = await ask(threads, target)
    except ProviderError as problem:
        closed = problem.code in {ProblemCode.DENIED, ProblemCode.NOT_ENABLED}
        raise refusal(problem, closed_path if closed and closed_path else path) from None
    told = answer.verification.native_id
    if target.provider is Provider.AWS and target.native_id and told != target.native_id:
        message = f"These credentials belong to the account {told}, not to {target.native_id}. Nothing was stored."
        raise BadUserInputError(message, path=path)
    return answer


def refusal(problem: ProviderError, path: tuple[str, ...]) -> BadUserInputError:
    """A problem with a provider as an answer to the caller: what happened, and what to do about it."""
    return BadUserInputError(f"{in_words(problem)} Nothing was stored.", path=path)


def _checked_ids(new: NewConnection) -> tuple[str, ...]:
    if new.credentials.provider is Provider.AWS:
        return (new.credentials.native_id or "",)  # keys tell it when they are tried
    if not 1 <= len(new.native_ids) <= MOST_AT_ONCE:
        message = f"`{new.ids_path[-1]}` must have 1 to {MOST_AT_ONCE} entries."
        raise BadUserInputError(message, path=new.ids_path)
    if len(set(new.native_ids)) < len(new.native_ids):
        message = f"`{new.ids_path[-1]}` has an entry twice."
        raise BadUserInputError(message, path=new.ids_path)
    return new.native_ids


async def _try_all(
    threads: Threads, new: NewConnection, settings: Mapping[str, Any], native_ids: Sequence[str]
) -> list[Answer]:
    """What each account told. Raises the first error, at its id where others show that the credentials work."""
    credentials = new.credentials
    places = [new.place_of(number) for number in range(len(native_ids))]
    tries = (
        try_credentials(
            threads,
            Target(credentials.provider, credentials.method, native_id, settings, credentials.secret),
            credentials.path,
            place,
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
        "settings": dict(settings),
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


def _connected(provider: Provider, native_id: str) -> ConflictError:
    return ConflictError(
        f"The {provider} account {native_id} is connected already. Change it with `updateAccount`, or disconnect it "
        "with `disconnectAccount` first."
    )
