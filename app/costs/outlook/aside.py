"""A process beside this one that computes forecasts, so that nothing else waits for their libraries or for them.

Measured: to import the libraries takes 3.5 s of processor time, in which a thread of the server stalls its event loop
for up to 0.35 s; in a process of its own it stalls nothing. A forecast computes for 0.35 s with one thread of OpenBLAS
and for 1.0 s with two (matrices of ten columns are not worth a second thread).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from importlib import import_module
from typing import Any, Final, TypeVar

from app.costs.outlook.helper import Helper, KilledError, OverdueError, Question

Answer = TypeVar("Answer")

REMEMBERED: Final = 500
"""Answers that are kept, each a few kilobytes: equal questions have equal answers."""
MOST_WAITING: Final = 64
"""Questions that wait, of all organizations: half a minute of computing, which is longer than anybody waits."""
SHARE: Final = 12
"""Questions that wait of one organization: five seconds of computing, so that many may fill the places, but not one."""
SECONDS: Final = 20.0
"""For one answer, after which it is given up: fifty times what a forecast takes."""
GIVEN_UP_SECONDS: Final = 600.0
"""How long what was given up is not tried again: whoever asks meanwhile would keep all others waiting."""
_LIBRARIES: Final = "app.costs.outlook.futures"

__all__ = ["ASIDE", "Aside", "BusyError", "KilledError", "OverdueError"]


class BusyError(Exception):
    """So many questions wait already that a new one would not be answered in time; `own` are of the one who asks."""

    def __init__(self, *, own: bool) -> None:
        super().__init__()
        self.own = own


class Aside:
    """Has questions answered by a helper, which starts with the first of them. Safe to use from any thread."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._helper: Helper | None = None
        self._answers: OrderedDict[tuple[Any, ...], Question] = OrderedDict()
        self._lock = threading.Lock()

    def warm(self) -> Future[None]:
        """Have the process load the libraries, so that the first forecast takes no longer than others."""
        return self.ask(_load)

    def ask(self, function: Callable[..., Answer], *arguments: Any, asker: Hashable | None = None) -> Future[Answer]:
        """The answer to come of a pure function of a module; arguments can be hashed and pickled.

        Questions are answered one after the other. One that is asked again, by whomever, is not computed again. Raises
        BusyError for a new one where too many wait, of all or of this asker.
        """
        key = (function, *arguments)
        with self._lock:
            known = self._answers.get(key)
            if known is None or _is_worth_another_try(known.answer):
                self._require_place(asker)
                known = self._answers[key] = Question(function, arguments, asker)
                if self._helper is None:
                    self._helper = Helper(self._seconds)
                self._helper.take(known)
            self._answers.move_to_end(key)
            if len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return known.answer

    async def answer(self, function: Callable[..., Answer], *arguments: Any, asker: Hashable | None = None) -> Answer:
        """The answer, which no thread waits for. Cancelled, it is computed all the same, for who asks again.

        Raises what the function raises, BusyError as `ask`, KilledError where the process was killed twice over it, and
        OverdueError where it took too long, at once where it did a few minutes ago.
        """
        return await asyncio.shield(asyncio.wrap_future(self.ask(function, *arguments, asker=asker)))

    def close(self) -> None:
        """End the process at once, whatever it computes; who waits is told KilledError."""
        with self._lock:
            helper, self._helper = self._helper, None
        if helper is not None:
            helper.close()

    def _require_place(self, asker: Hashable | None) -> None:
        waiting = [question.asker for question in self._answers.values() if not question.answer.done()]
        if asker is not None and waiting.count(asker) >= SHARE:
            raise BusyError(own=True)
        if len(waiting) >= MOST_WAITING:
            raise BusyError(own=False)


ASIDE: Final = Aside()
"""That of this process; it does nothing before it is asked."""


def _is_worth_another_try(answer: Future[Any]) -> bool:
    """Whether it is an error, or was cancelled; what took too long is not, for a while."""
    if not answer.done():
        return False
    if answer.cancelled():
        return True
    error = answer.exception()
    if isinstance(error, OverdueError):
        return time.monotonic() - error.at > GIVEN_UP_SECONDS
    return error is not None


def _load() -> None:
    import_module(_LIBRARIES)
