"""The example organization of `skyledger demo`: made at the first start, with the samples in it."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import asdict
from pathlib import Path

from app.auth.authenticator import Authenticator
from app.auth.sessions import Origin
from app.cli.demo import SignIn
from app.cli.imports import CostOptions, import_costs, import_resources, report
from app.cli.migrate import bring_up_to_date
from app.cli.operator import announcing_database
from app.cli.terminal import errors
from app.config import Settings
from app.embedded import EngineUrls
from app.organizations.create import register_with_organization

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
ORGANIZATION = "Kestrel Bakery"


def make_example(settings: Settings, urls: EngineUrls, path: Path) -> SignIn:
    """Bring the tables up to date, make user and organization, import the samples; then note the sign-in in `path`."""
    bring_up_to_date(urls.database_url)
    sign_in = asyncio.run(_make(settings, urls))
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(sign_in)))
    return sign_in


async def _make(settings: Settings, urls: EngineUrls) -> SignIn:
    # A start that was killed halfway left a user whose password nobody knows: the next one gets another address.
    email = f"demo+{secrets.token_hex(3)}@skyledger.example"
    password = secrets.token_urlsafe(12)
    async with announcing_database(urls) as database:
        _, organization = await register_with_organization(
            Authenticator(settings, database),
            Origin(),
            email=email,
            name="Demo",
            password=password,
            organization_name=ORGANIZATION,
        )
        for tally in (
            await import_resources(database, organization["id"], SAMPLES / "resources.csv"),
            await import_costs(database, organization["id"], SAMPLES / "costs.csv", CostOptions()),
        ):
            report(tally, errors)
    return SignIn(email, password, organization["slug"])
