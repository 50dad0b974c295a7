"""SQL of scans and their steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, Text, Uuid, any_, cast, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Scan, ScanStep, new_id, now
from app.records import ScanState, StepState

SCANS: Table = Scan.__table__  # type: ignore[assignment]
STEPS: Table = ScanStep.__table__  # type: ignore[assignment]

UNDER_WAY = (ScanState.QUEUED.value, ScanState.RUNNING.value)
UNFINISHED = (StepState.PENDING.value, StepState.RUNNING.value)

_COUNTS = ("found", "added", "changed", "removed", "unchanged")


@dataclass(frozen=True)
class ScanTotals:
    """What the steps of a scan amount to; `finished` counts the steps that have ended, however they did."""

    steps: int = 0
    finished: int = 0
    found: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0


async def insert_scans(
    session: AsyncSession, organization_id: UUID, accounts: Mapping[UUID, UUID], values: Mapping[str, Any]
) -> Sequence[RowMapping]:
    """Queue a scan of each account {account: its scan's job} that has none under way; returns the new rows.

    One statement with one value for each column, however many accounts.
    """
    ids = sorted(accounts)  # two callers wait for each other in the same order
    sent = (
        func.unnest(
            cast([new_id() for _ in ids], ARRAY(Uuid)),
            cast(ids, ARRAY(Uuid)),
            cast([accounts[id_] for id_ in ids], ARRAY(Uuid)),
        )
        .table_valued("id", "account_id", "job_id", name="sent")
        .render_derived()
    )
    constant = {"organization_id": organization_id, "queued_at": now(), "state": ScanState.QUEUED.value, **values}
    columns = {name: literal(value, SCANS.c[name].type) for name, value in constant.items()}
    rows = select(sent.c.id, sent.c.account_id, sent.c.job_id, *columns.values())
    statement = insert(SCANS).from_select(["id", "account_id", "job_id", *columns], rows, include_defaults=False)
    statement = statement.on_conflict_do_nothing(
        index_elements=[SCANS.c.organization_id, SCANS.c.account_id],
        index_where=text("state IN ('QUEUED', 'RUNNING')"),
    )
    added: Sequence[RowMapping] = (await session.execute(statement.returning(SCANS))).mappings().all()
    return added


async def get_scan(
    session: AsyncSession, organization_id: UUID, scan_id: UUID, *, lock: bool = False
) -> RowMapping | None:
    """One scan; with `lock` nobody else changes it until the transaction ends."""
    statement = select(SCANS).where(SCANS.c.organization_id == organization_id, SCANS.c.id == scan_id)
    if lock:
        statement = statement.with_for_update(key_share=True)
    return (await session.execute(statement)).mappings().one_or_none()


async def scans_under_way(
    session: AsyncSession, organization_id: UUID, account_ids: Sequence[UUID], *, lock: bool = False
) -> Sequence[RowMapping]:
    """The scans of these accounts that are queued or running, in the order of their accounts."""
    statement = (
        select(SCANS)
        .where(
            SCANS.c.organization_id == organization_id,
            SCANS.c.account_id == any_(cast(list(account_ids), ARRAY(Uuid))),
            SCANS.c.state.in_(UNDER_WAY),
        )
        .order_by(SCANS.c.account_id)
    )
    if lock:
        statement = statement.with_for_update(key_share=True)
    return (await session.execute(statement)).mappings().all()


async def update_scan(session: AsyncSession, organization_id: UUID, scan_id: UUID, **values: Any) -> RowMapping:
    """Write columns of a scan; returns the row."""
    statement = update(SCANS).where(SCANS.c.organization_id == organization_id, SCANS.c.id == scan_id)
    row: RowMapping = (await session.execute(statement.values(**values).returning(SCANS))).mappings().one()
    return row


async def cancel_wanted(session: AsyncSession, organization_id: UUID, scan_id: UUID) -> bool:
    """Whether a scan need not go on: it is to be cancelled, has ended, or is gone."""
    scan = await get_scan(session, organization_id, scan_id)
    return scan is None or scan["cancel_requested_at"] is not None or scan["state"] not in UNDER_WAY


async def insert_steps(
    session: AsyncSession, organization_id: UUID, scan_id: UUID, steps: Sequence[tuple[str, str]]
) -> Sequence[RowMapping]:
    """Add the steps (service, region) that a scan does not have yet; returns all of its steps in their order."""
    rows = [
        {
            "organization_id": organization_id,
            "id": new_id(),
            "scan_id": scan_id,
            "service": service,
            "region": region,
            "state": StepState.PENDING.value,
            "problems": [],
            **dict.fromkeys(_COUNTS, 0),
        }
        for service, region in steps
    ]
    if rows:
        await session.execute(insert(STEPS).on_conflict_do_nothing(), rows)
    return await steps_of(session, organization_id, scan_id)


async def steps_of(session: AsyncSession, organization_id: UUID, scan_id: UUID) -> Sequence[RowMapping]:
    """The steps of a scan by service and region."""
    statement = (
        select(STEPS)
        .where(STEPS.c.organization_id == organization_id, STEPS.c.scan_id == scan_id)
        .order_by(STEPS.c.service, STEPS.c.region)
    )
    return (await session.execute(statement)).mappings().all()


async def update_step(session: AsyncSession, organization_id: UUID, step_id: UUID, **values: Any) -> None:
    """Write columns of a step."""
    statement = update(STEPS).where(STEPS.c.organization_id == organization_id, STEPS.c.id == step_id)
    await session.execute(statement.values(**values))


async def count_in_step(session: AsyncSession, organization_id: UUID, step_id: UUID, **counts: int) -> None:
    """Add to counts of a step: found, added, changed, removed, unchanged."""
    await update_step(
        session, organization_id, step_id, **{name: STEPS.c[name] + count for name, count in counts.items()}
    )


async def add_collected(
    session: AsyncSession,
    organization_id: UUID,
    step_id: UUID,
    resource_types: Sequence[str],
    problems: Sequence[Mapping[str, Any]],
) -> None:
    """Note that all resources of some types have been told, and what could not be read of them."""
    values: dict[str, Any] = {"collected": func.array_cat(STEPS.c.collected, cast(list(resource_types), ARRAY(Text)))}
    if problems:
        values["problems"] = STEPS.c.problems.op("||")(cast(list(problems), JSONB))
    await update_step(session, organization_id, step_id, **values)


async def cancel_unfinished_steps(session: AsyncSession, organization_id: UUID, scan_id: UUID) -> Sequence[UUID]:
    """Declare the steps of a scan that have not ended CANCELLED; returns their ids."""
    statement = (
        update(STEPS)
        .where(STEPS.c.organization_id == organization_id, STEPS.c.scan_id == scan_id, STEPS.c.state.in_(UNFINISHED))
        .values(state=StepState.CANCELLED.value, finished_at=func.now())
        .returning(STEPS.c.id)
    )
    return list(await session.scalars(statement))


async def totals(session: AsyncSession, organization_id: UUID, scan_ids: Sequence[UUID]) -> dict[UUID, ScanTotals]:
    """What the steps of each scan amount to, in one statement; every asked id is a key."""
    finished = func.count().filter(STEPS.c.state.not_in(UNFINISHED))
    statement = (
        select(STEPS.c.scan_id, func.count(), finished, *(func.sum(STEPS.c[name]) for name in _COUNTS))
        .where(STEPS.c.organization_id == organization_id, STEPS.c.scan_id.in_(scan_ids))
        .group_by(STEPS.c.scan_id)
    )
    found = {row[0]: ScanTotals(*(int(value) for value in row[1:])) for row in await session.execute(statement)}
    return {scan_id: found.get(scan_id, ScanTotals()) for scan_id in scan_ids}
