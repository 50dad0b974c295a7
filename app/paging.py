"""Keyset paging: opaque cursors over ordered columns, and the arguments of a page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from app.errors import BadUserInputError

DEFAULT_PAGE = 25
LARGEST_PAGE = 1_000

Row = TypeVar("Row")


@dataclass(frozen=True)
class PageRequest:
    """One page asked for: `size` rows after (forwards) or before (backwards) a key."""

    size: int = DEFAULT_PAGE
    after: tuple[Any, ...] | None = None
    before: tuple[Any, ...] | None = None
    backwards: bool = False


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows in the order asked for, with what lies on either side of them."""

    rows: list[Row]
    has_next: bool
    has_previous: bool


def encode_cursor(order: str, key: Sequence[Any]) -> str:
    """An opaque cursor: the order it belongs to and the values of its key columns, which JSON can carry as text."""
    return base64.urlsafe_b64encode(orjson.dumps([order, *key])).rstrip(b"=").decode()


def decode_cursor(cursor: str, order: str, parse: Sequence[Callable[[str], Any]], argument: str) -> tuple[Any, ...]:
    """The key of a cursor; `parse` turns each text back into a value.

    Raises BadUserInputError when it is not a cursor of this order.
    """
    try:
        found_order, *key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if found_order != order:
            key = []  # zip() below refuses it like any key of another length
        return tuple(convert(value) for convert, value in zip(parse, key, strict=True))
    except (ValueError, OverflowError, TypeError, KeyError, AttributeError, ArithmeticError, binascii.Error):
        message = (
            f"`{argument}` is not a cursor of this connection and order. Pass `endCursor` or `startCursor` of a page "
            "that was asked with the same `orderBy`."
        )
        raise BadUserInputError(message, path=(argument,)) from None


def page_size(first: int | None, last: int | None) -> tuple[int, bool]:
    """(size, backwards) of the paging arguments. Raises BadUserInputError when both are given or out of 1 to 1,000."""
    if first is not None and last is not None:
        message = "Give `first` or `last`, not both."
        raise BadUserInputError(message, path=("last",))
    size = first if first is not None else last
    name = "last" if last is not None else "first"
    if size is None:
        return DEFAULT_PAGE, False
    if not 1 <= size <= LARGEST_PAGE:
        message = f"`{name}` is {size}; it must be between 1 and {LARGEST_PAGE}."
        raise BadUserInputError(message, path=(name,))
    return size, last is not None


def page_of(rows: Sequence[Row], request: PageRequest) -> Page[Row]:
    """Make a page of `size + 1` fetched rows: the extra row only tells that there is more."""
    more = len(rows) > request.size
    kept = list(rows[: request.size])
    if request.backwards:
        kept.reverse()
        return Page(kept, has_next=request.before is not None, has_previous=more)
    return Page(kept, has_next=more, has_previous=request.after is not None)
