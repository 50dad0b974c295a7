"""Table of detection rules: all versions of what an organization has set for a check."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, now


class DetectionRuleVersion(Base, kw_only=True):
    """What an organization has set for a check, from one change to the next; the last version is in force.

    Versions count from 1 without a gap and never change; a check without any is as it is delivered. `settings` is what
    `app.recommendations.tunings.json_of` makes of a tuning. `actor_id` is null for the system.
    """

    __tablename__ = "detection_rule_versions"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    check_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    settings: Mapped[dict[str, Any]]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    changed_at: Mapped[datetime] = mapped_column(default_factory=now)
