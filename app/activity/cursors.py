"""Cursors of the activity: a place in one organization's order, the same for pages and for the stream."""

from __future__ import annotations

from uuid import UUID

from app.errors import BadUserInputError
from app.paging import decode_cursor, encode_cursor


def activity_order(organization_id: UUID) -> str:
    """The name of an organization's order inside its cursors: a cursor of another organization does not fit."""
    return f"activity:{organization_id}"


SEQUENCES = 2**63  # what a bigint holds


def parse_sequence(value: object) -> int:
    """The number of an event inside a cursor. Raises ValueError for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < SEQUENCES:
        message = "no sequence number"
        raise ValueError(message)
    return value


def encode_place(organization_id: UUID, sequence: int) -> str:
    """The cursor of the event with this number; 0 is the place before the first."""
    return encode_cursor(activity_order(organization_id), [sequence])


def decode_place(organization_id: UUID, cursor: str, argument: str = "after") -> int:
    """The number that a cursor of this organization names. Raises BadUserInputError for any other text."""
    try:
        (sequence,) = decode_cursor(cursor, activity_order(organization_id), (parse_sequence,), argument)
        return int(sequence)
    except (BadUserInputError, ValueError):
        message = (
            f"`{argument}` is not a cursor of this organization's activity. Pass the `cursor` of the last message or "
            "event that you have handled, or leave it out to begin with what happens from now on."
        )
        raise BadUserInputError(message, path=(argument,)) from None
