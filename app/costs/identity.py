"""Which charge a row is: the same content has the same identity, so a row that is sent again changes nothing."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Final

import orjson

from app.costs.normalise import NormalisedRow
from app.costs.values import ColumnValue, JsonValue, decimal_text

IDENTITY_BYTES: Final = 16
# Part of the hash: another way of writing the content would need another name, for old identities must stay valid.
_PERSON: Final = b"skyledger-charge"


def identity(row: NormalisedRow) -> bytes:
    """16 bytes that stand for the whole content of the row, whatever its order of columns or its spelling of numbers.

    Columns that are null do not count, so a release of FOCUS with more columns leaves identities as they are.
    """
    content: dict[str, JsonValue] = {column: _plain(value) for column, value in row.values.items() if value is not None}
    content["extra"] = row.extra
    return _digest(orjson.dumps(content, option=orjson.OPT_SORT_KEYS))


def _plain(value: ColumnValue) -> JsonValue:
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=IDENTITY_BYTES, person=_PERSON).digest()


class Occurrences:
    """Tells real duplicates within one delivery apart: the second equal row of a delivery is another charge.

    Keep one for a whole file or batch. The n-th occurrence gets the same identity every time the delivery is sent,
    so it is safe to send again; equal rows in different deliveries are one charge. Holds one entry for each distinct
    row: about 100 bytes, 100 MB for a million rows.
    """

    def __init__(self) -> None:
        self._seen: dict[bytes, int] = {}

    def identity_with_occurrence(self, row: NormalisedRow) -> bytes:
        """16 bytes: the identity of the row, and from its second occurrence on a hash of it and of the count."""
        content = identity(row)
        count = self._seen.get(content, 0) + 1
        self._seen[content] = count
        return content if count == 1 else _digest(content + count.to_bytes(8))
