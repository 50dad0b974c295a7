"""Which resource types the last scans of an account have read completely, and when.

Only then is what is missing not there, and what is stored no older than the scan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.providers.base import GLOBAL
from app.repositories import detection_facts

Step = Mapping[Any, Any]
NEVER = datetime.min.replace(tzinfo=UTC)


async def read_types(session: AsyncSession, organization_id: UUID, account_id: UUID) -> Mapping[str, frozenset[str]]:
    """Complete types by region; those that belong to no region are complete in every region that was read."""
    return types_of(await detection_facts.last_steps(session, organization_id, account_id))


def types_of(steps: Iterable[Step]) -> Mapping[str, frozenset[str]]:
    """The same of the steps of the last scans."""
    found: dict[str, set[str]] = defaultdict(set)
    for step in steps:
        found[step["region"]].update(step["collected"])
    everywhere = found.get(GLOBAL, set())
    return {region: frozenset(types | everywhere) for region, types in found.items()}


def complete_in(types: Mapping[str, frozenset[str]], region: str | None) -> frozenset[str]:
    """What was read completely of where a resource is; a cloud that is not read by regions is read as a whole."""
    return types.get(region or GLOBAL, types.get(GLOBAL, frozenset()))


class ReadAt:
    """When what is stored of resources was read, at the earliest: when the last scan that read all of them began."""

    def __init__(self, steps: Iterable[Step] = ()) -> None:
        self._moments: dict[tuple[str, str], datetime] = {}
        for step in steps:
            for resource_type in step["collected"]:
                place = (step["region"], resource_type)
                self._moments[place] = max(self._moments.get(place, NEVER), step["started_at"] or NEVER)

    def of(self, region: str | None, resource_type: str) -> datetime | None:
        """Of resources of a type in a region; None where no scan reads the account, so that nothing is older."""
        if not self._moments:
            return None
        places = ((region or GLOBAL, resource_type), (GLOBAL, resource_type))
        return next((self._moments[place] for place in places if place in self._moments), NEVER)
