"""What charges say was saved by recommendations that are resolved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import strawberry

from app.context import Info
from app.records.allocation import BearerKind
from app.schema.allocation import team_of
from app.schema.cost_words import Money
from app.schema.enums import graph_enum
from app.schema.node import global_id
from app.schema.teams import Team
from app.server.costs.directives import at_most

graph_enum(
    BearerKind,
    "Who bears what a resource costs, by the allocation rules of this month as they read its account and its tags.",
    TEAM="One team.",
    SHARED="Several teams, by a rule that shares costs out.",
    UNALLOCATED="No rule is about it.",
    UNKNOWN="It cannot be told before it is charged: a rule asks for what only charges tell, such as the service.",
)


@strawberry.type(description="What a resource cost in some days, by its own effective cost.")
class RealisedDays:
    """An entry of the columns `before` and `after` of `realised_savings`."""

    start: date = strawberry.field(description="The first day.")
    end: date = strawberry.field(description="The day after the last.")
    known_days: int = strawberry.field(description="Of how many of these days charges are known.")
    cost: Decimal | None = strawberry.field(description="What those cost; null where that is not known.")
    saved: Decimal | None = strawberry.field(
        description="How much less that is than as many days before; null for the days before."
    )
    reason: str | None = strawberry.field(description="Why the cost is not known.")

    @classmethod
    def of(cls, part: Mapping[str, Any]) -> RealisedDays:
        """Make it of an entry."""
        return cls(
            start=date.fromisoformat(part["start"]),
            end=date.fromisoformat(part["end"]),
            known_days=part["days"],
            cost=None if part["cost"] is None else Decimal(part["cost"]),
            saved=Decimal(part["saved"]) if "saved" in part else None,
            reason=part["reason"],
        )


@strawberry.type(
    description="What was saved: what the resource cost a day in up to 30 complete days before the waste was last "
    "found, less what it cost a day after it was resolved, for at most a year or until another recommendation on it is "
    "resolved. Days whose charges are not known do not count."
)
class RealisedSaving:
    """A row of `realised_savings`."""

    amount: Money | None = strawberry.field(
        description="All that was saved so far, in the organization's currency; below 0 where it costs more now."
    )
    daily: Money | None = strawberry.field(description="What was saved a day.")
    before: RealisedDays | None = strawberry.field(description="The days before.")
    after: list[RealisedDays] = strawberry.field(description="The days after, by calendar month; at most 13.")
    reason: str | None = strawberry.field(description="Why it is not known.")
    measured_at: datetime = strawberry.field(description="When this was last measured.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> RealisedSaving:
        """Make it of a row."""
        known = row["amount"] is not None
        return cls(
            amount=Money(amount=row["amount"], currency=row["currency"]) if known else None,
            daily=Money(amount=row["daily"], currency=row["currency"]) if known else None,
            before=None if row["before"] is None else RealisedDays.of(row["before"]),
            after=[RealisedDays.of(part) for part in row["after"]],
            reason=row["reason"],
            measured_at=row["measured_at"],
        )


@strawberry.type(description="What was saved by one key, such as a check.")
class RealisedGroup:
    """Sums of measurements."""

    key: str = strawberry.field(description="The check's name, or the account's global id.")
    amount: Decimal = strawberry.field(description="What was saved.")
    unknown_count: int = strawberry.field(description="Resolved recommendations of which that is not known.")


@strawberry.type(description="What was saved on resources of one team, or of several, of none, or of one unknown.")
class RealisedTeam:
    """See app.recommendations.savings.Borne."""

    bearer: BearerKind = strawberry.field(description="Who bears what these resources cost.")
    amount: Decimal = strawberry.field(description="What was saved.")
    unknown_count: int = strawberry.field(description="Resolved recommendations of which that is not known.")
    team_key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(description="The team; null where it is not one.")
    async def team(self, info: Info) -> Team | None:
        """One statement for all teams."""
        return await team_of(info, self.team_key)


@strawberry.type(description="What was saved in a calendar month.")
class RealisedMonth:
    """Sums of measurements."""

    month: date = strawberry.field(description="The first day of the month.")
    amount: Decimal = strawberry.field(description="What was saved in it.")


@strawberry.type(description="What charges say was saved by all recommendations that are resolved, no money twice.")
class RealisedSummary:
    """See app.repositories.realised.realised_sums."""

    amount: Decimal = strawberry.field(description="All that was saved so far, in the organization's currency.")
    unknown_count: int = strawberry.field(description="Resolved recommendations of which that is not known.")
    by_check: list[RealisedGroup] = strawberry.field(description="By check, the most first.")
    by_account: list[RealisedGroup] = strawberry.field(description="By account, the most first.")
    by_month: list[RealisedMonth] = strawberry.field(description="By calendar month, the oldest first.")
    organization_key: strawberry.Private[UUID]
    currency_key: strawberry.Private[str]

    @strawberry.field(
        description="By who bears what the resources cost now: teams, the most first, then what several bear, what "
        "nobody does, and where that is not known.",
        directives=[at_most(2_003)],  # 2,000 teams, and three that are none
    )
    async def by_team(self, info: Info) -> list[RealisedTeam] | None:
        """Four statements."""
        found = await info.context.loaders.savings.by_bearer(self.organization_key, self.currency_key, realised=True)
        return [
            RealisedTeam(
                bearer=one.bearer.kind,
                amount=one.saved,
                unknown_count=one.unknown,
                team_key=(self.organization_key, one.bearer.team_id),
            )
            for one in found
        ]

    @classmethod
    def of(cls, rows: Sequence[Mapping[Any, Any]], organization_id: UUID, currency: str) -> RealisedSummary:
        """Sums by check, account and month."""
        months: dict[date, Decimal] = defaultdict(Decimal)
        for row in rows:
            if row["month"] is not None:
                months[row["month"]] += row["saved"]
        return cls(
            organization_key=organization_id,
            currency_key=currency,
            amount=sum(months.values(), Decimal(0)),
            unknown_count=sum(row["unknown"] or 0 for row in rows),
            by_check=_groups((row["check_id"], row) for row in rows),
            by_account=_groups((global_id("Account", row["account_id"], organization_id), row) for row in rows),
            by_month=[RealisedMonth(month=month, amount=months[month]) for month in sorted(months)],
        )


def _groups(rows: Iterable[tuple[str, Mapping[Any, Any]]]) -> list[RealisedGroup]:
    found: dict[str, RealisedGroup] = {}
    for key, row in rows:
        group = found.setdefault(key, RealisedGroup(key=key, amount=Decimal(0), unknown_count=0))
        group.amount += row["saved"] or Decimal(0)
        group.unknown_count += row["unknown"] or 0
    return sorted(found.values(), key=lambda group: (-group.amount, group.key))
