"""`skyledger audit`: verifies the chains of the audit, and anchors their ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import typer
from sqlalchemy.exc import SQLAlchemyError

from app.activity.audit import erase_details
from app.activity.verify_audit import Verdict, all_organizations, anchor, verify
from app.cli.migrate import complaint_about_tables
from app.cli.operator import OPERATOR, as_operator
from app.cli.terminal import engines_of, errors, fail, out, reason_of, settings_or_exit
from app.database import Database
from app.errors import SkyledgerError
from app.records.audit import Anchor

Result = TypeVar("Result")
STATEMENT_SECONDS = 300


def run_verify(organization: str | None, anchor_file: Path | None) -> None:
    """Tell what was found of each chain; exit code 1 where one is bad."""
    anchors = [] if anchor_file is None else _read_anchors(anchor_file)

    async def work(database: Database, organization_ids: list[UUID]) -> list[Verdict]:
        return [await verify(database, each, anchors) for each in organization_ids]

    verdicts = _of_chains(organization, work, [each.organization_id for each in anchors])
    for verdict in verdicts:
        if verdict.problem is None:
            erased = f", {verdict.erased:,} of them without their details, as the chain says" if verdict.erased else ""
            message = f"{verdict.organization_id}: {verdict.rows:,} rows are whole{erased}."
            out.print(message, highlight=False, markup=False, soft_wrap=True)
        else:
            message = f"{verdict.organization_id}: row {verdict.bad_number:,} is the first bad one: {verdict.problem}."
            errors.print(message, highlight=False, markup=False, soft_wrap=True)
    if any(verdict.problem for verdict in verdicts):
        raise typer.Exit(1)


def run_anchor(organization: str | None) -> None:
    """Print a line of JSON for the end of each chain."""

    async def work(database: Database, organization_ids: list[UUID]) -> list[Anchor]:
        found = [await anchor(database, each) for each in organization_ids]
        return [each for each in found if each is not None]

    for each in _of_chains(organization, work):
        print(each.line().decode())  # noqa: T201  (for files, without colours or wrapping)


def run_erase(organization: str, user_id: str) -> None:
    """Erase the details of a person's acts."""
    try:
        wanted = UUID(user_id)
    except ValueError:
        message = f"{user_id!r} is no id of a person; the audit log and the table of users have them."
        raise fail(message) from None

    async def work(database: Database, organization_id: UUID) -> int:
        return await erase_details(database, organization_id, wanted, OPERATOR)

    erased = as_operator(organization, work)
    out.print(f"Erased what the audit told of {erased:,} acts beyond their ids; the chain stays whole.")


def _read_anchors(file: Path) -> list[Anchor]:
    try:
        return [Anchor.read(line) for line in file.read_bytes().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        message = f"{file} cannot be read: {reason_of(error)}"
        raise fail(message) from None


def _of_chains(
    organization: str | None, work: Callable[[Database, list[UUID]], Awaitable[Result]], more: list[UUID] | None = None
) -> Result:
    """Run `work(database, ids)` for one organization, or for all, with `more` that may be there no longer."""
    if organization is not None:

        async def of_one(database: Database, organization_id: UUID) -> Result:
            return await work(database, [organization_id])

        return as_operator(organization, of_one)
    settings = settings_or_exit()
    with engines_of(settings) as engines:
        complaint = complaint_about_tables(settings, engines.urls)
        if complaint is not None:
            raise fail(complaint)
        try:
            return asyncio.run(_of_all(engines.urls.database_url, work, more or []))
        except SkyledgerError as error:
            raise fail(error.message) from None
        except (SQLAlchemyError, OSError) as error:
            raise fail(reason_of(error)) from error


async def _of_all(url: str, work: Callable[[Database, list[UUID]], Awaitable[Result]], more: list[UUID]) -> Result:
    database = Database.connect(url, pool_size=2, statement_seconds=STATEMENT_SECONDS)
    try:
        return await work(database, sorted({*await all_organizations(database), *more}))
    finally:
        await database.close()
