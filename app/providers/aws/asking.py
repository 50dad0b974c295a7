"""Further calls about resources that a list has named: what they are denied is unknown and does not lose the list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, Protocol, TypeVar

from botocore.exceptions import ClientError

from app.providers.aws.errors import LACKING, error_code, problem
from app.providers.aws.reading import paged, plain, tags
from app.providers.base import FoundResource
from app.providers.problems import ProblemCode
from app.records.volatile import UNREADABLE

DENIED: Final = "deniedPermissions"
"""Where `Answers.known` leaves the permissions that were missing; `app.providers.aws.cloud` takes them out again."""
AT_ONCE: Final = 4
"""Resources asked about at a time.

One by one, 1,000 buckets with six calls each take minutes; Lambda allows 15 calls a second for the whole account.
"""
SHARE: Final = 20
"""Resources told of at a time: a page must not take minutes, for a scan is cancelled between pages."""
TAGGED_AT_ONCE: Final = 100
"""The most ARNs that one call to the tagging API takes."""
TAG_PERMISSION: Final = "tag:GetResources"
_LACKING: Final = LACKING | {"500"}
"""AWS has an error code of its own for its failures: a bare 500 is an emulator's, which lacks the operation."""
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

Item = TypeVar("Item")
Part = TypeVar("Part")


class Clients(Protocol):
    """A connection, as far as it is needed here."""

    def client(self, service: str, region: str) -> Any:
        """The boto3 client of a service in a region."""


class Asking:
    """The further calls of one run of a collector through one client; threads may share it.

    `denials` are further error codes that mean a denial here.
    """

    def __init__(self, client: Any, *, denials: frozenset[str] = frozenset()) -> None:
        self.client = client
        self._denials = denials
        self._lacking: set[str] = set()
        self.denied: set[str] = set()
        """Permissions, or operations where AWS does not name one, that were missing in this run."""

    def through(self, client: Any) -> Asking:
        """The same through another client of the service, such as one of another region: what one lacks, all lack."""
        other = Asking(client, denials=self._denials)
        other._lacking, other.denied = self._lacking, self.denied
        return other

    def about(self, *unreadable: str) -> Answers:
        """Begin a resource (or a page); `unreadable` names what is known to be unknown already."""
        return Answers(self, unreadable)

    def told(self, operation: str, ask: Callable[[], Any], none: frozenset[str] = frozenset()) -> Any:
        """What `ask` answers; None when AWS denies it or the endpoint lacks the operation. Raises all other errors.

        `none` are the error codes with which AWS says that there is no such thing: the answer is {} then.
        """
        if operation in self._lacking:
            return None
        try:
            return ask()
        except ClientError as error:
            code = error_code(error)
            if code in none:
                return {}
            if code in _LACKING:
                self._lacking.add(operation)
                return None
            found = problem(error)
            if found.code is ProblemCode.DENIED:
                self.denied.add(found.permission or error.operation_name)
            elif code not in self._denials:
                raise
            return None


class Answers:
    """What further calls told about one resource; `unreadable` names the properties that stay unknown."""

    def __init__(self, asking: Asking, unreadable: tuple[str, ...]) -> None:
        self._asking = asking
        self.unreadable = list(unreadable)

    def one(
        self, operation: str, names: tuple[str, ...], none: frozenset[str] = frozenset(), **arguments: Any
    ) -> Mapping[str, Any]:
        """The answer of `operation` (in snake case), which tells the properties `names`; empty when it is denied.

        Where AWS refuses with a code of `none`, there is no such thing: the answer is empty, but nothing is unknown.
        """
        ask = getattr(self._asking.client, operation)
        return dict(self.read(operation, names, lambda: ask(**arguments), none) or {})

    def all(self, operation: str, key: str, names: tuple[str, ...], **arguments: Any) -> list[Any]:
        """What stands at `key` in all pages of `operation`, for short lists such as tags; [] when it is denied."""
        client = self._asking.client
        found = self.read(
            operation, names, lambda: [item for page in paged(client, operation, key, **arguments) for item in page]
        )
        return list(found or ())

    def read(
        self,
        operation: str,
        names: tuple[str, ...],
        ask: Callable[[], Any],
        none: frozenset[str] = frozenset(),
    ) -> Any:
        """What `ask`, which calls `operation`, makes of the answer; None when it is denied. `none` as in `one`."""
        answer = self._asking.told(operation, ask, none)
        if answer is None:
            self.unreadable.extend(names)
        return answer

    def known(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """The properties as plain JSON, with null for each that is unknown and the list of those."""
        told: dict[str, Any] = plain(properties)
        told.update(dict.fromkeys(name for name in self.unreadable if name in told))
        if self.unreadable:
            told[UNREADABLE] = sorted(set(self.unreadable))
            if self._asking.denied:
                told[DENIED] = sorted(self._asking.denied)
        return told


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
    threads = [Thread(target=work, name="aws-asking", daemon=True) for _ in range(min(AT_ONCE, len(items)))]
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
