"""Unforeseen errors to Sentry, where a DSN is set: what kind, where in our code, under which request id; nothing else.

An event is made anew of what is listed here. The texts of errors, local variables, requests, headers, bodies, users,
the environment and log lines are left behind: the log has the text, under the same request id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from app.errors import ConfigurationError

_EVENT = ("event_id", "timestamp", "platform", "level", "release", "environment")
_FRAME = ("filename", "function", "module", "lineno", "in_app")
_client: Any = None


def start(dsn: str, environment: str, release: str, *, transport: Any = None) -> None:
    """Send unforeseen errors from now on. Raises ConfigurationError where the extra is missing or the DSN is none."""
    global _client  # noqa: PLW0603  (one per process, as with logs)
    try:
        import sentry_sdk  # noqa: PLC0415  (an extra)
    except ImportError as error:
        message = (
            "SKYLEDGER_SENTRY_DSN is set, but Sentry is missing: install the extra: pip install 'skyledger[sentry]'."
        )
        raise ConfigurationError(message) from error
    try:
        _client = sentry_sdk.Client(
            dsn=dsn,
            environment=environment,
            release=release,
            transport=transport,
            # No integration: nothing is taken from requests, logs, threads or other libraries behind our back.
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            before_send=cast("Any", scrub),  # an event is a mapping to us
            send_client_reports=False,
            auto_session_tracking=False,
        )
    except sentry_sdk.utils.BadDsn:
        message = "SKYLEDGER_SENTRY_DSN is no DSN of Sentry: copy it from the project's settings there."
        raise ConfigurationError(message) from None


def stop() -> None:
    """Send what waits, for two seconds at most."""
    global _client
    client, _client = _client, None
    if client is not None:
        client.close(timeout=2)


def report(error: BaseException, **tags: str) -> None:
    """Tell of an unforeseen error, with ids as tags; nothing where nobody wants to hear of it."""
    if _client is None:
        return
    from sentry_sdk.utils import event_from_exception  # noqa: PLC0415  (an extra)

    event, hint = event_from_exception(error, client_options=_client.options)
    event["tags"] = tags
    _client.capture_event(event, hint)


def scrub(event: Mapping[str, Any], _hint: Mapping[str, Any]) -> dict[str, Any]:
    """The event made anew of what may be told."""
    kept: dict[str, Any] = {name: event[name] for name in _EVENT if name in event}
    kept["tags"] = dict(event.get("tags") or {})
    values = (event.get("exception") or {}).get("values") or []
    kept["exception"] = {"values": [_exception(each) for each in values]}
    return kept


def _exception(value: Mapping[str, Any]) -> dict[str, Any]:
    frames = (value.get("stacktrace") or {}).get("frames") or []
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "value": "see the log",
        "stacktrace": {"frames": [{name: frame[name] for name in _FRAME if name in frame} for frame in frames]},
    }
