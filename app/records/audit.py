"""What the rows of the audit are made of: their canonical form, the digests in them, and the hash that chains them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

FIRST_HASH = bytes(32)
"""What the first row of a chain is hashed with."""
SALT_BYTES = 16
MOST_CHARACTERS = 500
MOST_ENTRIES = 20
MOST_EXACT = 2**53
"""The largest whole number that every reader of JSON takes as it is."""
DELETE_ORGANIZATION = "deleteOrganization"
ERASE = "eraseAuditDetails"
"""The acts after which details may be missing: all of them, or those of the acts of one person."""
FAILED_SIGN_INS = "failedSignIns"
"""What the rows of sign-ins that failed call it."""
FAILURE_WINDOW = timedelta(minutes=15)
"""A row of theirs counts those of so long."""
PERSONAL_ACT = "audit.personal_act"
"""In a session's `info`: the PersonalAct that its transaction is."""


class AuditOutcome(StrEnum):
    """How an act ended. One that fails is undone together with its row; only failed sign-ins are counted and told."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class PersonalAct:
    """What is done with a person's own sign-in, which concerns each organization that they belong to.

    `session_id` is the sign-in that begins by it, `facts` plain JSON without a secret. Without `by_person` it is not
    proved that it is the person who acts.
    """

    user_id: UUID
    session_id: UUID | None
    facts: Mapping[str, Any]
    by_person: bool


@dataclass(frozen=True)
class Anchor:
    """The end of an organization's chain at some time, to be kept where nobody who could change the chain can."""

    organization_id: UUID
    number: int
    hash: bytes
    occurred_at: datetime

    def line(self) -> bytes:
        """One line of JSON, without its end."""
        return orjson.dumps(
            {
                "organizationId": str(self.organization_id),
                "number": self.number,
                "hash": self.hash.hex(),
                "occurredAt": moment_text(self.occurred_at),
            }
        )

    @classmethod
    def read(cls, line: bytes) -> Anchor:
        """The anchor of a line. Raises ValueError for anything else."""
        try:
            found = orjson.loads(line)
            return cls(
                UUID(found["organizationId"]),
                int(found["number"]),
                bytes.fromhex(found["hash"]),
                datetime.fromisoformat(found["occurredAt"]),
            )
        except (TypeError, KeyError, AttributeError) as error:
            message = "this is no line of `skyledger audit anchor`"
            raise ValueError(message) from error


def shortened(value: Any) -> Any:
    """Plain JSON without what is too long to tell: of long texts the begin, of long lists the length."""
    if isinstance(value, str):
        text = value.encode("utf-8", "backslashreplace").decode()
        return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}… ({len(text)} characters)"
    if isinstance(value, Mapping):
        return {shortened(str(key)): shortened(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [shortened(each) for each in value] if len(value) <= MOST_ENTRIES else {"count": len(value)}
    if value is None or isinstance(value, bool | float):
        return value
    return value if isinstance(value, int) and abs(value) <= MOST_EXACT else str(value)


def canonical(value: Any) -> bytes:
    """The one way to write a value of plain JSON: keys in order, no white space, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def digest(salt: bytes, name: str, text: str | None) -> bytes | None:
    """The digest of a text that may be erased; of nothing there is none. HMAC-SHA256 with the row's salt as the key."""
    return None if text is None else hmac.digest(salt, f"{name}\0{text}".encode(), "sha256")


def row_hash(previous: bytes, row: Mapping[Any, Any]) -> bytes:
    """SHA-256 of the hash before and the canonical JSON of the row, a column a key, without the hash itself."""
    values = {
        "organizationId": _text(row["organization_id"]),
        "number": row["number"],
        "act": row["act"],
        "outcome": row["outcome"],
        "actorKind": row["actor_kind"],
        "actorId": _text(row["actor_id"]),
        "sessionId": _text(row["session_id"]),
        "subjectType": row["subject_type"],
        "subjectId": _text(row["subject_id"]),
        "requestId": row["request_id"],
        "clientAddressDigest": _hex(row["client_address_digest"]),
        "summaryDigest": _hex(row["summary_digest"]),
        "occurredAt": moment_text(row["occurred_at"]),
    }
    return hashlib.sha256(previous + canonical(values)).digest()


def moment_text(moment: datetime) -> str:
    """In UTC, with all six digits."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _text(id_: UUID | None) -> str | None:
    return None if id_ is None else str(id_)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
