"""Google's JSON files of credentials: what is known of them is kept, what could lead elsewhere is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from app.accounts.endpoints import SETTING, is_allowed
from app.errors import BadUserInputError
from app.records import Provider

FOLDER_SETTING = "SKYLEDGER_WORKLOAD_IDENTITY_DIR"
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  (a public address)
_UNIVERSE = "googleapis.com"
# Google's earlier address, which old keys still name; it does the same.
_ACCOUNTS_GOOGLE = frozenset({"https://accounts.google.com/o/oauth2/token"})
_PROJECT = re.compile(r"(?:[a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_NUMBER = re.compile(r"\d{1,20}")
_KEPT_OF_KEY = ("type", "project_id", "private_key_id", "private_key", "client_email", "client_id")
_KEPT_OF_CONFIGURATION = (
    "type",
    "audience",
    "subject_token_type",
    "token_url",
    "service_account_impersonation_url",
    "workforce_pool_user_project",
)


@dataclass(frozen=True)
class Google:
    """What the operator allows: hosts besides Google's own, and a folder with the tokens of workload identity."""

    hosts: tuple[str, ...] = ()
    folder: Path | None = None


def service_account(text: str, google: Google, path: tuple[str, ...]) -> str:
    """The known fields of a service account's key, as JSON. Raises BadUserInputError.

    `token_uri` and `universe_domain` decide where Google's library sends things, so they are held to Google's own.
    """
    sent = _json(text, "service_account", path)
    for name in ("private_key", "client_email"):
        if not isinstance(sent.get(name), str) or not sent[name]:
            raise _bad(path, f"`{name}` is missing in it.")
    _check_universe(sent, path)
    token_url = sent.get("token_uri", TOKEN_URL)
    if token_url not in _ACCOUNTS_GOOGLE:
        _check_url(token_url, "token_uri", google, path)
    kept = {name: sent[name] for name in _KEPT_OF_KEY if isinstance(sent.get(name), str)}
    return orjson.dumps(kept | {"token_uri": token_url}).decode()


def workload_identity(text: str, google: Google, organization_id: UUID, path: tuple[str, ...]) -> str:
    """The known fields of a configuration of workload identity federation, as JSON. Raises BadUserInputError.

    Its token comes from a file in the organization's own folder. Any other source is ours: it would let one
    organization sign in with what another one trusts, or read our files.
    """
    sent = _json(text, "external_account", path)
    for name in ("audience", "subject_token_type", "token_url"):
        if not isinstance(sent.get(name), str) or not sent[name]:
            raise _bad(path, f"`{name}` is missing in it.")
    _check_universe(sent, path)
    for name in ("token_url", "service_account_impersonation_url"):
        if name in sent:
            _check_url(sent[name], name, google, path)
    kept = {name: sent[name] for name in _KEPT_OF_CONFIGURATION if isinstance(sent.get(name), str)}
    source = sent.get("credential_source")
    token = _token_file(source if isinstance(source, dict) else {}, google, organization_id, path)
    return orjson.dumps(kept | {"credential_source": token}).decode()


def checked_gcp_scope(
    projects: list[str] | None, organization: str | None, folder: str | None, path: tuple[str, ...]
) -> list[str]:
    """The native ids of what is to be connected: projects, or one organization, or one folder."""
    given = [value for value in (projects, organization, folder) if value is not None]
    if len(given) != 1:
        message = "Send exactly one of `projects`, `organization` and `folder`."
        raise BadUserInputError(message, path=path)
    for name, number in (("organization", organization), ("folder", folder)):
        if number is not None:
            digits = number.strip().removeprefix(f"{name}s/")
            if not _NUMBER.fullmatch(digits):
                message = f"`{name}` must be its number."
                raise BadUserInputError(message, path=(*path, name))
            return [f"{name}s/{digits}"]
    found = [project.strip() for project in projects or ()]
    for index, project in enumerate(found):
        if not _PROJECT.fullmatch(project):
            message = "This is no id of a project, which has 6 to 30 lower-case letters, digits and hyphens."
            raise BadUserInputError(message, path=(*path, "projects", str(index)))
    return found


def _json(text: str, type_: str, path: tuple[str, ...]) -> Mapping[str, Any]:
    try:
        sent = orjson.loads(text)
    except orjson.JSONDecodeError:
        sent = None
    if not isinstance(sent, dict) or sent.get("type") != type_:
        message = f'it must be the text of the JSON file that Google gives, with `"type": "{type_}"`.'
        raise _bad(path, message)
    return sent


def _check_universe(sent: Mapping[str, Any], path: tuple[str, ...]) -> None:
    if sent.get("universe_domain", _UNIVERSE) != _UNIVERSE:
        raise _bad(path, f"`universe_domain` must be {_UNIVERSE}; others are not supported.")


def _check_url(url: object, name: str, google: Google, path: tuple[str, ...]) -> None:
    if not isinstance(url, str) or not is_allowed(Provider.GCP, url, google.hosts):
        message = f"`{name}` in it must be https on googleapis.com, or on a host that the operator lists in {SETTING}."
        raise _bad(path, message)


def _token_file(
    source: Mapping[str, Any], google: Google, organization_id: UUID, path: tuple[str, ...]
) -> dict[str, Any]:
    if google.folder is None:
        message = f"workload identity is off here: the operator of Skyledger sets {FOLDER_SETTING}."
        raise _bad(path, message)
    folder = (google.folder / str(organization_id)).resolve()
    file = source.get("file")
    if not isinstance(file, str) or "\x00" in file or not _is_inside(folder, file):
        message = f"`credential_source` must have a `file` in the folder {organization_id} of {FOLDER_SETTING}."
        raise _bad(path, message)
    found: dict[str, Any] = {"file": str((folder / file).resolve())}
    form = source.get("format")
    if isinstance(form, dict) and form.get("type") in {"text", "json"}:
        kept = ("type", "subject_token_field_name")
        found["format"] = {name: form[name] for name in kept if isinstance(form.get(name), str)}
    return found


def _is_inside(folder: Path, file: str) -> bool:
    # Resolved: neither `..` nor a link leads out. A relative name stands for a file of the folder.
    resolved = (folder / file).resolve()
    return resolved != folder and resolved.is_relative_to(folder)


def _bad(path: tuple[str, ...], message: str) -> BadUserInputError:
    return BadUserInputError(f"`{path[-1]}` cannot be used: {message}", path=path)
