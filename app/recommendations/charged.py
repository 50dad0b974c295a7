"""Gathers what checks of charges are told: their subjects, whose each is, and which of its days are not known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.coverage import missing_in, of_payers
from app.costs.known_days import KnownDays, known_days
from app.costs.providers import resource_key
from app.detection.charges import Charges
from app.detection.facts import Subject
from app.recommendations.gather import NO_RESOURCE, Gathered
from app.records import Provider
from app.records.cost_analysis import CostCoverage, CostDimension, DateRange
from app.records.detection import ChargeSubject
from app.repositories import charged
from app.repositories.cost_coverage import cost_coverage, payers_by_values
from app.repositories.cost_series import imported_days

READ_DAYS = {
    ChargeSubject.COMMITMENT: 31,
    ChargeSubject.CAPACITY_RESERVATION: 31,
    ChargeSubject.TAGGING: 31,
    ChargeSubject.CREDIT: 62,
    ChargeSubject.TRANSFER: 14,
    ChargeSubject.SURCHARGE: 14,
    ChargeSubject.ENVIRONMENT: 35,
}
"""How many days before the last complete one are read: the most that a rule may ask for."""
STALE = timedelta(days=40)
"""Charges that end longer ago than this say nothing of today."""
READ_MONTHS = {
    ChargeSubject.CORRECTION: 1,
    ChargeSubject.SERVICE: 2,
    ChargeSubject.UNLISTED_RESOURCE: 1,
    ChargeSubject.UNBILLED_TYPE: 1,
}
"""How many whole months are read of what is summed by months."""
NO_ACCOUNT = UUID(int=0)
"""Stands for an account that only charges name so far."""
AccountKey = tuple[str, str]
"""Provider and native id of an account."""


def subject_key(of: ChargeSubject, provider: str, account: str | None, key: str, currency: str) -> str:
    """What tells a subject for ever. A commitment is the same whoever it is charged to."""
    owner = "" if of in _OF_NO_ACCOUNT else account or ""
    return f"{of.value}|{provider}|{owner}|{key}|{currency}"


def charged_key(of: ChargeSubject, key: str) -> str:
    """What charges name, as the inventory writes it: exports write the id of a reservation in several ways."""
    return resource_key(key) if of is ChargeSubject.CAPACITY_RESERVATION else key


@dataclass
class Charged:
    """One subject of charges. `account` is None where no charge says whose it is."""

    of: ChargeSubject
    provider: str
    account: str | None
    key: str
    currency: str
    period: DateRange
    name: str | None = None
    region: str | None = None
    amounts: dict[str, dict[date, Decimal]] = field(default_factory=dict)
    unpriced: set[str] = field(default_factory=set)
    properties: dict[str, Any] = field(default_factory=dict)
    resource_id: UUID | None = None
    owners: dict[str, Decimal] = field(default_factory=dict)
    missing: Sequence[DateRange] = ()

    @property
    def subject_key(self) -> str:
        """What tells it for ever."""
        return subject_key(self.of, self.provider, self.account, self.key, self.currency)

    def add(self, row: Mapping[Any, Any]) -> None:
        """Take in a sum."""
        kind, amount = row["kind"], row["amount"]
        if row["missing"]:
            self.unpriced.add(kind)
        if amount is not None:
            days = self.amounts.setdefault(kind, {})
            days[row["day"]] = days.get(row["day"], Decimal(0)) + amount
        if row["account"] is not None:
            self.owners[row["account"]] = self.owners.get(row["account"], Decimal(0)) + (amount or 0)
            self.account = max(self.owners, key=lambda owner: (self.owners[owner], owner))
        self.name = row["name"] or self.name
        self.region = row["region"] or self.region
        self.resource_id = row.get("resource_id") or self.resource_id
        if row.get("types"):
            self.properties["types"] = list(row["types"])

    def gathered(self, account_id: UUID, kinds: Collection[str] | None = None) -> Gathered:
        """As checks are told of it, with the sums of some kinds."""
        subject = Subject(
            id=self.resource_id or NO_RESOURCE,
            account_id=account_id,
            provider=Provider(self.provider),
            resource_type="",
            native_id=self.key,
            name=self.name or self.key,
            region=self.region,
            status=None,
            first_seen_at=datetime.combine(self.period.start, time(), UTC),
            tags=self._tags(),
            properties=self.properties,
        )
        charges = Charges(
            self.currency,
            self.period.start,
            self.period.end,
            {kind: days for kind, days in self.amounts.items() if kinds is None or kind in kinds},
            [(days.start, days.end) for days in self.missing],
            frozenset(self.unpriced),
        )
        return Gathered(subject, None, charges=charges, charged_key=self.subject_key)

    def _tags(self) -> dict[str, str]:
        """The tag that the subject is told apart by."""
        if self.of is not ChargeSubject.ENVIRONMENT or self.name is None:
            return {}
        key, _, value = self.key.removeprefix(self.name).strip().partition("=")
        return {key: value}


_OF_TAGS = frozenset({ChargeSubject.TAGGING, ChargeSubject.ENVIRONMENT})
"""Nothing can be told of these where no tag key is promoted."""
_OF_NO_ACCOUNT = frozenset({ChargeSubject.COMMITMENT, ChargeSubject.CAPACITY_RESERVATION})


@dataclass(frozen=True)
class Reading:
    """All subjects of some kinds. A kind of which nothing could be told is not among them."""

    subjects: Mapping[ChargeSubject, Sequence[Charged]]
    periods: Mapping[ChargeSubject, DateRange]
    payers: Mapping[AccountKey, frozenset[str]]
    coverage: CostCoverage
    begins: Mapping[str, date]
    """The day of a billing account's first charge: exports begin within a month."""

    def missing(self, account: AccountKey, period: DateRange) -> Sequence[DateRange]:
        """The days of which the charges of an account's billing accounts were not imported."""
        payers = self.payers.get(account, frozenset())
        begin = max((self.begins[one] for one in payers if one in self.begins), default=period.start)
        early = [DateRange(period.start, min(begin, period.end))] if begin > period.start else []
        return [*early, *missing_in(period, of_payers(self.coverage, payers).accounts)]


