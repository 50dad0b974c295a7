"""What could be saved by all that is recommended, summed by check, account, team and age."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Any
from uuid import UUID

import strawberry

from app.context import Info
from app.records.allocation import BearerKind
from app.records.recommendations import AGES, RecommendationState
from app.schema.allocation import team_of
from app.schema.node import global_id
from app.schema.realised import RealisedSummary
from app.schema.teams import Team
from app.server.costs.directives import at_most, weighs

Row = Mapping[Any, Any]


@strawberry.type(description="What could be saved by one key, such as a check.")
class SavingsGroup:
    """Sums of rows of the summary."""

    key: str = strawberry.field(description="The check's name, or the account's global id.")
    count: int = strawberry.field(description="Recommendations that are open or marked for deletion.")
    potential: Decimal = strawberry.field(description="What they would save a month, no money twice.")


@strawberry.type(description="What could be saved by recommendations that have been found for as long.")
class SavingsAge:
    """Sums of rows of the summary."""

    from_days: int = strawberry.field(description="For at least so many days.")
    to_days: int | None = strawberry.field(description="For less than so many days; null for the oldest.")
    count: int = strawberry.field(description="Recommendations that are open or marked for deletion.")
    potential: Decimal = strawberry.field(description="What they would save a month, no money twice.")


@strawberry.type(description="What could be saved on resources of one team, or of several, of none, or of one unknown.")
class SavingsTeam:
    """See app.recommendations.savings.Borne."""

    bearer: BearerKind = strawberry.field(description="Who bears what these resources cost.")
    count: int = strawberry.field(description="Recommendations that are open or marked for deletion.")
    potential: Decimal = strawberry.field(description="What they would save a month, no money twice.")
    team_key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(description="The team; null where it is not one.")
    async def team(self, info: Info) -> Team | None:
        """One statement for all teams."""
        return await team_of(info, self.team_key)


@strawberry.type(description="What could be saved a month, in the organization's currency, no money twice.")
class SavingsSummary:
    """See app.repositories.savings.savings."""

    currency: str = strawberry.field(description="The organization's currency.")
    potential: Decimal = strawberry.field(description="By what is open or marked for deletion.")
    marked: Decimal = strawberry.field(description="The part of it that is marked for deletion.")
    ignored: Decimal = strawberry.field(description="What is ignored could save, each by itself; no part of it.")
    count: int = strawberry.field(description="Recommendations that are open or marked for deletion.")
    unknown_count: int = strawberry.field(description="Those of them whose saving is not known.")
    by_check: list[SavingsGroup] = strawberry.field(description="By check, the most first.")
    by_account: list[SavingsGroup] = strawberry.field(description="By account, the most first.")
    by_age: list[SavingsAge] = strawberry.field(
        description="By the days since `foundAt`, the newest first: under 7, 7 to 30, 30 to 90, and from 90 on."
    )
    organization_key: strawberry.Private[UUID]

    @classmethod
    def of(cls, rows: Sequence[Row], organization_id: UUID, currency: str) -> SavingsSummary:
        """Sums of what is saved by check, account, state and age."""
        active = [row for row in rows if row["state"] != RecommendationState.IGNORED]
        marked = [row for row in active if row["state"] == RecommendationState.MARKED_FOR_DELETION]
        return cls(
            currency=currency,
            organization_key=organization_id,
            potential=_sum(active, "saved"),
            marked=_sum(marked, "saved"),
            ignored=_sum([row for row in rows if row["state"] == RecommendationState.IGNORED], "known"),
            count=_count(active),
            unknown_count=sum(row["unknown"] for row in active),
            by_check=_groups(active, lambda row: str(row["check_id"])),
            by_account=_groups(active, lambda row: global_id("Account", row["account_id"], organization_id)),
            by_age=_ages(active),
        )

    @strawberry.field(
        description="By who bears what the resources cost: teams, the most first, then what several bear, what nobody "
        "does, and where that is not known.",
        directives=[at_most(2_003)],  # 2,000 teams, and three that are none
    )
    async def by_team(self, info: Info) -> list[SavingsTeam] | None:
        """Four statements."""
        found = await info.context.loaders.savings.by_bearer(self.organization_key, self.currency)
        return [
            SavingsTeam(
                bearer=one.bearer.kind,
                count=one.count,
                potential=one.saved,
                team_key=(self.organization_key, one.bearer.team_id),
            )
            for one in found
        ]

    @strawberry.field(description="What was saved by what is resolved, as later charges say.", directives=[weighs(10)])
    async def realised(self, info: Info) -> RealisedSummary | None:
        """One statement."""
        rows = await info.context.loaders.realised_sums(self.organization_key, self.currency)
        return RealisedSummary.of(rows, self.organization_key, self.currency)


def _sum(rows: Sequence[Row], column: str) -> Decimal:
    return sum((row[column] for row in rows), Decimal(0))


def _count(rows: Sequence[Row]) -> int:
    return sum(row["count"] for row in rows)


def _groups(rows: Sequence[Row], key_of: Callable[[Row], str]) -> list[SavingsGroup]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[key_of(row)].append(row)
    groups = [SavingsGroup(key=key, count=_count(each), potential=_sum(each, "saved")) for key, each in found.items()]
    return sorted(groups, key=lambda group: (-group.potential, group.key))


def _ages(rows: Sequence[Row]) -> list[SavingsAge]:
    found: dict[int, list[Row]] = {age: [] for age in AGES}
    for row in rows:
        found[row["since"]].append(row)
    return [
        SavingsAge(from_days=begin, to_days=end, count=_count(found[begin]), potential=_sum(found[begin], "saved"))
        for begin, end in zip_longest(AGES, AGES[1:])
    ]
