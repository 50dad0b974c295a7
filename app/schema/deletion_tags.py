"""The tag in the cloud on the resource of a recommendation that is marked for deletion."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry

from app.records.recommendations import TagState
from app.schema.enums import graph_enum

graph_enum(
    TagState,
    "What became of the tag in the cloud on what is marked for deletion.",
    REQUESTED="It is to be written or removed soon, as the message says.",
    WRITTEN="The resource carries it.",
    REMOVED="The resource does not carry it for this recommendation.",
    FAILED="It could not be written or removed, as the message says; the recommendation stands where it stood.",
)


@strawberry.type(description="The tag `skyledger-delete-after` on a resource in its cloud.")
class DeletionTag:
    """A row of `deletion_tags`."""

    state: TagState = strawberry.field(description="What became of it.")
    message: str | None = strawberry.field(description="What there is to say of it: what was wrong, and what to do.")
    at: datetime = strawberry.field(description="Since when that is so.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> DeletionTag:
        """Make it of a row."""
        return cls(state=TagState(row["state"]), message=row["message"], at=row["changed_at"])
