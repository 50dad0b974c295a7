"""What batches of rows have in common."""

from __future__ import annotations

import strawberry

from app import records
from app.errors import BadUserInputError

LARGEST_BATCH = 5_000


@strawberry.type(description="One thing that is wrong with one row of a batch.")
class RowIssue:
    """See app.records.RowIssue."""

    row_number: int = strawberry.field(description="The row's place in the batch, from 1.")
    column: str | None = strawberry.field(description="The column, as rows name it; null where it is the whole row.")
    value: str | None = strawberry.field(description="The value as sent, shortened.")
    reason: str = strawberry.field(description="What is wrong and what would be right.")

    @classmethod
    def from_record(cls, issue: records.RowIssue) -> RowIssue:
        """Make it of a record."""
        return cls(row_number=issue.row_number, column=issue.column, value=issue.value, reason=issue.reason)


def check_batch(rows: list[object]) -> None:
    """Raise BadUserInputError for a batch of more than 5,000 rows."""
    if len(rows) > LARGEST_BATCH:
        message = (
            f"A batch holds at most {LARGEST_BATCH} rows; this one has {len(rows)}. Send several batches, or import "
            "the file with `skyledger import`."
        )
        raise BadUserInputError(message, path=("input", "rows"))
