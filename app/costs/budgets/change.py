"""Budgets: made, changed and deleted by people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.names import checked_name, named
from app.costs.scopes import check_tags, checked_scope
from app.costs.watch import request_check
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import now
from app.records import UNSET, Actor, EventKind, NewEvent, Unset
from app.records.budgets import BudgetRecurrence, Threshold
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric
from app.records.currencies import checked_currency
from app.repositories import budgets
from app.repositories.organizations import organizations_by_id

SCOPE = ("input", "where")
MOST_THRESHOLDS = 10
LARGEST_PERCENT = Decimal(1_000)
MOST_BUDGETS = 500
EARLIEST, LATEST = date(2000, 1, 1), date(2050, 1, 1)


@dataclass(frozen=True)
class NewBudget:
    """A budget to make, as it was sent. Without a currency it is in the organization's."""

    name: str
    recurrence: BudgetRecurrence
    starts_on: date
    ends_on: date | None
    amount: Decimal
    currency: str | None
    metric: CostMetric
    scope: CostScope
    thresholds: Sequence[Threshold]
    enabled: bool


async def create_budget(database: Database, organization_id: UUID, actor: Actor, new: NewBudget) -> RowMapping:
    """Add a budget and have it checked.

    Raises BadUserInputError, ConflictError for a name that another has, whatever the case, or the 501st budget.
    """
    values = {name: _CHECKS[name](value) for name, value in vars(new).items() if value is not None}
    values["ends_on"] = new.ends_on
    _check_period(values)
    _check_not_over(new.ends_on)
    async with database.write(organization_id) as session:
        names = await budgets.lock_budget_names(session, organization_id)
        if len(names) >= MOST_BUDGETS:
            message = f"An organization has at most {MOST_BUDGETS} budgets. Delete one that is over."
            raise ConflictError(message)
        _check_free(names, values["name"])
        await check_tags(session, organization_id, CostScope.from_json(values["scope"]), SCOPE)
        if new.currency is None:
            values["currency"] = await _currency_of(session, organization_id)
        budget = await budgets.insert_budget(session, organization_id, **values)
        await request_check(session, organization_id)
        await _record(session, budget, actor, EventKind.BUDGET_CREATED)
        return budget


async def update_budget(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    budget_id: UUID,
    *,
    name: str | Unset = UNSET,
    recurrence: BudgetRecurrence | Unset = UNSET,
    starts_on: date | Unset = UNSET,
    ends_on: date | Unset | None = UNSET,
    amount: Decimal | Unset = UNSET,
    currency: str | Unset = UNSET,
    metric: CostMetric | Unset = UNSET,
    scope: CostScope | Unset = UNSET,
    thresholds: Sequence[Threshold] | Unset = UNSET,
    enabled: bool | Unset = UNSET,
) -> RowMapping:
    """Change what is given and have the budget checked. Raises NotFoundError, BadUserInputError, ConflictError."""
    sent: dict[str, Any] = {"name": name, "recurrence": recurrence, "starts_on": starts_on, "ends_on": ends_on}
    sent |= {"amount": amount, "currency": currency, "metric": metric, "scope": scope, "thresholds": thresholds}
    sent |= {"enabled": enabled}
    given = {key: _CHECKS[key](value) for key, value in sent.items() if not isinstance(value, Unset)}
    async with database.write(organization_id) as session:
        return await _change(session, organization_id, actor, budget_id, given)


async def _change(
    session: AsyncSession, organization_id: UUID, actor: Actor, budget_id: UUID, given: dict[str, Any]
) -> RowMapping:
    """Write checked values of a budget."""
    before = await budgets.get_budget(session, organization_id, budget_id)
    if before is None:
        raise _absent()
    if "name" in given:
        names = await budgets.lock_budget_names(session, organization_id)
        _check_free({key: name for key, name in names.items() if key != budget_id}, given["name"])
    _check_period({**before, **given})
    if "scope" in given:
        await budgets.lock_budget_names(session, organization_id)  # Its tag keys stay promoted meanwhile.
        await check_tags(session, organization_id, CostScope.from_json(given["scope"]), SCOPE)
    changed = {key: value for key, value in given.items() if value != before[key]}
    if not changed:
        return before
    budget = await budgets.update_budget(session, organization_id, budget_id, **changed)
    await request_check(session, organization_id)
    await _record(session, budget, actor, EventKind.BUDGET_UPDATED, changed=sorted(changed))
    return budget


