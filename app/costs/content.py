"""Ids made of content: equal content has one id in every process, so dimensions need no look-up first."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

# Part of every hash: another way of writing the content would need another name, for ids in the store must stay valid.
_PERSON: Final = b"skyledger-dim"
_ROW_PERSON: Final = b"skyledger-charge"
SEPARATOR: Final = "\x1f"
NULL: Final = "\x1e"
"""Stand between values and for nulls; normalised text holds neither, so no two contents are written alike."""
IDENTITY_BYTES: Final = 16


def content_id(values: Sequence[str | None]) -> int:
    """The id of a dimension's row: a signed 64-bit hash of its values in order, never 0.

    Two of ten million contents share an id with a probability of 3 in a million; then one is shown for the other, and
    no amount changes.
    """
    return written_id(SEPARATOR.join(NULL if value is None else value for value in values))


def written_id(content: str, salt: bytes = b"") -> int:
    """The id of content that is one text already; with another salt (16 bytes) it is another."""
    digest = blake2b(content.encode(), digest_size=8, person=_PERSON, salt=salt).digest()
    return int.from_bytes(digest, signed=True) or 1


def identity_of(content: bytes) -> bytes:
    """16 bytes that stand for the whole content of a charge."""
    return blake2b(content, digest_size=IDENTITY_BYTES, person=_ROW_PERSON).digest()


def repeated_identity(identity: bytes, occurrence: int) -> bytes:
    """The identity of the n-th equal row of a delivery, n from 2 on: it is another charge than the first."""
    return identity_of(identity + occurrence.to_bytes(8))
