"""Production does not start with what makes it insecure: each setting is named, and its mend."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from app.cli.commands import app
from app.config import MOST_IN_PRODUCTION, Settings, insecurities, new_credential_key

SECRET = "mK3xP9vL2qR7wT5yU8nB4cD6fG1hJ0aZsEoIkQ"
ROOT = "Zx8Cv5Bn2Ml9Kj6Hg3Fd0Sa7Qw4Er1TyUiOpRt"
SAFE: dict[str, Any] = {
    "environment": "production",
    "secret_key": SecretStr(SECRET),
    "root_key": SecretStr(ROOT),
    "credential_keys": SecretStr(new_credential_key()),
    "database_url": "postgresql://app:x@db/skyledger",
    "redis_url": "redis://cache:6379/0",
    "cors_origins": ("https://app.example.com",),
    "trusted_proxies": ("10.0.0.0/8",),
}
UNSAFE: tuple[tuple[str, Any], ...] = (
    ("secret_key", None),
    ("secret_key", SecretStr("changeme" * 5)),
    ("root_key", SecretStr("a" * 64)),
    ("root_key", SecretStr(SECRET)),
    ("credential_keys", None),
    ("credential_keys", SecretStr("first:" + "A" * 43)),
    ("database_url", None),
    ("redis_url", None),
    ("cors_origins", ("https://app.example.com", "*")),
    ("cors_origins", ("https://*.example.com",)),
    ("cors_origins", ("null",)),
    ("trusted_proxies", ("*",)),
    ("trusted_proxies", ("0.0.0.0/0",)),
    ("trusted_proxies", ("::/0",)),
    ("introspection", "public"),
    ("cost_maximum", 0),
    ("public_url", "http://skyledger.example.com"),
    *((name, most + 1) for name, most in MOST_IN_PRODUCTION.items()),
)


def test_what_is_fit_is_let_through() -> None:
    assert insecurities(Settings(**SAFE)) == []
    assert insecurities(Settings(**{**SAFE, **MOST_IN_PRODUCTION, "root_key": None})) == []


@pytest.mark.parametrize(("name", "value"), UNSAFE)
def test_each_insecure_setting_is_named(name: str, value: Any) -> None:
    (told,) = insecurities(Settings(**{**SAFE, name: value}))
    assert told.startswith(f"SKYLEDGER_{name.upper()} ")
    assert told.endswith(".")
    assert any(word in told for word in ("set it to", "set each", "use ", "name ", "list ", "is for one machine")), told
    for secret in (SECRET, ROOT, "changeme"):
        assert secret not in told


def test_every_limit_without_a_bound_of_its_own_has_one_here() -> None:
    """A limit that could be raised without end would be none; whoever adds one has to say how far it goes."""
    limits = {"body_bytes", "anonymous_body_bytes", "websocket_frame_bytes"}
    limits |= {name for name in Settings.model_fields if name.startswith(("document_", "execution_", "websocket_"))}
    limits |= {name for name in Settings.model_fields if name.startswith(("statement_", "login_attempts"))}
    for name in limits:
        bounds = [each for each in Settings.model_fields[name].metadata if hasattr(each, "le")]
        assert bounds or name in MOST_IN_PRODUCTION, name


def test_the_command_refuses_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYLEDGER_ENVIRONMENT", "production")
    monkeypatch.setenv("SKYLEDGER_CORS_ORIGINS", "*")
    for command in ("serve", "worker"):
        result = CliRunner().invoke(app, [command])
        assert result.exit_code == 1
        for name in ("SECRET_KEY", "CREDENTIAL_KEYS", "CORS_ORIGINS", "DATABASE_URL", "REDIS_URL"):
            assert f"SKYLEDGER_{name}" in result.stderr, command
