"""Who is calling: each credential, each way in which it stops being good, and how soon that bites."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis
from sqlalchemy import event, text

from app.auth.api_keys import new_api_key
from app.auth.authenticator import CACHE_SECONDS, Authenticator
from app.auth.permissions import GRANTABLE_TO_KEYS, PERMISSIONS, role_of_scopes
from app.auth.sessions import log_out
from app.config import Settings
from app.database import Database
from app.errors import AuthenticationError
from app.models import new_id
from app.organizations.api_keys import create_api_key, revoke_api_key
from app.organizations.change import delete_organization
from app.organizations.members import change_member_role, remove_member
from app.records import ActorKind, Permission, Principal, Role
from tests.auth.people import Presented, Team, eventually, principal_of, sign_up, team
from tests.clients import cheap_passwords

ROOT = "root-key-of-the-tests-0123456789abcdef"
INGEST = (Permission.RESOURCES_INGEST,)


async def a_key(made: Team, *, expires_at: datetime | None = None) -> tuple[UUID, str]:
    """A key that may send resources: its id and text."""
    row, text_of_key = await create_api_key(
        made.authenticator.database,
        made.organization_id,
        await made.principal("olga"),
        name="feed",
        scopes=INGEST,
        expires_at=expires_at,
    )
    return row["id"], text_of_key


def test_roles() -> None:
    assert PERMISSIONS[Role.OWNER] == frozenset(Permission)
    assert frozenset(Permission) - PERMISSIONS[Role.ADMIN] == {
        Permission.ORGANIZATION_DELETE,
        Permission.SINGLE_SIGN_ON_MANAGE,
    }
    assert PERMISSIONS[Role.MEMBER] == {
        Permission.ORGANIZATION_READ,
        Permission.ACCOUNTS_MANAGE,
        Permission.SCANS_RUN,
        Permission.RESOURCES_INGEST,
        Permission.COSTS_INGEST,
        Permission.COSTS_MANAGE,
        Permission.RECOMMENDATIONS_MANAGE,
        Permission.ACTIVITY_WRITE,
    }
    assert PERMISSIONS[Role.VIEWER] == {Permission.ORGANIZATION_READ}
    assert role_of_scopes([Permission.ORGANIZATION_READ]) is Role.VIEWER
    assert role_of_scopes(INGEST) is Role.MEMBER
    assert role_of_scopes(GRANTABLE_TO_KEYS) is Role.ADMIN


async def test_nobody(authenticator: Authenticator) -> None:
    assert await authenticator.identify(Presented()) is None


async def test_a_person_and_what_they_reach(authenticator: Authenticator) -> None:
    made = await team(authenticator, mia=Role.MEMBER)
    principal = await made.principal("mia")
    assert principal.actor.kind is ActorKind.USER
    assert principal.actor.id == principal.user_id == made.sign_ins["mia"].user["id"]
    assert principal.session_id == made.sign_ins["mia"].session_id
    assert principal.expires_at == made.sign_ins["mia"].expires_at
    assert {(grant.role, grant.slug) for grant in principal.grants.values()} == {(Role.MEMBER, "acme")}
    assert list(principal.grants) == [made.organization_id]
    assert not principal.is_platform_admin
    assert principal.subject == f"user:{principal.user_id}"


@pytest.mark.parametrize("header", ["bearer", "api_key"])
async def test_an_api_key_in_either_header(authenticator: Authenticator, header: str) -> None:
    made = await team(authenticator)
    key_id, key = await a_key(made)
    principal = await authenticator.identify(Presented(**{header: key}))
    assert principal is not None
    assert (principal.actor.kind, principal.actor.id, principal.user_id) == (ActorKind.API_KEY, key_id, None)
    assert principal.grants[made.organization_id].permissions == {Permission.RESOURCES_INGEST}
    assert principal.grants[made.organization_id].slug == "acme"


async def test_the_root_key(authenticator: Authenticator) -> None:
    principal = await authenticator.identify(Presented(root_key=ROOT))
    assert principal is not None
    assert principal.is_platform_admin
    assert principal.grants == {}
    assert await authenticator.still_valid(principal)
    for wrong in (ROOT + "x", ROOT[:-1], "\ud800"):
        with pytest.raises(AuthenticationError, match="root key"):
            await authenticator.identify(Presented(root_key=wrong))


async def test_without_a_root_key_in_the_settings_none_is_right(settings: Settings, database: Database) -> None:
    authenticator = Authenticator(settings.model_copy(update={"root_key": None}), database, passwords=cheap_passwords())
    with pytest.raises(AuthenticationError):
        await authenticator.identify(Presented(root_key=ROOT))
    await authenticator.close()


async def test_two_credentials_are_refused(authenticator: Authenticator) -> None:
    sign_in = await sign_up(authenticator, "ada")
    with pytest.raises(AuthenticationError, match="Send one credential"):
        await authenticator.identify(Presented(bearer=sign_in.access_token, root_key=ROOT))


async def test_keys_that_are_not_ours_and_secrets_that_are_wrong(authenticator: Authenticator) -> None:
    made = await team(authenticator)
    key_id, _ = await a_key(made)
    for other in (new_api_key(new_id()), new_api_key(key_id)):
        with pytest.raises(AuthenticationError, match="no such API key"):
            await authenticator.identify(Presented(api_key=other))
    with pytest.raises(AuthenticationError, match="typing error"):
        await authenticator.identify(Presented(api_key=new_api_key(key_id)[:-1]))


async def test_an_access_token_is_no_api_key(authenticator: Authenticator) -> None:
    sign_in = await sign_up(authenticator, "ada")
    with pytest.raises(AuthenticationError):
        await authenticator.identify(Presented(api_key=sign_in.access_token))


def look_ups(statements: list[str]) -> list[str]:
    """Those that read, without those that enter the system role."""
    return [one for one in statements if one.startswith("SELECT") and "set_config('role'" not in one]


async def test_a_look_up_is_one_statement_of_one_transaction(authenticator: Authenticator) -> None:
    made = await team(authenticator)
    _, key = await a_key(made)
    statements: list[str] = []
    engine = authenticator.database.engine.sync_engine

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    for credentials in (Presented(bearer=made.sign_ins["olga"].access_token), Presented(api_key=key)):
        authenticator._forget(frozenset({made.organization_id}))
        statements.clear()
        event.listen(engine, "before_cursor_execute", note)
        await asyncio.gather(*(authenticator.identify(credentials) for _ in range(20)))
        event.remove(engine, "before_cursor_execute", note)
        assert len(look_ups(statements)) == 1
        await asyncio.gather(*authenticator._noting.values())


async def test_many_are_checked_by_one_statement_for_sessions_and_one_for_keys(
    authenticator: Authenticator, elsewhere: tuple[Authenticator, Clock]
) -> None:
    made = await team(authenticator, mia=Role.ADMIN)
    _, key = await a_key(made)
    presented = [Presented(bearer=made.sign_ins[name].access_token) for name in ("olga", "mia")]
    other, _ = elsewhere
    found = [await other.identify(each) for each in (*presented, Presented(api_key=key))]
    principals = [principal for principal in found if principal is not None]
    await asyncio.gather(*other._noting.values())
    statements: list[str] = []
    engine = other.database.engine.sync_engine

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    assert await other.all_still_valid(principals * 50) == [True, True, True] * 50
    event.remove(engine, "before_cursor_execute", note)
    assert len(look_ups(statements)) == 2
    await log_out(authenticator, principals[0], everywhere=False)
    assert await other.still_valid(principals[0]), "the cache still holds what was true"
    assert await other.all_still_valid(principals) == [False, True, True]
    assert not await other.still_valid(principals[0]), "and does so no longer"


async def holder(authenticator: Authenticator, key: str) -> Principal:
    """The principal of a key, whose first use has been noted and which is in the cache."""
    for _ in range(2):
        principal = await authenticator.identify(Presented(api_key=key))
        await asyncio.gather(*authenticator._noting.values())
    assert principal is not None
    return principal


# How soon a change bites in another process, which hears of nothing and has just looked the caller up.


class Clock:
    """The time of a cache, moved by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
