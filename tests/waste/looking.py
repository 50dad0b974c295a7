"""What the proofs of all providers share: an account is measured and looked at, and compared with what is known."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from app.database import Database
from tests.scanning.company import Company

RECOMMENDATIONS = """query ($slug: String!) { organization(slug: $slug) {
  recommendations(first: 1000, where: {state: {eq: OPEN}}) { totalCount nodes {
    checkId isCounted subject saving { monthly { amount currency } basis formula reason } } }
  savingsSummary { potential count } } }"""
MOST_SECONDS = 240
Key = tuple[str, str]
Found = dict[Key, dict[str, Any]]


async def looked(company: Company, owner: Database, *services: str) -> Found:
    """Scan, wait until the whole account was measured and looked at; what is open, by check and what it is about."""
    scan = await company.scan(*services)
    assert scan["state"] == "SUCCEEDED", [
        (step["service"], step["problems"]) for step in scan["steps"] if step["problems"]
    ]
    await all_done(owner)
    return await open_findings(company)


async def all_done(owner: Database) -> None:
    """Wait until no job is left to do; none may have failed."""
    async with asyncio.timeout(MOST_SECONDS):
        while await count(owner, "SELECT count(*) FROM jobs WHERE state IN ('QUEUED', 'RUNNING')"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert await count(owner, "SELECT count(*) FROM jobs WHERE state <> 'SUCCEEDED'") == 0


async def open_findings(company: Company, document: str = RECOMMENDATIONS) -> Found:
    """What is open, by check and what it is about; a document may ask for more of it."""
    person = company.person
    answer = await company.graphql.data(document, {"slug": person.slug}, token=person.token)
    nodes = answer["organization"]["recommendations"]["nodes"]
    found = {(node["checkId"], node["subject"]): node for node in nodes}
    assert len(found) == len(nodes) == answer["organization"]["recommendations"]["totalCount"]
    once = [node["saving"]["monthly"] for node in nodes if node["isCounted"]]
    told = Decimal(answer["organization"]["savingsSummary"]["potential"])
    assert told == sum(Decimal(money["amount"]) for money in once if money), "no money is counted twice"
    return found


async def count(owner: Database, statement: str) -> int:
    """The one number that a statement gives, whoever it belongs to."""
    async with owner.read(None) as session:
        return int((await session.execute(text(statement))).scalar_one())


async def seen_for_long(owner: Database, days: float) -> None:
    """As if the account had been scanned each day since it was filled."""
    async with owner.write(None) as session:
        await session.execute(
            text(
                "UPDATE resources SET first_seen_at = "
                "greatest(coalesce(provider_created_at, '-infinity'), now() - make_interval(days => :days))"
            ),
            {"days": days},
        )


async def measured_before(owner: Database) -> None:
    """As if metrics had last been read some days ago: they are read again."""
    async with owner.write(None) as session:
        await session.execute(text("UPDATE resource_usage SET first_day = first_day - 3, problem = NULL"))


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
    return told
