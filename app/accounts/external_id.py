"""The external id of an organization: what a role in AWS asks of whoever assumes it for that organization."""

from __future__ import annotations

import hashlib
from uuid import UUID

from app.records import Provider

_LENGTH = 32


def aws_external_id(organization_id: UUID) -> str:
    """The same for ever, and another for each organization; 42 characters of those that STS allows.

    We choose it, not the customer: an organization that names the role of another one sends its own external id with
    it, which the other's trust policy refuses (the confused deputy). It is no secret, so no key goes into it: a key
    that changes would lock everyone out.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    text = f"skyledger:{Provider.AWS}:external-id:{organization_id}"
    return f"skyledger-{hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]}"
