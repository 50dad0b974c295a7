"""Valkey: the server's command line, and the question whether it accepts work."""

from __future__ import annotations

import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from app.embedded import processes
from app.embedded.workplace import Workplace

ANSWER_SECONDS = 10.0
SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "dir": ".",  # its working folder: a path in an argument would be parsed for quotes
    "appendonly": "yes",
    "appendfsync": "everysec",  # Valkey holds no truth: wake-ups, counters, fan-out
    "save": "",
    "maxmemory": "512mb",  # bounded, and past it writes fail aloud instead of losing keys
    "maxmemory-policy": "noeviction",
}


@dataclass(frozen=True, slots=True)
class ValkeyEngine:
    """The server of one workplace."""

    workplace: Workplace
    name: ClassVar[str] = "Valkey"
    command: ClassVar[str] = "valkey-server"
    setting: ClassVar[str] = "SKYLEDGER_REDIS_URL"
    passing_trouble: ClassVar[str] = "Address already in use"
    death_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_steps: ClassVar[tuple[tuple[signal.Signals, float], ...]] = ((signal.SIGTERM, 10.0),)

    @property
    def data(self) -> Path:
        """Folder of the append-only file."""
        return self.workplace.layout.engines_dir / "valkey"

    @property
    def log(self) -> Path:
        """The log file."""
        return self.workplace.layout.log("valkey")

    @property
    def mark(self) -> str:
        """Text in the command line of this server."""
        return self.workplace.layout.name

    def prepare(self) -> None:
        """Make the data folder if there is none; wait for a server that a dead supervisor left."""
        processes.clear_leftovers(self.mark, self.command)
        self.workplace.own("valkey")
        self.workplace.layout.valkey_socket.unlink(missing_ok=True)

    def arguments(self) -> list[str]:
        """The server's command line."""
        options = [part for name, value in SETTINGS.items() for part in (f"--{name}", value)]
        place = self.workplace
        return [str(place.binaries.valkey_server), "--unixsocket", str(place.layout.valkey_socket), *options]

    def probe(self) -> str | None:
        """The server's version once its append-only file is loaded; else None."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(ANSWER_SECONDS)
                connection.connect(str(self.workplace.layout.valkey_socket))
                connection.sendall(b"PING\r\nINFO server\r\nQUIT\r\n")
                with connection.makefile("rb") as stream:
                    lines = stream.read().decode().splitlines()
        except OSError:  # no socket yet
            return None
        facts = dict(line.split(":", 1) for line in lines if ":" in line)
        return facts.get("valkey_version") if lines[:1] == ["+PONG"] else None
