"""What an engine is, and one running: started, awaited, restarted when it dies, stopped."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import NoReturn, Protocol

from app.embedded import processes
from app.embedded.failure import EmbeddedEngineError
from app.embedded.processes import say
from app.embedded.workplace import Workplace

START_SECONDS = 110.0  # recovery after a crash replays up to 1 GB of log; clients wait 120 s
PASSING_TROUBLE_SECONDS = 15.0
RESTARTS = 8
RESTART_WINDOW_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 0.5


class Engine(Protocol):
    """A server program: how to prepare, start, ask and stop it."""

    @property
    def workplace(self) -> Workplace:
        """User, folders and programs."""

    @property
    def name(self) -> str:
        """Its name in messages."""

    @property
    def command(self) -> str:
        """The name of its processes."""

    @property
    def mark(self) -> str:
        """Text in the command line or title of each of its processes."""

    @property
    def setting(self) -> str:
        """The setting that replaces it by a server elsewhere."""

    @property
    def passing_trouble(self) -> str:
        """Text in the log of a failed start that is worth another try."""

    @property
    def death_signal(self) -> signal.Signals:
        """What the kernel sends it when the supervisor dies."""

    @property
    def stop_steps(self) -> tuple[tuple[signal.Signals, float], ...]:
        """Signals that stop it and the seconds to wait after each."""

    @property
    def data(self) -> Path:
        """Its data folder."""

    @property
    def log(self) -> Path:
        """Its log file."""

    def prepare(self) -> None:
        """Make the data folder fit for a start."""

    def arguments(self) -> list[str]:
        """Its command line."""

    def probe(self) -> str | None:
        """Its version once it accepts work, else None."""


class RunningEngine:
    """An engine and its process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._restarts: list[float] = []
        self.version = ""

    @property
    def pid(self) -> int:
        """The id of the server's first process; 0 before the start."""
        return 0 if self._process is None else self._process.pid

    @property
    def log(self) -> Path:
        """The log file."""
        return self._engine.log

    def start(self) -> None:
        """Start the server; it accepts work after `await_ready`."""
        engine = self._engine
        engine.prepare()
        processes.shorten(engine.log)
        self._log_start = processes.log_size(engine.log)
        self._process = processes.spawn(
            engine.arguments(),
            user=engine.workplace.user,
            folder=engine.data,
            log=engine.log,
            death_signal=engine.death_signal,
        )

    def await_ready(self) -> None:
        """Wait until the server accepts work; raises EmbeddedEngineError with its last log lines if it ends."""
        begun = time.monotonic()
        while (version := self._engine.probe()) is None:
            waited = time.monotonic() - begun
            if self._process is not None and (code := self._process.poll()) is not None:
                if self._engine.passing_trouble not in self._last_lines() or waited > PASSING_TROUBLE_SECONDS:
                    self._give_up(f"did not start, it ended with code {code}")
                time.sleep(FIRST_PAUSE_SECONDS)
                self.start()
            elif waited > START_SECONDS:
                self._give_up(f"did not accept work within {START_SECONDS:.0f} s")
            time.sleep(processes.POLL_SECONDS)
        self.version = version
        say(f"{self._engine.name} {version} ready, process {self.pid}, {time.monotonic() - begun:.2f} s")

    def revive(self) -> None:
        """Start the server again if it died; gives up after 8 times in half a minute."""
        if self._process is None or (code := self._process.poll()) is None:
            return
        now = time.monotonic()
        self._restarts = [moment for moment in self._restarts if now - moment < RESTART_WINDOW_SECONDS]
        if len(self._restarts) >= RESTARTS:
            self._give_up(f"died {RESTARTS + 1} times within {RESTART_WINDOW_SECONDS:.0f} s (code {code})")
        recent = len(self._restarts)  # pauses of 0, 0.1, 0.2, 0.4, 0.5, 0.5 ... seconds
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (recent - 1), LONGEST_PAUSE_SECONDS) if recent else 0.0
        self._restarts.append(now)
        say(f"{self._engine.name} died (code {code}); restart {len(self._restarts)} of {RESTARTS} in {pause:.1f} s")
        time.sleep(pause)
        self.start()
        self.await_ready()

    def ask_to_stop(self) -> None:
        """Send the first stop signal, without waiting."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self._engine.stop_steps[0][0])

    def stop(self) -> None:
        """Wait until the server asked to stop has ended with all its processes; harsher signals after a while."""
        if self._process is not None:
            processes.finish(self._process, self._engine.stop_steps)
            processes.clear_leftovers(self._engine.mark, self._engine.command)

    def _give_up(self, what: str) -> NoReturn:
        engine = self._engine
        message = (
            f"The embedded {engine.name} on {engine.data} {what}. The last lines of {engine.log}:\n"
            f"{self._last_lines()}\n"
            f"Mend the cause, move {engine.data} away to start empty, or set {engine.setting} to another server."
        )
        raise EmbeddedEngineError(message)

    def _last_lines(self) -> str:
        return processes.last_lines(self._engine.log, since=self._log_start)
