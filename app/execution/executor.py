"""Runs queries by plans, and says when graphql-core has to."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from traceback import walk_tb
from typing import Any

import orjson
import strawberry
import structlog
from graphql import DocumentNode, ExecutionResult, GraphQLError, OperationDefinitionNode

from app.execution.alone import LoneFieldError
from app.execution.arguments import Run
from app.execution.code import Bail, Reason
from app.execution.levels import UnsupportedError
from app.execution.plan import Plan, Plans
from app.execution.selections import condition_names

MOST_CONDITIONS = 16
"""Plans of one operation by its `@skip` and `@include` values; beyond them graphql-core answers."""
MOST_BAILS = 3
TRY_AGAIN_EVERY = 16
"""After three bails in a row a plan is tried at each 16th request of a caller only: they get errors, twice paid."""
KEPT_TEXT = 8_000_000
"""Characters of the code of all plans that are kept, each some 12 bytes of memory; the least recently used go first."""
BY_PLAN = "by plan"
NO_PLAN = "no plan"
ERROR = "error"
MOST_KINDS = 50
"""Kinds of errors that are counted apart; metrics are kept for as long as the process lives."""
PLACES = 3
_log = structlog.stdlib.get_logger("skyledger.execution")


def _answer(data: dict[str, Any]) -> dict[str, Any]:
    return {"data": data}


class CompiledExecutor:
    """Compiles and runs the queries of one schema.

    `hits`, `compiled` and `bails` count what it did; `on_end` is told of each query: `BY_PLAN`, `NO_PLAN`, the Reason
    why its plan gave up, or `ERROR` with the kind of error. `told` are the errors that callers hear of, beside
    GraphQLError; any other is a fault of ours and logged.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        on_end: Callable[[str], None] | None = None,
        told: tuple[type[Exception], ...] = (),
        kept_text: int = KEPT_TEXT,
    ) -> None:
        # Strawberry names no public way to its graphql-core schema and to what converts arguments.
        self._schema = schema._schema  # noqa: SLF001
        self._converter = schema.schema_converter
        self._on_end = on_end
        self._told: tuple[type[Exception], ...] = (GraphQLError, *told)
        self._kinds: set[str] = set()
        self._kept: OrderedDict[Plan, Callable[[], object]] = OrderedDict()  # with what forgets it
        self._kept_text, self._most_text = 0, kept_text
        self.hits = self.compiled = 0
        self.bails: Counter[str] = Counter()

    def plans(self, document: DocumentNode, operation: OperationDefinitionNode) -> Plans:
        """A place for the plans of an operation, to be kept with its document."""
        return Plans(self._schema, document, operation, condition_names(document, operation))

    def forget(self, plans: Plans) -> None:
        """Let go of the plans of a document that has been dropped: nobody can ask for them any more."""
        plans.is_kept = False
        for plan in plans.by_conditions.values():
            del self._kept[plan]
            self._kept_text -= len(plan.text)
        plans.by_conditions.clear()

    async def run(
        self,
        plans: Plans,
        raw_variables: Mapping[str, Any],
        make_context: Callable[[], Any],
        make_answer: Callable[[dict[str, Any]], dict[str, Any]] = _answer,
        caller: Hashable = None,
    ) -> bytes | ExecutionResult | None:
        """The answer as JSON, or the error that is all of it; None where graphql-core has to find both.

        `make_answer` makes it of the data: `{"data": …}`, and whatever else it has. `caller` is the same for those who
        may have to do with each other's errors.

        An error is passed on only where nothing stands beside its field. Elsewhere its neighbours have been ended: what
        they would have given belongs to the answer, and only graphql-core finds it, also when the database is busy.
        """
        plan: Plan | None = None
        answer: bytes | ExecutionResult | None = None
        try:
            run = Run(raw_variables, plans.variables)
            plan = self._plan(plans, run.variables)
            _check_worth(plan, caller)
            run.context = make_context()
            answer = orjson.dumps(make_answer(await plan.run(run)), option=orjson.OPT_UTC_Z)
        except LoneFieldError as failed:
            answer = failed.result
        except Bail as bail:
            self._give_up(plan, caller, bail.reason)
        except UnsupportedError as error:
            self._give_up(plan, caller, f"{NO_PLAN}: {error}", NO_PLAN)
        except Exception as error:  # noqa: BLE001 - graphql-core meets it again and tells it
            self._give_up(plan, caller, type(error).__name__, self._kind(error))
            if not isinstance(error, self._told):
                _log.warning("plan_failed", error=type(error).__name__, places=_places(error))
        if answer is None:
            return None
        if plan is not None and plan.bails_in_a_row:
            plan.bails_in_a_row.pop(caller, None)
        self.hits += 1
        if self._on_end is not None:
            self._on_end(BY_PLAN)
        return answer

    def explain(self, plans: Plans, raw_variables: Mapping[str, Any]) -> dict[str, Any]:
        """The plan for people: each field with its kind and what it reads, or the reason why there is no plan."""
        try:
            plan = self._plan(plans, Run(raw_variables, plans.variables).variables)
        except Bail as bail:
            return {"compiled": False, "reason": bail.reason}
        except UnsupportedError as error:
            return {"compiled": False, "reason": str(error)}
        steps = [{"path": ".".join(step.path), "kind": step.kind, "detail": step.detail} for step in plan.steps]
        return {"compiled": True, "steps": steps}

    def _plan(self, plans: Plans, variables: Mapping[str, Any]) -> Plan:
        """The plan for these variables, made when it is asked for first. Raises Bail and UnsupportedError."""
        conditions = tuple([variables.get(name) for name in plans.names]) if plans.names else ()
        plan = plans.by_conditions.get(conditions)
        if plan is not None:
            self._kept.move_to_end(plan)
            return plan
        if None in conditions:  # which `@skip` and `@include` refuse
            raise Bail(Reason.VARIABLES)
        if plans.unsupported is not None:
            raise UnsupportedError(plans.unsupported)
        if len(plans.by_conditions) >= MOST_CONDITIONS:
            raise Bail(Reason.CONDITIONS)
        by_name = dict(zip(plans.names, conditions, strict=True))
        try:
            plan = Plan(self._schema, self._converter, plans.document, plans.operation, by_name, self._told)
        except UnsupportedError as error:
            plans.unsupported = str(error)
            raise
        self.compiled += 1
        self._keep(plan, plans, conditions)
        return plan

    def _keep(self, plan: Plan, plans: Plans, conditions: tuple[Any, ...]) -> None:
        if not plans.is_kept:  # a request that began before its document was dropped
            return
        plans.by_conditions[conditions] = plan
        self._kept[plan] = partial(plans.by_conditions.pop, conditions)
        self._kept_text += len(plan.text)
        while self._kept_text > self._most_text and len(self._kept) > 1:
            oldest, forget = self._kept.popitem(last=False)
            self._kept_text -= len(oldest.text)
            forget()

    def _give_up(self, plan: Plan | None, caller: Hashable, why: str, outcome: str | None = None) -> None:
        if plan is not None:
            plan.note_bail(caller)
        self.bails[why] += 1
        if self._on_end is not None:
            self._on_end(outcome or why)

    def _kind(self, error: Exception) -> str:
        name = type(error).__name__
        if len(self._kinds) < MOST_KINDS:
            self._kinds.add(name)
        return f"{ERROR}: {name}" if name in self._kinds else ERROR


def _check_worth(plan: Plan, caller: Hashable) -> None:
    """Bail where a plan has bailed so often for a caller that it is not tried this time."""
    if not plan.bails_in_a_row:
        return
    bails = plan.bails_in_a_row.get(caller, 0)
    if bails >= MOST_BAILS and bails % TRY_AGAIN_EVERY:
        raise Bail(Reason.BAILS_OFTEN)


def _places(error: Exception) -> list[str]:
    """Where in the code an error was raised, innermost last; nothing of what it was raised for."""
    frames = list(walk_tb(error.__traceback__))[-PLACES:]
    return [f"{frame.f_globals.get('__name__', '<plan>')}:{line} {frame.f_code.co_name}" for frame, line in frames]
