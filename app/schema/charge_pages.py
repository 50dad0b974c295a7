"""Pages of charges: which, in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import strawberry

from app.context import Info
from app.costs.scopes import of_charges
from app.records.criteria import ChargeOrderField, Direction
from app.schema.charges import Charge
from app.schema.cost_filters import CostFilter, conditions_of
from app.schema.enums import graph_enum
from app.schema.filters import WHERE
from app.schema.pages import read_amount, read_moment
from app.schema.paging import Connection, PageArguments, connection, cursor_text, page_request

_NUMBERS = 2**63
graph_enum(
    ChargeOrderField,
    "What charges can be ordered by.",
    CHARGE_PERIOD_START="Start of the charge period.",
    BILLED_COST="Billed cost, whatever its currency.",
)


@strawberry.input(description="Order of charges; equal ones are in the order of their imports and lines.")
class ChargeOrder:
    """Field and direction."""

    field: ChargeOrderField = strawberry.field(description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.DESC, description="Which end first.")


_READ_FIRST: dict[ChargeOrderField, Callable[[str], Any]] = {
    ChargeOrderField.CHARGE_PERIOD_START: read_moment,
    ChargeOrderField.BILLED_COST: read_amount,
}


async def charge_page(
    info: Info, organization_id: UUID, where: CostFilter | None, order_by: ChargeOrder | None, page: PageArguments
) -> Connection[Charge]:
    """A page of an organization's charges, the latest first when no order is given."""
    latest = (ChargeOrderField.CHARGE_PERIOD_START, Direction.DESC)
    order = (order_by.field, order_by.direction) if order_by else latest
    name = f"{order[0].value}:{order[1].value}"
    request = page_request(name, (_READ_FIRST[order[0]], read_number, read_number), page)
    wanted = of_charges(conditions_of(where), WHERE)
    rows = info.context.loaders.charges
    return connection(
        await rows.page(organization_id, wanted, order, request),
        Charge.from_row,
        lambda row: cursor_text(name, [row[column] for column in order[0].key]),
        rows.counter(organization_id, wanted),
    )


def read_number(number: object) -> int:
    """A number of a cursor. Raises ValueError for what no row can hold."""
    if type(number) is not int or not 0 <= number < _NUMBERS:
        message = f"{number!r} is no number of a charge"
        raise ValueError(message)
    return number
