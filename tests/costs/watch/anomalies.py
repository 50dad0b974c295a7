"""Anomalies as rows, for tests that are not about finding them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from app.models import CostAnomaly, new_id
from app.schema.node import global_id, parse_id
from tests.resolvers.company import Company


async def anomaly_of(made: Company, state: str) -> str:
    """An anomaly of a company's costs in a state: its global id."""
    assert made.database is not None
    organization_id = parse_id(made.organization_id).id
    row = CostAnomaly(
        organization_id=organization_id,
        series="TOTAL",
        series_key=f"some series {new_id()}",
        metric="effective_cost",
        billing_currency="USD",
        service_name=None,
        sub_account_id=None,
        starts_on=date(2026, 10, 1),
        ends_on=date(2026, 10, 2),
        expected=Decimal(10),
        actual=Decimal(50),
        excess=Decimal(40),
        score=Decimal(9),
        state=state,
        state_reason=None,
        state_changed_at=None,
        explanation={},
        days=[],
        also_seen_in=[],
        first_import_id=None,
        last_import_id=None,
    )
    async with made.database.write(organization_id) as session:
        session.add(row)
    return global_id("CostAnomaly", row.id, organization_id)
