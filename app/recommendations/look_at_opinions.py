"""Looks at what an account's advisers say: a second opinion where a check has found the same, else one of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.detection.catalogue import checks_of_advice
from app.detection.check import Check
from app.detection.facts import Advice, Subject
from app.providers.opinions import FoundOpinion, OpinionSource
from app.recommendations.gather import NO_RESOURCE, Gathered, subject_of
from app.recommendations.look import PAGE, Looking, Sight
from app.recommendations.opinions import leading, opinion_of, speaks_of_the_same, subject_key
from app.recommendations.store import BATCH, count_once, store
from app.records import Provider
from app.records.detection import Remedy
from app.records.recommendations import Found, Looked, Resolution
from app.repositories import detection_facts, opinions, recommendations
from app.repositories.accounts import find_account

_CHECKS = checks_of_advice()
_ADVISING = frozenset(check.id for check in _CHECKS.values())
_MERGED = "Another recommendation of the resource says the same: this is its second opinion."
_UNTOLD = "The provider does not say so any more."
Row = Mapping[Any, Any]


@dataclass
class Advised:
    """One subject that advisers speak of: a resource, or what no single resource is."""

    key: str
    subject: Subject
    is_gone: bool
    said: dict[OpinionSource, list[FoundOpinion]] = field(default_factory=lambda: defaultdict(list))
    own: list[Remedy] = field(default_factory=list)
    """The remedies of what checks of ours have found."""
    standing: set[str] = field(default_factory=set)
    """The checks of advice whose findings stand."""
    done: set[str] = field(default_factory=set)
    """The checks of advice whose findings were said to be done, which nothing has proved yet."""

    def not_found(self, source: OpinionSource) -> list[FoundOpinion]:
        """What an adviser says that no check of ours has found."""
        return [one for one in self.said[source] if not any(speaks_of_the_same(one.remedy, own) for own in self.own)]

    def take(self, row: Row) -> None:
        """Note a row of the ledger."""
        if row["check_id"] not in _ADVISING:
            self.own += [] if row["resolved_at"] else [Remedy(row["remedy"])]
        elif row["resolved_at"]:
            self.done.add(row["check_id"])
        else:
            self.standing.add(row["check_id"])


async def look_at_opinions(looking: Looking) -> None:
    """Judge what advisers say of an account, after all checks have looked at its resources, and record it.

    What an adviser says of a resource of which a check has found the same is no finding beside it. Of a source whose
    last reading failed nothing changes. Idempotent, a page of subjects at a time.
    """
    organization_id, account_id = looking.organization_id, looking.account_id
    async with looking.database.read(organization_id) as session:
        readings = await opinions.readings_of(session, organization_id, [account_id])
        subjects = await opinions.subjects_of_advice(session, organization_id, account_id, list(_CHECKS))
    if not readings or looking.is_disconnected:
        return
    unread = unread_of(readings)
    read_at = {OpinionSource(row["source"]): row["completed_at"] for row in readings}
    for start in range(0, len(subjects), PAGE):
        async with looking.database.read(organization_id) as session:
            page = await read_advised(session, organization_id, account_id, subjects[start : start + PAGE])
        judging = Judging(Sight(looking), unread, read_at)
        for one in page:
            judging.judge(one)
        await _write(looking, judging.sight.outcomes)
    changed, after = bool(subjects), NO_RESOURCE
    while rows := await _untold(looking, after):
        gone = [Looked(row["check_id"], row["subject_key"], Resolution.CHANGED, _UNTOLD) for row in rows]
        await _write(looking, gone)
        changed, after = True, rows[-1]["id"]
    if not changed:
        return
    async with looking.database.write(organization_id) as session:
        await looking.hold(session)
        await recommendations.lock_account(session, organization_id, account_id)
        await count_once(session, organization_id, account_id)


async def read_advised(
    session: AsyncSession, organization_id: UUID, account_id: UUID, subjects: Sequence[str]
) -> list[Advised]:
    """What is said of some subjects, what they are, and what stands of them in the ledger; a few statements."""
    account = await find_account(session, organization_id, account_id)
    if account is None:
        return []
    told = await opinions.opinions_of(session, organization_id, account_id, subjects, list(_CHECKS))
    ids = sorted({row["resource_id"] for row in told if row["resource_id"] is not None})
    there = {row["id"]: row for row in await detection_facts.subjects(session, organization_id, ids, ())}
    found: dict[str, Advised] = {}
    for row in told:
        if row["subject"] not in found:
            resource = there.get(row["resource_id"])
            subject = _unlisted(account, row) if resource is None else subject_of(resource, {})
            found[row["subject"]] = Advised(subject_key(account_id, row["subject"]), subject, row["is_gone"])
        found[row["subject"]].said[OpinionSource(row["source"])].append(opinion_of(row))
    for row in await opinions.standing_of(session, organization_id, account_id, list(found)):
        found[row["node"]].take(row)
    return list(found.values())


def _unlisted(account: Row, row: Row) -> Subject:
    """What the inventory does not have, or what is no resource, as far as the adviser tells it."""
    return Subject(
        id=NO_RESOURCE,
        account_id=account["id"],
        provider=Provider(account["provider"]),
        resource_type=row["resource_type"] or "",
        native_id=row["subject"],
        name=row["title"],
        region=row["region"],
        status=None,
        first_seen_at=row["first_seen_at"],
    )


def gathered(one: Advised, check: Check, unread: Mapping[OpinionSource, str]) -> Gathered | None:
    """What a check of advice is told of a subject; None where checks of ours have found all that its adviser says."""
    new = [] if check.advice is None else one.not_found(check.advice)
    if not new:
        return None
    opinion = leading(new)
    return Gathered(one.subject, None, charged_key=one.key, advice=Advice(opinion, unread.get(opinion.source)))


def unread_of(readings: Sequence[Row]) -> dict[OpinionSource, str]:
    """Why it is not known what advisers say, of those whose last reading failed."""
    failed = {OpinionSource(row["source"]): row["problem"] for row in readings if row["problem"] is not None}
    return {source: f"What it recommends could not be read: {problem['message']}" for source, problem in failed.items()}


@dataclass
class Judging:
    """Makes findings of what advisers say, one for each resource."""

    sight: Sight
    unread: Mapping[OpinionSource, str]
    read_at: Mapping[OpinionSource, datetime | None]
    """When all that an adviser says was last read."""

    def judge(self, one: Advised) -> None:
        """Take over what the first adviser says of which nothing is found yet; the others agree or differ."""
        taken_over = False
        for source, check in _CHECKS.items():
            if source not in one.said:
                continue
            told = gathered(one, check, self.unread)
            if one.is_gone:
                self.sight.outcomes.append(Looked(check.id, one.key, Resolution.DELETED))
            elif taken_over or told is None:
                # What was said to be done is not proved by somebody else's finding that it is not.
                merged = None if check.id in one.done else Resolution.MERGED
                self.sight.outcomes.append(Looked(check.id, one.key, merged, _MERGED))
            else:
                self._take_over(told, check)
                taken_over = self._stands(one, check)

    def _take_over(self, told: Gathered, check: Check) -> None:
        """Judge what an adviser says; how old that is decides against what was said to be done in the meantime."""
        self.sight.judge(told, [check])
        outcome = self.sight.outcomes[-1]
        if isinstance(outcome, Found) and told.advice is not None:
            opinion = told.advice.opinion
            read_at = opinion.refreshed_at or self.read_at.get(opinion.source)
            self.sight.outcomes[-1] = replace(outcome, read_at=read_at)

    def _stands(self, one: Advised, check: Check) -> bool:
        """Whether the check's finding stands after this look."""
        outcome = self.sight.outcomes[-1]
        if isinstance(outcome, Found):
            return True
        return outcome.resolution is None and check.id in one.standing


async def _untold(looking: Looking, after: UUID) -> Sequence[Row]:
    """What stands though its adviser says it no more, a batch of it: only complete readings forget, so it is sure."""
    check_of = {source.value: check.id for source, check in _CHECKS.items()}
    async with looking.database.read(looking.organization_id) as session:
        return await opinions.untold(session, looking.organization_id, looking.account_id, check_of, after, BATCH)


async def _write(looking: Looking, outcomes: Sequence[Found | Looked]) -> None:
    async with looking.database.write(looking.organization_id) as session:
        await looking.hold(session)
        changes = await store(session, looking.organization_id, looking.account_id, outcomes, looking.moment)
    looking.changes.merge(changes)
