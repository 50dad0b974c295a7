"""The amnesia campaign: Valkey is emptied at random moments, under the load of the kill campaign.

`pytest -m campaign --flushes 100 -s tests/campaigns/test_amnesia.py` is the full form; rehearsals do it three times.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.callers import Access, Subscriber
from tests.campaigns.fleet import Fleet
from tests.campaigns.hits import Hit, forgetting, strike_at_random
from tests.campaigns.ordeal import Load, undergo
from tests.campaigns.record import Recorder

FULL = 100
HASTE = 3 / 4
"""Of the moments come before the last one has been got over."""


@pytest.mark.campaign
async def test_an_emptied_valkey_loses_and_doubles_nothing(
    request: pytest.FixtureRequest, recorder: Recorder, tmp_path: Path
) -> None:
    flushes: int = request.config.getoption("--flushes")
    minutes: float = request.config.getoption("--most-minutes")

    async def trouble(fleet: Fleet, access: Access, _subscribers: list[Subscriber]) -> list[Hit]:
        return await strike_at_random(flushes, access, forgetting(fleet), haste=HASTE, minutes=minutes)

    load = Load(condemned=max(4, flushes // 4), seconds=flushes)
    with recorder.campaign("amnesia", flushes, FULL, "times FLUSHALL") as telling:
        await undergo(telling, "amnesia", tmp_path, trouble, load)
