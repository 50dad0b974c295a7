"""Teams, tag keys and allocation through the graph: acts, reads, reports, events, statements."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from app.context import Runtime
from app.costs.analysis.nodes import NO_METRIC, NO_RATE, NOTHING_IMPORTED
from app.database import Database
from app.schema.node import parse_id
from tests.clients import GraphQL, Person, register
from tests.costs.allocation.store import Spent, fill
from tests.costs.allocation.test_runs import work
from tests.house.statements import counted

OCTOBER = date(2026, 10, 1)
TEAM = "team { id name code archivedAt }"
RULE = """rule { id position name enabled method tagKey version validFrom validTo
  match { dimensions { dimension in notIn contains } tags { key in notIn exists } }
  mapping { value team { name } } targets { percent team { name } } }"""
RUN = "run { id kind state fromMonth toMonth nextMonth monthsDone }"
SELECTIONS = {
    "createTeam": TEAM,
    "updateTeam": TEAM,
    "archiveTeam": TEAM,
    "setPromotedTagKeys": f"keys {RUN}",
    "createAllocationRule": RULE,
    "updateAllocationRule": RULE,
    "moveAllocationRule": "rules { name position }",
    "deleteAllocationRule": RULE,
    "rerunAllocation": RUN,
}
COSTS_PARTS = "currency cost directCost sharedCost reason unconverted { currency cost directCost sharedCost }"
COSTS = f"costs {{ {COSTS_PARTS} }}"
REPORT = f"""query ($slug: String!, $period: DaysInput!, $metric: CostMetric) {{ organization(slug: $slug) {{
  allocation(period: $period, metric: $metric) {{
    currency cost reason unconverted {{ currency cost directCost sharedCost }} staleMonths
    lines {{ team {{ name }} share {COSTS} }}
    notes {{ code month currency rule {{ name }} }} }} }} }}"""
PREVIEW = """query ($slug: String!, $input: PreviewAllocationRuleInput!) { organization(slug: $slug) {
  previewAllocationRule(input: $input) { month moves { currency before after change team { name } }
    notes { code rule { name } } } } }"""
EVENTS = """query ($slug: String!) { organization(slug: $slug) { activity(first: 100) { nodes { kind data } } } }"""
WHOLE = {"start": "2026-10-01", "end": "2026-11-01"}


class Room:
    """A person with an organization, who acts through the graph."""

    def __init__(self, graphql: GraphQL, person: Person) -> None:
        self.graphql = graphql
        self.person = person
        self.organization_id = parse_id(person.organization_id).id

    async def act(self, mutation: str, /, **values: Any) -> dict[str, Any]:
        """Run a mutation; its result."""
        capital = mutation[0].upper() + mutation[1:]
        document = f"""mutation ($input: {capital}Input!) {{ {mutation}(input: $input) {{ __typename
          ... on {capital}Payload {{ {SELECTIONS[mutation]} }} ... on UserError {{ code message path }} }} }}"""
        if "id" not in values:
            values["organizationId"] = self.person.organization_id
        answer = await self.graphql.data(document, {"input": values}, token=self.person.token)
        result: dict[str, Any] = answer[mutation]
        return result

    async def team(self, name: str, code: str | None = None) -> str:
        """A new team's id."""
        made = await self.act("createTeam", name=name, code=code)
        assert made["__typename"] == "CreateTeamPayload", made
        return str(made["team"]["id"])

    async def rule(self, **rule: Any) -> dict[str, Any]:
        """A new rule."""
        made = await self.act("createAllocationRule", rule=rule)
        assert made["__typename"] == "CreateAllocationRulePayload", made
        return dict(made["rule"])

    async def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """Fields of the organization."""
        variables["slug"] = self.person.slug
        answer = await self.graphql.data(document, variables, token=self.person.token)
        return dict(answer["organization"])

    async def report(self, **variables: Any) -> dict[str, Any]:
        """The report of a month."""
        return dict((await self.ask(REPORT, **{"period": WHOLE} | variables))["allocation"])

    async def costs_of_teams(self, period: dict[str, str] = WHOLE) -> dict[str, dict[str, Any]]:
        """By name, what teams bear of a period."""
        document = f"""query ($slug: String!, $period: DaysInput!) {{ organization(slug: $slug) {{
          teams(first: 10) {{ nodes {{ name costs(period: $period) {{ {COSTS_PARTS} }} }} }} }} }}"""
        nodes = (await self.ask(document, period=period))["teams"]["nodes"]
        return {node["name"]: node["costs"] for node in nodes}

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Events about this room, the oldest first."""
        nodes = (await self.ask(EVENTS))["activity"]["nodes"][::-1]
        kinds = ("TEAM", "TAG", "ALLOCATION")
        return [(node["kind"], node["data"]) for node in nodes if node["kind"].startswith(kinds)]


@pytest.fixture
async def room(graphql: GraphQL) -> Room:
    return Room(graphql, await register(graphql))


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
        match={
            "dimensions": [{"dimension": "CHARGE_CATEGORY", "in": ["Tax"]}],
            "tags": [{"key": "Team", "exists": False}],
        },
        targets=[{"teamId": web, "percent": "33.3"}, {"teamId": data, "percent": "66.7"}],
        validFrom="2026-01-01",
    )
    assert tax["match"] == {
        "dimensions": [{"dimension": "CHARGE_CATEGORY", "in": ["Tax"], "notIn": None, "contains": None}],
        "tags": [{"key": "team", "in": None, "notIn": None, "exists": False}],
    }
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
        ({"method": "EVEN", "targets": one, "match": {"tags": [{"key": "x", "exists": True}]}}, "not promoted"),
        ({"method": "EVEN", "targets": one, "match": {"dimensions": [{"dimension": "PROVIDER"}]}}, "says nothing"),
        (
            {"method": "EVEN", "targets": one, "match": {"dimensions": [{"dimension": "PROVIDER", "in": []}]}},
            "1 to 500",
        ),
        ({"method": "EVEN", "targets": one, "name": " "}, "1 to 256"),
    ]
    for rule, message in wrong:
        refused = await room.act("createAllocationRule", rule={"name": "Wrong"} | rule)
        assert (refused["__typename"], message in refused["message"]) == ("InvalidInput", True), refused
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
    assert nobody["costs"]["unconverted"] == [
        {"currency": "JPY", "cost": "3.00", "directCost": "3.00", "sharedCost": "0"}
    ]

    web, data = await room.team("Web"), await room.team("Data", "CC-2")
    await room.act("setPromotedTagKeys", keys=["team"])
    await room.rule(name="By team", method="BY_TAG", tagKey="team")
    tax = {"dimensions": [{"dimension": "CHARGE_CATEGORY", "in": ["Tax"]}]}
    both = [{"teamId": web}, {"teamId": data}]
    await room.rule(name="Tax", method="PROPORTIONAL", match=tax, targets=both)
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
                "unconverted": [],
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
                "unconverted": [],
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
                "unconverted": [{"currency": "JPY", "cost": "3.00", "directCost": "3.00", "sharedCost": "0"}],
            },
        ),
    ]
    assert report["notes"] == [
        {"code": "NO_DIRECT_COST", "month": "2026-10-01", "currency": "EUR", "rule": {"name": "Tax"}}
    ]
    assert report["unconverted"] == [{"currency": "JPY", "cost": "3.00", "directCost": "3.00", "sharedCost": "0"}]
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
        "unconverted": [],
    }
    nothing: dict[str, Any] = {"cost": "0", "directCost": "0", "sharedCost": "0", "reason": None, "unconverted": []}
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
    shared = {"currency": "JPY", "cost": "20667.7", "directCost": "0", "sharedCost": "20667.7"}
    found = {"currency": "USD", "sharedCost": None, "reason": NO_RATE, "unconverted": [shared]}
    assert await room.costs_of_teams() == {
        "Web": found | {"cost": "5", "directCost": "5"},
        "Data": found | {"cost": None, "directCost": "0"},
    }
    report = await room.report()
    assert (report["cost"], report["reason"]) == ("5", None)
    assert report["unconverted"] == [{"currency": "JPY", "cost": "41335.4", "directCost": "0", "sharedCost": "41335.4"}]
    assert [(line["team"]["name"], line["share"]) for line in report["lines"]] == [("Web", "1.0000"), ("Data", None)]


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


async def test_a_preview_tells_what_would_move_and_stores_nothing(room: Room, owner: Database) -> None:
    web, data = await room.team("Web"), await room.team("Data")
    await fill(owner, room.organization_id, [Spent(OCTOBER, Decimal(9)), Spent(OCTOBER, Decimal(2), "AWS Support")])
    support = {"dimensions": [{"dimension": "SERVICE_NAME", "contains": "SUPPORT"}]}
    rule = await room.rule(name="Support", method="DIRECT", match=support, targets=[{"teamId": web}])
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


async def test_statements_do_not_depend_on_the_page(room: Room, owner: Database, runtime: Runtime) -> None:
    for number in range(6):
        await room.team(f"Team {number}")
    await fill(owner, room.organization_id, [Spent(OCTOBER, Decimal(1), tags={"t": f"Team {n}"}) for n in range(6)])
    await room.act("setPromotedTagKeys", keys=["t"])
    await room.rule(name="By t", method="BY_TAG", tagKey="t")
    await work(runtime.database, runtime.settings.redis_url or "")
    page = """query ($slug: String!, $first: Int!, $period: DaysInput!) { organization(slug: $slug) {
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