async def read_charged(
    session: AsyncSession, organization_id: UUID, wanted: Collection[ChargeSubject], today: date
) -> Reading | None:
    """The subjects of charges of an organization; None where nothing was imported lately. One statement a kind."""
    imported = await imported_days(session, organization_id)
    known = known_days(imported, today)
    if known is None or known.settled_until < today - STALE:
        return None
    periods = {one: _period(one, known) for one in wanted}
    whole = DateRange(min(one.start for one in periods.values()), max(one.end for one in periods.values()))
    coverage = await cost_coverage(session, organization_id, whole)
    found = await payers_by_values(session, organization_id, (CostDimension.PROVIDER, CostDimension.ACCOUNT))
    payers = {(key[0], key[1]): one for key, one in found.items() if key[0] is not None and key[1] is not None}
    begins: dict[str, date] = {}
    for one in imported:
        payer = one.billing_account[1]
        begins[payer] = min(begins.get(payer, one.first_day), one.first_day)
    reading = Reading({}, periods, payers, coverage, begins)
    told = [one for one in wanted if one not in _OF_TAGS or coverage.promoted_keys]
    until = known.settled_until
    subjects = {one: await _subjects(session, organization_id, one, reading, until) for one in told}
    return replace(reading, subjects=subjects)


def _period(wanted: ChargeSubject, known: KnownDays) -> DateRange:
    """What is read: the last complete days, or the last whole months."""
    until = known.settled_until
    if wanted in READ_DAYS:
        return DateRange(max(known.start, until - timedelta(READ_DAYS[wanted])), until)
    end = start = until.replace(day=1)
    for _ in range(READ_MONTHS[wanted]):
        start = (start - timedelta(1)).replace(day=1)
    return DateRange(start, end)


async def _subjects(
    session: AsyncSession, organization_id: UUID, wanted: ChargeSubject, reading: Reading, until: date
) -> list[Charged]:
    period = reading.periods[wanted]
    found: dict[tuple[str, str | None, str, str], Charged] = {}
    async for page in charged.charged(session, organization_id, wanted, period, until):
        for row in page:
            account = None if wanted in _OF_NO_ACCOUNT else row["account"]
            key = charged_key(wanted, row["key"])
            place = (row["provider"], account, key, row["currency"])
            if place not in found:
                found[place] = Charged(wanted, row["provider"], account, key, row["currency"], period)
            found[place].add(row)
    if wanted is ChargeSubject.CAPACITY_RESERVATION:
        there = await charged.resources_named(session, organization_id, {one.key for one in found.values()})
        for one in found.values():
            one.resource_id = there.get((one.provider, one.account, one.key))
    missing: dict[AccountKey, Sequence[DateRange]] = {}
    for one in found.values():
        if one.account is not None:
            owner = (one.provider, one.account)
            if owner not in missing:
                missing[owner] = reading.missing(owner, period)
            one.missing = missing[owner]
    return list(found.values())
