"""A recommendation in the table, for tests of what people say of one."""

from __future__ import annotations

from decimal import Decimal

from app.models import Account, Recommendation, new_id
from app.schema.node import global_id, parse_id
from tests.resolvers.company import Company


async def recommendation_of(made: Company, state: str = "OPEN") -> str:
    """One of a company, on an account of its own, in a state: its global id."""
    assert made.database is not None
    organization_id = parse_id(made.organization_id).id
    account = Account(
        organization_id=organization_id, provider="AWS", kind="MANUAL", native_id=str(new_id()), name="Production"
    )
    row = Recommendation(
        organization_id=organization_id,
        account_id=account.id,
        resource_id=new_id(),
        check_id="aws.ebs.unattached",
        subject_key=str(new_id()),
        node="vol-1",
        severity="HIGH",
        confidence="OBVIOUS",
        remedy="DELETE",
        price_basis="LIST",
        monthly_saving=Decimal(8),
        currency="USD",
        converted_saving=Decimal(8),
        saving_order=Decimal(8),
        saving={"formula": "100 GiB", "inputs": {}, "reason": None, "isHygiene": False},
        evidence=[],
        rule_version=0,
        state=state,
    )
    async with made.database.write(organization_id) as session:
        session.add(account)
        await session.flush()
        session.add(row)
    return global_id("Recommendation", row.id, organization_id)
