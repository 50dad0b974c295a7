"""Which actions an application may do in a subscription, compared with those that Skyledger needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

READ_SUBSCRIPTION = "Microsoft.Resources/subscriptions/read"
READ_PERMISSIONS = "Microsoft.Authorization/permissions/read"
READ_GRAPH = "Microsoft.ResourceGraph/resources/read"
LIST_RESOURCES = "Microsoft.Resources/subscriptions/resources/read"
READ_METRICS = "Microsoft.Insights/metrics/read"
READ_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
"""A data action, on the container of a cost export; the built-in role Storage Blob Data Reader has it."""
ALWAYS = (READ_SUBSCRIPTION, READ_PERMISSIONS)
"""Needed whatever is read: to know the subscription, and to know what of it is hidden from us."""
_CHANGING = ("/write", "/delete", "/action")


@dataclass(frozen=True, slots=True)
class _RoleActions:
    """What one role assignment allows: `actions` less `not_actions`, both with `*` for any text."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...]

    def allows(self, action: str) -> bool:
        return any(_matches(pattern, action) for pattern in self.actions) and not any(
            _matches(pattern, action) for pattern in self.not_actions
        )

    def reads_everything(self) -> bool:
        """Whether nothing at all is hidden; `False` if in doubt."""
        return bool({"*", "*/read"} & set(self.actions)) and all(
            pattern.lower().endswith(_CHANGING) for pattern in self.not_actions
        )


@dataclass(frozen=True, slots=True)
class AllowedActions:
    """What all role assignments of a caller allow together."""

    roles: tuple[_RoleActions, ...]

    @classmethod
    def from_answer(cls, entries: Iterable[Mapping[str, Any]]) -> AllowedActions:
        """From the entries of Azure's answer: `{"actions": [..], "notActions": [..]}`."""
        return cls(
            tuple(
                _RoleActions(tuple(entry.get("actions") or ()), tuple(entry.get("notActions") or ()))
                for entry in entries
            )
        )

    def missing(self, needed: Iterable[str]) -> tuple[str, ...]:
        """Those of the needed actions that no role allows, in the order given."""
        return tuple(action for action in needed if not any(role.allows(action) for role in self.roles))

    def reads_everything(self) -> bool:
        """Whether every resource type may be read, so that "nothing there" can be believed of all of them."""
        return any(role.reads_everything() for role in self.roles)


def _matches(pattern: str, action: str) -> bool:
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(expression, action, re.IGNORECASE) is not None
