"""The six queries that are asked, and what makes answers of different servers comparable."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

_RESOURCE = """id provider service resourceType nativeId name region availabilityZone status tags firstSeenAt
      lastSeenAt"""
_PAGE = f"""query Page($slug: String!, $first: Int!) {{
  organization(slug: $slug) {{
    resources(first: $first) {{
      nodes {{ {_RESOURCE} }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}"""
DOCUMENTS = {
    "Q1": _PAGE,
    "Q2": f"""query Page($slug: String!, $first: Int!) {{
  organization(slug: $slug) {{
    resources(first: $first) {{
      nodes {{
        {_RESOURCE}
        recommendations(first: 5) {{ id checkId state severity saving {{ converted {{ amount currency }} }} }}
        monthToDateCost {{ cost {{ amount currency }} }}
      }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}""",
    "Q3": _PAGE,
    "Q4": """query Viewer($slug: String!) {
  viewer { user { id name email } }
  organization(slug: $slug) { id slug name currency viewerRole }
}""",
    "Q5": """query Costs($slug: String!) {
  organization(slug: $slug) {
    byService: costs(period: {name: LAST_MONTH}, groupBy: [{dimension: SERVICE_NAME}], topN: 50) {
      total currency groups { key total }
    }
    series: costs(period: {name: LAST_90_DAYS}, granularity: DAY) { total points { start amount } }
    top: costs(
      period: {name: LAST_MONTH}
      groupBy: [
        {dimension: RESOURCE_ID} {dimension: RESOURCE_NAME} {dimension: RESOURCE_TYPE} {dimension: AVAILABILITY_ZONE}
      ]
      topN: 100
    ) {
      groups { keys { value } total }
    }
  }
}""",
    "Q6": """query Dashboard($slug: String!) {
  viewer { user { name email } }
  inventory: organization(slug: $slug) {
    name
    inventorySummary { totalCount byProvider { key count } byService { key count } byState { key count } }
  }
  trend: organization(slug: $slug) {
    costs(period: {name: LAST_30_DAYS}, granularity: DAY) { total currency points { start amount } }
  }
  accounts: organization(slug: $slug) { accounts(first: 20) { nodes { id name provider nativeId } } }
  waste: organization(slug: $slug) {
    recommendations(first: 20, where: {state: {eq: OPEN}}) {
      nodes { id checkId severity foundAt saving { converted { amount currency } } }
    }
  }
  recent: organization(slug: $slug) {
    resources(first: 20, orderBy: {field: LAST_SEEN_AT, direction: DESC}) {
      nodes { id name resourceType status lastSeenAt }
    }
  }
}""",
}
PAGES = {"Q1": 100, "Q2": 100, "Q3": 1_000}
TITLES = {
    "Q1": "100 resources of 12 fields",
    "Q2": "Q1, findings and cost of each",
    "Q3": "1,000 resources of 12 fields",
    "Q4": "viewer with organization",
    "Q5": "three cost reports",
    "Q6": "dashboard: six root fields",
}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_AMOUNTS = frozenset({"amount", "total"})
_UUID_BYTES = 16


@dataclass(frozen=True)
class Question:
    """A query about an organization; `first` is the length of its page, None where it has none."""

    query: str
    slug: str
    first: int | None

    @classmethod
    def of(cls, query: str, slug: str = "grown", first: int | None = None) -> Question:
        """With the page that the query is known for, unless another is wanted."""
        return cls(query, slug, first or PAGES.get(query))

    @property
    def document(self) -> str:
        """What a GraphQL server is sent."""
        return DOCUMENTS[self.query]

    @property
    def variables(self) -> dict[str, Any]:
        """Its variables."""
        return {"slug": self.slug} | ({"first": self.first} if self.first is not None else {})


def comparable(data: Any, key: str = "") -> Any:
    """What an answer says, whatever a server's way of writing ids, moments and amounts; cursors are left out.

    Ids become bare UUIDs, moments have no more than microseconds, amounts no zeros at the end.
    """
    if isinstance(data, dict):
        return {name: comparable(value, name) for name, value in data.items() if name != "endCursor"}
    if isinstance(data, list):
        return [comparable(value, key) for value in data]
    if key == "id":
        return _bare_id(str(data))
    if key in _AMOUNTS and data is not None:
        return format(Decimal(str(data)).normalize(), "f")
    if isinstance(data, str) and _MOMENT.match(data):
        moment = datetime.fromisoformat(data)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).isoformat()
    return data


def _bare_id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return str(UUID(bytes=raw[-_UUID_BYTES:]))
