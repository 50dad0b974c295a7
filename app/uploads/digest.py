"""The SHA-256 of a file that is still growing, read from the file itself, behind the writer."""

from __future__ import annotations

import hashlib
import os

STEP = 1_048_576


class FileDigest:
    """Hashes what stands in the file, not what was received: after a resumption both must be one.

    `advance` is called by one thread at a time, and needs no more memory than a step.
    """

    def __init__(self, descriptor: int) -> None:
        self.position = 0
        self._descriptor = descriptor
        self._hash = hashlib.sha256()

    def advance(self, end: int) -> None:
        """Hash up to `end` bytes. Raises OSError where the file is shorter."""
        while self.position < end:
            data = os.pread(self._descriptor, min(STEP, end - self.position), self.position)
            if not data:
                message = "the file has become shorter"
                raise OSError(message)
            self._hash.update(data)
            self.position += len(data)

    def result(self) -> bytes:
        """The hash of what was read so far."""
        return self._hash.digest()
