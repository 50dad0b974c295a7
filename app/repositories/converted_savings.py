"""SQL of savings in the organization's currency, where that or a rate is another now."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.repositories.recommendations import lock_all_accounts

# As looks convert: by the newest rate that holds today.
_CONVERT = text("""
    WITH rates AS (
        SELECT DISTINCT ON (from_currency) from_currency, rate FROM currency_rates
        WHERE organization_id = :organization_id AND to_currency = :currency
            AND valid_from <= (now() AT TIME ZONE 'UTC')::date
        ORDER BY from_currency, valid_from DESC
    ), other AS (
        SELECT one.id, CASE WHEN one.currency = :currency THEN one.monthly_saving ELSE one.monthly_saving * rate END
            AS amount
        FROM recommendations AS one LEFT JOIN rates ON rates.from_currency = one.currency
        WHERE one.organization_id = :organization_id
    )
    UPDATE recommendations SET converted_saving = amount, saving_order = coalesce(amount, -1)
    FROM other
    WHERE organization_id = :organization_id AND recommendations.id = other.id
        AND converted_saving IS DISTINCT FROM amount
""")


async def convert_again(session: AsyncSession, organization_id: UUID, currency: str) -> None:
    """Say what all recommendations save in a currency; null without a rate. Which of them count is not touched."""
    await lock_all_accounts(session, organization_id)
    await session.execute(_CONVERT, {"organization_id": organization_id, "currency": currency})
