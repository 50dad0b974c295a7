"""Reads of detection rules: what is in force for checks, and the versions of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from uuid import UUID

from sqlalchemy import RowMapping

from app.database import Database
from app.loaders.batching import DataLoader
from app.recommendations.preview import Preview, PreviewAsked, preview_rule
from app.repositories.detection_rules import newest_versions

VersionsAsked = tuple[UUID, str, int]
"""(organization, check, how many at most)"""


class DetectionRuleLoaders:
    """The loaders of this file, each made when it is first used."""

    database: Database

    async def detection_rules(self, organization_id: UUID, check_ids: Collection[str]) -> Mapping[str, RowMapping]:
        """The version in force of each check that was ever tuned."""
        async with self.database.read(organization_id) as session:
            rows = await newest_versions(session, organization_id, check_ids)
        return {row["check_id"]: row for row in rows}

    async def detection_rule_preview(self, organization_id: UUID, asked: PreviewAsked) -> Preview:
        """What another rule would find and no longer find."""
        return await preview_rule(self.database, organization_id, asked)

    @cached_property
    def detection_rule_versions(self) -> DataLoader[VersionsAsked, Sequence[RowMapping]]:
        """The last versions of rules, the newest first, with one more that tells what was before."""
        return DataLoader(load_fn=self._load_versions)

    async def _load_versions(self, keys: Sequence[VersionsAsked]) -> list[Sequence[RowMapping]]:
        together: dict[tuple[UUID, int], list[str]] = defaultdict(list)
        for organization_id, check_id, most in keys:
            together[organization_id, most].append(check_id)
        found: dict[VersionsAsked, list[RowMapping]] = defaultdict(list)
        for (organization_id, most), check_ids in together.items():
            async with self.database.read(organization_id) as session:
                for row in await newest_versions(session, organization_id, check_ids, most + 1):
                    found[organization_id, row["check_id"], most].append(row)
        return [found[key] for key in keys]
