"""What refused work costs: documents that are not valid, and credentials that are wrong.

Who sends nothing else would have it for nothing: a document of 15 kB may take 50 ms to be refused, a made-up API key a
look-up. A document that is not kept has its price held before it is read, so that many at once cannot pass before the
first is charged; a valid one has it given back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.errors import AuthenticationError, ErrorCode, RateLimitedError
from app.rate_limits import site
from app.server.costs.charging import Costs, Hold
from app.server.credentials import Credentials
from app.server.identity import Identify, Identity, OperationFacts
from app.server.masking import Fault, Refusal

if TYPE_CHECKING:
    from app.server.documents import Document, Documents

DOCUMENT = 10
BYTES_A_POINT = 2
"""A point is 5 µs (README, costs); a hostile document of 15 kB takes 50 ms, a misspelled one of 200 bytes 0.5 ms."""
CREDENTIAL = 50
"""A statement of PostgreSQL and the way there."""
MOST_CLOSED = 10_000

IsKnown = Callable[[Credentials], bool]
"""Whether credentials are known without a look-up."""


async def read_document(documents: Documents, text: str, costs: Costs, facts: OperationFacts) -> Document:
    """The document of a text that is not kept; Refusal, which the caller pays for, or without points is not read."""
    held = await costs.hold(DOCUMENT + len(text) // BYTES_A_POINT, facts)
    if held.wait:
        raise _unread(held)
    try:
        document = documents.find(text)  # somebody else may have sent it meanwhile
    except Refusal:
        held.give_back()
        raise
    if document is None:
        document = documents.read(text)
    held.give_back()
    return document


def _unread(held: Hold) -> Refusal:
    message = (
        f"The document is new to the server, and to look at it {held.points:,} points must be there, which are given "
        f"back if it is valid; {max(0, held.available):,} are left. Wait {_seconds(held.wait)}."
    )
    extensions = {"retryAfter": held.wait, "cost": held.to_json()}
    headers = (("retry-after", str(held.wait)), *held.headers())
    return Refusal([Fault(ErrorCode.RATE_LIMITED, message, extensions=extensions)], status=429, headers=headers)


class Gate:
    """Identifies callers, and lets the strangers of an address pay for wrong credentials.

    Where they have no points left, only credentials are looked up that `is_known` knows: neighbours who are signed in
    behind the same address go on, whoever guesses waits.
    """

    def __init__(self, identify: Identify, is_known: IsKnown, costs: Costs) -> None:
        self._identify, self._is_known, self._costs = identify, is_known, costs
        self._closed: dict[str, float] = {}

    async def identify(self, credentials: Credentials) -> Identity | None:
        """As Identify; RateLimitedError where too many were wrong before."""
        if self._closed:
            self._refuse_unknown(credentials)
        try:
            return await self._identify(credentials)
        except AuthenticationError:
            await self._charge(credentials.client_address)
            raise

    def _refuse_unknown(self, credentials: Credentials) -> None:
        where = site(credentials.client_address)
        left = self._closed.get(where, 0.0) - asyncio.get_running_loop().time()
        if left <= 0:
            self._closed.pop(where, None)
        elif credentials.are_given and not self._is_known(credentials):
            wait = int(left) + 1
            message = f"Too many wrong credentials came from your address. Wait {_seconds(wait)}."
            raise RateLimitedError(message, retry_after=wait)

    async def _charge(self, address: str | None) -> None:
        facts = OperationFacts("", None, address, None, "credentials")
        held = await self._costs.hold(CREDENTIAL, facts)
        if held.wait:
            self._closed[site(address)] = asyncio.get_running_loop().time() + held.wait
            if len(self._closed) > MOST_CLOSED:
                del self._closed[next(iter(self._closed))]  # the one closed first


def _seconds(wait: int) -> str:
    return f"{wait} second{'s' if wait > 1 else ''}"
