"""The parts of single items that a list does not tell: asked for one by one, some items at a time, and tags in bulk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, Protocol, TypeVar

from botocore.exceptions import ClientError

from app.providers.aws.asking import UNREADABLE
from app.providers.aws.errors import error_code, problem
from app.providers.aws.reading import paged, tags
from app.providers.base import FoundResource
from app.providers.problems import ProblemCode

AT_ONCE: Final = 4
"""Items read at a time.

One by one, 1,000 buckets with six parts take minutes; Lambda allows 15 calls a second for the whole account.
"""
SHARE: Final = 20
"""Items told of at a time: a page must not take minutes, for a scan is cancelled between pages."""
TAGGED_AT_ONCE: Final = 100
"""The most ARNs that one call to the tagging API takes."""
TAG_PERMISSION: Final = "tag:GetResources"
_NOT_OFFERED: Final = frozenset({"404", "405", "501", "InvalidAction", "NotImplemented", "UnknownOperationException"})
"""What partitions, private endpoints and emulators answer that do not have the operation."""

Item = TypeVar("Item")
Part = TypeVar("Part")


class Clients(Protocol):
    """A connection, as far as it is needed here."""

    def client(self, service: str, region: str) -> Any:
        """The boto3 client of a service in a region."""


class Parts:
    """Reads parts of one item, for whose sake the list is not given up.

    A part that is denied is unknown: it is None, and `unreadable` names the properties that it would have told.
    `also` are further error codes that mean the same for this item.
    """

    def __init__(self, also: frozenset[str] = frozenset()) -> None:
        self.unreadable: list[str] = []
        self._unknown = _NOT_OFFERED | also

    def read(
        self, properties: tuple[str, ...], call: Callable[[], Part], none: Mapping[str, Part] | None = None
    ) -> Part | None:
        """What `call` answers, or what `none` has for the error code with which AWS says that there is no such part."""
        try:
            return call()
        except ClientError as error:
            code = error_code(error)
            if none and code in none:
                return none[code]
            if code in self._unknown or problem(error).code is ProblemCode.DENIED:
                self.unreadable.extend(properties)
                return None
            raise

    def told(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """The properties, and the names of those that are unknown where there are any."""
        return {**properties, UNREADABLE: sorted(self.unreadable)} if self.unreadable else dict(properties)


def names_in(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[list[str]]:
    """The pages of an operation that lists names or ARNs only."""
    for page in paged(client, operation, key, **arguments):
        yield [str(name) for name in page]


def read_each(
    items: Sequence[Item], read: Callable[[Item], FoundResource], gone: frozenset[str]
) -> Iterator[list[FoundResource]]:
    """The resource of each item, in order, a share at a time; items for which AWS says `gone` are left out.

    An item may be deleted between the list that named it and the call that asks for it.
    """

    def found(item: Item) -> FoundResource | None:
        try:
            return read(item)
        except ClientError as error:
            if error_code(error) in gone:
                return None
            raise

    for start in range(0, len(items), SHARE):
        yield [resource for resource in _together(items[start : start + SHARE], found) if resource is not None]


def _together(items: Sequence[Item], read: Callable[[Item], Part]) -> list[Part]:
    """What `read` answers for each item, asked for by some threads; raises the first error of any of them."""
    waiting: SimpleQueue[int] = SimpleQueue()
    for number in range(len(items)):
        waiting.put(number)
    answers: dict[int, Part] = {}
    errors: list[BaseException] = []

    def work() -> None:
        while not errors:
            try:
                number = waiting.get_nowait()
                answers[number] = read(items[number])
            except Empty:
                return
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for it
                errors.append(error)

    # Daemons, unlike those of an executor: a call that hangs must not hold up the end of the process.
    threads = [Thread(target=work, name="aws-parts", daemon=True) for _ in range(min(AT_ONCE, len(items)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [answers[number] for number in range(len(items))]


def tags_of(connection: Clients, region: str, arns: Sequence[str]) -> dict[str, dict[str, str]]:
    """Tags by ARN, a hundred resources a call; what has no tags is left out. Needs `tag:GetResources`."""
    client = connection.client("resourcegroupstaggingapi", region)
    known: dict[str, dict[str, str]] = {}
    for start in range(0, len(arns), TAGGED_AT_ONCE):
        following: dict[str, str] = {}
        while True:
            answer = client.get_resources(ResourceARNList=arns[start : start + TAGGED_AT_ONCE], **following)
            known |= {tagged["ResourceARN"]: tags(tagged.get("Tags")) for tagged in answer["ResourceTagMappingList"]}
            # AWS answers a list of ARNs in one page, emulators may not.
            if not answer.get("PaginationToken"):
                break
            following = {"PaginationToken": answer["PaginationToken"]}
    return known
