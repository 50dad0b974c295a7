"""`skyledger import rates`: currency rates in the form in which the European Central Bank publishes them."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path
from uuid import UUID

import typer

from app.cli.imports import SHOWN_ISSUES, SOME_REJECTED
from app.cli.operator import OPERATOR, as_operator
from app.cli.terminal import errors, fail, out
from app.costs.currency_rates import RatesStored, import_ecb_rates
from app.database import Database
from app.errors import BadUserInputError
from app.records.currencies import checked_currency
from app.repositories.organizations import organizations_by_id


def run_import_rates(file: Path, organization: str, currency: str | None, since: str | None) -> None:
    """Import a file of rates, and tell what became of them."""
    try:
        wanted = checked_currency(currency) if currency is not None else None
        first = date.fromisoformat(since) if since is not None else None
    except BadUserInputError as error:
        raise fail(error.message) from None
    except ValueError:
        message = "`--since` must be a day, such as 2026-01-01."
        raise fail(message) from None
    if not file.is_file():
        message = f"{file} is no file."
        raise fail(message)
    try:
        stored = as_operator(organization, partial(_import, file=file, currency=wanted, since=first))
    except UnicodeDecodeError:
        message = f"{file} is no text in UTF-8; is it still packed?"
        raise fail(message) from None
    _report(stored)


async def _import(
    database: Database, organization_id: UUID, *, file: Path, currency: str | None, since: date | None
) -> RatesStored:
    if currency is None:
        async with database.read(organization_id) as session:
            (organization,) = await organizations_by_id(session, [organization_id])
        currency = str(organization["currency"])
    return await import_ecb_rates(database, organization_id, OPERATOR, file, currency, since)


def _report(stored: RatesStored) -> None:
    """What landed; ends with exit code 3 where lines could not be read."""
    out.print(
        f"{stored.added:,} rates added, {stored.changed:,} changed, {stored.unchanged:,} unchanged; "
        f"{len(stored.issues):,} lines could not be read."
    )
    for issue in stored.issues[:SHOWN_ISSUES]:
        errors.print(f"line {issue.row_number}: {issue.reason} It is {issue.value!r}.", markup=False)
    if len(stored.issues) > SHOWN_ISSUES:
        errors.print(f"… and {len(stored.issues) - SHOWN_ISSUES:,} more")
    if stored.issues:
        raise typer.Exit(SOME_REJECTED)
