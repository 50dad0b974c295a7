"""The runtime of a graph that a worker executes itself, for exports and for webhooks."""

from __future__ import annotations

from app.activity.stream import ActivityFeed
from app.auth.authenticator import Authenticator
from app.config import signing_key
from app.context import Runtime
from app.exporting.fetch import Links
from app.exporting.parts import Parts
from app.rate_limits import RateLimits
from app.scanning.feed import ScanFeed


def runtime_of(parts: Parts) -> Runtime:
    """A runtime of what the worker has; its feeds are not started. Whoever makes it closes what it opened."""
    settings, database, valkey = parts.settings, parts.database, parts.valkey
    key = signing_key(settings)
    return Runtime(
        settings=settings,
        database=database,
        valkey=valkey,
        authenticator=Authenticator(settings, database, valkey),
        feed=ActivityFeed(database, valkey),
        scans=ScanFeed(database, valkey),
        queue=parts.queue,
        vault=parts.vault,
        providers=parts.providers,
        uploads=parts.uploads,
        exports=parts.exports,
        bulk_exports=parts.bulk_exports,
        personal_exports=parts.personal_exports,
        links=Links(key),
        rate_limits=RateLimits(valkey, key=key),
    )
