"""What people type to name themselves, others and things: trimmed, bounded, and fit to be stored and shown."""

from __future__ import annotations

import re
import unicodedata

from app.errors import BadUserInputError

LONGEST_NAME = 100
LONGEST_EMAIL = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets
_EMAIL = re.compile(r'[^\s@<>()\[\]\\,;:"]{1,64}@(?:[^\W_](?:[^\W_]|-){0,62}\.)+[^\W_](?:[^\W_]|-){0,62}')


def checked_name(value: str, path: tuple[str, ...]) -> str:
    """The name without blanks around it: 1 to 100 characters, no control characters. BadUserInputError otherwise."""
    name = value.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        message = f"`{path[-1]}` must have 1 to {LONGEST_NAME} characters."
        raise BadUserInputError(message, path=path)
    # Cc: control characters. Cs: half a character, which no database stores.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        message = f"`{path[-1]}` must not contain control characters."
        raise BadUserInputError(message, path=path)
    return name


def normal_email(value: str, path: tuple[str, ...] = ("input", "email")) -> str:
    """The e-mail address in the one form in which it is stored and compared: NFKC, lower case.

    Raises BadUserInputError when it has not the shape of an address.
    """
    email = unicodedata.normalize("NFKC", value[: 2 * LONGEST_EMAIL].strip()).lower()
    invisible = any(unicodedata.category(character).startswith("C") for character in email)
    if len(email) > LONGEST_EMAIL or invisible or not _EMAIL.fullmatch(email):
        message = f"`{path[-1]}` must be an e-mail address such as name@example.com."
        raise BadUserInputError(message, path=path)
    return email
