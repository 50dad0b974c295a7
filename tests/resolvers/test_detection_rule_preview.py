"""What another rule would find and no longer find, through the graph."""

from __future__ import annotations

from typing import Any

from app.context import Runtime
from app.database import Database
from app.schema.node import global_id, parse_id
from tests.auth.people import everything_stored
from tests.clients import GraphQL, register
from tests.house.statements import counted
from tests.resolvers.company import code_of, company
from tests.resolvers.test_detection_rules import UNATTACHED, Tune, account_of, minimal_age, tune
from tests.resolvers.test_recommendations import Caller, caller

__all__ = ["caller", "tune"]  # fixtures

SIDE = """count unknownCount potential findings { monthlySaving { amount currency } basis severity isCounted why
  resource { nativeId } account { name } }"""
PREVIEW = f"""query ($slug: String!, $input: PreviewDetectionRuleInput!) {{ organization(slug: $slug) {{
  previewDetectionRule(input: $input) {{ checkId currency resourceCount undecidedCount potentialChange
    gained {{ {SIDE} }} lost {{ {SIDE} }} }} }} }}"""


async def preview(caller: Caller, changes: dict[str, Any] | None, **values: Any) -> dict[str, Any]:
    sent = {"checkId": UNATTACHED, **({} if changes is None else {"changes": changes}), **values}
    variables = {"slug": caller.person.slug, "input": sent}
    answer = await caller.graphql.data(PREVIEW, variables, token=caller.person.token)
    found: dict[str, Any] = answer["organization"]["previewDetectionRule"]
    return found


def names(side: dict[str, Any]) -> list[str]:
    return [one["resource"]["nativeId"] for one in side["findings"]]


async def test_what_would_be_lost(caller: Caller, owner: Database) -> None:
    before = await everything_stored(owner)
    found = await preview(caller, {"minimumMonthlySaving": "60"})
    assert await everything_stored(owner) == before
    lost = found["lost"]
    assert (found["resourceCount"], found["undecidedCount"], found["currency"]) == (3, 0, "USD")
    assert (lost["count"], lost["unknownCount"], lost["potential"]) == (1, 0, "50.0000")
    (one,) = lost["findings"]
    assert one == {
        "monthlySaving": {"amount": "50.0000", "currency": "USD"},
        "basis": "LIST",
        "severity": one["severity"],
        "isCounted": True,
        "why": "It would save less than the rule asks for.",
        "resource": {"nativeId": "vol-old"},
        "account": one["account"],
    }
    assert found["potentialChange"] == "-45.0000"  # gp3 in place of gp2 comes to count
    assert found["gained"] == {"count": 0, "unknownCount": 0, "potential": "0", "findings": []}


async def test_what_would_be_gained(caller: Caller, tune: Tune) -> None:
    await tune(enabled=False)
    await caller.look()
    found = await preview(caller, {"enabled": True})
    assert names(found["gained"]) == ["vol-big", "vol-old", "vol-odd"]
    assert (found["gained"]["unknownCount"], found["gained"]["potential"]) == (1, "130.0000")
    assert (found["potentialChange"], found["lost"]["count"]) == ("125.0000", 0)
    assert await preview(caller, None) == found  # as it is delivered


async def test_a_mistake_is_told_at_its_field(caller: Caller, graphql: GraphQL) -> None:
    stranger = await register(graphql, "Stranger")
    foreign = global_id("Account", parse_id(await account_of(caller)).id, parse_id(stranger.organization_id).id)
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        ({"changes": {"parameters": minimal_age(4000)}}, ["input", "changes", "parameters", "minAgeDays"]),
        ({"checkId": "aws.nothing"}, ["input", "checkId"]),
        ({"accountIds": [foreign]}, ["input", "accountIds", "0"]),
    ]
    for values, path in wrong:
        variables = {"slug": caller.person.slug, "input": {"checkId": UNATTACHED, **values}}
        answer = await graphql(PREVIEW, variables, token=caller.person.token)
        assert code_of(answer) == "BAD_USER_INPUT", path
    aliases = " ".join(
        f'p{n}: previewDetectionRule(input: {{checkId: "{UNATTACHED}"}}) {{ checkId }}' for n in range(4)
    )
    document = f'{{ organization(slug: "{caller.person.slug}") {{ {aliases} }} }}'
    answer = await graphql(document, token=caller.person.token)
    assert "may try 3 detection rules" in answer["errors"][0]["message"]


async def test_only_who_may_change_rules_may_try_them(graphql: GraphQL) -> None:
    made = await company(graphql)
    variables = {"slug": made.slug, "input": {"checkId": UNATTACHED}}
    assert code_of(await graphql(PREVIEW, variables, token=made.token("VIEWER"))) == "FORBIDDEN"
    assert "errors" not in await graphql(PREVIEW, variables, token=made.token("MEMBER"))


async def test_statements_do_not_grow_with_the_resources(caller: Caller, runtime: Runtime) -> None:
    counts = []
    for more in (0, 30):
        await caller.ingest(*[(f"vol-{number}", "gp3", "100") for number in range(more)])
        await caller.look()
        with counted(runtime.database) as statements:
            found = await preview(caller, {"enabled": False})
        assert found["lost"]["count"] == 3 + more
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_some_accounts_are_tried(caller: Caller) -> None:
    found = await preview(caller, {"enabled": False}, accountIds=[await account_of(caller)])
    assert found["lost"]["count"] == 3
    assert (await preview(caller, {"enabled": False}, accountIds=[]))["resourceCount"] == 0
