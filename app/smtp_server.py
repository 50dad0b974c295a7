"""Where mail is handed over, as a URL says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

SMTP_PORTS = {"smtp": 587, "smtps": 465}
OWN_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class SmtpServer:
    """Where mail is handed over. `implicit_tls` is TLS from the start; otherwise STARTTLS may follow."""

    host: str
    port: int
    implicit_tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def needs_starttls(self) -> bool:
        """Whether nothing may be sent without STARTTLS: a password would cross a network in plain text."""
        return not self.implicit_tls and self.password is not None and self.host not in OWN_HOSTS


def read_smtp_url(text: str) -> SmtpServer:
    """The parts of `smtp://user:password@host:port` or `smtps://…`; user and password may be percent-encoded.

    Raises ValueError, which never quotes the URL, for it may hold a password.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in SMTP_PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        message = "must be smtp://user:password@host:587 or smtps://user:password@host:465; encode @ : / # as %40 …"
        raise ValueError(message)
    if (parts.username is None) != (parts.password is None):
        message = "must have a user and a password, or neither"
        raise ValueError(message)
    return SmtpServer(
        host=parts.hostname,
        port=port or SMTP_PORTS[parts.scheme],
        implicit_tls=parts.scheme == "smtps",
        user=unquote(parts.username) if parts.username is not None else None,
        password=unquote(parts.password) if parts.password is not None else None,
    )
