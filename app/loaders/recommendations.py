"""Reads of recommendations: pages, by id, those of resources, their history, and what could be saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from sqlalchemy import RowMapping

from app.database import Database
from app.loaders.batching import DataLoader
from app.loaders.inventory import KeyedRow, RowByKey, Rows
from app.loaders.scans import Asked, SomeOfEach
from app.models import now
from app.recommendations.savings import Borne, savings_by_bearer
from app.records.criteria import Criteria, Direction, TextMatch
from app.records.recommendations import RecommendationState
from app.repositories.deletion_tags import TAGS
from app.repositories.realised import REALISED, realised_sums
from app.repositories.recommendations import HISTORY, RECOMMENDATIONS
from app.repositories.savings import savings
from app.repositories.selection import RowsUnder

_OF_RESOURCE = RowsUnder(RECOMMENDATIONS, "resource_id", (("saving_order", Direction.DESC), ("id", Direction.ASC)))
_HISTORY = RowsUnder(HISTORY, "recommendation_id", (("id", Direction.DESC),))
_STANDING = tuple(state.value for state in RecommendationState if state is not RecommendationState.RESOLVED)
_STANDS = Criteria((("state", TextMatch(in_=_STANDING)),))


@dataclass(frozen=True)
class Savings:
    """What could be saved, and what was."""

    database: Database

    async def of(self, organization_id: UUID) -> Sequence[RowMapping]:
        """What could be saved by check, account, state and age; one statement."""
        async with self.database.read(organization_id) as session:
            return await savings(session, organization_id, now())

    async def by_bearer(self, organization_id: UUID, currency: str, *, realised: bool = False) -> Sequence[Borne]:
        """The same by who bears it, or what was saved by who bears it; four statements, of one state."""
        async with self.database.read(organization_id, one_state=True) as session:
            return await savings_by_bearer(session, organization_id, currency, realised=realised)


class RecommendationLoaders:
    """The loaders of this file, each made when it is first used."""

    database: Database

    @cached_property
    def recommendations(self) -> Rows:
        """Pages of recommendations."""
        return Rows(self.database, RECOMMENDATIONS)

    @cached_property
    def recommendation_by_id(self) -> KeyedRow:
        """Recommendations by our id."""
        return DataLoader(load_fn=RowByKey(self.database, RECOMMENDATIONS, "id").load_one_each)

    @cached_property
    def realised_by_recommendation(self) -> KeyedRow:
        """What was saved, by the recommendation that is resolved."""
        return DataLoader(load_fn=RowByKey(self.database, REALISED, "recommendation_id").load_one_each)

    @cached_property
    def deletion_tag_by_recommendation(self) -> KeyedRow:
        """What became of the tag in the cloud, by the recommendation."""
        return DataLoader(load_fn=RowByKey(self.database, TAGS, "recommendation_id").load_one_each)

    async def realised_sums(self, organization_id: UUID, currency: str) -> Sequence[RowMapping]:
        """What was saved by check, account and month; one statement."""
        async with self.database.read(organization_id) as session:
            return await realised_sums(session, organization_id, currency)

    @cached_property
    def recommendations_by_resource(self) -> DataLoader[Asked, list[RowMapping]]:
        """What stands of a resource, the dearest first; arguments (limit)."""
        return DataLoader(load_fn=self.some_recommendations_of_resources.load_many)

    @cached_property
    def some_recommendations_of_resources(self) -> SomeOfEach:
        """The same without waiting for others that ask."""
        return SomeOfEach(self.database, _OF_RESOURCE, lambda: _STANDS)

    @cached_property
    def recommendation_history(self) -> DataLoader[Asked, list[RowMapping]]:
        """What happened to a recommendation, the newest first; arguments (limit)."""
        return DataLoader(load_fn=SomeOfEach(self.database, _HISTORY).load_many)

    @cached_property
    def savings(self) -> Savings:
        """What could be saved."""
        return Savings(self.database)
