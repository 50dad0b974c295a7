"""Scopes: what each operator chooses from the sums of days, what cannot be chosen there, and how scopes are stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert

from app.costs.scopes import checked_scope, of_charges
from app.database import Database
from app.errors import BadUserInputError
from app.models import PromotedTagKey, new_id, now
from app.records.cost_analysis import (
    AmountCondition,
    Condition,
    CostDimension,
    Grouping,
    MomentCondition,
    TextCondition,
)
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric
from app.repositories.cost_series import AskedSeries, daily_costs
from tests.costs.watch.deliveries import Deliveries, daily

FIRST, END = date(2026, 11, 1), date(2026, 11, 20)
AT = ("input", "where")


def has(column: str, **test: Any) -> TextCondition:
    """A condition on a column."""
    return TextCondition(Grouping(CostDimension(column)), **test)


def tagged(key: str = "team", **test: Any) -> TextCondition:
    """A condition on a tag."""
    return TextCondition(Grouping(tag=key), **test)


@pytest.fixture
def organization_id() -> UUID:
    return new_id()


@pytest.fixture
def deliveries(database: Database, organization_id: UUID, tmp_path: Path) -> Deliveries:
    return Deliveries(database, organization_id, tmp_path, END)


async def sums(
    database: Database, organization_id: UUID, scopes: Sequence[Sequence[Condition]]
) -> list[Decimal | None]:
    """What each scope cost in all days; None where it has no charge."""
    asked = [AskedSeries(checked_scope(each, AT), CostMetric.EFFECTIVE_COST, FIRST, END) for each in scopes]
    async with database.read(organization_id) as session:
        found = await daily_costs(session, organization_id, asked)
    return [sum((one.amount for one in each if one.amount is not None), Decimal(0)) if each else None for each in found]


async def test_conditions_on_columns(database: Database, organization_id: UUID, deliveries: Deliveries) -> None:
    s3 = {"ServiceName": "S3", "SubAccountId": "222", "RegionId": "us-east-1"}
    await deliveries.deliver([*daily(FIRST, END, lambda _: 100), *daily(FIRST, END, lambda _: 10, **s3)])
    wanted: list[tuple[list[Condition], int | None]] = [
        ([], 2090),
        ([has("service_name", in_=("S3", "SQS"))], 190),
        ([has("service_name", not_in=("S3", "SQS"))], 1900),
        ([has("service_name", contains="s")], 190),
        ([has("service_name", contains="%")], None),
        ([has("region_id", in_=("eu-west-1",))], 1900),
        ([has("region_id", not_in=("eu-west-1",), exists=True)], 190),
        ([has("region_id", exists=False)], None),
        ([has("account", contains="22")], 190),
        ([has("region_id", in_=("us-east-1",)), has("sub_account_id", in_=("222",))], 190),
        ([has("region_id", in_=("us-east-1",)), has("sub_account_id", in_=("111",))], None),
        ([has("charge_class", exists=False), has("service_name", contains="s", not_in=("S3",))], None),
    ]
    found = await sums(database, organization_id, [conditions for conditions, _ in wanted])
    assert found == [amount for _, amount in wanted]
    # Each alone too: the SQL is made of what all scopes of a call ask for.
    for conditions, amount in wanted:
        assert await sums(database, organization_id, [conditions]) == [amount], conditions


async def test_conditions_on_tags_count_charges_that_have_none(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    async with database.write(organization_id) as session:
        values = {"organization_id": organization_id, "key": "team", "position": 1, "created_at": now()}
        await session.execute(insert(PromotedTagKey).values(values))
    tags = ('{"Team ": "web"}', '{"team": "data"}', '{"stage": "live"}')
    await deliveries.deliver([row for tag in tags for row in daily(FIRST, END, lambda _: 10, Tags=tag)])
    wanted: list[tuple[TextCondition, int | None]] = [
        (tagged(in_=("web",)), 190),
        (tagged(in_=("Web",)), None),
        (tagged(not_in=("web",)), 380),
        (tagged(contains="A"), 190),
        (tagged(exists=True), 380),
        (tagged(exists=False), 190),
        (tagged(not_in=("web",), exists=True), 190),
    ]
    found = await sums(database, organization_id, [[has("service_name", in_=("EC2",)), one] for one, _ in wanted])
    assert found == [amount for _, amount in wanted]


@pytest.mark.parametrize(
    ("conditions", "field", "words"),
    [
        ([has("resource_id", in_=("i-1",))], "resourceId", "do not know it"),
        ([has("team", in_=("x",))], "team", "do not know it"),
        ([has("dataset", in_=("x",))], "dataset", "do not know it"),
        ([AmountCondition("billed_cost", gt=Decimal(1))], "billedCost", "single charges"),
        ([MomentCondition("charge_period_start", gte=now())], "chargePeriodStart", "single charges"),
        ([has("service_name", in_=())], "serviceName", "needs a value"),
        ([has("service_name")], "serviceName", "says nothing"),
        ([tagged(in_=("a",)), tagged(not_in=("b",))], "tags", "twice"),
        ([tagged(in_=("a",)), has("region_id", in_=("b",))], "regionId", "beside `tags`"),
        ([tagged(f"key {number}", exists=True) for number in range(11)], "tags", "at most 10"),
    ],
)
def test_what_sums_of_days_cannot_choose_is_refused_by_name(
    conditions: list[Condition], field: str, words: str
) -> None:
    with pytest.raises(BadUserInputError, match=words) as told:
        checked_scope(conditions, AT)
    assert told.value.path == (*AT, field)


def test_charges_know_no_teams() -> None:
    with pytest.raises(BadUserInputError, match="Ask `costs`") as told:
        of_charges([has("team", in_=("x",))], ("where",))
    assert told.value.path == ("where", "team")


def test_scopes_are_stored_in_the_shape_of_all_conditions() -> None:
    scope = CostScope((has("service_name", in_=("EC2",)), tagged(in_=("web",))))
    stored = scope.to_json()
    assert stored == {
        "columns": [{"column": "service_name", "kind": "text", "in": ["EC2"]}],
        "tags": [{"key": "team", "in": ["web"]}],
    }
    assert CostScope.from_json(stored) == scope
    more = CostScope((has("region_id", not_in=("a",), contains="e", exists=True), tagged(exists=False)))
    assert CostScope.from_json(more.to_json()) == more
