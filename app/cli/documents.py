"""`skyledger documents`: the allow-list of documents that frontends name by their SHA-256."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from sqlalchemy import RowMapping

from app.cli.document_files import Found, Problem, read_documents
from app.cli.operator import as_platform_operator
from app.cli.terminal import errors, fail, out, settings_or_exit
from app.database import Database
from app.resolvers.roots import make_schema
from app.server.documents import Documents
from app.server.limits import Limits
from app.server.masking import Refusal
from app.trusted_documents import PublishedDocument, publish, published, withdraw

_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def run_publish(paths: Sequence[Path]) -> None:
    """Publish every document of files and folders, or none; what is there already stays."""
    reading = read_documents(paths)
    checked, wrong = _check(reading.found)
    problems = [*reading.problems, *wrong]
    for each in reading.skipped:
        _say(f"{each}: skipped, it is no manifest of documents.")
    for problem in sorted(problems):
        errors.print(str(problem), highlight=False, markup=False, soft_wrap=True)
    if problems:
        message = f"nothing was published: {len(problems)} problems in {len({each.path for each in problems})} files."
        raise fail(message)
    if not checked:
        message = "there is no document: name folders with *.graphql files or a manifest, or such files."
        raise fail(message)
    documents = [document for _, document in checked]

    async def act(database: Database) -> set[bytes]:
        return await publish(database, documents)

    added = as_platform_operator(act)
    for found, document in checked:
        state = "published" if document.digest in added else "already there"
        _say(f"sha256:{document.digest.hex()}  {state}  {document.names} ({found.path})")
    _say(f"{len(added):,} published, {len({each.digest for each in documents}) - len(added):,} already there.")


def run_list() -> None:
    """Show what is published."""
    rows: Sequence[RowMapping] = as_platform_operator(published)
    for row in rows:
        _say(f"sha256:{row['digest'].hex()}  {row['published_at']:%Y-%m-%d %H:%M}  {row['names']}")
    if not rows:
        _say("No document is published.")


def run_withdraw(ids: Collection[str]) -> None:
    """Withdraw documents by their ids; all of them have to be there."""
    found = {each: _ID.fullmatch(each) for each in ids}
    if wrong := sorted(each for each, match in found.items() if match is None):
        message = f"{wrong[0]!r} is no id of a document; `skyledger documents list` shows them."
        raise fail(message)
    digests = {bytes.fromhex(match[1]) for match in found.values() if match is not None}

    async def act(database: Database) -> set[bytes]:
        return await withdraw(database, digests)

    gone = as_platform_operator(act)
    for digest in sorted(digests):
        _say(f"sha256:{digest.hex()}  {'withdrawn' if digest in gone else 'was not there'}")
    if gone != digests:
        message = f"{len(digests - gone)} of {len(digests)} were not there."
        raise fail(message)


def _check(found: Sequence[Found]) -> tuple[list[tuple[Found, PublishedDocument]], list[Problem]]:
    """The documents that this server's schema and limits accept, and what is wrong with the others."""
    load = _loader()
    checked, problems = [], []
    for each in found:
        try:
            names = load(each.text)
        except Refusal as refusal:
            for fault in refusal.faults:
                places = fault.locations or ((1, 0),)
                problems.append(each.problem(places[0][0], fault.message))
        else:
            checked.append((each, PublishedDocument(each.text, names)))
    return checked, problems


def _loader() -> Callable[[str], str]:
    """What gives the names of a document's operations, or raises Refusal."""
    schema = make_schema()
    documents = Documents(schema._schema, Limits.from_settings(settings_or_exit()))  # noqa: SLF001 (as the server)

    def load(text: str) -> str:
        return ", ".join(name or "(no name)" for name in documents.load(text).operations)

    return load


def _say(line: str) -> None:
    out.print(line, highlight=False, markup=False, soft_wrap=True)
