"""The licence of compiled execution: whatever is asked, plans answer what graphql-core answers.

Longer runs and the proof: `python -m tests.execution.campaign`.
"""

from __future__ import annotations

import pytest
from rich.console import Console

from tests.execution.nasties import nasties
from tests.execution.playing import play
from tests.execution.twins import Twins, Verdict
from tests.execution.world import Site

FIRST_SEED = 1
MOST_DISCARDED = 0.005
SHOWN = 30


@pytest.mark.campaign
async def test_generated_operations_are_answered_alike(
    site: Site, twins: Twins, request: pytest.FixtureRequest
) -> None:
    count = request.config.getoption("--operations")
    first = request.config.getoption("--first-seed")
    tally = await play(twins, site.known, range(first, first + count))
    Console(width=110).print(f"{tally.summary()}\nseeds {first} to {first + count - 1}", markup=False)
    differences = "\n".join(map(str, list(tally.failures.values())[:SHOWN]))
    assert not tally.failures, differences
    assert tally.discarded <= max(2, MOST_DISCARDED * count)


async def test_operations_written_by_hand_are_answered_alike(site: Site, twins: Twins) -> None:
    wrong = []
    for name, operation in nasties(site.known):
        compared = await twins.compare(operation)
        refused = compared.refused and operation.scope == "owner"  # of anonymous callers some must be
        if compared.verdict is not Verdict.EQUAL or refused:
            wrong.append(f"{name} ({operation.scope}): {compared}\n{operation.document}")
    assert not wrong, "\n\n".join(wrong[:SHOWN])
