"""Roles and memberships: who may touch whom, and that there is always an owner."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from app.auth.authenticator import Authenticator
from app.auth.permissions import PERMISSIONS
from app.database import Database
from app.errors import ConflictError, ForbiddenError, NotFoundError
from app.models import new_id
from app.organizations.api_keys import create_api_key
from app.organizations.members import change_member_role, remove_member
from app.records import Principal, Role
from tests.auth.people import Presented, Team, team
from tests.organizations.test_organizations import events, rows


async def change(made: Team, by: str, whom: str, role: Role) -> Any:
    """One member gives another (or themselves) a role."""
    return await change_member_role(
        made.authenticator.database,
        made.organization_id,
        await made.principal(by),
        await made.member_id(whom),
        role=role,
    )


async def remove(made: Team, by: str, whom: str) -> Any:
    """One member removes another (or themselves)."""
    principal, member_id = await made.principal(by), await made.member_id(whom)
    return await remove_member(made.authenticator.database, made.organization_id, principal, member_id)


async def roles(owner: Database) -> dict[str, str]:
    """Role by name."""
    found = await rows(owner, "SELECT lower(name) AS name, role FROM memberships JOIN users ON users.id = user_id")
    return {row["name"]: row["role"] for row in found}


async def test_changing_a_role(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator, mia=Role.VIEWER)
    row = await change(made, "olga", "mia", Role.ADMIN)
    assert row["role"] == "ADMIN"
    data = {"userId": str(made.sign_ins["mia"].user["id"]), "from": "VIEWER", "to": "ADMIN"}
    assert (await events(owner))[-1] == ("MEMBER_ROLE_CHANGED", data)
    count = len(await events(owner))
    await change(made, "olga", "mia", Role.ADMIN)
    assert len(await events(owner)) == count, "no change, no event"


@pytest.mark.parametrize(
    ("by", "whom", "role"),
    [
        ("vera", "mia", Role.VIEWER),
        ("mia", "vera", Role.MEMBER),
        ("mia", "mia", Role.ADMIN),
        ("ada", "olga", Role.ADMIN),
        ("ada", "mia", Role.OWNER),
        ("ada", "ada", Role.OWNER),
    ],
)
async def test_who_may_not_change_whom(
    authenticator: Authenticator, owner: Database, by: str, whom: str, role: Role
) -> None:
    made = await team(authenticator, ada=Role.ADMIN, mia=Role.MEMBER, vera=Role.VIEWER)
    before, count = await roles(owner), len(await events(owner))
    with pytest.raises(ForbiddenError):
        await change(made, by, whom, role)
    assert await roles(owner) == before
    assert len(await events(owner)) == count


@pytest.mark.parametrize(("by", "whom"), [("vera", "mia"), ("mia", "vera"), ("ada", "olga")])
async def test_who_may_not_remove_whom(authenticator: Authenticator, owner: Database, by: str, whom: str) -> None:
    made = await team(authenticator, ada=Role.ADMIN, mia=Role.MEMBER, vera=Role.VIEWER)
    before = await roles(owner)
    with pytest.raises(ForbiddenError):
        await remove(made, by, whom)
    assert await roles(owner) == before


async def test_removing_and_leaving(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator, ada=Role.ADMIN, mia=Role.MEMBER, vera=Role.VIEWER)
    await remove(made, "ada", "mia")
    await remove(made, "vera", "vera")
    assert await roles(owner) == {"olga": "OWNER", "ada": "ADMIN"}
    kinds = [(kind, data["left"]) for kind, data in (await events(owner))[-2:]]
    assert kinds == [("MEMBER_REMOVED", False), ("MEMBER_REMOVED", True)]
    assert (await made.principal("mia")).grants == {}


async def test_the_last_owner_can_neither_leave_nor_step_down(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator, ada=Role.ADMIN)
    acts: list[Coroutine[Any, Any, Any]] = [remove(made, "olga", "olga"), change(made, "olga", "olga", Role.ADMIN)]
    for act in acts:
        with pytest.raises(ConflictError, match="last owner"):
            await act
    await change(made, "olga", "ada", Role.OWNER)
    await remove(made, "olga", "olga")
    assert await roles(owner) == {"ada": "OWNER"}


@pytest.mark.parametrize("round_", range(2))
@pytest.mark.parametrize("how", ["demote", "remove", "leave"])
async def test_two_owners_at_once_leave_one(
    authenticator: Authenticator, owner: Database, how: str, round_: int
) -> None:
    made = await team(authenticator, otto=Role.OWNER)
    principals = {name: await made.principal(name) for name in ("olga", "otto")}
    members = {name: await made.member_id(name) for name in ("olga", "otto")}
    database, organization_id = authenticator.database, made.organization_id
    pairs = [("olga", "otto"), ("otto", "olga")][:: 1 if round_ % 2 else -1]

    def act(by: str, whom: str) -> Coroutine[Any, Any, Any]:
        if how == "demote":
            return change_member_role(database, organization_id, principals[by], members[whom], role=Role.MEMBER)
        return remove_member(database, organization_id, principals[by], members[by if how == "leave" else whom])

    answers = await asyncio.gather(*(act(by, whom) for by, whom in pairs), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert len(refused) == 1
    assert isinstance(refused[0], ConflictError | ForbiddenError | NotFoundError), refused[0]
    assert sorted((await roles(owner)).values()).count("OWNER") == 1


async def test_absent_and_foreign_members_are_the_same(authenticator: Authenticator) -> None:
    made = await team(authenticator)
    olga = await made.principal("olga")
    for act in (
        change_member_role(authenticator.database, made.organization_id, olga, new_id(), role=Role.VIEWER),
        remove_member(authenticator.database, made.organization_id, olga, new_id()),
    ):
        with pytest.raises(NotFoundError, match="no such member"):
            await act


async def test_a_key_with_every_scope_is_no_owner(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator, otto=Role.OWNER, mia=Role.MEMBER)
    scopes = sorted(PERMISSIONS[Role.ADMIN])
    _, key = await create_api_key(
        authenticator.database,
        made.organization_id,
        await made.principal("olga"),
        name="all",
        scopes=scopes,
        expires_at=None,
    )
    principal = await authenticator.identify(Presented(api_key=key))
    assert isinstance(principal, Principal)
    database, organization_id = authenticator.database, made.organization_id
    otto, mia = await made.member_id("otto"), await made.member_id("mia")
    with pytest.raises(ForbiddenError):
        await change_member_role(database, organization_id, principal, otto, role=Role.ADMIN)
    with pytest.raises(ForbiddenError):
        await change_member_role(database, organization_id, principal, mia, role=Role.OWNER)
    with pytest.raises(ForbiddenError):
        await remove_member(database, organization_id, principal, otto)
    await change_member_role(database, organization_id, principal, mia, role=Role.ADMIN)
    assert await roles(owner) == {"olga": "OWNER", "otto": "OWNER", "mia": "ADMIN"}
