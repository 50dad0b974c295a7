"""Answers to questions about costs, from the database."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import insert, select, update

from app.costs.analysis.answers import answer
from app.database import Database
from app.models import (
    AllocatedDaily,
    AllocationMonth,
    AllocationRun,
    PromotedTagKey,
    SummaryDim,
    TeamDaily,
)
from app.records.cost_analysis import (
    CostDimension,
    CostGroup,
    CostQuestion,
    CostRollup,
    DateRange,
    Grouping,
    TextCondition,
)
from app.repositories.cost_dimensions import NO_TEAM
from tests.costs.analysis.store import Store, charge

ORGANIZATION = UUID(int=1)
OCTOBER = DateRange(date(2026, 10, 1), date(2026, 11, 1))


def amounts_of(group: CostGroup) -> tuple[Decimal | None, ...]:
    """The sums of a group, which is known."""
    assert group.sum is not None
    return group.sum.amounts


async def test_groups_of_a_month(database: Database) -> None:
    store = Store(ORGANIZATION)
    await store.fill(
        database,
        [
            charge(date(2026, 10, 3), "1.10"),
            charge(date(2026, 10, 4), "2.05"),
            charge(date(2026, 10, 5), "7", service_name="Amazon S3"),
            charge(date(2026, 10, 5), "0.5", service_name=None),
            charge(date(2026, 9, 5), "100"),
        ],
    )
    question = CostQuestion(OCTOBER, "USD", groupings=(Grouping(CostDimension.SERVICE_NAME),))
    found = await answer(database, ORGANIZATION, question)
    assert found.rollups == (CostRollup.SERVICE_MONTHLY,)
    assert found.total is not None
    assert found.total.amounts == (Decimal("10.65"),)
    assert [(group.key, amounts_of(group)[0]) for group in found.groups] == [
        (("Amazon S3",), Decimal(7)),
        (("Amazon EC2",), Decimal("3.15")),
        ((None,), Decimal("0.5")),
    ]
    assert found.other is None


async def test_teams_of_months_that_were_allocated_and_nobody_in_others(database: Database) -> None:
    """October was shared out, September never: all of it is of no team."""
    store = Store(ORGANIZATION)
    await store.fill(database, [charge(date(2026, 10, 3), "10"), charge(date(2026, 9, 3), "4")])
    web, data = UUID(int=11), UUID(int=12)
    async with database.write(ORGANIZATION) as session:
        dim = (await session.execute(select(SummaryDim.id))).scalar_one()
        amounts = [(web, False, "6"), (data, True, "3"), (NO_TEAM, False, "1")]
        for bearer, shared, cost in amounts:
            own = {"organization_id": ORGANIZATION, "day": date(2026, 10, 3), "team_id": bearer, "shared": shared}
            costs = {"billed_cost": Decimal(cost), "effective_cost": Decimal(cost), "charge_count": 1}
            own |= costs | {"list_cost": None, "contracted_cost": None}
            await session.execute(insert(TeamDaily).values(**own, billing_currency="USD"))
            by_rule = own | {"summary_dim_id": dim, "rule_id": UUID(int=1)}
            await session.execute(insert(AllocatedDaily).values(by_rule))
        month = {"organization_id": ORGANIZATION, "month": OCTOBER.start, "rules_id": 1, "notes": []}
        await session.execute(insert(AllocationMonth).values(**month, computed_at=datetime.now(UTC)))
    both = DateRange(date(2026, 9, 1), OCTOBER.end)
    team, service = Grouping(CostDimension.TEAM), Grouping(CostDimension.SERVICE_NAME)
    found = await answer(database, ORGANIZATION, CostQuestion(both, "USD", groupings=(team,)))
    assert found.rollups == (CostRollup.TEAM_DAILY, CostRollup.PROVIDER_DAILY)
    assert [(group.key, amounts_of(group)[0]) for group in found.groups] == [
        ((str(web),), Decimal(6)),
        ((None,), Decimal(5)),
        ((str(data),), Decimal(3)),
    ]
    assert found.total is not None
    assert found.total.amounts == (Decimal(14),)
    of_web = (TextCondition(team, in_=(str(web),)),)
    question = CostQuestion(both, "USD", groupings=(team, service), conditions=of_web)
    by_service = await answer(database, ORGANIZATION, question)
    assert by_service.rollups == (CostRollup.ALLOCATED_DAILY, CostRollup.SERVICE_DAILY)
    assert [(group.key, amounts_of(group)[0]) for group in by_service.groups] == [
        ((str(web), "Amazon EC2"), Decimal(6))
    ]


async def test_a_key_that_is_still_being_promoted_is_read_from_the_charges(database: Database) -> None:
    """Allocation sets of past months have it only once the run is over."""
    store = Store(ORGANIZATION)
    await store.fill(database, [charge(date(2026, 10, 3), "10", tags={"Team": "web"})])
    question = CostQuestion(OCTOBER, "USD", groupings=(Grouping(tag="team"),))
    async with database.write(ORGANIZATION) as session:
        key = {"organization_id": ORGANIZATION, "key": "team", "position": 1, "created_at": datetime.now(UTC)}
        await session.execute(insert(PromotedTagKey).values(key))
        session.add(
            AllocationRun(
                organization_id=ORGANIZATION, kind="TAG_KEYS", from_month=None, to_month=None, actor_kind="SYSTEM"
            )
        )
    found = await answer(database, ORGANIZATION, question)
    assert found.rollups == (CostRollup.CHARGES,)
    assert [group.key for group in found.groups] == [("web",)]
    async with database.write(ORGANIZATION) as session:
        await session.execute(update(AllocationRun).values(state="SUCCEEDED"))
    assert (await answer(database, ORGANIZATION, question)).rollups == (CostRollup.TAG_TOTAL_DAILY,)
