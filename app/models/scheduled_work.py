"""Work that is done by the clock."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class ScheduledWork(Base, kw_only=True):
    """A kind of work that one of the workers does at its times: when it is due, and until when a worker has it.

    `claims` counts who took it, `failures` the attempts since it succeeded at `done_at`. It belongs to no tenant.
    """

    __tablename__ = "scheduled_work"

    name: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None] = mapped_column(default=None)
    claims: Mapped[int] = mapped_column(BigInteger, default=0)
    failures: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None] = mapped_column(default=None)
