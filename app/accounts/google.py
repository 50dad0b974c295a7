"""Google's JSON files of credentials: what is known of them is kept, what could lead elsewhere is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from app.errors import BadUserInputError
from app.providers.gcp.credential_files import against_service_account, against_workload_identity
from app.providers.gcp.token_files import is_inside

FOLDER_SETTING = "SKYLEDGER_WORKLOAD_IDENTITY_DIR"
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  (a public address)
# Google's earlier address, which old keys still name. The present one does the same and takes its place.
_EARLIER_TOKEN_URL = "https://accounts.google.com/o/oauth2/token"  # noqa: S105  (a public address)
_PROJECT = re.compile(r"(?:[a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_NUMBER = re.compile(r"\d{1,20}")
_KEPT_OF_KEY = ("type", "project_id", "private_key_id", "private_key", "client_email", "client_id", "token_uri")
_KEPT_OF_CONFIGURATION = (
    "type",
    "audience",
    "subject_token_type",
    "token_url",
    "service_account_impersonation_url",
)


@dataclass(frozen=True)
class Google:
    """What is known beside the files: the operator's folder, and the endpoint `token` that was sent along."""

    folder: Path | None = None
    """It has the tokens of workload identity, those of each organization in a folder of its own."""
    token: str | None = None

    def folder_of(self, organization_id: UUID) -> str | None:
        """The organization's own folder; links in it are followed when it is read, for they may change."""
        return None if self.folder is None else str(self.folder.absolute() / str(organization_id))


def service_account(text: str, google: Google, path: tuple[str, ...]) -> str:
    """The known fields of a service account's key, as JSON. Raises BadUserInputError.

    The rule is that of the provider's room, so that what is accepted here signs in there.
    """
    sent = dict(_json(text, "service_account", path))
    if sent.get("token_uri", _EARLIER_TOKEN_URL) == _EARLIER_TOKEN_URL:
        sent["token_uri"] = TOKEN_URL
    _accept(against_service_account(sent, google.token), path)
    return orjson.dumps({name: sent[name] for name in _KEPT_OF_KEY if isinstance(sent.get(name), str)}).decode()


def workload_identity(text: str, google: Google, organization_id: UUID, path: tuple[str, ...]) -> str:
    """The known fields of a configuration of workload identity federation, as JSON. Raises BadUserInputError.

    Its token comes from a file in the organization's own folder. Any other source is ours: it would let one
    organization sign in with what another one trusts, or read our files.
    """
    sent = _json(text, "external_account", path)
    source, folder = sent.get("credential_source"), google.folder_of(organization_id)
    if folder is None:
        message = f"workload identity is off here: the operator of Skyledger sets {FOLDER_SETTING}."
        raise _bad(path, message)
    kept = {name: sent[name] for name in _KEPT_OF_CONFIGURATION if isinstance(sent.get(name), str)}
    token = _token_file(source if isinstance(source, dict) else {}, folder)
    if token is None:
        message = f"`credential_source` must have a `file` in the folder {organization_id} of {FOLDER_SETTING}."
        raise _bad(path, message)
    _accept(against_workload_identity(dict(sent) | {"credential_source": token}, google.token, folder), path)
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


def _accept(reasons: Iterator[str], path: tuple[str, ...]) -> None:
    """Nothing, unless there is a reason against what was sent."""
    for why in reasons:
        raise _bad(path, why)


def _token_file(source: Mapping[str, Any], folder: str) -> dict[str, Any] | None:
    """The source with its file's whole path, and with what is known of its format; None for what is no such file."""
    file = source.get("file")
    if not isinstance(file, str) or not is_inside(folder, file):
        return None
    found: dict[str, Any] = {"file": str(Path(folder, file))}
    form = source.get("format")
    if isinstance(form, dict):
        kept = ("type", "subject_token_field_name")
        found["format"] = {name: form[name] for name in kept if isinstance(form.get(name), str)}
    return found


def _bad(path: tuple[str, ...], message: str) -> BadUserInputError:
    return BadUserInputError(f"`{path[-1]}` cannot be used: {message}", path=path)
