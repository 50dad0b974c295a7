"""Tables of the activity stream: the events of each organization in their order, and where each order stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, now


class ActivityHead(Base, kw_only=True):
    """The last sequence number given out in an organization, and the first that is still kept.

    Writers take the next numbers under this row's lock and hold it until they commit: numbers become visible in
    order and without a gap.
    """

    __tablename__ = "activity_heads"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    last_sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    first_kept_sequence: Mapped[int] = mapped_column(BigInteger, default=1)


class ActivityEvent(Base, kw_only=True):
    """One thing that happened, written in the transaction that made it happen."""

    __tablename__ = "activity_events"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[UUID]
    kind: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    subject_type: Mapped[str | None]
    subject_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]]
    occurred_at: Mapped[datetime] = mapped_column(default_factory=now)
