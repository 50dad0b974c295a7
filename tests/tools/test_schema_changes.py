"""The schema's policy: what breaks fails unless it was announced ninety days before; the rest is told."""

from __future__ import annotations

import subprocess
from datetime import date, timedelta
from pathlib import Path

import pytest

from tools import schema_changes
from tools.schema_policy import Announcement

RELEASED = date(2026, 1, 1)
FIRST_SEEN = date(2026, 2, 1)
UNTIL = FIRST_SEEN + timedelta(days=90)
OLD = """
type Query {
  shelf(size: Size! = SMALL, dusty: Boolean): Shelf
  box: Box
}

type Shelf {
  name: String!
  width: Int
}

type Box {
  lid: Lid
}

type Lid {
  name: String
}

enum Size {
  SMALL
  LARGE
}

input ShelfInput {
  name: String!
}

type Mutation {
  build(input: ShelfInput!): Shelf
}
"""
REASON = f'@deprecated(reason: "Use `shelf`, until {UNTIL}")'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "schema.graphql").write_text(OLD)
    assert run(tmp_path, RELEASED, "--release", str(RELEASED)) == 0
    return tmp_path


def run(root: Path, today: date, *options: str) -> int:
    return schema_changes.main(list(options), root=root, today=today)


def change(root: Path, *pairs: tuple[str, str]) -> None:
    path = root / "schema.graphql"
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


BREAKING = [
    ([("  width: Int\n", "")], "Field Shelf.width was removed."),
    ([("width: Int", "width: String")], "Field Shelf.width changed type from Int to String."),
    ([("name: String!\n  width", "name: String\n  width")], "Field Shelf.name changed type from String! to String."),
    ([("dusty: Boolean", "dusty: Boolean, row: Int!")], "A required argument Query.shelf(row:) was added."),
    ([(", dusty: Boolean", "")], "Argument Query.shelf(dusty:) was removed."),
    ([("  LARGE\n", "")], "Enum value Size.LARGE was removed."),
    ([("input ShelfInput {", "input ShelfInput {\n  row: Int!")], "A required field ShelfInput.row was added."),
    ([("lid: Lid", "lid: String"), ("type Lid {\n  name: String\n}\n", "")], "Lid was removed."),
]


@pytest.mark.parametrize(("pairs", "sentence"), BREAKING, ids=[sentence for _, sentence in BREAKING])
def test_what_breaks_without_notice_fails(
    root: Path, capsys: pytest.CaptureFixture[str], pairs: list[tuple[str, str]], sentence: str
) -> None:
    change(root, *pairs)
    assert run(root, date(2030, 1, 1)) == 1
    told = capsys.readouterr().out
    assert f"breaking: {sentence}" in told
    assert f"Not announced 90 days before: {sentence}" in told


def announce(root: Path) -> None:
    """Deprecate the box, the width, an argument and a value, and keep the record."""
    change(
        root,
        ("box: Box", f"box: Box {REASON}"),
        ("width: Int", f"width: Int {REASON}"),
        ("dusty: Boolean", f"dusty: Boolean {REASON}"),
        ("  LARGE", f"  LARGE {REASON}"),
    )
    assert run(root, FIRST_SEEN) == 0


def remove(root: Path) -> None:
    change(
        root,
        (f"  box: Box {REASON}\n", ""),
        ("type Box {\n  lid: Lid\n}\n", ""),
        ("type Lid {\n  name: String\n}\n", ""),
        (f"  width: Int {REASON}\n", ""),
        (f", dusty: Boolean {REASON}", ""),
        (f"  LARGE {REASON}\n", ""),
    )


@pytest.mark.parametrize(("days", "code"), [(89, 1), (90, 0), (400, 0)])
@pytest.mark.parametrize("released_between", [False, True])
def test_what_was_announced_may_go_after_ninety_days(
    root: Path, capsys: pytest.CaptureFixture[str], days: int, code: int, released_between: bool
) -> None:
    announce(root)
    if released_between:
        assert run(root, FIRST_SEEN, "--release", str(FIRST_SEEN)) == 0
    remove(root)
    today = FIRST_SEEN + timedelta(days=days)
    assert run(root, today) == code
    told = capsys.readouterr().out
    for sentence in ("Field Query.box was removed.", "Lid was removed.", "Enum value Size.LARGE was removed."):
        assert f"breaking: {sentence}" in told
        assert (f"Not announced 90 days before: {sentence}" in told) == bool(code)
    if not code:
        assert run(root, today, "--check") == 0
        assert "- Field Query.box was removed." in (root / "docs" / "SCHEMA_CHANGES.md").read_text()
        assert run(root, today, "--release", str(today)) == 0
        assert run(root, today, "--check") == 0


