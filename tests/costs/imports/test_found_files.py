"""Folders and manifests: every file once, and a clear word where it is not certain which."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from app.costs.files import UnreadableFileError
from app.costs.imports.parts import find_parts
from app.errors import BadUserInputError
from tests.costs.imports.deliveries import charge, write


def found(*paths: Path) -> list[str]:
    return [part.path.name for part in find_parts(paths)]


def a_run(folder: Path, manifest: str = "manifest.json", part: str = "part_0_0001.csv") -> Path:
    """A folder as Azure writes one with each export: a part and the manifest that names it in the far store."""
    folder.mkdir(parents=True)
    write(folder / part, [charge(1)])
    (folder / manifest).write_text(json.dumps({"blobs": [{"blobName": f"exports/{folder.name}/{part}"}]}))
    return folder


def test_a_folder_of_several_runs_is_refused(tmp_path: Path) -> None:
    """Each run of a month holds the month whole: together they would count it twice."""
    for run in ("run1", "run2"):
        a_run(tmp_path / "exports" / run)
    with pytest.raises(BadUserInputError, match="holds 2 manifests; give the one of the delivery"):
        find_parts([tmp_path / "exports"])
    assert found(tmp_path / "exports" / "run2") == ["part_0_0001.csv"]


def test_a_manifest_below_the_folder_names_its_files(tmp_path: Path) -> None:
    """AWS writes manifests into a folder `metadata` beside that of the data."""
    data = tmp_path / "export" / "data" / "BILLING_PERIOD=2026-10"
    data.mkdir(parents=True)
    for name in ("new.csv", "old.csv"):
        write(data / name, [charge(1)])
    metadata = tmp_path / "export" / "metadata" / "BILLING_PERIOD=2026-10"
    metadata.mkdir(parents=True)
    names = ["s3://bucket/export/data/BILLING_PERIOD=2026-10/new.csv"]
    (metadata / "export-Manifest.json").write_text(json.dumps({"dataFiles": names}))
    assert found(tmp_path / "export") == ["new.csv"]


def test_two_names_of_a_manifest_for_one_file_are_refused(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run")
    names = {"blobs": [{"blobName": f"{place}/part_0_0001.csv"} for place in ("a", "b")]}
    (folder / "manifest.json").write_text(json.dumps(names))
    with pytest.raises(UnreadableFileError, match=r"several names for the one file part_0_0001\.csv"):
        find_parts([folder])


def test_a_file_given_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [charge(1)])
    (tmp_path / "b").mkdir()
    for again in (path, tmp_path, tmp_path / "b" / ".." / "a.csv"):
        with pytest.raises(BadUserInputError, match=r"a\.csv is given more than once"):
            find_parts([path, again])


def test_parts_without_an_ending_are_known_by_their_content(tmp_path: Path) -> None:
    path = write(tmp_path / "source.csv", [charge(1)])
    shutil.copy(path, tmp_path / "part_0_0001")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "README").write_text("What is in this folder.")
    (tmp_path / "notes.txt").write_text("BilledCost")
    assert found(tmp_path) == ["part_0_0001", "source.csv"]


def test_a_folder_of_other_files_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "costs.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(BadUserInputError, match=r"holds 1 files, such as costs\.xlsx, and none of them ends in"):
        find_parts([tmp_path])
    (tmp_path / "costs.xlsx").unlink()
    with pytest.raises(BadUserInputError, match="There is nothing to import"):
        find_parts([tmp_path])


@pytest.mark.parametrize("name", ["x" * 500, "x" * 5_000, "a\0b", "a/" * 100_000, "../../etc/passwd", "/etc/passwd"])
def test_names_of_manifests_that_cannot_be_looked_for_are_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"files": [name]}))
    with pytest.raises(UnreadableFileError, match="the manifest names"):
        find_parts([tmp_path])


@pytest.mark.parametrize("name", ["x" * 500, "x" * 500 + ".json", "a\0b"])
def test_paths_that_no_file_can_have_are_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableFileError):
        find_parts([tmp_path / name])
