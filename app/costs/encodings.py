"""Text that is no UTF-8: what it seems to be, and what its sender has to do."""

from __future__ import annotations

import re
from typing import Final

_SAVE: Final = "save the whole file as UTF-8, in Excel as `CSV UTF-8`, and import it again"
# A letter of Western Europe, or the euro sign, quotes and dashes of Windows, beside an ASCII letter or a blank.
_LEGACY: Final = re.compile(rb"(?<=[A-Za-z ])[\x80\x82\x84-\x8e\x91-\x9f\xc0-\xfd]|[\xc0-\xfd](?=[A-Za-z])")
_UTF_8: Final = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def why_not_utf8(what: str, text: bytes) -> str:
    """That a line or a header is no UTF-8; with the encoding that it seems to be in and what to do, where one is seen.

    Money is the same in both encodings, names are not, and which of many it is nobody can be sure of: so it is told and
    not read. A line that has characters of UTF-8 as well is a damaged one.
    """
    told = f"the {what} is not UTF-8 text"
    if _is_wide(text):
        return f"{told}: it seems to be UTF-16 without a byte order mark; {_SAVE}"
    if _LEGACY.search(text) and not _UTF_8.search(text):
        return f"{told}: it seems to be Windows-1252 (Latin-1); {_SAVE}"
    return told if what == "line" else f"{told}: give costs as CSV in UTF-8, as Parquet or as JSON Lines"


def _is_wide(text: bytes) -> bool:
    """Whether each second byte is zero, as in UTF-16 of English text; line ends may be cut in the middle."""
    return any(len(half) > 1 and not any(half[:-1]) for half in (text[::2], text[1::2]))
