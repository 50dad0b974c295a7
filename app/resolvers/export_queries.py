"""Which queries can be exported: those that the server would run, of one connection."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from graphql import GraphQLSchema

from app.config import Settings
from app.server.documents import Documents
from app.server.limits import Limits
from app.server.paged_queries import PagedQuery, paged_query


def checked_query(schema: GraphQLSchema, settings: Settings, query: str, variables: Mapping[str, Any]) -> PagedQuery:
    """A query that can be exported. Raises BadUserInputError, which says what to change."""
    return paged_query(schema, _documents(schema, Limits.from_settings(settings)), query, variables)


@functools.lru_cache(maxsize=4)
def _documents(schema: GraphQLSchema, limits: Limits) -> Documents:
    return Documents(schema, limits)
