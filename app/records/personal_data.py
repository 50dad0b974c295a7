"""Where anything is kept about a person: every column that refers to one, what an archive has of it, what erases it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PersonalExportState(StrEnum):
    """How far the archive of a person's data is. The first two are under way, the others final."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


ARCHIVE_UNDER_WAY = (PersonalExportState.QUEUED, PersonalExportState.RUNNING)


class By(StrEnum):
    """What a column tells of a person."""

    USER = "user"
    SESSION = "session"
    ACTOR = "actor"
    EMAIL = "email"
    PRINCIPAL = "principal"


class Erasing(StrEnum):
    """What becomes of the rows when the person's account is erased."""

    DELETED = "The rows go."
    NAMELESS = "The rows stay, for they are the organization's; the id in them leads to nobody any more."
    REDACTED = "The rows stay; addresses and names of the person in their texts are replaced."
    DETAILS_DELETED = "The chain stays; all that it knows beyond ids goes from the details."


@dataclass(frozen=True)
class Place:
    """A column that refers to a person. `left_out` says why an archive has nothing of it, None where it has rows."""

    table: str
    column: str
    by: By
    erasing: Erasing
    left_out: str | None = None


_NO_CONTENT = "only hashes of secrets and moments, of sign-ins that the archive has"
PLACES: tuple[Place, ...] = (
    Place("users", "id", By.USER, Erasing.DELETED),
    Place("users", "email", By.EMAIL, Erasing.DELETED, "the row is there by its id"),
    Place("sessions", "user_id", By.USER, Erasing.DELETED),
    Place("failed_sign_ins", "user_id", By.USER, Erasing.DELETED),
    Place("refresh_tokens", "session_id", By.SESSION, Erasing.DELETED, _NO_CONTENT),
    Place("totp_factors", "user_id", By.USER, Erasing.DELETED),
    Place("recovery_codes", "user_id", By.USER, Erasing.DELETED),
    Place("log_in_challenges", "user_id", By.USER, Erasing.DELETED, _NO_CONTENT),
    Place("passkeys", "user_id", By.USER, Erasing.DELETED),
    Place("passkey_registrations", "user_id", By.USER, Erasing.DELETED, "a challenge, gone after five minutes"),
    Place("single_sign_on_identities", "user_id", By.USER, Erasing.DELETED),
    Place("single_sign_on_flows", "email", By.EMAIL, Erasing.DELETED, "a sign-in under way, over after ten minutes"),
    Place("identity_mails", "user_id", By.USER, Erasing.DELETED),
    Place("identity_mails", "email", By.EMAIL, Erasing.DELETED),
    Place("personal_exports", "user_id", By.USER, Erasing.DELETED),
    Place("account_erasures", "user_id", By.USER, Erasing.DELETED),
    Place("memberships", "user_id", By.USER, Erasing.DELETED),
    Place("invitations", "email", By.EMAIL, Erasing.DELETED),
    Place("invitations", "invited_by", By.USER, Erasing.NAMELESS),
    Place("api_keys", "created_by", By.USER, Erasing.NAMELESS),
    Place("activity_events", "actor_id", By.ACTOR, Erasing.REDACTED),
    Place("audit_events", "actor_id", By.ACTOR, Erasing.DETAILS_DELETED),
    Place("audit_events", "session_id", By.SESSION, Erasing.NAMELESS, "the rows are there by who acted"),
    Place("audit_events", "client_address_digest", By.ACTOR, Erasing.NAMELESS, "a salted hash of what is there"),
    Place("audit_details", "client_address", By.ACTOR, Erasing.DETAILS_DELETED, "it stands in audit_events.json"),
    Place("stored_answers", "principal", By.PRINCIPAL, Erasing.DELETED, "sealed copies of answers, gone after a day"),
    Place("scans", "actor_id", By.ACTOR, Erasing.NAMELESS),
    Place("uploads", "actor_id", By.ACTOR, Erasing.NAMELESS),
    Place("exports", "actor_id", By.ACTOR, Erasing.NAMELESS),
    Place("exports", "session_id", By.SESSION, Erasing.NAMELESS, "the rows are there by who asked"),
    Place("cost_exports", "actor_id", By.ACTOR, Erasing.NAMELESS),
    Place("cost_source_runs", "actor_id", By.ACTOR, Erasing.NAMELESS),
    Place("allocation_runs", "actor_id", By.ACTOR, Erasing.NAMELESS),
    Place("detection_rule_versions", "actor_id", By.ACTOR, Erasing.NAMELESS),
    Place("webhooks", "actor_id", By.ACTOR, Erasing.NAMELESS),
    Place("recommendations", "decided_by", By.USER, Erasing.NAMELESS),
    Place("recommendation_history", "actor_id", By.ACTOR, Erasing.NAMELESS),
)
NO_PERSON: dict[str, str] = {
    "users.email_verified_at": "a moment",
    "sessions.user_agent": "of a row that is there by its user",
    "sessions.client_address": "of a row that is there by its user",
    "sessions.began_by": "a password or a provider",
    "log_in_challenges.began_by": "a password or a provider",
    "single_sign_ons.client_id": "what Skyledger is called at a provider",
}
"""Columns that are named like a reference to a person, and why they need no place of their own."""
HIDDEN = frozenset({"password_hash", "key_id", "storage", "multipart_id", "sha256"})
"""Columns that no archive has, beside all that hold bytes: hashes, sealed secrets, where files lie."""
TEXTS: dict[str, Erasing] = {
    "activity_events.data": Erasing.REDACTED,
    "audit_details.summary": Erasing.DETAILS_DELETED,
    "webhook_deliveries.body": Erasing.REDACTED,
    "webhook_attempts.response_body": Erasing.REDACTED,
}
"""Columns into which texts of all kinds are copied, with whatever addresses and names stand in them."""
NO_COPIES: dict[str, str] = {
    "recommendation_history.data": "states, amounts, and a note that is the organization's, as that of its finding",
}
"""Columns that are named like those, and what they hold instead."""
