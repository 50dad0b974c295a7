"""The keys that seal credentials, and texts that are made once and kept for their owner alone."""

from __future__ import annotations

import base64
import contextlib
import re
import secrets
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

CREDENTIAL_KEY_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def make_once(path: Path, text: Callable[[], str]) -> None:
    """Write a file that only its owner may read, unless it is there; whoever starts at the same moment agrees."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".secret-") as file:  # mode 0600
        file.write(text())
        file.flush()
        # A link appears whole or not at all: a process that starts at the same moment reads the winner's text.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(file.name)


def read_credential_keys(text: str) -> dict[str, bytes]:
    """The keys by their ids, the active one first, of `id:base64url` separated by commas or lines.

    Raises ValueError, which says what is wrong and never quotes a key.
    """
    keys: dict[str, bytes] = {}
    for number, part in enumerate(filter(None, (part.strip() for part in text.replace("\n", ",").split(","))), 1):
        key_id, _, encoded = part.partition(":")
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except ValueError:
            key = b""
        if not _KEY_ID.fullmatch(key_id) or len(key) != CREDENTIAL_KEY_BYTES:
            message = f"key {number} is not `id:base64url of 32 bytes`; `skyledger keys credential` prints one"
            raise ValueError(message)
        if key_id in keys:
            message = f"the id of key {number} is given twice"
            raise ValueError(message)
        keys[key_id] = key
    if not keys:
        message = "there is no key in it; `skyledger keys credential` prints one"
        raise ValueError(message)
    return keys


def new_credential_key() -> str:
    """A fresh `id:base64url`, whose id tells the day it was made."""
    key = base64.urlsafe_b64encode(secrets.token_bytes(CREDENTIAL_KEY_BYTES)).rstrip(b"=").decode()
    return f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)}:{key}"
