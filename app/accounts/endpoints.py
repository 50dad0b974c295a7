"""Endpoint URLs of accounts: the providers' own hosts, and those that the operator allows, never any other.

A URL that a customer chooses is called from inside our network, so it must not lead to what only we can reach.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

from app.errors import BadUserInputError
from app.providers.aws.endpoint_names import ASSUME_ROLE_AT, SERVICES
from app.records import ConnectionMethod, Provider

ENDPOINTS = "endpoints"
MOST_ENDPOINTS = 50
LONGEST_URL = 2_048
SETTING = "SKYLEDGER_ENDPOINT_HOSTS"
ALL = "*"
HTTPS_PORT = 443
_NAMES = {
    Provider.AWS: SERVICES,
    Provider.AZURE: frozenset({"management", "authority", "blob"}),
    Provider.GCP: frozenset({"bigquery", "cloudasset", "cloudresourcemanager", "monitoring", "recommender", "token"}),
    Provider.MICROSOFT_365: frozenset({"authority", "graph"}),
}
_LABEL = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
_REGION = r"[a-z]{2,8}(-[a-z]{2,16}){1,3}-[0-9]{1,2}"
# Hosts at which the providers themselves answer, sovereign clouds included. Customers answer at other names of the same
# domains: buckets, load balancers, search and message services, machines, and endpoints of services of their own
# (`vpce-svc-…`). Of Azure only the two services that are called: the sign-in carries a secret.
# https://docs.aws.amazon.com/general/latest/gr/rande.html
_HOSTS = {
    Provider.AWS: re.compile(
        rf"{_LABEL}(\.dualstack)?(\.{_REGION})?\.(amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|api\.aws)"
        rf"|((bucket|accesspoint|control)\.)?vpce-[a-z0-9-]{{1,80}}(\.(?!vpce-|execute-api){_LABEL}){{1,2}}\.{_REGION}"
        r"\.vpce\.amazonaws\.com(\.cn)?"
    ),
    Provider.AZURE: re.compile(
        rf"({_LABEL}\.)?management\.azure\.com|management\.core\.windows\.net|login\.microsoftonline\.com"
        r"|login\.windows\.net|management\.usgovcloudapi\.net|login\.microsoftonline\.us"
        r"|management\.chinacloudapi\.cn|management\.azure\.cn|login\.chinacloudapi\.cn"
        r"|login\.partner\.microsoftonline\.cn"
    ),
    Provider.GCP: re.compile(rf"{_LABEL}\.googleapis\.com"),
    Provider.MICROSOFT_365: re.compile(
        r"graph\.microsoft\.com|(dod-)?graph\.microsoft\.us|microsoftgraph\.chinacloudapi\.cn"
        r"|login\.microsoftonline\.(com|us)|login\.windows\.net|login\.chinacloudapi\.cn"
        r"|login\.partner\.microsoftonline\.cn"
    ),
}
_EXAMPLES = {
    Provider.AWS: "https://ec2.eu-central-1.amazonaws.com",
    Provider.AZURE: "https://management.azure.com",
    Provider.GCP: "https://cloudasset.googleapis.com",
    Provider.MICROSOFT_365: "https://graph.microsoft.com",
}
# Google's token services are called at a path; anybody may have an object at a path of its storage.
_PATHS = {
    "oauth2.googleapis.com": "/token",
    "sts.googleapis.com": "/v1/token",
}


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
        names = _NAMES.get(provider, frozenset())
        if service not in names | {ALL}:
            message = (
                f"There is no such service: `service` is one of {', '.join(sorted(names))}, or `*` for all of them."
            )
            raise BadUserInputError(message, path=(*place, "service"))
        if service in found:
            message = f"`{service}` has two endpoints; send one."
            raise BadUserInputError(message, path=(*place, "service"))
        found[service] = checked_url(provider, url, hosts, (*place, "url"))
    return found


def checked_url(provider: Provider, url: str, hosts: Sequence[str], path: tuple[str, ...]) -> str:
    """The URL, without a slash at its end, when it may be called. Raises BadUserInputError."""
    if not is_allowed(provider, url, hosts):
        message = (
            f"This URL cannot be used: it must be https on a host of {provider} itself, such as {_EXAMPLES[provider]}, "
            "without a port, user, path, query or fragment. For private endpoints and emulators the operator of "
            f"Skyledger lists further hosts in {SETTING}."
        )
        raise BadUserInputError(message, path=path)
    return url.strip().rstrip("/")


def is_allowed(provider: Provider, url: str, hosts: Sequence[str]) -> bool:
    """Whether an endpoint may be called: https on a provider's own host, anything on a host of the setting."""
    found = _split(url)
    if found is None:
        return False
    if is_listed(url, hosts):
        return True
    parts, port = found
    host, own = parts.hostname or "", _HOSTS.get(provider)
    if own is None or parts.scheme != "https" or port != HTTPS_PORT or parts.path not in {"", "/", _PATHS.get(host)}:
        return False
    return own.fullmatch(host) is not None


def is_listed(url: str, hosts: Sequence[str]) -> bool:
    """Whether an endpoint is on a host that the operator lists, each a host or `host:port`."""
    found = _split(url)
    if found is None:
        return False
    host, port = found[0].hostname or "", found[1]
    named = {entry.lower() for entry in hosts}
    return host in named or f"{host}:{port}" in named or f"[{host}]:{port}" in named


def with_sign_in(settings: Mapping[str, Any], method: ConnectionMethod, hosts: Sequence[str]) -> dict[str, Any]:
    """The settings with where Skyledger's own credentials may go to assume the role: AWS alone, or a listed host.

    Anywhere else they would be signed for a place that the customer chose.
    """
    kept = {name: value for name, value in settings.items() if name != ASSUME_ROLE_AT}
    endpoints = settings.get(ENDPOINTS) or {}
    url = endpoints.get("sts") or endpoints.get(ALL)
    if method is ConnectionMethod.AWS_ROLE and url and is_listed(url, hosts):
        kept[ASSUME_ROLE_AT] = url
    return kept


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
