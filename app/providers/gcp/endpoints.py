"""Addresses of Google's APIs: its own, or those that an account's settings name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from app.providers.problems import ProblemCode, ProviderError

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class GrpcEndpoint:
    """Where a gRPC channel leads. Plain text is for loopback only, where emulators and tests listen."""

    address: str
    """host:port"""
    is_plaintext: bool = False


def grpc_endpoint(value: str, name: str) -> GrpcEndpoint:
    """Read `host:port` or a URL; `name` is the setting's. Raises ProviderError(CREDENTIALS).

    Names of other kinds that gRPC knows, such as `unix:/path`, are none: they would reach past the network.
    """
    parts = _split(value if "://" in value else f"//{value}", name)
    host = parts.hostname or ""
    if parts.scheme not in {"", "http", "https"} or parts.path.strip("/") or parts.query or parts.fragment:
        raise _not_an_address(name)
    is_loopback = loopback(host)
    if parts.scheme == "http" and not is_loopback:
        raise _not_an_address(name)
    is_plaintext = is_loopback and parts.scheme != "https"
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return GrpcEndpoint(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", is_plaintext)


def token_endpoint(value: str) -> str:
    """The URL as given, if it is https, or http on loopback. Raises ProviderError(CREDENTIALS)."""
    name = "token"
    parts = _split(value, name)
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback(parts.hostname or "")):
        raise _not_an_address(name)
    return value


def loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split(value: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _not_an_address(name) from None
    if host is None or parts.username is not None or parts.password is not None:
        raise _not_an_address(name)
    if not _HOST.fullmatch(host):
        try:
            ip_address(host)
        except ValueError:
            raise _not_an_address(name) from None
    return parts


def _not_an_address(name: str) -> ProviderError:
    return ProviderError(
        ProblemCode.CREDENTIALS,
        f"The endpoint `{name}` of the account is not usable.",
        "Give it as host:port or as an https URL; http is accepted for addresses of the same machine only.",
    )
