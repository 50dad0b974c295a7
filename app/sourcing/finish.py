"""The end of a run of a cost source: its final state and the event, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.models import now
from app.records import EventKind, NewEvent
from app.records.cost_sources import CostSourceRunState, CostSourceStepState
from app.records.costs import ImportState
from app.repositories import cost_imports, cost_sources
from app.sourcing.schedule import SYSTEM
from app.sourcing.steps import is_begun

KEPT_RUNS = 200
"""The newest of each source; older ones go when a run ends."""


async def end_run(
    session: AsyncSession,
    run: RowMapping,
    state: CostSourceRunState,
    *,
    failure: str | None = None,
    remedy: str | None = None,
) -> None:
    """End a run that the transaction has locked, after its source: who starts a run or deletes the source does so too.

    Takes the lock of the activity's head: call it last.
    """
    organization_id: UUID = run["organization_id"]
    moment = now()
    steps = [_ended(step, moment.isoformat()) for step in run["steps"]]
    if state is CostSourceRunState.FAILED and run["imported"]:
        state = CostSourceRunState.PARTIAL  # what was imported before stays
    values: dict[str, Any] = {"state": state.value, "failure": failure, "remedy": remedy, "finished_at": moment}
    await cost_sources.update_source(session, organization_id, run["cost_source_id"], last_run_at=moment)
    await abandon_imports(session, organization_id, run["steps"], failure or "The run of the source has ended.")
    ended = await cost_sources.update_run(session, organization_id, run["id"], steps=steps, **values)
    await cost_sources.delete_old_runs(session, organization_id, run["cost_source_id"], KEPT_RUNS)
    await record(session, organization_id, _event(ended))


async def abandon_imports(
    session: AsyncSession, organization_id: UUID, steps: Sequence[Mapping[str, Any]], message: str
) -> None:
    """End the imports that were begun and that nobody goes on with."""
    values = {"state": ImportState.CANCELLED, "finished_at": now(), "message": message}
    for step in steps:
        if is_begun(dict(step)):
            await cost_imports.change_import(session, organization_id, UUID(step["importId"]), values)


def _ended(step: dict[str, Any], moment: str) -> dict[str, Any]:
    if step["state"] != CostSourceStepState.RUNNING:
        return step
    return step | {"state": CostSourceStepState.CANCELLED.value, "finishedAt": moment}


def _event(run: RowMapping) -> NewEvent:
    data: dict[str, Any] = {
        "runId": str(run["id"]),
        "state": run["state"],
        "deliveries": run["deliveries"],
        "imported": run["imported"],
        "unchanged": run["unchanged"],
    }
    if run["failure"] is not None:
        data |= {"failure": run["failure"], "remedy": run["remedy"]}
    return NewEvent(
        EventKind.COST_SOURCE_RUN_FINISHED,
        SYSTEM,
        subject_type="CostSource",
        subject_id=run["cost_source_id"],
        data=data,
    )
