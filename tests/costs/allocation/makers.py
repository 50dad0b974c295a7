"""Teams and rules for tests of allocation, and what was allocated."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.costs.allocation.allocate import allocate_month
from app.costs.allocation.rules import columns_of
from app.database import Database
from app.models import new_id, now
from app.records.allocation import AllocationMethod, Rule, Target
from app.repositories import allocation, organizations, teams
from app.repositories.cost_locks import lock_costs

MONTH = date(2026, 10, 1)


async def make_organization(owner: Database, currency: str = "USD") -> UUID:
    """An organization without members, whose totals are in a currency."""
    organization_id = new_id()
    async with owner.write(organization_id) as session:
        await organizations.add_organization(
            session, organization_id, slug=f"slug-{organization_id}", name="Tests", currency=currency
        )
    return organization_id


async def make_teams(database: Database, organization_id: UUID, *names: str) -> dict[str, UUID]:
    moment = now()
    async with database.write(organization_id) as session:
        rows = [
            await teams.insert_team(
                session, organization_id, name=name, code=f"CC-{name}", created_at=moment, updated_at=moment
            )
            for name in names
        ]
    return {row["name"]: row["id"] for row in rows}


def rule(method: AllocationMethod, *targets: Target, **more: Any) -> Rule:
    values: dict[str, Any] = {
        "id": new_id(),
        "position": 1,
        "name": str(method),
        "match": (),
        "method": method,
        "tag_key": None,
        "mapping": {},
        "targets": targets,
        "valid_from": None,
        "valid_to": None,
        "enabled": True,
    }
    return Rule(**values | more)


async def store_rules(database: Database, organization_id: UUID, *rules: Rule) -> None:
    moment = now()
    async with database.write(organization_id) as session:
        for position, each in enumerate(rules, start=1):
            values = columns_of(each) | {"position": position, "version": 1}
            values |= {"created_at": moment, "updated_at": moment}
            await allocation.insert_rule(session, organization_id, each.id, **values)


async def allocate(database: Database, organization_id: UUID, month: date = MONTH) -> None:
    async with database.write(organization_id) as session:
        await lock_costs(session, organization_id)
        await allocate_month(session, organization_id, month)


async def allocated(owner: Database, organization_id: UUID) -> list[dict[str, Any]]:
    statement = """
        SELECT a.*, s.billing_currency, s.service_name FROM allocated_daily a
        JOIN summary_dims s ON s.organization_id = a.organization_id AND s.id = a.summary_dim_id
        WHERE a.organization_id = :id ORDER BY day, team_id, summary_dim_id, rule_id
    """
    async with owner.engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(text(statement), {"id": organization_id})).mappings()]
