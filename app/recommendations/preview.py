"""What another rule of a check would find and no longer find: from what is stored, and never stored itself.

Each resource for which the rule would be another one is judged under both, first by its row alone, then, where a check
asks for more, by all that a look is told of it. So the answer is what the look behind such a change would do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NoReturn
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.detection.check import Check
from app.detection.evaluate import evaluate
from app.detection.facts import Facts, NotReadError, Subject
from app.detection.finding import Outcome, Unknown
from app.detection.rule import Rule, Rules, Tuning
from app.errors import BadUserInputError, argument
from app.loading import many_objects
from app.models import now
from app.pricing.book import PriceBook
from app.pricing.load import book_of_regions
from app.recommendations.gather import Changes, Gathered, Gathering, subject_of
from app.recommendations.lazy_facts import CostlessFacts, RowFacts, RowSubject
from app.recommendations.lazy_usages import StoredUsages
from app.recommendations.look import Looking, converter
from app.recommendations.preview_charges import judge_charges
from app.recommendations.preview_pair import Pair
from app.recommendations.preview_sums import Judged, Judgement, Totals, totals
from app.recommendations.readings import read_types
from app.recommendations.rules import Change, concerns, known_check
from app.recommendations.tuning_checks import check_tuning
from app.recommendations.tunings import tunings_of
from app.records import Provider
from app.records.recommendations import Found
from app.records.usage import StoredUsage
from app.repositories import detection_facts, rule_previews, usage
from app.repositories.organizations import organizations_by_id

MOST_RESOURCES = 100_000
"""Of the check's types, whose rows are read."""
MOST_CLOSELY = 15_000
"""Of which more than their rows has to be read."""
PAGE = 2_000
Place = tuple[UUID, UUID, str | None]
"""Ids of a resource and its account, and its region."""
_ANY_ACCOUNT: Final = UUID(int=0)
_NO_PRICES: Final = PriceBook({})
_NOTHING: Final[Mapping[str, StoredUsage]] = {}
_UNCHANGED: Final[Changes] = {}


@dataclass(frozen=True)
class PreviewAsked:
    """A change to try on all accounts of the check's provider, or some of them."""

    check_id: str
    change: Change
    account_ids: Sequence[UUID] | None = None


@dataclass(frozen=True)
class Preview:
    """What a change would gain and lose. `unknown`: for how many of the resources concerned it could not be told."""

    check: Check
    currency: str
    resources: int
    """How many of the check's types were looked at."""
    unknown: int
    totals: Totals


@dataclass
class _Sifted:
    """What the rows alone have told."""

    resources: int = 0
    unknown: int = 0
    closely: list[Place] = field(default_factory=list)
    """Those of which more has to be read."""


async def preview_rule(database: Database, organization_id: UUID, asked: PreviewAsked) -> Preview:
    """What would be found and no longer found. Raises BadUserInputError.

    One transaction that sees one state and writes nothing, and no call to any cloud.
    """
    check = known_check(asked.check_id)
    async with database.read(organization_id, one_state=True) as session:
        before = (await tunings_of(session, organization_id, [check.id])).get(check.id, Tuning())
        after = asked.change(before)
        with argument("input", "changes"):
            await check_tuning(session, organization_id, check, after)
        (organization,) = await organizations_by_id(session, [organization_id])
        currency: str = organization["currency"]
        convert = await converter(session, organization_id, currency)
        pair = Pair(check, Rules({check.id: before}), Rules({check.id: after}), now(), convert)
        accounts = await _accounts(session, organization_id, asked, before, after)
        with many_objects():
            if check.charges is None:
                sifted = await _sift(session, organization_id, pair, accounts)
                judged = await _judge(session, database, organization_id, pair, sifted.closely)
            else:
                looking = _looking(database, organization_id, pair, _NO_PRICES)
                count, judged = await judge_charges(session, looking, pair, accounts)
                sifted = _Sifted(count)
        found = await totals(session, organization_id, judged)
    unknown = sifted.unknown + sum(one.is_unknown for one in judged)
    return Preview(check, currency, sifted.resources, unknown, found)


async def _accounts(
    session: AsyncSession, organization_id: UUID, asked: PreviewAsked, before: Tuning, after: Tuning
) -> list[UUID]:
    """The accounts that are asked for and for which the rule would be another."""
    provider = known_check(asked.check_id).provider
    known = await rule_previews.accounts_of_provider(session, organization_id, provider)
    for place, account_id in enumerate(asked.account_ids or ()):
        if account_id not in known:
            whose = "" if provider is None else f" of {provider}"
            message = f"There is no such account{whose} within your reach."
            raise BadUserInputError(message, path=("input", "accountIds", str(place)))
    wanted = known if asked.account_ids is None else sorted(set(asked.account_ids))
    return [account_id for account_id in wanted if concerns(before, after, account_id)]


async def _sift(session: AsyncSession, organization_id: UUID, pair: Pair, accounts: Sequence[UUID]) -> _Sifted:
    """Judge all resources by their rows, a chunk at a time and beside the event loop."""
    sifted = _Sifted()
    if not accounts:
        return sifted
    types = pair.check.resource_types
    count = await rule_previews.count_of_types(session, organization_id, types, accounts, MOST_RESOURCES)
    if count > MOST_RESOURCES:
        _refuse(f"more than {MOST_RESOURCES:,} resources of its types")
    rows_of = rule_previews.rows_of_types(session, organization_id, types, accounts, pair.check.properties)
    async for rows in rows_of:
        left = await asyncio.to_thread(_sift_rows, pair, rows, sifted)
        if left:  # most of them ask since when they are what they are, and are clear by that
            ids = [row["id"] for row in left]
            changes = await detection_facts.last_changes(session, organization_id, ids, pair.check.watched)
            left = await asyncio.to_thread(_sift_rows, pair, left, sifted, changes)
        sifted.closely += [(row["id"], row["account_id"], row["region"]) for row in left]
        if len(sifted.closely) > MOST_CLOSELY:
            _refuse(f"more than {MOST_CLOSELY:,} resources of which metrics, prices or neighbours matter")
    return sifted


