"""Who pays: teams, promoted tag keys, the rules that share costs out, and what they came to, day by day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, OrganizationOwned, now
from app.models.cost_rollups import Amounts


class PromotedTagKey(Base, kw_only=True):
    """A tag key that charges are grouped and allocated by, in its normal form. `position` counts from 1."""

    __tablename__ = "promoted_tag_keys"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)


class TagKeyFigure(Base, kw_only=True):
    """A tag key that charges carry, in its normal form: `spellings` as delivered, the number of tag sets that have it.

    `costs` holds {currency, cost, total} of the effective cost in `month`, amounts as text; both are empty where no
    month was over when this was counted.
    """

    __tablename__ = "tag_key_figures"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    spellings: Mapped[list[Any]] = mapped_column(JSONB)
    tag_sets: Mapped[int] = mapped_column(BigInteger)
    month: Mapped[date | None]
    costs: Mapped[list[Any]] = mapped_column(JSONB)
    counted_at: Mapped[datetime]


class Team(OrganizationOwned, Base, kw_only=True):
    """Who bears costs. `code` is its cost centre.

    An archived team gets the costs of the month in which it was archived and of those before, and none of later ones.
    """

    __tablename__ = "teams"
    __table_args__ = (
        UniqueConstraint("organization_id", "name"),
        UniqueConstraint("organization_id", "code"),
    )

    name: Mapped[str]
    code: Mapped[str | None]
    archived_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)


class AllocationRule(OrganizationOwned, Base, kw_only=True):
    """Which charges go to whom. The first rule in the order of `position` that matches a charge decides on it.

    `match`, `mapping` and `targets` are as `app.costs.allocation.rules` writes and reads them. It holds for months from
    `valid_from` on and before `valid_to`, both first days of a month; null is without limit. `version` counts changes.
    """

    __tablename__ = "allocation_rules"
    __table_args__ = (
        Index(None, "organization_id", "position"),
        CheckConstraint("method IN ('DIRECT', 'BY_TAG', 'EVEN', 'PROPORTIONAL', 'FIXED')", name="method"),
    )

    position: Mapped[int]
    name: Mapped[str]
    match: Mapped[dict[str, Any]]
    method: Mapped[str]
    tag_key: Mapped[str | None]
    mapping: Mapped[dict[str, Any]]
    targets: Mapped[list[Any]] = mapped_column(JSONB)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    enabled: Mapped[bool]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)


class AllocatedDaily(Amounts, Base, kw_only=True):
    """What each team bears of the charges of a day, by summary dimension and by the rule that said so.

    `team_id` and `rule_id` are the zero UUID for what no rule matched: it is unallocated, and never left out. `shared`
    is true for a part of costs that several teams bear. Summed over teams and rules, every amount of a day and a
    summary dimension is that of `service_daily`, to the last digit; so is `charge_count`, for a charge that is split
    counts with its first target only.

    It speaks only of months with a row in `allocation_months`. The charges of any other month were never allocated,
    such as those from before the first rule: all of them are unallocated, so read them from the other roll-ups.
    """

    __tablename__ = "allocated_daily"

    day: Mapped[date] = mapped_column(primary_key=True)
    team_id: Mapped[UUID] = mapped_column(primary_key=True)
    summary_dim_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    shared: Mapped[bool]


class TeamDaily(Amounts, Base, kw_only=True):
    """`allocated_daily` summed by team, kind of share and currency: what lists of teams and reports read."""

    __tablename__ = "team_daily"

    day: Mapped[date] = mapped_column(primary_key=True)
    team_id: Mapped[UUID] = mapped_column(primary_key=True)
    shared: Mapped[bool] = mapped_column(primary_key=True)
    billing_currency: Mapped[str] = mapped_column(primary_key=True)


class AllocationMonth(Base, kw_only=True):
    """A month whose charges stand in `allocated_daily`. `rules_id` is the content hash of the rules and teams then.

    `notes` are objects: what the rules could not do as they say, such as a proportional split without a base.
    """

    __tablename__ = "allocation_months"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    rules_id: Mapped[int] = mapped_column(BigInteger)
    notes: Mapped[list[Any]] = mapped_column(JSONB)
    computed_at: Mapped[datetime]


class AllocationRun(OrganizationOwned, Base, kw_only=True):
    """Months to be allocated anew by a job, the newest first: of kind TAG_KEYS after other keys were promoted.

    `from_month` to `to_month` are first days of months, both included; null where the organization had no charges.
    `next_month` is the one that comes next; null before the first and after the last. A later run of the kind takes
    over what this one has not done: it is then SUPERSEDED.
    """

    __tablename__ = "allocation_runs"
    __table_args__ = (
        CheckConstraint("kind IN ('TAG_KEYS', 'RULES')", name="kind"),
        CheckConstraint("state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'SUPERSEDED')", name="state"),
    )

    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="QUEUED")
    from_month: Mapped[date | None]
    to_month: Mapped[date | None]
    next_month: Mapped[date | None] = mapped_column(default=None)
    months_done: Mapped[int] = mapped_column(default=0)
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None] = mapped_column(default=None)
    job_id: Mapped[UUID | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
