"""One delivery on its way into the store, inside one transaction: readers see all of it or nothing."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

import polars as pl
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.allocation.allocate import allocate_month
from app.costs.imports.delivery import Delivery, PeriodKey, Prepared, charges_csv, to_csv, with_periods
from app.costs.imports.folding import METRICS, Folding, PeriodTotals, add_exactly
from app.costs.settle import finality_of
from app.database import Database
from app.errors import BadUserInputError, ConflictError, UnavailableError
from app.models import now
from app.records import RowIssue
from app.records.costs import Finality, ImportMode
from app.records.months import months_of
from app.repositories import cost_imports
from app.repositories.copying import LongCopy
from app.repositories.cost_locks import lock_costs
from app.repositories.cost_store import FINE, CostStore
from app.repositories.tag_keys import promoted_keys

KEPT_REJECTS: Final = 1_000
MOST_MONTHS: Final = 120
"""Months in which the charges of one delivery may begin; each month's partition is there for all organizations."""
DIMENSIONS_AT_ONCE: Final = 10_000
"""New rows of a dimension that are stored together; after each part of a file it took a second of a million rows."""
PIECES_OF_COPY: Final = 32
"""Parts of a file that go into one COPY, whose end tells whether PostgreSQL took them: some 500,000 rows."""
NICENESS: Final = 10
"""Of the threads that read and make: whoever asks for costs meanwhile goes first where all cores are busy."""
_UNDER_LOCK: Final = frozenset({"tag_sets", "allocation_sets"})
_Made = TypeVar("_Made")


@dataclass
class Progress:
    """How far an import is; others look at it while it runs."""

    bytes_total: int = 0
    bytes_read: int = 0
    received: int = 0
    added: int = 0
    unchanged: int = 0
    rejected: int = 0
    rejects: list[tuple[str | None, RowIssue]] = field(default_factory=list)
    billed_cost: dict[str, Decimal] = field(default_factory=dict)

    def begin(self) -> None:
        """Count from nothing: a try begins."""
        self.bytes_read = self.received = self.added = self.unchanged = self.rejected = 0
        self.rejects, self.billed_cost = [], {}

    def take(self, part: Prepared) -> None:
        """Count a part that was read; the first thousand refused rows are kept."""
        self.bytes_read = part.bytes_read
        self.received += part.received
        self.rejected += part.rejected
        self.rejects += part.rejects[: max(0, KEPT_REJECTS - len(self.rejects))]


