"""The version before this one, as the history of this project has it: the newest whose migrations are fewer."""

from __future__ import annotations

import subprocess
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from alembic.script import ScriptDirectory

from app.upgrade import MIGRATIONS
from tests.campaigns.fleet import PROJECT

FOLDER = "migrations/versions/"
MOST_COMMITS = 2_000


class NoHistoryError(Exception):
    """There is no earlier version to be had here."""


@dataclass(frozen=True)
class Version:
    """An earlier one."""

    commit: str
    migrations: int
    """How many came after it."""

    def unpack(self, folder: Path) -> Path:
        """Write its files into a folder that is made; the folder."""
        with tarfile.open(fileobj=BytesIO(_git("archive", "--format=tar", self.commit))) as archive:
            archive.extractall(folder, filter="data")
        return folder


def version_before() -> Version:
    """The newest commit whose migrations are the first ones of today's. Raises NoHistoryError where there is none."""
    chain = [Path(script.path).name for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]
    for commit in _git("rev-list", "--date-order", f"--max-count={MOST_COMMITS}", "HEAD").decode().split():
        listed = _git("ls-tree", "--name-only", commit, FOLDER).decode().split()
        names = {PurePosixPath(path).name for path in listed if path.endswith(".py")}
        if len(names) < len(chain) and names == set(chain[: len(names)]):
            return Version(commit, len(chain) - len(names))
    message = f"No version with fewer migrations is among the last {MOST_COMMITS} commits."
    raise NoHistoryError(message)


def _git(*arguments: str) -> bytes:
    try:
        return subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        message = f"git cannot tell of earlier versions: {error}"
        raise NoHistoryError(message) from None
