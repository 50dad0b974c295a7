"""However many parts and COPYs a delivery takes, and without the role that may copy past row security, it is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.costs.imports import storing, text_files
from app.database import Database
from app.records.costs import ImportState
from app.repositories import cost_store
from app.repositories.copying import LongCopy
from tests.costs.deliveries import ROLL_UPS
from tests.costs.imports.deliveries import charge, deliver, sums, sums_of, write

ROWS = [charge(number) for number in range(1, 201)]
PART_BYTES = 4_000


@pytest.mark.parametrize("role", [cost_store.IMPORTER_ROLE, "no_such_role"])
async def test_many_parts_in_several_copies_are_exact(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    """Two parts go into each COPY; a second billing account in the middle ends one early, for its period is new."""
    rows = [*ROWS[:90], *({**row, "BillingAccountId": "2222"} for row in ROWS[90:])]
    path = write(tmp_path / "a.csv", rows)
    assert path.stat().st_size > 5 * PART_BYTES
    monkeypatch.setattr(text_files, "_BLOCK", PART_BYTES)
    monkeypatch.setattr(text_files.CsvText.__init__, "__kwdefaults__", {"chunk_bytes": PART_BYTES})
    monkeypatch.setattr(storing, "PIECES_OF_COPY", 2)
    monkeypatch.setattr(cost_store, "IMPORTER_ROLE", role)
    copies: list[LongCopy] = []

    class Noted(LongCopy):
        async def end(self) -> int:
            copies.append(self)
            return await super().end()

    monkeypatch.setattr(storing, "LongCopy", Noted)
    outcome = await deliver(database, path)
    assert len(copies) > 2
    assert max(copy.pieces for copy in copies) == 2
    assert (outcome.state, outcome.added) == (ImportState.SUCCEEDED, len(rows))
    assert await sums(database) == dict.fromkeys(("charges", *ROLL_UPS), sums_of(rows))
