"""How a delivery of costs becomes charges: read, normalise, check, intern, store, swap; see `run`."""
