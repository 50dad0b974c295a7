"""Background work: jobs of the outbox under leases, and what has to be done by the clock. Each calls a verb room."""

from app.workers.process import run_worker

__all__ = ["run_worker"]
