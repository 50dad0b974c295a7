"""Several uploads as one delivery: the parts of an export, with or without its manifest."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.sourcing.importing import Importing, focus_file

PARTS = {"part-1.csv": focus_file(4, "1.25"), "part-2.csv": focus_file(6, "1.25")}
ALL = (Decimal("12.5"), 10)


def manifest(*names: str) -> bytes:
    """A manifest as exports to S3 have it."""
    return json.dumps({"dataFiles": [f"s3://bucket/costs/data/{name}" for name in names]}).encode()


async def delivered(importing: Importing, files: dict[str, bytes], **more: Any) -> dict[str, Any]:
    """Send files and import them as one delivery, to the end."""
    import_id = await importing.started(*[await importing.sent(data, name) for name, data in files.items()], **more)
    await importing.work(import_id)
    return await importing.found(import_id)


async def test_parts_of_a_month_land_together(importing: Importing) -> None:
    """Equal rows of different parts are different charges, and no part takes the place of another."""
    found = await delivered(importing, PARTS)
    assert (found["state"], found["counts"]["added"]) == ("SUCCEEDED", 10)
    assert await importing.total() == ALL
    assert found["source"]["names"] == ["part-1.csv", "part-2.csv"]
    assert [upload["fileName"] for upload in found["source"]["uploads"]] == ["part-1.csv", "part-2.csv"]
    size = sum(map(len, PARTS.values()))
    assert (found["progress"]["bytesRead"], found["progress"]["bytesTotal"]) == (size, size)
    again = await delivered(importing, PARTS)
    assert again["state"] == "UNCHANGED"


async def test_parts_of_one_name_are_told_apart(importing: Importing) -> None:
    uploads = [await importing.sent(data, "part.csv") for data in (focus_file(4, "1.25"), focus_file(6, "nothing"))]
    import_id = await importing.started(*uploads, acceptedRejectShare=1)
    await importing.work(import_id)
    found = await importing.found(import_id)
    assert (found["counts"]["added"], found["counts"]["rejected"]) == (4, 6)
    assert {reject["file"] for reject in found["rejects"]["nodes"]} == {"2-part.csv"}


async def test_a_manifest_says_which_parts_there_must_be(importing: Importing) -> None:
    found = await delivered(importing, {"export-Manifest.json": manifest(*PARTS), **PARTS})
    assert found["state"] == "SUCCEEDED"
    assert await importing.total() == ALL


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["part-1.csv", "part-2.csv", "part-3.csv"], "names s3://bucket/costs/data/part-3.csv, which is not there"),
        (["part-1.csv"], "The manifest does not name part-2.csv"),
    ],
)
async def test_a_manifest_that_does_not_fit_changes_nothing(
    importing: Importing, names: list[str], message: str
) -> None:
    found = await delivered(importing, {"manifest.json": manifest(*names), **PARTS})
    assert found["state"] == "FAILED"
    assert message in found["message"]
    assert await importing.total() == (Decimal(0), 0)


async def test_the_same_parts_are_imported_once_at_a_time(importing: Importing) -> None:
    first, second = [await importing.sent(data, name) for name, data in PARTS.items()]
    assert (await importing.start(first, second))["started"]
    assert not (await importing.start(second, first))["started"]
    assert (await importing.start(first))["started"]  # another delivery


async def test_uploads_are_named_one_by_one(importing: Importing) -> None:
    upload_id = await importing.sent(focus_file(3, "1"))
    for wrong, at in (([], None), ([upload_id] * 101, None), ([upload_id] * 2, "1"), ([upload_id, "x"], "1")):
        answer = await importing.start(*wrong)
        assert answer["__typename"] == "InvalidInput", answer
        assert answer["path"] == ["input", "uploadIds", *([] if at is None else [at])]
