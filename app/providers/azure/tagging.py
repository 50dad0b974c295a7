"""The tag on what is marked for deletion: merged into, or deleted from, the tags at the resource's own scope."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from app.providers.azure.connection import AzureConnection
from app.providers.problems import ProblemCode, ProviderError
from app.providers.tagging import TAG, Failures, TagChange, gone

PERMISSIONS: Final = ("Microsoft.Resources/tags/read", "Microsoft.Resources/tags/write")
"""Those of the built-in role Tag Contributor that are needed."""
_LOOKS, _PAUSE = 5, 0.5
"""How often the tags are read after a change that Azure has only accepted, and the seconds between."""
_READING = "the resource's tags"


class AzureTagger:
    """Tags the resources of one subscription, one by one."""

    together = 1

    def __init__(self, connection: AzureConnection) -> None:
        self._connection = connection

    def place(self, change: TagChange) -> object:
        """Each by itself."""
        return change.native_id

    def change(self, changes: Sequence[TagChange]) -> Failures:
        """See Tagger. What Azure has accepted counts once it can be read back."""
        (change,) = changes
        wanted = None if change.day is None else change.day.isoformat()
        manager, scope = self._connection.manager, change.native_id
        found = manager.tags(scope, _READING)
        if found is None:
            return {} if wanted is None else {scope: gone()}
        there = found.get(TAG)
        if there == wanted:
            return {}
        if wanted is None:
            # With its value: what somebody writes there in the meantime is not ours to take away.
            manager.change_tags(scope, "Delete", {TAG: there or ""}, _READING)
        else:
            manager.change_tags(scope, "Merge", {TAG: wanted}, _READING)
        for look in range(_LOOKS):
            time.sleep(_PAUSE if look else 0)
            if (manager.tags(scope, _READING) or {}).get(TAG) == wanted:
                return {}
        raise ProviderError(
            ProblemCode.FAILED,
            "Azure has accepted the change of the tags, and does not show it",
            "Look at the resource's tags",
        )

    def close(self) -> None:
        """Let go of sockets."""
        self._connection.close()
