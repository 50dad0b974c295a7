"""Runs the conformance audit of the npm package `graphql-http` against a server; needs node and npm."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "audit"
CACHE = Path(__file__).parents[2] / ".cache" / "npm-audit"

# GET needs a preflight header here (CSRF), which these three audits do not send; they say MAY.
NOTICES_OF_CSRF_PROTECTION = {"5A70", "D6D5", "6A70"}


@dataclass(frozen=True)
class Audit:
    """The result of one audit: `ok`, `notice` (MAY), `warn` (SHOULD) or `error` (MUST)."""

    id: str
    name: str
    status: str
    reason: str


async def run_audits(url: str, authorization: str = "") -> list[Audit]:
    """Every audit against the URL of a graph; skips the test, with the reason, where the packages cannot be had."""
    installed = await _install()
    output = await _run(installed, "node", str(FOLDER / "audit.mjs"), url, authorization)
    return [Audit(**json.loads(line)) for line in output.splitlines()]


async def _install() -> Path:
    """The packages of the lock file, installed once per lock file."""
    for command in ("node", "npm"):
        if shutil.which(command) is None:
            pytest.skip(f"the audit suite is an npm package and `{command}` is not installed")
    lock = FOLDER / "package-lock.json"
    target = CACHE / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if not (target / "installed").exists():
        target.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(FOLDER / name, target)
        try:
            await _run(target, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        except AssertionError as error:
            pytest.skip(f"the audit suite could not be installed from the npm registry: {str(error)[-300:]}")
        (target / "installed").touch()
    return target


async def _run(folder: Path, *command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 120)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, errors.decode()
    return output.decode()