def _refuse(what: str) -> NoReturn:
    message = f"The change concerns {what}, which is too much to try it at once. Try it on some accounts: `accountIds`."
    raise BadUserInputError(message, path=("input", "accountIds"))


def _sift_rows(
    pair: Pair, rows: Sequence[Any], sifted: _Sifted, changes: Mapping[UUID, Changes] | None = None
) -> list[Any]:
    """Judge resources by their rows, and by when they were seen to change where that is given; returns the others."""
    left: list[Any] = []
    for row in rows:
        subject = _subject_of(row) if changes is None else subject_of(row, changes.get(row["id"], _UNCHANGED))
        sifted.resources += changes is None
        rules = pair.of(subject)
        if rules is None:
            continue
        before = _outcome_by_row(pair, subject, rules[0])
        after = None if before is None else _outcome_by_row(pair, subject, rules[1])
        if before is None or after is None or isinstance(before, Unknown) is not isinstance(after, Unknown):
            left.append(row)
        else:
            sifted.unknown += isinstance(after, Unknown)
    return left


def _subject_of(row: Any) -> RowSubject:
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


def _outcome_by_row(pair: Pair, subject: Subject, rule: Rule) -> Outcome | None:
    """None where a check asks for more than the row, as each does that finds something: for a price."""
    facts = RowFacts(subject=subject, now=pair.moment, parameters=rule.parameters, prices=_NO_PRICES)
    try:
        return evaluate(pair.check, facts, rule, pair.convert)
    except NotReadError:
        return None


async def _judge(
    session: AsyncSession, database: Database, organization_id: UUID, pair: Pair, closely: Sequence[Place]
) -> list[Judged]:
    """Judge those of which more has to be read by all that a look is told of them."""
    if not closely:
        return []
    regions = {region for _, _, region in closely if region}
    providers = [] if pair.check.provider is None else [pair.check.provider]
    book = await book_of_regions(session, organization_id, providers, regions, pair.moment.date())
    lookings = {
        account_id: replace(
            _looking(database, organization_id, pair, book),
            account_id=account_id,
            complete_types=await read_types(session, organization_id, account_id),
        )
        for account_id in {account_id for _, account_id, _ in closely}
    }
    found: list[Judged] = []
    for account_id, ids in _pages(pair.check, closely):
        gathering = Gathering(session, organization_id, account_id)
        found += await _judge_page(gathering, lookings, pair, ids)
    return found


def _looking(database: Database, organization_id: UUID, pair: Pair, prices: PriceBook) -> Looking:
    """A look that writes nothing."""
    return Looking(
        database, organization_id, _ANY_ACCOUNT, prices, _hold_nothing, pair.moment, pair.convert, {}, pair.after
    )


def _pages(check: Check, closely: Sequence[Place]) -> list[tuple[UUID, list[UUID]]]:
    """Ids that are gathered together: of one account where the check asks for all others of a type in it."""
    apart = any(asked.peers for asked in check.neighbours)
    by_account: dict[UUID, list[UUID]] = {}
    for id_, account_id, _ in closely:
        by_account.setdefault(account_id if apart else _ANY_ACCOUNT, []).append(id_)
    return [
        (account_id, ids[start : start + PAGE])
        for account_id, ids in by_account.items()
        for start in range(0, len(ids), PAGE)
    ]


async def _judge_page(
    gathering: Gathering, lookings: Mapping[UUID, Looking], pair: Pair, ids: Sequence[UUID]
) -> list[Judged]:
    session, organization_id, day = gathering.session, gathering.organization_id, pair.moment.date()
    gathered = await gathering.page(ids, [pair.check], day, costs=False)
    wanted = {
        place[0]
        for one in gathered
        for rule in pair.of(one.subject) or ()
        for place in pair.windows_of(one.subject.resource_type, rule).values()
    }
    stored = await usage.usage_of(session, organization_id, ids, wanted) if wanted else {}
    page = _Page(lookings, pair, stored)
    dear = await asyncio.to_thread(page.judge, gathered, CostlessFacts)
    if dear:
        await gathering.add_costs([(one, [pair.check]) for one in dear], day)
        await asyncio.to_thread(page.judge, dear, Facts)
    keys = [str(subject.id) for subject, _, _ in page.judged]
    ledger = await rule_previews.ledger_of_check(session, organization_id, pair.check.id, keys) if keys else ()
    known = {row["subject_key"]: row for row in ledger}
    return [Judged(subject, known.get(str(subject.id)), before, after) for subject, before, after in page.judged]


@dataclass
class _Page:
    """Some resources that are judged together."""

    lookings: Mapping[UUID, Looking]
    pair: Pair
    stored: Mapping[UUID, Mapping[str, StoredUsage]]
    judged: list[tuple[Subject, Judgement, Judgement]] = field(default_factory=list)
    """Of which resources something is found, or cannot be told; most are clear whichever rule it is."""

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
        stored = StoredUsages(self.stored.get(one.subject.id, _NOTHING), self.pair.moment.date())
        looking = self.lookings[one.subject.account_id]
        before, after = (self.pair.judge(looking, one, rule, stored, kind) for rule in rules)
        if isinstance(before, Found | Unknown) or isinstance(after, Found | Unknown):
            self.judged.append((one.subject, before, after))


async def _hold_nothing(_: AsyncSession) -> None:
    """Nothing is written."""
