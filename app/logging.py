"""Structured logs: one line per event with the request id, for people or as JSON, and never with a secret in it."""

from __future__ import annotations

import logging
import logging.config
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"

# Names of values that are secrets wherever they are logged.
_SECRET_NAME = re.compile(
    r"passw|secret|token|authori[sz]ation|cookie|credential|api[-_]?key|root[-_]?key|private[-_]?key|recovery[-_]?code",
    re.IGNORECASE,
)
# Names that only sound like it.
_HARMLESS_NAMES = frozenset({"document_tokens", "tokens"})
# Secrets inside other text, such as a URL, a header or an exception: what follows the first group is hidden.
_SECRET_TEXT = re.compile(
    r"""(?ix)
    ( \b(?:bearer|basic)\s+ | [?&](?:access_)?token= | \bx-(?:api|root)-key["']?\s*[:=]\s*["']?
      | \bpassword["']?\s*[:=]\s*["']? | (?<=://)[^\s:/@]*: (?=[^\s/@]+@) )
    [^\s"'&,@]+
    | ()\beyJ[\w-]+\.[\w-]+\.[\w-]*         # a JSON Web Token
    | ()\bsky_[\w-]{16,}                     # an API key
    """
)

# Libraries that write frames, headers, tokens or whole answers at DEBUG; those of Azure write headers at INFO as well.
_LEAST_LEVELS = {
    **dict.fromkeys(("asyncio", "websockets", "httpx", "httpcore", "hpack", "requests", "urllib3"), logging.INFO),
    **dict.fromkeys(("boto3", "botocore", "s3transfer", "google", "googleapiclient", "grpc"), logging.INFO),
    "botocore.credentials": logging.ERROR,  # a role that is not assumed is told in our words, without a traceback
    **dict.fromkeys(("azure", "msal", "msal_extensions"), logging.WARNING),
}


def configure_logging(
    level: str = "INFO", log_format: Literal["console", "json"] = "console", stream: TextIO | None = None
) -> None:
    """Send the logs of our code and of every library to `stream` (standard error), in one shape.

    `level` is the least level that is written. Called once, by whoever starts the process.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # As text and without local variables, which may hold secrets.
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(log_format, colours=stream.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, least in _LEAST_LEVELS.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _renderer(log_format: str, *, colours: bool) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer(serializer=_to_json)
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide the values of secret names, and secrets inside text, at any depth of an event."""
    return {name: _hidden(name, value) for name, value in event.items()}


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return name not in _HARMLESS_NAMES and _SECRET_NAME.search(name) is not None


def _hidden(name: str, value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if _is_secret(name):
        return HIDDEN
    if isinstance(value, str):
        # Every form of _SECRET_TEXT has a character that is neither letter nor digit.
        return value if value.isalnum() else _SECRET_TEXT.sub(_hide_match, value)
    if isinstance(value, Mapping):
        return {key: _hidden(str(key), inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_hidden(name, inner) for inner in value]
    return value


def _hide_match(match: re.Match[str]) -> str:
    return f"{match.group(1) or ''}{HIDDEN}"


def _to_json(event: EventDict, **_: Any) -> str:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
