"""What schemathesis has to know of our graph: what our scalars look like, and what a server error looks like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import schemathesis
from graphql import NameNode, ObjectFieldNode, ObjectValueNode, ValueNode
from hypothesis import strategies
from schemathesis.graphql import nodes, scalar

_WORDS = strategies.one_of(
    strategies.text(max_size=20), strategies.sampled_from(["team", "web", "' OR 1=1", "\\", "%"])
)


def _object(made: Mapping[str, ValueNode]) -> ValueNode:
    fields = tuple(ObjectFieldNode(name=NameNode(value=name), value=value) for name, value in made.items())
    return ObjectValueNode(fields=fields)


scalar(
    "Decimal",
    strategies.one_of(
        strategies.decimals(allow_nan=False, allow_infinity=False).map(str),
        strategies.sampled_from(["0", "12.50", "-1", "NaN", "1e400", ""]),
    ).map(nodes.String),
)
scalar(
    "JSONObject",
    strategies.dictionaries(
        strategies.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True), _WORDS.map(nodes.String), max_size=4
    ).map(_object),
)


@schemathesis.check
def no_unforeseen_error(_context: Any, response: Any, _case: Any) -> None:
    """A masked error is one too: its status is 200, and its code says what it was."""
    assert response.status_code < 500
    assert "INTERNAL_SERVER_ERROR" not in response.text
