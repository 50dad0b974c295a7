"""Endpoint URLs of accounts: the providers' own hosts, and those that the operator allows, never any other.

A URL that a customer chooses is called from inside our network, so it must not lead to what only we can reach.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from app.errors import BadUserInputError
from app.records import Provider

ENDPOINTS = "endpoints"
MOST_ENDPOINTS = 50
LONGEST_URL = 2_048
SETTING = "SKYLEDGER_ENDPOINT_HOSTS"
_SERVICE = re.compile(r"\*|[a-z][a-z0-9-]{0,62}")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
# The providers' own domains, sovereign clouds included. Of Azure only the two services that are called: elsewhere
# under azure.com and windows.net customers answer (Logic Apps, Relay, machines), and the sign-in carries a secret.
_DOMAINS = {
    Provider.AWS: ("amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws"),
    Provider.AZURE: (
        "management.azure.com",
        "management.core.windows.net",
        "login.microsoftonline.com",
        "login.windows.net",
        "management.usgovcloudapi.net",
        "login.microsoftonline.us",
        "management.chinacloudapi.cn",
        "management.azure.cn",
        "login.chinacloudapi.cn",
        "login.partner.microsoftonline.cn",
    ),
    Provider.GCP: ("googleapis.com",),
}
# Labels of AWS's domains under which customers answer.
_CUSTOMERS_OWN = frozenset({"compute", "compute-1", "elb", "execute-api"})


def checked_endpoints(provider: Provider, sent: Sequence[tuple[str, str]], hosts: Sequence[str]) -> dict[str, str]:
    """URLs by service. Raises BadUserInputError with the place of the wrong one in `endpoints`.

    `hosts` are those of the setting, each a host or `host:port`.
    """
    path = ("input", ENDPOINTS)
    if len(sent) > MOST_ENDPOINTS:
        message = f"`endpoints` has {len(sent)} entries; at most {MOST_ENDPOINTS} are allowed."
        raise BadUserInputError(message, path=path)
    found: dict[str, str] = {}
    for number, (service, url) in enumerate(sent):
        place = (*path, str(number))
        if not _SERVICE.fullmatch(service):
            message = "`service` must be a service's name such as `ec2`, or `*` for all of them."
            raise BadUserInputError(message, path=(*place, "service"))
        if service in found:
            message = f"`{service}` has two endpoints; send one."
            raise BadUserInputError(message, path=(*place, "service"))
        found[service] = checked_url(provider, url, hosts, (*place, "url"))
    return found


def checked_url(provider: Provider, url: str, hosts: Sequence[str], path: tuple[str, ...]) -> str:
    """The URL, without a slash at its end, when it may be called. Raises BadUserInputError."""
    if not is_allowed(provider, url, hosts):
        domains = ", ".join(_DOMAINS.get(provider, ()))
        message = (
            f"This URL cannot be used: it must be https, without a user, a query or a fragment, on one of the "
            f"provider's own domains ({domains}). For private endpoints and emulators the operator of Skyledger "
            f"lists further hosts in {SETTING}."
        )
        raise BadUserInputError(message, path=path)
    return url.strip().rstrip("/")


def is_allowed(provider: Provider, url: str, hosts: Sequence[str]) -> bool:
    """Whether an endpoint may be called: https on a provider's own host, anything on a host of the setting."""
    found = _split(url)
    if found is None:
        return False
    parts, port = found
    host = parts.hostname or ""
    named = {entry.lower() for entry in hosts}
    if host in named or f"{host}:{port}" in named or f"[{host}]:{port}" in named:
        return True
    if parts.scheme != "https" or not _HOST.fullmatch(host):
        return False
    if not any(host == domain or host.endswith(f".{domain}") for domain in _DOMAINS.get(provider, ())):
        return False
    return provider is not Provider.AWS or _CUSTOMERS_OWN.isdisjoint(host.split("."))


def _split(url: str) -> tuple[SplitResult, int] | None:
    """The parts of a URL and its port; None for what is no plain URL of a server. `host:port` stands for https."""
    text = url.strip()
    if len(text) > LONGEST_URL or not text.isascii() or re.search(r"[\s\\\x00-\x1f\x7f]", text):
        return None
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    if parts.username is not None or parts.password is not None or "?" in text or "#" in text:
        return None
    return parts, port or (443 if parts.scheme == "https" else 80)
