"""The key that signs access tokens."""

from __future__ import annotations

import secrets

from app.config.keys import make_once
from app.config.settings import Settings


def signing_key(settings: Settings) -> str:
    """The key that signs access tokens: the setting, or one generated once in the data folder (mode 0600)."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    path = settings.data_dir / "secret-key"
    make_once(path, lambda: secrets.token_urlsafe(48))
    return path.read_text().strip()
