"""Ids of charges: what finds a charge by its primary key and in its partition, packed into one UUID."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

EPOCH = date(1970, 1, 1)
_DAYS = 2**16  # until the year 2149
_LINES = 2**32
_PERIODS = 2**63


@dataclass(frozen=True, slots=True)
class ChargeKey:
    """A charge: line `line_no` of an import period, in a charge period that starts on `day` in UTC."""

    import_period_id: int
    day: date
    line_no: int

    @property
    def begin(self) -> datetime:
        """The first moment at which the charge period may start."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The moment before which it starts."""
        return self.begin + timedelta(days=1)


def encode_charge_id(import_period_id: int, charge_period_start: datetime, line_no: int) -> UUID:
    """64 bits of the import period, 16 of the day number since 1970, 16 zero bits, 32 of the line.

    It lasts until the period is imported again. Raises ValueError for numbers that do not fit.
    """
    day = (charge_period_start.astimezone(UTC).date() - EPOCH).days
    if not (0 <= import_period_id < _PERIODS and 0 <= day < _DAYS and 0 <= line_no < _LINES):
        message = f"no charge has the key {import_period_id}, {charge_period_start}, {line_no}"
        raise ValueError(message)
    return UUID(int=import_period_id << 64 | day << 48 | line_no)


def decode_charge_id(id_: UUID) -> ChargeKey | None:
    """The key in an id; None for a UUID that is no id of a charge."""
    import_period_id, rest = divmod(id_.int, 2**64)
    day, line_no = divmod(rest, 2**48)
    if import_period_id >= _PERIODS or line_no >= _LINES:
        return None
    return ChargeKey(import_period_id, EPOCH + timedelta(days=day), line_no)
