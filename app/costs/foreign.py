"""Files that are no costs in FOCUS: known by how they begin or by their columns, and told with what to do instead."""

from __future__ import annotations

import codecs
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import Final

from app.costs.focus import FOCUS_COLUMNS, INDISPENSABLE

_FORMATS: Final = {
    b"PK\x03\x04": "a ZIP archive: unpack it or use gzip; of an Excel workbook save the sheet as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV in UTF-8",
    b"%PDF-": "a PDF document: give the data itself, such as a CSV file",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it or use gzip",
    b"\xfd7zXZ\0": "compressed with xz: unpack it or use gzip",
    b"BZh": "compressed with bzip2: unpack it or use gzip",
    b"7z\xbc\xaf": "a 7z archive: unpack it or use gzip",
    b"<": "HTML or XML, perhaps the error page of a download: fetch the file again",
    b"[": "a JSON array: write one object a line (JSON Lines)",
}
"""How a file begins, and what it is."""
_ROWS_ALONE: Final = {
    codecs.BOM_UTF16_LE: "UTF-16 text: save it as UTF-8",
    codecs.BOM_UTF16_BE: "UTF-16 text: save it as UTF-8",
    b"PAR1": "Parquet: give CSV or JSON Lines",
}
"""What costs may be in, and files of other rows may not."""
_OTHER_EXPORTS: Final = (
    (
        ("lineitem/unblendedcost", "line_item_unblended_cost"),
        "a Cost and Usage Report of AWS: create a Data Export of the table `FOCUS 1.2 with AWS columns`",
    ),
    (
        ("costinbillingcurrency", "pretaxcost", "costinusd"),
        "an export of Azure's actual or amortized costs: create one of the type `Cost and usage details (FOCUS)`",
    ),
    (
        ("datafiles", "reportkeys", "blobs"),
        "the manifest of an export, which only names files: send the files that it names",
    ),
    (
        ("usage_start_time", "cost_type"),
        "Google's own export of billing data: export the FOCUS table `gcp_billing_export_focus_…` or a view of it",
    ),
)
"""Columns, in small letters, of which one is enough, and what has them."""
_NAMES: Final = {column.column: column.name for column in FOCUS_COLUMNS}
_LONGEST_NAME: Final = 40
"""Longer ones are none of FOCUS's with a typing error."""
_ALIKE: Final = 0.85


def foreign_format(start: bytes, *, only_text: bool = False) -> str | None:
    """What a file is that begins so and cannot be read, and what to do; None for what may be rows.

    `only_text` is for readers of CSV and JSON Lines in UTF-8 alone.
    """
    formats = _FORMATS | _ROWS_ALONE if only_text else _FORMATS
    begun = start.lstrip()
    for mark, what in formats.items():
        if start.startswith(mark) or begun.startswith(mark):
            return f"the file is {what}"
    return None


def why_no_charges(names: Collection[str], known: Collection[str], where: str = "header") -> str | None:
    """Why no row of a file with these columns can be a charge, and what to do; None where rows may be.

    `known` are those that are FOCUS's, by their names in our tables; `where` they stand. A currency may be given with
    the delivery.
    """
    lacking = [column for column in INDISPENSABLE if column != "billing_currency" and column not in known]
    if not lacking:
        return None
    spelt = {name.strip().lower() for name in names}
    for marks, what in _OTHER_EXPORTS:
        if not spelt.isdisjoint(marks):
            return f"the file is {what}"
    if not known:
        return f"the {where} names no column of FOCUS, such as BilledCost: give an export of costs in the FOCUS format"
    columns = " and no ".join(_NAMES[column] for column in lacking)
    told = f"the {where} has no {columns}, without which no row is a charge"
    alike = _alike(names, lacking)
    if alike:
        return f"{told}: name the column {' and '.join(alike)}"
    return f"{told}: give an export in the FOCUS format"


def _alike(names: Collection[str], lacking: Sequence[str]) -> list[str]:
    """What a file calls by a name with a typing error, and what it is to be called."""
    short = {name.strip().lower(): name.strip() for name in names if len(name) <= _LONGEST_NAME}
    for column, name in _NAMES.items():
        short.pop(column, None)
        short.pop(name.lower(), None)
    found = {_NAMES[column]: get_close_matches(_NAMES[column].lower(), short, n=1, cutoff=_ALIKE) for column in lacking}
    return [f"`{short[alike[0]]}` {name}" for name, alike in found.items() if alike]