async def elsewhere(settings: Settings, fresh_database_url: str) -> AsyncIterator[tuple[Authenticator, Clock]]:
    """The authenticator of another process, and its clock."""
    database = Database.connect(fresh_database_url)
    found = Authenticator(settings, database, passwords=cheap_passwords())
    clock = Clock()
    found._sessions._clock = found._keys._clock = clock
    yield found, clock
    await found.close()
    await database.close()


async def bites(
    elsewhere: tuple[Authenticator, Clock], credentials: Presented, before: Principal, *, refused: bool = True
) -> Principal | None:
    """Prove that a principal is believed until the cache is over, and no longer."""
    authenticator, clock = elsewhere
    assert await authenticator.still_valid(before), "the cache still holds what was true"
    clock.ahead = CACHE_SECONDS
    assert CACHE_SECONDS <= 4
    assert not await authenticator.still_valid(before)
    if refused:
        with pytest.raises(AuthenticationError):
            await authenticator.identify(credentials)
        return None
    return await authenticator.identify(credentials)


async def test_logging_out_bites(authenticator: Authenticator, elsewhere: tuple[Authenticator, Clock]) -> None:
    made = await team(authenticator)
    credentials = Presented(bearer=made.sign_ins["olga"].access_token)
    before = await elsewhere[0].identify(credentials)
    assert before is not None
    await log_out(authenticator, before, everywhere=False)
    with pytest.raises(AuthenticationError, match="ended; log in again"):
        await authenticator.identify(credentials)
    await bites(elsewhere, credentials, before)


