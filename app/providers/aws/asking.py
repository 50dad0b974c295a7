"""Further calls about one resource: what they are denied is told as unknown and does not lose the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from app.providers.aws.errors import error_code, problem
from app.providers.aws.reading import paged, plain
from app.providers.problems import ProblemCode

UNREADABLE: Final = "unreadable"
"""The property that names the properties which could not be read; each of those is null."""
_LACKING: Final = frozenset(
    {
        "404",
        "405",
        "500",
        "501",
        "InvalidAction",
        "NotImplemented",
        "UnknownOperationException",
    }
)
"""What partitions, private endpoints and emulators answer that do not have the operation.

A bare HTTP status stands where AWS has an error code of its own, also for its failures.
"""
GONE: Final = frozenset(
    {
        "NotFoundException",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "ResourceNotFoundFault",
        "TrailNotFoundException",
        "WAFNonexistentItemException",
    }
)
"""How services say that a resource was deleted after a list named it."""


class Asking:
    """The further calls of one run of a collector through one client."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._lacking: set[str] = set()

    def about(self, *unreadable: str) -> Answers:
        """Begin a resource (or a page); `unreadable` names what is known to be unknown already."""
        return Answers(self, unreadable)

    def told(self, operation: str, ask: Callable[[], Any]) -> Any:
        """What `ask` answers; None when AWS denies it or the endpoint lacks the operation. Raises all other errors."""
        if operation in self._lacking:
            return None
        try:
            return ask()
        except ClientError as error:
            if error_code(error) in _LACKING:
                self._lacking.add(operation)
            elif problem(error).code is not ProblemCode.DENIED:
                raise
            return None


class Answers:
    """What further calls told about one resource; `unreadable` names the properties that stay unknown."""

    def __init__(self, asking: Asking, unreadable: tuple[str, ...]) -> None:
        self._asking = asking
        self.unreadable = list(unreadable)

    def one(self, operation: str, names: tuple[str, ...], **arguments: Any) -> Mapping[str, Any]:
        """The answer of `operation` (in snake case), which tells the properties `names`; empty when it is denied."""
        ask = getattr(self._asking.client, operation)
        answer = self._asking.told(operation, lambda: ask(**arguments))
        if answer is None:
            self.unreadable.extend(names)
            return {}
        return dict(answer)

    def all(self, operation: str, key: str, names: tuple[str, ...], **arguments: Any) -> list[dict[str, Any]]:
        """What stands at `key` in all pages of `operation`, for short lists such as tags; [] when it is denied."""
        client = self._asking.client
        found = self._asking.told(
            operation, lambda: [item for page in paged(client, operation, key, **arguments) for item in page]
        )
        if found is None:
            self.unreadable.extend(names)
            return []
        return list(found)

    def known(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """The properties as plain JSON, with null for each that is unknown and the list of those."""
        told: dict[str, Any] = plain(properties)
        told.update(dict.fromkeys(name for name in self.unreadable if name in told))
        if self.unreadable:
            told[UNREADABLE] = sorted(set(self.unreadable))
        return told
