"""Plans, what an organization is subscribed to, and what it uses of its quotas."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import strawberry

from app.context import Info
from app.records import Permission
from app.records.plans import (
    LIMITS,
    QuotaMetric,
    QuotaPeriod,
    SubscriptionStatus,
    Usage,
    refusal,
    subscription_period,
)
from app.schema.enums import graph_enum
from app.schema.organization_part import OrganizationPart

graph_enum(
    SubscriptionStatus,
    "How an organization stands to its plan. Reading, exporting, ending and deleting are always allowed.",
    TRIAL="Tried out: all that the plan allows until `trialEndsAt`, and from then on as if it were cancelled.",
    ACTIVE="All that the plan allows.",
    PAST_DUE="A payment is due: scans and imports go on, but no accounts, members or API keys are added.",
    CANCELLED="Over: nothing is scanned, imported or added.",
)
graph_enum(
    QuotaPeriod,
    "How long what is used counts.",
    TOTAL="As long as it is there.",
    DAY="Until midnight, UTC.",
    MONTH="Until the first of the next month, UTC.",
)


@strawberry.type(description="What a plan limits; null is no limit.")
class PlanLimits:
    """The limits of a row of `plans`."""

    accounts: int | None = strawberry.field(description="Accounts that are connected.")
    members: int | None = strawberry.field(description="Members, and invitations that are open.")
    api_keys: int | None = strawberry.field(description="API keys that are neither revoked nor expired.")
    concurrent_scans: int | None = strawberry.field(description="Scans that are queued or running at a time.")
    scans_per_day: int | None = strawberry.field(description="Scans, one for each account, that are started in a day.")
    scans_per_month: int | None = strawberry.field(description="The same in a calendar month.")
    imports_per_day: int | None = strawberry.field(description="Imports of costs in a day.")
    imports_per_month: int | None = strawberry.field(description="The same in a calendar month.")


@strawberry.type(description="What an organization can be subscribed to: a price, and limits.")
class Plan:
    """A row of `plans`."""

    slug: str = strawberry.field(description="Its name in inputs; it never changes.")
    name: str = strawberry.field(description="Name for people.")
    price: Decimal | None = strawberry.field(description="What a month costs; null where it is told on request.")
    currency: str | None = strawberry.field(description="Currency of the price, a code of ISO 4217.")
    trial_days: int | None = strawberry.field(description="Days for which it begins as a trial; null for none.")
    limits: PlanLimits = strawberry.field(description="What it limits.")
    is_default: bool = strawberry.field(description="Whether organizations that people make themselves begin with it.")
    retired_at: datetime | None = strawberry.field(
        description="Since when it is offered to nobody any more; null where it is."
    )

    @classmethod
    def from_row(cls, row: Mapping[Any, Any], prefix: str = "") -> Plan:
        """Make it of a row, the names of whose columns may have a prefix."""
        names = ("slug", "name", "price", "currency", "trial_days", "is_default", "retired_at")
        limits = PlanLimits(**{name: row[prefix + name] for name in LIMITS})
        return cls(limits=limits, **{name: row[prefix + name] for name in names})


@strawberry.type(description="The plan of an organization, and how it stands to it.")
class PlanSubscription:
    """A row of `subscriptions` with its plan."""

    plan: Plan = strawberry.field(description="The plan; its limits hold as they are now.")
    status: SubscriptionStatus = strawberry.field(description="How the organization stands to it.")
    trial_ends_at: datetime | None = strawberry.field(description="When the trial ends; null where it is none.")
    period_start: date = strawberry.field(description="First day of the month-long period that today lies in.")
    period_end: date = strawberry.field(description="The day after its last one: the first of the next period.")
    allows: list[QuotaMetric] = strawberry.field(
        description="What the status allows at this moment, within the plan's limits."
    )

    @classmethod
    def from_row(cls, row: Mapping[Any, Any], at: datetime | None = None) -> PlanSubscription:
        """Make it of a row as of a moment, now when left out."""
        moment = at or datetime.now(UTC)
        status, ends = SubscriptionStatus(row["status"]), row["trial_ends_at"]
        start, end = subscription_period(row["period_anchor"], moment.date())
        return cls(
            plan=Plan.from_row(row, "plan_"),
            status=status,
            trial_ends_at=ends,
            period_start=start,
            period_end=end,
            allows=[metric for metric in QuotaMetric if refusal(status, ends, metric, moment) is None],
        )


@strawberry.type(description="How much of one quota is used.")
class QuotaUsage:
    """See app.records.plans.Usage."""

    metric: QuotaMetric = strawberry.field(description="What is limited.")
    period: QuotaPeriod = strawberry.field(description="How long what is used counts.")
    limit: int | None = strawberry.field(description="The plan's limit; null for none.")
    used: int = strawberry.field(description="How much is used.")
    remaining: int | None = strawberry.field(
        description="How much more is allowed at this moment; null where nothing limits it."
    )
    resets_at: datetime | None = strawberry.field(description="When it starts anew; null where time changes nothing.")
    reason: str | None = strawberry.field(
        description="Why the subscription allows none of it at present, whatever the limit; null where it does."
    )

    @classmethod
    def from_record(cls, usage: Usage) -> QuotaUsage:
        """Make it of a record."""
        left = None if usage.limit is None else max(usage.limit - usage.used, 0)
        return cls(
            metric=usage.quota.metric,
            period=usage.quota.period,
            limit=usage.limit,
            used=usage.used,
            remaining=left if usage.reason is None else 0,
            resets_at=usage.resets_at,
            reason=usage.reason,
        )


@strawberry.type(description="What an organization uses of what its plan allows.")
class Quota:
    """All quotas of one moment."""

    usages: list[QuotaUsage] = strawberry.field(description="One for each quota, always all of them.")


@strawberry.type
class OrganizationPlan(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(
        description="Its plan; null where the operator has not given it one: the default plan's limits hold."
    )
    async def subscription(self, info: Info) -> PlanSubscription | None:
        """Loaded for all organizations of a page at once."""
        key = self.require(Permission.ORGANIZATION_READ)
        row = await info.context.loaders.subscription_by_organization.load(key)
        return None if row is None else PlanSubscription.from_row(row)

    @strawberry.field(description="What it uses of what its plan allows, today and this month in UTC.")
    async def quota(self, info: Info) -> Quota | None:
        """Three statements."""
        key = self.require(Permission.ORGANIZATION_READ)
        found = await info.context.loaders.usages(key)
        return Quota(usages=[QuotaUsage.from_record(usage) for usage in found])
