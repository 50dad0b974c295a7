"""The job that writes and removes the tag on what is marked for deletion, through the account's own connection.

It deletes nothing: taggers know no such call. What it is at is noted, so that two jobs are never at one account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.target import open_target
from app.activity.record import record
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import now
from app.providers.base import Target
from app.providers.calls import ProviderPool
from app.providers.problems import ProblemCode, ProviderError
from app.providers.tagging import TAG, Failures, TagChange, Tagger, gone, in_words
from app.queue import HeldJob, enqueue
from app.recommendations.deletion_tags import TAG_JOB
from app.recommendations.store import SYSTEM, TOLD_IDS
from app.records import EventKind, NewEvent, Provider
from app.records.recommendations import HistoryKind, TagState
from app.repositories import deletion_tags, recommendations
from app.repositories.accounts import find_account
from app.sealing.vault import Vault

BATCH = 100
"""Tags that are taken, and told of, at a time."""
_BUSY_PAUSE = timedelta(seconds=5)
_FIRST = UUID(int=0)
_KINDS = {
    TagState.WRITTEN: HistoryKind.TAGGED,
    TagState.REMOVED: HistoryKind.TAG_REMOVED,
    TagState.FAILED: HistoryKind.TAG_FAILED,
}


@dataclass(frozen=True)
class TagTools:
    """What is needed to call providers; `tagger` is `app.providers.registry.tagger`."""

    vault: Vault
    pool: ProviderPool
    tagger: Callable[[Target], Tagger]


@dataclass
class _Tagging:
    """One run for one account."""

    job: HeldJob
    tools: TagTools
    organization_id: UUID
    account_id: UUID
    provider: Provider = Provider.OTHER
    allowed: bool = False
    tagger: Tagger | None = None
    problem: ProviderError | None = None
    """Why there is no way into the account."""
    counts: dict[TagState, int] = field(default_factory=dict)


async def tag_for_deletion(job: HeldJob, tools: TagTools) -> None:
    """Make the tags of the job's account as they are asked for; what fails is told of each."""
    if job.organization_id is None or "accountId" not in job.arguments:
        message = "this job needs an organization and an account"
        raise BadUserInputError(message)
    run = _Tagging(job, tools, job.organization_id, UUID(job.arguments["accountId"]))
    after, taken = _FIRST, await _take(run, _FIRST)
    if not taken:
        return
    await _connect(run)
    try:
        while taken and not job.should_stop():
            failures = {row["native_id"]: gone() for row in taken if row["is_gone"] and row["day"] is not None}
            failures |= await _change(run, _changes(taken))
            if job.should_stop():
                return
            await _tell(run, taken, failures)
            after = taken[-1]["recommendation_id"]
            taken = await _take(run, after)
    finally:
        if run.tagger is not None:
            tools.pool.let_go(run.tagger.close)
    counts = {state.value.lower(): count for state, count in run.counts.items()}
    structlog.get_logger(__name__).info("tagged_for_deletion", account_id=str(run.account_id), **counts)


async def _take(run: _Tagging, after: UUID) -> Sequence[RowMapping]:
    """The next tags; none where another job is at the account, and then a later job sees to them."""
    key = run.organization_id, run.account_id
    async with run.job.database.write(run.organization_id) as session:
        await run.job.hold(session)
        await recommendations.lock_account(session, *key)
        if await deletion_tags.is_busy(session, *key, run.job.id):
            await enqueue(session, TAG_JOB, key[0], {"accountId": str(key[1])}, now() + _BUSY_PAUSE)
            return []
        return await deletion_tags.take_tags(session, *key, run.job.id, after, BATCH)


async def _connect(run: _Tagging) -> None:
    async with run.job.database.read(run.organization_id) as session:
        account = await find_account(session, run.organization_id, run.account_id)
    if account is not None:
        run.provider, run.allowed = Provider(account["provider"]), account["allows_tagging"]
    try:
        target = await open_target(run.job.database, run.tools.vault, run.organization_id, run.account_id)
        run.tagger = await run.tools.pool.call(partial(run.tools.tagger, target), owner=run.organization_id)
    except (NotFoundError, ConflictError) as error:
        run.problem = ProviderError(ProblemCode.CREDENTIALS, error.message, "Connect the account")
    except ProviderError as error:
        run.problem = error


def _changes(taken: Sequence[RowMapping]) -> dict[str, TagChange]:
    """One change for each resource that is there, however many recommendations are on it."""
    return {
        row["native_id"]: TagChange(row["native_id"], row["resource_type"], row["region"], row["day"])
        for row in taken
        if not row["is_gone"]
    }


