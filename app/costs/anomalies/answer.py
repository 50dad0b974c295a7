"""What people say of anomalies: seen, expected, or open again."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import RowMapping

from app.activity.record import record
from app.costs.names import checked_reason
from app.database import Database
from app.errors import ConflictError, NotFoundError
from app.models import now
from app.records import Actor, EventKind, NewEvent
from app.records.budgets import AnomalyState
from app.repositories import cost_anomalies

_EVENTS = {
    AnomalyState.ACKNOWLEDGED: EventKind.ANOMALY_ACKNOWLEDGED,
    AnomalyState.EXPECTED: EventKind.ANOMALY_MARKED_EXPECTED,
    AnomalyState.OPEN: EventKind.ANOMALY_REOPENED,
}


async def acknowledge(database: Database, organization_id: UUID, actor: Actor, anomaly_id: UUID) -> RowMapping:
    """Say that somebody has seen it. Raises NotFoundError, ConflictError where it is resolved or merged."""
    return await _set_state(database, organization_id, actor, anomaly_id, AnomalyState.ACKNOWLEDGED, None)


async def mark_expected(
    database: Database, organization_id: UUID, actor: Actor, anomaly_id: UUID, reason: str
) -> RowMapping:
    """Say that it was expected, and why. Raises as `acknowledge`, and BadUserInputError for an empty reason."""
    return await _set_state(
        database, organization_id, actor, anomaly_id, AnomalyState.EXPECTED, checked_reason(reason, "reason")
    )


async def reopen(database: Database, organization_id: UUID, actor: Actor, anomaly_id: UUID) -> RowMapping:
    """Take that back. Raises NotFoundError, ConflictError where it is resolved or merged."""
    return await _set_state(database, organization_id, actor, anomaly_id, AnomalyState.OPEN, None)


async def _set_state(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    anomaly_id: UUID,
    state: AnomalyState,
    reason: str | None,
) -> RowMapping:
    async with database.write(organization_id) as session:
        row = await cost_anomalies.get_anomaly(session, organization_id, anomaly_id)
        if row is None:
            message = "There is no such anomaly within your reach."
            raise NotFoundError(message)
        if row["state"] == AnomalyState.RESOLVED:
            message = "The anomaly is resolved: a restatement of its charges has removed it."
            raise ConflictError(message)
        if row["state"] == AnomalyState.MERGED:
            message = "The anomaly has the same cause as another one and is told as that: answer its `mergedInto`."
            raise ConflictError(message)
        if (row["state"], row["state_reason"]) == (state, reason):
            return row
        row = await cost_anomalies.update_anomaly(
            session, organization_id, anomaly_id, state=state.value, state_reason=reason, state_changed_at=now()
        )
        data = {} if reason is None else {"reason": reason}
        event = NewEvent(_EVENTS[state], actor, subject_type="CostAnomaly", subject_id=anomaly_id, data=data)
        await record(session, organization_id, event)
        return row
