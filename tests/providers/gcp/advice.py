"""Google's Recommender on loopback: recommendations by project, location and recommender, in pages."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_PATH = re.compile(r"/v1/projects/([^/]+)/locations/([^/]+)/recommenders/([^/]+)/recommendations")
Place = tuple[str, str, str]
"""Project, location, recommender."""


@dataclass
class Advice:
    """What is recommended, what was asked, and how it misbehaves: answers by recommender, or to whatever comes next."""

    token: str
    known: dict[Place, list[dict[str, Any]]] = field(default_factory=dict)
    page: int = 1000
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    faults: list[tuple[int, str]] = field(default_factory=list)
    asked: list[Place] = field(default_factory=list)

    def hold(self, project: str, location: str, recommender: str, *told: dict[str, Any]) -> None:
        """Add recommendations."""
        self.known.setdefault((project, location, recommender), []).extend(told)

    def answer(self, target: str, authorization: str) -> tuple[int, str]:
        """The status and body of the answer to a GET."""
        url = urlsplit(target)
        found = _PATH.fullmatch(unquote(url.path))
        if authorization != f"Bearer {self.token}" or found is None:
            return error(401 if found else 404)
        place = (found[1], found[2], found[3])
        self.asked.append(place)
        if self.faults:
            return self.faults.pop(0)
        if place[2] in self.refused:
            return self.refused[place[2]]
        query = parse_qs(url.query)
        told = self.known.get(place, [])
        start = int(query.get("pageToken", ["0"])[0])
        end = start + min(self.page, int(query["pageSize"][0]))
        body: dict[str, Any] = {"recommendations": told[start:end]} if told[start:end] else {}
        if end < len(told):
            body["nextPageToken"] = str(end)
        return 200, json.dumps(body)


def error(status: int, reason: str = "", wait: int = 0, **metadata: str) -> tuple[int, str]:
    """An error as Google's REST services send it."""
    details: list[dict[str, Any]] = []
    if reason:
        info = {"reason": reason, "domain": "googleapis.com", "metadata": metadata}
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info})
    if wait:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait}s"})
    body = {"error": {"code": status, "message": "text with s3cret of the far side", "details": details}}
    return status, json.dumps(body)


def recommendation(recommender: str, number: int = 1, **parts: Any) -> dict[str, Any]:
    """One as the API's JSON tells it; `parts` replace what is told, and None takes a part out."""
    project, location = parts.pop("project", "123456789012"), parts.pop("location", "us-central1-a")
    saved = {"currencyCode": "USD", "units": "-5", "nanos": -497242857}
    told = {
        "name": f"projects/{project}/locations/{location}/recommenders/{recommender}/recommendations/{number}",
        "description": "Save cost by doing without it.",
        "recommenderSubtype": "SOME",
        "lastRefreshTime": "2026-11-20T06:48:28.123456789Z",
        "priority": "P2",
        "etag": '"9f58395697934a1a"',
        "stateInfo": {"state": "ACTIVE"},
        "primaryImpact": {"category": "COST", "costProjection": {"cost": saved, "duration": "2592000s"}},
        "content": {"operationGroups": []},
    } | parts
    return {name: value for name, value in told.items() if value is not None}


def operations(*several: dict[str, Any]) -> dict[str, Any]:
    """The content of a recommendation."""
    return {"operationGroups": [{"operations": list(several)}]}
