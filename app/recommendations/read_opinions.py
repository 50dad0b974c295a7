"""Reads what an account's provider itself recommends, adviser by adviser, and stores it.

A page at a time. What an adviser says no more is forgotten only after it has told all that it says: a reading that
fails leaves what was stored, and tells its problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any
from uuid import UUID

import structlog

from app.models import now
from app.providers.base import Cloud
from app.providers.opinions import FoundOpinion, OpinionReader
from app.providers.problems import ProblemCode, ProviderError
from app.queue import HeldJob
from app.recommendations.measure import Measuring
from app.repositories import opinions

ADVISER_SECONDS = 900.0
"""For all pages of an adviser and all its tries."""
PAGE = 1_000
"""Opinions that one statement writes."""


async def read_opinions(measuring: Measuring, cloud: Cloud) -> None:
    """Read all advisers of an account's provider. Where the credentials do not work the others are not asked."""
    refused: ProviderError | None = None
    for reader in cloud.advisers():
        problem = refused or await _read(measuring, reader)
        await _end(measuring, reader, problem)
        if problem is not None and problem.code is ProblemCode.CREDENTIALS:
            refused = problem


async def tell_unread(job: HeldJob, organization_id: UUID, account_id: UUID, problem: ProviderError) -> None:
    """Note that no adviser of a job's account could be asked, of those that were before."""
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        for row in await opinions.readings_of(session, organization_id, [account_id]):
            told = _told(problem)
            await opinions.write_reading(session, organization_id, account_id, row["source"], now(), told)


async def _read(measuring: Measuring, reader: OpinionReader) -> ProviderError | None:
    """Store what an adviser says; the problem that ended it before its end."""
    tools, owner = measuring.tools, measuring.looking.organization_id
    told = tools.pool.opinions(reader, measuring.connection, owner=owner, whole=ADVISER_SECONDS)
    try:
        async with aclosing(told) as pages:
            async for page in pages:
                for start in range(0, len(page), PAGE):
                    await _write(measuring, page[start : start + PAGE])
    except ProviderError as problem:
        return problem
    return None


async def _write(measuring: Measuring, page: Sequence[FoundOpinion]) -> None:
    looking = measuring.looking
    rows = {one.native_id: _row(measuring, one) for one in page}
    async with looking.database.write(looking.organization_id) as session:
        await looking.hold(session)
        await opinions.write_opinions(session, list(rows.values()))
        await measuring.job.progressed(session)


async def _end(measuring: Measuring, reader: OpinionReader, problem: ProviderError | None) -> None:
    """Note how a reading went; a complete one forgets what it has not been told."""
    looking, source = measuring.looking, reader.source.value
    organization_id, account_id, began = looking.organization_id, looking.account_id, looking.moment
    async with looking.database.write(organization_id) as session:
        await looking.hold(session)
        if problem is None:
            await opinions.forget_opinions(session, organization_id, account_id, source, began)
        told = None if problem is None else _told(problem)
        await opinions.write_reading(session, organization_id, account_id, source, began, told)
    structlog.get_logger(__name__).info(
        "adviser_read",
        account_id=str(account_id),
        source=source,
        problem=None if problem is None else problem.code.value,
    )


def _row(measuring: Measuring, one: FoundOpinion) -> dict[str, Any]:
    """A row of `provider_opinions`. An amount without a currency, or the other way round, is none."""
    looking = measuring.looking
    known = one.monthly_saving is not None and one.currency is not None
    reason = None if known else one.saving_reason or "The provider does not say what it expects to be saved."
    return {
        "organization_id": looking.organization_id,
        "account_id": looking.account_id,
        "source": one.source.value,
        "native_id": one.native_id,
        "kind": one.kind,
        "remedy": one.remedy.value,
        "title": one.title,
        "resource_native_id": one.resource_native_id,
        "resource_type": one.resource_type,
        "region": one.region,
        "target": one.target,
        "monthly_saving": one.monthly_saving if known else None,
        "currency": one.currency if known else None,
        "saving_reason": reason,
        "lookback_days": one.lookback_days,
        "refreshed_at": one.refreshed_at,
        "link": one.link,
        "details": one.details,
        "first_seen_at": looking.moment,
        "last_seen_at": looking.moment,
    }


def _told(problem: ProviderError) -> dict[str, Any]:
    return {
        "code": problem.code.value,
        "message": problem.message,
        "remedy": problem.remedy,
        "permission": problem.permission,
    }
