"""What another rule of a check would find and no longer find: from what is stored, and never stored itself.

PostgreSQL sifts out the resources of which the check's declared conditions tell that neither rule finds anything; the
others are judged under both by all that a look is told of them. So the answer is what the look behind such a change
would do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NoReturn
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.detection.check import Check
from app.detection.rule import Tuning
from app.errors import BadUserInputError, argument
from app.loading import many_objects
from app.models import now
from app.pricing.book import PriceBook
from app.pricing.load import book_of_regions
from app.recommendations.gather import Gathering
from app.recommendations.look import Looking, converter
from app.recommendations.preview_charges import judge_charges
from app.recommendations.preview_judge import Page
from app.recommendations.preview_opinions import judge_opinions
from app.recommendations.preview_pair import Pair
from app.recommendations.preview_sift import Sifted, sift
from app.recommendations.preview_sums import Judged, Totals, totals
from app.recommendations.readings import read_types
from app.recommendations.rules import Change, concerns, known_check
from app.recommendations.tuning_checks import check_tuning
from app.recommendations.tunings import tunings_of
from app.repositories import rule_previews
from app.repositories.organizations import organizations_by_id

MOST_RESOURCES = 100_000
"""Of the check's types, which are sifted."""
MOST_CLOSELY = 30_000
"""Of which neither declared conditions nor rows tell that there is nothing: more take longer than a request may."""
PAGE = 2_000
_ANY_ACCOUNT: Final = UUID(int=0)
_NO_PRICES: Final = PriceBook({})


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
        pair = Pair(check, before, after, now(), convert)
        accounts = await _accounts(session, organization_id, asked, before, after)
        looking = _looking(database, organization_id, pair)
        with many_objects():
            unknown = 0
            if check.advice is not None:
                count, judged = await judge_opinions(session, looking, pair, accounts)
            elif check.charges is None:
                sifted = await _sift(session, organization_id, pair, accounts)
                unknown, judged = await _judge(session, looking, pair, sifted)
                count, unknown = sifted.resources, unknown + sifted.unknown
            else:
                count, judged = await judge_charges(session, looking, pair, accounts)
            found = await totals(session, organization_id, judged)
    unknown += sum(one.is_unknown for one in judged)
    return Preview(check, currency, count, unknown, found)


async def _sift(session: AsyncSession, organization_id: UUID, pair: Pair, accounts: Sequence[UUID]) -> Sifted:
    """What the conditions that the check declares tell of all resources of its types."""
    sifted = await sift(session, organization_id, pair, accounts, MOST_RESOURCES)
    if sifted is None:
        _refuse(f"more than {MOST_RESOURCES:,} resources of its types")
    return sifted


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


def _refuse(what: str) -> NoReturn:
    message = f"The change concerns {what}, which is too much to try it at once. Try it on some accounts: `accountIds`."
    raise BadUserInputError(message, path=("input", "accountIds"))


async def _judge(session: AsyncSession, looking: Looking, pair: Pair, sifted: Sifted) -> tuple[int, list[Judged]]:
    """Judge those that have to be looked at, a page at a time: how many are unknown either way, and the others."""
    if not sifted.count:
        return 0, []
    providers = [] if pair.check.provider is None else [pair.check.provider]
    prices = await book_of_regions(session, looking.organization_id, providers, sifted.regions, looking.moment.date())
    lookings = {
        account_id: replace(
            looking,
            prices=prices,
            account_id=account_id,
            complete_types=await read_types(session, looking.organization_id, account_id),
        )
        for account_id in sifted.closely
    }
    unknown, closely, judged = 0, 0, []
    for account_id, ids in _pages(pair.check, sifted.closely):
        page = Page(Gathering(session, looking.organization_id, account_id), lookings, pair, sifted.sure)
        await page.judge(ids)
        unknown, closely = unknown + page.unknown, closely + page.closely
        if closely > MOST_CLOSELY:
            _refuse(f"more than {MOST_CLOSELY:,} resources that have to be looked at closely")
        judged += page.judged
    return unknown, judged


def _looking(database: Database, organization_id: UUID, pair: Pair) -> Looking:
    """A look that writes nothing."""
    return Looking(
        database, organization_id, _ANY_ACCOUNT, _NO_PRICES, _hold_nothing, pair.moment, pair.convert, {}, pair.after
    )


def _pages(check: Check, closely: Mapping[UUID, Sequence[UUID]]) -> list[tuple[UUID, Sequence[UUID]]]:
    """Ids that are gathered together: of one account where the check asks for all others of a type in it."""
    if any(asked.peers for asked in check.neighbours):
        together = closely
    else:
        together = {_ANY_ACCOUNT: [id_ for ids in closely.values() for id_ in ids]}
    return [
        (account_id, ids[start : start + PAGE])
        for account_id, ids in together.items()
        for start in range(0, len(ids), PAGE)
    ]


async def _hold_nothing(_: AsyncSession) -> None:
    """Nothing is written."""
