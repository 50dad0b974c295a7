"""What a look at an account rests on beside its resources: the day, checks, rules, charges, rates, what was read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.detection.catalogue import ALL_CHECKS
from app.detection.rule import Tuning
from app.repositories.cost_series import imported_days, rates_into


async def ground_of(
    session: AsyncSession,
    organization_id: UUID,
    currency: str,
    today: date,
    tunings: Mapping[str, Tuning],
    complete_types: Mapping[str, frozenset[str]],
) -> str:
    """A digest of all that checks are told beside resources, but for prices. Two statements.

    Read before the charges are: where others arrive in between, the next look finds another ground.
    """
    imported = await imported_days(session, organization_id)
    rates = await rates_into(session, organization_id, [currency])
    return digest(
        [
            today.isoformat(),
            _checks(),
            currency,
            *(f"rule {check_id} {tuning.version}" for check_id, tuning in sorted(tunings.items())),
            *(f"read {region} {sorted(types)}" for region, types in sorted(complete_types.items())),
            *(f"charges {one.id} {one.charges} {one.last_day}" for one in imported),
            *(f"rate {' '.join(map(str, one))}" for one in rates),
        ]
    )


@cache
def _checks() -> str:
    return digest(f"{check.id} {[(one.name, str(one.default)) for one in check.parameters]}" for check in ALL_CHECKS)


def digest(lines: Iterable[str]) -> str:
    """A short text that tells some lines from any others."""
    found = hashlib.blake2b(digest_size=16)
    for line in lines:
        found.update(line.encode())
        found.update(b"\n")
    return found.hexdigest()
