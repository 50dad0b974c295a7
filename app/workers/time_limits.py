"""How long jobs of each kind may take: far longer than any has, so that one that hangs gives its slot back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.auth.identity_mails import SEND_JOB
from app.costs.allocation.figures import FIGURES_JOB
from app.costs.allocation.runs import ALLOCATION_JOB
from app.costs.exports.start import RUN_EXPORT_JOB
from app.costs.watch import CHECK_COSTS_JOB, LOOK_AT_CHARGES_JOB
from app.demo.top_up import TOP_UP_JOB
from app.exporting.start import RUN_EXPORT_JOB as RUN_BULK_EXPORT_JOB
from app.organizations.change import PURGE_JOB
from app.pricing.refresh import REFRESH_JOB
from app.privacy.archive import ARCHIVE_JOB
from app.recommendations.deletion_tags import TAG_JOB
from app.recommendations.jobs import LOOK_JOB, MEASURE_JOB
from app.records.recommendations import LOOK_EVERYWHERE_JOB
from app.records.webhooks import DELIVER_JOB, TELL_JOB
from app.scanning.schedule import SCHEDULE_JOB
from app.scanning.start import RUN_SCAN_JOB
from app.sourcing.schedule import SCHEDULE_JOB as SOURCE_SCHEDULE_JOB
from app.sourcing.start import RUN_JOB as RUN_SOURCE_JOB
from app.sourcing.uploads import IMPORT_JOB

_MINUTE: Final = 60.0
_HOUR: Final = 3_600.0

LONGEST: Mapping[str, float] = {
    # One message, one row or one queue.
    SEND_JOB: 5 * _MINUTE,
    TELL_JOB: 5 * _MINUTE,
    SCHEDULE_JOB: 10 * _MINUTE,
    SOURCE_SCHEDULE_JOB: 10 * _MINUTE,
    LOOK_EVERYWHERE_JOB: 10 * _MINUTE,
    DELIVER_JOB: _HOUR,
    # What is stored of one account or organization, read and judged.
    CHECK_COSTS_JOB: 2 * _HOUR,
    LOOK_AT_CHARGES_JOB: 2 * _HOUR,
    LOOK_JOB: 2 * _HOUR,
    FIGURES_JOB: 2 * _HOUR,
    ARCHIVE_JOB: 2 * _HOUR,
    TAG_JOB: 2 * _HOUR,
    TOP_UP_JOB: 2 * _HOUR,
    # A provider that is asked thousands of times, and slows whoever asks.
    MEASURE_JOB: 6 * _HOUR,
    REFRESH_JOB: 6 * _HOUR,
    RUN_SCAN_JOB: 12 * _HOUR,
    # Files of up to 50 GiB and years of charges; what has been done stays, and the next attempt goes on.
    ALLOCATION_JOB: 12 * _HOUR,
    RUN_EXPORT_JOB: 12 * _HOUR,
    RUN_BULK_EXPORT_JOB: 12 * _HOUR,
    IMPORT_JOB: 24 * _HOUR,
    RUN_SOURCE_JOB: 24 * _HOUR,
    PURGE_JOB: 24 * _HOUR,
}
"""Seconds by the kind. A house test holds it to the kinds that there are."""
