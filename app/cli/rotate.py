"""`skyledger keys rotate`: credentials of all accounts and second factors of all people under another key."""

from __future__ import annotations

import asyncio

import typer
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from sqlalchemy.exc import SQLAlchemyError

from app.accounts.rotate import Rotation, rotate_credentials
from app.cli.migrate import complaint_about_tables
from app.cli.terminal import engines_of, errors, fail, out, reason_of, settings_or_exit
from app.database import Database
from app.embedded import EngineUrls
from app.errors import ConfigurationError, SkyledgerError
from app.sealing.vault import Vault

SHOWN_FAILURES = 20


def run_rotate() -> None:
    """Rotate; exit code 1 when a credential could not be opened, which then stays as it was."""
    settings = settings_or_exit()
    with engines_of(settings) as engines:
        complaint = complaint_about_tables(settings, engines.urls)
        if complaint is not None:
            raise fail(complaint)
        try:
            rotation = asyncio.run(_rotate(engines.urls, Vault.from_settings(settings)))
        except SkyledgerError as error:
            raise fail(error.message) from None
        except ConfigurationError as error:
            raise fail(str(error)) from None
        except (SQLAlchemyError, OSError) as error:
            raise fail(reason_of(error)) from error
    _tell(rotation)


async def _rotate(urls: EngineUrls, vault: Vault) -> Rotation:
    database = Database.connect(urls.database_url, pool_size=2, statement_seconds=120)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rewrapped]:,} credentials"),
    )
    try:
        with Progress(*columns, console=errors) as progress:
            task: TaskID = progress.add_task("organizations", total=None, rewrapped=0)

            def tell(done: int, total: int, rewrapped: int) -> None:
                progress.update(task, completed=done, total=total, rewrapped=rewrapped)

            return await rotate_credentials(database, vault, tell)
    finally:
        await database.close()


def _tell(rotation: Rotation) -> None:
    key = "the new key" if rotation.renewed else "the active key"
    message = f"{rotation.rewrapped:,} credentials were put under {key} {rotation.key_id}."
    out.print(message, highlight=False, markup=False, soft_wrap=True)
    if rotation.resumed:
        message = "An earlier rotation had been interrupted; it is finished now. Run this again for another new key."
        out.print(message, highlight=False, soft_wrap=True)
    for organization_id, account_id, reason in rotation.failures[:SHOWN_FAILURES]:
        where = f"organization {organization_id}, account" if organization_id else "second factor of user"
        message = f"{where} {account_id}: {reason}"
        errors.print(message, highlight=False, markup=False, soft_wrap=True)
    if rotation.failures:
        errors.print(f"{len(rotation.failures):,} credentials could not be opened; they stay as they were.")
        raise typer.Exit(1)
