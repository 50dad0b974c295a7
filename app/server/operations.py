"""The GraphQL server: runs one operation for any transport, from document text to the bytes of its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson
import strawberry
import structlog
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    execute_root_selection_set,
)
from strawberry.execution import optimized_is_awaitable

from app import tracing
from app.errors import ErrorCode, SkyledgerError
from app.execution import CompiledExecutor, Plans
from app.server.admission import Admission, CallerOf, caller_by_identity
from app.server.costs.charging import Charge, Costs, Headers
from app.server.costs.refused import Gate, IsKnown, read_document
from app.server.deadlines import Deadlines, is_asked_to_end
from app.server.documents import Document, Documents, Operation, refuse_unsupported
from app.server.hub import Encoded, Hub, Sink
from app.server.identity import Identify, Identity, MakeContext, OperationFacts, Revalidate
from app.server.lifecycle import Lifecycle
from app.server.limits import Limits
from app.server.masking import (
    MOST_ERRORS,
    Fault,
    OperationTimeoutError,
    Refusal,
    errors_to_json,
    log_failure,
    mask,
    retry_after,
)
from app.server.metrics import Metrics
from app.server.open_streams import OpenStreams
from app.server.outbox import SlowConsumerError
from app.server.parameters import OperationRequest
from app.server.permitted import ANY_OPERATION, SINGLE_RESULT, IntrospectionPolicy, require_permitted
from app.server.recording import Record
from app.server.rounds import Rounds
from app.server.subscriptions import Subscription, Subscriptions
from app.server.trusted import Trust
from app.server.watch import Watch

EXPLAIN = "plan"
COST = "cost"
_log = structlog.stdlib.get_logger("skyledger.server")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of a query or mutation as JSON bytes."""

    payload: bytes
    faults: tuple[Fault, ...] = ()
    operation_type: str = ""
    operation_name: str | None = None
    headers: Headers = ()

    @property
    def retry_after(self) -> int | None:
        """Seconds to wait when the answer says that the caller is throttled."""
        return retry_after(self.faults)


@dataclass(slots=True)
class _Prepared:
    """A request whose document is valid and whose operation this caller may run, with what it is charged."""

    document: Document
    operation: Operation
    request: OperationRequest
    facts: OperationFacts
    charge: Charge | None = None

    def answer(self, data: dict[str, Any] | None) -> dict[str, Any]:
        """What is said of this data: itself, and what it did cost."""
        charge = self.charge
        if charge is None:
            return {"data": data}
        charge.count(data)
        return {"data": data, "extensions": {COST: charge.to_json()}}


