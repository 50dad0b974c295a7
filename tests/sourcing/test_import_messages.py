"""What somebody reads who sends a wrong file: what it is, and what to do instead."""

from __future__ import annotations

import gzip

import pytest

from app.costs import files
from tests.sourcing.importing import HEADER, Importing, focus_file

ROW = b"1,1,USD,acme,2026-10-01,2026-11-01,2026-10-01,2026-10-02,S,Compute,Usage,Acme,vm\n"
WRONG = {
    "blank.csv": (b"\n \n", "blank.csv, line 1: the file is empty"),
    "bill.pdf": (b"%PDF-1.4", "bill.pdf, line 1: the file is a PDF document: give the data itself"),
    "x.png": (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "x.png, line 1: the header is not UTF-8 text: give costs as CSV in UTF-8, as Parquet or as JSON Lines",
    ),
    "people.csv": (
        b"name,age\nAda,36\n",
        "people.csv, line 1: the header names no column of FOCUS, such as BilledCost",
    ),
    "people.jsonl": (
        b'{"name": "Ada"}\n',
        "people.jsonl, line 1: the file names no column of FOCUS, such as BilledCost",
    ),
    "part.jsonl": (
        b'{"BilledCost": 1}\n',
        "part.jsonl, line 1: the file has no ChargePeriodStart and no ChargePeriodEnd",
    ),
    "manifest.json": (
        b'{"dataFiles": ["s3://x/y.csv"]}',
        "manifest.json, line 1: the file is the manifest of an export, which only names files: send the files",
    ),
    "pretty.json": (
        b'{\n  "BilledCost": 1\n}\n',
        "pretty.json, line 1: the file is one JSON document over many lines: write each row on a line of its own",
    ),
    "cut.csv.gz": (gzip.compress(focus_file(99, "1"))[:-40], "cut.csv.gz, line 1: the file is damaged or cut off"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_file_is_told_with_what_to_do(importing: Importing, name: str) -> None:
    data, told = WRONG[name]
    found = await importing.imported(data, name)
    assert (found["state"], found["periods"]) == ("FAILED", [])
    assert told in found["message"]


async def test_a_file_that_unpacks_without_end_is_told(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "UNPACKED_BYTES", 2**20)
    found = await importing.imported(gzip.compress(f"{HEADER}\n".encode() + ROW * 200_000), "bomb.csv.gz")
    assert found["state"] == "FAILED"
    assert "unpacks to more than 200 times its length, which no export of costs does: give it" in found["message"]


async def test_a_file_without_rows_says_so(importing: Importing) -> None:
    found = await importing.imported(f"{HEADER}\n".encode())
    assert (found["state"], found["message"]) == ("SUCCEEDED", "There are no rows in it, so nothing was changed.")


async def test_rows_that_are_not_in_it_are_said_of_an_import_that_succeeded(importing: Importing) -> None:
    found = await importing.imported(focus_file(100, "1.25").replace(b"1.25,1.25", b"much,1.25", 1))
    assert (found["state"], found["counts"]["rejected"]) == ("SUCCEEDED", 1)
    assert found["message"] == "1 of 100 rows were refused and do not count: see its rejects."
    assert (await importing.imported(focus_file(100, "1.25")))["message"] is None


async def test_the_same_file_again_says_that_nothing_was_changed(importing: Importing) -> None:
    await importing.imported(focus_file(5, "1"))
    again = await importing.imported(focus_file(5, "1"), "renamed.csv")
    assert (again["state"], again["message"]) == (
        "UNCHANGED",
        "The dataset has this very content already, and all of it counts: nothing was changed.",
    )


async def test_an_empty_file_is_refused_where_it_is_announced(importing: Importing) -> None:
    person = importing.sender.person
    document = """mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
      ... on UserError { code message path } } }"""
    values = {"organizationId": person.organization_id, "fileName": "costs.csv", "bytes": 0}
    answer = await importing.sender.graphql.data(document, {"input": values}, token=person.token)
    assert answer["createUpload"]["path"] == ["input", "bytes"]
    assert answer["createUpload"]["message"].endswith(": an empty file has no costs.")
