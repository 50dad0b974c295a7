"""A billing account that a source's month does not have any more is told by the run of the source."""

from __future__ import annotations

import gzip
import json

from app.costs.imports.run import run_order
from tests.sourcing.works import BUCKET, FOLDER, Works, focus


async def test_a_run_tells_which_account_a_restated_month_lacks(works: Works) -> None:
    works.importer = run_order
    works.deliver("2026-10", "1", "2")
    source = await works.create()
    await works.run(source)
    other = gzip.decompress(focus("2026-10", "40")).replace(b",1234,", b",5678,")
    works.put("data/BILLING_PERIOD=2026-10/focus-00001.csv.gz", gzip.compress(other))
    manifest = {"dataFiles": [f"s3://{BUCKET}/{FOLDER}/data/BILLING_PERIOD=2026-10/focus-00001.csv.gz"]}
    works.put("metadata/BILLING_PERIOD=2026-10/focus-Manifest.json", json.dumps(manifest).encode())
    run = await works.run(source)
    assert (run["state"], run["imported"]) == ("SUCCEEDED", 1)
    (told,) = [each for each in run["steps"][-1]["checks"] if not each["passed"]]
    assert told["name"] == "accounts"
    assert told["message"].startswith("2026-10 of 1234 was delivered before and is not in this delivery; its 3 USD")
    assert await works.rows("SELECT sum(billed_cost)::text FROM charges") == [("43",)]


async def test_a_month_that_has_become_empty_is_told_too(works: Works) -> None:
    works.importer = run_order
    works.deliver("2026-10", "1", "2")
    source = await works.create()
    await works.run(source)
    works.deliver("2026-10")
    run = await works.run(source)
    assert (run["state"], run["imported"]) == ("SUCCEEDED", 1)
    (told,) = [each for each in run["steps"][-1]["checks"] if not each["passed"]]
    assert told["message"].startswith("2026-10 of 1234 was delivered before and is not in this delivery; its 3 USD")
