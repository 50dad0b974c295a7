"""AWS Data Exports on moto's S3: what is delivered, what is not yet, and what goes wrong on the way."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.providers.aws.cost_exports import S3CostExport
from app.providers.aws.session import AwsConnection
from app.providers.cost_exports import Delivery, StoppedError
from app.providers.problems import ProblemCode, ProviderError
from tests.providers.aws.in_front import Told, in_front, refused_as_xml
from tests.providers.moto import aws_target, far_client

BUCKET, FOLDER = "acme-costs", "finops/focus"
SINCE = datetime(2026, 8, 1, tzinfo=UTC)
COLUMNS = ["BilledCost", "BillingCurrency"]


@dataclass
class Export:
    """An export as AWS delivers it."""

    client: Any

    def put(self, key: str, content: bytes) -> str:
        self.client.put_object(Bucket=BUCKET, Key=f"{FOLDER}/{key}", Body=content)
        return f"s3://{BUCKET}/{FOLDER}/{key}"

    def deliver(
        self, month: str, *parts: bytes, execution: str = "", partition: str = "BILLING_PERIOD", **manifest: Any
    ) -> None:
        """Data files first, the manifest last; with an execution as CREATE_NEW_REPORT does it."""
        place = f"{partition}={month}/{execution}".rstrip("/")
        names = [self.put(f"data/{place}/focus-{number:05d}.csv.gz", part) for number, part in enumerate(parts, 1)]
        told = {"dataFiles": names, "columns": [{"name": name, "type": "string"} for name in COLUMNS]} | manifest
        for folder in dict.fromkeys((place, f"{partition}={month}")):
            self.put(f"metadata/{folder}/focus-Manifest.json", json.dumps(told).encode())


@pytest.fixture
def export(moto_url: str) -> Export:
    client = far_client(moto_url, "s3", "us-east-1")
    client.create_bucket(Bucket=BUCKET)
    return Export(client)


@pytest.fixture
def source(moto_url: str, export: Export) -> Iterator[S3CostExport]:
    assert export.client
    found = made(moto_url)
    yield found
    found.close()


def made(url: str, **settings: Any) -> S3CostExport:
    clock = settings.pop("clock", None)
    connection = AwsConnection(aws_target(url), attempts=2)
    return S3CostExport(connection, {"bucket": BUCKET, "prefix": FOLDER, **settings}, clock)


def rows(*amounts: str) -> bytes:
    text = "\n".join(["BilledCost,BillingCurrency", *(f"{amount},USD" for amount in amounts)])
    return gzip.compress(text.encode(), mtime=0)


def never() -> bool:
    return False


def listed(source: S3CostExport) -> dict[str, Delivery]:
    return {each.key: each for each in source.deliveries(SINCE)}


@pytest.mark.parametrize("partition", ["BILLING_PERIOD", "billing_period"])
def test_a_period_is_fetched_as_its_manifest_lists_it(
    export: Export, source: S3CostExport, tmp_path: Path, partition: str
) -> None:
    first, second = rows("1.5", "2"), rows("0.25")
    export.deliver("2026-10", first, second, partition=partition)
    export.put(f"data/{partition}=2026-10/left-over.csv.gz", rows("1000"))
    export.deliver("2026-07", rows("7"), partition=partition)
    (delivery,) = source.deliveries(SINCE)
    assert (delivery.key, delivery.billing_period_start) == ("2026-10", datetime(2026, 10, 1, tzinfo=UTC))
    assert (delivery.columns, delivery.complete, delivery.replaces) == (tuple(COLUMNS), True, True)
    assert [part.bytes for part in delivery.parts] == [len(first), len(second)]
    assert delivery.bytes == len(first) + len(second)
    assert [part.checksum for part in delivery.parts] == [
        hashlib.md5(part, usedforsecurity=False).hexdigest() for part in (first, second)
    ]
    paths = source.fetch(delivery, tmp_path, never)
    assert [path.name for path in paths] == ["00000-focus-00001.csv.gz", "00001-focus-00002.csv.gz"]
    assert [path.read_bytes() for path in paths] == [first, second]
    assert sorted(tmp_path.iterdir()) == paths


def test_of_several_executions_the_newest_counts(export: Export, source: S3CostExport, tmp_path: Path) -> None:
    export.deliver("2026-10", rows("1"), rows("1"), execution="2026-10-30T05:00:00.000Z-aaaa")
    before = listed(source)["2026-10"]
    newest = rows("3")
    export.deliver("2026-10", newest, execution="2026-10-31T05:00:00.000Z-bbbb")
    after = listed(source)["2026-10"]
    assert [part.name.split("/")[4] for part in after.parts] == ["2026-10-31T05:00:00.000Z-bbbb"]
    assert after.checksum != before.checksum
    assert [path.read_bytes() for path in source.fetch(after, tmp_path, never)] == [newest]


def test_the_same_delivery_again_is_told_by_its_checksum(export: Export, source: S3CostExport) -> None:
    export.deliver("2026-10", rows("1"))
    before = listed(source)["2026-10"]
    assert listed(source)["2026-10"].checksum == before.checksum
    export.deliver("2026-10", rows("1"))
    assert listed(source)["2026-10"].checksum == before.checksum, "overwritten with the same bytes"
    export.deliver("2026-10", rows("2"))
    assert listed(source)["2026-10"].checksum != before.checksum, "a restated month"


@pytest.mark.parametrize(
    "manifest",
    [
        {"dataFiles": [{"key": f"{FOLDER}/data/x.parquet"}]},
        {"DataFiles": [f"{FOLDER}/data/x.parquet"]},
        {"reportKeys": [f"s3://{BUCKET}/{FOLDER}/data/x.parquet"]},
    ],
    ids=["objects", "capitals", "as CUR"],
)
def test_manifests_may_spell_their_files_in_other_ways(
    export: Export, source: S3CostExport, manifest: dict[str, Any]
) -> None:
    export.put("data/x.parquet", b"PAR1")
    export.put("metadata/BILLING_PERIOD=2026-10/focus-Manifest.json", json.dumps(manifest).encode())
    (delivery,) = source.deliveries(SINCE)
    assert [(part.name, part.bytes) for part in delivery.parts] == [(f"{FOLDER}/data/x.parquet", 4)]
    assert delivery.columns is None


def test_without_a_manifest_there_is_no_delivery(export: Export, source: S3CostExport) -> None:
    export.put("data/BILLING_PERIOD=2026-10/focus-00001.csv.gz", rows("1"))
    assert list(source.deliveries(SINCE)) == []


def test_a_delivery_whose_file_is_not_there_is_not_complete(export: Export, source: S3CostExport) -> None:
    export.deliver("2026-10", rows("1"), rows("2"))
    missing = f"{FOLDER}/data/BILLING_PERIOD=2026-10/focus-00002.csv.gz"
    export.client.delete_object(Bucket=BUCKET, Key=missing)
    (delivery,) = source.deliveries(SINCE)
    assert not delivery.complete
    assert delivery.why_incomplete == f"1 of the 2 files of the manifest are not there, such as {missing}."


def test_a_delivery_that_is_being_overwritten_is_not_complete(moto_url: str, export: Export) -> None:
    export.deliver("2026-10", rows("1"))
    (manifest,) = export.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{FOLDER}/metadata/")["Contents"]
    # S3's moments are whole seconds.
    while datetime.now(UTC) < manifest["LastModified"] + timedelta(seconds=1):
        time.sleep(0.02)
    export.put("data/BILLING_PERIOD=2026-10/focus-00001.csv.gz", rows("2"))
    source = made(moto_url)
    (delivery,) = source.deliveries(SINCE)
    assert (delivery.complete, delivery.why_incomplete) == (
        False,
        "AWS is delivering the period anew: its files are newer than the manifest.",
    )
    source.close()
    later = made(moto_url, clock=lambda: datetime.now(UTC) + timedelta(days=30))
    (broken_off,) = later.deliveries(SINCE)
    assert not broken_off.complete, "half of the old files and half of the new ones do not become a month by waiting"
    assert "and has not ended: its files are newer than the manifest" in str(broken_off.why_incomplete)
    assert "copy the manifest once more" in str(broken_off.remedy)
    export.deliver("2026-10", rows("2"))
    assert [(each.complete, each.remedy) for each in later.deliveries(SINCE)] == [(True, None)]
    later.close()


@pytest.mark.parametrize("content", [b"", b'{"dataFiles": ["s3://', b"[]", b"{}", b'{"dataFiles": [7]}'])
def test_a_manifest_that_cannot_be_read_is_told_and_the_other_months_go_on(
    export: Export, source: S3CostExport, content: bytes
) -> None:
    export.deliver("2026-09", rows("1"))
    export.put("metadata/BILLING_PERIOD=2026-10/focus-Manifest.json", content)
    october, september = source.deliveries(SINCE)
    assert (september.key, september.complete) == ("2026-09", True)
    assert (october.key, october.complete, october.parts) == ("2026-10", False, ())
    assert "focus-Manifest.json cannot be used" in str(october.why_incomplete)
    assert "run the export again" in str(october.remedy)


def test_files_of_other_buckets_are_not_read(export: Export, source: S3CostExport) -> None:
    export.deliver("2026-10", rows("1"), dataFiles=["s3://somebody-elses/secret.csv"])
    (delivery,) = source.deliveries(SINCE)
    assert (delivery.complete, delivery.parts) == (False, ())
    assert "its files are in another bucket, somebody-elses" in str(delivery.why_incomplete)


def test_a_file_that_is_replaced_while_it_is_fetched_is_told(
    export: Export, source: S3CostExport, tmp_path: Path
) -> None:
    export.deliver("2026-10", rows("1"))
    (delivery,) = source.deliveries(SINCE)
    export.deliver("2026-10", rows("2"))
    with pytest.raises(ProviderError, match="was replaced while it was read") as told:
        source.fetch(delivery, tmp_path, never)
    assert (told.value.code, told.value.retry) == (ProblemCode.BAD_ANSWER, False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_goes_while_it_is_fetched_is_told(export: Export, source: S3CostExport, tmp_path: Path) -> None:
    export.deliver("2026-10", rows("1"))
    (delivery,) = source.deliveries(SINCE)
    export.client.delete_object(Bucket=BUCKET, Key=delivery.parts[0].name)
    with pytest.raises(ProviderError, match="was listed, but is not there any more"):
        source.fetch(delivery, tmp_path, never)


@pytest.mark.parametrize("kept", [0, 10, 39])
def test_a_file_that_is_cut_off_is_told_and_not_kept(moto_url: str, export: Export, tmp_path: Path, kept: int) -> None:
    export.deliver("2026-10", rows("1"))

    def ours(name: str, _body: str) -> Told | None:
        return Told("x" * kept) if name.startswith("GET") and "csv.gz" in name else None

    with in_front(moto_url, ours) as front:
        source = made(front.url)
        (delivery,) = source.deliveries(SINCE)
        with pytest.raises(ProviderError, match=f"bytes, but {kept} arrived") as told:
            source.fetch(delivery, tmp_path, never)
        source.close()
    assert (told.value.code, told.value.retry) == (ProblemCode.BAD_ANSWER, True)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".growing"]


def test_a_file_with_other_bytes_is_told(moto_url: str, export: Export, tmp_path: Path) -> None:
    export.deliver("2026-10", rows("1"))

    def ours(name: str, _body: str) -> Told | None:
        return Told("x" * len(rows("1"))) if name.startswith("GET") and "csv.gz" in name else None

    with in_front(moto_url, ours) as front:
        source = made(front.url)
        (delivery,) = source.deliveries(SINCE)
        with pytest.raises(ProviderError, match="another checksum"):
            source.fetch(delivery, tmp_path, never)
        source.close()


def test_what_an_earlier_try_has_written_whole_is_not_read_again(moto_url: str, export: Export, tmp_path: Path) -> None:
    export.deliver("2026-10", rows("1"), rows("2"))
    with in_front(moto_url, lambda *_: None) as front:
        source = made(front.url)
        (delivery,) = source.deliveries(SINCE)
        paths = source.fetch(delivery, tmp_path, never)
        paths[1].write_bytes(b"half")
        front.asked.clear()
        assert source.fetch(delivery, tmp_path, never) == paths
        assert [name.rpartition("/")[2] for name in front.asked] == ["focus-00002.csv.gz"]
        assert paths[1].read_bytes() == rows("2")
        source.close()


def test_a_large_file_takes_little_memory(export: Export, source: S3CostExport, tmp_path: Path) -> None:
    large = bytes(48 * 1024 * 1024)
    export.deliver("2026-10", large)
    (delivery,) = source.deliveries(SINCE)
    tracemalloc.start()
    try:
        (path,) = source.fetch(delivery, tmp_path, never)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert path.stat().st_size == len(large)
    assert peak < 8 * 1024 * 1024, "a sixth of the file"


def test_fetching_stops_when_it_is_told_to(export: Export, source: S3CostExport, tmp_path: Path) -> None:
    export.deliver("2026-10", rows("1"))
    (delivery,) = source.deliveries(SINCE)
    with pytest.raises(StoppedError):
        source.fetch(delivery, tmp_path, lambda: True)


@pytest.mark.parametrize(
    ("error", "status", "code", "message", "remedy"),
    [
        ("NoSuchBucket", 404, ProblemCode.FAILED, "There is no bucket acme-costs.", "updateCostSource"),
        ("AccessDenied", 403, ProblemCode.DENIED, "AWS denied s3:ListBucket on the bucket acme-costs.", "s3:GetObject"),
        ("ExpiredToken", 400, ProblemCode.CREDENTIALS, "AWS does not accept the credentials: ExpiredToken.", "update"),
        ("SlowDown", 503, ProblemCode.THROTTLED, "AWS throttled ListObjectsV2.", "run less often"),
        ("InternalError", 500, ProblemCode.FAILED, "AWS failed in ListObjectsV2: InternalError.", "Run the source"),
    ],
)
def test_what_s3_refuses_is_told_with_a_remedy(
    moto_url: str, error: str, status: int, code: ProblemCode, message: str, remedy: str
) -> None:
    with in_front(moto_url, lambda *_: refused_as_xml(error, status)) as front:
        source = made(front.url)
        with pytest.raises(ProviderError) as told:
            list(source.deliveries(SINCE))
        source.close()
    assert (told.value.code, told.value.message) == (code, message)
    assert remedy in told.value.remedy
    assert "scan" not in told.value.remedy.lower()


def test_a_denied_object_names_the_permission(moto_url: str, export: Export) -> None:
    export.deliver("2026-10", rows("1"))

    def ours(name: str, _body: str) -> Told | None:
        return refused_as_xml("AccessDenied") if "Manifest.json" in name else None

    with in_front(moto_url, ours) as front:
        source = made(front.url)
        with pytest.raises(ProviderError) as told:
            list(source.deliveries(SINCE))
        source.close()
    assert (told.value.code, told.value.permission) == (ProblemCode.DENIED, "s3:GetObject")


def test_a_month_in_the_archive_is_told_and_the_other_months_go_on(
    moto_url: str, export: Export, tmp_path: Path
) -> None:
    export.deliver("2026-09", rows("1"))
    export.deliver("2026-10", rows("2"))

    def ours(name: str, _body: str) -> Told | None:
        return refused_as_xml("InvalidObjectState") if "2026-09/focus-Manifest.json" in name else None

    with in_front(moto_url, ours) as front:
        source = made(front.url)
        october, september = source.deliveries(SINCE)
        assert [path.read_bytes() for path in source.fetch(october, tmp_path, never)] == [rows("2")]
        source.close()
    assert not september.complete
    assert "is archived" in str(september.why_incomplete)
    assert "lifecycle rules" in str(september.remedy)


def test_a_denied_key_of_the_encryption_is_named(moto_url: str, export: Export, tmp_path: Path) -> None:
    export.deliver("2026-10", rows("1"))
    denied = (
        "<Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::1:user/a is not authorized to perform: "
        "kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/2</Message></Error>"
    )

    def ours(name: str, _body: str) -> Told | None:
        return Told(denied, 403, {"content-type": "application/xml"}) if "csv.gz" in name else None

    with in_front(moto_url, ours) as front:
        source = made(front.url)
        (delivery,) = source.deliveries(SINCE)
        with pytest.raises(ProviderError) as told:
            source.fetch(delivery, tmp_path, never)
        source.close()
    assert (told.value.code, told.value.permission) == (ProblemCode.DENIED, "kms:Decrypt")
    assert told.value.message == "AWS denied kms:Decrypt on the key that encrypts the bucket acme-costs."
    assert "key's own" in told.value.remedy
