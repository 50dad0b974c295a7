"""Exports of Cost Management in blob storage: runs, manifests, blobs, and what goes wrong on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.providers.azure.cost_exports import BlobCostExport, account_url
from app.providers.azure.permissions import READ_BLOBS
from app.providers.base import Target
from app.providers.cost_exports import Delivery, StoppedError
from app.providers.problems import ProblemCode, ProviderError
from tests.providers.azure.arm_server import ArmServer, Certificate
from tests.providers.azure.blob_server import ACCOUNT, CONTAINER, BlobServer, serving_blobs
from tests.providers.azure.conftest import IMPATIENT, target

FOLDER = "finops/focus"
SINCE = datetime(2026, 8, 1, tzinfo=UTC)
OCTOBER = "20261001-20261031"
Make = Callable[..., BlobCostExport]


@pytest.fixture
def far(server_certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BlobServer]:
    authority = tmp_path / "authority.pem"
    authority.write_bytes(server_certificate.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    server = BlobServer()
    with serving_blobs(server, server_certificate, tmp_path):
        yield server


@pytest.fixture
def make(far: BlobServer) -> Iterator[Make]:
    found: list[BlobCostExport] = []

    def made(clock: Callable[[], datetime] | None = None, secret: dict[str, str] | None = None) -> BlobCostExport:
        settings = {"storageAccount": ACCOUNT, "container": CONTAINER, "path": FOLDER}
        parts: dict[str, Any] = {"secret": secret} if secret else {}
        source = BlobCostExport(_target(far.arm, **parts), settings, IMPATIENT, clock or (lambda: far.clock))
        found.append(source)
        return source

    yield made
    for source in found:
        source.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "delivery"
    made.mkdir()
    return made


def _target(arm: ArmServer, **parts: Any) -> Target:
    endpoints = {"management": arm.url, "authority": arm.url, "blob": arm.url}
    return target(arm, settings={"endpoints": endpoints}, **parts)


def deliver(far: BlobServer, *parts: bytes, run: str = "", dates: str = OCTOBER, **manifest: Any) -> None:
    """Blobs first, the manifest last; with a moment in `run` as CreateNewReport does it."""
    place = f"{FOLDER}/{dates}/{run}".rstrip("/") + "/6f1d0000-0000-4000-8000-00000000000a"
    blobs = []
    for number, content in enumerate(parts):
        name = f"{place}/part_0_{number:04d}.csv.gz"
        far.put(name, content)
        blobs.append({"blobName": name, "byteCount": len(content), "dataRowCount": 1})
    told = {
        "manifestVersion": "2024-04-01",
        "blobs": blobs,
        "runInfo": {"startDate": "2026-10-01T00:00:00", "endDate": "2026-10-31T00:00:00", "runId": run},
    }
    far.put(f"{place}/manifest.json", json.dumps(told | manifest).encode())


def never() -> bool:
    return False


def listed(source: BlobCostExport) -> dict[str, Delivery]:
    return {each.key: each for each in source.deliveries(SINCE)}


def test_a_period_is_fetched_as_its_manifest_lists_it(far: BlobServer, make: Make, folder: Path) -> None:
    large = bytes(range(256)) * 40_000
    far.page_size = 2
    deliver(far, large, b"second")
    deliver(far, b"old", dates="20260701-20260731")
    far.put(f"{FOLDER}/{OCTOBER}/left-over.csv", b"1000")
    source = make()
    (delivery,) = source.deliveries(SINCE)
    assert (delivery.key, delivery.billing_period_start) == ("2026-10", datetime(2026, 10, 1, tzinfo=UTC))
    assert (delivery.complete, delivery.replaces, delivery.bytes) == (True, True, len(large) + 6)
    paths = source.fetch(delivery, folder, never)
    assert [path.name for path in paths] == ["00000-part_0_0000.csv.gz", "00001-part_0_0001.csv.gz"]
    assert [path.read_bytes() for path in paths] == [large, b"second"]
    assert sum("part_0_0000" in request for request in far.requests) == 3, "10 MB in pieces of 4 MiB"


def test_of_several_runs_the_newest_counts_and_is_told_by_its_checksum(
    far: BlobServer, make: Make, folder: Path
) -> None:
    source = make()
    deliver(far, b"one", run="202610300500")
    before = listed(source)["2026-10"]
    assert listed(source)["2026-10"].checksum == before.checksum, "the same delivery again"
    deliver(far, b"two", run="202610310500")
    after = listed(source)["2026-10"]
    assert after.checksum != before.checksum
    assert [path.read_bytes() for path in source.fetch(after, folder, never)] == [b"two"]


@pytest.mark.parametrize(
    ("dates", "days_after"),
    [
        ("20261115-20261121", 1),  # a week
        ("20261102-20261130", 1),
        ("20261101-20261107", 14),  # a week that happens to begin on the first
        ("20261101-20261231", 1),  # two months, of which the second would be taken for the first
        ("20261101-20261199", 1),
    ],
)
def test_a_part_of_a_month_is_never_taken_for_the_month(
    far: BlobServer, make: Make, folder: Path, dates: str, days_after: int
) -> None:
    deliver(far, b"whole", dates="20261101-20261130")
    deliver(far, b"october")
    far.clock = max(far.clock, datetime(2026, 11, 7, tzinfo=UTC) + timedelta(days=days_after))
    deliver(far, b"part", dates=dates)
    deliver(far, b"part", dates="20261008-20261014")
    deliver(far, b"old", dates="20260708-20260714")
    source = make()
    found = listed(source)
    assert {key for key, each in found.items() if each.complete} == {"2026-11", "2026-10"}
    for key, content in (("2026-11", b"whole"), ("2026-10", b"october")):
        (path,) = source.fetch(found[key], folder, never)
        assert path.read_bytes() == content
        path.unlink()
    refused = found[dates]
    assert refused.parts == ()
    assert refused.why_incomplete == (
        f"Neither a whole month nor a month to date, so not imported: {dates}, and 1 other date ranges."
    )
    assert refused.remedy is not None
    assert "month to date" in refused.remedy


def test_a_month_to_date_may_end_with_the_day_of_its_delivery(far: BlobServer, make: Make, folder: Path) -> None:
    source = make()
    for day in (7, 8):
        far.clock = datetime(2026, 11, day + 1, 5, tzinfo=UTC)
        deliver(far, f"to day {day}".encode(), dates=f"20261101-202611{day:02d}")
    (delivery,) = source.deliveries(SINCE)
    assert (delivery.key, delivery.complete, delivery.remedy) == ("2026-11", True, None)
    assert [path.read_bytes() for path in source.fetch(delivery, folder, never)] == [b"to day 8"]


def test_an_overwritten_report_is_a_new_delivery(far: BlobServer, make: Make) -> None:
    source = make()
    deliver(far, b"one")
    before = listed(source)["2026-10"]
    deliver(far, b"two")
    assert listed(source)["2026-10"].checksum != before.checksum


@pytest.mark.parametrize("spelt", ["{container}/{name}", "/{name}", "{file}"])
def test_manifests_may_spell_their_blobs_in_other_ways(far: BlobServer, make: Make, spelt: str) -> None:
    name = f"{FOLDER}/{OCTOBER}/run/part_0_0000.csv"
    far.put(name, b"one")
    told = spelt.format(container=CONTAINER, name=name, file="part_0_0000.csv")
    far.put(f"{FOLDER}/{OCTOBER}/run/manifest.json", json.dumps({"blobs": [{"blobName": told}]}).encode())
    (delivery,) = make().deliveries(SINCE)
    assert [(part.name, part.bytes) for part in delivery.parts] == [(name, 3)]


def test_without_a_manifest_there_is_no_delivery(far: BlobServer, make: Make) -> None:
    far.put(f"{FOLDER}/{OCTOBER}/run/part_0_0000.csv", b"one")
    assert list(make().deliveries(SINCE)) == []


def test_what_is_not_whole_is_not_complete(far: BlobServer, make: Make) -> None:
    deliver(far, b"one", b"two")
    missing = next(name for name in far.blobs if name.endswith("part_0_0001.csv.gz"))
    kept = far.blobs.pop(missing)
    (delivery,) = make().deliveries(SINCE)
    assert (delivery.complete, delivery.why_incomplete) == (
        False,
        f"1 of the 2 blobs of the manifest are not there, such as {missing}.",
    )
    far.blobs[missing] = kept
    kept.content = b"tw"
    (delivery,) = make().deliveries(SINCE)
    assert delivery.why_incomplete == f"{missing} has 2 bytes, the manifest says 3."
    kept.content, kept.modified = b"two", far.clock + timedelta(minutes=1)
    (delivery,) = make().deliveries(SINCE)
    assert delivery.why_incomplete == "Azure is delivering the period anew: its blobs are newer than the manifest."
    (delivery,) = make(clock=lambda: far.clock + timedelta(hours=7)).deliveries(SINCE)
    assert not delivery.complete, "it does not become whole by waiting"
    assert "and has not ended: its blobs are newer than the manifest" in str(delivery.why_incomplete)
    assert "copy the manifest once more" in str(delivery.remedy)
    deliver(far, blobs=[])
    (delivery,) = make().deliveries(SINCE)
    assert delivery.why_incomplete == "The manifest lists no blobs yet."


@pytest.mark.parametrize("content", [b"", b'{"blobs": [', b"[]", b"{}", b'{"blobs": [{}]}', b'{"blobs": ["x"]}'])
def test_a_manifest_that_cannot_be_read_is_told_and_the_other_months_go_on(
    far: BlobServer, make: Make, content: bytes
) -> None:
    deliver(far, b"one", dates="20260901-20260930")
    far.put(f"{FOLDER}/{OCTOBER}/run/manifest.json", content)
    october, september = make().deliveries(SINCE)
    assert (september.key, september.complete) == ("2026-09", True)
    assert (october.key, october.complete, october.parts) == ("2026-10", False, ())
    assert "manifest.json cannot be used" in str(october.why_incomplete)
    assert "run the export again" in str(october.remedy)


def test_a_month_in_the_archive_is_told_and_the_other_months_go_on(far: BlobServer, make: Make) -> None:
    deliver(far, b"one", dates="20260901-20260930")
    deliver(far, b"two")
    far.refusals["20260901-20260930/6f1d0000-0000-4000-8000-00000000000a/manifest.json"] = (409, "BlobArchived")
    october, september = make().deliveries(SINCE)
    assert october.complete
    assert not september.complete
    assert "is archived" in str(september.why_incomplete)
    assert "lifecycle rules" in str(september.remedy)


def test_a_blob_that_is_replaced_or_goes_while_it_is_fetched_is_told(far: BlobServer, make: Make, folder: Path) -> None:
    source = make()
    deliver(far, b"one")
    (delivery,) = source.deliveries(SINCE)
    far.put(delivery.parts[0].name, b"two")
    with pytest.raises(ProviderError, match="was replaced while it was read"):
        source.fetch(delivery, folder, never)
    del far.blobs[delivery.parts[0].name]
    with pytest.raises(ProviderError, match="was listed, but is not there any more"):
        source.fetch(delivery, folder, never)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("sent", "message"), [(b"on", "should have 3 bytes, but 2 arrived"), (b"eno", "another checksum")]
)
def test_a_blob_with_other_bytes_is_told_and_not_kept(
    far: BlobServer, make: Make, folder: Path, sent: bytes, message: str
) -> None:
    source = make()
    deliver(far, b"one")
    (delivery,) = source.deliveries(SINCE)
    far.blobs[delivery.parts[0].name].sent = sent
    with pytest.raises(ProviderError, match=message) as told:
        source.fetch(delivery, folder, never)
    assert (told.value.code, told.value.retry) == (ProblemCode.BAD_ANSWER, True)
    assert not [path for path in folder.iterdir() if path.suffix != ".growing"]


def test_fetching_stops_when_it_is_told_to(far: BlobServer, make: Make, folder: Path) -> None:
    source = make()
    deliver(far, b"one")
    (delivery,) = source.deliveries(SINCE)
    with pytest.raises(StoppedError):
        source.fetch(delivery, folder, lambda: True)


@pytest.mark.parametrize(
    ("status", "error", "code", "message", "remedy"),
    [
        (404, "ContainerNotFound", ProblemCode.FAILED, "There is no container exports", "updateCostSource"),
        (403, "AuthorizationPermissionMismatch", ProblemCode.DENIED, READ_BLOBS, "Storage Blob Data Reader"),
        (403, "AuthorizationFailure", ProblemCode.DENIED, "The firewall", "networking settings"),
        (429, "TooManyRequests", ProblemCode.THROTTLED, "throttles reading the cost export", "tries again later"),
        (503, "ServerBusy", ProblemCode.FAILED, "503", "Run the source again"),
    ],
)
def test_what_azure_refuses_is_told_with_a_remedy(
    far: BlobServer, make: Make, status: int, error: str, code: ProblemCode, message: str, remedy: str
) -> None:
    far.refusals["comp=list"] = (status, error)
    with pytest.raises(ProviderError) as told:
        list(make().deliveries(SINCE))
    assert told.value.code is code
    assert message in told.value.message
    assert remedy in told.value.remedy
    assert "scan" not in told.value.remedy.lower()


def test_a_secret_that_has_expired_is_told(far: BlobServer, make: Make) -> None:
    far.arm.secret_state = "expired"
    with pytest.raises(ProviderError, match="The client secret has expired") as told:
        list(make().deliveries(SINCE))
    assert told.value.code is ProblemCode.CREDENTIALS


def test_blobs_are_read_at_azure_itself_unless_the_account_names_another_place(far: BlobServer) -> None:
    assert account_url(target(far.arm, settings={"endpoints": {}}), "acmecosts") == (
        "https://acmecosts.blob.core.windows.net"
    )
    china = target(far.arm, settings={"endpoints": {"management": "https://management.chinacloudapi.cn"}})
    assert account_url(china, "acmecosts") == "https://acmecosts.blob.core.chinacloudapi.cn"
