"""Reads of uploads."""

from __future__ import annotations

from functools import cached_property

from app.database import Database
from app.loaders.batching import DataLoader
from app.loaders.inventory import KeyedRow, RowByKey, Rows
from app.repositories.uploads import UPLOADS


class UploadLoaders:
    """The loaders of this file, each made when it is first used. Keys are (organization, upload)."""

    database: Database

    @cached_property
    def uploads(self) -> Rows:
        """Pages of uploads."""
        return Rows(self.database, UPLOADS)

    @cached_property
    def upload_by_id(self) -> KeyedRow:
        """Uploads by our id."""
        return DataLoader(load_fn=RowByKey(self.database, UPLOADS, "id").load_one_each)
