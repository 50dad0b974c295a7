"""Settings: the only reader of the environment, read once at start."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import re
import secrets
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import ConfigurationError
from app.smtp_server import read_smtp_url

MINIMUM_SECRET_LENGTH = 32
CREDENTIAL_KEY_BYTES = 32
DISTINCT_CHARACTERS = 12  # 48 random characters of 64 have about 34
# Limits that a setting may raise without bound; beyond these a single caller may hold up everybody.
MOST_IN_PRODUCTION = {
    "body_bytes": 268_435_456,
    "anonymous_body_bytes": 16_777_216,
    "statement_seconds": 300,
    "execution_seconds": 300,
    "websocket_frame_bytes": 16_777_216,
    "websocket_init_seconds": 120,
    "shutdown_seconds": 300,
}

# The machine itself, and what its provider tells it of its own credentials.
_OWN_NETWORKS = tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10")))
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Settings(BaseSettings):
    """Every setting of Skyledger. Environment variables are `SKYLEDGER_` + the name in capitals."""

    model_config = SettingsConfigDict(env_prefix="SKYLEDGER_", frozen=True, extra="ignore", populate_by_name=True)

    environment: Literal["development", "production"] = Field(
        default="development", description="`production` refuses to start with insecure settings and says which."
    )
    host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port that the API listens on; 0 takes a free one.")
    data_dir: Path = Field(
        default=Path(".skyledger"), description="Folder of the embedded engines and the generated secrets."
    )
    database_url: str | None = Field(
        default=None,
        description="PostgreSQL 16 or newer, `postgresql+asyncpg://user:password@host/name`; without it the embedded "
        "PostgreSQL 18 is used. A pooler between must leave each connection its session (PgBouncer: `session`).",
    )
    redis_url: str | None = Field(
        default=None,
        description="Valkey or Redis 7 or newer, `redis://host:6379/0`; without it the embedded Valkey is used.",
    )
    database_pool_size: int = Field(
        default=10,
        ge=1,
        le=500,
        description="Connections to PostgreSQL kept by each process for transactions; as many serve single reads.",
    )
    compiled_plans: bool = Field(
        default=True, description="Run queries by compiled plans; without them every query runs in graphql-core."
    )
    statement_seconds: float = Field(default=15.0, gt=0, description="Time limit of one SQL statement, in seconds.")
    secret_key: SecretStr | None = Field(
        default=None,
        description="Signs access tokens (at least 32 characters). Generated in the data folder in development.",
    )
    root_key: SecretStr | None = Field(
        default=None,
        description="Opens platform operations by `X-Root-Key` (at least 32 characters); without it they are off.",
    )
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
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Origins of browser clients on other hosts, separated by commas."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Addresses of proxies whose X-Forwarded-For is believed, separated by commas."
    )
    graphiql: bool = Field(default=True, description="Serve GraphiQL to browsers on `/graphql`.")
    introspection: Literal["authenticated", "public", "off"] = Field(
        default="authenticated", description="Who may read the schema through the graph."
    )
    trusted_documents: Literal["off", "anonymous", "browsers", "all"] = Field(
        default="off",
        description="Who may run nothing but documents that `skyledger documents publish` has taken in: nobody, "
        "callers who are not signed in, these and people who are (API keys stay free), or everybody.",
    )
    body_bytes: int = Field(
        default=16_777_216, ge=1024, description="Largest HTTP body of a signed-in caller, in bytes."
    )
    anonymous_body_bytes: int = Field(
        default=262_144, ge=1024, description="Largest HTTP body of anyone else, in bytes."
    )
    document_bytes: int = Field(default=15_000, ge=100, le=1_000_000, description="Longest GraphQL document, in bytes.")
    document_tokens: int = Field(default=2_000, ge=10, le=20_000, description="Most tokens in a GraphQL document.")
    document_depth: int = Field(default=12, ge=1, le=50, description="Deepest nesting of fields.")
    document_aliases: int = Field(
        default=30, ge=0, le=1_000, description="Most aliases in a document, fragments expanded."
    )
    document_directives: int = Field(
        default=20, ge=0, le=1_000, description="Most directives in a document, fragments expanded."
    )
    document_fields: int = Field(
        default=500, ge=1, le=10_000, description="Most fields in a document, fragments expanded."
    )
    cost_maximum: int = Field(
        default=400_000,
        ge=0,
        le=1_000_000_000,
        description="Points in the bucket from which the operations of each caller are paid, a tenth for those who are "
        "not signed in; 0 lets everybody ask without end, and production refuses it.",
    )
    cost_restored: int = Field(
        default=2_000, ge=1, le=1_000_000_000, description="Points that each bucket gets back in a second."
    )
    cost_operation: int = Field(
        default=300_000, ge=1, le=1_000_000_000, description="Points that one operation may cost at most."
    )
    execution_seconds: float = Field(default=10.0, gt=0, description="Time limit of one query or mutation, in seconds.")
    websocket_frame_bytes: int = Field(default=65_536, ge=1024, description="Largest WebSocket frame, in bytes.")
    websocket_operations: int = Field(
        default=50, ge=1, le=1_000, description="Most operations at a time on one socket."
    )
    websocket_init_seconds: float = Field(
        default=10.0, gt=0, description="Time for `connection_init` to arrive, in seconds."
    )
    shutdown_seconds: int = Field(
        default=10, ge=1, description="Longest wait for running operations at shutdown, in seconds."
    )
    activity_retention_days: int = Field(default=90, ge=1, description="Days that activity events are kept.")
    scan_retention_days: int = Field(
        default=90, ge=1, description="Days that ended scans are kept with their steps; the newest of an account stays."
    )
    change_retention_days: int = Field(
        default=400, ge=1, description="Days that the history of resources is kept: what changed, went and returned."
    )
    credential_keys: SecretStr | None = Field(
        default=None,
        description="Keys that seal the credentials of accounts, `id:base64url` of 32 bytes, separated by commas: the "
        "first seals, the others only open. Generated in the data folder in development.",
    )
    endpoint_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts, or `host:port`, that endpoints of accounts may name beside the providers' own, over http "
        "too: private endpoints and emulators, separated by commas. An STS there also gets the calls that are "
        "signed with Skyledger's own credentials.",
    )
    outgoing_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Networks, such as `10.20.0.0/16`, that requests to addresses of tenants' choosing may reach "
        "beside the public internet, separated by commas: webhooks, without TLS too, and providers of single sign-on, "
        "without TLS in development alone. `127.0.0.0/8` is for development.",
    )
    webhook_retention_days: int = Field(
        default=30, ge=1, le=400, description="Days that deliveries of webhooks are kept with their attempts."
    )
    workload_identity_dir: Path | None = Field(
        default=None,
        description="Folder of the tokens for GCP workload identity: an organization's configuration may name files in "
        "`<folder>/<its UUID>/` alone; without it that method is off.",
    )
    google_prices_key: SecretStr | None = Field(
        default=None,
        description="API key, restricted to the Cloud Billing API, with which list prices of Google Cloud are "
        "read; those of AWS and Azure need none.",
    )
    refresh_prices_weekly: bool = Field(
        default=True,
        description="Whether workers read public price lists once a week for the regions in which there are resources: "
        "those of AWS and Azure, of Google with a key. Off where workers must reach nothing but accounts.",
    )
    provider_threads: int = Field(
        default=16, ge=1, le=256, description="Calls to providers at a time in each process, a thread for each."
    )
    scan_concurrency: int = Field(
        default=8, ge=1, le=256, description="Steps of one scan, services in regions, that are read at a time."
    )
    upload_dir: Path | None = Field(
        default=None,
        description="Folder of uploads, `uploads` in the data folder when left out. API and workers have to share it, "
        "by a disk or a network file system.",
    )
    upload_bucket: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="Bucket of S3 for uploads, in the place of the folder; reached with Skyledger's own credentials.",
    )
    upload_prefix: str = Field(
        default="uploads/",
        pattern=r"^([A-Za-z0-9._-]{1,64}/){0,8}$",
        description="Beginning of the keys in that bucket, empty or with `/` at its end.",
    )
    upload_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/?#@]+/?$",
        description="URL of a service that speaks S3's language, in the place of AWS's own.",
    )
    upload_region: str | None = Field(
        default=None, pattern=r"^[a-z0-9-]{2,40}$", description="Region of that bucket; us-east-1 when left out."
    )
    upload_bytes: int = Field(
        default=53_687_091_200, ge=1, le=549_755_813_888, description="Largest upload, in bytes (50 GiB)."
    )
    upload_organization_bytes: int = Field(
        default=214_748_364_800,
        ge=1,
        description="Most bytes of an organization's uploads together, announced or stored (200 GiB).",
    )
    uploads_open: int = Field(
        default=20, ge=1, le=1_000, description="Most uploads of an organization that are not complete at a time."
    )
    upload_hours: int = Field(default=24, ge=1, le=168, description="Time for an upload to become complete, in hours.")
    upload_retention_days: int = Field(
        default=7, ge=1, le=90, description="Days that a complete upload is kept; what was imported of it stays."
    )
    upload_requests: int = Field(
        default=16,
        ge=1,
        le=256,
        description="Requests that write uploads at a time in each process; one organization has at most half of them.",
    )
    upload_read_seconds: float = Field(
        default=30.0, gt=0, le=600, description="Longest pause within the body of an upload, in seconds."
    )
    upload_free_bytes: int = Field(
        default=1_073_741_824, ge=0, description="Bytes that uploads leave free on the disk of their folder (1 GiB)."
    )
    export_retention_days: int = Field(
        default=7, ge=1, le=90, description="Days that exported files are kept, in the place of uploads."
    )
    erasure_days: int = Field(
        default=30, ge=0, le=90, description="Days from asking for an account to be erased until it is; 0 is at once."
    )
    exports_under_way: int = Field(
        default=3,
        ge=1,
        le=100,
        description="Exports of connections that one organization may have waiting and running at a time.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least level that is logged."
    )
    otlp_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s?#]+$",
        validation_alias=AliasChoices("SKYLEDGER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="OTLP/HTTP endpoint for traces, such as `http://localhost:4318`; also read from "
        "OTEL_EXPORTER_OTLP_ENDPOINT. Needs the extra `telemetry`; off when left out.",
    )
    sentry_dsn: SecretStr | None = Field(
        default=None,
        description="DSN of Sentry, which is told of unforeseen errors: their kind and place, never a text or a value. "
        "Needs the extra `sentry`; off when left out.",
    )
    log_format: Literal["console", "json"] = Field(default="console", description="Shape of a log line.")

    @property
    def sends_mail(self) -> bool:
        """Whether mail goes anywhere: to a server, or to the terminal of a developer."""
        return self.smtp_url is not None or self.environment == "development"

    @field_validator(
        "cors_origins",
        "trusted_proxies",
        "endpoint_hosts",
        "passkey_origins",
        "outgoing_networks",
        mode="before",
    )
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        return value

    @field_validator("database_url")
    @classmethod
    def _asyncpg_only(cls, value: str | None) -> str | None:
        if value is None:
            return None
        for prefix in ("postgresql+asyncpg://", "postgresql://", "postgres://"):
            if value.startswith(prefix):
                return "postgresql+asyncpg://" + value.removeprefix(prefix)
        message = "must begin with postgresql+asyncpg:// (PostgreSQL is the only database)"
        raise ValueError(message)

    @field_validator("redis_url")
    @classmethod
    def _redis_only(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://", "unix://")):
            message = "must begin with redis://, rediss:// or unix://"
            raise ValueError(message)
        return value

    @field_validator("outgoing_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network)
        return value

    @field_validator("secret_key", "root_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < MINIMUM_SECRET_LENGTH:
            message = f"must have at least {MINIMUM_SECRET_LENGTH} characters; `skyledger keys secret` prints one"
            raise ValueError(message)
        return value

    @field_validator("smtp_url")
    @classmethod
    def _readable_smtp_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_smtp_url(value.get_secret_value())
        return value

    @field_validator("credential_keys")
    @classmethod
    def _readable_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_credential_keys(value.get_secret_value())
        return value


def load_settings() -> Settings:
    """Read the environment. Raises ConfigurationError that names each wrong variable and the reason."""
    try:
        settings = Settings()
    except ValidationError as error:
        lines = [
            f"{_variable(str(problem['loc'][0]))}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        ]
        raise ConfigurationError("\n".join(lines)) from None
    lines = _contradictions(settings)
    if lines:
        raise ConfigurationError("\n".join(lines))
    return settings


def _contradictions(settings: Settings) -> list[str]:
    """Settings that do not work together."""
    found = []
    if settings.smtp_url is not None and settings.mail_from is None:
        found.append("SKYLEDGER_MAIL_FROM: must be set with SKYLEDGER_SMTP_URL, such as skyledger@example.com")
    if settings.require_verified_email and not settings.sends_mail:
        found.append("SKYLEDGER_REQUIRE_VERIFIED_EMAIL: nobody can verify an address without SKYLEDGER_SMTP_URL")
    return found


def _variable(name: str) -> str:
    """The variable of a setting; all of them where it has several."""
    for field in Settings.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices) and name in field.validation_alias.choices:
            return " or ".join(map(str, field.validation_alias.choices))
    return f"SKYLEDGER_{name.upper()}"


def insecurities(settings: Settings) -> list[str]:
    """What makes these settings unfit for production, a sentence each with its mend; empty when nothing does."""
    found = []
    if settings.secret_key is None:
        found.append("SKYLEDGER_SECRET_KEY is not set: set it to the output of `skyledger keys secret`.")
    if settings.credential_keys is None:
        found.append("SKYLEDGER_CREDENTIAL_KEYS is not set: set it to the output of `skyledger keys credential`.")
    found += [
        f"SKYLEDGER_CORS_ORIGINS contains {origin}: name the origins of your frontend."
        for origin in settings.cors_origins
        if "*" in origin or origin == "null"
    ]
    found += _weak_secrets(settings)
    found += [
        f"SKYLEDGER_TRUSTED_PROXIES contains {proxy}: anyone could name any address; list your proxies."
        for proxy in settings.trusted_proxies
        if proxy == "*" or proxy.endswith("/0")
    ]
    found += _no_limits(settings)
    found += _open_networks(settings)
    if settings.introspection == "public":
        found.append("SKYLEDGER_INTROSPECTION is public: use authenticated or off.")
    if settings.database_url is None:
        found.append("SKYLEDGER_DATABASE_URL is not set: the embedded PostgreSQL is for one machine without services.")
    if settings.redis_url is None:
        found.append("SKYLEDGER_REDIS_URL is not set: the embedded Valkey is for one machine without services.")
    return found


def _open_networks(settings: Settings) -> list[str]:
    """Networks in which tenants would find this machine, or the credentials that its provider tells it."""
    networks = [(each, ipaddress.ip_network(each)) for each in settings.outgoing_networks]
    return [
        f"SKYLEDGER_OUTGOING_NETWORKS contains {told}: that is this machine itself; name networks of your tenants."
        for told, network in networks
        if any(own.version == network.version and own.overlaps(network) for own in _OWN_NETWORKS)
    ]


def _no_limits(settings: Settings) -> list[str]:
    """Limits that are so high, or off, that they are none."""
    found = [
        f"SKYLEDGER_{name.upper()} is {getattr(settings, name):g}, which is no limit: set it to {most:g} or less."
        for name, most in MOST_IN_PRODUCTION.items()
        if getattr(settings, name) > most
    ]
    if settings.cost_maximum == 0:
        found.append("SKYLEDGER_COST_MAXIMUM is 0, which is no limit: set it to the points a caller may spend at once.")
    return found


def _weak_secrets(settings: Settings) -> list[str]:
    """Secrets that somebody may guess, or that one holder of another has."""
    found = []
    if settings.root_key is not None and len(set(settings.root_key.get_secret_value())) < DISTINCT_CHARACTERS:
        found.append(
            "SKYLEDGER_ROOT_KEY is no random text: set it to the output of `skyledger keys secret`, or unset it."
        )
    if settings.root_key is not None and settings.secret_key is not None and settings.root_key == settings.secret_key:
        found.append(
            "SKYLEDGER_ROOT_KEY is SKYLEDGER_SECRET_KEY: set each to an output of `skyledger keys secret` of its own."
        )
    if settings.credential_keys is not None and _has_weak_key(settings.credential_keys):
        found.append(
            "SKYLEDGER_CREDENTIAL_KEYS has a key that is not random: use the output of `skyledger keys credential`."
        )
    if settings.secret_key is not None and len(set(settings.secret_key.get_secret_value())) < DISTINCT_CHARACTERS:
        found.append("SKYLEDGER_SECRET_KEY is no random text: set it to the output of `skyledger keys secret`.")
    if settings.public_url is not None and settings.public_url.startswith("http://"):
        found.append("SKYLEDGER_PUBLIC_URL is not https: links in mail carry tokens; use https.")
    if settings.api_url is not None and settings.api_url.startswith("http://"):
        found.append("SKYLEDGER_API_URL is not https: sign-ins come back there; use https.")
    return found


def _has_weak_key(keys: SecretStr) -> bool:
    """Whether a key has fewer different bytes than chance ever gives; 32 random bytes have about 30."""
    return any(len(set(key)) < DISTINCT_CHARACTERS for key in read_credential_keys(keys.get_secret_value()).values())


def signing_key(settings: Settings) -> str:
    """The key that signs access tokens: the setting, or one generated once in the data folder (mode 0600)."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    path = settings.data_dir / "secret-key"
    make_once(path, lambda: secrets.token_urlsafe(48))
    return path.read_text().strip()


