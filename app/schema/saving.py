"""What a recommendation saves, with how that was reckoned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import strawberry

from app.context import Info
from app.execution import Made, from_rows, is_selected, picked
from app.records.detection import CASH_UNKNOWN, PriceBasis
from app.schema.cost_words import Money, money_row
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

SAVING_COLUMNS = (
    *("organization_id", "converted_saving", "monthly_saving", "currency", "price_basis", "saving"),
    "organization_currency",
)
"""What a Saving is made of; the last may be None, and is read then."""


@from_rows(
    basis=Made(("price_basis",), PriceBasis),
    monthly=Made(("monthly_saving", "currency"), money_row, rows=True),
    converted=Made(("converted_saving", "organization_currency"), money_row, rows=True),
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


_WRITTEN = ("formula", "inputs", "reason", "is_hygiene", "cash_saving", "cash_saving_reason")
"""Fields that stand in the JSON of a saving."""
_UNREAD: Mapping[str, Any] = {"formula": "", "inputs": {}, "reason": None, "isHygiene": False}


async def savings_of(info: Info, keys: Sequence[Sequence[Any]]) -> list[Saving]:
    """What can be saved, by SAVING_COLUMNS of recommendations, whose numbers and JSON may be text; one statement."""
    written, converts = is_selected(info, *_WRITTEN), is_selected(info, "converted")
    unknown = {key[0] for key in keys if key[1] is not None and key[6] is None} if converts else set()
    currencies = await _currencies(info, unknown) if unknown else {}
    return [_saving(key, key[6] or currencies.get(key[0]), is_read=written) for key in keys]


async def _currencies(info: Info, organization_ids: set[UUID]) -> dict[UUID, str]:
    rows = [await info.context.loaders.organizations.by_id(one) for one in organization_ids]
    return {row["id"]: row["currency"] for row in rows if row is not None}


def _saving(key: Sequence[Any], into: str | None, *, is_read: bool) -> Saving:
    """One of them; `into` is the organization's currency. What its JSON says is left out unless `is_read`."""
    _, converted, monthly, currency, basis, written, _ = key
    told = _UNREAD if not is_read else orjson.loads(written) if isinstance(written, str) else written
    cash = told.get("cash")
    return Saving(
        monthly=None if monthly is None else Money(amount=Decimal(monthly), currency=currency),
        converted=None if converted is None or into is None else Money(amount=Decimal(converted), currency=into),
        basis=PriceBasis(basis),
        formula=told["formula"],
        inputs=told["inputs"],
        reason=told["reason"],
        is_hygiene=told["isHygiene"],
        cash_saving=None if cash is None else Money(amount=Decimal(cash), currency=currency),
        cash_saving_reason=told.get("cashReason") if "cash" in told else CASH_UNKNOWN,
    )


def saving_row(wanted: tuple[str, ...] | None, *row: Any) -> Any:
    """A saving of SAVING_COLUMNS of a row, the currency of its organization included, or the wanted ones of them."""
    return _saving(row, row[6], is_read=True) if wanted is None else picked(SAVING_COLUMNS, wanted)(row)
