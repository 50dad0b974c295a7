"""The folders that deliveries are fetched into: each worker's own, and none left behind for ever."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from app.models import new_id
from app.queue import HeldJob
from app.sourcing.workplace import ABANDONED_SECONDS, Workplace

JOB = new_id()


def held(token: int) -> HeldJob:
    """A job as the worker has it that was the so many-th to take it."""
    return cast("HeldJob", SimpleNamespace(id=JOB, token=token))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_worker_that_has_lost_its_job_leaves_the_files_of_the_next_one(tmp_path: Path) -> None:
    late, after = Workplace(tmp_path / "source", held(9)), Workplace(tmp_path / "source", held(10))
    await late.__aenter__()
    async with after:
        file = after.path / "part.csv"
        file.write_text("x")
        await late.__aexit__(None, None, None)
        assert file.read_text() == "x"
    assert names(tmp_path) == []


async def test_a_worker_that_begins_late_leaves_them_too(tmp_path: Path) -> None:
    """It was paused after it had taken the job, before it made its folder."""
    async with Workplace(tmp_path / "source", held(10)) as after:
        file = after.path / "part.csv"
        file.write_text("x")
        async with Workplace(tmp_path / "source", held(9)):
            assert file.read_text() == "x"
        assert file.read_text() == "x"
    assert names(tmp_path) == []


@pytest.mark.parametrize("next_job", [False, True])
async def test_what_a_killed_worker_left_goes_when_the_next_one_begins(tmp_path: Path, *, next_job: bool) -> None:
    killed = Workplace(tmp_path / "source", held(9))
    await killed.__aenter__()
    after = cast("HeldJob", SimpleNamespace(id=new_id(), token=1)) if next_job else held(10)
    async with Workplace(tmp_path / "source", after):
        assert not killed.path.exists()


async def test_what_a_killed_worker_left_of_another_source_goes_after_two_days(tmp_path: Path) -> None:
    for name in ("abandoned", "in use"):
        (tmp_path / name / "run").mkdir(parents=True)
        (tmp_path / name / "run" / "part.csv").write_text("x")
    long_ago = time.time() - ABANDONED_SECONDS - 1
    for path in (tmp_path / "abandoned" / "run" / "part.csv", tmp_path / "abandoned" / "run", tmp_path / "abandoned"):
        os.utime(path, (long_ago, long_ago))
    os.utime(tmp_path / "in use", (long_ago, long_ago))
    async with Workplace(tmp_path / "source", held(1)):
        assert names(tmp_path) == ["in use", "source"]
