"""What metrics and the log want to know of an operation."""

from __future__ import annotations

from dataclasses import dataclass

from graphql import OperationDefinitionNode


@dataclass(slots=True)
class Record:
    """An operation from its begin to its outcome."""

    started: float
    kind: str = "unknown"
    name: str | None = None
    result: str = "failed"

    def begin(self, node: OperationDefinitionNode) -> None:
        """Take note of the operation, now that it is known."""
        self.kind, self.name = node.operation.value, node.name.value if node.name else None

    def facts(self) -> dict[str, str | None]:
        """For the log."""
        return {"type": self.kind, "operation": self.name, "outcome": self.result}
