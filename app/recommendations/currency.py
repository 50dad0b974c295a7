"""What can be saved, in another currency: when that of the organization becomes another one."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.recommendations.jobs import LOOK_JOB, request_look_at_charges, request_once
from app.recommendations.look import converter
from app.repositories import recommendations

_ONE = Decimal(1)


async def convert_anew(session: AsyncSession, organization_id: UUID, currency: str) -> None:
    """Convert all that is stored by the newest rates, in the transaction that changes the organization's currency.

    What no rate converts is not known from then on. Looks are asked for, since what is too little to be told, and what
    counts where findings overlap, may be something else now.
    """
    accounts = await recommendations.accounts_found_in(session, organization_id)
    for account_id in accounts:  # in order, as every other writer of what counts takes them
        await recommendations.lock_account(session, organization_id, account_id)
    convert = await converter(session, organization_id, currency)
    of = await recommendations.currencies_of(session, organization_id)
    rates = {each: rate for each in of if (rate := convert(_ONE, each)) is not None}
    await recommendations.convert_all(session, organization_id, rates)
    if accounts:
        await request_once(session, organization_id, LOOK_JOB, accounts)
        await request_look_at_charges(session, organization_id)