async def test_a_lesser_role_bites(authenticator: Authenticator, elsewhere: tuple[Authenticator, Clock]) -> None:
    made = await team(authenticator, mia=Role.ADMIN)
    credentials = Presented(bearer=made.sign_ins["mia"].access_token)
    before = await elsewhere[0].identify(credentials)
    assert before is not None
    await change_member_role(
        authenticator.database,
        made.organization_id,
        await made.principal("olga"),
        await made.member_id("mia"),
        role=Role.VIEWER,
    )
    assert (await made.principal("mia")).grants[made.organization_id].role is Role.VIEWER
    after = await bites(elsewhere, credentials, before, refused=False)
    assert after is not None
    assert after.grants[made.organization_id].role is Role.VIEWER


async def test_a_greater_role_ends_nothing(authenticator: Authenticator) -> None:
    made = await team(authenticator, mia=Role.VIEWER)
    before = await made.principal("mia")
    await change_member_role(
        authenticator.database,
        made.organization_id,
        await made.principal("olga"),
        await made.member_id("mia"),
        role=Role.ADMIN,
    )
    assert await authenticator.still_valid(before)


async def test_removal_bites(authenticator: Authenticator, elsewhere: tuple[Authenticator, Clock]) -> None:
    made = await team(authenticator, mia=Role.MEMBER)
    credentials = Presented(bearer=made.sign_ins["mia"].access_token)
    before = await elsewhere[0].identify(credentials)
    assert before is not None
    member_id = await made.member_id("mia")
    await remove_member(authenticator.database, made.organization_id, await made.principal("olga"), member_id)
    after = await bites(elsewhere, credentials, before, refused=False)
    assert after is not None
    assert after.grants == {}


async def test_revoking_a_key_bites(authenticator: Authenticator, elsewhere: tuple[Authenticator, Clock]) -> None:
    made = await team(authenticator)
    key_id, key = await a_key(made)
    before = await holder(elsewhere[0], key)
    await revoke_api_key(authenticator.database, made.organization_id, await made.principal("olga"), key_id)
    with pytest.raises(AuthenticationError, match="expired or was revoked"):
        await authenticator.identify(Presented(api_key=key))
    await bites(elsewhere, Presented(api_key=key), before)


