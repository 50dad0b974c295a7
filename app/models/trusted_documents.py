"""Documents of first-party frontends, by their SHA-256."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, now


class TrustedDocument(Base, kw_only=True):
    """A GraphQL document that an operator has published: the same for all tenants.

    `digest` is the SHA-256 of the text in UTF-8, `names` those of its operations, for lists.
    """

    __tablename__ = "trusted_documents"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    text: Mapped[str]
    names: Mapped[str]
    published_at: Mapped[datetime] = mapped_column(default_factory=now)
