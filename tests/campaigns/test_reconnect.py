"""The reconnect campaign: subscribers on sockets and streams are cut off, again and again, while events come.

`pytest -m campaign --disconnects 1000 -s tests/campaigns/test_reconnect.py` is the full form; rehearsals cut 60 times.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.callers import Access, Subscriber
from tests.campaigns.fleet import Fleet
from tests.campaigns.hits import Hit, cutting, strike_at_random
from tests.campaigns.ordeal import Load, undergo
from tests.campaigns.record import Recorder

SOCKETS = STREAMS = 10

FULL = 1_000


@pytest.mark.campaign
async def test_whoever_is_cut_off_goes_on_where_they_were(
    request: pytest.FixtureRequest, recorder: Recorder, tmp_path: Path
) -> None:
    cuts: int = request.config.getoption("--disconnects")

    async def trouble(_fleet: Fleet, access: Access, subscribers: list[Subscriber]) -> list[Hit]:
        return await strike_at_random(cuts, access, cutting(access, subscribers), haste=1)

    load = Load(SOCKETS, STREAMS, scans=False, imports=False)
    with recorder.campaign("reconnect", cuts, FULL, "disconnects") as telling:
        await undergo(telling, "reconnect", tmp_path, trouble, load)
