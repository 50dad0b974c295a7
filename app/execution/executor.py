"""Runs queries by plans, and says when graphql-core has to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import strawberry
from graphql import DocumentNode, GraphQLError, OperationDefinitionNode

from app.execution.arguments import Run
from app.execution.code import Bail, Reason
from app.execution.levels import UnsupportedError
from app.execution.plan import Plan, Plans
from app.execution.selections import condition_names

MOST_CONDITIONS = 16
"""Plans of one operation by its `@skip` and `@include` values; beyond them graphql-core answers."""
MOST_BAILS = 3
TRY_AGAIN_EVERY = 16
"""After three bails in a row a plan is tried at each 16th request only: most of its callers get errors, twice paid."""


class CompiledExecutor:
    """Compiles and runs the queries of one schema. `hits`, `compiled` and `bails` count what it did."""

    def __init__(self, schema: strawberry.Schema) -> None:
        # Strawberry names no public way to its graphql-core schema and to what converts arguments.
        self._schema = schema._schema  # noqa: SLF001
        self._converter = schema.schema_converter
        self.hits = self.compiled = 0
        self.bails: Counter[str] = Counter()

    def plans(self, document: DocumentNode, operation: OperationDefinitionNode) -> Plans:
        """A place for the plans of an operation, to be kept with its document."""
        return Plans(self._schema, operation, condition_names(document, operation))

    async def run(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        plans: Plans,
        raw_variables: Mapping[str, Any],
        make_context: Callable[[], Any],
    ) -> bytes | None:
        """The answer `{"data": …}` as JSON; None where graphql-core has to find the answer, or its errors."""
        if plans.unsupported is not None:
            self.bails[plans.unsupported] += 1
            return None
        try:
            run = Run(raw_variables, plans.variables)
            plan = self._plan(document, operation, plans, run.variables)
            if plan is None:
                return None
        except Bail as bail:
            self.bails[bail.reason] += 1
            return None
        if plan.bails_in_a_row >= MOST_BAILS and plan.bails_in_a_row % TRY_AGAIN_EVERY:
            plan.bails_in_a_row += 1
            self.bails[Reason.BAILS_OFTEN.value] += 1
            return None
        try:
            run.context = make_context()
            answer = orjson.dumps({"data": await plan.run(run)}, option=orjson.OPT_UTC_Z)
        except Exception as error:  # noqa: BLE001 - graphql-core meets it again, tells it and has it logged
            self._note_bail(plan, error)
            return None
        plan.bails_in_a_row = 0
        self.hits += 1
        return answer

    def _plan(
        self, document: DocumentNode, operation: OperationDefinitionNode, plans: Plans, variables: Mapping[str, Any]
    ) -> Plan | None:
        conditions = tuple([variables.get(name) for name in plans.names]) if plans.names else ()
        plan = plans.by_conditions.get(conditions)
        if plan is not None:
            return plan
        if len(plans.by_conditions) >= MOST_CONDITIONS:
            raise Bail(Reason.CONDITIONS)
        by_name = dict(zip(plans.names, conditions, strict=True))
        try:
            plan = Plan(self._schema, self._converter, document, operation, by_name)
        except UnsupportedError as error:
            plans.unsupported = f"unsupported: {error}"
            self.bails[plans.unsupported] += 1
            return None
        self.compiled += 1
        plans.by_conditions[conditions] = plan
        return plan

    def _note_bail(self, plan: Plan, error: Exception) -> None:
        plan.bails_in_a_row += 1
        if isinstance(error, Bail):
            self.bails[error.reason] += 1
        else:
            self.bails["error" if isinstance(error, GraphQLError) else type(error).__name__] += 1
