"""The log-in throttle on a real Valkey, and without one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from structlog.testing import capture_logs

from app.auth.throttle import Throttle
from app.errors import RateLimitedError

KEY = "k" * 64


def throttle(valkey: Redis | None, *, per_account: int = 3, per_address: int = 100) -> Throttle:
    return Throttle(valkey, key=KEY, per_account=per_account, per_address=per_address)


async def fail(limited: Throttle, email: str, address: str | None = "192.0.2.1") -> bool:
    """Whether one more failing try was allowed."""
    try:
        await limited.begin(email, address)
    except RateLimitedError:
        return False
    return True


async def test_an_account_is_throttled_from_wherever_it_is_tried(valkey: Redis) -> None:
    limited = throttle(valkey)
    tries = [await fail(limited, "ada@example.com", f"192.0.2.{number}") for number in range(5)]
    assert tries == [True, True, True, False, False]
    assert await fail(limited, "bob@example.com")


async def test_an_address_is_throttled_whatever_account_it_tries(valkey: Redis) -> None:
    limited = throttle(valkey, per_account=100, per_address=3)
    tries = [await fail(limited, f"user{number}@example.com") for number in range(5)]
    assert tries == [True, True, True, False, False]
    assert await fail(limited, "ada@example.com", "192.0.2.2")


async def test_the_refusal_says_when_to_come_back(valkey: Redis) -> None:
    limited = throttle(valkey, per_account=1)
    await limited.begin("ada@example.com", None)
    with pytest.raises(RateLimitedError) as refusal:
        await limited.begin("ada@example.com", None)
    assert 890 <= refusal.value.retry_after <= 900
    assert str(refusal.value.retry_after) in refusal.value.message
    assert refusal.value.extensions == {"retryAfter": refusal.value.retry_after}


async def test_a_success_forgets_the_failures_of_the_account_and_is_none_of_the_address(valkey: Redis) -> None:
    limited = throttle(valkey, per_account=3, per_address=5)
    for _ in range(4):
        assert await fail(limited, "ada@example.com")
        await limited.succeeded(await limited.begin("ada@example.com", "192.0.2.1"))
    assert await fail(limited, "ada@example.com"), "4 failures and 4 successes are 4 failures of the address"
    assert not await fail(limited, "ada@example.com")


async def test_a_try_without_verdict_is_taken_back(valkey: Redis) -> None:
    limited = throttle(valkey, per_account=2, per_address=2)
    for _ in range(5):
        await limited.withdraw(await limited.begin("ada@example.com", "192.0.2.1"))
    assert [await fail(limited, "ada@example.com") for _ in range(3)] == [True, True, False]


async def test_tries_at_one_moment_cannot_slip_through_together(valkey: Redis) -> None:
    limited = throttle(valkey, per_account=3)
    tries = await asyncio.gather(*(fail(limited, "ada@example.com") for _ in range(50)))
    assert sum(tries) == 3


async def test_processes_share_their_counts(valkey: Redis) -> None:
    first, second = throttle(valkey), throttle(valkey)
    tries = [await fail(each, "ada@example.com") for each in (first, second, first, second)]
    assert tries == [True, True, True, False]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        (None, "not an address", True),
    ],
)
async def test_what_counts_as_one_address(valkey: Redis, one: str | None, other: str, *, same: bool) -> None:
    limited = throttle(valkey, per_address=1)
    assert await fail(limited, "ada@example.com", one)
    assert await fail(limited, "bob@example.com", other) is not same


async def test_valkey_learns_neither_addresses_nor_accounts(valkey: Redis) -> None:
    await fail(throttle(valkey), "ada@example.com", "192.0.2.1")
    keys = [key.decode() for key in await valkey.keys("*")]
    assert len(keys) == 2
    assert all(key.startswith("skyledger:throttle:") for key in keys)
    assert not any(secret in key for key in keys for secret in ("ada", "example", "192.0.2"))
    for key in keys:
        assert 0 < await valkey.ttl(key) <= 900


async def test_without_valkey_it_counts_in_memory_and_says_so_once(tmp_path: Path) -> None:
    away = Redis.from_url(f"unix://{tmp_path}/none.sock?db=0", retry=Retry(NoBackoff(), 0))
    limited = throttle(away)
    with capture_logs() as logs:
        tries = [await fail(limited, "ada@example.com") for _ in range(5)]
        await limited.succeeded(await limited.begin("bob@example.com", "192.0.2.1"))
    assert tries == [True, True, True, False, False]
    assert [entry["event"] for entry in logs] == ["throttle_counts_in_memory"]
    await away.aclose()


async def test_a_hung_valkey_delays_a_try_by_no_more_than_its_time_limit(tmp_path: Path) -> None:
    path = tmp_path / "hung.sock"
    server = await asyncio.start_unix_server(never_answer, str(path))
    hung = Redis.from_url(f"unix://{path}?db=0", retry=Retry(NoBackoff(), 0))
    limited = throttle(hung)
    with capture_logs() as logs:
        async with asyncio.timeout(30):
            tries = [await fail(limited, "ada@example.com") for _ in range(5)]
    assert tries == [True, True, True, False, False]
    assert len(logs) == 1
    await hung.aclose()
    server.close()
    await server.wait_closed()


async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass
    writer.close()
    await writer.wait_closed()


async def test_when_valkey_is_back_it_counts_there_again(valkey: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    limited = throttle(valkey)
    shared = limited._shared
    assert shared is not None

    async def broken(*_: object, **__: object) -> bool:
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(shared, "hit", broken)
        assert await fail(limited, "ada@example.com")
    limited._shared_again_at = 0.0
    with capture_logs() as logs:
        assert await fail(limited, "ada@example.com")
    assert [entry["event"] for entry in logs] == ["throttle_counts_in_valkey"]
    assert len(await valkey.keys("*")) == 2
