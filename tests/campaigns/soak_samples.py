"""What processes take while the soak runs, read from the kernel, and the judgement over it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import linear_regression, median

from rich.table import Table

MOST_SHARE, MOST_BYTES = 0.02, 10 * 2**20
"""Growth in an hour, or in the whole run if that is shorter: both have to be kept."""
MEMORY = ("resident", "private")
LEFT = ("descriptors", "threads", "tasks", "connections")
ALLOWED = {"descriptors": 4, "threads": 16, "tasks": 0, "connections": 4}
"""More than after the warm-up that is no leak: pools of threads and connections grow to their bounds when many acts
happen to meet. In an hour every act is done fifty times and more, so that a leak of one of them goes beyond."""
FEWEST = 8
"""Samples in the last two thirds; fewer make no line."""
AN_HOUR = 3600.0
Left = dict[tuple[str, str], int]
"""(process, what) → how many."""


@dataclass(frozen=True)
class Sample:
    """One process at one moment; memory in bytes, None where there is no such figure.

    `seconds` since the load began. `connections` are those that PostgreSQL or Valkey has of the product.
    """

    seconds: float
    process: str
    pid: int
    resident: int | None = None
    private: int | None = None
    descriptors: int | None = None
    threads: int | None = None
    tasks: int | None = None
    connections: int | None = None


def sample_of(seconds: float, process: str, pid: int, tasks: int | None = None) -> Sample:
    """A process as the kernel sees it. Raises FileNotFoundError or ProcessLookupError where it has ended."""
    folder = Path("/proc") / str(pid)
    lines = (line.split() for line in (folder / "smaps_rollup").read_text().splitlines()[1:])
    kibibytes = {line[0]: int(line[1]) for line in lines}
    return Sample(
        seconds,
        process,
        pid,
        kibibytes["Rss:"] * 1024,
        (kibibytes["Private_Clean:"] + kibibytes["Private_Dirty:"]) * 1024,
        sum(1 for _ in (folder / "fd").iterdir()),
        sum(1 for _ in (folder / "task").iterdir()),
        tasks,
    )


def children_of(pid: int) -> list[int]:
    """Child processes of a process's main and other threads, oldest first."""
    found = []
    for task in (Path("/proc") / str(pid) / "task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found += [int(child) for child in (task / "children").read_text().split()]
    return sorted(found)


@dataclass(frozen=True)
class Growth:
    """What the line through the last two thirds of the samples of a process says; bytes."""

    process: str
    what: str
    median: float
    bytes: float
    samples: int

    @property
    def share(self) -> float:
        """Of the median."""
        return self.bytes / self.median

    @property
    def fault(self) -> str | None:
        """What is wrong with it, None when nothing is."""
        if self.share <= MOST_SHARE and self.bytes <= MOST_BYTES:
            return None
        return (
            f"{self.process} grows: {self.what} memory by {self.bytes / 2**20:+.1f} MiB ({self.share:+.1%} of its "
            f"median {self.median / 2**20:.0f} MiB) in the run or an hour of it, over {self.samples} samples; "
            f"{MOST_SHARE:.0%} and {MOST_BYTES / 2**20:.0f} MiB are allowed"
        )


def growths(samples: Sequence[Sample]) -> list[Growth]:
    """How the memory of each process grows: least squares over the last two thirds of the run."""
    begin, end = min(sample.seconds for sample in samples), max(sample.seconds for sample in samples)
    late = [sample for sample in samples if sample.seconds >= begin + (end - begin) / 3]
    found = []
    for process in sorted({sample.process for sample in samples if sample.resident is not None}):
        for what in MEMORY:
            points = [(sample.seconds, getattr(sample, what)) for sample in late if sample.process == process]
            if len(points) < 2:
                continue
            slope, _ = linear_regression(*zip(*points, strict=True))
            middle = median(value for _, value in points)
            found.append(Growth(process, what, middle, slope * min(end - begin, AN_HOUR), len(points)))
    return found


def faults(samples: Sequence[Sample]) -> list[str]:
    """Everything that is wrong with what was sampled: growth, and samples from which nothing could be told."""
    if not samples:
        return ["there are no samples"]
    found = []
    moments = {sample.seconds for sample in samples}
    for process in sorted({sample.process for sample in samples}):
        own = [sample for sample in samples if sample.process == process]
        if len(own) != len(moments):
            found.append(f"{process} was there at {len(own)} of {len(moments)} samples")
        if len({sample.pid for sample in own}) > 1:
            found.append(f"{process} has ended and was replaced: pids {sorted({sample.pid for sample in own})}")
    for growth in growths(samples):
        if growth.samples < FEWEST:
            found.append(f"{growth.process}: {growth.samples} samples are too few to judge by; {FEWEST} are needed")
        elif growth.fault is not None:
            found.append(growth.fault)
    return found


def left_of(samples: Iterable[Sample]) -> Left:
    """Descriptors, threads, tasks and connections of samples of one moment."""
    return {
        (sample.process, what): value
        for sample in samples
        for what in LEFT
        if (value := getattr(sample, what)) is not None
    }


def left_behind(before: Mapping[tuple[str, str], int], after: Mapping[tuple[str, str], int]) -> list[str]:
    """What there is more of than after the warm-up, beyond what is allowed, or can no longer be told."""
    found = []
    for (process, what), count in before.items():
        now = after.get((process, what))
        if now is None:
            found.append(f"{process}: nobody can tell its {what} any more")
        elif now > count + ALLOWED[what]:
            found.append(f"{process} leaves {what} behind: {count} after the warm-up, {now} after the load")
    new = sorted({process for process, _ in after} - {process for process, _ in before})
    return found + [f"{process} was not there after the warm-up" for process in new]


class Record:
    """Samples, each written to a file of comma-separated values as it is taken."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.samples: list[Sample] = []
        with path.open("w", newline="") as file:
            csv.writer(file).writerow(field.name for field in fields(Sample))

    def add(self, samples: Iterable[Sample]) -> None:
        """Keep samples of one moment."""
        new = list(samples)
        self.samples += new
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerows(asdict(sample).values() for sample in new)


def results(samples: Sequence[Sample], before: Left, after: Left) -> Table:
    """Each process: its memory and growth, and what it held after the warm-up, at most, and after the load."""
    table = Table(title="Soak", title_justify="left")
    for head in (
        "process",
        "resident MiB",
        "growth",
        "private MiB",
        "growth",
        "descriptors",
        "threads",
        "tasks",
        "open",
    ):
        table.add_column(head, justify="left" if head == "process" else "right")
    found = {(growth.process, growth.what): growth for growth in growths(samples)}
    for process in sorted({sample.process for sample in samples}):
        cells = [process]
        for what in MEMORY:
            growth = found.get((process, what))
            cells += (
                ["", ""]
                if growth is None
                else [f"{growth.median / 2**20:.1f}", f"{growth.bytes / 2**20:+.2f} {growth.share:+.2%}"]
            )
        for what in LEFT:
            most = [value for sample in samples if sample.process == process and (value := getattr(sample, what))]
            key = (process, what)
            cells.append(f"{before.get(key)} / {max(most)} / {after.get(key)}" if most else "")
        table.add_row(*cells)
    table.caption = (
        "Growth: of the last two thirds, in the run or an hour of it. Counts: after warm-up / most / after load."
    )
    return table