class GraphQLServer:
    """Holds a schema with its caches and limits; transports give it requests and get bytes.

    `may_explain` says who is told how a query is run, on asking with `"extensions": {"plan": true}`. `make_costs`
    makes what charges operations; without it they are free. `caller_of` says who waits in one line under load.
    `identify` turns credentials into an identity (None is anonymous, AuthenticationError a bad credential); `is_known`
    says without a look-up whether credentials are worth one, from an address that sent many wrong ones.
    `revalidate` says which of many identities still hold; `make_context` builds a fresh context for every operation and
    for every event of a subscription, so that nothing a loader cached is older than the event.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        identify: Identify,
        make_context: MakeContext,
        limits: Limits | None = None,
        revalidate: Revalidate | None = None,
        introspection: IntrospectionPolicy = "authenticated",
        metrics: Metrics | None = None,
        lifecycle: Lifecycle | None = None,
        compiled: bool = True,
        make_costs: Callable[[GraphQLSchema], Costs] | None = None,
        may_explain: Callable[[Identity | None], bool] = lambda _: False,
        caller_of: CallerOf = caller_by_identity,
        trust: Trust | None = None,
        is_known: IsKnown = lambda _: False,
    ) -> None:
        refuse_unsupported(schema)
        self.limits = limits or Limits()
        self.metrics = metrics or Metrics()
        self.lifecycle = lifecycle or Lifecycle()
        self.trust = trust or Trust()
        self.streams = OpenStreams(self.limits, self.metrics.count_stream_refusal)
        self.keep_alive = Rounds(self.limits.keepalive_seconds)
        self.watch = Watch(revalidate, self.limits.revalidate_seconds)
        self._make_context = make_context
        self.introspection: IntrospectionPolicy = introspection
        self._schema = schema._schema  # noqa: SLF001 - Strawberry names no public way to its graphql-core schema
        # Strawberry's executor gives resolvers the info object that they expect.
        self._executor_class = cast("type[Executor[Any]]", schema.execution_context_class)
        told = (SkyledgerError,)
        self.plans = CompiledExecutor(schema, on_end=self.metrics.count_plan, told=told) if compiled else None
        self.costs = make_costs(self._schema) if make_costs is not None else None
        self.identify = Gate(identify, is_known, self.costs).identify if self.costs is not None else identify
        self._may_explain = may_explain
        self.admission = Admission(self.limits, caller_of)
        self._deadlines = Deadlines(self.limits.execution_seconds)
        self.documents = Documents(
            self._schema, self.limits, on_lookup=self.metrics.count_lookup, on_drop=self._forget_plans
        )
        self.hub = Hub(self.metrics)
        self._subscriptions = Subscriptions(
            self.documents,
            self.hub,
            make_context=make_context,
            within=self._within_limit,
            encode=lambda result, request_id: _to_bytes(result, request_id, {"data": result.data})[0],
        )

    def _prepare(
        self, document: Document, request: OperationRequest, facts: OperationFacts, allowed: frozenset[OperationType]
    ) -> _Prepared:
        """Choose the operation to run; Refusal when there is none or this caller may not run it so."""
        operation = document.operation(request.operation_name)
        if operation.introspects or operation.type not in allowed:
            require_permitted(operation, allowed, self.introspection, facts.identity)
        return _Prepared(document, operation, request, facts)

    async def run(
        self, request: OperationRequest, facts: OperationFacts, *, allowed: frozenset[OperationType] = SINGLE_RESULT
    ) -> Outcome:
        """Run a query or mutation; Refusal when nothing was executed."""
        with self._recorded(facts) as record:
            document = self.documents.find(request.query) or await self._read(request, facts)
            prepared = self._prepare(document, request, facts, allowed)
            return await self._execute(prepared, record)

    async def _read(self, request: OperationRequest, facts: OperationFacts) -> Document:
        """The document of a text that is not kept, at the caller's cost if it is refused."""
        if self.costs is None:
            return self.documents.read(request.query)
        return await read_document(self.documents, request.query, self.costs, facts)

    async def subscribes(self, request: OperationRequest, facts: OperationFacts) -> bool:
        """Whether the request is a valid subscription."""
        try:
            document = self.documents.find(request.query) or await self._read(request, facts)
            operation = document.operation(request.operation_name)
        except Refusal:
            return False
        return operation.type is OperationType.SUBSCRIPTION

    async def stream(
        self,
        request: OperationRequest,
        facts: OperationFacts,
        sink: Sink,
        *,
        allowed: frozenset[OperationType] = ANY_OPERATION,
    ) -> None:
        """Run any operation; the sink gets one result of a query or mutation, one per event of a subscription.

        Refusal when nothing was executed, or when the source of a subscription breaks. SlowConsumerError of the sink.
        """
        with self._recorded(facts) as record:
            document = self.documents.find(request.query) or await self._read(request, facts)
            prepared = self._prepare(document, request, facts, allowed)
            if prepared.operation.type is not OperationType.SUBSCRIPTION:
                outcome = await self._execute(prepared, record)
                await sink.put(Encoded(outcome.payload))
                return
            record.begin(prepared.operation.node)
            executor = self._build(prepared)
            await self._charge(prepared)
            with self.metrics.subscriptions.labels(facts.transport).track_inprogress():
                await self._subscriptions.run(Subscription(request, facts, executor), sink)
            record.result = "ok"

    async def run_event(self, request: OperationRequest, facts: OperationFacts, event: object) -> bytes:
        """What one event of a subscription tells, without its source; Refusal when nothing was executed."""
        with self._recorded(facts) as record:
            document = self.documents.find(request.query) or await self._read(request, facts)
            prepared = self._prepare(document, request, facts, frozenset({OperationType.SUBSCRIPTION}))
            record.begin(prepared.operation.node)
            executor = self._build(prepared)
            await self._charge(prepared)
            record.result = "ok"
            return (await self._subscriptions.execute_event(executor, event, prepared.facts)).payload

    @contextmanager
    def _recorded(self, facts: OperationFacts) -> Iterator[Record]:
        """Count and time what happens inside; anything unforeseen is logged and becomes the refusal that hides it."""
        record = Record(time.perf_counter())
        span = tracing.begin_traced("graphql", skyledger_request_id=facts.request_id) if tracing.is_on() else None
        try:
            yield record
        except Refusal:
            record.result = "refused"
            raise
        except (asyncio.CancelledError, SlowConsumerError) as error:
            if isinstance(error, asyncio.CancelledError) and not is_asked_to_end():
                log_failure(error, facts.request_id)
                raise Refusal.of_failure() from error
            record.result = "cancelled"
            raise
        except Exception as error:
            log_failure(error, facts.request_id)
            raise Refusal.of_failure() from error
        finally:
            seconds = time.perf_counter() - record.started
            self.metrics.count_operation(record.kind, facts.transport, record.result)
            if record.kind != OperationType.SUBSCRIPTION.value:
                self.metrics.time_operation(record.kind, seconds)
            if span is not None:
                told = {"graphql_operation_type": record.kind, "graphql_operation_name": record.name}
                outcome, failed = record.result, record.result in {"failed", "timeout"}
                span.end(f"graphql {record.kind}", failed=failed, **told, skyledger_outcome=outcome)
            if facts.transport != "http":  # an HTTP request has its line in the access log
                _log.info("operation", **record.facts(), seconds=round(seconds, 4), request_id=facts.request_id)

    def _build(self, prepared: _Prepared) -> Executor[Any]:
        """An executor with coerced variables and a fresh context; Refusal when a variable's value is wrong."""
        request = prepared.request
        executor = self._executor_class.build(
            self._schema,
            prepared.document.node,
            context_value=self._make_context(prepared.facts),
            raw_variable_values=request.variables,
            operation_name=request.operation_name,
            max_coercion_errors=MOST_ERRORS,
            is_awaitable=cast("Any", optimized_is_awaitable),
            hide_suggestions=True,
            operation_extensions=request.extensions,
        )
        if isinstance(executor, list):
            raise Refusal.of_document(executor[:MOST_ERRORS], ErrorCode.BAD_USER_INPUT)
        return executor

    async def _execute(self, prepared: _Prepared, record: Record) -> Outcome:
        record.begin(prepared.operation.node)
        await self._charge(prepared)
        try:
            caller = await self.admission.enter(prepared.facts)
            try:
                outcome = await self._within_limit(lambda: self._answer(prepared))
            finally:
                self.admission.leave(caller)
        except Refusal:
            if prepared.charge is not None:
                prepared.charge.forgive()
            raise
        if isinstance(outcome, ExecutionResult):
            outcome = _encode(outcome, prepared)
        if prepared.charge is not None:
            prepared.charge.settle()
        record.result = _result_of(outcome.faults)
        if (prepared.request.extensions or {}).get(EXPLAIN) and self._may_explain(prepared.facts.identity):
            return self._explained(prepared, outcome)
        return cast("Outcome", outcome)

    async def _charge(self, prepared: _Prepared) -> None:
        """Charge the operation what it may cost; Refusal where that is too much. A subscription pays for one event."""
        if self.costs is None:
            return
        variables, facts = prepared.request.variables or {}, prepared.facts
        prepared.charge = charge = await self.costs.take(prepared.document, prepared.operation, variables, facts)
        prepared.facts = OperationFacts(
            facts.request_id, facts.identity, facts.client_address, facts.user_agent, facts.transport, charge
        )

    def _explained(self, prepared: _Prepared, outcome: Outcome) -> Outcome:
        """The same with how it was found as `extensions.plan`."""
        plan: dict[str, Any] = {"compiled": False, "reason": "plans are switched off, or this is no query"}
        if self.plans is not None and prepared.operation.type is OperationType.QUERY:
            plans, variables = self._plans_of(prepared, self.plans), prepared.request.variables or {}
            plan = self.plans.explain(plans, variables)
        answer = orjson.loads(outcome.payload)
        answer["extensions"] = answer.get("extensions", {}) | {EXPLAIN: plan}
        return replace(outcome, payload=orjson.dumps(answer))

    async def _answer(self, prepared: _Prepared) -> Outcome:
        """By a plan where there is one that can; by graphql-core otherwise, which also tells of all errors."""
        operation = prepared.operation
        if self.plans is not None and operation.type is OperationType.QUERY:
            plans, variables = self._plans_of(prepared, self.plans), prepared.request.variables or {}
            caller = caller_by_identity(prepared.facts)
            found = await self.plans.run(
                plans, variables, lambda: self._make_context(prepared.facts), prepared.answer, caller
            )
            if isinstance(found, bytes):
                return _outcome(found, (), prepared)
            if found is not None:
                return _encode(found, prepared)
        result: Any = execute_root_selection_set(self._build(prepared))
        return _encode(await result if optimized_is_awaitable(result) else result, prepared)

    def _plans_of(self, prepared: _Prepared, executor: CompiledExecutor) -> Plans:
        kept = prepared.operation.plans
        if not kept:
            kept.append(executor.plans(prepared.document.node, prepared.operation.node))
        return kept[0]

    def _forget_plans(self, document: Document) -> None:
        for operation in document.operations.values():
            for plans in operation.plans:
                if self.plans is not None:
                    self.plans.forget(plans)

    async def _within_limit(self, work: Callable[[], Any]) -> Any:
        """The result of `work`, awaited if need be; a result with a TIMEOUT error when it takes too long."""
        deadline = self._deadlines.limit()
        try:
            with deadline:
                result = work()
                return await result if optimized_is_awaitable(result) else result
        except TimeoutError:
            if not deadline.expired:
                raise
            message = f"The operation took longer than {self._deadlines.seconds:g} seconds and was stopped."
            error = OperationTimeoutError(message)
            return ExecutionResult(None, [GraphQLError(message, original_error=error)])


