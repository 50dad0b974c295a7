"""SQL of the preview of detection rules: all resources of some types, sifted, and what is said of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.records.recommendations import ACTIVE, COUNTING
from app.repositories.declared_conditions import FAILS, Bound, Sifting
from app.repositories.detection_facts import quoted
from app.repositories.planning import driver_of, plan_for_sifting

_OF_TYPES = """
    FROM resources WHERE organization_id = $1 AND resource_type = ANY($2::text[]) AND account_id = ANY($3::uuid[])
        AND gone_at IS NULL"""
_ACCOUNTS = text("""
    SELECT accounts.id FROM accounts WHERE accounts.organization_id = :organization_id
        AND (CAST(:provider AS text) IS NULL OR provider = :provider)
""")
_LEDGER = """
    SELECT id, account_id, subject_key, state, node, part_of, covers_parts, converted_saving, severity, price_basis
    FROM recommendations WHERE organization_id = $1 AND check_id = $2 AND subject_key = ANY($3::text[])
"""
_STANDING = f"""
    SELECT resource_id FROM recommendations WHERE organization_id = $1 AND check_id = $2
        AND subject_key = ANY($3::text[]) AND state IN ({", ".join(f"'{state.value}'" for state in sorted(ACTIVE))})
"""  # noqa: S608  (constants)
# A join, as a list of many is searched from its start for each row where the plan is a general one.
_CLAIMS = f"""
    SELECT account_id, id, node, part_of, covers_parts, converted_saving FROM recommendations
    WHERE organization_id = $1 AND account_id = ANY($2::uuid[])
        AND state IN ({", ".join(f"'{state.value}'" for state in sorted(COUNTING))})
        AND (node IN (SELECT unnest($3::text[])) OR part_of IN (SELECT unnest($3::text[])))
"""  # noqa: S608  (constants)


async def accounts_of_provider(session: AsyncSession, organization_id: UUID, provider: str | None) -> list[UUID]:
    """All accounts at a provider (at any for None), also such that were disconnected: their resources stay."""
    values = {"organization_id": organization_id, "provider": provider}
    return sorted((await session.execute(_ACCOUNTS, values)).scalars())


@dataclass(frozen=True, slots=True)
class Asked:
    """Which resources are sifted, by what, and how many at most are read."""

    organization_id: UUID
    types: Sequence[str]
    account_ids: Sequence[UUID]
    tag_keys: Sequence[str]
    """Tags that tell groups apart."""
    today: date
    sets: Sequence[Sequence[Bound]]
    most: int


@dataclass(frozen=True, slots=True)
class Group:
    """Resources of an account and a region that have the same tags of those asked for, and the same letters."""

    account_id: UUID
    region: str | None
    tags: Mapping[str, str]
    letters: Sequence[str]
    """As app.repositories.declared_conditions has them, one for each set of conditions."""
    count: int
    ids: Sequence[UUID]
    """None of them where no set leaves anything open."""


async def sifted_groups(session: AsyncSession, asked: Asked) -> list[Group]:
    """Resources of some types by what is declared of them; one statement."""
    tags = {f"t{place}": key for place, key in enumerate(asked.tag_keys)}
    letters = [f"s{place}" for place in range(len(asked.sets))]
    kept = ("id", "account_id", "region", *tags)
    sifting = Sifting(asked.today, asked.sets, first=5)
    more = "".join(f", tags ->> {quoted(key)} AS {name}" for name, key in tags.items())
    sifted = sifting.select(f"(SELECT *{more} {_OF_TYPES} LIMIT $4)", kept)
    keys = ", ".join((*kept[1:], *letters))
    is_open = " OR ".join(f"{letter} <> '{FAILS}'" for letter in letters)
    statement = f"""SELECT {keys}, count(*) AS count, array_agg(id) FILTER (WHERE {is_open}) AS ids
        FROM ({sifted}) AS sifted GROUP BY {keys}"""  # noqa: S608  (names of columns)
    await plan_for_sifting(session)
    driver = await driver_of(session)
    found = await driver.fetch(
        statement, asked.organization_id, list(asked.types), list(asked.account_ids), asked.most, *sifting.values
    )
    return [
        Group(
            row["account_id"],
            row["region"],
            {key: row[name] for name, key in tags.items() if row[name] is not None},
            [row[letter] for letter in letters],
            row["count"],
            row["ids"] or (),
        )
        for row in found
    ]


async def standing_of(
    session: AsyncSession, organization_id: UUID, check_id: str, resource_ids: Sequence[UUID]
) -> list[UUID]:
    """Those of some resources for which something stands that a check has found."""
    driver = await driver_of(session)
    rows = await driver.fetch(_STANDING, organization_id, check_id, [str(id_) for id_ in resource_ids])
    return [row["resource_id"] for row in rows if row["resource_id"] is not None]


async def ledger_of_check(
    session: AsyncSession, organization_id: UUID, check_id: str, subject_keys: Collection[str]
) -> Sequence[Mapping[str, Any]]:
    """What is stored of a check and some subjects."""
    driver = await driver_of(session)
    found: Sequence[Mapping[str, Any]] = await driver.fetch(_LEDGER, organization_id, check_id, list(subject_keys))
    return found


async def claims_of_nodes(
    session: AsyncSession, organization_id: UUID, account_ids: Collection[UUID], nodes: Collection[str]
) -> Sequence[Any]:
    """What may count of some resources and their parts, as far as overlaps need it."""
    driver = await driver_of(session)
    found: Sequence[Any] = await driver.fetch(_CLAIMS, organization_id, list(account_ids), list(nodes))
    return found
