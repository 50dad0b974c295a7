"""Verifying accounts: one cheap call tells whether the credentials work, how fast, and what is not permitted."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import RowMapping

from app.accounts.credentials import REGIONS
from app.accounts.health import Health, health_of_problem, health_of_verification, record_health
from app.accounts.target import no_such_account, open_target, require_connected
from app.database import Database
from app.providers.base import Target, Verification
from app.providers.problems import ProviderError
from app.providers.registry import cloud
from app.records import Actor
from app.repositories.accounts import find_account, get_account
from app.sealing.vault import Vault

VERIFY_SECONDS = 8.0
"""Two less than an operation may take, so that what came of it can still be stored."""

Result = TypeVar("Result")


class Threads(Protocol):
    """Where providers are called; see app.providers.calls.ProviderPool."""

    async def call(self, function: Callable[[], Result], seconds: float = ..., owner: Hashable | None = ...) -> Result:
        """Call a function in a thread, of the share of its owner."""


class Answer(NamedTuple):
    """What a provider told, and how many seconds it took."""

    verification: Verification
    seconds: float


async def ask(threads: Threads, organization_id: UUID, target: Target) -> Answer:
    """Make the one cheap call, for an organization. Raises ProviderError."""
    return await threads.call(lambda: _ask(target), VERIFY_SECONDS, organization_id)


def switched_off(target: Target, verification: Verification) -> tuple[str, ...]:
    """The regions that the account's settings name and that are none of those that are switched on."""
    if verification.regions is None:
        return ()
    return tuple(region for region in target.settings.get(REGIONS) or () if region not in verification.regions)


async def verify_account(
    database: Database, vault: Vault, threads: Threads, organization_id: UUID, actor: Actor, account_id: UUID
) -> RowMapping:
    """Ask the provider, keep what it told, and return the account; one that does not answer is no error.

    Raises NotFoundError where there is no such account, ConflictError where it is not connected.
    """
    health = await _health(database, vault, threads, organization_id, account_id)
    async with database.write(organization_id) as session:
        account = await get_account(session, organization_id, account_id)
        row = await find_account(session, organization_id, account_id)
        if account is None or row is None:
            raise no_such_account()
        require_connected(row)  # it may have been disconnected while its provider was asked: nothing is told of it then
        await record_health(session, organization_id, account_id, health, actor)
        return await find_account(session, organization_id, account_id) or row


async def _health(
    database: Database, vault: Vault, threads: Threads, organization_id: UUID, account_id: UUID
) -> Health:
    try:
        target = await open_target(database, vault, organization_id, account_id)
        answer = await ask(threads, organization_id, target)
    except ProviderError as problem:
        return health_of_problem(problem)
    return health_of_verification(answer.verification, answer.seconds, switched_off(target, answer.verification))


def _ask(target: Target) -> Answer:
    connection = cloud(target.provider).connect(target)
    try:
        began = time.monotonic()  # the import of an SDK, seconds the first time, is not the provider's
        verification = connection.verify()
        return Answer(verification, time.monotonic() - began)
    finally:
        connection.close()
