"""Root fields of budgets, anomalies and business metrics."""

from __future__ import annotations

from typing import Any

import strawberry

from app.context import Info
from app.costs import business_metrics
from app.costs.anomalies import answer
from app.costs.budgets import change
from app.costs.scopes import checked_scope
from app.records import UNSET, Permission
from app.resolvers.access import mutation, organization_of
from app.schema.anomalies import (
    AcknowledgeAnomalyInput,
    AcknowledgeAnomalyPayload,
    AcknowledgeAnomalyResult,
    CostAnomaly,
    MarkAnomalyExpectedInput,
    MarkAnomalyExpectedPayload,
    MarkAnomalyExpectedResult,
    ReopenAnomalyInput,
    ReopenAnomalyPayload,
    ReopenAnomalyResult,
)
from app.schema.budget_acts import (
    CreateBudgetInput,
    CreateBudgetPayload,
    CreateBudgetResult,
    DeleteBudgetInput,
    DeleteBudgetPayload,
    DeleteBudgetResult,
    UpdateBudgetInput,
    UpdateBudgetPayload,
    UpdateBudgetResult,
    thresholds_of,
)
from app.schema.budgets import Budget
from app.schema.business_metrics import (
    BusinessMetric,
    DeleteBusinessMetricInput,
    DeleteBusinessMetricPayload,
    DeleteBusinessMetricResult,
    RecordBusinessMetricsInput,
    RecordBusinessMetricsPayload,
    RecordBusinessMetricsResult,
)
from app.schema.cost_filters import conditions_of
from app.schema.ingestion import RowIssue
from app.schema.node import parse_id

WHERE = ("input", "where")


@strawberry.type
class CostWatchMutations:
    """Changing budgets, judging anomalies, recording business metrics."""

    @mutation(Permission.COSTS_MANAGE, "Make a budget. A worker checks it at once, after each import and once a day.")
    async def create_budget(self, info: Info, input: CreateBudgetInput) -> CreateBudgetResult:  # noqa: A002  (Relay's name)
        """See app.costs.budgets.change.create_budget."""
        new = change.NewBudget(
            name=input.name,
            recurrence=input.recurrence,
            starts_on=input.starts_on,
            ends_on=input.ends_on,
            amount=input.amount,
            currency=input.currency,
            metric=input.metric,
            scope=checked_scope(conditions_of(input.where, WHERE), WHERE),
            thresholds=thresholds_of(input.thresholds),
            enabled=input.enabled,
        )
        actor = info.context.signed_in().actor
        row = await change.create_budget(info.context.database, organization_of(input), actor, new)
        return CreateBudgetPayload(budget=Budget.from_row(row))

    @mutation(Permission.COSTS_MANAGE, "Change a budget. A worker checks it at once.")
    async def update_budget(self, info: Info, input: UpdateBudgetInput) -> UpdateBudgetResult:  # noqa: A002  (Relay's name)
        """See app.costs.budgets.change.update_budget."""
        key = parse_id(input.id, "Budget", path=("input", "id"))
        changes: dict[str, Any] = {
            name: UNSET if value is None else value.value for name, value in vars(input).items() if name != "id"
        }
        where = changes.pop("where")
        if where is not UNSET:
            changes["scope"] = checked_scope(conditions_of(where, WHERE), WHERE)
        if changes["thresholds"] is not UNSET:
            changes["thresholds"] = thresholds_of(changes["thresholds"])
        row = await change.update_budget(
            info.context.database, organization_of(input), info.context.signed_in().actor, key.id, **changes
        )
        return UpdateBudgetPayload(budget=Budget.from_row(row))

    @mutation(Permission.COSTS_MANAGE, "Delete a budget with its alerts.")
    async def delete_budget(self, info: Info, input: DeleteBudgetInput) -> DeleteBudgetResult:  # noqa: A002  (Relay's name)
        """See app.costs.budgets.change.delete_budget."""
        key = parse_id(input.id, "Budget", path=("input", "id"))
        actor = info.context.signed_in().actor
        await change.delete_budget(info.context.database, organization_of(input), actor, key.id)
        return DeleteBudgetPayload(deleted_budget_id=input.id)

    @mutation(Permission.COSTS_MANAGE, "Say that an anomaly has been seen.")
    async def acknowledge_anomaly(self, info: Info, input: AcknowledgeAnomalyInput) -> AcknowledgeAnomalyResult:  # noqa: A002  (Relay's name)
        """See app.costs.anomalies.answer.acknowledge."""
        key = parse_id(input.id, "CostAnomaly", path=("input", "id"))
        actor = info.context.signed_in().actor
        row = await answer.acknowledge(info.context.database, organization_of(input), actor, key.id)
        return AcknowledgeAnomalyPayload(anomaly=CostAnomaly.from_row(row))

    @mutation(Permission.COSTS_MANAGE, "Say that an anomaly was expected, and why.")
    async def mark_anomaly_expected(self, info: Info, input: MarkAnomalyExpectedInput) -> MarkAnomalyExpectedResult:  # noqa: A002  (Relay's name)
        """See app.costs.anomalies.answer.mark_expected."""
        key = parse_id(input.id, "CostAnomaly", path=("input", "id"))
        row = await answer.mark_expected(
            info.context.database, organization_of(input), info.context.signed_in().actor, key.id, input.reason
        )
        return MarkAnomalyExpectedPayload(anomaly=CostAnomaly.from_row(row))

    @mutation(Permission.COSTS_MANAGE, "Open an anomaly again that was acknowledged or expected.")
    async def reopen_anomaly(self, info: Info, input: ReopenAnomalyInput) -> ReopenAnomalyResult:  # noqa: A002  (Relay's name)
        """See app.costs.anomalies.answer.reopen."""
        key = parse_id(input.id, "CostAnomaly", path=("input", "id"))
        actor = info.context.signed_in().actor
        row = await answer.reopen(info.context.database, organization_of(input), actor, key.id)
        return ReopenAnomalyPayload(anomaly=CostAnomaly.from_row(row))

    @mutation(
        Permission.COSTS_INGEST,
        "Record at most 1,000 values of a business metric by day. Good values land in one transaction, bad ones are "
        "reported one by one, and the same values again change nothing.",
    )
    async def record_business_metrics(
        self,
        info: Info,
        input: RecordBusinessMetricsInput,  # noqa: A002  (Relay's name)
    ) -> RecordBusinessMetricsResult:
        """See app.costs.business_metrics.record_metrics."""
        result = await business_metrics.record_metrics(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            name=input.name,
            unit=input.unit,
            rows=[(value.day, value.quantity) for value in input.values],
        )
        return RecordBusinessMetricsPayload(
            metric=BusinessMetric.from_row(result.metric),
            received=result.received,
            added=result.added,
            changed=result.changed,
            unchanged=result.unchanged,
            issues=[RowIssue.from_record(issue) for issue in result.issues],
        )

    @mutation(Permission.COSTS_MANAGE, "Delete a business metric with its values.")
    async def delete_business_metric(self, info: Info, input: DeleteBusinessMetricInput) -> DeleteBusinessMetricResult:  # noqa: A002  (Relay's name)
        """See app.costs.business_metrics.delete_metric."""
        key = parse_id(input.id, "BusinessMetric", path=("input", "id"))
        actor = info.context.signed_in().actor
        await business_metrics.delete_metric(info.context.database, organization_of(input), actor, key.id)
        return DeleteBusinessMetricPayload(deleted_business_metric_id=input.id)
