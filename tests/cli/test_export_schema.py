"""`skyledger export-schema`: writes the schema, and tells when the file in the repository is stale."""

from __future__ import annotations

from pathlib import Path

from app.resolvers.roots import schema_text
from tests.cli.conftest import Command


def test_it_writes_the_schema_and_finds_it_current(skyledger: Command, tmp_path: Path) -> None:
    path = tmp_path / "schema.graphql"
    assert skyledger("export-schema", str(path)).exit_code == 0
    assert path.read_text() == schema_text()
    told = skyledger("export-schema", str(path), "--check")
    assert (told.exit_code, told.stderr) == (0, "")


def test_a_stale_file_is_told_with_the_difference_and_left_alone(skyledger: Command, tmp_path: Path) -> None:
    path = tmp_path / "schema.graphql"
    stale = schema_text().replace("type Viewer {", "type Spectator {")
    path.write_text(stale)
    told = skyledger("export-schema", str(path), "--check")
    assert told.exit_code == 1
    lines = told.stderr.splitlines()
    assert "-type Spectator {" in lines
    assert "+type Viewer {" in lines
    assert "is stale: run `skyledger export-schema` and commit it." in lines[-1]
    assert path.read_text() == stale


def test_a_missing_file_is_stale(skyledger: Command, tmp_path: Path) -> None:
    told = skyledger("export-schema", str(tmp_path / "none.graphql"), "--check")
    assert told.exit_code == 1
    assert not (tmp_path / "none.graphql").exists()
