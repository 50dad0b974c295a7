"""Fills the embedded PostgreSQL with the company of `rows`, once; a second run finds it and uses it again.

Rows go in by COPY; charges are made of them by SQL, and rolled up by the product's own statements. Costs of this month
to today make a data set that of one day: on another it is made anew, which takes a minute.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from rich.console import Console

from app.auth.tokens import AccessTokens
from app.costs.analysis.periods import add_months
from app.database import Database
from app.embedded import EngineUrls, engines
from app.repositories.cost_store import CostStore
from app.upgrade import newest_revision, upgrade
from benchmarks.graph import charges
from benchmarks.graph.rows import CURRENCY, RECOMMENDATION_COLUMNS, RESOURCE_COLUMNS, Company, Tenant

FOLDER = Path(".cache/benchmarks/graph")
VERSION = 1
"""Of what this file makes: another one makes folders of before worthless."""
MONTHS_BEFORE = 3
SECRET = "the secret of a benchmark, which keeps nothing"  # noqa: S105  (it signs tokens for made-up people only)
PEOPLE = 200
_USER = """INSERT INTO users (id, email, name, password_hash, is_platform_admin, created_at)
    VALUES ($1, $2, $3, '', false, $4)"""
_ORGANIZATION = """INSERT INTO organizations (id, slug, name, currency, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $5)"""
_ACCOUNT = """INSERT INTO accounts (organization_id, id, provider, kind, native_id, name, created_at, updated_at,
    settings) VALUES ($1, $2, $3, 'MANUAL', $4, $5, $6, $6, '{}')"""
_MEMBER = "INSERT INTO memberships (organization_id, id, user_id, role, created_at) VALUES ($1, $2, $3, $4, $5)"
_SESSION = """INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at)
    VALUES ($1, $2, $3, $3, $4)"""


@dataclass(frozen=True)
class Facts:
    """What those who ask need to know: ids as text. `month` is the last whole month, `today` the day it was made."""

    today: str
    month: str
    user_id: str
    session_id: str
    organizations: dict[str, str]
    """Ids by slug, of those that are asked about."""

    def token(self, secret: str = SECRET) -> str:
        """An access token of the benchmark's person, for a day."""
        return AccessTokens(secret, seconds=86_400).issue(UUID(self.user_id), UUID(self.session_id))[0]


@contextmanager
def data_set(folder: Path = FOLDER, *, resources: int = 100_000) -> Iterator[tuple[EngineUrls, Facts]]:
    """The engines with the data in them, for as long as the block lasts."""
    place = folder.resolve() / f"v{VERSION}-{datetime.now(UTC).date()}-{newest_revision()}-{resources}"
    facts = place / "facts.json"
    if not facts.exists():
        for old in folder.glob("v*"):
            shutil.rmtree(old)
        place.mkdir(parents=True)
    with engines(place / "data") as urls:
        if not facts.exists():
            upgrade(urls.database_url)
            made = asyncio.run(fill(urls.database_url, Company(datetime.now(UTC).date(), resources)))
            facts.write_bytes(orjson.dumps(asdict(made)))
        yield urls, Facts(**orjson.loads(facts.read_bytes()))


def plain_url(url: str) -> str:
    """The address for drivers that are not SQLAlchemy's."""
    return url.replace("postgresql+asyncpg", "postgresql")


async def fill(url: str, company: Company) -> Facts:
    """Make everything in an empty database that is migrated."""
    today = company.moment.date()
    connection = await asyncpg.connect(plain_url(url))
    door = Database.connect(url, pool_size=1, statement_seconds=3600)
    console = Console(stderr=True)
    try:
        facts = await _people(connection, company, today)
        for tenant in company.tenants:
            await _store(connection, company, tenant)
        resources = sum(tenant.size for tenant in company.tenants)
        console.print(f"{resources:,} resources are stored; charges follow.")
        await connection.execute("ANALYZE")
        for tenant in company.tenants:
            await _charge(connection, door, company, tenant, today)
        await connection.execute("VACUUM ANALYZE", timeout=3600)
    finally:
        await connection.close()
        await door.close()
    return facts


async def _people(connection: Any, company: Company, today: date) -> Facts:
    """Users, organizations, memberships; the first user owns the organizations that are asked about."""
    moment = company.epoch
    users = [company.new_id() for _ in range(PEOPLE)]
    for number, user in enumerate(users):
        await connection.execute(_USER, user, f"person-{number:03}@example.test", f"Person {number}", moment)
    for tenant in company.tenants:
        name = tenant.slug.replace("-", " ").title()
        await connection.execute(_ORGANIZATION, tenant.id, tenant.slug, name, CURRENCY, moment)
        for place, account in enumerate(tenant.accounts):
            values = (account.provider, account.native_id, f"{name} {account.provider} {place}", moment)
            await connection.execute(_ACCOUNT, tenant.id, account.id, *values)
        members = dict.fromkeys(users[1 + (tenant.number * 7 + each) % (PEOPLE - 1)] for each in range(8))
        asked = company.tenants[: len(company.asked)]
        if tenant in asked:
            members = {users[0]: None} | members
        for place, user in enumerate(members):
            role = "OWNER" if place == 0 else "MEMBER"
            await connection.execute(_MEMBER, tenant.id, company.new_id(), user, role, moment)
    session = company.new_id()
    await connection.execute(_SESSION, session, users[0], company.moment, company.moment + timedelta(days=3650))
    month = add_months(today.replace(day=1), -1)
    return Facts(today.isoformat(), month.isoformat(), str(users[0]), str(session), company.asked)


async def _store(connection: Any, company: Company, tenant: Tenant) -> None:
    made = list(company.rows_of(tenant))
    resources = [resource for resource, _ in made]
    await connection.copy_records_to_table("resources", columns=RESOURCE_COLUMNS, records=resources)
    findings = chain.from_iterable(found for _, found in made)
    await connection.copy_records_to_table("recommendations", columns=RECOMMENDATION_COLUMNS, records=findings)


async def _charge(connection: Any, door: Database, company: Company, tenant: Tenant, today: date) -> None:
    """Charges of this month to today and of the months before, with their import periods and roll-ups."""
    for statement in charges.DIMENSIONS:
        await connection.execute(statement, tenant.id)
    this = today.replace(day=1)
    months = [add_months(this, back) for back in range(-MONTHS_BEFORE, 1)]
    periods: dict[date, list[int]] = {month: [] for month in months}
    for provider in dict.fromkeys(account.provider for account in tenant.accounts):
        import_id = company.new_id()
        await connection.execute(charges.IMPORT, tenant.id, import_id, provider, company.moment)
        for month in months:
            end = add_months(month, 1)
            last = min(end - timedelta(days=1), today)
            await connection.execute("SELECT app_charge_partition($1)", month)
            period = await connection.fetchval(
                charges.PERIOD, tenant.id, import_id, provider, month, end, last, company.moment + timedelta(hours=6)
            )
            days = (_midnight(month), _midnight(last))
            await connection.execute(charges.CHARGES, tenant.id, period, provider, *days, timeout=3600)
            periods[month].append(period)
    await connection.execute(charges.TOTALS, tenant.id, timeout=3600)
    async with door.write(tenant.id) as session:
        store = await CostStore.open(session, tenant.id)
        for month, made in periods.items():
            await store.fold(made, month, add_months(month, 1) - timedelta(days=1))
        await store.merge(months)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


if __name__ == "__main__":
    with data_set(Path(os.environ.get("GRAPH_BENCHMARK_FOLDER", FOLDER))) as (_, found):
        Console().print(found)
