"""Which system user the engines run as, and what that user can reach: PostgreSQL refuses to run as root."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from app.embedded.failure import EmbeddedEngineError

SERVICE_USERS = ("nobody", "daemon", "bin")
# Systemd's table of ids leaves 60706-61183 to nobody: a group of our own keeps other processes of the user "nobody"
# away from the sockets, which ask for no password. https://systemd.io/UIDS-GIDS/
PRIVATE_GROUPS = range(61183, 60706, -1)


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """User and group that the engines run as when the supervisor is root."""

    name: str
    uid: int
    gid: int


def service_user(data: Path) -> ServiceUser:
    """The user for the engines of a root supervisor: the owner of existing `data`, else the first that exists."""
    if data.exists():
        facts = data.stat()
        uid = facts.st_uid
        if uid == 0:
            message = (
                f"{data} belongs to root, but PostgreSQL refuses to run as root: give it back to its user "
                f"(`chown -R nobody {data}`), or set SKYLEDGER_DATABASE_URL and SKYLEDGER_REDIS_URL."
            )
            raise EmbeddedEngineError(message)
        return ServiceUser(name=f"user id {uid}", uid=uid, gid=private_group(facts.st_gid))
    for name in SERVICE_USERS:
        account = _account(name)
        if account is not None and account.pw_uid != 0:
            return ServiceUser(name=name, uid=account.pw_uid, gid=private_group(account.pw_gid))
    message = (
        f"PostgreSQL refuses to run as root and none of the users {', '.join(SERVICE_USERS)} exists: run Skyledger as "
        "a normal user, or set SKYLEDGER_DATABASE_URL and SKYLEDGER_REDIS_URL."
    )
    raise EmbeddedEngineError(message)


def owner_of(uid: int) -> ServiceUser | None:
    """The normal user `uid`, to run everything of a data folder that is theirs; None for root and unknown ids."""
    if uid == 0:
        return None
    try:
        account = pwd.getpwuid(uid)
    except KeyError:
        return None
    return ServiceUser(name=account.pw_name, uid=uid, gid=account.pw_gid)


def become(user: ServiceUser) -> None:
    """Turn this root process into one of `user`, for good."""
    os.initgroups(user.name, user.gid)
    os.setgid(user.gid)
    os.setuid(user.uid)


def private_group(otherwise: int) -> int:
    """A group id without a name, so that no log-in and no service has it; `otherwise` where none can be used."""
    usable = _mapped_groups()
    for gid in PRIVATE_GROUPS:
        try:
            grp.getgrgid(gid)
        except KeyError:
            if any(gid in group_range for group_range in usable):
                return gid
    return otherwise


def reads(user: ServiceUser, file: Path) -> bool:
    """Whether `user` may pass through every folder above `file` and read it, and run it if its owner may."""
    resolved = file.resolve()
    runs = stat.S_IXOTH if resolved.stat().st_mode & stat.S_IXUSR else 0
    passes = all(_may(user, folder, stat.S_IXOTH) for folder in resolved.parents)
    return passes and _may(user, resolved, stat.S_IROTH | runs)


def _may(user: ServiceUser, path: Path, bits: int) -> bool:
    facts = path.stat()
    if facts.st_uid == user.uid:
        granted = facts.st_mode >> 6
    elif facts.st_gid == user.gid:
        granted = facts.st_mode >> 3
    else:
        granted = facts.st_mode
    return granted & bits == bits


def _mapped_groups() -> list[range]:
    """Group ids that exist in this user namespace: a container without root may have very few."""
    lines = [line.split() for line in Path("/proc/self/gid_map").read_text().splitlines()]
    return [range(int(first), int(first) + int(count)) for first, _, count in lines]


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
