"""Global ids that are of another type, or none, are refused in a sentence."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.errors import BadUserInputError
from app.schema.node import global_id, parse_id


@pytest.mark.parametrize(
    ("value", "expected", "message"),
    [
        (global_id("User", UUID(int=7)), "Upload", "must be the id of an Upload … this is the id of a User."),
        (global_id("Upload", UUID(int=7)), "Team", "must be the id of a Team … this is the id of an Upload."),
        ("", "Organization", "must be the id of an Organization … this is no global id."),
        ("x", None, "must be a global id … this is no global id."),
    ],
)
def test_a_wrong_id_is_refused_in_a_sentence(value: str, expected: str | None, message: str) -> None:
    with pytest.raises(BadUserInputError) as raised:
        parse_id(value, expected, path=("input", "id"))
    start, end = message.split(" … ")
    assert raised.value.message == f"`input.id` {start} as the graph gives it; {end}"
