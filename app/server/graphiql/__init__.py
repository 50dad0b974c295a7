"""The GraphiQL room: the page that browsers get at `/graphql`, its files from our own origin, and its headers."""

from __future__ import annotations

import html
from functools import cache
from string import Template

from app.server.graphiql.examples import EXAMPLES_PATH
from app.server.graphiql.files import ASSETS_PATH, ROOM, asset_routes, manifest
from app.server.provider_sign_in import START_PATH

__all__ = ["GRAPH_PATH", "asset_routes", "content_security_policy", "page", "page_headers"]

GRAPH_PATH = "/graphql"
_NOTICE_STYLE = "margin: 0; padding: 8px 24px; background: #fff3cd; color: #4d3800"


@cache
def page(*, public_schema: bool = False, notice: str = "") -> bytes:
    """The page as UTF-8 HTML; every address in it is a path of this origin and no script stands in it.

    With `public_schema` the page loads the schema before anybody signs in: for a server that lets everybody introspect.
    `notice` stands above everything, where there is something to tell.
    """
    built = manifest()
    values = {role: f"{ASSETS_PATH}/{name}" for role, name in built.page.items()}
    preloads = "\n".join(f'<link rel="modulepreload" href="{ASSETS_PATH}/{name}">' for name in built.preload)
    schema = "public" if public_schema else "signed-in"
    values |= {"graph": GRAPH_PATH, "examples": EXAMPLES_PATH, "schema": schema, "singleSignOn": START_PATH}
    escaped = {name: html.escape(value) for name, value in values.items()}
    template = Template((ROOM / "page.html").read_text(encoding="utf-8"))
    told = f'<p id="notice" role="status" style="{_NOTICE_STYLE}">{html.escape(notice)}</p>' if notice else ""
    return template.substitute(escaped, preloads=preloads, notice=told).encode()


def content_security_policy() -> str:
    """The policy of the page: scripts, workers, fonts and connections from our own origin only, no eval, no frames.

    Styles may be inline because Monaco writes style elements; `connect-src 'self'` includes this origin's WebSocket.
    """
    directives = (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return "; ".join(directives)


def page_headers() -> dict[str, str]:
    """Every header of the answer that carries the page, its content type included."""
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": content_security_policy(),
        "Cache-Control": "no-cache",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
