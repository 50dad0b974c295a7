"""Looks at an organization's charges with the checks whose subject is no resource, and writes what it finds."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.detection.catalogue import checks_of_charges
from app.detection.check import Check
from app.models import now
from app.pricing.book import PriceBook
from app.recommendations.charged import NO_ACCOUNT, AccountKey, Charged, Reading, read_charged
from app.recommendations.look import PAGE, Looking, Regions, Sight, converter
from app.recommendations.readings import read_types
from app.recommendations.store import Changes, count_once, store
from app.recommendations.tunings import rules_of
from app.records import Provider
from app.records.detection import ChargeSubject
from app.records.recommendations import Found, Looked, RecommendationState, Resolution
from app.repositories import charged, recommendations
from app.repositories.accounts import account_ids, add_missing_accounts, ids_of_accounts
from app.repositories.organizations import organizations_by_id

Hold = Callable[[AsyncSession], Awaitable[None]]
_GONE = "No charge names it any more."


@dataclass
class Ground:
    """What was read of charges before the first check is run."""

    reading: Reading
    checks: Mapping[ChargeSubject, Sequence[Check]]
    accounts: Mapping[AccountKey, UUID]
    ledger: Mapping[tuple[str, str], RowMapping]
    """What stands of the checks, by check and subject."""
    complete: Mapping[AccountKey, Regions]
    """Which types the scans of accounts read completely, where any check asks."""

    def subjects(self) -> Iterator[tuple[AccountKey, Charged]]:
        """All subjects, with whose each is; those of nobody are left out."""
        for subject in self.checks:
            for one in self.reading.subjects.get(subject, ()):
                if one.account is not None:
                    yield (one.provider, one.account), one

    def looking_at(self, looking: Looking, account: AccountKey) -> Looking:
        """A look at one account."""
        return replace(looking, complete_types=self.complete.get(account, {}), changes=Changes())


async def look_at_charges(database: Database, organization_id: UUID, hold: Hold) -> Changes:
    """Run all checks of charges of an organization, and record what was found of each account.

    An account that only charges name is added where something is found of it. Idempotent: the same charges change
    nothing, and charges of days that are not known change nothing. One kind of subject after the other, each as the
    database has it at one time: no more than one kind's sums are in memory.
    """
    moment = now()
    async with database.read(organization_id) as session:
        organizations = await organizations_by_id(session, [organization_id])
        if not organizations:
            return Changes()
        convert = await converter(session, organization_id, organizations[0]["currency"])
        rules = await rules_of(session, organization_id)
    looking = Looking(database, organization_id, NO_ACCOUNT, PriceBook({}), hold, moment, convert, {}, rules)
    told: set[UUID] = set()
    for subject, checks in checks_of_charges().items():
        told |= await _look_at_subjects(looking, subject, checks)
    for account_id in told:
        await _count(looking, account_id)
    return looking.changes


async def _look_at_subjects(looking: Looking, subject: ChargeSubject, checks: Sequence[Check]) -> set[UUID]:
    """Run the checks of one kind of subject, and record what was found; of which accounts anything was told."""
    ground = await _ground_of(looking, subject, checks)
    if ground is None:
        return set()
    found = await asyncio.to_thread(_judge, looking, ground)
    _resolve_vanished(ground, found)
    told = [await _store(looking, ground, account, outcomes) for account, outcomes in found.items()]
    return {account_id for account_id in told if account_id is not None}


async def _ground_of(looking: Looking, subject: ChargeSubject, checks: Sequence[Check]) -> Ground | None:
    """What checks of one kind of subject are told; None where nothing was imported lately."""
    organization_id = looking.organization_id
    async with looking.database.read(organization_id, one_state=True) as session:
        reading = await read_charged(session, organization_id, [subject], looking.moment.date())
        if reading is None:
            return None
        return await read_ground(session, organization_id, reading, {subject: checks})


async def read_ground(
    session: AsyncSession, organization_id: UUID, reading: Reading, checks: Mapping[ChargeSubject, Sequence[Check]]
) -> Ground:
    """What checks of charges are told beside the charges: whose they are, and what was found before."""
    ids = [check.id for each in checks.values() for check in each]
    subjects = [one for each in reading.subjects.values() for one in each]
    rows = await charged.ledger_of_checks(session, organization_id, ids, {one.subject_key for one in subjects})
    accounts = await ids_of_accounts(session, organization_id)
    natives = {id_: account for account, id_ in accounts.items()}
    ledger = {(row["check_id"], row["subject_key"]): row for row in rows}
    of_subject = {row["subject_key"]: natives[row["account_id"]] for row in rows}
    for one in subjects:  # whose a commitment is never changes, whoever it is charged to later
        if one.subject_key in of_subject:
            one.account = of_subject[one.subject_key][1]
            one.missing = reading.missing((one.provider, one.account), one.period)
    asking = {
        (one.provider, one.account)
        for subject, each in checks.items()
        if any(check.absence_of for check in each)
        for one in reading.subjects.get(subject, ())
        if one.account is not None
    }
    complete = {
        account: await read_types(session, organization_id, accounts[account])
        for account in asking
        if account in accounts
    }
    return Ground(reading, checks, accounts, ledger, complete)


def _judge(looking: Looking, ground: Ground) -> dict[AccountKey, list[Found | Looked]]:
    """What is found, and what became of what stands."""
    own: dict[AccountKey, Sight] = {}
    for account, one in ground.subjects():
        if account not in own:
            own[account] = Sight(ground.looking_at(looking, account))
        account_id = ground.accounts.get(account, NO_ACCOUNT)
        for check in ground.checks[one.of]:
            if check.is_for(Provider(one.provider)):
                own[account].judge(one.gathered(account_id, check.kinds), [check])
    found: dict[AccountKey, list[Found | Looked]] = defaultdict(list)
    for account, sight in own.items():
        telling = [one for one in sight.outcomes if isinstance(one, Found) or _place(one) in ground.ledger]
        if telling:
            found[account] = telling
    return found


def _place(outcome: Found | Looked) -> tuple[str, str]:
    return outcome.check_id, outcome.subject_key


def _resolve_vanished(ground: Ground, found: dict[AccountKey, list[Found | Looked]]) -> None:
    """Resolve what stands of subjects without charges, where all charges of their accounts are known."""
    natives = {id_: account for account, id_ in ground.accounts.items()}
    looked = {_place(outcome) for outcomes in found.values() for outcome in outcomes}
    of_check = {check.id: subject for subject, each in ground.checks.items() for check in each}
    for (check_id, key), row in ground.ledger.items():
        subject, account = of_check[check_id], natives[row["account_id"]]
        if (check_id, key) in looked or row["state"] == RecommendationState.RESOLVED:
            continue
        if subject in ground.reading.subjects and not ground.reading.missing(account, ground.reading.periods[subject]):
            found[account].append(Looked(check_id, key, Resolution.CHANGED, _GONE))


async def _store(
    looking: Looking, ground: Ground, account: AccountKey, outcomes: Sequence[Found | Looked]
) -> UUID | None:
    """Record outcomes of an account; its id, None where it is not known and nothing was found of it."""
    organization_id = looking.organization_id
    account_id = ground.accounts.get(account)
    if account_id is None:
        if not any(isinstance(outcome, Found) for outcome in outcomes):
            return None
        async with looking.database.write(organization_id) as session:
            await looking.hold(session)
            await add_missing_accounts(session, organization_id, {account: account[1]})
            account_id = (await account_ids(session, organization_id, [account]))[account]
    owned = [replace(one, account_id=account_id) if isinstance(one, Found) else one for one in outcomes]
    for start in range(0, len(owned), PAGE):
        async with looking.database.write(organization_id) as session:
            await looking.hold(session)
            page = owned[start : start + PAGE]
            looking.changes.merge(await store(session, organization_id, account_id, page, looking.moment))
    return account_id


async def _count(looking: Looking, account_id: UUID) -> None:
    """Have each amount of an account counted once."""
    async with looking.database.write(looking.organization_id) as session:
        await looking.hold(session)
        await recommendations.lock_account(session, looking.organization_id, account_id)
        await count_once(session, looking.organization_id, account_id)
