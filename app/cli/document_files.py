"""Reads documents from files: `*.graphql`, and the manifests of relay-compiler and of Apollo's generator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

_DOCUMENT_SUFFIXES = {".graphql", ".gql"}
_APOLLO = "apollo-persisted-query-manifest"
_SHA256_DIGITS = 64


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong, and where."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Found:
    """A document and where it stands: from the first line of a file of its own, or in one line of a manifest."""

    path: Path
    text: str
    manifest_line: int | None = None
    name: str = ""

    def problem(self, line: int, message: str) -> Problem:
        """A problem in a line of the document."""
        if self.manifest_line is None:
            return Problem(self.path, line, message)
        return Problem(self.path, self.manifest_line, f"{self.name}, line {line} of the document: {message}")


@dataclass(slots=True)
class Reading:
    """What was found in all files, what is wrong with some, and JSON files of folders that are something else."""

    found: list[Found] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)


def read_documents(paths: Sequence[Path]) -> Reading:
    """Every document of files and of folders, at any depth; what cannot be read is told, never raised."""
    reading = Reading()
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.suffix in {*_DOCUMENT_SUFFIXES, ".json"})
            for each in inside:
                _read(each, reading, named=False)
        else:
            _read(path, reading, named=True)
    return reading


def _read(path: Path, reading: Reading, *, named: bool) -> None:
    try:
        # The exact text counts, line ends too: it is what the SHA-256 is of.
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reading.problems.append(Problem(path, 1, f"cannot be read as UTF-8: {error}"))
        return
    if path.suffix != ".json":
        reading.found.append(Found(path, text))
        return
    try:
        manifest = json.loads(text)
    except json.JSONDecodeError as error:
        reading.problems.append(Problem(path, error.lineno, f"is not JSON: {error.msg}"))
        return
    entries = _entries(manifest)
    if entries is not None:
        _read_manifest(path, text, entries, reading)
    elif named:
        reading.problems.append(Problem(path, 1, "is no manifest of relay-compiler or of Apollo"))
    else:
        reading.skipped.append(path)


def _entries(manifest: Any) -> list[tuple[str, str, str]] | None:
    """Id, name and text of each operation; None where this is no manifest."""
    if not isinstance(manifest, dict):
        return None
    if manifest.get("format") == _APOLLO:
        operations = manifest.get("operations")
        if not isinstance(operations, list) or not all(isinstance(each, dict) for each in operations):
            return None
        entries = [(each.get("id"), each.get("name"), each.get("body")) for each in operations]
    else:
        entries = [(key, f"document {key[:12]}…", value) for key, value in manifest.items()]
        if not all(isinstance(value, str) and _is_digest(key) for key, _, value in entries):
            return None
    if not all(isinstance(value, str) for entry in entries for value in entry):
        return None
    return [(str(id_), str(name), str(text)) for id_, name, text in entries]


def _is_digest(key: str) -> bool:
    """Whether a key is one of relay-compiler's: MD5, SHA-1 or SHA-256."""
    return len(key) in {32, 40, _SHA256_DIGITS} and set(key) <= set("0123456789abcdef")


def _read_manifest(path: Path, raw: str, entries: Sequence[tuple[str, str, str]], reading: Reading) -> None:
    for (id_, name, text), line in zip(entries, _lines_of(raw, [id_ for id_, _, _ in entries]), strict=True):
        if sha256(text.encode()).hexdigest() == id_:
            reading.found.append(Found(path, text, line, name))
        else:
            message = (
                f"{name}: its id is not the SHA-256 of its text: with relay-compiler set `persistConfig.algorithm` to "
                "SHA256, with Apollo leave `createOperationId` out"
            )
            reading.problems.append(Problem(path, line, message))


def _lines_of(raw: str, ids: Sequence[str]) -> Iterator[int]:
    """The line in which each id stands."""
    for id_ in ids:
        place = raw.find(json.dumps(id_))
        yield raw.count("\n", 0, max(place, 0)) + 1
