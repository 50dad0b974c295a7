"""Token files of workload identity: read anew at each sign-in, and from inside one folder only, whatever links say."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.providers.problems import ProblemCode, ProviderError

FOLDER = "workloadIdentityFolder"
"""The setting of a connection that names the one folder in which its token files may be."""

MOST_BYTES = 65_536
"""Far more than any token has: Google itself takes none of 16 KiB."""

# A pipe would hold up the reader (NONBLOCK); no link is followed, for the path has none left when it is opened.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def is_inside(folder: str | Path, file: object) -> bool:
    """Whether `file`, absolute or relative to `folder`, leads into the folder once links and `..` are followed."""
    if not isinstance(file, str) or not file or "\x00" in file:
        return False
    root = Path(folder).resolve()
    found = Path(folder, file).resolve()
    return found != root and found.is_relative_to(root)


def read_token(folder: str | Path, source: Mapping[str, Any]) -> str:
    """The token in the `file` of a credential source, in its `format`.

    Raises ProviderError(CREDENTIALS), which tells neither the path nor anything of the content.
    """
    try:
        token = _token(_content(Path(folder), source["file"]), source.get("format") or {})
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        token = ""
    if not token:
        raise ProviderError(
            ProblemCode.CREDENTIALS,
            "The token file of the workload identity is not there, lies outside the organization's folder, or holds "
            "no token.",
            "Let the identity provider write it into the organization's folder on the machines of Skyledger's API and "
            "workers; it is read again at each sign-in.",
        )
    return token


def _content(folder: Path, file: str) -> bytes:
    """What is in the file. Raises OSError or ValueError.

    Links may change at any moment, as they do when Kubernetes renews a token. So the place where they lead now is
    looked up, and then walked to from the folder, name by name, without following any.
    """
    root = folder.resolve(strict=True)
    *folders, name = (root / folder / file).resolve(strict=True).relative_to(root).parts
    place = os.open(root, os.O_DIRECTORY | _FLAGS)
    try:
        for part in folders:
            inner = os.open(part, os.O_DIRECTORY | _FLAGS, dir_fd=place)
            os.close(place)
            place = inner
        descriptor = os.open(name, _FLAGS, dir_fd=place)
    finally:
        os.close(place)
    with os.fdopen(descriptor, "rb") as opened:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            message = "no token file"
            raise ValueError(message)
        return opened.read(MOST_BYTES)


def _token(content: bytes, form: Mapping[str, Any]) -> str:
    text = content.decode()
    if form.get("type") == "json":
        text = json.loads(text)[form["subject_token_field_name"]]
    return text.strip() if isinstance(text, str) else ""
