"""What is stored of how much a resource is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True)
class StoredUsage:
    """The days of one metric of one resource, as one row holds them."""

    resource_id: UUID
    metric: str
    first_day: date
    daily: Sequence[float | None]
    samples: Sequence[int]
    """Of how many values of the provider each day was made; 0 where it told none."""
    read_at: datetime
    problem: str | None = None
    """Why the last reading did not tell all there is."""

    @property
    def end(self) -> date:
        """The day after the last one."""
        return self.first_day + timedelta(days=len(self.daily))
