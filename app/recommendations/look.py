"""Looks at an account's stored resources with all checks, and writes what it finds into the ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.detection.catalogue import checks_of
from app.detection.check import Check
from app.detection.evaluate import Convert, evaluate
from app.detection.facts import Facts, NotReadError, Prices
from app.detection.finding import Clear, Evidence, Excluded, Finding, Outcome, Unknown
from app.detection.rule import Rule, Rules
from app.detection.usage import Usage
from app.loading import many_objects
from app.models import now
from app.recommendations.gather import Gathered, Gathering
from app.recommendations.ground import ground_of
from app.recommendations.lazy_facts import CostlessFacts
from app.recommendations.lazy_usages import LazyUsages, StoredUsages, Windows, windows_of
from app.recommendations.readings import ReadAt, complete_in, types_of
from app.recommendations.store import Changes, count_once, resolve_disconnected, resolve_gone, store
from app.recommendations.tunings import tunings_and_before
from app.records.recommendations import Found, Looked, Resolution
from app.records.usage import StoredUsage
from app.repositories import detection_facts, recommendations, usage
from app.repositories.accounts import find_account
from app.repositories.cost_series import rates_into
from app.repositories.looks import note_look
from app.repositories.organizations import organizations_by_id

PAGE = 1_000
"""Resources whose facts are in memory at a time, and that one transaction writes."""
Regions = Mapping[str, frozenset[str]]
Resolve = Callable[[AsyncSession, UUID, UUID, datetime], Awaitable[Changes]]
_NOTHING: Mapping[str, StoredUsage] = {}
_NO_WINDOWS: Windows = {}


@dataclass
class Looking:
    """One look at one account."""

    database: Database
    organization_id: UUID
    account_id: UUID
    prices: Prices
    hold: Callable[[AsyncSession], Awaitable[None]]
    """Called first in each transaction that writes; raises where somebody else has taken over."""
    moment: datetime
    convert: Convert
    complete_types: Regions
    """Resource types by region that the last scan read completely."""
    rules: Rules
    ground: str = ""
    """A digest of all this: see app.recommendations.ground."""
    only: Mapping[str, Sequence[UUID]] | None = None
    """The resources to look at, by type; None for all of the account."""
    changes: Changes = field(default_factory=Changes)
    looked_at: int = 0
    broken: set[str] = field(default_factory=set)
    """Ids of checks that broke on a subject, which is logged once for each."""
    read_at: ReadAt = field(default_factory=ReadAt)
    """When what is stored was read."""
    rules_before: Rules | None = None
    """Those in force before each was changed last; None where that is not asked for."""
    is_disconnected: bool = False
    """Whether what is stored of the account is not read any more."""


async def look(looking: Looking) -> Changes:
    """Run all checks on what is stored of an account; then count each amount once and record what was found.

    A page at a time: memory does not grow with the account. Idempotent: the same facts change nothing. Of an account
    that is disconnected nothing is looked at, and what stands of its resources is resolved.
    """
    if looking.is_disconnected:
        await _finish(looking, resolve_disconnected, ground="")  # whoever connects it again has all of it looked at
        return looking.changes
    for resource_type in await _types(looking):
        checks = checks_of(resource_type)
        if checks:
            with many_objects():
                await _look_at_type(looking, resource_type, checks)
    await _finish(looking, resolve_gone, looking.ground)
    return looking.changes


async def _types(looking: Looking) -> Sequence[str]:
    if looking.only is not None:
        return list(looking.only)
    async with looking.database.read(looking.organization_id) as session:
        return await detection_facts.types_there(session, looking.organization_id, looking.account_id)


async def _ids(looking: Looking, resource_type: str) -> Sequence[UUID]:
    if looking.only is not None:
        return looking.only[resource_type]
    async with looking.database.read(looking.organization_id) as session:
        return await detection_facts.subject_ids(session, looking.organization_id, looking.account_id, resource_type)


async def _look_at_type(looking: Looking, resource_type: str, checks: Sequence[Check]) -> None:
    organization_id = looking.organization_id
    measured = any(check.metrics for check in checks)
    ids = await _ids(looking, resource_type)
    for start in range(0, len(ids), PAGE):
        async with looking.database.read(organization_id) as session:
            gathering = Gathering(session, organization_id, looking.account_id)
            page = await gathering.page(ids[start : start + PAGE], checks, looking.moment.date(), costs=False)
            found = [one.subject.id for one in page]
            stored = await usage.usage_of(session, organization_id, found) if measured and found else {}
            sight = Sight(looking, stored)
            dear = [(one, left) for one in page if (left := sight.judge(one, checks, CostlessFacts))]
            await gathering.add_costs(dear, looking.moment.date())
        for one, left in dear:  # most of them find something
            sight.judge(one, left)
        async with looking.database.write(organization_id) as session:
            await looking.hold(session)
            changes = await store(session, organization_id, looking.account_id, sight.outcomes, looking.moment)
        looking.changes.merge(changes)
        looking.looked_at += len(page)


def facts_of(
    looking: Looking,
    one: Gathered,
    thresholds: Mapping[str, Decimal],
    usages: Mapping[str, Usage | None],
    unread: Mapping[str, str],
    kind: type[Facts] = Facts,
) -> Facts:
    """What a check is told of a subject."""
    return kind(
        subject=one.subject,
        now=looking.moment,
        parameters=thresholds,
        prices=looking.prices,
        cost=one.cost,
        neighbour_costs=one.neighbour_costs,
        convert=looking.convert,
        usages=usages,
        unread=unread,
        neighbours=one.neighbours,
        cut=one.cut,
        targets=one.targets,
        complete_types=complete_in(looking.complete_types, one.subject.region),
        charges=one.charges,
        advice=one.advice,
    )


@dataclass
class Sight:
    """What becomes of some subjects, as the ledger takes it. `stored` is the usage of those that are resources."""

    looking: Looking
    stored: Mapping[UUID, Mapping[str, StoredUsage]] = field(default_factory=dict)
    outcomes: list[Found | Looked] = field(default_factory=list)
    windows: dict[tuple[str, str, int], Windows] = field(default_factory=dict)

    def judge(self, one: Gathered, checks: Sequence[Check], kind: type[Facts] = Facts) -> list[Check]:
        """Run checks on a subject; returns those that ask for what facts of the kind leave out."""
        left: list[Check] = []
        own = StoredUsages(self.stored.get(one.subject.id, _NOTHING), self.looking.moment.date())
        key = one.key
        for check in checks:
            rule = self.looking.rules.of(check, one.subject)
            usages = LazyUsages(own, self._windows(check, one.subject.resource_type, rule))
            facts = facts_of(self.looking, one, rule.parameters, usages, usages.unread, kind)
            try:
                outcome = evaluate(check, facts, rule, self.looking.convert)
            except NotReadError:
                left.append(check)
            else:
                if isinstance(outcome, Clear) and self._was_found_before(check, one, rule, own):
                    outcome = Excluded("The rule asks for more than it did.")
                self.outcomes.append(_told(self.looking, check, one, key, outcome, rule, usages))
        return left

    def _was_found_before(self, check: Check, one: Gathered, rule: Rule, own: StoredUsages) -> bool:
        """Whether the rule as it was before would find the same subject: then it is the rule that has changed."""
        if self.looking.rules_before is None:
            return False
        before = self.looking.rules_before.of(check, one.subject)
        if (before.parameters, before.statistic) == (rule.parameters, rule.statistic):
            return False
        usages = LazyUsages(own, self._windows(check, one.subject.resource_type, before))
        facts = facts_of(self.looking, one, before.parameters, usages, usages.unread)
        return isinstance(evaluate(check, facts, before, self.looking.convert), Finding)

    def _windows(self, check: Check, resource_type: str, rule: Rule) -> Windows:
        if not check.metrics:
            return _NO_WINDOWS
        place = (check.id, resource_type, id(rule))  # rules live as long as the look
        if place not in self.windows:
            self.windows[place] = windows_of(check, resource_type, rule)
        return self.windows[place]


def _told(
    looking: Looking, check: Check, one: Gathered, key: str, outcome: Outcome, rule: Rule, usages: LazyUsages
) -> Found | Looked:
    """An outcome as the ledger takes it; `key` is that of the subject."""
    if isinstance(outcome, Finding):
        return found_of(looking, check, one, _with_windows(outcome, usages), rule)
    if isinstance(outcome, Unknown):
        tell_broken(check, outcome, looking.broken)
        return Looked(check.id, key, None, outcome.why)
    if isinstance(outcome, Excluded):
        return Looked(check.id, key, Resolution.LEFT_OUT, outcome.why)
    return Looked(check.id, key, Resolution.CHANGED)


def tell_broken(check: Check, outcome: Unknown, told: set[str]) -> None:
    """Log that a check broke, if it did: the first time only, as it may do so on each of a hundred thousand."""
    if outcome.fault is not None and check.id not in told:
        told.add(check.id)
        structlog.get_logger(__name__).error("check_broke", check_id=check.id, fault=outcome.fault)


def _with_windows(finding: Finding, noted: LazyUsages) -> Finding:
    """A finding that tells of which days its check has read metrics, and how many values the provider told of them."""
    windows = []
    for key in list(noted.asked):
        usage = noted.get(key)
        if usage is not None:
            last = usage.first_day + timedelta(days=usage.days - 1)
            windows.append(Evidence(f"{key}, days", f"{usage.first_day} to {last}", f"{usage.samples} samples"))
    return replace(finding, evidence=(*finding.evidence, *windows)) if windows else finding


def found_of(looking: Looking, check: Check, one: Gathered, finding: Finding, rule: Rule) -> Found:
    """A finding as it is stored."""
    saving = finding.saving
    known = saving.amount is not None and saving.currency is not None
    converted = looking.convert(saving.amount, saving.currency) if known else None  # type: ignore[arg-type]
    return Found(
        check_id=check.id,
        subject_key=one.key,
        account_id=one.subject.account_id,
        resource_id=one.resource_id,
        node=one.subject.native_id,
        severity=rule.severity,
        confidence=finding.confidence or check.confidence,
        remedy=finding.remedy or check.remedy,
        saving=saving,
        converted=converted,
        evidence=tuple((each.label, each.value, each.unit) for each in finding.evidence),
        target=finding.target,
        part_of=finding.part_of,
        covers_parts=finding.covers_parts,
        rule_version=rule.version,
        read_at=looking.read_at.of(one.subject.region, one.subject.resource_type),
    )


async def _finish(looking: Looking, resolve: Resolve, ground: str) -> None:
    """Resolve what is gone, count each amount once, and note until when all that has changed was looked at."""
    organization_id, account_id = looking.organization_id, looking.account_id
    while True:
        async with looking.database.write(organization_id) as session:
            await looking.hold(session)
            gone = await resolve(session, organization_id, account_id, looking.moment)
        looking.changes.merge(gone)
        if not gone.ids:
            break
    async with looking.database.write(organization_id) as session:
        await looking.hold(session)
        await recommendations.lock_account(session, organization_id, account_id)
        await count_once(session, organization_id, account_id)
        await note_look(session, organization_id, account_id, looking.moment, ground)


async def start_look(
    database: Database,
    organization_id: UUID,
    account_id: UUID,
    prices: Prices,
    hold: Callable[[AsyncSession], Awaitable[None]],
) -> Looking | None:
    """All that a look needs to know before its first page: currency, rates, rules, and what was read completely.

    None where the organization has been deleted.
    """
    moment = now()
    async with database.read(organization_id, one_state=True) as session:
        organizations = await organizations_by_id(session, [organization_id])
        if not organizations:
            return None
        currency = organizations[0]["currency"]
        convert = await converter(session, organization_id, currency)
        steps = await detection_facts.last_steps(session, organization_id, account_id)
        complete = types_of(steps)
        tunings, before = await tunings_and_before(session, organization_id)
        ground = await ground_of(session, organization_id, currency, moment.date(), tunings, complete)
        account = await find_account(session, organization_id, account_id)
    rules = Rules(tunings)
    looking = Looking(database, organization_id, account_id, prices, hold, moment, convert, complete, rules, ground)
    looking.read_at = ReadAt(steps)
    looking.rules_before = Rules(tunings | before)
    looking.is_disconnected = account is not None and account["disconnected_at"] is not None
    return looking


async def converter(session: AsyncSession, organization_id: UUID, currency: str) -> Convert:
    """Converts into a currency by the newest of the organization's rates."""
    rates = await rates_into(session, organization_id, [currency])
    today = now().date()
    newest: dict[str, Decimal] = {}
    for from_currency, _, valid_from, rate in rates:
        if valid_from <= today:
            newest.setdefault(from_currency, rate)

    def convert(amount: Decimal, of: str) -> Decimal | None:
        if of == currency:
            return amount
        return amount * newest[of] if of in newest else None

    return convert
