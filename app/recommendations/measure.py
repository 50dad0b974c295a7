"""Reads how much an account's resources are used, through its connection, and stores it day by day.

A page of resources at a time, of which only what may change a finding is asked for (`usage_plan`), some calls side by
side. What a provider refuses is stored as the problem of each metric that it refused: then checks cannot tell, and what
they have found before stays as it is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

import structlog

from app.detection.catalogue import checks_of
from app.detection.check import Check, signature
from app.models import now
from app.providers.base import Cloud, Connection
from app.providers.calls import ProviderPool
from app.providers.metrics import MetricQuery, MetricSeries
from app.providers.problems import ProblemCode, ProviderError
from app.queue import HeldJob
from app.recommendations.gather import Gathered, Gathering
from app.recommendations.look import Looking, facts_of
from app.recommendations.usage_fold import Days, fold, problem_of, stored_with, together
from app.recommendations.usage_plan import (
    Ask,
    Chunk,
    Unaskable,
    Wanted,
    chunks,
    needs_usage,
    plan,
    properties_of,
    wanted_of,
)
from app.records import AccountKind, Provider
from app.records.usage import StoredUsage
from app.repositories import detection_facts, usage
from app.repositories.accounts import find_account
from app.sealing.vault import Vault
from app.tasks import end_tasks

PAGE = 1_000
"""Resources whose facts and days are in memory at a time, and that one transaction writes."""
MOST_REFUSALS = 10
"""Resources in a row that are refused, after which no others of their region and account are asked for."""
MOST_FAILURES = 3
"""Chunks in a row of which a provider told nothing for another reason, after which the same holds."""
CHUNK_SECONDS = 900.0
KEPT_UNREAD = timedelta(days=100)
Place = tuple[str, str | None]


@dataclass(frozen=True)
class MeasureTools:
    """What is needed to call providers."""

    vault: Vault
    pool: ProviderPool
    clouds: Callable[[Provider], Cloud]
    calls: int = 4
    """Calls side by side, and answers in memory at a time."""


@dataclass
class Measuring:
    """One reading of one account. `looking` says for whom, as of when, and what checks are told."""

    job: HeldJob
    tools: MeasureTools
    looking: Looking
    connection: Connection
    account_number: str
    failures: dict[Place, int] = field(default_factory=dict)
    """Chunks in a row of which nothing was told, by region and account."""
    given_up: dict[Place, ProviderError] = field(default_factory=dict)
    ended: ProviderError | None = None
    """Why nothing more can be read: the credentials are no good any more."""
    read: int = 0
    refused: int = 0

    @property
    def today(self) -> date:
        """The day that is not over yet: the first that is not read."""
        return self.looking.moment.date()


@dataclass
class _Answers:
    """What comes of the asks of a page."""

    days: dict[int, dict[MetricQuery, Days]] = field(default_factory=dict)
    problems: dict[int, str] = field(default_factory=dict)

    def take(self, chunk: Chunk, query: MetricQuery, series: MetricSeries) -> None:
        """Fold a series for everybody who asked for it; the series itself is not kept."""
        for ask in chunk.asks[query]:
            problem = problem_of(series, ask.wanted.metric)
            if problem is not None:
                self.problems[id(ask)] = problem
            folded = fold(series, chunk.window, ask.wanted.metric, ask.wanted.since)
            self.days.setdefault(id(ask), {})[query] = folded

    def refuse(self, chunk: Chunk, queries: Iterable[MetricQuery], problem: str) -> None:
        """Note why queries were not answered."""
        for query in queries:
            for ask in chunk.asks[query]:
                self.problems[id(ask)] = problem

    def row(self, ask: Ask, before: StoredUsage | None, today: date) -> StoredUsage:
        """What is to be stored of an ask."""
        parts = list(self.days.get(id(ask), {}).values())
        told = together(parts, ask.wanted.metric.daily) if len(parts) == len(ask.queries) else None
        problem = self.problems.get(id(ask))
        key = signature(ask.wanted.metric)
        return stored_with(ask.wanted, key, before, told, now(), today, problem)


async def measure(measuring: Measuring) -> None:
    """Read and store what checks need to know of an account; ends early when it is disconnected."""
    looking = measuring.looking
    async with looking.database.read(looking.organization_id) as session:
        types = await detection_facts.types_there(session, looking.organization_id, looking.account_id)
    for resource_type in types:
        checks = [check for check in checks_of(resource_type) if check.metrics]
        if checks and not await _measure_type(measuring, resource_type, checks):
            return
    async with looking.database.write(looking.organization_id) as session:
        await looking.hold(session)
        before = looking.moment - KEPT_UNREAD
        await usage.forget_usage(session, looking.organization_id, looking.account_id, before)


async def _measure_type(measuring: Measuring, resource_type: str, checks: Sequence[Check]) -> bool:
    """Whether to go on with the next type."""
    looking = measuring.looking
    organization_id, account_id = looking.organization_id, looking.account_id
    async with looking.database.read(organization_id) as session:
        ids = await detection_facts.subject_ids(session, organization_id, account_id, resource_type)
    for start in range(0, len(ids), PAGE):
        async with looking.database.read(organization_id) as session:
            account = await find_account(session, organization_id, account_id)
            if account is None or account["kind"] != AccountKind.CONNECTED or account["disconnected_at"] is not None:
                return False
            gathering = Gathering(session, organization_id, account_id)
            also, some = properties_of(checks), ids[start : start + PAGE]
            page = await gathering.page(some, checks, measuring.today, also=also)
            stored = await usage.usage_of(session, organization_id, [one.subject.id for one in page])
        rows = await _read_page(measuring, _wanted(looking, page, checks), stored)
        await _write(measuring, rows)
        if measuring.ended is not None:
            return False
    return True


def _wanted(looking: Looking, page: Sequence[Gathered], checks: Sequence[Check]) -> list[Wanted]:
    """The metrics that may change what the checks find of a page."""
    found: list[Wanted] = []
    for one in page:
        rules = {check.id: looking.rules.of(check, one.subject) for check in checks}
        needing = [
            check
            for check in checks
            if needs_usage(
                check, facts_of(looking, one, rules[check.id].parameters, {}, {}), rules[check.id], looking.convert
            )
        ]
        found += wanted_of(one.subject, needing, rules).values()
    return found


async def _read_page(
    measuring: Measuring, wanted: Sequence[Wanted], stored: Mapping[UUID, Mapping[str, StoredUsage]]
) -> list[StoredUsage]:
    """The rows that change."""
    today = measuring.today
    asks: list[tuple[Ask, StoredUsage | None]] = []
    rows: list[StoredUsage] = []
    for one in wanted:
        key = signature(one.metric)
        before = stored.get(one.subject.id, {}).get(key)
        planned = plan(one, before, today, measuring.account_number)
        if isinstance(planned, Unaskable):
            rows.append(stored_with(one, key, before, None, now(), today, planned.why))
        elif planned is not None:
            asks.append((planned, before))
    answers = _Answers()
    await _ask_all(measuring, answers, chunks([ask for ask, _ in asks], today))
    for ask, before in asks:
        row = answers.row(ask, before, today)
        rows.append(row)
        measuring.refused += row.problem is not None
    measuring.read += len(asks)
    return rows


async def _ask_all(measuring: Measuring, answers: _Answers, asked: Sequence[Chunk]) -> None:
    left = deque(asked)

    async def work() -> None:
        while left:
            await _ask(measuring, answers, left.popleft())

    workers = [asyncio.create_task(work()) for _ in range(min(measuring.tools.calls, len(left)))]
    try:
        await asyncio.gather(*workers)
    finally:
        await end_tasks(*workers)


async def _ask(measuring: Measuring, answers: _Answers, chunk: Chunk) -> None:
    """Ask for a chunk. Where a resource is refused the others are asked for, until too many in a row are."""
    place = (chunk.region, chunk.account)
    left = dict.fromkeys(chunk.asks)
    refusals = 0
    while left:
        error = measuring.ended or measuring.given_up.get(place)
        if error is not None:
            answers.refuse(chunk, left, _words(error))
            return
        before = len(left)
        try:
            await _ask_once(measuring, answers, chunk, left)
        except ProviderError as problem:
            refusals = refusals + 1 if len(left) == before else 1
            if len(left) < before:  # it does answer, only not about all that it is asked for
                measuring.failures.pop(place, None)
            _weigh(measuring, place, problem, refusals)
            refused = _refused(left, problem)
            answers.refuse(chunk, refused, _words(problem))
            for query in refused:
                del left[query]
        else:
            measuring.failures.pop(place, None)
            answers.refuse(chunk, left, "The provider did not answer when it was asked for this metric.")
            return


def _refused(left: Mapping[MetricQuery, None], problem: ProviderError) -> list[MetricQuery]:
    """What a problem is about, of what was not answered.

    Providers are asked in this order: where a permission is missing, it is for the first resource that was not
    answered. What did not work for another reason is not tried again, the pool has done that.
    """
    if problem.code is not ProblemCode.DENIED:
        return list(left)
    resource = next(iter(left)).resource if left else None
    return [query for query in left if query.resource == resource]


async def _ask_once(measuring: Measuring, answers: _Answers, chunk: Chunk, left: dict[MetricQuery, None]) -> None:
    """Ask for what is left of a chunk, and take it from there as it is told. Raises ProviderError."""
    told = measuring.tools.pool.metrics(
        measuring.connection,
        tuple(left),
        chunk.window,
        owner=measuring.looking.organization_id,
        whole=CHUNK_SECONDS,
    )
    async with aclosing(told) as batches:
        async for batch in batches:
            for series in batch:
                if series.query in left:
                    del left[series.query]
                    answers.take(chunk, series.query, series)


def _weigh(measuring: Measuring, place: Place, problem: ProviderError, refusals: int) -> None:
    """What a problem means for what has not been asked for yet."""
    structlog.get_logger(__name__).info(
        "metrics_refused", account_id=str(measuring.looking.account_id), region=place[0], code=problem.code.value
    )
    if problem.code is ProblemCode.CREDENTIALS:
        measuring.ended = problem
    elif problem.code is ProblemCode.DENIED:
        if refusals >= MOST_REFUSALS:
            measuring.given_up[place] = problem
    else:
        measuring.failures[place] = failures = measuring.failures.get(place, 0) + 1
        if problem.code is ProblemCode.NOT_ENABLED or failures >= MOST_FAILURES:
            measuring.given_up[place] = problem


def _words(problem: ProviderError) -> str:
    """A problem as checks tell it: short, as it is stored with each metric."""
    return f"{problem.message} Missing permission: {problem.permission}." if problem.permission else problem.message


async def _write(measuring: Measuring, rows: Sequence[StoredUsage]) -> None:
    if not rows:
        return
    looking = measuring.looking
    async with looking.database.write(looking.organization_id) as session:
        await looking.hold(session)
        await usage.write_usage(session, looking.organization_id, rows)
        await measuring.job.progressed(session)
