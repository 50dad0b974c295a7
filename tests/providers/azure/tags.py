"""Tags at the scopes of resources, beside what the far side of Azure knows otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.providers.azure.arm_server import Answer, ArmServer, denial, failure

TAGS = "/providers/microsoft.resources/tags/default"


@dataclass
class TaggedServer(ArmServer):
    """The same with tags, by the id of what can be tagged, in small letters."""

    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def answer(self, method: str, target: str, headers: Any, body: str) -> Answer:
        """The answer to one request: tags are read, merged, or deleted by name and value."""
        path = unquote(urlsplit(target).path)
        if not path.lower().endswith(TAGS):
            return super().answer(method, target, headers, body)
        self.requests.append((method, f"{path} {body}"))
        scope = path[: -len(TAGS)].lower()
        action = f"Microsoft.Resources/tags/{'read' if method == 'GET' else 'write'}"
        if headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return failure(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if not self.allows(action):
            return denial(action, scope)
        if scope not in self.tags:
            return failure(404, "ResourceNotFound", "The resource was not found.")
        if method == "PATCH":
            self._patch(scope, json.loads(body))
        return Answer({"id": f"{scope}{TAGS}", "name": "default", "properties": {"tags": self.tags[scope]}})

    def _patch(self, scope: str, asked: dict[str, Any]) -> None:
        sent = asked["properties"]["tags"]
        if asked["operation"] == "Merge":
            self.tags[scope] |= sent
        elif asked["operation"] == "Delete":
            self.tags[scope] = {name: value for name, value in self.tags[scope].items() if sent.get(name) != value}
