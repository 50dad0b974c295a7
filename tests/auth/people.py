"""People and organizations for tests of identity, made by the product's own acts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy import text

from app.auth.authenticator import Authenticator
from app.auth.sessions import Origin, SignIn, log_in, register
from app.config import Settings
from app.database import Database
from app.organizations.create import create_organization
from app.organizations.invitations import accept_invitation, invite_member
from app.records import Principal, Role
from tests.clients import cheap_passwords

PASSWORD = "correct horse battery"
ORIGIN = Origin(client_address="192.0.2.7", user_agent="tests")


@dataclass(frozen=True)
class Presented:
    """Credentials as the server's room would hand them over."""

    bearer: str | None = None
    api_key: str | None = None
    root_key: str | None = None


@pytest.fixture
async def authenticator(settings: Settings, database: Database) -> AsyncIterator[Authenticator]:
    """One process's authenticator, without Valkey and with hashes that take no time."""
    found = Authenticator(settings, database, passwords=cheap_passwords())
    yield found
    await found.close()


async def sign_up(authenticator: Authenticator, name: str) -> SignIn:
    """Register `name`@example.com."""
    return await register(authenticator, ORIGIN, email=f"{name}@example.com", name=name.title(), password=PASSWORD)


async def signed_in(authenticator: Authenticator, name: str) -> SignIn:
    """Log in as `name`@example.com, who has no second factor."""
    outcome = await log_in(authenticator, ORIGIN, email=f"{name}@example.com", password=PASSWORD)
    assert isinstance(outcome, SignIn)
    return outcome


async def principal_of(authenticator: Authenticator, sign_in: SignIn) -> Principal:
    """The principal as of now."""
    found = await authenticator.identify(Presented(bearer=sign_in.access_token))
    assert found is not None
    return found


@dataclass
class Team:
    """An organization, and the sign-ins of its members by name."""

    authenticator: Authenticator
    organization_id: UUID
    sign_ins: dict[str, SignIn]

    async def principal(self, name: str) -> Principal:
        """A member's principal as of now."""
        return await principal_of(self.authenticator, self.sign_ins[name])

    async def member_id(self, name: str) -> UUID:
        """A member's membership."""
        statement = text("SELECT id FROM memberships WHERE organization_id = :organization AND user_id = :user")
        values = {"organization": self.organization_id, "user": self.sign_ins[name].user["id"]}
        async with self.authenticator.database.system() as session:
            found: UUID = (await session.execute(statement, values)).scalar_one()
        return found

    async def join(self, name: str, role: Role) -> Principal:
        """Register somebody and make them a member."""
        database = self.authenticator.database
        self.sign_ins[name] = await sign_up(self.authenticator, name)
        owner = await self.principal("olga")
        invitation = await invite_member(
            database, self.organization_id, owner, email=f"{name}@example.com", role=role, days=7
        )
        await accept_invitation(database, await self.principal(name), token=invitation[1])
        return await self.principal(name)


async def team(authenticator: Authenticator, **members: Role) -> Team:
    """An organization owned by olga, with these members."""
    olga = await sign_up(authenticator, "olga")
    principal = await principal_of(authenticator, olga)
    row = await create_organization(authenticator.database, principal, name="Acme")
    made = Team(authenticator, row["id"], {"olga": olga})
    for name, role in members.items():
        await made.join(name, role)
    return made


async def everything_stored(owner: Database) -> str:
    """All rows of all tables in order, a line each; `owner` is a door that row security does not bind."""
    tables = text("SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public'")
    async with owner.engine.connect() as connection:
        names = (await connection.execute(tables)).scalars().all()
        # One statement, which sees one moment; one for each table takes five times as long.
        rows = " UNION ALL ".join(f"SELECT '{name} ' || t::text FROM {name} AS t" for name in names)  # noqa: S608
        found = (await connection.exec_driver_sql(f"{rows} ORDER BY 1")).scalars().all()
    return "\n".join(found)


async def eventually(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until something holds; the test fails when it does not in good time, also on a busy machine."""
    for _ in range(int(seconds * 100)):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"did not hold within {seconds} s")
