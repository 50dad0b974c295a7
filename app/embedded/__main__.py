"""The supervisor's process: `python -m app.embedded DATA_DIR DESCRIPTOR`, started by `app.embedded.attach`."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from app.embedded.layout import layout_of
from app.embedded.supervisor import supervise


def main() -> int:
    """Leave the process that started us, and supervise; DESCRIPTOR is the open socket of the first lease."""
    data_dir, descriptor = sys.argv[1:]
    with socket.socket(fileno=int(descriptor)) as lease:
        if os.fork() != 0:
            os._exit(0)  # the starter waits for this exit; the supervisor becomes a child of init, never a zombie
        layout = layout_of(Path(data_dir))
        os.chdir("/")
        os.umask(0o077)
        return supervise(layout, lease)


if __name__ == "__main__":
    sys.exit(main())
