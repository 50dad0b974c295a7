"""The steps of a run as they are stored: what is done, its checks and counts, and what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import now
from app.providers.problems import ProviderError
from app.queue import HeldJob
from app.records.cost_sources import CostSourceStepKind, CostSourceStepState
from app.repositories import cost_sources
from app.sourcing.tools import SourceTools

MOST_CHECKS = 100
"""Of one step."""
MOST_PROBLEMS = 20
Step = dict[str, Any]


@dataclass(eq=False)
class SourceRun:
    """A run that this worker does, and the only door for what it writes."""

    job: HeldJob
    tools: SourceTools
    organization_id: UUID
    run: RowMapping
    source: RowMapping
    steps: list[Step] = field(default_factory=list)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def run_id(self) -> UUID:
        """The run's id."""
        run_id: UUID = self.run["id"]
        return run_id

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A transaction that commits only if the job is still ours."""
        async with self._writing, self.job.database.write(self.organization_id) as session:
            await self.job.hold(session)
            yield session

    def begun_import(self, delivery: str) -> UUID | None:
        """The import of a delivery that an earlier worker has begun; its step is taken away, for another follows."""
        for step in self.steps:
            if step["delivery"] == delivery and is_begun(step):
                self.steps.remove(step)
                return UUID(step["importId"])
        return None

    async def begin(self, kind: CostSourceStepKind, delivery: str | None = None) -> Step:
        """Add a step that runs now, and show it."""
        step = new_step(kind, delivery)
        self.steps.append(step)
        await self.store()
        return step

    async def store(self, **values: Any) -> None:
        """Write the steps as they are, with further columns of the run."""
        async with self.write() as session:
            await self.store_in(session, **values)

    async def store_in(self, session: AsyncSession, **values: Any) -> None:
        """The same in a transaction of this run."""
        self.run = await cost_sources.update_run(session, self.organization_id, self.run_id, steps=self.steps, **values)


def is_begun(step: Step) -> bool:
    """Whether a step is an import that was begun and has not ended."""
    return step["state"] == CostSourceStepState.RUNNING and step["importId"] is not None


def new_step(kind: CostSourceStepKind, delivery: str | None) -> Step:
    """A step that runs; `delivery` is the billing period that it is about."""
    return {
        "kind": kind.value,
        "delivery": delivery,
        "state": CostSourceStepState.RUNNING.value,
        "counts": {},
        "checks": [],
        "problems": [],
        "importId": None,
        "startedAt": now().isoformat(),
        "finishedAt": None,
    }


def end_step(step: Step, state: CostSourceStepState, **counts: int | None) -> None:
    """End a step; counts that are not known are left out."""
    step["state"] = state.value
    step["finishedAt"] = now().isoformat()
    step["counts"] |= {name: count for name, count in counts.items() if count is not None}


def check(step: Step, name: str, *, passed: bool, message: str) -> bool:
    """Note one check of a step; returns whether it passed."""
    if len(step["checks"]) < MOST_CHECKS:
        step["checks"].append({"name": name, "passed": passed, "message": message})
    return passed


def fail_step(step: Step, error: ProviderError) -> None:
    """End a step with what went wrong."""
    fail_with(step, error.code.value, error.message, error.remedy, error.permission)


def fail_with(step: Step, code: str, message: str, remedy: str, permission: str | None = None) -> None:
    """The same in words."""
    note_problem(step, code, message, remedy, permission)
    end_step(step, CostSourceStepState.FAILED)


def note_problem(step: Step, code: str, message: str, remedy: str, permission: str | None = None) -> None:
    """Tell of a step what went wrong on the way, which need not end it."""
    if len(step["problems"]) < MOST_PROBLEMS:
        step["problems"].append({"code": code, "message": message, "remedy": remedy, "permission": permission})
