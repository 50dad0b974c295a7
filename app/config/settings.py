"""The settings as a whole, and reading them from the environment."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.config.cloud_settings import CloudSettings
from app.config.file_settings import FileSettings
from app.config.keys import read_credential_keys
from app.config.server_settings import ServerSettings
from app.config.sign_in_settings import SignInSettings
from app.errors import ConfigurationError
from app.smtp_server import read_smtp_url

MINIMUM_SECRET_LENGTH = 32


class EngineSettings(BaseSettings):
    """A part of Settings: where it runs, on which engines, and what it tells its operator."""

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
    queued_jobs_per_organization: int = Field(
        default=1_000,
        ge=1,
        le=100_000,
        description="Jobs of one organization's callers that may wait to run; a call that asks for more is refused "
        "with RATE_LIMITED. Jobs of schedules and of Skyledger itself never are.",
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


class Settings(FileSettings, CloudSettings, ServerSettings, SignInSettings, EngineSettings):
    """Every setting of Skyledger. Environment variables are `SKYLEDGER_` + the name in capitals."""

    model_config = SettingsConfigDict(env_prefix="SKYLEDGER_", frozen=True, extra="ignore", populate_by_name=True)

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
