"""Slugs: the name of an organization in addresses."""

from __future__ import annotations

import re
import secrets
import string
import unicodedata
from uuid import UUID

from app.errors import BadUserInputError

LONGEST_SLUG = 63
_RESERVED_PREFIX = "deleted-"
_FORM = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])")
_SUFFIX_ALPHABET = string.ascii_lowercase + string.digits
_SUFFIX_LENGTH = 6


def checked_slug(value: str) -> str:
    """The slug as it is. Raises BadUserInputError unless it has 2 to 63 of a-z, 0-9 and inner hyphens."""
    if not is_slug(value):
        message = (
            f"`slug` must have 2 to {LONGEST_SLUG} characters out of a-z, 0-9 and hyphens, begin and end with a letter "
            f'or digit, and not begin with "{_RESERVED_PREFIX}".'
        )
        raise BadUserInputError(message, path=("input", "slug"))
    return value


def is_slug(value: str) -> bool:
    """Whether a living organization may have this slug."""
    return _FORM.fullmatch(value) is not None and not value.startswith(_RESERVED_PREFIX)


def slug_of(name: str) -> str:
    """A slug that is made of a name, as far as Latin letters go."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[: LONGEST_SLUG - _SUFFIX_LENGTH - 1].strip("-")
    while slug.startswith(_RESERVED_PREFIX):
        slug = slug.removeprefix(_RESERVED_PREFIX)
    return slug if _FORM.fullmatch(slug) else f"organization-{_suffix()}"


def another_slug(slug: str) -> str:
    """The slug with a random end, for when it is taken."""
    return f"{slug[: LONGEST_SLUG - _SUFFIX_LENGTH - 1].rstrip('-')}-{_suffix()}"


def slug_of_deleted(organization_id: UUID) -> str:
    """The slug of a tombstone: nobody can choose it, and the old one is free again."""
    return f"{_RESERVED_PREFIX}{organization_id}"


def _suffix() -> str:
    return "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(_SUFFIX_LENGTH))
