"""The life of an invitation."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import RowMapping, text

from app.auth.authenticator import Authenticator
from app.database import Database
from app.errors import BadUserInputError, ConflictError, ForbiddenError, NotFoundError
from app.models import new_id
from app.organizations.invitations import accept_invitation, invite_member, revoke_invitation
from app.records import Actor, ActorKind, Principal, Role
from tests.auth.people import Team, everything_stored, principal_of, sign_up, signed_in, team
from tests.organizations.test_organizations import events, rows


async def invite(
    made: Team, by: str, email: str = "new@example.com", role: Role = Role.MEMBER
) -> tuple[RowMapping, str]:
    """Invite as one of the team."""
    principal = await made.principal(by)
    return await invite_member(
        made.authenticator.database, made.organization_id, principal, email=email, role=role, days=7
    )


async def newcomer(authenticator: Authenticator, name: str = "new") -> Principal:
    """Somebody who has just registered."""
    return await principal_of(authenticator, await sign_up(authenticator, name))


async def test_inviting_and_accepting(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator, ada=Role.ADMIN)
    invitation, token = await invite(made, "ada", " New@Example.COM", Role.VIEWER)
    assert (invitation["email"], invitation["role"]) == ("new@example.com", "VIEWER")
    assert round((invitation["expires_at"] - invitation["created_at"]).total_seconds() / 86_400, 3) == 7
    assert "token_hash" not in invitation
    organization, member = await accept_invitation(authenticator.database, await newcomer(authenticator), token=token)
    assert organization["id"] == made.organization_id
    assert member["role"] == "VIEWER"
    again = await signed_in(authenticator, "new")
    grants = (await principal_of(authenticator, again)).grants
    assert grants[made.organization_id].role is Role.VIEWER
    assert [kind for kind, _ in (await events(owner))[-2:]] == ["MEMBER_INVITED", "MEMBER_JOINED"]


@pytest.mark.parametrize(("by", "role"), [("mia", Role.VIEWER), ("vera", Role.VIEWER), ("ada", Role.OWNER)])
async def test_who_may_not_invite(authenticator: Authenticator, owner: Database, by: str, role: Role) -> None:
    made = await team(authenticator, ada=Role.ADMIN, mia=Role.MEMBER, vera=Role.VIEWER)
    count = len(await rows(owner, "SELECT * FROM invitations"))
    with pytest.raises(ForbiddenError):
        await invite(made, by, role=role)
    assert len(await rows(owner, "SELECT * FROM invitations")) == count


async def test_an_owner_invites_an_owner(authenticator: Authenticator) -> None:
    made = await team(authenticator)
    _, token = await invite(made, "olga", role=Role.OWNER)
    _, member = await accept_invitation(authenticator.database, await newcomer(authenticator), token=token)
    assert member["role"] == "OWNER"


async def test_a_member_is_not_invited(authenticator: Authenticator) -> None:
    made = await team(authenticator, mia=Role.MEMBER)
    with pytest.raises(ConflictError, match="changeMemberRole"):
        await invite(made, "olga", "MIA@example.com")


async def test_inviting_again_replaces_the_open_invitation(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator)
    _, first = await invite(made, "olga", role=Role.VIEWER)
    _, second = await invite(made, "olga", role=Role.ADMIN)
    assert len(await rows(owner, "SELECT * FROM invitations WHERE revoked_at IS NULL")) == 1
    person = await newcomer(authenticator)
    with pytest.raises(NotFoundError):
        await accept_invitation(authenticator.database, person, token=first)
    _, member = await accept_invitation(authenticator.database, person, token=second)
    assert member["role"] == "ADMIN"


async def test_inviting_one_address_many_times_at_once_leaves_one_open(
    authenticator: Authenticator, owner: Database
) -> None:
    made = await team(authenticator)
    await asyncio.gather(*(invite(made, "olga") for _ in range(6)))
    assert len(await rows(owner, "SELECT * FROM invitations WHERE revoked_at IS NULL")) == 1


async def test_somebody_elses_absent_and_revoked_invitations_look_the_same(authenticator: Authenticator) -> None:
    made = await team(authenticator)
    _, for_new = await invite(made, "olga")
    revoked, for_eve = await invite(made, "olga", "eve@example.com")
    await revoke_invitation(authenticator.database, made.organization_id, await made.principal("olga"), revoked["id"])
    eve = await newcomer(authenticator, "eve")
    messages = set()
    for token in (for_new, for_eve, "ski_" + "x" * 43, "ski_", "", "\ud800"):
        with pytest.raises(NotFoundError) as refusal:
            await accept_invitation(authenticator.database, eve, token=token)
        messages.add(refusal.value.message)
    assert len(messages) == 1
    assert (await principal_of(authenticator, made.sign_ins["olga"])).grants


async def test_an_expired_invitation_says_so_to_whom_it_was_for(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator)
    _, token = await invite(made, "olga")
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE invitations SET expires_at = now()"))
    with pytest.raises(BadUserInputError, match="expired; ask for a new one") as refusal:
        await accept_invitation(authenticator.database, await newcomer(authenticator), token=token)
    assert refusal.value.path == ("input", "token")
    with pytest.raises(NotFoundError):
        await accept_invitation(authenticator.database, await newcomer(authenticator, "eve"), token=token)
    assert len(await rows(owner, "SELECT * FROM memberships")) == 1


async def test_an_invitation_is_accepted_once(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator)
    _, token = await invite(made, "olga")
    person = await newcomer(authenticator)
    answers = await asyncio.gather(
        *(accept_invitation(authenticator.database, person, token=token) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(answer, ConflictError) for answer in answers) == 4
    assert len(await rows(owner, "SELECT * FROM memberships")) == 2


async def test_keys_accept_nothing(authenticator: Authenticator) -> None:
    with pytest.raises(ForbiddenError):
        await accept_invitation(authenticator.database, Principal(Actor(ActorKind.API_KEY), {}), token="ski_x")


async def test_the_organization_is_gone(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator)
    _, token = await invite(made, "olga")
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE organizations SET deleted_at = now()"))
    with pytest.raises(NotFoundError):
        await accept_invitation(authenticator.database, await newcomer(authenticator), token=token)


async def test_revoking(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator, mia=Role.MEMBER)
    invitation, _ = await invite(made, "olga")
    database, olga = authenticator.database, await made.principal("olga")
    with pytest.raises(ForbiddenError):
        await revoke_invitation(database, made.organization_id, await made.principal("mia"), invitation["id"])
    with pytest.raises(NotFoundError):
        await revoke_invitation(database, made.organization_id, olga, new_id())
    revoked = await revoke_invitation(database, made.organization_id, olga, invitation["id"])
    assert revoked["revoked_at"] is not None
    again = await revoke_invitation(database, made.organization_id, olga, invitation["id"])
    assert again["revoked_at"] == revoked["revoked_at"]
    assert [kind for kind, _ in await events(owner)].count("INVITATION_REVOKED") == 1
    (accepted,) = await rows(owner, "SELECT id FROM invitations WHERE accepted_at IS NOT NULL")
    with pytest.raises(ConflictError, match="removeMember"):
        await revoke_invitation(database, made.organization_id, olga, accepted["id"])


async def test_the_token_is_nowhere(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator)
    invitation, token = await invite(made, "olga")
    stored = await everything_stored(owner)
    assert "new@example.com" in stored
    assert token not in stored
    assert token not in repr(invitation)
