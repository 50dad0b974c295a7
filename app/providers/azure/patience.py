"""How long the Azure provider waits and how often it tries again, as policies of the SDK's pipelines."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from azure.core.credentials import TokenCredential
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import (
    ContentDecodePolicy,
    HTTPPolicy,
    ProxyPolicy,
    RequestIdPolicy,
    RetryPolicy,
    UserAgentPolicy,
)
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy, ARMHttpLoggingPolicy

IDEMPOTENT = ("GET", "POST")
"""Both are read-only here: Resource Graph takes its queries, and the sign-in its question, as POST."""
_QUOTA_LEFT = "x-ms-user-quota-remaining"
_QUOTA_RESET = "x-ms-user-quota-resets-after"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for a connection and between two pieces of an answer, and how often to try again.

    A provider that asks for more than `longest_wait` is not waited for: the call ends as THROTTLED and whoever
    called decides.
    """

    connection_seconds: float = 5
    read_seconds: float = 30
    retries: int = 3
    backoff_seconds: float = 0.8
    longest_wait: float = 20

    def transport_options(self) -> dict[str, Any]:
        """Time limits as the SDK's transport takes them."""
        return {"connection_timeout": self.connection_seconds, "read_timeout": self.read_seconds}

    def retry_options(self) -> dict[str, Any]:
        """Tries as the SDK's retry policy takes them."""
        return {
            "retry_total": self.retries,
            "retry_connect": self.retries,
            "retry_read": self.retries,
            "retry_status": self.retries,
            "retry_backoff_factor": self.backoff_seconds,
            "retry_backoff_max": self.longest_wait,
        }


class BoundedRetryPolicy(RetryPolicy[HttpRequest, HttpResponse]):
    """Tries again as the SDK does, except when the provider asks for a longer wait than we grant."""

    def __init__(self, *, longest_wait: float, **options: Any) -> None:
        super().__init__(**options)
        self._longest_wait = longest_wait

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        """Whether to send the request again."""
        wait = self.get_retry_after(response)
        if wait is not None and wait > self._longest_wait:
            return False
        return super().is_retry(settings, response)


class QuotaPolicy(HTTPPolicy[HttpRequest, HttpResponse]):
    """Holds queries back while Resource Graph says that none are left.

    A caller has 15 queries in 5 seconds; several threads that ask at once would use up their tries on 429.
    """

    def __init__(self, *, longest_wait: float) -> None:
        super().__init__()
        self._longest_wait = longest_wait
        self._lock = threading.Lock()
        self._resume_at = 0.0

    def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, HttpResponse]:
        """Wait for the quota, send, and note what is left of it."""
        with self._lock:
            wait = self._resume_at - time.monotonic()
        if wait > 0:
            time.sleep(min(wait, self._longest_wait))
        response = self.next.send(request)
        headers = response.http_response.headers
        if headers.get(_QUOTA_LEFT) == "0":
            seconds = clock_seconds(headers.get(_QUOTA_RESET, ""))
            with self._lock:
                self._resume_at = max(self._resume_at, time.monotonic() + seconds)
        return response


def clock_seconds(text: str) -> float:
    """The seconds of a duration `hh:mm:ss`; 0 for what is none."""
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):  # noqa: PLR2004  (hours, minutes, seconds)
        return 0
    hours, minutes, seconds = (int(part) for part in parts)
    return hours * 3600 + minutes * 60 + seconds


def arm_policies(credential: TokenCredential, scopes: list[str], patience: Patience) -> list[Any]:
    """The pipeline of a client of Azure Resource Manager.

    The SDK's own adds two that we must not have: one registers a missing resource provider, which writes to the
    customer's subscription, and one follows redirects to other hosts.
    """
    return [
        RequestIdPolicy(),
        UserAgentPolicy(base_user_agent="skyledger"),
        ProxyPolicy(),
        ContentDecodePolicy(),
        BoundedRetryPolicy(longest_wait=patience.longest_wait, **patience.retry_options()),
        QuotaPolicy(longest_wait=patience.longest_wait),
        ARMChallengeAuthenticationPolicy(credential, *scopes),
        ARMHttpLoggingPolicy(),
    ]
