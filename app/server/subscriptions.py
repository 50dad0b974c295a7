"""Runs subscriptions: opens the source, executes its events, and leaves to the hub what may be shared."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from graphql import (
    ExecutionResult,
    Executor,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    Node,
    VariableNode,
    create_source_event_stream,
    execute_subscription_event,
)

from app.server.documents import Documents
from app.server.hub import Encoded, Event, Hub, SharedSource, Sink
from app.server.identity import MakeContext, OperationFacts
from app.server.masking import Refusal, mask
from app.server.outbox import SlowConsumerError
from app.server.parameters import OperationRequest

KEPT_NAMES = 1_000
"""Operations of which the variables of their events are known: as many as there are documents."""

Within = Callable[[Callable[[], Any]], Awaitable[Any]]
EncodeAnswer = Callable[[ExecutionResult, str], bytes]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription that is to run: what was asked, by whom, and the executor with its coerced variables."""

    request: OperationRequest
    facts: OperationFacts
    executor: Executor[Any]


class Subscriptions:
    """Runs subscriptions of one schema.

    `within` bounds the time of an execution, `encode` makes the bytes of a result whose errors carry a request id.
    """

    def __init__(
        self, documents: Documents, hub: Hub, *, make_context: MakeContext, within: Within, encode: EncodeAnswer
    ) -> None:
        self._documents, self._hub = documents, hub
        self._make_context, self._within, self._encode_answer = make_context, within, encode
        self._event_variables = lru_cache(KEPT_NAMES)(self._find_event_variables)

    async def run(self, subscription: Subscription, sink: Sink) -> None:
        """Give the sink one result per event until the source ends; Refusal when there is no source or it breaks."""
        request_id = subscription.facts.request_id
        source = await self._within(lambda: create_source_event_stream(subscription.executor))
        if isinstance(source, ExecutionResult):
            raise Refusal(mask(source.errors or (), request_id))
        try:
            if isinstance(source, SharedSource):
                await self._share(subscription, source, sink)
            else:
                await self._follow(subscription, source, sink)
        except (Refusal, SlowConsumerError):
            raise
        except Exception as error:
            located = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
            raise Refusal(mask([located], request_id)) from error

    async def _follow(self, subscription: Subscription, source: AsyncGenerator[Any], sink: Sink) -> None:
        """A source that says nothing of who may share it is for this caller alone."""
        async with aclosing(source) as payloads:
            async for payload in payloads:
                await sink.put(await self.execute_event(subscription.executor, payload, subscription.facts))

    async def _share(self, subscription: Subscription, source: SharedSource[Any], sink: Sink) -> None:
        facts = OperationFacts(
            request_id=uuid.uuid4().hex,
            identity=source.identity,
            client_address=None,
            user_agent=None,
            transport=subscription.facts.transport,
        )

        async def encode(event: Event[Any]) -> Encoded:
            return await self.execute_event(subscription.executor, event.payload, facts)

        await self._hub.run(self._key(subscription, source.scope), source, encode, sink)

    async def execute_event(self, executor: Executor[Any], payload: object, facts: OperationFacts) -> Encoded:
        """The result of one event, with a fresh context: nothing that a loader keeps is older than the event."""
        event_executor = executor.build_per_event_executor(payload)
        event_executor.context_value = self._make_context(facts)
        result = await self._within(lambda: execute_subscription_event(event_executor))
        return Encoded(self._encode_answer(result, facts.request_id))

    def _key(self, subscription: Subscription, scope: Hashable) -> Hashable:
        """What the result of an event depends on beside the event: with equal keys two callers get equal bytes."""
        request, name = subscription.request, subscription.executor.operation.name
        names = self._event_variables(request.query, name.value if name else None)
        values = {name: value for name, value in (request.variables or {}).items() if name in names}
        return request.query, name.value if name else None, orjson.dumps(values, option=orjson.OPT_SORT_KEYS), scope

    def _find_event_variables(self, text: str, name: str | None) -> frozenset[str]:
        """Variables that events are executed with.

        All but those that stand only in the arguments of the root field: these choose the source and where it begins.
        """
        document = self._documents.load(text)
        operation = document.operation(name)
        pending: list[Node] = [node for node in document.node.definitions if isinstance(node, FragmentDefinitionNode)]
        pending.extend(operation.node.directives or ())
        for selection in operation.node.selection_set.selections:
            if isinstance(selection, FieldNode):
                pending.extend(selection.directives or ())
                pending.extend([selection.selection_set] if selection.selection_set else [])
            else:
                pending.append(selection)
        return frozenset(_variables(pending))


def _variables(pending: list[Node]) -> set[str]:
    """Names of the variables inside nodes."""
    names: set[str] = set()
    while pending:
        node = pending.pop()
        if isinstance(node, VariableNode):
            names.add(node.name.value)
            continue
        for key in node.keys:
            child = getattr(node, key)
            children = child if isinstance(child, (list, tuple)) else (child,)
            pending.extend(each for each in children if isinstance(each, Node))
    return names
