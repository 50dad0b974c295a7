"""Spans of the statements that go through SQLAlchemy; those of the row door are its own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, event

from app import tracing


def watch(engine: Engine) -> None:
    """Have an engine's statements traced, where spans are wanted when it is made."""
    if tracing.is_on():
        event.listen(engine, "before_cursor_execute", _before)
        event.listen(engine, "after_cursor_execute", _after)
        event.listen(engine, "handle_error", _failed)


def _before(_connection: Any, _cursor: Any, sql: str, _values: Any, context: Any, _many: Any) -> None:
    if context is not None:
        context.skyledger_span = tracing.begin(tracing.statement_name(sql), db_system_name="postgresql")


def _after(_connection: Any, _cursor: Any, _sql: str, _values: Any, context: Any, _many: Any) -> None:
    _end(context, failed=False)


def _failed(error: Any) -> None:
    _end(error.execution_context, failed=True)


def _end(context: Any, *, failed: bool) -> None:
    span: tracing.OpenSpan | None = getattr(context, "skyledger_span", None)
    if span is not None:
        context.skyledger_span = None
        span.end(failed=failed)
