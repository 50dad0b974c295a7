"""Passwords: argon2id as decided, beside the event loop, bounded, and the same work for accounts that are not there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from app.auth.passwords import Passwords, check_policy
from app.errors import BadUserInputError, RateLimitedError
from tests.auth.people import eventually
from tests.clients import cheap_passwords

GOOD = "correct horse battery"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    found = cheap_passwords()
    yield found
    found.close()


async def test_hashes_are_argon2id_of_19_mib_and_two_passes() -> None:
    passwords = Passwords()
    hashed = await passwords.hash(GOOD)
    parameters = extract_parameters(hashed)
    assert (parameters.type, parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (
        Type.ID,
        19 * 1024,
        2,
        1,
    )
    assert GOOD not in hashed
    assert hashed != await passwords.hash(GOOD), "every hash has its own salt"
    passwords.close()


async def test_right_wrong_and_absent(passwords: Passwords) -> None:
    stored = await passwords.hash(GOOD)
    assert (await passwords.verify(GOOD, stored)).correct
    assert not (await passwords.verify(GOOD + "!", stored)).correct
    assert not (await passwords.verify(GOOD, None)).correct
    assert not (await passwords.verify(GOOD, "not a hash")).correct


async def test_an_absent_account_costs_a_hash_of_the_same_parameters(passwords: Passwords) -> None:
    assert extract_parameters(passwords._nobody.result()) == extract_parameters(await passwords.hash(GOOD))


async def test_a_hash_of_other_parameters_is_replaced() -> None:
    old, new = cheap_passwords(), Passwords(memory_kib=16, passes=2)
    stored = await old.hash(GOOD)
    verdict = await new.verify(GOOD, stored)
    assert verdict.correct
    assert verdict.new_hash is not None
    assert extract_parameters(verdict.new_hash).memory_cost == 16
    assert (await new.verify(GOOD, verdict.new_hash)).new_hash is None
    assert (await new.verify("wrong password", stored)).new_hash is None
    old.close()
    new.close()


async def test_the_event_loop_turns_while_a_password_is_hashed() -> None:
    passwords = Passwords()
    task = asyncio.create_task(passwords.hash(GOOD))
    turns = 0
    while not task.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10, "a hash on the loop would be done after one turn"
    passwords.close()


async def test_more_than_can_wait_are_turned_away_and_later_welcome() -> None:
    passwords = Passwords(memory_kib=8, passes=1, workers=1, most_waiting=3)
    answers = await asyncio.gather(*(passwords.hash(GOOD) for _ in range(5)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, RateLimitedError)]
    assert len(refused) == 2
    assert refused[0].retry_after == 1
    assert isinstance(await passwords.hash(GOOD), str)
    passwords.close()


async def test_a_caller_who_gives_up_frees_no_place_before_the_thread_is_done() -> None:
    passwords = Passwords(workers=1, most_waiting=1)
    task = asyncio.create_task(passwords.hash(GOOD))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await eventually(lambda: passwords._waiting == 0)
    assert isinstance(await passwords.hash(GOOD), str)
    passwords.close()


async def test_the_same_password_from_two_keyboards(passwords: Passwords) -> None:
    composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"
    assert (await passwords.verify(decomposed, await passwords.hash(composed))).correct


@pytest.mark.parametrize("odd", ["\ud800 half a character", "x" * 1_000_000, "", "\x00" * 12])
async def test_odd_passwords_are_wrong_and_break_nothing(passwords: Passwords, odd: str) -> None:
    assert not (await passwords.verify(odd, await passwords.hash(GOOD))).correct


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("ninechars", "10 to 256"),
        ("x" * 257, "10 to 256"),
        ("ada@example.com", "must not be the e-mail"),
        ("ADA@Example.com", "must not be the e-mail"),
    ],
)
def test_policy_refuses_and_says_why(password: str, message: str) -> None:
    with pytest.raises(BadUserInputError, match=message) as refusal:
        check_policy(password, "ada@example.com")
    assert refusal.value.path == ("input", "password")


@pytest.mark.parametrize("password", ["x" * 10, "x" * 256, "pässwörter mit leerzeichen"])
def test_policy_accepts(password: str) -> None:
    check_policy(password, "ada@example.com")
