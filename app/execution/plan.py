"""A plan: one operation compiled, ready to run for any caller and any variables."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode
from strawberry.schema.schema_converter import GraphQLCoreConverter

from app.execution.arguments import Run, Variables
from app.execution.levels import Levels
from app.execution.places import Step
from app.execution.selections import Selections

MOST_CALLERS = 64


class Plan:
    """The functions of one operation, for one set of values of its conditions."""

    def __init__(
        self,
        schema: GraphQLSchema,
        converter: GraphQLCoreConverter,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        conditions: Mapping[str, Any],
        told: tuple[type[Exception], ...],
    ) -> None:
        levels = Levels(schema, converter, Selections(schema, document, conditions), told)
        root = schema.query_type
        if root is None:  # every schema of ours has queries
            message = "the schema has no queries"
            raise ValueError(message)
        name = levels.root(root, operation.selection_set)
        self.text = levels.source.text()
        self.steps: list[Step] = levels.steps
        self._root = levels.source.compiled()[name]
        self._preparers = levels.preparers
        self.bails_in_a_row: dict[Hashable, int] = {}
        """By caller: what one is refused, or has in their data, says nothing of the next. Of the latest callers."""

    def note_bail(self, caller: Hashable) -> None:
        """Count that it could not answer a caller."""
        bails = self.bails_in_a_row
        if caller not in bails and len(bails) >= MOST_CALLERS:
            del bails[next(iter(bails))]
        bails[caller] = bails.get(caller, 0) + 1

    async def run(self, run: Run) -> dict[str, Any]:
        """The data of the answer. Raises Bail, LoneFieldError, or whatever a resolver raises."""
        run.arguments = [prepare(run) for prepare in self._preparers]
        data: dict[str, Any] = (await self._root((None,), run))[0]
        return data


class Plans:
    """The plans of one operation of a document, kept with it; the executor drops those that are used least."""

    __slots__ = ("by_conditions", "document", "is_kept", "names", "operation", "unsupported", "variables")

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        names: tuple[str, ...],
    ) -> None:
        self.document, self.operation, self.names = document, operation, names
        self.variables = Variables(schema, operation)
        self.by_conditions: dict[tuple[Any, ...], Plan] = {}
        self.unsupported: str | None = None
        self.is_kept = True
