"""What a recommendation saves, with how that was reckoned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import strawberry

from app.context import Info
from app.execution import Made, from_rows, is_selected
from app.records.detection import CASH_UNKNOWN, PriceBasis
from app.schema.cost_words import Money, money_part
from app.schema.enums import graph_enum
from app.schema.scalars import JSONObject

graph_enum(
    PriceBasis,
    "What an amount rests on, the best first.",
    ACTUAL="The resource's own charges of the last whole month.",
    CONTRACTED="A price that the organization has agreed.",
    LIST="The provider's public price.",
    PROVIDER="The provider's own estimate, with a recommendation of its own.",
    UNKNOWN="Nothing: the amount is not known.",
)

_TOLD = ("converted_saving", "monthly_saving", "currency", "price_basis", "saving")
SAVING_KEY = ("organization_id", *_TOLD)
"""What a Saving is made of, when the organization's currency is read for it."""
SAVING_COLUMNS = (*_TOLD, "organization_currency")
"""The same of a row, which says that too."""


@from_rows(
    basis=Made(("price_basis",), PriceBasis),
    monthly=money_part("monthly_saving", "currency"),
    converted=money_part("converted_saving", "organization_currency"),
)
@strawberry.type(description="What a month without the waste costs less, and how that was reckoned.")
class Saving:
    """Columns of `recommendations`."""

    monthly: Money | None = strawberry.field(description="A month's saving in the currency of its prices.")
    converted: Money | None = strawberry.field(
        description="The same in the organization's currency when it was last found; null without a rate."
    )
    basis: PriceBasis = strawberry.field(description="What the amount rests on.")
    formula: str = strawberry.field(description="How it was reckoned.")
    inputs: JSONObject = strawberry.field(description="The figures in the formula, by name.")
    reason: str | None = strawberry.field(description="Why the amount is not known.")
    is_hygiene: bool = strawberry.field(description="Nothing is paid for it; it is there to be tidied up.")
    cash_saving: Money | None = strawberry.field(
        description="How much smaller invoices become: `monthly` without what commitments cover, for a reservation or "
        "Savings Plan is paid whether it is used or not. So it is 0 for usage that is covered completely. More is "
        "saved where the commitment finds other usage. Null where it is not known."
    )
    cash_saving_reason: str | None = strawberry.field(description="Why the cash saving is not known.")


async def savings_of(info: Info, keys: Sequence[Sequence[Any]]) -> list[Saving]:
    """What can be saved, by SAVING_KEY of recommendations; one statement."""
    wanting = {key[0] for key in keys if key[1] is not None} if is_selected(info, "converted") else set()
    currencies = await _currencies(info, wanting) if wanting else {}
    return [_saving(*key[1:], into=currencies.get(key[0])) for key in keys]


def saving_of_row(
    converted: str | None, monthly: str | None, currency: str | None, basis: str, written: str, into: str
) -> Saving:
    """What can be saved, of SAVING_COLUMNS of a row, whose numbers and JSON are text."""
    return _saving(_amount(converted), _amount(monthly), currency, basis, orjson.loads(written), into=into)


async def _currencies(info: Info, organization_ids: set[UUID]) -> dict[UUID, str]:
    rows = [await info.context.loaders.organizations.by_id(one) for one in organization_ids]
    return {row["id"]: row["currency"] for row in rows if row is not None}


def _amount(written: str | None) -> Decimal | None:
    return None if written is None else Decimal(written)


def _saving(
    converted: Decimal | None,
    monthly: Decimal | None,
    currency: str | None,
    basis: str,
    told: Mapping[str, Any],
    *,
    into: str | None,
) -> Saving:
    """One of them; `into` is the organization's currency, None where nobody asks for the converted amount."""
    cash = told.get("cash")
    return Saving(
        monthly=_money(monthly, currency),
        converted=_money(converted, into),
        basis=PriceBasis(basis),
        formula=told["formula"],
        inputs=told["inputs"],
        reason=told["reason"],
        is_hygiene=told["isHygiene"],
        cash_saving=None if cash is None else _money(Decimal(cash), currency),
        cash_saving_reason=told.get("cashReason") if "cash" in told else CASH_UNKNOWN,
    )


def _money(amount: Decimal | None, currency: str | None) -> Money | None:
    return None if amount is None or currency is None else Money(amount=amount, currency=currency)