async def delete_budget(database: Database, organization_id: UUID, actor: Actor, budget_id: UUID) -> RowMapping:
    """Delete a budget with its alerts; returns the row as it was. Raises NotFoundError."""
    async with database.write(organization_id) as session:
        budget = await budgets.get_budget(session, organization_id, budget_id)
        if budget is None:
            raise _absent()
        await budgets.delete_budget(session, organization_id, budget_id)
        await _record(session, budget, actor, EventKind.BUDGET_DELETED)
        return budget


def _stored(thresholds: Sequence[Threshold]) -> list[dict[str, str]]:
    """Thresholds as they are kept, without repetition. Raises BadUserInputError."""
    path = ("input", "thresholds")
    if len(thresholds) > MOST_THRESHOLDS:
        message = f"A budget has at most {MOST_THRESHOLDS} thresholds; these are {len(thresholds)}."
        raise BadUserInputError(message, path=path)
    for number, each in enumerate(thresholds):
        if not 0 < each.percent <= LARGEST_PERCENT:
            message = (
                f"`percent` is above 0 and at most {LARGEST_PERCENT:,} percent of the amount, not {each.percent:f}: "
                "80 is 80 %."
            )
            raise BadUserInputError(message, path=(*path, str(number), "percent"))
    unique = {(each.basis, each.percent.normalize()) for each in thresholds}
    return [Threshold(percent, basis).to_json() for basis, percent in sorted(unique)]


def _checked_amount(amount: Decimal) -> Decimal:
    if amount <= 0:
        message = f"`amount` must be above 0; it is {amount}."
        raise BadUserInputError(message, path=("input", "amount"))
    return amount


# How each value is read: checked, and in the form in which it is stored.
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "name": lambda name: checked_name(name, "name"),
    "recurrence": lambda recurrence: recurrence.value,
    "starts_on": lambda day: day,
    "ends_on": lambda day: day,
    "amount": _checked_amount,
    "currency": checked_currency,
    "metric": lambda metric: metric.value,
    "scope": lambda scope: checked_scope(scope.conditions, SCOPE).to_json(),
    "thresholds": _stored,
    "enabled": lambda enabled: enabled,
}


def _check_period(values: Any) -> None:
    """Raise BadUserInputError unless the first and the last day of a budget make sense."""
    start, end = values["starts_on"], values["ends_on"]
    if not EARLIEST <= start < LATEST:
        message = f"`startsOn` must lie between {EARLIEST} and {LATEST}."
        raise BadUserInputError(message, path=("input", "startsOn"))
    if end is None and values["recurrence"] == BudgetRecurrence.FIXED:
        message = "A FIXED budget needs `endsOn`: the day before which it ends."
        raise BadUserInputError(message, path=("input", "endsOn"))
    if end is not None and not start < end <= LATEST:
        message = f"`endsOn` must be after `startsOn`, and at most {LATEST}; it is the day after the last one."
        raise BadUserInputError(message, path=("input", "endsOn"))


def _check_not_over(ends_on: date | None) -> None:
    """Raise BadUserInputError for a new budget that is over: a year mistyped, it would never raise an alert."""
    today = now().date()
    if ends_on is not None and ends_on <= today:
        message = (
            f"`endsOn` {ends_on} has passed: the budget would never raise an alert. Give a day after {today}; "
            "what that time cost is answered by `costs`."
        )
        raise BadUserInputError(message, path=("input", "endsOn"))


async def _currency_of(session: AsyncSession, organization_id: UUID) -> str:
    (organization,) = await organizations_by_id(session, [organization_id])
    currency: str = organization["currency"]
    return currency


async def _record(session: AsyncSession, budget: RowMapping, actor: Actor, kind: EventKind, **more: Any) -> None:
    data = {"name": budget["name"], "amount": f"{budget['amount']:f}", "currency": budget["currency"], **more}
    event = NewEvent(kind, actor, subject_type="Budget", subject_id=budget["id"], data=data)
    await record(session, budget["organization_id"], event)


def _absent() -> NotFoundError:
    return NotFoundError("There is no such budget within your reach.")


def _check_free(names: Mapping[UUID, str], name: str) -> None:
    """Raise ConflictError where one of these budgets has the name, whatever the case."""
    taken = named(names, name)
    if taken is not None:
        message = (
            f"The organization has a budget named {names[taken]!r} already. Change that one, or take another name."
        )
        raise ConflictError(message)