class Storing:
    """The periods of one delivery, filled part by part and put in force at the end."""

    def __init__(
        self, database: Database, organization_id: UUID, import_id: UUID, dataset: str, mode: ImportMode
    ) -> None:
        self._database = database
        self._organization_id = organization_id
        self._import_id = import_id
        self._dataset = dataset
        self._mode = mode
        self._ids: dict[PeriodKey, int] = {}
        self._ends: dict[int, date] = {}
        self._later: list[tuple[str, pl.DataFrame]] = []
        self._waiting: dict[str, list[pl.DataFrame]] = {}
        self._continued: dict[int, RowMapping] = {}
        self._months: set[date] = set()
        self._partitions: set[date] = set()
        self._folding = Folding()
        self._line = 0
        self._copying: LongCopy | None = None
        # A thread of its own for each: malloc keeps what each thread let go, and chunks went to six of them by turns.
        self._reading = ThreadPoolExecutor(1, "import-read", initializer=_give_way)
        self._making = ThreadPoolExecutor(1, "import-make", initializer=_give_way)

    async def store(
        self,
        session: AsyncSession,
        delivery: Delivery,
        promoted: tuple[str, ...],
        progress: Progress,
        wait_seconds: float | None = None,
    ) -> frozenset[date]:
        """Store a delivery and put it in force; returns the months in which amounts changed.

        PostgreSQL takes a part while the next is made ready and the one after that is read. Raises UnavailableError
        where the organization's promoted tag keys are no longer those that the delivery was interned with: then import
        it once more; and where another import is being stored for longer than `wait_seconds`.
        """
        store = await CostStore.open(session, self._organization_id)
        try:
            if self._mode is ImportMode.APPEND:
                await self._lock(session, promoted, wait_seconds)
            await self._take_all(session, store, delivery, progress)
            if self._mode is ImportMode.REPLACE:
                await self._lock(session, promoted)
            return await self._put_in_force(session, store, progress)
        finally:
            self._reading.shutdown(wait=False)
            self._making.shutdown(wait=False)

    async def _take_all(self, session: AsyncSession, store: CostStore, delivery: Delivery, progress: Progress) -> None:
        parts = delivery.prepared()
        ahead = self._next(parts)
        try:
            while (part := await ahead) is not None:
                ahead = self._next(parts)
                progress.take(part)
                await self._take(session, store, part, progress)
                del part  # while the next is waited for
            await self._add_waiting()
            await self._copied()
        finally:
            # A thread cannot be cancelled: wait for it, for it reads from files that are closed after this.
            await asyncio.wait([ahead])
            if self._copying is not None:
                await self._copying.close()

    def _next(self, parts: Iterator[Prepared]) -> asyncio.Future[Prepared | None]:
        return asyncio.get_running_loop().run_in_executor(self._reading, next, parts, None)

    async def _made(self, make: Callable[..., _Made], *of: object) -> _Made:
        return await asyncio.get_running_loop().run_in_executor(self._making, make, *of)

    async def _lock(self, session: AsyncSession, promoted: tuple[str, ...], wait_seconds: float | None = None) -> None:
        await lock_costs(session, self._organization_id, wait_seconds)
        if await promoted_keys(session, self._organization_id) != promoted:
            message = "The promoted tag keys were changed during the import: import the files again."
            raise UnavailableError(message)

    async def _take(self, session: AsyncSession, store: CostStore, part: Prepared, progress: Progress) -> None:
        if not part.frame.height:
            return
        await self._make_partitions(part.months)
        new = sorted(part.periods.keys() - self._ids.keys())
        if new:
            await self._copied()
        for key in new:
            period_id = self._ids[key] = await self._period(session, key, part.periods[key])
            self._ends[period_id] = part.periods[key]
        for table, rows in part.dimensions.items():
            await self._add_dimensions(store, table, rows)
        frame = with_periods(part.frame, self._ids)
        if self._mode is ImportMode.APPEND:
            frame = await self._append(store, frame)
        else:
            content = await self._made(charges_csv, frame, self._organization_id)
            if self._copying is None:
                self._copying = LongCopy(store.add_charges)
            await self._copying.put(content)
            if self._copying.pieces >= PIECES_OF_COPY:
                await self._copied()
        progress.added += frame.height
        progress.unchanged += part.frame.height - frame.height
        self._months.update(frame.get_column("charge_period_start").dt.truncate("1mo").dt.date().unique())
        await self._made(self._folding.add, frame)

    async def _copied(self) -> None:
        """End the COPY that is on its way: until then its connection can do nothing else."""
        if self._copying is not None:
            await self._copying.end()
            self._copying = None

    async def _make_partitions(self, months: frozenset[date]) -> None:
        new = months - self._partitions
        self._partitions |= new
        if len(self._partitions) > MOST_MONTHS:
            message = f"The charges begin in more than {MOST_MONTHS} different months: are their dates right?"
            raise BadUserInputError(message)
        if new:
            # In a transaction of its own: the lock of a new partition ends at once.
            async with self._database.write(self._organization_id) as session:
                await cost_imports.make_partitions(session, new)

    async def _add_dimensions(self, store: CostStore, table: str, rows: pl.DataFrame) -> None:
        """Have what is new of a dimension stored; tags wait for the organization's lock.

        What they say under the promoted keys holds under it only.
        """
        if table not in _UNDER_LOCK:
            self._waiting.setdefault(table, []).append(rows)
            if sum(frame.height for frame in self._waiting[table]) >= DIMENSIONS_AT_ONCE:
                await self._add_waiting()
        elif self._mode is ImportMode.REPLACE:
            self._later.append((table, rows))
        else:
            await store.add_dimensions(table, rows.columns, await self._made(to_csv, rows))

    async def _add_waiting(self) -> None:
        """Store new rows of dimensions in a transaction of their own, so that no other import waits for long.

        Nothing points to them if the import fails, and nothing is wrong with them.
        """
        waiting, self._waiting = self._waiting, {}
        for table, frames in waiting.items():
            rows = pl.concat(frames)
            content = await self._made(to_csv, rows)
            async with self._database.write(self._organization_id) as session:
                store = await CostStore.open(session, self._organization_id)
                await store.add_dimensions(table, rows.columns, content)

    async def _append(self, store: CostStore, frame: pl.DataFrame) -> pl.DataFrame:
        """Store what is not there yet; returns those rows. Lines go on behind all that the dataset has."""
        numbers = pl.int_range(self._line + 1, self._line + 1 + frame.height, dtype=pl.Int64)
        frame = frame.with_columns(numbers.alias("line_no"))
        self._line += frame.height
        lines = await store.append_charges(await self._made(charges_csv, frame, self._organization_id))
        return frame.filter(pl.col("line_no").is_in(lines))

    async def _period(self, session: AsyncSession, key: PeriodKey, ends: date) -> int:
        """The import period for a billing account and period: a new one, or where rows are appended the one there."""
        account, begins = key
        if self._mode is ImportMode.APPEND:
            for row in await cost_imports.active_periods(session, self._organization_id, self._dataset, [key]):
                if row["mode"] != ImportMode.APPEND:
                    message = (
                        f"The dataset {self._dataset} has {begins:%Y-%m} of billing account {account or '(none)'} as a "
                        "whole delivery, and rows on top of it could count twice: append to another dataset, or "
                        "deliver the period anew."
                    )
                    raise ConflictError(message)
                self._continued[row["id"]] = row
                self._line = max(self._line, row["last_line"])
                return int(row["id"])
        values = {
            "organization_id": self._organization_id,
            "import_id": self._import_id,
            "dataset": self._dataset,
            "billing_account_id": account,
            "billing_period_start": begins,
            "billing_period_end": ends,
            "status": "SUPERSEDED",
            "finality": Finality.PROVISIONAL,
            "first_day": begins,
            "last_day": begins,
            "charge_count": 0,
            "last_line": 0,
            "billed_cost": Decimal(0),
            "unknown": {},
            "created_at": now(),
        }
        return await cost_imports.add_period(session, values)

    @property
    def periods(self) -> frozenset[PeriodKey]:
        """The billing accounts and periods of which the delivery has charges."""
        return frozenset(self._ids)

    async def _put_in_force(self, session: AsyncSession, store: CostStore, progress: Progress) -> frozenset[date]:
        for table, rows in self._later:
            await store.add_dimensions(table, rows.columns, await self._made(to_csv, rows))
        former = [] if self._mode is ImportMode.APPEND else await self._drop_former(session, store)
        if self._folding.exact:
            for table, frame in self._folding.roll_ups().items():
                rows = frame.select(*FINE[table], *(_shortest(metric) for metric in METRICS), "charge_count")
                await store.add_roll_up(table, await self._made(to_csv, rows))
        added = self._folding.totals()
        totals = {period_id: _together(found, self._continued.get(period_id)) for period_id, found in added.items()}
        if totals and not self._folding.exact:
            first = min(period.first_day for period in totals.values())
            last = max(period.last_day for period in totals.values())
            await store.fold(sorted(totals), first, last)
        await cost_imports.supersede(session, self._organization_id, [row["id"] for row in former])
        billed = {(row["billing_account_id"], row["billing_period_start"]): row["billed_cost"] for row in former}
        for key, period_id in self._ids.items():
            if period_id in totals:
                await self._enforce(session, period_id, totals[period_id], billed.get(key))
        left = {month for row in former for month in months_of(row["first_day"], row["last_day"])}
        months = frozenset(self._months | left)
        await store.merge(months)
        for month in sorted(months):
            await allocate_month(session, self._organization_id, month)
        progress.billed_cost = _by_currency(added.values())
        return months

    async def _drop_former(self, session: AsyncSession, store: CostStore) -> list[RowMapping]:
        """Delete the charges and roll-ups of the periods that this delivery replaces."""
        found = await cost_imports.active_periods(session, self._organization_id, self._dataset, self._ids)
        former = [row for row in found if row["id"] not in self._ids.values()]
        if former:
            ids = [row["id"] for row in former]
            first, last = min(row["first_day"] for row in former), max(row["last_day"] for row in former)
            await store.drop_charges(ids, first, last)
            await store.drop_roll_ups(ids)
        return former

    async def _enforce(
        self, session: AsyncSession, period_id: int, totals: PeriodTotals, billed_before: Decimal | None
    ) -> None:
        """Put an import period in force; it is final when it is long over and was not restated by this delivery."""
        restated = period_id in self._continued or billed_before not in {None, totals.billed_cost}
        moment = now()
        finality = finality_of(self._ends[period_id], moment.date(), restated=restated)
        values = {**asdict(totals), "finality": finality, "status": "ACTIVE", "last_line": self._line}
        if period_id in self._continued:
            values["created_at"] = moment  # it was delivered anew: what is restated is final later
        await cost_imports.change_period(session, self._organization_id, period_id, values)


