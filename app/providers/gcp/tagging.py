"""The label on what is marked for deletion, set with the fingerprint of the labels that were read: none is lost."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from app.providers.gcp.connection import GcpConnection
from app.providers.gcp.errors import bad_answer
from app.providers.problems import ProblemCode, ProviderError
from app.providers.tagging import GCP_COLLECTIONS, TAG, Failures, TagChange, gone

PERMISSIONS: Final = tuple(
    sorted(
        f"compute.{collection}.{act}" for collection in set(GCP_COLLECTIONS.values()) for act in ("get", "setLabels")
    )
)
_ASKED = "its labels"
_NO_LABELS = "holds no labels"
_SERVICE = "//compute.googleapis.com/"
_TRIES = 3
"""Somebody else who sets labels at the same time makes the fingerprint that was read an old one."""
_LOOKS, _PAUSE = 10, 0.5
"""How often the labels are read after Google has taken the change on, and the seconds between."""


class GcpTagger:
    """Labels the resources of a project, folder or organization, one by one."""

    together = 1

    def __init__(self, connection: GcpConnection) -> None:
        self._connection = connection

    def place(self, change: TagChange) -> object:
        """Each by itself."""
        return change.native_id

    def change(self, changes: Sequence[TagChange]) -> Failures:
        """See Tagger. What Google has taken on counts once it can be read back."""
        (change,) = changes
        wanted = None if change.day is None else change.day.isoformat()
        for attempt in range(_TRIES):
            found = self._read(change)
            if found is None:
                return {} if wanted is None else {change.native_id: gone()}
            if self._labels(found).get(TAG) == wanted:
                return {}
            try:
                self._set(change, found, wanted)
            except ProviderError as problem:
                if problem.code is not ProblemCode.FAILED or attempt == _TRIES - 1:
                    raise
                continue
            return self._settled(change, wanted)
        raise AssertionError(attempt)  # pragma: no cover  (the last try returns or raises)

    def close(self) -> None:
        """Let go of sockets."""
        self._connection.close()

    def _settled(self, change: TagChange, wanted: str | None) -> Failures:
        for look in range(_LOOKS):
            time.sleep(_PAUSE if look else 0)
            found = self._read(change)
            if found is None or self._labels(found).get(TAG) == wanted:
                return {}
        raise ProviderError(
            ProblemCode.FAILED,
            "Google has taken the change of the labels on, and does not show it",
            "Look at the resource's labels",
        )

    def _read(self, change: TagChange) -> Mapping[str, Any] | None:
        return self._connection.compute.ask(_path(change), _ASKED, _permission(change, "get"), absent=True)

    def _set(self, change: TagChange, found: Mapping[str, Any], wanted: str | None) -> None:
        labels = {name: value for name, value in self._labels(found).items() if name != TAG}
        if wanted is not None:
            labels[TAG] = wanted
        body = {"labels": labels, "labelFingerprint": found.get("labelFingerprint", "")}
        path, permission = f"{_path(change)}/setLabels", _permission(change, "setLabels")
        told = self._connection.compute.ask(path, _ASKED, permission, body=body)
        if told is not None and told.get("error"):
            raise ProviderError(ProblemCode.FAILED, "Google did not set the labels", "Look at the resource's labels")

    @staticmethod
    def _labels(found: Mapping[str, Any]) -> Mapping[str, str]:
        labels = found.get("labels") or {}
        if not isinstance(labels, dict):
            raise bad_answer(_ASKED, _NO_LABELS)
        return labels


def _path(change: TagChange) -> str:
    return f"compute/v1/{quote(change.native_id.removeprefix(_SERVICE), safe='/:')}"


def _permission(change: TagChange, act: str) -> str:
    return f"compute.{GCP_COLLECTIONS[change.resource_type]}.{act}"
