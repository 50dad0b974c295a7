"""What campaigns found, `benchmarks/RELIABILITY.md`, which they write themselves where `--record` is given.

`python -m tests.campaigns.record` writes it anew with the same figures, after a change of the words here.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.campaigns.fleet import PROJECT

FILE = PROJECT / "benchmarks" / "RELIABILITY.md"
NOT_RECORDED = "not recorded"
CAMPAIGNS = {
    "kill": "SIGKILL and SIGSTOP of API, worker, supervisor, PostgreSQL, Valkey during scans, imports, mutations, "
    "subscriptions: nothing acknowledged lost, nothing doubled, got over in 60 s",
    "kill with the product's lease": "the same with the 20 s after which a job is taken over",
    "kill of imports": "SIGKILL of worker and PostgreSQL: readers see one whole delivery, never a mixture",
    "kill of scans": "SIGKILL of workers: every scan ends as if nobody had been killed",
    "amnesia": "FLUSHALL of Valkey under the load of the kill campaign: the same",
    "reconnect": "subscribers on sockets and event streams are cut off: nothing lost, doubled or out of order",
    "upgrade": "the version before this one is replaced under load: no request fails",
}
"""Name → what is done, and what has to be true."""
ELSEWHERE = {
    "tenants": "`tests/campaigns/test_isolation.py`, `tests/house/test_tenants.py`, `tests/attacks/`",
    "hostile documents": "`tests/server/test_document_limits.py`, `tests/attacks/`",
    "hostile files": "`tests/costs/imports/`, `tests/uploads/`",
    "soak": "`tests/campaigns/test_soak.py`",
}
"""Campaigns that write nothing here → where they are."""
HEAD = """# What holds when things break

Written by the campaigns of `tests/campaigns/` when they are run with `--record` (`make campaign`); nothing here is
written by hand. {not_recorded} means that no run was kept here. `make rehearsal` does them in a short form. Seconds are
of the wall, on the machine that is named with them.

| campaign | last recorded run |
| --- | --- |
"""
_SECTION = re.compile(r"^## (?P<name>.+?)\n\n(?P<body>.+?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
Row = tuple[str, str]


@dataclass
class Telling:
    """What a campaign tells while it goes on: of so many `wanted`, which are `full` in its full form."""

    wanted: int
    full: int
    unit: str
    rows: list[Row] = field(default_factory=list)
    done: int = 0
    begun: float = field(default_factory=time.monotonic)

    def show(self, title: str, done: int, rows: Sequence[Row]) -> None:
        """Keep the figures, and print them; seen with -s."""
        self.rows, self.done = list(rows), done
        table = Table(title=title, show_header=False, title_justify="left")
        for row in rows:
            table.add_row(*row)
        Console(width=120).print(table, markup=False, highlight=False)


@dataclass(frozen=True)
class Recorder:
    """Writes into a file, or nowhere."""

    file: Path | None

    @contextmanager
    def campaign(self, name: str, wanted: int, full: int, unit: str) -> Iterator[Telling]:
        """A campaign that passes if the block ends without an error; either is recorded."""
        assert name in CAMPAIGNS, name
        telling = Telling(wanted, full, unit)
        verdict = "**failed**"
        try:
            yield telling
            verdict = "passed"
        except Exception as error:
            telling.rows.append(("failed", str(error).partition("\n")[0]))
            raise
        finally:
            if self.file is not None:
                self._write(name, verdict, telling)

    def _write(self, name: str, verdict: str, telling: Telling) -> None:
        assert self.file is not None
        sections = sections_of(self.file.read_text()) if self.file.exists() else {}
        figures = ["| | |", "| --- | --- |", *map(_line, telling.rows)]
        sections[name] = "\n".join([_summary(verdict, telling), "", *figures])
        self.file.write_text(page(sections))


def sections_of(text: str) -> dict[str, str]:
    """Name of a campaign → its verdict and figures, of a file that has been written before."""
    return {found["name"]: found["body"].strip() for found in _SECTION.finditer(text)}


def page(sections: Mapping[str, str]) -> str:
    """The whole file."""
    head = HEAD.format(not_recorded=NOT_RECORDED.capitalize())
    rows = [f"| {name}: {about} | {_first(sections.get(name))} |" for name, about in CAMPAIGNS.items()]
    rows += [f"| {name} | {NOT_RECORDED}: {where} |" for name, where in ELSEWHERE.items()]
    bodies = [f"## {name}\n\n{sections[name]}\n" for name in CAMPAIGNS if name in sections]
    return head + "\n".join(rows) + "\n\n" + "\n".join(bodies)


def _summary(verdict: str, telling: Telling) -> str:
    less = "" if telling.done == telling.full else f" ({telling.full} in the full form)"
    minutes = (time.monotonic() - telling.begun) / 60
    return (
        f"{verdict}: {telling.done} {telling.unit}{less} in {minutes:.1f} minutes, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {_commit()}, {os.cpu_count()} cores, "
        f"load average {os.getloadavg()[1]:.1f}"
    )


def _first(section: str | None) -> str:
    return NOT_RECORDED if section is None else section.partition("\n")[0]


def _line(row: Row) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"


def _commit() -> str:
    """The commit that was run, and whether anything but the file itself had been changed since."""
    try:
        named = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", ".", f":(exclude){FILE}")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{named} with changes" if changed else named


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    FILE.write_text(page(sections_of(FILE.read_text())))
