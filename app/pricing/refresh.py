"""Reads the public price lists of providers into the price store: asked for by operators, done by a worker.

A document that was read to its end is asked for only what is new; one that was interrupted is gone on with. What is
told again changes nothing, so a refresh may be repeated at any time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

import structlog

from app.database import Database
from app.errors import BadUserInputError
from app.models import now
from app.pricing.delivered import delivered_prices
from app.providers.calls import WAIT_SECONDS, ProviderPool
from app.providers.price_lists import PriceBatch, PriceReader
from app.providers.problems import ProviderError
from app.queue import HeldJob, enqueue
from app.records import Provider
from app.records.prices import ANY_REGION
from app.repositories import prices as store
from app.repositories.jobs import waiting_job
from app.repositories.organizations import each_organization

REFRESH_JOB: Final = "refresh_prices"
BATCH_SECONDS: Final = 600.0
"""For one batch of a document, which may be the end of a long file without a price of ours."""
KEPT: Final = timedelta(days=800)
"""How long prices are kept that hold no longer."""
REFRESHED: Final = (Provider.AWS, Provider.AZURE, Provider.GCP)
"""Those that publish price lists."""
MOST_REGIONS: Final = 100
_ORGANIZATIONS: Final = 500  # ids in one page of the list
_NOWHERE: Final = frozenset({ANY_REGION, "global"})
Changed = Callable[[Database, Collection[Provider]], Awaitable[None]]
"""Called when list prices of some providers are others than before."""
_LONGEST_REGION: Final = 64


@dataclass(frozen=True)
class PriceTools:
    """What a refresh works with."""

    pool: ProviderPool
    readers: Mapping[Provider, PriceReader]

    def close(self) -> None:
        """Let go of connections."""
        for reader in self.readers.values():
            reader.close()


async def request_refresh(database: Database, providers: Sequence[Provider], regions: Sequence[str]) -> bool:
    """Queue a refresh of some providers (all, if none is named) in some regions (see known_regions, if none is).

    False where one is waiting already, which then does as it was asked. Raises BadUserInputError.
    """
    unknown = sorted(set(providers) - set(REFRESHED))
    if unknown:
        message = f"{unknown[0].value} publishes no price list; set prices with `setPriceOverrides`."
        raise BadUserInputError(message, path=("input", "providers"))
    if len(regions) > MOST_REGIONS or any(not 1 <= len(region) <= _LONGEST_REGION for region in regions):
        message = f"`regions` holds at most {MOST_REGIONS} names of regions."
        raise BadUserInputError(message, path=("input", "regions"))
    async with database.system() as session:
        if await waiting_job(session, REFRESH_JOB):
            return False
        arguments = {"providers": sorted({each.value for each in providers}), "regions": sorted(set(regions))}
        await enqueue(session, REFRESH_JOB, None, arguments)
    return True


async def request_weekly_refresh(database: Database, providers: Sequence[Provider]) -> bool:
    """Queue a refresh of some providers where there are resources of theirs; False where one is waiting already."""
    async with database.system() as session:
        if await waiting_job(session, REFRESH_JOB):
            return False
        arguments = {"providers": sorted(each.value for each in providers), "inUse": True}
        await enqueue(session, REFRESH_JOB, None, arguments)
    return True


async def refresh_prices(job: HeldJob, tools: PriceTools, changed: Changed | None = None) -> None:
    """Read all documents that the job asks for; what is wrong with one is noted, and the others are read.

    `changed` is told of each provider of which prices are new; what it does not learn, as its process was killed, looks
    of the next day find. Returns early when the worker goes down: the job is given back, and its next worker goes on.
    """
    wanted = [Provider(each) for each in job.arguments.get("providers") or [each.value for each in REFRESHED]]
    for provider in wanted:
        reader = tools.readers.get(provider)
        if reader is None:
            continue
        regions = job.arguments.get("regions") or await _regions(job, provider)
        new, is_stopped = 0, False
        for document in reader.documents(regions):
            is_stopped = job.should_stop()
            if is_stopped:
                break
            new += await _Reading(job, tools.pool, reader, document).read()
        if new and changed is not None:
            await changed(job.database, {provider})
        if is_stopped:
            return
    async with job.database.system() as session:
        await job.hold(session)
        await store.delete_ended_prices(session, (now() - KEPT).date())


async def known_regions(database: Database, provider: Provider) -> list[str]:
    """Regions of which there are prices, delivered or read, and those in which there are resources."""
    async with database.system() as session:
        read = await store.regions_of(session, provider)
    delivered = {price.region for price in delivered_prices() if price.provider is provider}
    return sorted({*read, *delivered, *await used_regions(database, provider)} - _NOWHERE)


async def used_regions(database: Database, provider: Provider) -> list[str]:
    """Regions in which any organization has resources: one statement for each, behind its own door."""
    found: set[str] = set()
    async for organization_id in each_organization(database):
        async with database.read(organization_id) as session:
            found.update(await store.regions_in_use(session, organization_id, provider))
    return sorted(found - _NOWHERE)


async def _regions(job: HeldJob, provider: Provider) -> list[str]:
    look = used_regions if job.arguments.get("inUse") else known_regions
    return await look(job.database, provider)


class _Reading:
    """Reads one document."""

    def __init__(self, job: HeldJob, pool: ProviderPool, reader: PriceReader, document: str) -> None:
        self._job, self._pool, self._reader, self._document = job, pool, reader, document
        self._prices = self._changed = 0

    async def read(self) -> int:
        """Read what is new; note how that went. Returns how many prices are new."""
        log = structlog.get_logger(__name__).bind(provider=self._reader.provider.value, document=self._document)
        held = await self._held()
        going_on = held is not None and held["position"] is not None
        if held is not None and going_on:
            self._prices, self._changed = held["prices"], held["changed"]
        try:
            opened = await self._call(
                partial(
                    self._reader.open,
                    self._document,
                    None if held is None else held["version"],
                    None if held is None else held["position"],
                )
            )
            if opened is None:
                await self._note(finished_at=now(), problem=None, changed=0)
                log.info("prices_unchanged")
                return 0
            if not going_on:
                await self._note(started_at=now(), finished_at=None, problem=None, prices=0, changed=0)
            if await self._store(opened.batches):
                await self._note(finished_at=now(), version=opened.version, position=None, problem=None)
                log.info("prices_read", prices=self._prices, changed=self._changed)
        except ProviderError as error:
            await self._note(problem=f"{error.message} {error.remedy}")
            log.warning("prices_not_read", reason=error.message)
        return self._changed

    async def _store(self, batches: Iterator[PriceBatch]) -> bool:
        """Store batch after batch; False where the worker goes down before the last."""
        while not self._job.should_stop():
            batch = await self._call(partial(next, batches, None))
            if batch is None:
                return True
            today = now().date()
            prices = [price for price in batch.prices if price.valid_from <= today]
            async with self._job.database.system() as session:
                await self._job.hold(session)
                self._changed += await store.store_prices(session, prices)
                self._prices += len(prices)
                await self._put(session, position=batch.position, prices=self._prices, changed=self._changed)
                await self._job.progressed(session)
        return False

    async def _call(self, function: Any) -> Any:
        return await self._pool.call(function, BATCH_SECONDS, REFRESH_JOB, wait=WAIT_SECONDS)

    async def _held(self) -> Mapping[Any, Any] | None:
        async with self._job.database.system() as session:
            rows = await store.readings(session, self._reader.provider)
        return next((row for row in rows if row["document"] == self._document), None)

    async def _note(self, **values: Any) -> None:
        async with self._job.database.system() as session:
            await self._job.hold(session)
            await self._put(session, **values)

    async def _put(self, session: Any, **values: Any) -> None:
        key = {"provider": self._reader.provider.value, "document": self._document}
        await store.put_reading(session, {**key, **values})
