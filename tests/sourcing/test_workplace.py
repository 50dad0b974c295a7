"""The folders that deliveries are fetched into: each run's own, and none left behind for ever."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from app.providers.cost_exports import Delivery
from app.sourcing.delivering import ABANDONED_SECONDS, Workplace

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
DELIVERY = Delivery("2026-10", OCTOBER, (), None, OCTOBER)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_worker_that_has_lost_its_run_leaves_the_files_of_the_next_one(tmp_path: Path) -> None:
    late, after = Workplace(tmp_path / "source"), Workplace(tmp_path / "source")
    await late.__aenter__()
    async with after:
        file = await after.folder_of(DELIVERY) / "part.csv"
        file.write_text("x")
        await late.__aexit__(None, None, None)
        assert file.read_text() == "x"
    assert names(tmp_path) == []


async def test_what_a_killed_worker_left_of_another_source_goes_after_two_days(tmp_path: Path) -> None:
    for name in ("abandoned", "in use"):
        (tmp_path / name / "run").mkdir(parents=True)
        (tmp_path / name / "run" / "part.csv").write_text("x")
    long_ago = time.time() - ABANDONED_SECONDS - 1
    for path in (tmp_path / "abandoned" / "run" / "part.csv", tmp_path / "abandoned" / "run", tmp_path / "abandoned"):
        os.utime(path, (long_ago, long_ago))
    os.utime(tmp_path / "in use", (long_ago, long_ago))
    async with Workplace(tmp_path / "source"):
        assert names(tmp_path) == ["in use", "source"]