def make_once(path: Path, text: Callable[[], str]) -> None:
    """Write a file that only its owner may read, unless it is there; whoever starts at the same moment agrees."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".secret-") as file:  # mode 0600
        file.write(text())
        file.flush()
        # A link appears whole or not at all: a process that starts at the same moment reads the winner's text.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(file.name)


def read_credential_keys(text: str) -> dict[str, bytes]:
    """The keys by their ids, the active one first, of `id:base64url` separated by commas or lines.

    Raises ValueError, which says what is wrong and never quotes a key.
    """
    keys: dict[str, bytes] = {}
    for number, part in enumerate(filter(None, (part.strip() for part in text.replace("\n", ",").split(","))), 1):
        key_id, _, encoded = part.partition(":")
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except ValueError:
            key = b""
        if not _KEY_ID.fullmatch(key_id) or len(key) != CREDENTIAL_KEY_BYTES:
            message = f"key {number} is not `id:base64url of 32 bytes`; `skyledger keys credential` prints one"
            raise ValueError(message)
        if key_id in keys:
            message = f"the id of key {number} is given twice"
            raise ValueError(message)
        keys[key_id] = key
    if not keys:
        message = "there is no key in it; `skyledger keys credential` prints one"
        raise ValueError(message)
    return keys


def new_credential_key() -> str:
    """A fresh `id:base64url`, whose id tells the day it was made."""
    key = base64.urlsafe_b64encode(secrets.token_bytes(CREDENTIAL_KEY_BYTES)).rstrip(b"=").decode()
    return f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)}:{key}"
