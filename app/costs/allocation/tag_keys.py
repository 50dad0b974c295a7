"""Tag keys as people mean them: one normal form for all spellings, and what a tag set says under the promoted keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import orjson

from app.costs.content import content_id

MOST_PROMOTED_KEYS = 20
LONGEST_KEY = 256


@lru_cache(maxsize=16_384)
def normal_key(key: str) -> str:
    """The normal form of a tag key: no blanks around it, one space for each run of blanks in it, lower case.

    Blanks inside count, so `cost center` and `costcenter` stay two keys; `_`, `-` and `:` are no blanks.
    """
    return " ".join(key.split()).lower()


def tag_value(value: object) -> str | None:
    """A tag's value as text without blanks around it, its case kept; None where it has none.

    FOCUS writes `true` for a tag without a value. An empty text says as little as null: neither is a value.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str).decode()


def is_storable(text: str, longest: int) -> bool:
    """Whether PostgreSQL can hold a text as it is: 1 to `longest` characters, no NUL, no half of a surrogate pair."""
    return (
        1 <= len(text) <= longest
        and "\x00" not in text
        and text.encode(errors="replace") == text.encode(errors="ignore")
    )


def allocation_of(tags: Mapping[str, object], promoted: Sequence[str]) -> dict[str, str]:
    """What a tag set says under the promoted keys, which are normal forms: {normal key: value}, in the keys' order.

    {} stands for allocation id 0. Where a set has several spellings of a key, such as `" org"` beside `"org"`, the
    spelling that is the normal form itself is asked first, then the others in the order of their code points; the
    first that has a value decides. The order in which the tags were delivered never matters.
    """
    if not promoted or not tags:
        return {}
    wanted = set(promoted)
    found: dict[str, tuple[tuple[bool, str], str]] = {}
    for spelling, delivered in tags.items():
        key = normal_key(spelling)
        if key not in wanted or (value := tag_value(delivered)) is None:
            continue
        rank = (spelling != key, spelling)
        if key not in found or rank < found[key][0]:
            found[key] = (rank, value)
    return {key: found[key][1] for key in sorted(found)}


def allocation_id(allocation: Mapping[str, str]) -> int:
    """The id of the allocation set with these values, as `allocation_of` gives them; 0 for none."""
    if not allocation:
        return 0
    # As JSON, which escapes the bytes that `content_id` puts between values: tags may hold any.
    return content_id([orjson.dumps(allocation, option=orjson.OPT_SORT_KEYS).decode()])
