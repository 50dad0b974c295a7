"""The keys that wrap the data keys of sealed credentials: of the setting, or of a file in the data folder."""

from __future__ import annotations

import fcntl
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from app.config import Settings, make_once, new_credential_key, read_credential_keys
from app.durable import sync_folder
from app.errors import ConfigurationError

FILE_NAME = "credential-keys"
_SETTING = "SKYLEDGER_CREDENTIAL_KEYS"


@dataclass(frozen=True)
class KeyRing:
    """Keys by id; the first is active, the others only open. `source` names where they stand."""

    source: str
    keys: dict[str, bytes] = field(repr=False)

    @property
    def active_id(self) -> str:
        """The id of the key that seals."""
        return next(iter(self.keys))

    @property
    def active_key(self) -> bytes:
        """The key that seals."""
        return self.keys[self.active_id]


class SetKeys:
    """The keys of the setting, which stay for as long as the process runs."""

    made_here = False

    def __init__(self, settings: Settings) -> None:
        if settings.credential_keys is None:
            message = f"{_SETTING} is not set."
            raise ConfigurationError(message)
        self._ring = KeyRing(_SETTING, read_credential_keys(settings.credential_keys.get_secret_value()))

    def ring(self, needed: str | None = None) -> KeyRing:  # noqa: ARG002  (only a file can have changed)
        """The same keys at any time."""
        return self._ring

    def add(self) -> None:
        """Nothing: the operator has put the new key first."""


class KeyFile:
    """A file with one key a line, the active one first, made when it is first needed.

    Whoever reads it sees at once what another process has made active, so a rotation needs no restart.
    """

    made_here = True

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE_NAME
        self._ring: KeyRing | None = None
        self._read: tuple[int, int] | None = None

    def ring(self, needed: str | None = None) -> KeyRing:
        """The keys as the file has them now. Raises ConfigurationError for a file that cannot be read."""
        if self._ring is not None and needed in self._ring.keys:
            return self._ring  # the id of a key is that key's for ever
        make_once(self.path, lambda: new_credential_key() + "\n")
        status = self.path.stat()
        version = (status.st_ino, status.st_mtime_ns)  # it is replaced, never written to
        if self._ring is None or version != self._read:
            self._ring, self._read = _ring_of(self.path), version
        return self._ring

    def add(self) -> None:
        """Make a new key, active from now on; the others stay, to open what they have sealed."""
        make_once(self.path, lambda: new_credential_key() + "\n")
        with self.path.with_name(f"{FILE_NAME}.lock").open("a") as lock:
            # Two rotations at a time: the second would replace a file that lacks the first one's key.
            fcntl.flock(lock, fcntl.LOCK_EX)
            text = f"{new_credential_key()}\n{self.path.read_text()}"
            file = tempfile.NamedTemporaryFile(  # noqa: SIM115  (it is to stay, under the other name)
                "w", dir=self.path.parent, prefix=".secret-", delete=False
            )
            with file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())  # rows will be sealed under it: it must outlive a power cut
            Path(file.name).replace(self.path)
            sync_folder(self.path.parent)


def _ring_of(path: Path) -> KeyRing:
    try:
        return KeyRing(str(path), read_credential_keys(path.read_text()))
    except (ValueError, OSError) as error:
        # The reason of a ValueError is ours: it never quotes a key.
        message = f"{path} cannot be read: {error.strerror if isinstance(error, OSError) else error}."
        raise ConfigurationError(message) from None
