"""Names of datasets: the streams of rows of an organization."""

from __future__ import annotations

from typing import Final

from app.errors import BadUserInputError

DEFAULT_DATASET: Final = "default"
LONGEST_DATASET: Final = 100


def checked_dataset(name: str) -> str:
    """A dataset's name without white space around it. Raises BadUserInputError unless it has 1 to 100 characters."""
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= LONGEST_DATASET or "\x00" in trimmed:
        message = f"`dataset` must have 1 to {LONGEST_DATASET} characters."
        raise BadUserInputError(message, path=("input", "dataset"))
    return trimmed
