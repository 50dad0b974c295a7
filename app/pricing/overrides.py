"""What an organization pays instead of list prices: own prices and discounts, set and deleted by people."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.database import Database
from app.errors import BadUserInputError
from app.models import new_id
from app.pricing.asked import AskedPrices
from app.records import Actor, EventKind, NewEvent, Provider, RowIssue
from app.records.currencies import CURRENCIES
from app.records.detection import PriceUnit
from app.records.prices import ANY_REGION, PriceOverride
from app.repositories.price_overrides import delete_overrides, store_overrides
from app.repositories.prices import units_of

MOST_OVERRIDES: Final = 500
Changed = Callable[[AsyncSession, UUID, Collection[Provider]], Awaitable[None]]
"""Called in the transaction that changes what an organization pays some providers."""
_LONGEST_NOTE: Final = 500
_SHOWN: Final = 60  # characters of a refused value
_FIRST, _LAST = date(2000, 1, 1), date(2100, 1, 1)
_LARGEST: Final = Decimal(10**15)
_MOST_DIGITS: Final = 20
_ALL_OF_IT: Final = Decimal(100)
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9._:+-]{0,199}")
_PATTERN: Final = re.compile(r"[a-z0-9*][a-z0-9._:+*-]{0,199}")
_REGION: Final = re.compile(r"\*|[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class SentOverride:
    """An override as it was sent."""

    provider: Provider
    pattern: str
    region: str
    valid_from: date
    valid_to: date | None
    discount_percent: Decimal | None
    amount: Decimal | None
    currency: str | None
    unit: PriceUnit | None
    note: str


@dataclass
class OverridesStored:
    """What became of overrides that were sent."""

    received: int
    added: int = 0
    changed: int = 0
    issues: list[RowIssue] = field(default_factory=list)

    @property
    def unchanged(self) -> int:
        """Those that were there just so."""
        return self.received - self.added - self.changed - len({issue.row_number for issue in self.issues})


async def set_overrides(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    sent: Sequence[SentOverride],
    changed: Changed,
    asked: Collection[tuple[Provider, str]],
) -> OverridesStored:
    """Store at most 500 overrides; those that cannot be used are told one by one, and the others land.

    `asked` are the codes that checks ask for, with their providers. Raises BadUserInputError for more of them.
    """
    _check_count(len(sent), ("input", "overrides"))
    outcome = OverridesStored(len(sent))
    async with database.write(organization_id) as session:
        codes = {(one.provider, one.pattern) for one in sent if one.unit is not None}
        listed = {key: PriceUnit(unit) for key, unit in (await units_of(session, codes)).items()}
        overrides = list(_usable(sent, outcome.issues, AskedPrices(asked, listed)))
        outcome.added, outcome.changed = await store_overrides(session, organization_id, overrides)
        if outcome.added or outcome.changed:
            data = {"added": outcome.added, "changed": outcome.changed}
            event = NewEvent(EventKind.PRICE_OVERRIDES_SET, actor, "Organization", organization_id, data)
            await record(session, organization_id, event)
            await changed(session, organization_id, {each.provider for each in overrides})
    return outcome


async def drop_overrides(
    database: Database, organization_id: UUID, actor: Actor, ids: Sequence[UUID], changed: Changed
) -> int:
    """Delete at most 500 overrides; how many of them were there. Raises BadUserInputError for more."""
    _check_count(len(ids), ("input", "ids"))
    async with database.write(organization_id) as session:
        deleted = await delete_overrides(session, organization_id, ids)
        if deleted:
            data = {"deleted": len(deleted)}
            event = NewEvent(EventKind.PRICE_OVERRIDES_DELETED, actor, "Organization", organization_id, data)
            await record(session, organization_id, event)
            await changed(session, organization_id, set(deleted))
    return len(deleted)


def _check_count(count: int, path: tuple[str, ...]) -> None:
    if not 1 <= count <= MOST_OVERRIDES:
        message = f"`{path[-1]}` holds 1 to {MOST_OVERRIDES} of them; these are {count:,}."
        raise BadUserInputError(message, path=path)


def _usable(sent: Sequence[SentOverride], issues: list[RowIssue], asked: AskedPrices) -> Iterator[PriceOverride]:
    """What can be stored; what is wrong with the others goes to `issues`."""
    seen: dict[tuple[Provider, str, str, date], int] = {}
    for number, one in enumerate(sent, 1):
        wrong = next(_wrong(one), None) or next(_unasked(one, asked), None)
        if wrong is not None:
            column, value, reason = wrong
            end = "" if reason.endswith("?") else "."
            issues.append(RowIssue(number, column, value[:_SHOWN], f"`{column}` {reason}{end}"))
            continue
        first = seen.setdefault((one.provider, one.pattern, one.region, one.valid_from), number)
        if first != number:
            reason = f"Row {first} is for the same provider, pattern, region and day."
            issues.append(RowIssue(number, "validFrom", str(one.valid_from), reason))
            continue
        yield PriceOverride(
            id=new_id(),
            provider=one.provider,
            pattern=one.pattern,
            region=one.region,
            valid_from=one.valid_from,
            valid_to=one.valid_to,
            discount_percent=one.discount_percent,
            amount=one.amount,
            currency=None if one.currency is None else one.currency.upper(),
            unit=one.unit,
            note=one.note.strip(),
        )


def _wrong(one: SentOverride) -> Iterator[tuple[str, str, str]]:
    """What is wrong with one, the column, the value and the reason."""
    if _REGION.fullmatch(one.region) is None:
        yield "region", one.region, f"must be a region as its provider names it, or `{ANY_REGION}` for all"
    if not _FIRST <= one.valid_from < _LAST:
        yield "validFrom", str(one.valid_from), f"must be a day from {_FIRST} to before {_LAST}"
    if one.valid_to is not None and not one.valid_from < one.valid_to <= _LAST:
        yield "validTo", str(one.valid_to), "must be a later day than `validFrom`, or left out"
    if len(one.note) > _LONGEST_NOTE or not (one.note.isprintable() or not one.note):
        yield "note", one.note, f"must have at most {_LONGEST_NOTE} printable characters"
    if (one.discount_percent is None) is (one.amount is None):
        yield "amount", str(one.amount or ""), "or `discountPercent` must be given, and not both"
    elif one.discount_percent is not None:
        yield from _wrong_discount(one, one.discount_percent)
    elif one.amount is not None:
        yield from _wrong_amount(one, one.amount)


def _unasked(one: SentOverride, asked: AskedPrices) -> Iterator[tuple[str, str, str]]:
    """What is right in itself, and would never count."""
    if why := asked.why_not(one.provider, one.pattern):
        yield "pattern", one.pattern, why
    elif one.unit is not None and (other := asked.other_unit(one.provider, one.pattern, one.unit)):
        yield "unit", one.unit, f"must be {other}, which the list price of {one.pattern} is for"


def _wrong_discount(one: SentOverride, percent: Decimal) -> Iterator[tuple[str, str, str]]:
    if _PATTERN.fullmatch(one.pattern) is None:
        yield "pattern", one.pattern, "must be a code of a price in lower case, `*` for any part of it, such as `ec2.*`"
    if not (percent.is_finite() and 0 < percent <= _ALL_OF_IT and _is_short(percent)):
        yield "discountPercent", str(percent), "must be above 0 and at most 100"
    if one.currency is not None or one.unit is not None:
        yield "currency", one.currency or "", "and `unit` belong to an own price, not to a discount"


def _wrong_amount(one: SentOverride, amount: Decimal) -> Iterator[tuple[str, str, str]]:
    if _CODE.fullmatch(one.pattern) is None:
        yield (
            "pattern",
            one.pattern,
            "must be a code of a price in lower case; an own price is for one code, without `*`",
        )
    if not (amount.is_finite() and 0 <= amount < _LARGEST and _is_short(amount)):
        yield "amount", str(amount), "must be 0 or more"
    if (one.currency or "").upper() not in CURRENCIES:
        yield "currency", one.currency or "", "must be a code of ISO 4217, such as USD or EUR"
    if one.unit is None:
        yield "unit", "", "must be given: what the amount is for"


def _is_short(number: Decimal) -> bool:
    """Whether it has few enough digits behind the point to be meant."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and -_MOST_DIGITS <= exponent <= _MOST_DIGITS
