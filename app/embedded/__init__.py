"""PostgreSQL 18 and Valkey from wheels, under one supervisor process per data folder, for a machine without services.

`engines(data_dir)` is all that most callers need. A caller holds a lease: a connection to the supervisor's control
socket. The kernel closes it however the caller ends, and the supervisor stops both engines after the last lease.
"""

from __future__ import annotations

from app.embedded.failure import EmbeddedEngineError
from app.embedded.leases import Attachment, EngineStatus, EngineUrls, attach, engines, status, wait_stopped

__all__ = [
    "Attachment",
    "EmbeddedEngineError",
    "EngineStatus",
    "EngineUrls",
    "attach",
    "engines",
    "status",
    "wait_stopped",
]
