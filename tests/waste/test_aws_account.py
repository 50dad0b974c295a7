"""All waste of a whole AWS account is found and nothing else, with the right money; what cannot be read is no waste."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.config import Settings
from app.context import Runtime
from app.database import Database
from app.detection.catalogue import CHECKS
from app.embedded import EngineUrls
from tests.clients import GraphQL, register
from tests.scanning.company import Company, worker
from tests.waste.aws_waste import expected
from tests.waste.denying import deny_metrics, make_user
from tests.waste.seeding import OLD, REGION

RECOMMENDATIONS = """query ($slug: String!) { organization(slug: $slug) {
  recommendations(first: 1000, where: {state: {eq: OPEN}}) { totalCount nodes {
    checkId isCounted resource { nativeId } saving { monthly { amount currency } basis formula reason } } }
  savingsSummary { potential count } } }"""
SERVICES = ("ec2", "elb", "elbv2", "autoscaling")
PROJECT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 120
Key = tuple[str, str]
Found = dict[Key, dict[str, Any]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The emulator is a host that the operator allows."""
    return settings.model_copy(update={"endpoint_hosts": ("127.0.0.1",)})


@pytest.fixture
def far_account() -> Iterator[tuple[str, dict[str, str]]]:
    """The URL of the account, and native ids by label."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.waste.far_account", str(port)]
    environment = {**os.environ, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{port}", json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.fixture
async def company(
    graphql: GraphQL,
    runtime: Runtime,
    far_account: tuple[str, dict[str, str]],
    settings: Settings,
    engine_urls: EngineUrls,
) -> AsyncIterator[Company]:
    person = await register(graphql)
    async with worker(settings, engine_urls):
        yield Company(graphql, runtime, person, far_account[0], REGION)


async def looked(company: Company, owner: Database) -> Found:
    """Scan, wait until the account was measured and looked at; what is open, by check and native id."""
    scan = await company.scan(*SERVICES)
    assert scan["state"] == "SUCCEEDED", scan
    async with asyncio.timeout(MOST_SECONDS):
        while await _count(owner, "SELECT count(*) FROM jobs WHERE state IN ('QUEUED', 'RUNNING')"):
            await asyncio.sleep(0.1)
    assert await _count(owner, "SELECT count(*) FROM jobs WHERE state <> 'SUCCEEDED'") == 0
    person = company.person
    answer = await company.graphql.data(RECOMMENDATIONS, {"slug": person.slug}, token=person.token)
    nodes = answer["organization"]["recommendations"]["nodes"]
    found = {(node["checkId"], node["resource"]["nativeId"]): node for node in nodes}
    assert len(found) == len(nodes) == answer["organization"]["recommendations"]["totalCount"]
    return found


async def _count(owner: Database, statement: str) -> int:
    async with owner.read(None) as session:
        return int((await session.execute(text(statement))).scalar_one())


async def _seen_for_long(owner: Database) -> None:
    """As if the account had been scanned each day since it was filled."""
    async with owner.write(None) as session:
        await session.execute(
            text(
                "UPDATE resources SET first_seen_at = "
                "greatest(coalesce(provider_created_at, '-infinity'), now() - make_interval(days => :days))"
            ),
            {"days": OLD},
        )


def differences(found: Found, ids: dict[str, str], wanted: dict[Key, Decimal | None]) -> list[str]:
    """What is found though it is no waste, what is waste and not found, and what has another amount."""
    labels = {native_id: label for label, native_id in ids.items()}
    named = {(check, labels.get(node, node)): told for (check, node), told in found.items()}
    told = [f"no waste: {key}" for key in sorted(named.keys() - wanted.keys())]
    told += [f"not found: {key}" for key in sorted(wanted.keys() - named.keys())]
    for key in sorted(named.keys() & wanted.keys()):
        saving = named[key]["saving"]
        amount = None if saving["monthly"] is None else Decimal(saving["monthly"]["amount"])
        if amount != wanted[key]:
            told.append(f"{key}: {amount} instead of {wanted[key]}, {saving['formula']} {saving['reason']}")
    if told: print("\n".join(told))
    return told


async def test_all_waste_is_found_and_nothing_else(
    company: Company, far_account: tuple[str, dict[str, str]], owner: Database
) -> None:
    url, ids = far_account
    wanted = expected()
    await company.connect(*(await asyncio.to_thread(make_user, url)))
    await asyncio.to_thread(deny_metrics, url)
    await looked(company, owner)
    await _seen_for_long(owner)
    denied = await looked(company, owner)
    unmeasured = {key: money for key, money in wanted.items() if not CHECKS[key[0]].metrics}
    assert differences(denied, ids, unmeasured) == [], "without metrics nothing is idle"

    await asyncio.to_thread(deny_metrics, url, denied=False)
    found = await looked(company, owner)
    assert differences(found, ids, wanted) == []
    assert len({check for check, _ in found}) >= 1

    await asyncio.to_thread(deny_metrics, url)
    again = await looked(company, owner)
    assert again == found, "what was found stays open when metrics are denied"