async def _change(run: _Tagging, changes: Mapping[str, TagChange]) -> Failures:
    """Make all changes; why some were not made."""
    if run.tagger is None:
        return dict.fromkeys(changes, run.problem) if run.problem is not None else {}
    failed: Failures = {}
    places: dict[object, list[TagChange]] = {}
    for change in changes.values():
        if change.day is not None and not run.allowed:  # what is there may always be taken away
            failed[change.native_id] = _not_allowed()
        else:
            places.setdefault(run.tagger.place(change), []).append(change)
    size = run.tagger.together
    for place in places.values():
        for start in range(0, len(place), size):
            failed |= await _call(run, run.tagger, place[start : start + size])
            if run.job.should_stop():
                return failed
    return failed


async def _call(run: _Tagging, tagger: Tagger, changes: Sequence[TagChange]) -> Failures:
    """One call, with further tries; then one by one what may have failed for a moment only."""
    try:
        failed = await run.tools.pool.patiently(partial(tagger.change, changes), owner=run.organization_id)
    except ProviderError as problem:
        return {change.native_id: problem for change in changes}
    again = [change for change in changes if (why := failed.get(change.native_id)) is not None and why.retry]
    if len(changes) > 1:
        for change in again:
            del failed[change.native_id]
            failed |= await _call(run, tagger, [change])
    return failed


async def _tell(run: _Tagging, taken: Sequence[RowMapping], failures: Failures) -> None:
    """Write what became of the tags, into the history and the activity too."""
    told: list[tuple[UUID, HistoryKind, Mapping[str, object]]] = []
    counts = dict.fromkeys(_KINDS, 0)
    async with run.job.database.write(run.organization_id) as session:
        await run.job.hold(session)
        await recommendations.lock_account(session, run.organization_id, run.account_id)
        is_dirty = False
        for row in taken:
            state, message = _outcome(run.provider, row, failures.get(row["native_id"]))
            is_so = await _finish(session, run, row, state, message, failures.get(row["native_id"]))
            is_dirty = is_dirty or is_so is False
            if is_so:
                counts[state] += 1
                day = None if row["day"] is None else row["day"].isoformat()
                told.append((row["recommendation_id"], _KINDS[state], {"tag": TAG, "day": day, "message": message}))
        await recommendations.write_history(session, run.organization_id, SYSTEM, told)
        if is_dirty:  # the job of that act may have come and gone while this one was at work
            await enqueue(session, TAG_JOB, run.organization_id, {"accountId": str(run.account_id)})
        if told:
            data: dict[str, object] = {"accountId": str(run.account_id), TOLD_IDS: [str(id_) for id_, _, _ in told]}
            data |= {state.value.lower(): count for state, count in counts.items()}
            kind = EventKind.RECOMMENDATIONS_TAGGED
            event = NewEvent(kind, SYSTEM, subject_type="Account", subject_id=run.account_id, data=data)
            await record(session, run.organization_id, event)
    run.counts = {state: run.counts.get(state, 0) + count for state, count in counts.items()}


async def _finish(
    session: AsyncSession,
    run: _Tagging,
    row: RowMapping,
    state: TagState,
    message: str | None,
    problem: ProviderError | None,
) -> bool | None:
    # A write that was refused has left things as they were; one without an answer may have been made all the same.
    unsure = problem is not None and (row["due_on"] is None or problem.retry or row["may_exist"])
    return await deletion_tags.finish_tag(
        session,
        run.organization_id,
        row["recommendation_id"],
        run.job.id,
        due_on=row["due_on"],
        state=state.value,
        message=message,
        may_exist=state is TagState.WRITTEN or unsure,
        moment=now(),
    )


def _outcome(provider: Provider, row: RowMapping, problem: ProviderError | None) -> tuple[TagState, str | None]:
    """The state of one recommendation's tag, and what is to be said of it."""
    if problem is not None:
        change = TagChange(row["native_id"], row["resource_type"], row["region"], row["day"])
        return TagState.FAILED, in_words(provider, problem, change)
    if row["is_gone"]:
        return TagState.REMOVED, "The resource is gone."
    if row["due_on"] is None and row["day"] is not None:
        return TagState.REMOVED, f"The resource keeps it for another recommendation, with the day {row['day']}."
    if row["due_on"] is None:
        return TagState.REMOVED, None
    if row["day"] != row["due_on"]:
        return TagState.WRITTEN, f"It tells {row['day']}, the latest day for which the resource is marked."
    return TagState.WRITTEN, None


def _not_allowed() -> ProviderError:
    return ProviderError(
        ProblemCode.NOT_ENABLED,
        "The account does not let Skyledger tag any more",
        "Set `allowsTagging` with `updateAccount`",
    )
