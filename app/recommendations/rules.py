"""Changing how checks are tuned: a new version, an event, and looks at the accounts that it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.database import Database
from app.detection.catalogue import CHECKS
from app.detection.check import Check
from app.detection.rule import Settings, Tuning
from app.errors import BadUserInputError, ConflictError, argument
from app.recommendations.jobs import LOOK_JOB, MEASURE_JOB, request_look_at_charges, request_once
from app.recommendations.rule_needs import needs_measuring
from app.recommendations.tuning_checks import check_tuning
from app.recommendations.tunings import json_of, tuning_of
from app.records import Actor, EventKind, NewEvent
from app.repositories import detection_rules, rule_previews

Change = Callable[[Tuning], Tuning]


@dataclass(frozen=True)
class Changed:
    """A rule after it was changed, or left as it was: its last version, None where it has none."""

    row: RowMapping | None
    looks: int = 0
    """At how many accounts a look was asked for."""


async def update_rule(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    check_id: str,
    change: Change,
    expected_version: int | None = None,
) -> Changed:
    """Tune a check in another way; what changes nothing is no version, no event and no look.

    Raises BadUserInputError; ConflictError where the rule has another version than the expected one.
    """
    check = known_check(check_id)
    async with database.write(organization_id) as session:
        await detection_rules.lock_rule(session, organization_id, check_id)
        row = await _last_version(session, organization_id, check_id)
        before = Tuning() if row is None else tuning_of(row["settings"], row["version"])
        if expected_version is not None and before.version != expected_version:
            message = (
                f"The rule has version {before.version} by now, not {expected_version}: read it again and decide anew."
            )
            raise ConflictError(message)
        after = change(before)
        if after.same_as(before):
            return Changed(row)
        with argument("input", "changes"):
            await check_tuning(session, organization_id, check, after)
        after = replace(after, version=before.version + 1)
        return await _store(session, organization_id, actor, check, before, after)


def reset(_: Tuning) -> Tuning:
    """The change that takes back all others."""
    return Tuning()


def known_check(check_id: str) -> Check:
    """A check of the catalogue. Raises BadUserInputError."""
    check = CHECKS.get(check_id)
    if check is None:
        message = f"There is no check {check_id!r}; `checks` lists them all."
        raise BadUserInputError(message, path=("input", "checkId"))
    return check


async def _last_version(session: AsyncSession, organization_id: UUID, check_id: str) -> RowMapping | None:
    return next(iter(await detection_rules.newest_versions(session, organization_id, [check_id])), None)


async def _store(
    session: AsyncSession, organization_id: UUID, actor: Actor, check: Check, before: Tuning, after: Tuning
) -> Changed:
    told = json_of(after)
    row = await detection_rules.add_version(session, organization_id, check.id, after.version, told, actor)
    looks = await _look_again(session, organization_id, check, before, after)
    data: dict[str, Any] = {"checkId": check.id, "version": after.version, "before": json_of(before), "after": told}
    await record(session, organization_id, NewEvent(EventKind.DETECTION_RULE_CHANGED, actor, data=data))
    return Changed(row, looks)


async def _look_again(session: AsyncSession, organization_id: UUID, check: Check, before: Tuning, after: Tuning) -> int:
    """Ask for a look at each account for which another rule is in force; those that wait for one already get it.

    Where the rule may need usage that was not read, that is asked for too, and behind it there is another look.
    """
    if _without_grace(before).same_as(_without_grace(after)):
        return 0
    if check.charges is not None or check.provider is None:
        await request_look_at_charges(session, organization_id)
        accounts = await rule_previews.accounts_of_provider(session, organization_id, check.provider)
        return sum(concerns(before, after, one) for one in accounts)
    if check.advice is not None:
        holders = await rule_previews.accounts_of_provider(session, organization_id, check.provider)
    else:
        types = check.resource_types
        holders = await detection_rules.accounts_with(session, organization_id, check.provider.value, types)
    concerned = [one for one in holders if concerns(before, after, one)]
    measured = [one for one in concerned if needs_measuring(check, before, after, one)]
    connected = await detection_rules.accounts_connected(session, organization_id, measured) if measured else ()
    for kind, ids in ((LOOK_JOB, concerned), (MEASURE_JOB, connected)):
        if ids:
            await request_once(session, organization_id, kind, ids)
    return len(concerned)


def concerns(before: Tuning, after: Tuning, account_id: UUID) -> bool:
    """Whether two tunings differ for an account."""

    def of_account(tuning: Tuning) -> Tuning:
        others = tuning.included_accounts and account_id not in tuning.included_accounts
        excluded = (account_id,) if others or account_id in tuning.excluded_accounts else ()
        own = {account_id: tuning.of_accounts[account_id]} if account_id in tuning.of_accounts else {}
        return replace(tuning, excluded_accounts=excluded, included_accounts=(), of_accounts=own)

    return not of_account(before).same_as(of_account(after))


def _without_grace(tuning: Tuning) -> Tuning:
    """What decides on findings: all but the days of grace."""

    def less(settings: Settings) -> Settings:
        return replace(settings, grace_days=None)

    return replace(
        tuning,
        settings=less(tuning.settings),
        of_accounts={account_id: less(settings) for account_id, settings in tuning.of_accounts.items()},
        of_tags=tuple((match, less(settings)) for match, settings in tuning.of_tags),
    )
