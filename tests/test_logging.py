"""Logs: one shape for our code and for libraries, request ids on every line, and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.logging import HIDDEN, configure_logging, hide_secrets


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    structlog.contextvars.clear_contextvars()
    configure_logging("WARNING")
    root.handlers, root.level = handlers, level


def logged(log_format: str = "json", level: str = "INFO") -> io.StringIO:
    stream = io.StringIO()
    configure_logging(level, log_format, stream)  # type: ignore[arg-type]
    return stream


def test_json_lines_carry_the_request_id() -> None:
    stream = logged()
    structlog.contextvars.bind_contextvars(request_id="r-1")
    structlog.stdlib.get_logger("app.scanning").info("scan_started", scan=7)
    logging.getLogger("a.library").warning("retrying in %s s", 3)
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["scan"], first["logger"], first["request_id"]) == (
        "scan_started",
        7,
        "app.scanning",
        "r-1",
    )
    assert (second["event"], second["level"], second["request_id"]) == ("retrying in 3 s", "warning", "r-1")
    assert first["timestamp"].endswith("Z")


def test_the_console_shows_tracebacks_without_local_variables() -> None:
    stream = logged("console")

    def fail(local_secret: str) -> None:
        raise RuntimeError(len(local_secret))

    try:
        fail("hunter" + "2")
    except RuntimeError as error:
        structlog.stdlib.get_logger().error("broke", exc_info=error)
    assert "RuntimeError: 7" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_the_level_is_the_least_that_is_written() -> None:
    stream = logged(level="WARNING")
    structlog.stdlib.get_logger().info("no")
    logging.getLogger("x").info("no")
    structlog.stdlib.get_logger().warning("yes")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["yes"]


def test_what_is_configured_later_holds_for_loggers_that_were_used_before() -> None:
    log = structlog.stdlib.get_logger("app.early")
    first = logged(level="ERROR")
    log.info("no")
    log.error("first")
    second = logged("console")
    log.info("second")
    assert "second" not in first.getvalue()
    assert [json.loads(line)["event"] for line in first.getvalue().splitlines()] == ["first"]
    assert "second" in second.getvalue()


def test_a_log_that_cannot_be_written_fails_nobody() -> None:
    stream = logged()
    stream.close()
    structlog.stdlib.get_logger("app").info("lost")


@pytest.mark.parametrize(
    "name",
    [
        "websockets.server",
        "asyncio",
        "boto3.resources",
        "botocore.endpoint",
        "s3transfer",
        "urllib3.connectionpool",
        "requests",
        "httpx",
        "azure.identity",
        "azure.core.pipeline.policies.http_logging_policy",
        "msal.application",
        "google.auth.transport.requests",
        "google.api_core.retry",
        "google.cloud.asset_v1",
        "grpc._cython",
    ],
)
def test_frames_and_headers_of_libraries_are_not_written_even_at_debug(name: str) -> None:
    stream = logged(level="DEBUG")
    logging.getLogger(name).debug("< X-Amz-Security-Token: abc")
    assert stream.getvalue() == ""
    logging.getLogger(name).error("broke")
    assert "broke" in stream.getvalue()


def test_headers_that_azure_writes_at_info_are_not_written() -> None:
    stream = logged(level="DEBUG")
    logging.getLogger("azure.core.pipeline.policies.http_logging_policy").info("Request headers: abc")
    assert stream.getvalue() == ""
    assert logging.getLogger("app.accounts").isEnabledFor(logging.DEBUG)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "passwordHash",
        "token",
        "accessToken",
        "refresh_token",
        "Authorization",
        "Set-Cookie",
        "api_key",
        "X-API-Key",
        "root_key",
        "secret_key",
        "client_secret",
        "credentials",
        "private_key",
        "recovery_codes",
    ],
)
def test_secret_names_are_hidden_at_any_depth(name: str) -> None:
    event = {"event": "x", name: "s3cret", "nested": {"list": [{name: ["s3cret"]}]}}
    assert "s3cret" not in str(hide_secrets(None, "info", event))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET /graphql?token=abc.def-1&x=1", f"GET /graphql?token={HIDDEN}&x=1"),
        ("GET /graphql?a=1&token=abc", f"GET /graphql?a=1&token={HIDDEN}"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {HIDDEN}"),
        ("authorization: basic YTpi", f"authorization: basic {HIDDEN}"),
        ("X-API-Key: abc", f"X-API-Key: {HIDDEN}"),
        ("postgresql+asyncpg://app:hunter2@db/x", f"postgresql+asyncpg://app:{HIDDEN}@db/x"),
        ("bad eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl here", f"bad {HIDDEN} here"),
        ("key sky_0123456789abcdef_xyz", f"key {HIDDEN}"),
        ('{"password": "hunter2"}', f'{{"password": "{HIDDEN}"}}'),
        ("the bearer of good news", f"the bearer {HIDDEN} good news"),
        ("https://example.com/a?b=c", "https://example.com/a?b=c"),
    ],
)
def test_secrets_inside_text_are_hidden(text: str, expected: str) -> None:
    assert hide_secrets(None, "info", {"event": text})["event"] == expected


def test_a_text_that_was_clean_under_one_name_is_hidden_under_a_secret_one() -> None:
    for _ in range(2):
        assert hide_secrets(None, "info", {"event": "x", "path": "/a/b", "token": "/a/b"}) == {
            "event": "x",
            "path": "/a/b",
            "token": HIDDEN,
        }


def test_secrets_in_exceptions_of_libraries_are_hidden() -> None:
    stream = logged()
    secret = "hunter" + "2" * 3

    def fail(message: str) -> None:
        raise ConnectionError(message)

    try:
        fail(f"cannot connect to redis://:{secret}@cache:6379/0 with Bearer {secret}")
    except ConnectionError:
        logging.getLogger("redis").exception("failed")
    text = stream.getvalue()
    assert "ConnectionError" in text
    assert secret not in text


def test_numbers_and_harmless_names_stay() -> None:
    event = {"event": "x", "tokens": "5", "document_tokens": "7", "seconds": 0.5, "ok": True, "nothing": None}
    assert hide_secrets(None, "info", dict(event)) == event
