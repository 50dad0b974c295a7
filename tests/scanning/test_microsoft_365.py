"""A tenant of Microsoft 365 from its first scan to what is found in it, and a permission that is taken away."""

from __future__ import annotations

from dataclasses import replace

from app.accounts.target import seal_secret
from app.database import Database
from app.models import Account, new_id, now
from app.providers.m365.cloud import M365Cloud
from app.records import AccountKind, ConnectionMethod, Provider
from tests.providers.azure.arm_server import CLIENT, SECRET, TENANT
from tests.providers.m365.conftest import IMPATIENT, microsoft, server_certificate
from tests.providers.m365.graph_server import ALL_ROLES, GraphServer
from tests.recommendations.looking import add_company
from tests.repositories.found import ORGANIZATION
from tests.scanning.engine import Engine

__all__ = ["microsoft", "server_certificate"]

FOUND = """SELECT one.check_id, resource.name, one.state, one.saving ->> 'reason' IS NOT NULL
    FROM recommendations AS one JOIN resources AS resource ON resource.id = one.resource_id
    WHERE one.check_id IN ('m365.licence.unassigned', 'm365.user.inactive_licensed', 'm365.group.ownerless')
    ORDER BY one.check_id, resource.name"""
WASTE = [
    ("m365.group.ownerless", "Stale", "OPEN", False),
    ("m365.licence.unassigned", "Microsoft_365_Copilot", "OPEN", True),
    ("m365.licence.unassigned", "SPE_E3", "OPEN", True),
    ("m365.user.inactive_licensed", "bea@contoso.com", "OPEN", True),
]
LEFT = "SELECT resource_type, count(*) FROM resources WHERE gone_at IS NULL GROUP BY 1 ORDER BY 1"


async def connect(engine: Engine, server: GraphServer) -> None:
    """The tenant as a connected account."""
    account_id = new_id()
    endpoints = {"graph": server.url, "authority": server.url}
    async with engine.database.write(engine.organization_id) as session:
        session.add(
            Account(
                organization_id=engine.organization_id,
                id=account_id,
                provider=Provider.MICROSOFT_365.value,
                kind=AccountKind.CONNECTED.value,
                native_id=TENANT,
                name="Contoso",
                method=ConnectionMethod.M365_SECRET.value,
                settings={"tenantId": TENANT, "clientId": CLIENT, "endpoints": endpoints},
            )
        )
        await session.flush()
        await seal_secret(session, engine.vault, engine.organization_id, account_id, {"clientSecret": SECRET})


async def test_a_tenant_is_scanned_and_looked_at(engine: Engine, owner: Database, microsoft: GraphServer) -> None:
    microsoft.lists["/users"][0]["signInActivity"] = {"lastSignInDateTime": now().isoformat()}
    engine = replace(engine, clouds=lambda _: M365Cloud(IMPATIENT), organization_id=ORGANIZATION)
    await add_company(owner)
    await connect(engine, microsoft)
    assert (await engine.scan())["state"] == "SUCCEEDED"
    assert await engine.rows(FOUND) == WASTE
    before = await engine.rows(LEFT)
    assert len(before) == 9

    # A denied list is no empty one: what is stored stays, and so does what was found.
    microsoft.roles = tuple(role for role in ALL_ROLES if role not in {"User.Read.All", "Group.Read.All"})
    scan = await engine.scan()
    assert scan["state"] == "PARTIAL"
    steps = await engine.steps(scan["id"])
    problems = [problem for step in steps.values() for problem in step["problems"]]
    assert {(one["resourceTypes"][0], one["permission"]) for one in problems} == {
        ("microsoft.graph/users", "User.Read.All"),
        ("microsoft.graph/deletedUsers", "User.Read.All"),
        ("microsoft.graph/drives", "User.Read.All"),
        ("microsoft.graph/groups", "Group.Read.All"),
        ("microsoft.graph/teams", "Group.Read.All"),
    }
    assert await engine.rows(LEFT) == before
    assert await engine.rows(FOUND) == WASTE

    # Without reports and sign-ins users are told all the same; what is not known takes nothing back.
    microsoft.roles = tuple(role for role in ALL_ROLES if role not in {"Reports.Read.All", "AuditLog.Read.All"})
    microsoft.conceals = True
    assert (await engine.scan())["state"] == "PARTIAL"
    assert await engine.rows(LEFT) == before
    assert await engine.rows(FOUND) == WASTE
    hidden = "SELECT count(*) FROM resources WHERE properties ->> 'dataConcealed' = 'true'"
    assert await engine.rows(hidden) == [(4,)]
