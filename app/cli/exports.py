"""`skyledger export costs`: charges as a file of FOCUS, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from app.cli.operator import as_operator
from app.cli.terminal import errors, fail, out
from app.costs.exports.start import checked_order
from app.costs.exports.writing import Written, write_file
from app.database import Database
from app.errors import BadUserInputError
from app.records.cost_exports import CostExportFormat, CostExportOrder, FocusVersion

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_BETWEEN = ".."
Choice = TypeVar("Choice", FocusVersion, CostExportFormat)


def run_export_costs(
    path: Path, organization: str, period: str, focus_version: str, form: str | None, dataset: str | None
) -> None:
    """Write the charges of a period into a file; without a `form` into one of the kind that its name says."""
    try:
        start, end = read_period(period)
        version = one_of(FocusVersion, focus_version, "--focus-version")
        kind = named_form(path) if form is None else one_of(CostExportFormat, form, "--format")
        order = checked_order(CostExportOrder(start, end, version, kind, dataset))
    except BadUserInputError as error:
        raise fail(error.message) from None
    except ValueError as error:
        message = f"{error}."
        raise fail(message) from None
    if not path.parent.is_dir():
        message = f"{path.parent} is no folder."
        raise fail(message)
    written = as_operator(organization, partial(_export, path=path, order=order))
    out.print(f"{written.rows:,} charges in {len(written.columns)} columns: {path}", highlight=False, soft_wrap=True)
    if written.omitted:
        lacking = f"FOCUS {focus_version} lacks columns that some of them have: {', '.join(written.omitted)}"
        out.print(f"  note: {lacking}", highlight=False, soft_wrap=True)


async def _export(database: Database, organization_id: UUID, *, path: Path, order: CostExportOrder) -> Written:
    with errors.status("Writing charges …"), scratch(path.parent) as (_, made):
        written = await write_file(database, organization_id, order, made, partial(scratch, path.parent))
        os.chmod(made, 0o666 & ~_umask())  # noqa: PTH101  (temporary files are private)
        os.replace(made, path)  # noqa: PTH105
    return written


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[tuple[int, Path]]:
    """An empty file of a folder, gone at the end unless it got another name."""
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".skyledger-export-")
    try:
        yield descriptor, Path(name)
    finally:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)


def read_period(text: str) -> tuple[date, date]:
    """First day and the day after the last, of `2026-10` or `2026-10-01..2026-11-01`. Raises ValueError."""
    try:
        if found := _MONTH.fullmatch(text):
            first = date(int(found[1]), int(found[2]), 1)
            return first, (first + timedelta(days=31)).replace(day=1)
        start, _, end = text.partition(_BETWEEN)
        return date.fromisoformat(start), date.fromisoformat(end)
    except ValueError:
        message = f"`--period` is {text!r}; it must be a month such as 2026-10 or days such as 2026-10-01..2026-11-01"
        raise ValueError(message) from None


def named_form(path: Path) -> CostExportFormat:
    """The form that a file's name ends in, Parquet where it ends in none."""
    name = path.name.lower()
    return next((form for form in CostExportFormat if name.endswith(f".{form}")), CostExportFormat.PARQUET)


def one_of(choices: type[Choice], text: str, option: str) -> Choice:
    """The choice of that value. Raises ValueError with the option's name and all that may be given."""
    try:
        return choices(text.lower())
    except ValueError:
        *others, last = (choice.value for choice in choices)
        message = f"`{option}` is {text!r}; it must be {', '.join(others)} or {last}"
        raise ValueError(message) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
