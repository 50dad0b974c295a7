"""Settings of people: how long sign-ins last, where mail comes from, where browsers come back to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode


class SignInSettings(BaseSettings):
    """A part of Settings."""

    access_token_seconds: int = Field(default=900, ge=30, le=900, description="Life of an access token, in seconds.")
    refresh_token_days: int = Field(default=30, ge=1, le=365, description="Life of an unused session, in days.")
    invitation_days: int = Field(default=7, ge=1, le=90, description="Life of an invitation, in days.")
    login_attempts_per_account: int = Field(
        default=10, ge=1, le=100, description="Failed log-ins per account in 15 minutes before it is throttled."
    )
    login_attempts_per_address: int = Field(
        default=50,
        ge=1,
        le=10_000,
        description="Failed log-ins per network address in 15 minutes before it is throttled.",
    )
    require_verified_email: bool = Field(
        default=False,
        description="Whether people reach organizations only after they have verified their e-mail address.",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Server that sends mail: `smtp://user:password@host:587` (with STARTTLS, which it must offer where "
        "there is a password and the host is another machine) or `smtps://` (TLS from the start, port 465). Without it "
        "mail is written to the worker's terminal in development, and not sent in production.",
    )
    mail_from: str | None = Field(
        default=None,
        pattern=r"^([^\x00-\x1f\x7f<>@]{1,100} <[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$",
        description="Sender of mail, `Name <address>` or an address; needed with a server that sends it.",
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
        description="URL of your frontend, for links in mail: its pages `verify-email` and `reset-password` find the "
        "token behind `#token=`. Without it mail says how to use the token by hand.",
    )
    api_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/?#@]+$",
        description="URL at which browsers reach this API, without a path: providers of single sign-on send them back "
        "there. Needed for single sign-on in production; in development it is what the browser has asked for.",
    )
    passkey_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins of the pages that may use passkeys, such as `https://app.example.com`, separated by "
        "commas; that of SKYLEDGER_PUBLIC_URL when left out, in development `http://localhost:<port>` without it.",
    )
    passkey_domain: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9.-]{1,253}$",
        description="Domain that passkeys belong to for good (the RP ID): the host of those origins or a domain above "
        "it; the host of the first when left out. Changing it makes all passkeys useless.",
    )
