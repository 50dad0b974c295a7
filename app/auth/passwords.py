"""Passwords: argon2id hashes made and checked in a few threads, beside the event loop."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from app.errors import BadUserInputError, RateLimitedError

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 256
# The least that OWASP's password storage cheat sheet asks of argon2id: 19 MiB, two passes, one lane.
MEMORY_KIB = 19 * 1024
PASSES = 2

Result = TypeVar("Result")


@dataclass(frozen=True)
class Verdict:
    """Whether the password was right; `new_hash` replaces a stored hash whose parameters are out of date."""

    correct: bool
    new_hash: str | None = field(default=None, repr=False)


def check_policy(password: str, email: str, path: tuple[str, ...] = ("input", "password")) -> None:
    """Raise BadUserInputError unless the password has 10 to 256 characters and is not the e-mail address."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        message = f"A password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
        raise BadUserInputError(message, path=path)
    if _normal(password).strip().lower() == email.encode():
        message = "A password must not be the e-mail address."
        raise BadUserInputError(message, path=path)


class Passwords:
    """Hashes and checks passwords.

    argon2 releases the interpreter lock, so `workers` threads keep as many cores busy and no more memory than
    `workers` x `memory_kib`. More than `most_waiting` at a time are turned away with RateLimitedError.
    """

    def __init__(
        self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES, workers: int = 2, most_waiting: int = 64
    ) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="argon2")
        self._most_waiting = most_waiting
        self._waiting = 0
        # Checked in place of the hash of an account that is not there, which then takes as long as a real one. Made in
        # a thread: 50 ms that a start need not wait for.
        self._nobody = self._threads.submit(self._hasher.hash, secrets.token_bytes(16))

    async def hash(self, password: str) -> str:
        """The argon2id hash, with its salt and parameters, as text."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Check against the stored hash; None (no such account) costs the same and is never right."""
        return await self._run(lambda: self._verify(password, stored))

    def close(self) -> None:
        """Let the threads go; hashes under way are finished."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, stored: str | None) -> Verdict:
        normal = _normal(password[: LONGEST_PASSWORD + 1])  # nothing longer was ever stored
        try:
            self._hasher.verify(stored or self._nobody.result(), normal)
        except (VerificationError, InvalidHashError):
            return Verdict(correct=False)
        if stored is None:
            return Verdict(correct=False)
        outdated = self._hasher.check_needs_rehash(stored)
        return Verdict(correct=True, new_hash=self._hasher.hash(normal) if outdated else None)

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= self._most_waiting:
            message = "Too many people are signing in at this moment. Try again in a second."
            raise RateLimitedError(message, retry_after=1)
        loop = asyncio.get_running_loop()
        self._waiting += 1
        future = self._threads.submit(work)
        # Counted down when the thread is done, not when the caller gives up: a cancelled call still holds the thread.
        future.add_done_callback(lambda done: self._done(loop, done))
        return await asyncio.wrap_future(future, loop=loop)

    def _done(self, loop: asyncio.AbstractEventLoop, _future: Future[Result]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._count_down)

    def _count_down(self) -> None:
        self._waiting -= 1


def _normal(password: str) -> bytes:
    """NFKC, as NIST SP 800-63B asks, so that every keyboard types the same password; half characters are kept as is."""
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")
