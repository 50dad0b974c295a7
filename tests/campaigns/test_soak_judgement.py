"""What judges the soak finds what it is there to find: each way to leak, and each way to see nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import GraphQLSchema, build_schema

from app.server.documents import Documents
from app.server.limits import Limits
from app.server.masking import Refusal
from tests.activity.probes import seeded
from tests.campaigns.soak_acts import ACTS
from tests.campaigns.soak_documents import different, known_queries, wrong
from tests.campaigns.soak_load import Caller, Load, Tenant, require
from tests.campaigns.soak_samples import ALLOWED, Record, Sample, faults, growths, left_behind, left_of, sample_of

MIB = 2**20
AN_HOUR = 3600


def run(bytes_an_hour: float = 0, *, size: float = 250 * MIB, noise: float = 0, hours: float = 1) -> list[Sample]:
    """Samples of one process each half minute."""
    chance = seeded(1)
    moments = [number * 30 for number in range(int(hours * AN_HOUR / 30) + 1)]
    sizes = [int(size + bytes_an_hour * moment / AN_HOUR + chance.uniform(-noise, noise)) for moment in moments]
    return [Sample(moment, "api-1", 7, size, size, 20, 5, 9) for moment, size in zip(moments, sizes, strict=True)]


def test_flat_memory_is_no_fault_however_it_trembles_nor_is_a_warm_up_that_ends_in_the_first_third() -> None:
    assert faults(run()) == []
    assert faults(run(noise=4 * MIB)) == []
    early = [
        replace(sample, resident=sample.resident - 90 * MIB if sample.seconds < AN_HOUR / 4 else sample.resident)
        for sample in run()
        if sample.resident is not None
    ]
    assert faults(early) == []


@pytest.mark.parametrize("hours", [1 / 6, 1, 3])
def test_two_per_cent_in_an_hour_or_in_a_shorter_run_is_the_most(hours: float) -> None:
    most = 5 * MIB / min(hours, 1)  # of 250 MiB
    assert faults(run(0.9 * most, noise=MIB / 2, hours=hours)) == []
    found = faults(run(1.2 * most, noise=MIB / 2, hours=hours))
    assert [fault.partition(" memory")[0] for fault in found] == ["api-1 grows: resident", "api-1 grows: private"]


def test_ten_mebibytes_are_the_most_of_a_large_process() -> None:
    assert faults(run(9 * MIB, size=4000 * MIB)) == []
    assert len(faults(run(11 * MIB, size=4000 * MIB))) == 2


def test_a_leak_of_private_memory_alone_is_found_and_told_with_its_figures() -> None:
    samples = [replace(sample, resident=250 * MIB) for sample in run(8 * MIB)]
    (fault,) = faults(samples)
    assert fault.startswith("api-1 grows: private memory by +8.0 MiB (+3.1% of its median 255 MiB)")
    assert {growth.what: round(growth.bytes / MIB, 3) for growth in growths(samples)} == {"resident": 0, "private": 8}


def test_memory_that_shrinks_is_no_fault() -> None:
    assert faults(run(-50 * MIB)) == []


def test_what_was_hardly_sampled_vanished_or_was_replaced_is_a_fault() -> None:
    assert faults([]) == ["there are no samples"]
    assert "too few to judge by" in faults(run(hours=1 / 15))[0]
    two = [*run(), *(replace(sample, process="api-2") for sample in run())]
    assert faults(two) == []
    assert faults(two[:-30]) == ["api-2 was there at 91 of 121 samples"]
    new = [replace(sample, pid=8) if sample.seconds > AN_HOUR / 2 else sample for sample in run()]
    assert faults(new) == ["api-1 has ended and was replaced: pids [7, 8]"]


@pytest.mark.parametrize("what", ["descriptors", "threads", "tasks", "connections"])
def test_more_than_is_allowed_is_left_behind(what: str) -> None:
    before = Sample(0, "api-1", 7, descriptors=20, threads=5, tasks=9, connections=8)
    more: dict[str, Any] = {what: getattr(before, what) + ALLOWED[what] + 1}
    less: dict[str, Any] = {what: getattr(before, what) + ALLOWED[what]}
    assert left_behind(left_of([before]), left_of([replace(before, **less)])) == []
    (fault,) = left_behind(left_of([before]), left_of([replace(before, **more)]))
    assert fault.startswith(f"api-1 leaves {what} behind")
    untold: dict[str, Any] = {what: None}
    assert len(left_behind(left_of([before]), left_of([replace(before, **untold)]))) == 1
    assert left_behind({}, left_of([before])) == ["api-1 was not there after the warm-up"]


LEAKING = """
import os, sys, time
kept, files = [], []
print("ready", flush=True)
while True:
    kept.append(bytearray(os.urandom(int(sys.argv[1]))))
    files.extend(open("/dev/null") for _ in range(int(sys.argv[2])))
    time.sleep(0.01)
"""


@pytest.mark.parametrize("leak", [0, 20_000])
def test_a_real_process_that_leaks_is_found_by_what_the_kernel_tells(tmp_path: Path, leak: int) -> None:
    command = [sys.executable, "-c", LEAKING, str(leak), str(min(leak, 1))]
    record = Record(tmp_path / "samples.csv")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            for number in range(20):
                record.add([sample_of(number, "leaking", process.pid)])
                time.sleep(0.1)
        finally:
            process.kill()
    ends = [left_of([record.samples[place]]) for place in (0, -1)]
    assert bool(faults(record.samples)) == bool(left_behind(*ends)) == bool(leak)
    assert len(record.path.read_text().splitlines()) == 21


async def test_an_act_that_is_answered_otherwise_or_never_done_is_a_fault() -> None:
    async def fine(caller: Caller) -> None:
        pass

    async def broken(caller: Caller) -> None:
        require(caller.tenant.number, "the answer")

    async def never(caller: Caller) -> None:
        pass

    tenant = Tenant(0, "ada@skyledger.example", "", "", "")
    load = Load(["http://127.0.0.1:9"], [tenant], {fine: 1, broken: 1, never: 0}, seeded(1))
    await load.each(fine, broken, times=3)
    assert load.done == {"fine": 3}
    assert load.faults()[0] == "broken failed 3 times"
    assert load.errors[0] == "broken on http://127.0.0.1:9: UnexpectedError: the answer"
    assert load.faults()[-2:] == ["broken was never done", "never was never done"]
    assert all(weight > 0 for weight in ACTS.values())


async def test_an_act_that_cannot_reach_a_server_is_a_fault() -> None:
    async def asks(caller: Caller) -> None:
        await caller.data("{ viewer { user { id } } }")

    load = Load(["http://127.0.0.1:9"], [Tenant(0, "ada@skyledger.example", "", "", "")], {asks: 1}, seeded(1))
    await load.each(asks)
    assert load.faults()[0] == "asks failed 1 times"
    assert httpx.ConnectError.__name__ in load.errors[0]


def test_documents_are_different_and_right_and_wrong_as_they_say() -> None:
    schema: GraphQLSchema = build_schema((Path(__file__).parents[2] / "schema.graphql").read_text())
    documents = Documents(schema, Limits())
    right = [different(number) for number in range(300)]
    refused = [wrong(number) for number in range(60)]
    assert len({*right, *(document.text for document in refused)}) == 360
    for text in (*right, *(text for _, text, _ in known_queries("acme"))):
        documents.load(text)
    for document in refused:
        with pytest.raises(Refusal) as caught:
            documents.load(document.text)
        assert caught.value.faults[0].code == document.code
