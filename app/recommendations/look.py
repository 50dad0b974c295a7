"""Looks at an account's stored resources with all checks, and writes what it finds into the ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.detection.catalogue import checks_of
from app.detection.check import Check, signature, window_days
from app.detection.evaluate import Convert, evaluate
from app.detection.facts import Facts, Prices
from app.detection.finding import Evidence, Excluded, Finding, Unknown
from app.detection.rule import Rule, Rules
from app.detection.usage import NotedUsages, Usage
from app.models import now
from app.recommendations.gather import Gathered, Gathering
from app.recommendations.readings import complete_in, read_types
from app.recommendations.store import Changes, count_once, resolve_gone, store
from app.recommendations.tunings import rules_of
from app.recommendations.usage_fold import usage_or_why
from app.recommendations.usage_plan import metrics_of
from app.records.recommendations import Found, Looked, Resolution
from app.records.usage import StoredUsage
from app.repositories import detection_facts, recommendations, usage
from app.repositories.cost_series import rates_into
from app.repositories.organizations import organizations_by_id

PAGE = 1_000
"""Resources whose facts are in memory at a time, and that one transaction writes."""
Regions = Mapping[str, frozenset[str]]


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
    changes: Changes = field(default_factory=Changes)
    looked_at: int = 0


async def look(looking: Looking) -> Changes:
    """Run all checks on what is stored of an account; then count each amount once and record what was found.

    A page at a time: memory does not grow with the account. Idempotent: the same facts change nothing.
    """
    async with looking.database.read(looking.organization_id) as session:
        types = await detection_facts.types_there(session, looking.organization_id, looking.account_id)
    for resource_type in types:
        checks = checks_of(resource_type)
        if checks:
            await _look_at_type(looking, resource_type, checks)
    await _finish(looking)
    return looking.changes


async def _look_at_type(looking: Looking, resource_type: str, checks: Sequence[Check]) -> None:
    organization_id = looking.organization_id
    measured = any(check.metrics for check in checks)
    async with looking.database.read(organization_id) as session:
        ids = await detection_facts.subject_ids(session, organization_id, looking.account_id, resource_type)
    for start in range(0, len(ids), PAGE):
        async with looking.database.read(organization_id) as session:
            gathering = Gathering(session, organization_id, looking.account_id)
            page = await gathering.page(ids[start : start + PAGE], checks, looking.moment.date())
            found = [one.subject.id for one in page]
            stored = await usage.usage_of(session, organization_id, found) if measured and found else {}
        outcomes = [
            outcome for one in page for outcome in outcomes_of(looking, one, checks, stored.get(one.subject.id, {}))
        ]
        async with looking.database.write(organization_id) as session:
            await looking.hold(session)
            changes = await store(session, organization_id, looking.account_id, outcomes, looking.moment)
        looking.changes.merge(changes)
        looking.looked_at += len(page)


def facts_of(
    looking: Looking,
    one: Gathered,
    rule: Rule,
    usages: Mapping[str, Usage | None],
    unread: Mapping[str, str],
    kind: type[Facts] = Facts,
) -> Facts:
    """What a check is told of a resource."""
    return kind(
        subject=one.subject,
        now=looking.moment,
        parameters=rule.parameters,
        prices=looking.prices,
        cost=one.cost,
        usages=usages,
        unread=unread,
        neighbours=one.neighbours,
        targets=one.targets,
        complete_types=complete_in(looking.complete_types, one.subject.region),
        charges=one.charges,
    )


def usages_of(
    looking: Looking, one: Gathered, check: Check, rule: Rule, stored: Mapping[str, StoredUsage]
) -> tuple[dict[str, Usage | None], dict[str, str]]:
    """What is known of the metrics of a check, and why where it is nothing."""
    usages: dict[str, Usage | None] = {}
    unread: dict[str, str] = {}
    for metric in metrics_of(check, one.subject.resource_type):
        days = window_days(metric, rule.parameters)
        found = usage_or_why(stored.get(signature(rule.reads(metric))), days, looking.moment.date())
        if isinstance(found, Usage):
            usages[metric.key] = found
        else:
            unread[metric.key] = found
    return usages, unread


def outcomes_of(
    looking: Looking, one: Gathered, checks: Sequence[Check], stored: Mapping[str, StoredUsage]
) -> Iterator[Found | Looked]:
    """What becomes of a subject, check by check."""
    for check in checks:
        rule = looking.rules.of(check, one.subject)
        usages, unread = usages_of(looking, one, check, rule, stored)
        noted = NotedUsages(usages)
        facts = facts_of(looking, one, rule, noted, unread)
        outcome = evaluate(check, facts, rule, looking.convert)
        if isinstance(outcome, Finding):
            yield found_of(looking, check, one, _with_windows(outcome, noted), rule)
        elif isinstance(outcome, Unknown):
            yield Looked(check.id, one.key, None, outcome.why)
        else:
            resolution = Resolution.LEFT_OUT if isinstance(outcome, Excluded) else Resolution.CHANGED
            why = outcome.why if isinstance(outcome, Excluded) else None
            yield Looked(check.id, one.key, resolution, why)


def _with_windows(finding: Finding, noted: NotedUsages) -> Finding:
    """A finding that tells of which days its check has read metrics, and how many values the provider told of them."""
    windows = []
    for key in noted.asked:
        usage = noted.known.get(key)
        if usage is not None:
            last = usage.first_day + timedelta(days=usage.days - 1)
            windows.append(Evidence(f"{key}, days", f"{usage.first_day} to {last}", f"{usage.samples} samples"))
    return replace(finding, evidence=(*finding.evidence, *windows))


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
        remedy=check.remedy,
        saving=saving,
        converted=converted,
        evidence=tuple((each.label, each.value, each.unit) for each in finding.evidence),
        target=finding.target,
        part_of=finding.part_of,
        covers_parts=finding.covers_parts,
        rule_version=rule.version,
    )


async def _finish(looking: Looking) -> None:
    """Resolve what is gone, then count each amount once."""
    organization_id, account_id = looking.organization_id, looking.account_id
    while True:
        async with looking.database.write(organization_id) as session:
            await looking.hold(session)
            gone = await resolve_gone(session, organization_id, account_id, looking.moment)
        looking.changes.merge(gone)
        if not gone.ids:
            break
    async with looking.database.write(organization_id) as session:
        await looking.hold(session)
        await recommendations.lock_account(session, organization_id, account_id)
        await count_once(session, organization_id, account_id)


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
    async with database.read(organization_id) as session:
        organizations = await organizations_by_id(session, [organization_id])
        if not organizations:
            return None
        convert = await converter(session, organization_id, organizations[0]["currency"])
        complete = await read_types(session, organization_id, account_id)
        rules = await rules_of(session, organization_id)
    return Looking(database, organization_id, account_id, prices, hold, now(), convert, complete, rules)


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
