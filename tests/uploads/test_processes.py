"""A real server process: how much memory a large upload takes, and what is left of one after kill -9 and SIGTERM."""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.config import Settings
from tests.cli.commands import Service, environment
from tests.clients import GraphQL, Person, register
from tests.providers.moto import far_client
from tests.uploads.senders import Sender, noise

SIZE = 200_000_000
BUCKET_SIZE = 64_000_000  # moto keeps it all in memory
BLOCK = noise(1_000_000)
MOST_GROWTH = 48 * 1_048_576
BUCKET = "uploads-of-the-tests"


def blocks(size: int, start: int = 0) -> Iterator[bytes]:
    """A large file from a byte on, without having it in memory: every megabyte begins with its number."""
    for number in range(start // len(BLOCK), -(-size // len(BLOCK))):
        block = number.to_bytes(8) + BLOCK[8:]
        begin = number * len(BLOCK)
        yield block[max(0, start - begin) : size - begin]


async def streamed(size: int, start: int = 0) -> AsyncIterator[bytes]:
    """The same as the body of a request."""
    for block in blocks(size, start):
        yield block


def hash_of(size: int) -> str:
    """Its SHA-256."""
    found = hashlib.sha256()
    for block in blocks(size):
        found.update(block)
    return found.hexdigest()


class Machine:
    """Starts servers one after the other on the same data."""

    def __init__(self, settings: Settings, folder: Path, **more: str) -> None:
        folder.mkdir()
        self.data_dir = folder / "data"
        self.data_dir.mkdir()
        self._settings: dict[str, Any] = {
            "database_url": str(settings.database_url),
            "redis_url": str(settings.redis_url),
            "upload_free_bytes": "0",
            **more,
        }

    @contextmanager
    def serving(self) -> Iterator[tuple[Service, str]]:
        """A server and its address."""
        with Service(self.data_dir, "serve", **self._settings) as service:
            yield service, service.wait_until_listening()

    def files(self) -> list[Path]:
        """The files of uploads."""
        return [path for path in (self.data_dir / "uploads").rglob("*") if path.is_file()]


@pytest.fixture
def machine(settings: Settings, tmp_path: Path) -> Machine:
    """A machine without services of its own but the engines."""
    return Machine(settings, tmp_path / "machine")


@asynccontextmanager
async def caller(url: str, person: Person | None = None) -> AsyncIterator[Sender]:
    """Somebody at a server."""
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        yield Sender(client, person or await register(GraphQL(client)))


def memory(service: Service, figure: str) -> int:
    """A figure of the process's memory, in bytes."""
    lines = (Path("/proc") / str(service.process.pid) / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{figure}:"))


def forget_peak(service: Service) -> None:
    """Let VmHWM begin anew: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html."""
    (Path("/proc") / str(service.process.pid) / "clear_refs").write_text("5")


def _announced(size: int) -> dict[str, Any]:
    return {"content-length": str(size)}


async def grown(service: Service, sender: Sender, size: int) -> int:
    """By how many bytes the server's memory peaked over where it was, during an upload of `size` bytes."""
    warm = noise(1_000_000)
    await sender.put(await sender.created(warm), warm)
    made = await sender.create(size, sha256=hash_of(size))
    forget_peak(service)
    before = memory(service, "VmRSS")
    answer = await sender.put(made["url"], streamed(size), **_announced(size))
    assert answer.json()["state"] == "COMPLETE", answer.text
    assert answer.json()["sha256"] == hash_of(size)
    return memory(service, "VmHWM") - before


async def test_a_large_upload_takes_little_memory(machine: Machine) -> None:
    with machine.serving() as (service, url):
        async with caller(url) as sender:
            growth = await grown(service, sender, SIZE)
    print(f"peak of the server's memory over an upload of {SIZE:,} bytes: {growth / 1_048_576:+.1f} MiB")  # noqa: T201
    assert growth < MOST_GROWTH
    assert max(path.stat().st_size for path in machine.files()) == SIZE


async def test_so_it_does_on_the_way_into_a_bucket(
    settings: Settings, tmp_path: Path, moto_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_credentials(data_dir: Path, **more: str) -> dict[str, str]:
        return {**environment(data_dir, **more), "AWS_ACCESS_KEY_ID": "own", "AWS_SECRET_ACCESS_KEY": "own"}

    monkeypatch.setattr("tests.cli.commands.environment", with_credentials)
    far_client(moto_url, "s3", "us-east-1").create_bucket(Bucket=BUCKET)
    machine = Machine(settings, tmp_path / "machine", upload_bucket=BUCKET, upload_endpoint=moto_url)
    with machine.serving() as (service, url):
        async with caller(url) as sender:
            growth = await grown(service, sender, BUCKET_SIZE)
    print(f"the same into a bucket, {BUCKET_SIZE:,} bytes: {growth / 1_048_576:+.1f} MiB")  # noqa: T201
    assert growth < MOST_GROWTH


async def test_kill_9_in_the_middle(machine: Machine) -> None:
    """Twice: each time it goes on from what is really there, and the file is right in the end."""
    person, address, there = None, "", 0
    offsets: list[int] = []
    for enough in (40_000_000, 110_000_000, None):
        with machine.serving() as (service, url):
            async with caller(url, person) as sender:
                person = sender.person
                address = address or (await sender.create(SIZE, sha256=hash_of(SIZE)))["url"]
                offset = await sender.offset(address)
                assert max(0, there - 64_000_000) <= offset <= there, "what was certain at the last checkpoint"
                offsets.append(offset)
                if enough is None:
                    answer = await sender.put(address, streamed(SIZE, offset), offset)
                    assert answer.json()["sha256"] == hash_of(SIZE), answer.text
                    break
                sending = asyncio.create_task(_send_until_cut(sender, address, offset))
                await _until_stored(machine, enough)
                service.stop(signal.SIGKILL)
                await sending
                there = sum(path.stat().st_size for path in machine.files())
    assert offsets == sorted(offsets)
    assert offsets[-1] > 0


async def _send_until_cut(sender: Sender, url: str, offset: int) -> None:
    with pytest.raises(httpx.TransportError):
        await sender.put(url, streamed(SIZE, offset), offset)


async def test_a_file_that_lost_bytes_is_measured(machine: Machine) -> None:
    """The counter says more than the disk has, as after a power cut: the disk is right."""
    data = noise(3_000_000)
    with machine.serving() as (_, url):
        async with caller(url) as sender:
            address = await sender.created(data)
            await sender.put(address, data[:2_000_000])
            (file,) = machine.files()
            with file.open("r+b") as opened:
                opened.truncate(1_500_000)
            assert await sender.offset(address) == 1_500_000
            assert (await sender.put(address, data[2_000_000:], 2_000_000)).status_code == 409
            answer = await sender.put(address, data[1_500_000:], 1_500_000)
            assert answer.json()["sha256"] == hashlib.sha256(data).hexdigest()


async def test_a_server_that_stops_keeps_every_byte(machine: Machine) -> None:
    data = noise(9_000_000)
    with machine.serving() as (service, url):
        async with caller(url) as sender:
            address = await sender.created(data)
            async with sender.began(address, len(data)) as request:
                await request.wanted()
                await request.send(data[:5_000_001])
                await _until_stored(machine, 4_000_000)
                service.process.send_signal(signal.SIGTERM)
                assert await request.status() == 503
            assert service.process.wait(30) == 0
            assert "Traceback" not in service.logged
            person = sender.person
    with machine.serving() as (_, url):
        async with caller(url, person) as sender:
            offset = await sender.offset(address)
            assert 4_000_000 <= offset <= 5_000_001
            answer = await sender.put(address, data[offset:], offset)
            assert answer.json()["sha256"] == hashlib.sha256(data).hexdigest()


async def _until_stored(machine: Machine, size: int) -> None:
    while sum(path.stat().st_size for path in machine.files()) < size:  # noqa: ASYNC110  (a file tells nobody)
        await asyncio.sleep(0.01)


def test_the_large_file_is_what_it_says() -> None:
    """The generator: the same bytes from any start."""
    whole: Any = b"".join(blocks(2_500_000))
    assert len(whole) == 2_500_000
    for start in (0, 1, 999_999, 1_000_000, 2_400_001, 2_499_999):
        assert b"".join(blocks(2_500_000, start)) == whole[start:]
