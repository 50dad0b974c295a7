"""What Google's JSON files of credentials may say: the one rule for connecting an account and for signing in to it.

Google's library does what such a file says: it calls its URLs, reads its files, runs its programs. So only the few
forms are accepted that reach Google's own token services. No SDK is imported here: a check must cost nothing.
See https://cloud.google.com/docs/authentication/external/externally-sourced-credentials
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from app.providers.gcp.token_files import is_inside

# A URL is held to the one service it is for: under other hosts of googleapis.com, such as storage, anybody can have
# an address of his own. Regional (.rep) and private (.p) names of the services are Google's too.
_TOKEN_SERVICES = {
    "token_uri": ("oauth2", r"/token"),
    "token_url": ("sts", r"/v1/token"),
    "token_info_url": ("sts", r"/v1/introspect"),
    "service_account_impersonation_url": (
        "iamcredentials",
        r"/v1/projects/-/serviceAccounts/[A-Za-z0-9._@%:-]+:generateAccessToken",
    ),
}
_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:"  # noqa: S105  (a name)
_TOKEN_TYPES = frozenset(f"{_TOKEN_TYPE}{name}" for name in ("jwt", "id_token", "saml2"))
# AWS's identity is Skyledger's own, and the tenant names the audience: one tenant could name the pool in which
# another one trusts Skyledger, and sign in there.
_DANGEROUS_SOURCES = {
    "environment_id": "would sign in with Skyledger's own AWS identity",
    "executable": "would run a program on Skyledger's machine",
    "certificate": "would read a certificate of Skyledger's machine",
    "url": "would call an address inside Skyledger's network",
}


def against_service_account(given: Mapping[str, Any], token: str | None) -> Iterator[str]:
    """What is wrong with a service account's key, a sentence each; `token` is the account's own token endpoint."""
    if given.get("type") != "service_account":
        yield "This is not the JSON key of a service account: there is no `type` that says `service_account`."
    yield from _against_texts(given, "client_email", "private_key", *(() if token else ("token_uri",)))
    yield from _against_urls(given, token, "token_uri")


def against_workload_identity(given: Mapping[str, Any], token: str | None, folder: str | None) -> Iterator[str]:
    """What is wrong with a workload identity configuration, whose token has to be a file inside `folder`."""
    if given.get("type") != "external_account":
        yield "This is no workload identity configuration: there is no `type` that says `external_account`."
    yield from _against_source(given.get("credential_source"), folder)
    yield from _against_texts(given, "audience", *(() if token else ("token_url",)))
    yield from _against_urls(given, token, "token_url", "token_info_url", "service_account_impersonation_url")
    if given.get("subject_token_type") not in _TOKEN_TYPES:
        yield f"`subject_token_type` is none of {_TOKEN_TYPE}jwt, id_token and saml2."
    if not str(given.get("audience")).startswith("//iam.googleapis.com/projects/"):
        yield "`audience` names no workload identity pool."


def _against_source(source: object, folder: str | None) -> Iterator[str]:
    if not isinstance(source, dict):
        yield "`credential_source` is missing."
        return
    for key, danger in _DANGEROUS_SOURCES.items():
        if key in source:
            yield f"A `credential_source` with `{key}` is not accepted: it {danger}."
    if not source.keys() <= {"file", "format"}:
        yield "`credential_source` holds more than `file` and `format`."
    if folder is None:
        yield "The account has no folder of its own for tokens: workload identity is off."
    elif not is_inside(folder, source.get("file")):
        yield "`credential_source.file` is no file in the organization's own folder for tokens."
    form = source.get("format", {})
    if not isinstance(form, dict) or form.get("type", "text") not in ("text", "json"):
        yield "`credential_source.format` is neither text nor json."
    elif form.get("type") == "json" and not isinstance(form.get("subject_token_field_name"), str):
        yield "`credential_source.format.subject_token_field_name` is missing."


def _against_texts(given: Mapping[str, Any], *keys: str) -> Iterator[str]:
    if given.get("universe_domain", "googleapis.com") != "googleapis.com":
        yield "`universe_domain` is not googleapis.com; other universes are not supported."
    for key in keys:
        if not isinstance(given.get(key), str) or not given[key]:
            yield f"`{key}` is missing in the JSON."


def _against_urls(given: Mapping[str, Any], token: str | None, *keys: str) -> Iterator[str]:
    """What is wrong with URLs that are neither Google's own nor the account's own token endpoint."""
    for key in keys:
        value = given.get(key)
        service, path = _TOKEN_SERVICES[key]
        host = rf"{service}(?:-[a-z0-9-]+\.p|\.[a-z0-9-]+\.rep)?\.googleapis\.com"
        if value is None or (token is not None and value == token):
            continue
        if not isinstance(value, str) or not re.fullmatch(rf"https://{host}(?::443)?{path}", value):
            yield f"`{key}` is not an https address of {service}.googleapis.com{_found_host(value)}."


def _found_host(value: object) -> str:
    """What host was found instead, if it is one: a URL's other parts may hold a secret."""
    try:
        host = urlsplit(value).hostname if isinstance(value, str) else None
    except ValueError:
        host = None
    return f" (found {host})" if host and re.fullmatch(r"[a-z0-9.-]{1,100}", host) else ""
