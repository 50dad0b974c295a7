"""Cron expressions in a time zone: checked with words that help, and the moments they stand for."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from math import inf
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from app.errors import BadUserInputError

FIELDS = 5
LOOKED_AT = 50  # runs; the closest of nearly every expression are among them
LONGEST_CRON = 200
EXAMPLES = "`0 6 * * *` is every day at 06:00, `30 */4 * * MON-FRI` every four hours on working days"


def checked_cron(cron: str) -> str:
    """The expression with single spaces. Raises BadUserInputError that says what is wrong, with an example."""
    parts = cron.split()
    if len(cron) > LONGEST_CRON:
        message = f"`cron` has {len(cron):,} characters; it may have {LONGEST_CRON}. {EXAMPLES}."
        raise BadUserInputError(message, path=("input", "cron"))
    if len(parts) != FIELDS:
        message = (
            f"`cron` has {len(parts)} fields; it needs {FIELDS}: minute, hour, day of month, month, day of week. "
            f"{EXAMPLES}."
        )
        raise BadUserInputError(message, path=("input", "cron"))
    try:
        next(CronSim(" ".join(parts), datetime.now(UTC)))
    except (CronSimError, AssertionError) as error:  # cronsim asserts that a range begins with a number
        field = str(error).removeprefix("Bad ").replace("-", " ") or "field"
        message = f"`cron` has a wrong {field}. {EXAMPLES}."
        raise BadUserInputError(message, path=("input", "cron")) from None
    except StopIteration:
        message = f"`cron` never comes: no day meets it. {EXAMPLES}."
        raise BadUserInputError(message, path=("input", "cron")) from None
    return " ".join(parts)


def checked_time_zone(name: str) -> str:
    """An IANA name. Raises BadUserInputError for any other text."""
    if name not in available_timezones():
        message = f"{name[:60]!r} is no IANA time zone; they look like `Europe/Berlin` or `UTC`."
        raise BadUserInputError(message, path=("input", "timeZone"))
    return name


def shortest_interval(cron: str, time_zone: str, after: datetime) -> float:
    """Seconds between the two closest of its next runs; infinite where it comes once."""
    runs = next_runs(cron, time_zone, after, LOOKED_AT)
    return min(((later - run).total_seconds() for run, later in pairwise(runs)), default=inf)


def next_runs(cron: str, time_zone: str, after: datetime, count: int = 1) -> list[datetime]:
    """The next moments in UTC, each later than the one before and all later than `after`.

    A time that a change to daylight saving skips comes when the clock goes on, one that comes twice comes once.
    """
    moments: list[datetime] = []
    last = after
    for local in CronSim(cron, after.astimezone(ZoneInfo(time_zone))):
        moment = local.astimezone(UTC)
        # In the hour that comes twice cronsim answers with the first pass, which may lie behind us.
        if moment > last:
            moments.append(moment)
            last = moment
            if len(moments) == count:
                break
    return moments
