"""Teams and allocation rules through the graph: made, changed, refused, deleted, with their history."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import text

from app.context import Runtime
from app.database import Database
from tests.clients import GraphQL, register
from tests.costs.allocation.store import Spent, fill
from tests.costs.allocation.test_runs import work
from tests.house.statements import counted
from tests.resolvers.allocation_room import OCTOBER, WHOLE, Room


async def test_a_team_is_made_changed_archived_and_back(room: Room) -> None:
    team = await room.team(" Web ", "CC-1")
    same = await room.act("updateTeam", id=team, name="Web")
    assert same["team"] == {"id": team, "name": "Web", "code": "CC-1", "archivedAt": None}
    changed = await room.act("updateTeam", id=team, name="Shop", code=None)
    assert (changed["team"]["name"], changed["team"]["code"]) == ("Shop", None)
    gone = await room.act("archiveTeam", id=team)
    assert gone["team"]["archivedAt"] is not None
    assert (await room.act("archiveTeam", id=team))["team"] == gone["team"]
    listed = """query ($slug: String!, $all: Boolean! = false) { organization(slug: $slug) {
      teams(includeArchived: $all) { totalCount nodes { name } } } }"""
    assert (await room.ask(listed))["teams"] == {"totalCount": 0, "nodes": []}
    assert (await room.ask(listed, all=True))["teams"] == {"totalCount": 1, "nodes": [{"name": "Shop"}]}
    back = await room.act("archiveTeam", id=team, archived=False)
    assert back["team"]["archivedAt"] is None
    assert [(kind, data) for kind, data in await room.events()] == [
        ("TEAM_CREATED", {"name": "Web", "code": "CC-1"}),
        ("TEAM_UPDATED", {"from": {"name": "Web", "code": "CC-1"}, "to": {"name": "Shop", "code": None}}),
        ("TEAM_ARCHIVED", {"name": "Shop", "code": None}),
        ("TEAM_RESTORED", {"name": "Shop", "code": None}),
    ]


async def test_names_and_codes_are_unique_whatever_the_case(room: Room) -> None:
    first = await room.team("Web", "CC-1")
    await room.act("archiveTeam", id=first)
    for values in ({"name": "WEB"}, {"name": "Other", "code": " cc-1"}):
        taken = await room.act("createTeam", **values)
        assert (taken["__typename"], "archived team" in taken["message"]) == ("Conflict", True)
    other = await room.team("Other")
    assert (await room.act("updateTeam", id=other, name="web"))["__typename"] == "Conflict"
    for wrong in ("", " ", "x" * 257):
        assert (await room.act("createTeam", name=wrong))["__typename"] == "InvalidInput"


async def test_a_rule_is_made_moved_changed_and_deleted_with_its_history(room: Room) -> None:
    web, data = await room.team("Web"), await room.team("Data")
    await room.act("setPromotedTagKeys", keys=["Team"])
    by_tag = await room.rule(
        name="By team", method="BY_TAG", tagKey=" TEAM", mapping=[{"value": "frontend", "teamId": web}]
    )
    assert (by_tag["tagKey"], by_tag["mapping"]) == ("team", [{"value": "frontend", "team": {"name": "Web"}}])
    tax = await room.rule(
        name="Tax",
        method="FIXED",
        where={"chargeCategory": {"eq": "Tax"}, "tags": [{"key": " TEAM", "exists": False}]},
        targets=[{"teamId": web, "percent": "33.3"}, {"teamId": data, "percent": "66.7"}],
        validFrom="2026-01-01",
    )
    assert tax["where"] == {"filter": {"chargeCategory": {"in": ["Tax"]}, "tags": [{"key": "team", "exists": False}]}}
    assert [target["percent"] for target in tax["targets"]] == ["33.3", "66.7"]
    moved = await room.act("moveAllocationRule", id=tax["id"], position=1)
    assert moved["rules"] == [{"name": "Tax", "position": 1}, {"name": "By team", "position": 2}]
    same = await room.act("updateAllocationRule", id=tax["id"], name="Tax")
    assert same["rule"]["version"] == 1
    changed = await room.act(
        "updateAllocationRule", id=tax["id"], method="EVEN", targets=[{"teamId": web}], validTo="2027-01-01"
    )
    assert (changed["rule"]["version"], changed["rule"]["method"], changed["rule"]["position"]) == (2, "EVEN", 1)
    deleted = await room.act("deleteAllocationRule", id=tax["id"])
    assert deleted["rule"]["name"] == "Tax"
    rules = (
        await room.ask("query ($slug: String!) { organization(slug: $slug) { allocationRules { name position } } }")
    )["allocationRules"]
    assert rules == [{"name": "By team", "position": 1}]
    events = (await room.events())[3:]
    assert [kind for kind, _ in events] == [
        "ALLOCATION_RULE_CREATED",
        "ALLOCATION_RULE_CREATED",
        "ALLOCATION_RULE_MOVED",
        "ALLOCATION_RULE_UPDATED",
        "ALLOCATION_RULE_DELETED",
    ]
    assert (events[3][1]["from"]["method"], events[3][1]["to"]["method"], events[3][1]["version"]) == (
        "FIXED",
        "EVEN",
        2,
    )
    assert events[3][1]["from"]["targets"][1]["percent"] == "66.7"
    assert events[4][1]["validTo"] == "2027-01-01"


async def test_rules_that_cannot_be_used_say_why(room: Room, graphql: GraphQL) -> None:
    team = await room.team("Web")
    gone = await room.team("Gone")
    await room.act("archiveTeam", id=gone)
    stranger = Room(graphql, await register(graphql, "Stranger"))
    foreign = await stranger.team("Theirs")
    one = [{"teamId": team}]
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"method": "DIRECT"}, "exactly one target"),
        ({"method": "DIRECT", "targets": [*one, {"teamId": gone}]}, "exactly one target"),
        ({"method": "DIRECT", "targets": [{"teamId": gone}]}, "archived"),
        ({"method": "DIRECT", "targets": one, "tagKey": "team"}, "BY_TAG"),
        ({"method": "EVEN", "targets": [*one, *one]}, "twice"),
        ({"method": "EVEN", "targets": [{"teamId": team, "percent": "1"}]}, "FIXED"),
        ({"method": "FIXED", "targets": one}, "percent"),
        ({"method": "FIXED", "targets": [{"teamId": team, "percent": "99.99"}]}, "sum to 99.99"),
        ({"method": "BY_TAG"}, "needs `tagKey`"),
        ({"method": "BY_TAG", "tagKey": "team"}, "not promoted"),
        ({"method": "EVEN", "targets": one, "validFrom": "2026-10-02"}, "first day"),
        ({"method": "EVEN", "targets": one, "validFrom": "2026-10-01", "validTo": "2026-10-01"}, "after `validFrom`"),
        ({"method": "EVEN", "targets": one, "where": {"tags": [{"key": "x", "exists": True}]}}, "not promoted"),
        ({"method": "EVEN", "targets": one, "where": {"provider": {}}}, "says nothing"),
        ({"method": "EVEN", "targets": one, "where": {"provider": {"in": []}}}, "1 to 200"),
        ({"method": "EVEN", "targets": one, "where": {"regionId": {"eq": "eu"}}}, "Rules do not know `regionId`"),
        ({"method": "EVEN", "targets": one, "where": {"billedCost": {"gt": "1"}}}, "single charges"),
        ({"method": "EVEN", "targets": one, "name": " "}, "1 to 256"),
    ]
    for rule, message in wrong:
        refused = await room.act("createAllocationRule", rule={"name": "Wrong"} | rule)
        assert (refused["__typename"], message in refused["message"]) == ("InvalidInput", True), refused
        assert refused["path"][:2] == ["input", "rule"]
        if "where" in rule:
            assert refused["path"][2:] == ["where", *rule["where"]]
    theirs = await room.act(
        "createAllocationRule", rule={"name": "X", "method": "EVEN", "targets": [{"teamId": foreign}]}
    )
    assert theirs["__typename"] == "NotFound"
    places = {"name": "X", "method": "EVEN", "targets": one}
    assert (await room.act("createAllocationRule", rule=places, position=2))["__typename"] == "InvalidInput"
    made = await room.rule(**places)
    assert (await room.act("moveAllocationRule", id=made["id"], position=2))["__typename"] == "InvalidInput"
    refused = await room.act("archiveTeam", id=team)
    assert (refused["__typename"], "'X'" in refused["message"]) == ("Conflict", True)
    past = await room.act("updateAllocationRule", id=made["id"], validTo="2026-01-01")
    assert past["__typename"] == "UpdateAllocationRulePayload"
    assert (await room.act("archiveTeam", id=team))["__typename"] == "ArchiveTeamPayload"
    assert (await room.act("rerunAllocation", fromMonth="2026-10-01", toMonth="2026-09-01"))[
        "__typename"
    ] == "InvalidInput"
    assert (await room.act("rerunAllocation", fromMonth="2026-10-02", toMonth="2026-11-01"))[
        "__typename"
    ] == "InvalidInput"


async def test_there_are_no_more_teams_and_notes_than_is_said(room: Room, owner: Database) -> None:
    async with owner.engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO teams (organization_id, id, name, created_at, updated_at) "
                "SELECT :id, gen_random_uuid(), 'Team ' || number, now(), now() FROM generate_series(1, 1999) AS number"
            ),
            {"id": room.organization_id},
        )
        await connection.execute(
            text(
                "INSERT INTO allocation_months (organization_id, month, rules_id, notes, computed_at) "
                "SELECT :id, month, 1, (SELECT jsonb_agg(jsonb_build_object('code', 'NO_DIRECT_COST', 'ruleId', "
                "gen_random_uuid(), 'currency', 'USD')) FROM generate_series(1, 600)), now() "
                "FROM unnest(ARRAY[date '2026-09-01', date '2026-10-01']) AS month"
            ),
            {"id": room.organization_id},
        )
    await room.team("The last")
    refused = await room.act("createTeam", name="One more")
    assert (refused["__typename"], refused["message"]) == (
        "Conflict",
        "An organization has at most 2,000 teams, archived ones included.",
    )
    report = await room.report(period=WHOLE | {"start": "2026-09-01"})
    assert [note["month"] for note in report["notes"]] == ["2026-09-01"] * 400 + ["2026-10-01"] * 600


async def test_statements_do_not_depend_on_the_page(room: Room, owner: Database, runtime: Runtime) -> None:
    for number in range(6):
        await room.team(f"Team {number}")
    await fill(owner, room.organization_id, [Spent(OCTOBER, Decimal(1), tags={"t": f"Team {n}"}) for n in range(6)])
    await room.act("setPromotedTagKeys", keys=["t"])
    await room.rule(name="By t", method="BY_TAG", tagKey="t")
    await work(runtime.database, runtime.settings.redis_url or "")
    page = """query ($slug: String!, $first: Int!, $period: CostPeriodInput!) { organization(slug: $slug) {
      teams(first: $first) { totalCount nodes { name costs(period: $period) { cost } } } } }"""
    numbers = []
    for first in (2, 6):
        with counted(runtime.database) as statements:
            answer = await room.ask(page, first=first, period=WHOLE)
        numbers.append(len(statements))
        assert [node["costs"]["cost"] for node in answer["teams"]["nodes"]] == ["1"] * first
        assert answer["teams"]["totalCount"] == 6
    assert numbers[0] == numbers[1]
    with counted(runtime.database) as statements:
        report = await room.report()
    assert len(report["lines"]) == 6
    # Two doors (two statements to enter, one transaction each): the report's eight reads, and one for all teams.
    assert len([each for each in statements if "SELECT" in each and "app_set_org" not in each]) <= 12


async def test_nodes_and_strangers(room: Room, graphql: GraphQL) -> None:
    team = await room.team("Web")
    rule = await room.rule(name="All", method="DIRECT", targets=[{"teamId": team}])
    run = (await room.act("rerunAllocation", fromMonth="2026-10-01", toMonth="2026-10-01"))["run"]
    ids = [team, rule["id"], run["id"]]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    found = await graphql.data(query, {"ids": ids}, token=room.person.token)
    assert [node["__typename"] for node in found["nodes"]] == ["Team", "AllocationRule", "AllocationRun"]
    stranger = await register(graphql, "Stranger")
    assert (await graphql.data(query, {"ids": ids}, token=stranger.token))["nodes"] == [None, None, None]
