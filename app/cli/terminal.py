"""What commands share: settings with a clear refusal, engines by URL or embedded, and how errors are shown."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer
from rich.console import Console
from rich.markup import escape

from app.config import Settings, insecurities, load_settings
from app.embedded import Attachment, EmbeddedEngineError, EngineUrls, attach
from app.errors import ConfigurationError

out = Console()
errors = Console(stderr=True)


def fail(message: str) -> typer.Exit:
    """Show why a command cannot go on; raise what this returns."""
    errors.print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    return typer.Exit(1)


def reason_of(error: BaseException) -> str:
    """One line that says why, without the names of a driver's classes."""
    original = getattr(error, "orig", None)  # SQLAlchemy wraps its adapter's error, which wraps the driver's
    source = getattr(original, "__cause__", None) or original or error
    lines = str(source).strip().splitlines()
    return lines[0] if lines else type(source).__name__


def settings_or_exit() -> Settings:
    """The settings. Ends the command with what is wrong, also when production would start insecurely."""
    try:
        settings = load_settings()
    except ConfigurationError as error:
        message = f"{error}\n`skyledger doctor` explains the settings."
        raise fail(message) from None
    if settings.environment == "production" and (found := insecurities(settings)):
        message = "\n- ".join(["these settings are not fit for production:", *found])
        raise fail(message)
    return settings


class Engines:
    """The engines that the settings name, and the embedded ones, under a lease, where they name none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._embedded = not (settings.database_url and settings.redis_url)
        self._lease: Attachment | None = attach(settings.data_dir) if self._embedded else None
        embedded = self._lease.urls if self._lease else EngineUrls("", "")
        self.urls = EngineUrls(settings.database_url or embedded.database_url, settings.redis_url or embedded.redis_url)

    def renew(self) -> None:
        """Start the embedded engines again if their supervisor was killed. Blocks for as long as that takes."""
        if self._lease is not None and not self._lease.alive:
            self._lease.close()
            self._lease = attach(self._settings.data_dir)

    def release(self) -> None:
        """Give the lease back; the embedded engines stop when nobody holds one."""
        if self._lease is not None:
            self._lease.close()


@contextlib.contextmanager
def engines_of(settings: Settings) -> Iterator[Engines]:
    """The engines for as long as the block runs. Ends the command with advice when they do not start."""
    try:
        engines = Engines(settings)
    except EmbeddedEngineError as error:
        raise fail(str(error)) from None
    try:
        yield engines
    finally:
        engines.release()