async def test_deleting_the_organization_bites_on_members_and_keys(
    authenticator: Authenticator, elsewhere: tuple[Authenticator, Clock]
) -> None:
    made = await team(authenticator)
    _, key = await a_key(made)
    person = Presented(bearer=made.sign_ins["olga"].access_token)
    olga, program = await elsewhere[0].identify(person), await holder(elsewhere[0], key)
    assert olga is not None
    await delete_organization(authenticator.database, made.organization_id, olga, confirm_slug="acme")
    assert (await made.principal("olga")).grants == {}
    await bites(elsewhere, Presented(api_key=key), program)
    assert not await elsewhere[0].still_valid(olga)


async def test_a_key_ends_by_itself_even_out_of_the_cache(authenticator: Authenticator) -> None:
    made = await team(authenticator)
    expires_at = datetime.now(UTC) + timedelta(seconds=2)
    _, key = await a_key(made, expires_at=expires_at)
    principal = await authenticator.identify(Presented(api_key=key))
    assert principal is not None
    assert principal.expires_at == expires_at
    await asyncio.sleep(max(0.0, (expires_at - datetime.now(UTC)).total_seconds()) + 0.01)
    assert not await authenticator.still_valid(principal)
    with pytest.raises(AuthenticationError, match="expired or was revoked"):
        await authenticator.identify(Presented(api_key=key))


async def test_a_platform_admin_who_is_none_any_more(authenticator: Authenticator, owner: Database) -> None:
    sign_in = await sign_up(authenticator, "ada")
    for admin in (True, False):
        async with owner.engine.begin() as connection:
            await connection.execute(text("UPDATE users SET is_platform_admin = :admin"), {"admin": admin})
        authenticator._forget(frozenset({sign_in.user["id"]}))
        principal = await principal_of(authenticator, sign_in)
        assert principal.is_platform_admin is admin
        if admin:
            before = principal
    assert not await authenticator.still_valid(before)


async def test_other_processes_hear_of_changes_at_once(
    settings: Settings, database: Database, fresh_database_url: str, valkey: Redis
) -> None:
    other_doors = Database.connect(fresh_database_url)
    here = Authenticator(settings, database, valkey, passwords=cheap_passwords())
    there = Authenticator(settings, other_doors, valkey, passwords=cheap_passwords())
    here.start()
    there.start()
    made = await team(here)
    key_id, key = await a_key(made)
    before = await holder(there, key)

    async def heard() -> bool:
        return bool((await valkey.pubsub_numsub("skyledger:identity"))[0][1] == 2)

    for _ in range(6_000):
        if await heard():
            break
        await asyncio.sleep(0.01)
    assert await heard()
    await revoke_api_key(database, made.organization_id, await made.principal("olga"), key_id)
    await eventually(lambda: key_id not in there._keys._kept)
    assert not await there.still_valid(before)
    await here.close()
    await there.close()
    await other_doors.close()


async def test_the_last_use_of_a_key_is_noted_once_a_minute(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator)
    key_id, key = await a_key(made)

    async def use() -> datetime:
        authenticator._forget(frozenset({key_id}))
        await authenticator.identify(Presented(api_key=key))
        await asyncio.gather(*authenticator._noting.values())
        async with owner.engine.connect() as connection:
            found: datetime = (await connection.execute(text("SELECT last_used_at FROM api_keys"))).scalar_one()
        return found

    first = await use()
    assert abs(datetime.now(UTC) - first) < timedelta(seconds=30)
    assert await use() == first
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE api_keys SET last_used_at = last_used_at - interval '61 seconds'"))
    assert await use() > first - timedelta(seconds=1)


async def test_a_refused_key_leaves_no_trace_of_use(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator)
    key_id, _ = await a_key(made)
    with pytest.raises(AuthenticationError):
        await authenticator.identify(Presented(api_key=new_api_key(key_id)))
    await asyncio.gather(*authenticator._noting.values())
    async with owner.engine.connect() as connection:
        assert (await connection.execute(text("SELECT last_used_at FROM api_keys"))).scalar_one() is None
