"""A way into one tenant of Microsoft 365: who we are there, what we may do, and Microsoft Graph."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime

import httpx

from app.providers.answers import TAKEN, refuse_packed_twice
from app.providers.base import Target, Verification
from app.providers.m365.errors import REVEAL, bad_answer
from app.providers.m365.graph import Graph
from app.providers.m365.patience import Patience
from app.providers.m365.permissions import READ_ORGANIZATION, READ_REPORT_SETTINGS, missing
from app.providers.m365.signin import TokenSource, endpoints
from app.providers.metrics import DAY_SECONDS, MetricQuery, MetricSeries, MetricWindow
from app.providers.problems import ProblemCode, ProviderError

_REFUSED = frozenset({ProblemCode.DENIED, ProblemCode.NOT_ENABLED, ProblemCode.FAILED})


class M365Connection:
    """Reads one tenant; `graph` does the reading. Used by many threads at a time."""

    def __init__(self, target: Target, needed: Sequence[str], patience: Patience) -> None:
        # They log URLs and headers, and the link to a report is all that it takes to fetch it.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        places = endpoints(target.endpoints)
        self._application = f"application {target.settings.get('clientId')}"
        self._needed = tuple(needed)
        self._client = httpx.Client(
            timeout=patience.timeout(),
            follow_redirects=False,
            headers={"User-Agent": "skyledger", **TAKEN},
            event_hooks={"response": [refuse_packed_twice]},
        )
        try:
            self._tokens = TokenSource(self._client, target, places, patience)
        except ProviderError:
            self._client.close()
            raise
        self.graph = Graph(self._client, self._tokens, places.graph, patience)
        self._lock = threading.Lock()
        self._conceals: bool | None = None

    def verify(self) -> Verification:
        """Sign in, see which permissions the token has, and read the organization. Raises ProviderError."""
        claims = self._tokens.token().claims
        tenant, roles = str(claims.get("tid") or "").lower(), claims.get("roles")
        lacking, notes = None, []
        if claims:
            lacking = missing(self._needed, [str(role) for role in roles or ()])
        else:
            notes.append("The token does not tell which permissions it has")
        name = None
        try:
            organization = self._organization()
            name = str(organization.get("displayName") or "") or None
            tenant = tenant or str(organization.get("id") or "").lower()
        except ProviderError as error:
            if error.code is not ProblemCode.DENIED or not lacking:
                raise
        if self.conceals_names():
            notes.append(
                f"The tenant conceals names in its usage reports (dataConcealed), so nobody's use can be told. {REVEAL}"
            )
        if not tenant:
            raise bad_answer(reading="the organization", why="it has no id")
        return Verification(tenant, self._application, lacking, name=name, note="; ".join(notes) or None)

    def regions(self) -> list[str]:
        """None: a tenant is read as a whole."""
        return []

    def metrics(
        self, queries: Sequence[MetricQuery], begin: datetime, end: datetime, period_seconds: int = DAY_SECONDS
    ) -> Iterator[list[MetricSeries]]:
        """Series without points: Microsoft 365 has reports and no metrics. ValueError for a window that is none."""
        window = MetricWindow(begin, end, period_seconds)
        return iter([[MetricSeries(query, (), window.periods, query.statistics) for query in queries]])

    def conceals_names(self) -> bool:
        """Whether the tenant's reports hide names, as its settings say; False where they do not tell."""
        with self._lock:
            if self._conceals is None:
                self._conceals = self._read_conceals()
            return self._conceals

    def close(self) -> None:
        """Let go of sockets."""
        self._client.close()

    def _read_conceals(self) -> bool:
        try:
            told = self.graph.object("/admin/reportSettings", "settings of reports", READ_REPORT_SETTINGS)
        except ProviderError as error:
            if error.code not in _REFUSED:
                raise
            return False  # the reports themselves show it
        return told.get("displayConcealedNames") is True

    def _organization(self) -> dict[str, object]:
        path = "/organization?$select=id,displayName"
        for page in self.graph.pages(path, "the organization", READ_ORGANIZATION):
            for entry in page:
                return entry
        return {}
