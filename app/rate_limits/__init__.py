"""Token buckets: who may do how much in which time, counted in Valkey for all processes.

    taken = await limits.take([Take("cost:user:…", Rate(200_000, 2_000), 1_002)])
    if taken.wait: …                      # seconds after which there would be enough
    limits.give_back("cost:user:…", Rate(200_000, 2_000), 400)

`limits` decides, `pipe` is the way to Valkey and back, `script` what Valkey does in one step, `own` counts in this
process's memory while Valkey is away.
"""

from app.rate_limits.limits import RateLimits, Take, Taken, site
from app.rate_limits.script import Rate

__all__ = ["Rate", "RateLimits", "Take", "Taken", "site"]
