"""API keys: scopes no wider than their maker's, an end, and no secret at rest."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import RowMapping
from structlog.testing import capture_logs

from app.auth.authenticator import Authenticator
from app.database import Database
from app.errors import BadUserInputError, ForbiddenError, NotFoundError
from app.models import new_id
from app.organizations.api_keys import create_api_key, revoke_api_key
from app.organizations.change import update_organization
from app.organizations.create import create_organization
from app.records import Permission, Principal, Role
from tests.auth.people import Presented, Team, everything_stored, team
from tests.organizations.test_organizations import events, rows

ALL_OF_ADMIN = frozenset(Permission) - {Permission.ORGANIZATION_DELETE, Permission.SINGLE_SIGN_ON_MANAGE}
READ = (Permission.ORGANIZATION_READ,)


async def create(
    made: Team,
    by: str | Principal,
    scopes: Collection[Permission] = READ,
    *,
    expires_at: datetime | None = None,
) -> tuple[RowMapping, str]:
    """Make a key as one of the team, or as a key."""
    principal = await made.principal(by) if isinstance(by, str) else by
    return await create_api_key(
        made.authenticator.database,
        made.organization_id,
        principal,
        name="feed",
        scopes=scopes,
        expires_at=expires_at,
    )


async def holder(made: Team, key: str) -> Principal:
    """The principal of a key."""
    found = await made.authenticator.identify(Presented(api_key=key))
    assert found is not None
    return found


async def test_creating(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator, ada=Role.ADMIN)
    row, key = await create(made, "ada", [Permission.COSTS_INGEST, Permission.ORGANIZATION_READ])
    assert row["name"] == "feed"
    assert row["scopes"] == ["costs:ingest", "organization:read"]
    assert row["created_by"] == made.sign_ins["ada"].user["id"]
    assert "secret_hash" not in row
    assert (await events(owner))[-1] == ("API_KEY_CREATED", {"name": "feed", "scopes": row["scopes"]})
    principal = await holder(made, key)
    assert principal.grants[made.organization_id].permissions == {
        Permission.COSTS_INGEST,
        Permission.ORGANIZATION_READ,
    }


@pytest.mark.parametrize("by", ["mia", "vera"])
async def test_members_and_viewers_make_no_keys(authenticator: Authenticator, owner: Database, by: str) -> None:
    made = await team(authenticator, mia=Role.MEMBER, vera=Role.VIEWER)
    with pytest.raises(ForbiddenError):
        await create(made, by)
    assert await rows(owner, "SELECT * FROM api_keys") == []


@pytest.mark.parametrize(
    ("scopes", "message"), [((), "at least one"), ((Permission.ORGANIZATION_DELETE,), "organization:delete")]
)
async def test_scopes_that_no_key_has(
    authenticator: Authenticator, scopes: tuple[Permission, ...], message: str
) -> None:
    made = await team(authenticator)
    with pytest.raises(BadUserInputError, match=message) as refusal:
        await create(made, "olga", scopes)
    assert refusal.value.path == ("input", "scopes")


async def test_a_key_does_what_its_scopes_say_and_no_more(authenticator: Authenticator) -> None:
    made = await team(authenticator)
    _, reads = await create(made, "olga")
    _, updates = await create(made, "olga", [Permission.ORGANIZATION_UPDATE])
    database = authenticator.database
    with pytest.raises(ForbiddenError, match="ORGANIZATION_UPDATE"):
        await update_organization(database, made.organization_id, await holder(made, reads), name="Mine", currency=None)
    row = await update_organization(
        database, made.organization_id, await holder(made, updates), name="Ours", currency=None
    )
    assert row["name"] == "Ours"


async def test_a_key_makes_no_key_that_can_do_more_or_lives_longer(authenticator: Authenticator) -> None:
    made = await team(authenticator)
    end = datetime.now(UTC) + timedelta(days=1)
    _, text = await create(made, "olga", [Permission.API_KEYS_MANAGE, Permission.ORGANIZATION_READ], expires_at=end)
    maker = await holder(made, text)
    with pytest.raises(ForbiddenError, match="members:manage"):
        await create(made, maker, [Permission.MEMBERS_MANAGE], expires_at=end)
    for later in (None, end + timedelta(seconds=1)):
        with pytest.raises(BadUserInputError, match="ends with it") as refusal:
            await create(made, maker, expires_at=later)
        assert refusal.value.path == ("input", "expiresAt")
    row, _ = await create(made, maker, expires_at=end)
    assert row["created_by"] is None


async def test_a_key_cannot_begin_in_the_past(authenticator: Authenticator) -> None:
    made = await team(authenticator)
    with pytest.raises(BadUserInputError, match="future"):
        await create(made, "olga", expires_at=datetime.now(UTC))


async def test_an_owner_gives_all_that_an_admin_has(authenticator: Authenticator) -> None:
    made = await team(authenticator)
    _, key = await create(made, "olga", ALL_OF_ADMIN)
    grant = (await holder(made, key)).grants[made.organization_id]
    assert grant.permissions == ALL_OF_ADMIN
    assert grant.role is Role.ADMIN


async def test_revoking(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator, mia=Role.MEMBER)
    row, _ = await create(made, "olga")
    database, olga = authenticator.database, await made.principal("olga")
    with pytest.raises(ForbiddenError):
        await revoke_api_key(database, made.organization_id, await made.principal("mia"), row["id"])
    with pytest.raises(NotFoundError):
        await revoke_api_key(database, made.organization_id, olga, new_id())
    revoked = await revoke_api_key(database, made.organization_id, olga, row["id"])
    again = await revoke_api_key(database, made.organization_id, olga, row["id"])
    assert revoked["revoked_at"] == again["revoked_at"]
    assert [kind for kind, _ in await events(owner)].count("API_KEY_REVOKED") == 1


async def test_a_key_of_another_tenant_is_not_there(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator)
    row, _ = await create(made, "olga")
    other = await create_organization(authenticator.database, await made.principal("olga"), name="Other")
    with pytest.raises(NotFoundError):
        await revoke_api_key(authenticator.database, other["id"], await made.principal("olga"), row["id"])
    assert (await rows(owner, "SELECT revoked_at FROM api_keys"))[0]["revoked_at"] is None


async def test_the_secret_is_nowhere(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator)
    with capture_logs() as logs:
        row, key = await create(made, "olga")
        await holder(made, key)
    secret = key.split("_")[2]
    places = [await everything_stored(owner), repr(logs), repr(row)]
    assert "feed" in places[0]
    assert not [place for place in places if secret in place or secret[:27] in place]
