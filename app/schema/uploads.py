"""Uploads: files that are sent beside the graph, announced and looked after in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.records import ActorKind, Permission
from app.records.criteria import Direction
from app.records.uploads import UploadOrderField, UploadState, UploadStorage
from app.schema.enums import graph_enum
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.node import Node, global_id
from app.schema.organization_part import OrganizationPart
from app.schema.pages import rows_page
from app.schema.paging import After, Before, Connection, First, Last, PageArguments
from app.schema.people import User, fellow
from app.schema.repeatable import Repeatable
from app.schema.scalars import BigInt
from app.uploads.standing import state_of

graph_enum(
    UploadState,
    "How far an upload is.",
    CREATED="Nothing has arrived yet.",
    RECEIVING="Some bytes are stored; HEAD of its address tells how many, to go on from there.",
    COMPLETE="All bytes are stored and checked; it can be imported until it expires.",
    FAILED="The bytes were not those that were announced, and are deleted.",
    EXPIRED="Its time is over and its bytes are deleted.",
)
graph_enum(
    UploadStorage,
    "Where the bytes of an upload lie.",
    LOCAL="In a folder of Skyledger's own.",
    S3="In a bucket.",
)


@strawberry.type(description="A file on its way in, or that has arrived.")
class Upload(Node):
    """A row of `uploads`."""

    file_name: str = strawberry.field(description="Its name at the sender's.")
    content_type: str | None = strawberry.field(description="Its media type, as the sender named it.")
    bytes: BigInt = strawberry.field(description="Its size, as it was announced.")
    bytes_received: BigInt = strawberry.field(
        description="How many bytes were certainly stored at the last checkpoint; HEAD of its address tells exactly."
    )
    sha256: str | None = strawberry.field(
        description="SHA-256 of what is stored, in hexadecimal; null until all bytes are there."
    )
    sha256_expected: str | None = strawberry.field(description="The SHA-256 that was announced, if one was.")
    state: UploadState = strawberry.field(description="How far it is.")
    failure: str | None = strawberry.field(description="Why it failed; null where it did not.")
    storage: UploadStorage = strawberry.field(description="Where its bytes lie.")
    url: str = strawberry.field(
        description="Where to PUT its bytes: a path at the server of this graph, resolved like a link on it."
    )
    expires_at: datetime = strawberry.field(
        description="When its time is over: to become complete, and after that to be imported."
    )
    created_at: datetime = strawberry.field(description="When it was created.")
    key: strawberry.Private[tuple[UUID, UUID]]
    user_id: strawberry.Private[UUID | None]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Upload:
        """Make it of a row."""
        id_ = global_id("Upload", row["id"], row["organization_id"])
        return cls(
            id=id_,
            file_name=row["file_name"],
            content_type=row["content_type"],
            bytes=BigInt(row["bytes_expected"]),
            bytes_received=BigInt(row["bytes_received"]),
            sha256=_hexadecimal(row["sha256"]),
            sha256_expected=_hexadecimal(row["sha256_expected"]),
            state=state_of(row),
            failure=row["failure"],
            storage=UploadStorage(row["storage"]),
            url=f"/uploads/{id_}",
            expires_at=row["expires_at"],
            created_at=row["created_at"],
            key=(row["organization_id"], row["id"]),
            user_id=row["actor_id"] if row["actor_kind"] == ActorKind.USER else None,
        )

    @strawberry.field(description="Who created it; null for an API key, and for somebody who has left.")
    async def created_by(self, info: Info) -> User | None:
        """Loaded for the whole page at once."""
        return await fellow(info, self.key[0], self.user_id)


@strawberry.type
class OrganizationUploads(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(description="Its uploads, the newest first; ended ones are told of for a week.")
    async def uploads(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Upload]:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        page = PageArguments(first, after, last, before)
        order = (UploadOrderField.CREATED_AT, Direction.DESC)
        return await rows_page(info, info.context.loaders.uploads, Upload.from_row, key, None, order, page)


@strawberry.input(description="A file that is to be sent.")
class CreateUploadInput(Repeatable):
    """See `createUpload`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization that the file is for.")
    file_name: str = strawberry.field(description="Its name, for people and to tell its format; 1 to 255 characters.")
    bytes: BigInt = strawberry.field(description="Its size in bytes.")
    content_type: str | None = strawberry.field(default=None, description="Its media type, such as `text/csv`.")
    sha256: str | None = strawberry.field(
        default=None, description="Its SHA-256 in hexadecimal: bytes that arrive otherwise are refused."
    )


@strawberry.type(description="A header of a request.")
class UploadHeader:
    """An entry of `headers`."""

    name: str = strawberry.field(description="Its name.")
    value: str = strawberry.field(description="Its value.")


@strawberry.type(description="The upload is created; send its bytes.")
class CreateUploadPayload:
    """See `createUpload`."""

    upload: Upload = strawberry.field(description="The new upload.")
    url: str = strawberry.field(description="Where to send the bytes: a path at the server of this graph.")
    method: str = strawberry.field(description="The method of HTTP to send them with.")
    headers: list[UploadHeader] = strawberry.field(
        description="Headers to send beside those that sign in, which are the same as for the graph."
    )
    instructions: str = strawberry.field(description="How to send the bytes, and how to go on after a lost connection.")


CreateUploadResult = Annotated[
    CreateUploadPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("CreateUploadResult", description="What `createUpload` answers."),
]


@strawberry.input(description="An upload to delete.")
class DeleteUploadInput:
    """See `deleteUpload`."""

    id: strawberry.ID = strawberry.field(description="The upload.")


@strawberry.type(description="The upload and its bytes are gone; what was imported of it stays.")
class DeleteUploadPayload:
    """See `deleteUpload`."""

    deleted_upload_id: strawberry.ID = strawberry.field(description="The id that it had.")


DeleteUploadResult = Annotated[
    DeleteUploadPayload | InvalidInput | NotFound,
    strawberry.union("DeleteUploadResult", description="What `deleteUpload` answers."),
]


def _hexadecimal(value: Any) -> str | None:
    return None if value is None else value.hex()
