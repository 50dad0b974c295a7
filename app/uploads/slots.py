"""How many requests may write uploads at a time in one process, and how many of one organization."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from app.records.uploads import Refused, UploadRefusedError

_RETRY_SECONDS = 10


class Slots:
    """So many places; one organization has at most half of them, and one in any case."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._each = max(1, places // 2)
        self._taken: Counter[UUID] = Counter()

    @contextmanager
    def taken(self, organization_id: UUID) -> Iterator[None]:
        """A place until the end. Raises UploadRefusedError(CROWDED) when there is none."""
        if self._taken.total() >= self._places or self._taken[organization_id] >= self._each:
            message = "Too many uploads are being written at the moment. Try again in some seconds."
            raise UploadRefusedError(Refused.CROWDED, message, retry_after=_RETRY_SECONDS)
        self._taken[organization_id] += 1
        try:
            yield
        finally:
            self._taken[organization_id] -= 1
            if not self._taken[organization_id]:
                del self._taken[organization_id]