def test_a_release_is_no_way_around(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(root, ("  width: Int\n", ""))
    assert run(root, FIRST_SEEN, "--release", str(FIRST_SEEN)) == 1
    assert run(root, date(2030, 1, 1), "--check") == 1
    assert "Not announced 90 days before: Field Shelf.width was removed." in capsys.readouterr().out


def test_a_type_that_something_else_leads_to_is_not_announced_with_a_field(root: Path) -> None:
    change(root, ("type Shelf {", "type Shelf {\n  lid: Lid"))
    assert run(root, RELEASED, "--release", str(RELEASED)) == 0
    announce(root)
    change(root, ("type Lid {\n  name: String\n}", ""), ("lid: Lid", "lid: String"))
    assert run(root, UNTIL) == 1


def test_an_announcement_for_later_is_kept(root: Path) -> None:
    later = UNTIL + timedelta(days=30)
    change(root, ("width: Int", f'width: Int @deprecated(reason: "Gone until {later}")'))
    assert run(root, FIRST_SEEN) == 0
    (root / "schema.graphql").write_text(OLD.replace("  width: Int\n", ""))
    assert run(root, later - timedelta(days=1)) == 1
    assert run(root, later) == 0


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("Use `shelf`", 'Query.box: its deprecation has to end in "until YYYY-MM-DD"'),
        ("Use `shelf`, until 2026-05-01", "it has to work until 2026-05-02 at least, not 2026-05-01."),
    ],
)
def test_a_deprecation_says_until_when(
    root: Path, capsys: pytest.CaptureFixture[str], reason: str, sentence: str
) -> None:
    change(root, ("box: Box", f'box: Box @deprecated(reason: "{reason}")'))
    assert run(root, FIRST_SEEN) == 1
    assert sentence in capsys.readouterr().out


def test_the_first_day_of_a_deprecation_stays_and_is_not_made_earlier(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(root)
    assert run(root, FIRST_SEEN + timedelta(days=30)) == 0
    house = schema_changes.House(root)
    assert house.record()["Query.shelf(dusty:)"] == Announcement(FIRST_SEEN, UNTIL)
    house.record_file.write_text(house.record_file.read_text().replace(str(FIRST_SEEN), "2025-01-01"))
    assert run(root, FIRST_SEEN + timedelta(days=30), "--check") == 1
    assert "Query.box: recorded since 2025-01-01, but the release of 2026-01-01" in capsys.readouterr().out


def test_a_deprecation_that_is_not_recorded_is_stale(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(root, ("box: Box", f"box: Box {REASON}"))
    assert run(root, FIRST_SEEN, "--check") == 1
    assert "deprecations.json is stale" in capsys.readouterr().out
    assert run(root, FIRST_SEEN) == 0
    assert run(root, FIRST_SEEN, "--check") == 0
    page = (root / "docs" / "SCHEMA_CHANGES.md").read_text()
    assert f"### Deprecated\n\n- `Query.box`: Use `shelf`, until {UNTIL}\n" in page


def test_what_is_dangerous_is_shown_and_does_not_fail(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(root, ("= SMALL", "= LARGE"), ("  LARGE\n", "  LARGE\n  HUGE\n"))
    assert run(root, FIRST_SEEN) == 0
    told = capsys.readouterr().out
    assert "dangerous: Query.shelf(size:) has changed defaultValue from SMALL to LARGE." in told
    assert "dangerous: Enum value Size.HUGE was added." in told


def test_what_is_added_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(root, ("type Shelf {", "type Shelf {\n  depth: Int"), ("type Lid {", "type Cup { size: Int }\n\ntype Lid {"))
    assert run(root, FIRST_SEEN) == 0
    assert capsys.readouterr().out == "safe: Cup was added.\nsafe: Field Shelf.depth was added.\n"
    assert (
        "## Not yet released\n\n### Added\n\n- Cup was added.\n- Field Shelf.depth"
        in (root / "docs/SCHEMA_CHANGES.md").read_text()
    )


def test_changes_are_shown_since_any_file_or_revision(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a", "commit", "-qm", "a"]):
        subprocess.run(["git", "-C", str(root), *command], check=True)
    old = root / "old.graphql"
    old.write_text(OLD)
    change(root, ("  width: Int\n", ""))
    for options in (("--against", str(old)), ("--base", "HEAD")):
        capsys.readouterr()
        assert run(root, RELEASED, *options) == 1
        assert capsys.readouterr().out == "breaking: Field Shelf.width was removed.\n"


def test_the_schema_of_this_revision_keeps_the_policy() -> None:
    assert schema_changes.main(["--check"]) == 0
