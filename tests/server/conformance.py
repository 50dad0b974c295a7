"""Runs the conformance audit of the npm package `graphql-http` against a server; needs node and npm."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.node import install, run

FOLDER = Path(__file__).parent / "audit"


@dataclass(frozen=True)
class Audit:
    """The result of one audit: `ok`, `notice` (MAY), `warn` (SHOULD) or `error` (MUST)."""

    id: str
    name: str
    status: str
    reason: str


async def run_audits(url: str, authorization: str = "") -> list[Audit]:
    """Every audit against the URL of a graph; skips the test, with the reason, where the packages cannot be had."""
    installed = await install(FOLDER)
    output = await run(installed, "node", str(FOLDER / "audit.mjs"), url, authorization)
    return [Audit(**json.loads(line)) for line in output.splitlines()]
