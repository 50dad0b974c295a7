"""Verifying accounts: one cheap call tells whether the credentials work, how fast, and what is not permitted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import RowMapping

from app.accounts.health import Health, health_of_problem, health_of_verification, record_health
from app.accounts.target import no_such_account, open_target
from app.accounts.vault import Vault
from app.database import Database
from app.providers.base import Target, Verification
from app.providers.problems import ProviderError
from app.providers.registry import cloud
from app.records import Actor
from app.repositories.accounts import find_account

VERIFY_SECONDS = 8.0
"""Two less than an operation may take, so that what came of it can still be stored."""

Result = TypeVar("Result")


class Threads(Protocol):
    """Where providers are called; see app.providers.calls.ProviderPool."""

    async def call(self, function: Callable[[], Result], seconds: float = ...) -> Result:
        """Call a function in a thread."""


class Answer(NamedTuple):
    """What a provider told, and how many seconds it took."""

    verification: Verification
    seconds: float


async def ask(threads: Threads, target: Target) -> Answer:
    """Make the one cheap call. Raises ProviderError."""
    return await threads.call(lambda: _ask(target), VERIFY_SECONDS)


async def verify_account(
    database: Database, vault: Vault, threads: Threads, organization_id: UUID, actor: Actor, account_id: UUID
) -> RowMapping:
    """Ask the provider, keep what it told, and return the account; one that does not answer is no error.

    Raises NotFoundError where there is no such account, ConflictError where it is not connected.
    """
    health = await _health(database, vault, threads, organization_id, account_id)
    async with database.write(organization_id) as session:
        await record_health(session, organization_id, account_id, health, actor)
        row = await find_account(session, organization_id, account_id)
        if row is None:
            raise no_such_account()
        return row


async def _health(
    database: Database, vault: Vault, threads: Threads, organization_id: UUID, account_id: UUID
) -> Health:
    try:
        answer = await ask(threads, await open_target(database, vault, organization_id, account_id))
    except ProviderError as problem:
        return health_of_problem(problem)
    return health_of_verification(answer.verification, answer.seconds)


def _ask(target: Target) -> Answer:
    connection = cloud(target.provider).connect(target)
    try:
        began = time.monotonic()  # the import of an SDK, seconds the first time, is not the provider's
        verification = connection.verify()
        return Answer(verification, time.monotonic() - began)
    finally:
        connection.close()
