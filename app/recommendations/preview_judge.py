"""Judges resources under the rules before and after: by no more than it takes, and by all that a look is told."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from app.detection.check import Check
from app.detection.evaluate import evaluate
from app.detection.facts import Facts, NotReadError, Subject
from app.detection.finding import Outcome, Unknown
from app.detection.rule import Rule
from app.pricing.book import PriceBook
from app.recommendations.gather import Changes, Gathered, Gathering, subject_of
from app.recommendations.lazy_facts import CostlessFacts, RowFacts, RowSubject
from app.recommendations.lazy_usages import StoredUsages
from app.recommendations.look import Looking
from app.recommendations.preview_pair import Pair, Told
from app.recommendations.preview_sums import Judged, Judgement
from app.records import Provider
from app.records.conditions import Below
from app.records.recommendations import Found
from app.records.usage import StoredUsage
from app.repositories import detection_facts, rule_previews, usage

_NO_PRICES: Final = PriceBook({})
_UNMEASURED: Final[Mapping[str, StoredUsage]] = {}
_UNCHANGED: Final[Changes] = {}
Row = Mapping[str, Any]


@dataclass
class Page:
    """Some resources that are judged together; of one account where the check asks for all others of a type in it."""

    gathering: Gathering
    lookings: Mapping[UUID, Looking]
    pair: Pair
    sure: Collection[UUID] = ()
    """Those of which all surely holds that the check declares."""
    unknown: int = 0
    """Those that cannot be told under either rule, by their rows alone."""
    closely: int = 0
    """The others."""
    judged: list[Judged] = field(default_factory=list)
    """Of which something is found, or cannot be told; others are clear whichever rule it is."""

    async def judge(self, ids: Sequence[UUID]) -> None:
        """Judge resources."""
        session, organization_id = self.gathering.session, self.gathering.organization_id
        check, day = self.pair.check, self.pair.moment.date()
        rows = await detection_facts.subjects(session, organization_id, ids, check.properties)
        is_sifted = _is_sifted(check)
        if not is_sifted:
            rows = await asyncio.to_thread(self._left_by_rows, rows)
        if not rows:
            return
        there = [row["id"] for row in rows]
        changes = await detection_facts.last_changes(session, organization_id, there, check.watched)
        if not is_sifted:
            rows = await asyncio.to_thread(self._left_by_rows, rows, changes)
        self.closely += len(rows)
        found = {row["id"]: Gathered(subject_of(row, changes.get(row["id"], _UNCHANGED))) for row in rows}
        await self.gathering.surround(found, [check])
        stored = await self._stored(list(found.values()))
        judging = _Judging(self.lookings, self.pair, stored, self.sure)
        dear = list(found.values())
        if not is_sifted:
            dear = await asyncio.to_thread(judging.judge, dear, CostlessFacts)
        if dear:
            await self.gathering.add_costs([(one, [check]) for one in dear], day)
        await asyncio.to_thread(judging.judge, dear, Facts)
        await self._keep(judging)

    async def _stored(self, page: Sequence[Gathered]) -> Mapping[UUID, Mapping[str, StoredUsage]]:
        """The usage that the check may ask for."""
        if not self.pair.check.metrics:
            return {}
        wanted = {
            window[0]
            for one in page
            for rule in self.pair.of(one.subject) or ()
            for window in self.pair.windows_of(one.subject.resource_type, rule).values()
        }
        ids = [one.subject.id for one in page]
        return await usage.usage_of(self.gathering.session, self.gathering.organization_id, ids, wanted)

    async def _keep(self, judging: _Judging) -> None:
        keys = [str(subject.id) for subject, _, _ in judging.judged]
        if not keys:
            return
        session, organization_id = self.gathering.session, self.gathering.organization_id
        ledger = await rule_previews.ledger_of_check(session, organization_id, self.pair.check.id, keys)
        known = {row["subject_key"]: row for row in ledger}
        self.judged += [
            Judged(subject, known.get(key), before, after)
            for key, (subject, before, after) in zip(keys, judging.judged, strict=True)
        ]

    def _left_by_rows(self, rows: Sequence[Row], changes: Mapping[UUID, Changes] | None = None) -> list[Row]:
        """Judge resources by their rows, and by when they were seen to change where that is given; the others."""
        left: list[Row] = []
        for row in rows:
            subject = _subject_of(row) if changes is None else subject_of(row, changes.get(row["id"], _UNCHANGED))
            rules = self.pair.of(subject)
            if rules is None:
                continue
            before = self._by_row(subject, rules[0])
            after = None if before is None else self._by_row(subject, rules[1])
            if before is None or after is None or isinstance(before, Unknown) is not isinstance(after, Unknown):
                left.append(row)
            else:
                self.unknown += isinstance(after, Unknown)
        return left

    def _by_row(self, subject: Subject, rule: Rule) -> Outcome | None:
        """None where a check asks for more than the row, as each does that finds something: for a price."""
        facts = RowFacts(subject=subject, now=self.pair.moment, parameters=rule.parameters, prices=_NO_PRICES)
        try:
            return evaluate(self.pair.check, facts, rule, self.pair.convert)
        except NotReadError:
            return None


def _is_sifted(check: Check) -> bool:
    """Whether most of what the declared conditions leave is waste, for which the check asks what it costs.

    Of other checks most resources are clear by their rows, then by all but what they cost.
    """
    return any(isinstance(one, Below) for one in check.only_where) or (bool(check.only_where) and not check.metrics)


def _subject_of(row: Row) -> RowSubject:
    """Of a row as the driver has it."""
    return RowSubject(
        id=row["id"],
        account_id=row["account_id"],
        provider=Provider(row["provider"]),
        resource_type=row["resource_type"],
        native_id=row["native_id"],
        name=row["name"],
        region=row["region"],
        status=row["status"],
        first_seen_at=row["first_seen_at"],
        tags=row["tags"],
        properties=row["properties"],
        created_at=row["provider_created_at"],
        last_used_at=row["last_used_at"],
    )


@dataclass
class _Judging:
    """Judges what was gathered."""

    lookings: Mapping[UUID, Looking]
    pair: Pair
    stored: Mapping[UUID, Mapping[str, StoredUsage]]
    sure: Collection[UUID]
    judged: list[tuple[Subject, Judgement, Judgement]] = field(default_factory=list)

    def judge(self, page: Sequence[Gathered], kind: type[Facts]) -> list[Gathered]:
        """Judge resources by facts of a kind; returns those of which that does not tell enough."""
        left: list[Gathered] = []
        for one in page:
            try:
                self._judge(one, kind)
            except NotReadError:
                left.append(one)
        return left

    def _judge(self, one: Gathered, kind: type[Facts]) -> None:
        rules = self.pair.of(one.subject)
        if rules is None:
            return
        stored = StoredUsages(self.stored.get(one.subject.id, _UNMEASURED), self.pair.moment.date())
        told = Told(self.lookings[one.subject.account_id], one, stored, kind, one.subject.id in self.sure)
        before, after = self.pair.judge(told, rules)
        if isinstance(before, Found | Unknown) or isinstance(after, Found | Unknown):
            self.judged.append((one.subject, before, after))
