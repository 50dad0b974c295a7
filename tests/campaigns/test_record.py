"""What campaigns write into `benchmarks/RELIABILITY.md`: the last run of each, those that failed too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.record import CAMPAIGNS, FILE, NOT_RECORDED, Recorder, page, sections_of


def test_each_campaign_writes_its_own_section(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "found.md")
    with recorder.campaign("kill", 200, 200, "hits") as telling:
        telling.show("kill", 200, [("lost", "0 | none")])
    with recorder.campaign("amnesia", 3, 100, "times FLUSHALL") as telling:
        telling.show("amnesia", 3, [("lost", "0")])
    first = (tmp_path / "found.md").read_text()
    assert f"| kill: {CAMPAIGNS['kill']} | passed: 200 hits in 0.0 minutes, " in first
    assert f"| amnesia: {CAMPAIGNS['amnesia']} | passed: 3 times FLUSHALL (100 in the full form) in 0.0 " in first
    assert f"| upgrade: {CAMPAIGNS['upgrade']} | {NOT_RECORDED} |" in first
    assert "| lost | 0 \\| none |" in first
    with recorder.campaign("kill", 10, 200, "hits") as telling:
        telling.show("kill", 10, [("lost", "1")])
    second = (tmp_path / "found.md").read_text()
    assert "passed: 200 hits" not in second
    assert second.count("## kill\n") == second.count("## amnesia\n") == 1
    assert second.partition("## amnesia")[2] == first.partition("## amnesia")[2]


def test_a_campaign_that_fails_says_so(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "found.md")
    with pytest.raises(AssertionError, match="two notes were lost"):
        lose_two_notes(recorder)
    written = (tmp_path / "found.md").read_text()
    assert f"| kill: {CAMPAIGNS['kill']} | **failed**: 9 hits in " in written
    assert "| lost | 2 |\n| failed | two notes were lost |\n" in written


def lose_two_notes(recorder: Recorder) -> None:
    """A campaign that fails."""
    with recorder.campaign("kill", 9, 9, "hits") as telling:
        telling.show("kill", 9, [("lost", "2")])
        message = "two notes were lost\nand more"
        raise AssertionError(message)


def test_without_a_file_nothing_is_written(tmp_path: Path) -> None:
    with Recorder(None).campaign("kill", 1, 1, "hits"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_file_that_is_kept_has_been_written_so() -> None:
    kept = FILE.read_text()
    assert kept == page(sections_of(kept)), "`python -m tests.campaigns.record` writes it anew"
    assert sections_of(kept).keys() <= CAMPAIGNS.keys()
