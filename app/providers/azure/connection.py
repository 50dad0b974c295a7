"""A way into one Azure subscription: its clients, who we are there, and what we may do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from azure.core.pipeline.transport import RequestsTransport
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resourcegraph import ResourceGraphClient

from app.providers.azure.credentials import credential, endpoints
from app.providers.azure.errors import closed_subscription, denied
from app.providers.azure.graph import ResourceGraph
from app.providers.azure.manager import ResourceManager
from app.providers.azure.metrics import Grains, metric_series
from app.providers.azure.patience import Patience, arm_policies
from app.providers.azure.permissions import READ_PERMISSIONS, AllowedActions
from app.providers.base import Target, Verification
from app.providers.metrics import DAY_SECONDS, MetricQuery, MetricSeries, MetricWindow
from app.providers.problems import ProblemCode, ProviderError

_ALLOWED_SECONDS = 300
"""How long an answer about permissions is believed; a scan asks for it in every collector."""
_USABLE = frozenset({"Enabled", "PastDue", "Warned"})
_CLOSED = frozenset({"Disabled", "Deleted", "Expired"})


class AzureConnection:
    """Reads one subscription; `graph` and `manager` do the reading. Used by many threads at a time."""

    def __init__(self, target: Target, needed: Sequence[str], patience: Patience) -> None:
        places = endpoints(target.endpoints)
        self._native_id = target.native_id
        self._caller = f"application {target.settings.get('clientId')}"
        self._needed = tuple(needed)
        self._credential = credential(target, places.authority, patience)
        scopes = list(places.scopes)
        self._transport = RequestsTransport(**patience.transport_options())
        # Opened here, as two threads that open it at once would each make a session.
        self._transport.open()
        self._graph_client = ResourceGraphClient(
            self._credential,
            base_url=places.management,
            transport=self._transport,
            policies=arm_policies(self._credential, scopes, patience),
        )
        self._manager_client = ResourceManagementClient(
            self._credential,
            target.native_id,
            base_url=places.management,
            transport=self._transport,
            policies=arm_policies(self._credential, scopes, patience),
        )
        self.graph = ResourceGraph(self._graph_client, target.native_id)
        self.manager = ResourceManager(self._manager_client, places.management, target.native_id)
        self._lock = threading.Lock()
        self._allowed: AllowedActions | None = None
        self._allowed_until = 0.0
        self._grains: Grains = {}

    def verify(self) -> Verification:
        """Read the subscription and what we may do in it. Raises ProviderError."""
        subscription = self._open_subscription()
        state = str(subscription.get("state") or "unknown")
        notes = [] if state in _USABLE else [f"The subscription's state is {state}"]
        try:
            missing = self._read_allowed().missing(self._needed)
        except ProviderError as error:
            if error.code is not ProblemCode.DENIED:
                raise
            missing = (READ_PERMISSIONS,)
            notes.append(f"Without {READ_PERMISSIONS} nothing else that may be missing can be named")
        return Verification(
            native_id=self._native_id,
            caller=self._caller,
            missing_permissions=missing,
            name=str(subscription.get("displayName") or "") or None,
            note="; ".join(notes) or None,
        )

    def regions(self) -> list[str]:
        """None: Azure's inventory is read for all regions at once."""
        return []

    def metrics(
        self, queries: Sequence[MetricQuery], begin: datetime, end: datetime, period_seconds: int = DAY_SECONDS
    ) -> Iterator[list[MetricSeries]]:
        """What Azure Monitor tells, resource by resource; see `app.providers.base.Connection`."""
        return metric_series(self.manager, queries, MetricWindow(begin, end, period_seconds), self._grains)

    def require(self, actions: Sequence[str], reading: str) -> None:
        """Raise ProviderError(DENIED) unless the subscription is open and all these actions are allowed in it."""
        missing = self._current_allowed().missing(actions)
        if missing:
            raise denied(reading, missing[0])

    def reads_everything(self) -> bool:
        """Whether no resource of the subscription is hidden from us. Raises ProviderError."""
        return self._current_allowed().reads_everything()

    def close(self) -> None:
        """Let go of sockets."""
        self._graph_client.close()
        self._manager_client.close()
        self._transport.close()
        self._credential.close()

    def _current_allowed(self) -> AllowedActions:
        with self._lock:
            if self._allowed is None or time.monotonic() >= self._allowed_until:
                self._open_subscription()
                self._read_allowed()
            assert self._allowed is not None  # noqa: S101  (read in the line above, under the lock)
            return self._allowed

    def _open_subscription(self) -> dict[str, Any]:
        """The subscription. Raises ProviderError, also for one that is closed."""
        found = self.manager.subscription()
        if found.get("state") in _CLOSED:
            raise closed_subscription(found["state"])
        return found

    def _read_allowed(self) -> AllowedActions:
        try:
            allowed = AllowedActions.from_answer(self.manager.permissions())
        except ProviderError as error:
            if error.code is ProblemCode.DENIED:
                raise denied(reading="its permissions", permission=READ_PERMISSIONS) from None
            raise
        self._allowed, self._allowed_until = allowed, time.monotonic() + _ALLOWED_SECONDS
        return allowed
