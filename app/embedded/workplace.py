"""Prepares what both engines stand on: their programs, the user they run as, their folders."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from app.embedded import binaries as programs
from app.embedded.accounts import ServiceUser, become, owner_of, service_user
from app.embedded.binaries import Binaries
from app.embedded.failure import EmbeddedEngineError
from app.embedded.layout import Layout


@dataclass(frozen=True, slots=True)
class Workplace:
    """Everything an engine needs to be started."""

    layout: Layout
    binaries: Binaries
    user: ServiceUser | None
    """None: the engines run as the supervisor's own user."""

    def own(self, name: str) -> Path:
        """A private folder of the engines' user in the folder of the engines, made if missing."""
        folder = self.layout.engines_dir / name
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.user is not None:
            os.chown(folder, self.user.uid, self.user.gid)
        return folder

    def path_inside(self, folder: Path) -> str:
        """How an engine started in `folder` writes the path of that folder.

        The user that PostgreSQL runs as for root may have no way through the folders above, and their modes are not
        ours to loosen. /proc/self/cwd leads straight to the folder that the engine was started in.
        """
        return str(folder) if self.user is None else "/proc/self/cwd"


def take_over(layout: Layout) -> Binaries:
    """Find the programs; a supervisor started by root in a normal user's data folder becomes that user.

    Otherwise `sudo skyledger doctor` would leave files that the user's own next start cannot open.
    """
    found = programs.locate()
    owner = owner_of(layout.owner) if os.geteuid() == 0 else None
    if owner is None:
        return found
    found = programs.runnable_by(owner, found)
    become(owner)  # before anything in the folder is opened: its owner could have put links there
    return found


def open_folder(layout: Layout) -> None:
    """Make the folder of the engines if it is missing, and write standard error to the log in it from now on."""
    try:
        layout.engines_dir.mkdir(mode=0o700, exist_ok=True)
        log = os.open(layout.log("supervisor"), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        message = (
            f"The engines' folder {layout.engines_dir} cannot be made or opened ({error}): run Skyledger as the user "
            "that made it, or set SKYLEDGER_DATA_DIR to another folder."
        )
        raise EmbeddedEngineError(message) from error
    os.dup2(log, sys.stderr.fileno())
    os.close(log)


def prepare(layout: Layout, binaries: Binaries) -> Workplace:
    """Choose the engines' user, and make the socket folder anew. Call with the lock held."""
    user = None
    if os.geteuid() == 0:
        user = service_user(layout.engines_dir / "postgres")
        binaries = programs.runnable_by(user, binaries)
    _make_socket_folder(layout, user)
    return Workplace(layout, binaries, user)


def _make_socket_folder(layout: Layout, user: ServiceUser | None) -> None:
    folder = layout.sockets
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
        message = f"{folder} should be a folder of user id {os.geteuid()}; remove it: somebody else made it."
        raise EmbeddedEngineError(message)
    for stale in list(folder.iterdir()):  # sockets of a killed supervisor; its engines may be removing theirs
        stale.unlink(missing_ok=True)
    if user is not None:
        os.chown(folder, 0, user.gid)
        folder.chmod(0o770)
