"""Names and reasons that people give in the cost rooms."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from app.costs.values import UnusableValueError, checked_text
from app.errors import BadUserInputError

LONGEST_NAME = 256
LONGEST_REASON = 2_000


def checked_name(text: str, field: str) -> str:
    """Trimmed text of 1 to 256 characters. Raises BadUserInputError at that input field otherwise."""
    return _checked(text, field, LONGEST_NAME)


def checked_reason(text: str, field: str) -> str:
    """Trimmed text of 1 to 2,000 characters. Raises BadUserInputError at that input field otherwise."""
    return _checked(text, field, LONGEST_REASON)


def named(names: Mapping[UUID, str], name: str) -> UUID | None:
    """The key of what has this name, whatever the case, blanks around it left out; one spelt alike comes first."""
    wanted = name.strip()
    alike = [key for key, text in names.items() if text.casefold() == wanted.casefold()]
    return min(alike, key=lambda key: (names[key] != wanted, key), default=None)


def _checked(text: str, field: str, longest: int) -> str:
    trimmed = text.strip()
    try:
        checked_text(trimmed, 4 * longest)
        fits = 1 <= len(trimmed) <= longest
    except UnusableValueError:
        fits = False
    if not fits:
        message = f"`{field}` must have 1 to {longest:,} characters that can be stored."
        raise BadUserInputError(message, path=("input", field))
    return trimmed
