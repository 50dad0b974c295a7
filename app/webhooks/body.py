"""The body of a message: what the webhook's document tells of an event, in the shape of Standard Webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from app.errors import BadUserInputError
from app.records.webhooks import PING, Told

MOST_BYTES: Final = 262_144
"""The specification advises 20 kB at most; this is for documents that ask for pages."""


def body_of_event(event: Mapping[Any, Any], told: Told) -> str:
    """`type`, `timestamp` and `data`, with `errors` if there are any. Raises BadUserInputError if it is too large."""
    body = {"type": event["kind"], "timestamp": event["occurred_at"], "data": told.data}
    if told.errors:
        body["errors"] = told.errors
    text = orjson.dumps(body, option=orjson.OPT_UTC_Z).decode()
    if len(text.encode()) > MOST_BYTES:
        message = f"The document's result is larger than {MOST_BYTES:,} bytes: ask for fewer fields or rows."
        raise BadUserInputError(message)
    return text


def body_of_ping(moment: datetime) -> str:
    """The same without an event, for `testWebhook`."""
    return orjson.dumps({"type": PING, "timestamp": moment, "data": {}}, option=orjson.OPT_UTC_Z).decode()
