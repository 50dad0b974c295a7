"""The example organization of `skyledger demo`: made at the first start, found again, and kept up to date."""
# ruff: noqa: PLC0415  (a second start must be quick, and needs none of what is imported inside functions)

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from app.cli.processes import StopSignals
from app.cli.terminal import errors
from app.config import Settings
from app.embedded import EngineUrls

if TYPE_CHECKING:
    from app.database import Database

ORGANIZATION = "Kestrel Bakery"


@dataclass(frozen=True)
class Example:
    """How to sign in to the example; kept in the data folder, readable by its owner alone."""

    email: str
    password: str
    slug: str
    embedded: bool
    """Whether it is in the embedded database of that folder."""


def kept_example(settings: Settings) -> Example | None:
    """What an earlier start kept, None if there was none."""
    try:
        return Example(**json.loads(_note(settings).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def open_example(settings: Settings, urls: EngineUrls, signals: StopSignals) -> Example:
    """The example that an earlier start kept, if this database has it, else a new one."""
    kept = kept_example(settings)
    if kept is not None and _holds(settings, urls, kept, signals):
        return kept
    from app.cli.migrate import bring_up_to_date

    bring_up_to_date(urls.database_url)
    made = signals.run(_make(settings, urls))
    _keep(made, _note(settings))
    return made


def _note(settings: Settings) -> Path:
    return settings.data_dir / "demo.json"


def _holds(settings: Settings, urls: EngineUrls, example: Example, signals: StopSignals) -> bool:
    """Whether the database has the example: another one may be configured, or the folder moved away."""
    made = settings.data_dir / "engines" / "postgres" / "PG_VERSION"
    if settings.database_url is None and example.embedded:
        # Asking would cost 0.3 s of loading. The file is as old as the database.
        return made.stat().st_mtime <= _note(settings).stat().st_mtime
    from app.cli.migrate import bring_up_to_date

    bring_up_to_date(urls.database_url)
    return signals.run(_exists(urls, example.slug))


async def _exists(urls: EngineUrls, slug: str) -> bool:
    return await _with_organization(urls, slug, None)


def top_up_example(urls: EngineUrls, example: Example, signals: StopSignals) -> None:
    """Have a worker bring the example's costs up to today, where they are not; takes half a second of loading."""

    async def ask(database: Database, organization_id: UUID) -> None:
        from app.demo.top_up import request_top_up, today

        await request_top_up(database, organization_id, today())

    signals.run(_with_organization(urls, example.slug, ask))


async def _with_organization(
    urls: EngineUrls, slug: str, work: Callable[[Database, UUID], Awaitable[None]] | None
) -> bool:
    """Do something with the organization; returns whether it is there."""
    from app.database import Database
    from app.repositories.organizations import organization_by_slug

    database = Database.connect(urls.database_url, pool_size=1)
    try:
        async with database.system() as session:
            found = await organization_by_slug(session, slug)
        if found is not None and work is not None:
            await work(database, found["id"])
        return found is not None
    finally:
        await database.close()


async def _make(settings: Settings, urls: EngineUrls) -> Example:
    from app.auth.authenticator import Authenticator
    from app.auth.sessions import Origin
    from app.cli.operator import announcing_database
    from app.organizations.create import register_with_organization

    # A start that was killed halfway left a user whose password nobody knows: the next one gets another address.
    email = f"demo+{secrets.token_hex(3)}@skyledger.example"
    password = secrets.token_urlsafe(12)
    async with announcing_database(urls) as database:
        _, organization = await register_with_organization(
            Authenticator(settings, database),
            Origin(),
            email=email,
            name="Demo",
            password=password,
            organization_name=ORGANIZATION,
            email_is_verified=True,  # nobody reads mail to it
        )
        await fill(database, organization["id"])
    return Example(email, password, organization["slug"], embedded=settings.database_url is None)


async def fill(database: Database, organization_id: UUID) -> None:
    """Give the new organization its settings, an inventory, and the charges of the last month and this one.

    A worker adds the months before once all is ready, see `top_up_example`: they would double the time until then.
    """
    from app.cli.cost_imports import import_costs
    from app.cli.cost_imports import report as report_costs
    from app.cli.imports import Tally, import_resources, report
    from app.cli.operator import OPERATOR
    from app.demo.leftovers import bakery
    from app.demo.past import deleted_day, make_past
    from app.demo.prices import agree_prices
    from app.demo.rows import resources_csv
    from app.demo.settings import make_settings
    from app.demo.top_up import months_of, record_orders, today, write_bill
    from app.sourcing.files import FileOptions

    day = today()
    this_month, last_month, *_, first_month = months_of(day)
    await make_settings(database, organization_id, OPERATOR, first_month)
    await agree_prices(database, organization_id, OPERATOR, first_month)
    await record_orders(database, organization_id, OPERATOR, day)
    with tempfile.TemporaryDirectory(prefix="skyledger-demo-") as name:
        # Looked at on the evening before: what was seen this evening would be in the future.
        folder, tally = Path(name), Tally()
        resources = bakery(day - timedelta(days=1), deleted_day(day))
        inventory = folder / "resources.csv"
        inventory.write_bytes(resources_csv(resources))
        await import_resources(database, organization_id, file=inventory, tally=tally)
        report(tally, errors)
        bills = [write_bill(folder, resources, month, day) for month in (last_month, this_month)]
        costs = await import_costs(database, organization_id, bills, FileOptions())
        report_costs(costs, errors)
        await make_past(database, organization_id, OPERATOR, resources, first_month, day)


def _keep(example: Example, path: Path) -> None:
    """Note it, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(asdict(example)))
    partial.replace(path)
