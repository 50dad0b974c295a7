"""Programs of tests that run on Node: their packages, from the lock file beside them, are installed once."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[1] / ".cache" / "npm"
PATIENCE = 240
"""Seconds that a busy machine may take."""


async def install(folder: Path) -> Path:
    """Where the packages of a folder's lock file are; skips the test, with the reason, where they cannot be had."""
    for command in ("node", "npm"):
        if shutil.which(command) is None:
            pytest.skip(f"{folder.name} are npm packages and `{command}` is not installed")
    lock = folder / "package-lock.json"
    target = CACHE / f"{folder.name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    if not (target / "installed").exists():
        target.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(folder / name, target)
        try:
            await run(target, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        except AssertionError as error:
            pytest.skip(f"{folder.name} could not be installed from the npm registry: {str(error)[-300:]}")
        (target / "installed").touch()
    return target


async def run(folder: Path, *command: str, **variables: str) -> str:
    """What a command prints that runs in a folder; it has to succeed. `variables` are added to its environment."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, errors.decode() + output.decode()
    return output.decode()
