"""A restore that is killed half-way, or meets a full disk, loses nothing: the next one brings back what was there."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg
import pytest

from app.backup import BackupError, back_up, restore
from app.backup.parts import measure
from app.backup.tables import connect
from app.config import Settings
from app.database import Database
from app.upgrade import check_up_to_date, newest_revision, upgrade
from tests.activity.probes import write
from tests.backup.dying_restore import MOMENTS
from tests.backup.test_backup import BYTES, Company, empty, rows, small_company, tables_of, url_of

__all__ = ["empty", "small_company"]  # fixtures

PROJECT = Path(__file__).parents[2]
AT_WORK = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_restore' AND datname = current_database()"
WRITING = f"{AT_WORK} AND backend_xid IS NOT NULL"
OLD_KEY, NEW_KEY = "old:" + "b2xk" * 8, "new:" + "bmV3" * 8
UPLOADS = ("one/two", "exports/three")
CHANGED = b"what was uploaded since"
LIMIT_KIB = 1


@dataclass(frozen=True)
class Place:
    """A living installation with a backup of earlier that is to replace it."""

    settings: Settings
    backup: Path

    @property
    def url(self) -> str:
        return url_of(self.settings)

    async def is_living(self) -> bool:
        """Whether the rows and files are those that no backup has."""
        files = [(self.settings.data_dir / "uploads" / name).read_bytes() for name in UPLOADS]
        key = (self.settings.data_dir / "secret-key").read_text()
        noted = any("later" in row for row in await rows(self.url, "activity_events"))
        assert files in ([BYTES] * 2, [CHANGED] * 2), "files of one moment"
        assert len({noted, files == [CHANGED] * 2, key == OLD_KEY}) == 1, "rows, files and keys of one moment"
        return noted

    def left_over(self) -> list[str]:
        """Files that only a restore under way has."""
        return [path.name for path in self.settings.data_dir.rglob(".*") if path.is_file()]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SKYLEDGER_DATABASE_URL": self.url,
            "SKYLEDGER_REDIS_URL": str(self.settings.redis_url),
            "SKYLEDGER_DATA_DIR": str(self.settings.data_dir),
        }


@pytest.fixture
async def place(small_company: Company, empty: Settings, tmp_path: Path) -> Place:
    backup = tmp_path / "backup"
    (small_company.settings.data_dir / "secret-key").write_text(NEW_KEY)
    await back_up(small_company.settings, url_of(small_company.settings), backup, with_keys=True)
    await restore(empty, url_of(empty), backup)
    living = Database.connect(url_of(empty))
    await write(living, small_company.id, "later")
    await living.close()
    for name in UPLOADS:
        (empty.data_dir / "uploads" / name).write_bytes(CHANGED)
    (empty.data_dir / "secret-key").write_text(OLD_KEY)
    found = Place(empty, backup)
    assert await found.is_living()
    return found


async def without_replace(place: Place) -> None:
    with pytest.raises(BackupError, match=r"cut off; what it was to replace is back\. The database is not empty"):
        await restore(place.settings, place.url, place.backup)
    assert await place.is_living()


async def with_a_backup_that_fails_late(place: Place) -> None:
    path = place.backup / "manifest.json"
    told = path.read_text()
    manifest = json.loads(told)
    manifest["tables"]["users"]["digest"] = "1"
    path.write_text(json.dumps(manifest))
    with pytest.raises(BackupError, match=r"rows of the table users are others.*The database is as it was"):
        await restore(place.settings, place.url, place.backup, replace=True)
    path.write_text(told)
    assert await place.is_living(), "and no empty schema"


async def again(place: Place) -> None:
    await restore(place.settings, place.url, place.backup, replace=True)
    assert not await place.is_living()


@pytest.mark.parametrize("next_try", [without_replace, with_a_backup_that_fails_late, again])
async def test_killed_while_rows_are_restored(place: Place, next_try: Callable[[Place], object]) -> None:
    """The process is killed; pg_restore, which it has left behind, is another to be ended."""
    left_behind = await _killed_half_way(place)
    assert await tables_of(place.url) == []
    with pytest.raises(BackupError, match=r"still at work here \(pg_restore\).*Nothing was changed"):
        await restore(place.settings, place.url, place.backup, replace=True)
    os.kill(left_behind, signal.SIGKILL)
    await _until(place.url, AT_WORK, 0)
    await _is_no_place_to_serve(place)
    await next_try(place)  # type: ignore[misc]
    await again(place)
    assert place.left_over() == []


async def _killed_half_way(place: Place) -> int:
    """Kill `skyledger restore` while pg_restore writes; the id of that, which is stopped."""
    program = [sys.executable, "-c", "from app.cli import main; main()", "restore", str(place.backup), "--replace"]
    process = await asyncio.create_subprocess_exec(*program, env=place.environment(), stdout=subprocess.DEVNULL)
    try:
        await _until(place.url, WRITING, 1)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()  # noqa: ASYNC240
        (child,) = map(int, children.split())
        os.kill(child, signal.SIGSTOP)
    finally:
        process.kill()
        assert await process.wait() == -signal.SIGKILL
    return child


async def _until(url: str, question: str, wanted: int) -> None:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    deadline = time.monotonic() + 60
    try:
        while await connection.fetchval(question) != wanted:
            assert time.monotonic() < deadline, question
            await asyncio.sleep(0.002)
    finally:
        await connection.close()


async def _is_no_place_to_serve(place: Place) -> None:
    """Nobody makes new tables where the old ones wait to come back."""
    database = Database.connect(place.url, role=None, pool_size=1)
    try:
        with pytest.raises(RuntimeError, match=r"cut off.*skyledger restore"):
            await check_up_to_date(database, newest_revision())
    finally:
        await database.close()
    with pytest.raises(RuntimeError, match=r"cut off.*skyledger restore"):
        await asyncio.to_thread(upgrade, place.url)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_killed_at_each_later_step(place: Place, moment: str) -> None:
    program = [sys.executable, "-m", "tests.backup.dying_restore", str(place.backup), moment]
    done = await asyncio.to_thread(
        subprocess.run, program, env=place.environment(), cwd=PROJECT, capture_output=True, check=False, timeout=120
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    if moment == "before the old files go":  # it was all but done
        assert not await place.is_living()
    else:
        with pytest.raises(BackupError, match=r"public has rows too.*Nothing was changed"):
            await restore(place.settings, place.url, place.backup)
        await _is_no_place_to_serve(place)
        await with_a_backup_that_fails_late(place)
    await again(place)
    assert place.left_over() == []
    assert (place.settings.data_dir / "secret-key.replaced").read_text() == OLD_KEY


async def test_a_schema_that_waits_is_never_dropped_unseen(place: Place) -> None:
    """As where something is there under that name that no restore of ours has put there."""
    connection = await connect(place.url)
    try:
        await connection.execute("ALTER SCHEMA public RENAME TO skyledger_replaced; CREATE SCHEMA public")
    finally:
        await connection.close()
    await without_replace(place)


async def test_a_full_disk_leaves_everything_as_it_was(place: Place) -> None:
    """The limit of a file's size stands for it: what is written beyond it fails as on a full disk."""
    program = "from app.cli import main; main()"
    limited = f"ulimit -f {LIMIT_KIB}; exec {sys.executable} -c '{program}' restore {place.backup} --replace"
    name, path = f"uploads/{UPLOADS[0]}", place.backup / "manifest.json"
    (place.backup / name).write_bytes(b"x" * 4 * LIMIT_KIB * 1024)
    manifest = json.loads(path.read_text())
    manifest["parts"][name] = asdict(measure(place.backup / name))
    path.write_text(json.dumps(manifest))
    done = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", limited], env=place.environment(), capture_output=True, check=False, timeout=120
    )
    told = " ".join(done.stderr.decode().split())
    assert done.returncode == 1, told
    assert "cannot be put in place" in told
    assert "File too large" in told
    assert await place.is_living()
    assert place.left_over() == []
