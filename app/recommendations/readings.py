"""Which resource types the last scans of an account have read completely: only then is what is missing not there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.providers.base import GLOBAL
from app.repositories import detection_facts


async def read_types(session: AsyncSession, organization_id: UUID, account_id: UUID) -> Mapping[str, frozenset[str]]:
    """Complete types by region; those that belong to no region are complete in every region that was read."""
    found: dict[str, set[str]] = defaultdict(set)
    for step in await detection_facts.last_steps(session, organization_id, account_id):
        found[step["region"]].update(step["collected"])
    everywhere = found.get(GLOBAL, set())
    return {region: frozenset(types | everywhere) for region, types in found.items()}


def complete_in(types: Mapping[str, frozenset[str]], region: str | None) -> frozenset[str]:
    """What was read completely of where a resource is; a cloud that is not read by regions is read as a whole."""
    return types.get(region or GLOBAL, types.get(GLOBAL, frozenset()))
