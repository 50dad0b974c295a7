"""Recommendations in the table, for tests of what people say of one and of what they sum up to, and scans."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.database import Database
from app.models import Account, Recommendation, Scan, ScanStep, new_id, now
from app.repositories.accounts import ids_of_accounts
from app.repositories.resources import ResourceValues
from app.schema.node import global_id, parse_id
from tests.repositories.found import inventory, store, volume
from tests.resolvers.company import Company


async def recommendation_of(made: Company, state: str = "OPEN") -> str:
    """One of a company, on an account of its own, in a state: its global id."""
    assert made.database is not None
    organization_id = parse_id(made.organization_id).id
    id_ = await recommend(made.database, organization_id, 8, None, account=str(new_id()), state=state)
    return global_id("Recommendation", id_, organization_id)


async def recommend(
    database: Database,
    organization_id: UUID,
    saving: int | None,
    tags: dict[str, str] | None,
    *,
    account: str = "111",
    **values: Any,
) -> UUID:
    """One on a volume with tags of an account, or on a resource that is not in the inventory; its id."""
    account_id = await _account_of(database, organization_id, account)
    name = f"vol-{new_id()}"
    resource_id = new_id()
    if tags is not None:
        one: ResourceValues = volume(name, account_id=account_id, tags=tags, relations=())
        await store(database, one, organization=organization_id)
        resource_id = (await inventory(database, organization_id))[name].id
    known = None if saving is None else Decimal(saving)
    usual: dict[str, Any] = {
        "organization_id": organization_id,
        "account_id": account_id,
        "resource_id": resource_id,
        "check_id": "aws.ebs.unattached",
        "subject_key": str(resource_id),
        "node": name,
        "severity": "HIGH",
        "confidence": "OBVIOUS",
        "remedy": "DELETE",
        "price_basis": "UNKNOWN" if known is None else "LIST",
        "monthly_saving": known,
        "currency": None if known is None else "USD",
        "converted_saving": known,
        "saving_order": Decimal(-1) if known is None else known,
        "saving": {"formula": "100 GiB", "inputs": {}, "reason": None, "isHygiene": False},
        "evidence": [],
        "rule_version": 0,
    }
    row = Recommendation(**(usual | values))
    async with database.write(organization_id) as session:
        session.add(row)
    return row.id


async def _account_of(database: Database, organization_id: UUID, native_id: str) -> UUID:
    async with database.write(organization_id) as session:
        found = (await ids_of_accounts(session, organization_id)).get(("AWS", native_id))
        if found is not None:
            return found
        account = Account(
            organization_id=organization_id, provider="AWS", kind="MANUAL", native_id=native_id, name="Production"
        )
        session.add(account)
        return account.id


async def scanned(database: Database, organization_id: UUID, account_id: UUID, resource_types: Sequence[str]) -> UUID:
    """Note that a scan which has begun now has read all of some types in us-east-1; the id of its step."""
    common: dict[str, Any] = {"organization_id": organization_id, "state": "SUCCEEDED"}
    common |= {"started_at": now(), "finished_at": now()}
    scan = Scan(account_id=account_id, actor_kind="SYSTEM", **common)
    step = ScanStep(scan_id=scan.id, service="ec2", region="us-east-1", collected=list(resource_types), **common)
    async with database.write(organization_id) as session:
        session.add(scan)
        await session.flush()
        session.add(step)
    return step.id
