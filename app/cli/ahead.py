"""An API that loads its code while whoever starts it finds out what to tell it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from typing import Self

# -P: a folder `app` in the working folder is not ours.
COMMAND = (sys.executable, "-P", "-m", "app")


class ApiAhead:
    """`skyledger serve`, started at once, which waits for its port once it has loaded; it ends with this process."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        with theirs:
            # A group of its own: Ctrl-C reaches this process alone, which then stops it in good order.
            self.process = subprocess.Popen(  # noqa: S603
                [*COMMAND, "serve", "--told-by", str(theirs.fileno()), "--parent", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process if it runs still, told or not."""
        self._ours.close()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def tell(self, port: int) -> None:
        """Have it serve on a port. Where it was killed, whoever tends it starts another."""
        with self._ours, contextlib.suppress(OSError):
            self._ours.sendall(b"%d\n" % port)


def told_port(descriptor: int) -> int:
    """The port that the process at the other end tells. Ends this process when that one says nothing and ends."""
    with socket.socket(fileno=descriptor) as told, told.makefile("rb") as lines:
        line = lines.readline()
    if not line.endswith(b"\n"):
        raise SystemExit(1)
    return int(line)
