"""What makes settings unfit for production."""

from __future__ import annotations

import ipaddress

from pydantic import SecretStr

from app.config.keys import read_credential_keys
from app.config.settings import Settings

DISTINCT_CHARACTERS = 12  # 48 random characters of 64 have about 34
# Limits that a setting may raise without bound; beyond these a single caller may hold up everybody.
MOST_IN_PRODUCTION = {
    "body_bytes": 268_435_456,
    "anonymous_body_bytes": 16_777_216,
    "statement_seconds": 300,
    "execution_seconds": 300,
    "websocket_frame_bytes": 16_777_216,
    "websocket_init_seconds": 120,
    "websocket_idle_seconds": 3_600,
    "streams": 100_000,
    "streams_per_caller": 10_000,
    "streams_per_address": 10_000,
    "shutdown_seconds": 300,
}

# The machine itself, and what its provider tells it of its own credentials.
_OWN_NETWORKS = tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10")))


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
