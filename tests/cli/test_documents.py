"""`skyledger documents`: publishing from files and manifests, all or nothing, listing and withdrawing."""

from __future__ import annotations

import asyncio
import json
from hashlib import md5, sha256
from pathlib import Path

import pytest

from tests.cli.conftest import Command

NAME = "query Name {\n  viewer { user { name } }\n}\n"
OTHER = "query Other { viewer { user { email } } }"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def apollo(*texts: str) -> str:
    operations = [{"id": digest(text), "name": f"n{n}", "type": "query", "body": text} for n, text in enumerate(texts)]
    return json.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}, indent=2)


async def test_publish_list_withdraw(on_engines: Command, tmp_path: Path) -> None:
    folder = tmp_path / "front" / "pages"
    folder.mkdir(parents=True)
    (folder / "name.graphql").write_text(NAME)
    (folder / "variables.json").write_text("{}\n")
    (folder.parent / "persisted.json").write_text(json.dumps({digest(OTHER): OTHER}))
    published = await asyncio.to_thread(on_engines, "documents", "publish", str(folder.parent))
    assert published.exit_code == 0, published.stderr
    assert f"sha256:{digest(NAME)}  published  Name" in published.stdout
    assert "variables.json: skipped" not in published.stdout  # an empty object is an empty manifest of relay-compiler
    assert published.stdout.endswith("2 published, 0 already there.\n")
    again = await asyncio.to_thread(on_engines, "documents", "publish", str(folder / "name.graphql"))
    assert f"sha256:{digest(NAME)}  already there  Name" in again.stdout
    assert again.stdout.endswith("0 published, 1 already there.\n")
    listed = await asyncio.to_thread(on_engines, "documents", "list")
    assert {line.split()[0] for line in listed.stdout.splitlines()} == {f"sha256:{digest(t)}" for t in (NAME, OTHER)}
    gone = await asyncio.to_thread(on_engines, "documents", "withdraw", f"sha256:{digest(NAME)}")
    assert (gone.exit_code, gone.stdout) == (0, f"sha256:{digest(NAME)}  withdrawn\n")
    gone = await asyncio.to_thread(on_engines, "documents", "withdraw", digest(NAME), digest(OTHER))
    assert gone.exit_code == 1
    assert "1 of 2 were not there" in gone.stderr
    listed = await asyncio.to_thread(on_engines, "documents", "list")
    assert listed.stdout == "No document is published.\n"


async def test_every_wrong_document_is_told_and_none_is_published(on_engines: Command, tmp_path: Path) -> None:
    bad = "query Bad {\n  viewer {\n    nonsense\n  }\n}\n"
    (tmp_path / "good.graphql").write_text(NAME)
    (tmp_path / "bad.graphql").write_text(bad)
    (tmp_path / "broken.graphql").write_text("query {\n\n  viewer {")
    (tmp_path / "manifest.json").write_text(apollo(OTHER, bad))
    (tmp_path / "relay.json").write_text(json.dumps({md5(OTHER.encode()).hexdigest(): OTHER}, indent=1))  # noqa: S324
    (tmp_path / "torn.json").write_text('{\n "a": ')
    (tmp_path / "latin.graphql").write_bytes("# é".encode("latin-1"))
    result = await asyncio.to_thread(on_engines, "documents", "publish", str(tmp_path))
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    for name, beginning in {
        "bad.graphql:3": "Cannot query field 'nonsense'",
        "broken.graphql:3": "Syntax Error",
        "manifest.json:12": "n1, line 3 of the document: Cannot query field 'nonsense'",
        "relay.json:2": "document ",
        "torn.json:2": "is not JSON",
        "latin.graphql:1": "cannot be read as UTF-8",
    }.items():
        assert any(line.startswith(f"{tmp_path / name}: {beginning}") for line in lines), (name, lines)
    assert lines[-1] == "error: nothing was published: 6 problems in 6 files."
    listed = await asyncio.to_thread(on_engines, "documents", "list")
    assert listed.stdout == "No document is published.\n"


@pytest.mark.parametrize(
    ("content", "told"), [('{"a": 1}', "is no manifest"), (json.dumps({"format": "x"}), "is no manifest")]
)
def test_a_named_file_that_is_something_else(skyledger: Command, tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    result = skyledger("documents", "publish", str(path))
    assert result.exit_code == 1
    assert told in result.stderr
