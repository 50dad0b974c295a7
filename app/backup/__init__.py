"""Copies of everything that Skyledger keeps, and bringing one back: database, uploads, keys where they are wanted.

The database is copied by PostgreSQL's own `pg_dump`, which the embedded engine's wheel brings along: it knows each kind
of object (partitions, policies, identities) and is what administrators know how to read without us. Beside it stands
a manifest, made in the same snapshot: rows and digest of each table, SHA-256 of each file.
"""

from __future__ import annotations

from app.backup.failure import BackupError
from app.backup.making import MadeBackup, back_up
from app.backup.restoring import Restored, restore

__all__ = ["BackupError", "MadeBackup", "Restored", "back_up", "restore"]
