"""`skyledger permissions`: the least that Skyledger has to be allowed in a cloud."""

from __future__ import annotations

from app.cli.terminal import fail
from app.providers.registry import CLOUDS, cloud
from app.records import Provider


def run_permissions(provider: str) -> None:
    """Print the policy of a provider."""
    wanted = provider.strip().upper()
    if wanted not in CLOUDS:
        names = ", ".join(name.lower() for name in CLOUDS)
        message = f"there is no cloud {provider!r}; choose of: {names}."
        raise fail(message)
    print(cloud(Provider(wanted)).policy())  # noqa: T201  (for scripts, without colours or wrapping)
