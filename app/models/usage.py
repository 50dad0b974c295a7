"""Table of how much resources are used: the days of one metric of one resource in one row."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKeyConstraint, SmallInteger
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class ResourceUsage(Base, kw_only=True):
    """One metric of one resource: a value a day from `first_day`, null for a day of which nothing is known.

    `metric` is the signature of what checks ask for (`app.detection.check.signature`). `samples` says of how many of
    the provider's values each day was made, 0 where it told none. `problem` is why the last reading did not tell all;
    what was known before it stays, and no check may use it.
    """

    __tablename__ = "resource_usage"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "resource_id"], ["resources.organization_id", "resources.id"], ondelete="CASCADE"
        ),
        CheckConstraint("cardinality(daily) = cardinality(samples)", name="days"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    resource_id: Mapped[UUID] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    first_day: Mapped[date]
    daily: Mapped[list[float | None]] = mapped_column(ARRAY(Double))
    samples: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    read_at: Mapped[datetime]
    problem: Mapped[str | None] = mapped_column(default=None)
