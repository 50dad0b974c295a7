"""Who bears costs through the graph: reports, what is unknown, previews."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from app.context import Runtime
from app.costs.analysis.nodes import NO_METRIC, NO_RATE, NOTHING_IMPORTED
from app.database import Database
from tests.costs.allocation.store import Spent, fill
from tests.costs.allocation.test_runs import work
from tests.resolvers.allocation_room import CONVERTED, OCTOBER, PREVIEW, WHOLE, Room


async def test_a_report_has_direct_and_shared_costs_in_one_currency(
    room: Room, owner: Database, runtime: Runtime
) -> None:
    spent = [
        Spent(OCTOBER, Decimal("60.00"), tags={"team": "web"}),
        Spent(date(2026, 10, 31), Decimal("20.00"), tags={"TEAM ": "CC-2"}),
        Spent(OCTOBER, Decimal("8.00"), charge_category="Tax"),
        Spent(OCTOBER, Decimal("10.00"), charge_category="Tax", billing_currency="EUR"),
        Spent(OCTOBER, Decimal("3.00"), billing_currency="JPY"),
        Spent(OCTOBER, Decimal("4.50")),
    ]
    await fill(owner, room.organization_id, spent)
    async with owner.engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO currency_rates (organization_id, from_currency, to_currency, valid_from, rate, source, "
                "updated_at) VALUES (:id, 'EUR', 'USD', '2026-10-15', 1.1, 'test', now())"
            ),
            {"id": room.organization_id},
        )
    before = await room.report()
    assert (before["currency"], before["cost"], before["staleMonths"]) == ("USD", "103.500", [])
    (nobody,) = before["lines"]
    assert (nobody["team"], nobody["share"]) == (None, "1.0000")
    yen = [{"currency": "JPY", "amount": "3.00"}]
    assert nobody["costs"]["unconverted"] == yen

    web, data = await room.team("Web"), await room.team("Data", "CC-2")
    await room.act("setPromotedTagKeys", keys=["team"])
    await room.rule(name="By team", method="BY_TAG", tagKey="team")
    tax = {"chargeCategory": {"in": ["Tax"]}}
    both = [{"teamId": web}, {"teamId": data}]
    await room.rule(name="Tax", method="PROPORTIONAL", where=tax, targets=both)
    assert (await room.report())["staleMonths"] == ["2026-10-01"]
    asked = await room.act("rerunAllocation", fromMonth="2026-10-01", toMonth="2026-10-01")
    assert asked["run"]["state"] == "QUEUED"
    await work(runtime.database, runtime.settings.redis_url or "")
    report = await room.report()
    assert (report["cost"], report["staleMonths"]) == ("103.50", [])
    assert [(line["team"], line["share"], line["costs"]) for line in report["lines"]] == [
        (
            {"name": "Web"},
            "0.6908",
            {
                "currency": "USD",
                "cost": "71.50",
                "directCost": "60.00",
                "sharedCost": "11.5",
                "reason": None,
                **CONVERTED,
            },
        ),
        (
            {"name": "Data"},
            "0.2657",
            {
                "currency": "USD",
                "cost": "27.50",
                "directCost": "20.00",
                "sharedCost": "7.5",
                "reason": None,
                **CONVERTED,
            },
        ),
        (
            None,
            "0.0435",
            {
                "currency": "USD",
                "cost": "4.50",
                "directCost": "4.50",
                "sharedCost": "0",
                "reason": None,
                "unconverted": yen,
                "directUnconverted": yen,
                "sharedUnconverted": [],
            },
        ),
    ]
    assert report["notes"] == [
        {"code": "NO_DIRECT_COST", "month": "2026-10-01", "currency": "EUR", "rule": {"name": "Tax"}}
    ]
    assert report["unconverted"] == yen
    unknown = await room.report(metric="CONTRACTED_COST")
    assert (unknown["cost"], {line["share"] for line in unknown["lines"]}) == (None, {None})
    assert {line["costs"]["reason"] for line in unknown["lines"] if line["team"] is not None} == {NO_METRIC}
    kinds = [kind for kind, _ in await room.events()]
    assert kinds[-2:] == ["ALLOCATION_FINISHED", "ALLOCATION_FINISHED"]
    assert {"TAG_KEYS_PROMOTED", "ALLOCATION_RERUN"} <= set(kinds)
    listed = """query ($slug: String!) { organization(slug: $slug) { allocationRuns { kind state monthsDone }
      tagKeys { key promoted position spellings tagSets month
        costs { currency effectiveCost totalEffectiveCost share } } } }"""
    answer = await room.ask(listed)
    assert answer["allocationRuns"] == [
        {"kind": "RULES", "state": "SUCCEEDED", "monthsDone": 1},
        {"kind": "TAG_KEYS", "state": "SUCCEEDED", "monthsDone": 1},
    ]
    (key,) = answer["tagKeys"]
    assert (key["key"], key["position"], key["tagSets"], key["month"]) == ("team", 1, 2, "2026-10-01")
    assert sorted(key["spellings"]) == ["TEAM ", "team"]
    assert {"currency": "USD", "effectiveCost": "80.00", "totalEffectiveCost": "92.50", "share": "0.8649"} in key[
        "costs"
    ]


async def test_where_nothing_was_imported_costs_are_unknown_and_not_nothing(room: Room, owner: Database) -> None:
    unknown: dict[str, Any] = {
        "cost": None,
        "directCost": None,
        "sharedCost": None,
        "reason": NOTHING_IMPORTED,
        **CONVERTED,
    }
    nothing: dict[str, Any] = {"cost": "0", "directCost": "0", "sharedCost": "0", "reason": None, **CONVERTED}
    await room.team("Web")
    empty = await room.report()
    assert (empty["cost"], empty["reason"], empty["lines"]) == (None, NOTHING_IMPORTED, [])
    total = await room.ask(
        "query ($slug: String!, $period: CostPeriodInput!) { organization(slug: $slug) { "
        "costs(period: $period) { total reason } } }",
        period=WHOLE,
    )
    assert (total["costs"]["total"], total["costs"]["reason"]) == (empty["cost"], empty["reason"])
    assert (await room.costs_of_teams())["Web"] == {"currency": "USD"} | unknown

    await fill(owner, room.organization_id, [Spent(OCTOBER, Decimal("60.00"))])
    assert (await room.costs_of_teams())["Web"] == {"currency": "USD"} | nothing, "known, and not a team's"
    january = {"start": "2020-01-01", "end": "2020-02-01"}
    assert (await room.costs_of_teams(january))["Web"] == {"currency": "USD"} | unknown
    assert (await room.report(period=january))["reason"] == NOTHING_IMPORTED


async def test_what_no_rate_converts_is_unknown_and_told_apart(room: Room, owner: Database, runtime: Runtime) -> None:
    yen = Spent(OCTOBER, Decimal("41335.4"), charge_category="Tax", billing_currency="JPY")
    await fill(owner, room.organization_id, [yen, Spent(OCTOBER, Decimal(5), tags={"team": "web"})])
    both = [{"teamId": await room.team("Web")}, {"teamId": await room.team("Data")}]
    await room.act("setPromotedTagKeys", keys=["team"])
    await room.rule(name="By team", method="BY_TAG", tagKey="team")
    await room.rule(name="Tax", method="EVEN", targets=both)
    await room.act("rerunAllocation", fromMonth="2026-10-01", toMonth="2026-10-01")
    await work(runtime.database, runtime.settings.redis_url or "")
    shared = [{"currency": "JPY", "amount": "20667.7"}]
    found = {"currency": "USD", "sharedCost": None, "reason": NO_RATE, "unconverted": shared}
    found |= {"directUnconverted": [], "sharedUnconverted": shared}
    assert await room.costs_of_teams() == {
        "Web": found | {"cost": "5", "directCost": "5"},
        "Data": found | {"cost": None, "directCost": "0"},
    }
    report = await room.report()
    assert (report["cost"], report["reason"]) == ("5", None)
    assert report["unconverted"] == [{"currency": "JPY", "amount": "41335.4"}]
    assert [(line["team"]["name"], line["share"]) for line in report["lines"]] == [("Web", "1.0000"), ("Data", None)]


async def test_a_preview_tells_what_would_move_and_stores_nothing(room: Room, owner: Database) -> None:
    web, data = await room.team("Web"), await room.team("Data")
    await fill(owner, room.organization_id, [Spent(OCTOBER, Decimal(9)), Spent(OCTOBER, Decimal(2), "AWS Support")])
    support = {"serviceName": {"contains": "SUPPORT"}}
    rule = await room.rule(name="Support", method="DIRECT", where=support, targets=[{"teamId": web}])
    every = {"name": "All", "method": "EVEN", "targets": [{"teamId": web}, {"teamId": data}]}
    behind = await room.ask(PREVIEW, input={"month": "2026-10-01", "rule": every})
    moves = behind["previewAllocationRule"]["moves"]
    assert [(move["team"], move["before"], move["after"], move["change"]) for move in moves] == [
        (None, "9", None, "-9"),
        ({"name": "Web"}, "2", "6.5", "4.5"),
        ({"name": "Data"}, None, "4.5", "4.5"),
    ]
    instead = await room.ask(PREVIEW, input={"month": "2026-10-01", "rule": every, "replaces": rule["id"]})
    moves = instead["previewAllocationRule"]["moves"]
    assert [(move["team"], move["change"]) for move in moves] == [
        (None, "-9"),
        ({"name": "Web"}, "3.5"),
        ({"name": "Data"}, "5.5"),
    ]
    async with owner.engine.connect() as connection:
        for table in ("allocated_daily", "team_daily", "allocation_months"):
            count = text(f"SELECT count(*) FROM {table}")  # noqa: S608  (constants)
            assert (await connection.execute(count)).scalar_one() == 0


async def test_a_preview_waits_until_past_months_know_a_tag_key(room: Room, owner: Database, runtime: Runtime) -> None:
    await room.team("web")
    await fill(owner, room.organization_id, [Spent(OCTOBER, Decimal(5), tags={"team": "web"})])
    await room.act("setPromotedTagKeys", keys=["team"])
    by_team = {"month": "2026-10-01", "rule": {"name": "By team", "method": "BY_TAG", "tagKey": "team"}}
    answer = await room.graphql(PREVIEW, {"slug": room.person.slug, "input": by_team}, token=room.person.token)
    assert "promoted a short time ago" in answer["errors"][0]["message"]
    await work(runtime.database, runtime.settings.redis_url or "")
    told = await room.ask(PREVIEW, input=by_team)
    assert [move["change"] for move in told["previewAllocationRule"]["moves"]] == ["-5", "5"]
