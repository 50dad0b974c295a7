"""The kill campaign: SIGKILL and SIGSTOP of everything during scans, imports, mutations, subscriptions and purges.

`pytest -m campaign --hits 200 -s tests/campaigns/test_kill.py` is the full form; a rehearsal has four hits. A pause is
longer than a lease, so that a paused worker comes back to jobs that others have taken, and has to let them be. Leases
are short, that pauses may be; `--hits 20 --lease 20` is a form with the product's.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from app.workers.runner import RunnerSettings
from tests.campaigns.callers import Access, Subscriber
from tests.campaigns.fleet import Fleet
from tests.campaigns.hits import Hit, killing, strike_at_random
from tests.campaigns.ordeal import Load, undergo
from tests.campaigns.record import Recorder

FULL, FULL_LEASE = 200, 20


@pytest.mark.campaign
async def test_no_kill_loses_doubles_or_reorders_anything(
    request: pytest.FixtureRequest, recorder: Recorder, tmp_path: Path
) -> None:
    hits: int = request.config.getoption("--hits")
    minutes: float = request.config.getoption("--most-minutes")

    async def trouble(fleet: Fleet, access: Access, _subscribers: list[Subscriber]) -> list[Hit]:
        return await strike_at_random(hits, access, killing(fleet, access), minutes=minutes)

    lease: float = request.config.getoption("--lease")
    load = Load(condemned=max(4, hits // 4), seconds=hits, lease=lease)
    name, full = ("kill", FULL) if lease != RunnerSettings.lease else ("kill with the product's lease", FULL_LEASE)
    with recorder.campaign(name, hits, full, "hits") as telling:
        await undergo(telling, name, tmp_path, trouble, load)