def _give_way() -> None:
    """Let this thread, and those that polars starts from it, go behind others.

    With both cores of a machine busy, readers' p99 was 117 ms in place of 82 without this. Of this thread alone, for
    Linux keeps a niceness for each: engines that the process starts must not inherit it.
    """
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _shortest(metric: str) -> pl.Expr:
    """An amount as text without the zeros at its end, which PostgreSQL would keep and show."""
    return pl.col(metric).cast(pl.String).str.replace(r"\.?0+$", "").alias(metric)


def _together(totals: PeriodTotals, before: RowMapping | None) -> PeriodTotals:
    """The totals of an import period from those of the rows that were added and what it had before."""
    if before is None or not before["charge_count"]:
        return totals
    same = before["billing_currency"] == totals.billing_currency
    return PeriodTotals(
        charge_count=before["charge_count"] + totals.charge_count,
        billed_cost=add_exactly([before["billed_cost"], totals.billed_cost]),
        billing_currency=totals.billing_currency if same else None,
        first_day=min(before["first_day"], totals.first_day),
        last_day=max(before["last_day"], totals.last_day),
        unknown=_added(before["unknown"], totals.unknown),
    )


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _by_currency(totals: Iterable[PeriodTotals]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for period in totals:
        if period.billing_currency is not None:
            before = found.get(period.billing_currency, Decimal(0))
            found[period.billing_currency] = add_exactly([before, period.billed_cost])
    return found