def _encode(result: ExecutionResult, prepared: _Prepared) -> Outcome:
    """The outcome of a query or mutation."""
    payload, faults = _to_bytes(result, prepared.facts.request_id, prepared.answer(result.data))
    return _outcome(payload, faults, prepared)


def _outcome(payload: bytes, faults: tuple[Fault, ...], prepared: _Prepared) -> Outcome:
    operation, charge = prepared.operation, prepared.charge
    headers = charge.headers() if charge is not None else ()
    return Outcome(payload, faults, operation.node.operation.value, operation.name, headers)


def _to_bytes(result: ExecutionResult, request_id: str, answer: dict[str, Any]) -> tuple[bytes, tuple[Fault, ...]]:
    """The bytes of an execution result, its errors masked, and these errors. `answer` is what is said of its data."""
    faults = mask(result.errors, request_id) if result.errors else []
    if faults:
        answer = {"errors": errors_to_json(faults, request_id), **answer}
    if len(faults) > MOST_ERRORS:
        answer["extensions"] = {**answer.get("extensions", {}), "omittedErrors": len(faults) - MOST_ERRORS}
    return orjson.dumps(answer), tuple(faults)


def _result_of(faults: tuple[Fault, ...]) -> str:
    if not faults:
        return "ok"
    return "timeout" if any(fault.code is ErrorCode.TIMEOUT for fault in faults) else "errors"
