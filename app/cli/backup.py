"""`skyledger backup` and `skyledger restore`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from app.backup import BackupError, back_up, restore
from app.cli.migrate import complaint_about_tables
from app.cli.terminal import engines_of, fail, out, reason_of, settings_or_exit
from app.config import Settings, read_credential_keys


def run_backup(target: Path, *, with_keys: bool) -> None:
    """Copy everything, and say what is in the copy and what is not."""
    settings, begun = settings_or_exit(), time.monotonic()
    with engines_of(settings) as engines:
        complaint = complaint_about_tables(settings, engines.urls)
        if complaint is not None:
            raise fail(complaint)
        try:
            made = asyncio.run(back_up(settings, engines.urls.database_url, target, with_keys=with_keys))
        except (BackupError, OSError) as error:
            raise fail(_why(error)) from None
    seconds = time.monotonic() - begun
    _say(
        f"{target}: {made.rows:,} rows of {made.tables} tables and {made.files:,} files, "
        f"{made.bytes / 2**20:,.1f} MiB, in {seconds:.1f} s."
    )
    if made.bucket is not None:
        _say(f"Uploads and exports in the bucket {made.bucket} are not in it: copy the bucket with its own means.")
    if with_keys:
        _say("It holds the generated keys of the data folder: whoever has it can sign in and open credentials.")
    else:
        needed = f" ({', '.join(made.sealed_under)})" if made.sealed_under else ""
        _say(
            f"The keys are not in it. Keep SKYLEDGER_CREDENTIAL_KEYS, or {settings.data_dir / 'credential-keys'}, "
            f"apart: without them{needed} the credentials of accounts cannot be opened."
        )


def run_restore(source: Path, *, replace: bool) -> None:
    """Bring a copy back, and say what is still needed."""
    settings = settings_or_exit()
    with engines_of(settings) as engines:
        try:
            done = asyncio.run(restore(settings, engines.urls.database_url, source, replace=replace))
        except (BackupError, OSError) as error:
            raise fail(_why(error)) from None
    _say(
        f"Restored {done.rows:,} rows of {done.tables} tables, each counted and compared, and {done.files:,} files, "
        f"as of {done.made_at}."
    )
    if done.upgraded_from is not None:
        _say(f"The tables were at revision {done.upgraded_from} and have been brought up to date.")
    if done.bucket is not None:
        _say(f"Uploads and exports were in the bucket {done.bucket}, which is not part of a backup.")
    missing = sorted(set(done.sealed_under) - _held(settings))
    if missing:
        _say(
            f"Credentials are sealed under {', '.join(missing)}, which SKYLEDGER_CREDENTIAL_KEYS and the data folder "
            "lack: add those keys, or connect the accounts again."
        )


def _held(settings: Settings) -> set[str]:
    """Ids of the keys that this installation has."""
    if settings.credential_keys is not None:
        return set(read_credential_keys(settings.credential_keys.get_secret_value()))
    path = settings.data_dir / "credential-keys"
    return set(read_credential_keys(path.read_text())) if path.is_file() else set()


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, BackupError) else reason_of(error)


def _say(text: str) -> None:
    out.print(text, highlight=False, markup=False, soft_wrap=True)
