"""The health of accounts: judged by how they answered, kept with its history, told when it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.target import no_such_account
from app.activity.record import record
from app.models import Account, now
from app.providers.base import Verification
from app.providers.problems import ProblemCode, ProviderError
from app.records import AccountHealth, Actor, EventKind, NewEvent
from app.repositories.account_checks import add_check
from app.repositories.accounts import get_account

SLOW_SECONDS = 5.0
MOST_NAMED = 5  # missing permissions in a message; the list has them all
# What says that the account as such cannot be read; any other problem leaves some of it readable.
_ERRORS = frozenset({ProblemCode.CREDENTIALS, ProblemCode.UNREACHABLE})


@dataclass(frozen=True)
class Health:
    """How an account answered at one moment; `missing_permissions` is None where nobody told."""

    state: AccountHealth
    message: str | None = None
    missing_permissions: tuple[str, ...] | None = None
    response_milliseconds: int | None = None


def health_of_verification(verification: Verification, seconds: float, switched_off: Sequence[str] = ()) -> Health:
    """The health of an account that answered, in so many seconds; it is to be read in regions that are switched off."""
    told = verification.missing_permissions
    missing = None if told is None else tuple(dict.fromkeys(told))
    troubles = []
    if missing:
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        troubles.append(f"It lacks the permissions {', '.join(missing[:MOST_NAMED])}{more}.")
    if switched_off:
        troubles.append(f"These of its regions are not switched on: {', '.join(switched_off)}.")
    if seconds > SLOW_SECONDS:
        troubles.append(f"It took {seconds:.1f} s to answer; up to {SLOW_SECONDS:.0f} s is healthy.")
    state = AccountHealth.DEGRADED if troubles else AccountHealth.HEALTHY
    if verification.note:
        troubles.append(verification.note)
    return Health(
        state,
        " ".join(troubles) or None,
        missing,
        round(seconds * 1000),
    )


def health_of_problem(problem: ProviderError) -> Health:
    """The health of an account that did not answer as it should."""
    state = AccountHealth.ERROR if problem.code in _ERRORS else AccountHealth.DEGRADED
    missing = (problem.permission,) if problem.permission else None
    return Health(state, in_words(problem), missing)


def in_words(problem: ProviderError) -> str:
    """What happened, and what to do about it, as sentences."""
    permission = f"The missing permission is {problem.permission}" if problem.permission else ""
    parts = (part.strip().removesuffix(".") for part in (problem.message, permission, problem.remedy))
    return " ".join(f"{part}." for part in parts if part)


async def record_health(
    session: AsyncSession, organization_id: UUID, account_id: UUID, health: Health, actor: Actor
) -> None:
    """Add a check to the history, set the account's health, and tell when its state is another than before.

    Call it late in the transaction: it locks the account, and the head of the activity when the state changed.
    Raises NotFoundError where there is no such account.
    """
    account = await get_account(session, organization_id, account_id)
    if account is None:
        raise no_such_account()
    before = account.health
    await keep_health(session, account, health)
    if before != health.state:
        data = {
            "provider": account.provider,
            "nativeId": account.native_id,
            "name": account.name,
            "from": before,
            "to": health.state.value,
            "message": health.message,
        }
        kind = EventKind.ACCOUNT_HEALTH_CHANGED
        event = NewEvent(kind, actor, subject_type="Account", subject_id=account_id, data=data)
        await record(session, organization_id, event)


async def keep_health(session: AsyncSession, account: Account, health: Health) -> None:
    """The same without an event, for an account that is locked already."""
    moment = now()
    for column, value in health_columns(health, moment).items():
        setattr(account, column, value)
    await session.flush()
    await add_check(session, account.organization_id, check_of(account.id, health, moment))


def health_columns(health: Health, moment: datetime) -> dict[str, Any]:
    """The columns of `accounts`."""
    return {
        "health": health.state.value,
        "health_message": health.message,
        "health_checked_at": moment,
        **_alike(health),
    }


def check_of(account_id: UUID, health: Health, moment: datetime) -> dict[str, Any]:
    """A row of `account_checks`."""
    return {
        "account_id": account_id,
        "health": health.state.value,
        "message": health.message,
        "checked_at": moment,
        **_alike(health),
    }


def _alike(health: Health) -> dict[str, Any]:
    missing = health.missing_permissions
    return {
        "missing_permissions": None if missing is None else list(missing),
        "response_milliseconds": health.response_milliseconds,
    }
